"""Program that trains a model with Amp: ``python -m amp_baseline.process FOLDER``.

Amp has global state in its Fortran module, writes to the working directory, changes print options
and is stopped by exceptions from within its optimiser, so it runs in a process of its own. The
folder must contain ``job.npz`` and ``job.json``. The program adds Amp's log, ``potential.amp``, at
intervals ``state.npz``, and at the end ``predictions.npz`` and ``result.json``.
"""

import json
import os
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np

from amp_baseline.optimiser import bfgs
from amp_baseline.potential import AmpPotential, backend, frames, in_memory, quiet
from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset

STATE_SECONDS = 20.0
FORCE_FRAMES = 10  # per part; Amp takes a quarter of a second for the forces of ten atoms
LABEL = "amp"


class Stopped(Exception):
    """Raised inside Amp's optimiser to stop the training early; the message says why."""


def main(folder: Path) -> None:
    """Train and predict, as the files in the folder say."""
    os.chdir(folder)
    # When saving, Amp moves old files to the temporary folder.
    os.environ["TMPDIR"] = str(folder)
    # Ctrl-C reaches the whole process group; only the parent reacts to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _end_with_parent()
    about = json.loads(Path("job.json").read_text())
    settings, seed = AmpSettings(**about["settings"]), about["seed"]
    functions = about["functions"]
    with np.load("job.npz") as stored:
        arrays = dict(stored)
    train, test = (
        Dataset(
            **{
                name: arrays[f"{name}_{part}"]
                for name in ("positions", "numbers", "energies", "forces", "cell", "pbc")
            }
        )
        for part in ("train", "test")
    )
    state = _State.read()
    try:
        with quiet():
            trained = _train(train, settings, seed, functions, state, stop)
            predicted = _predict(train, test, trained, stop)
    except Stopped:
        if state.steps:
            state.write()
        sys.exit("asked to stop (SIGTERM); its state is kept")
    np.savez("predictions.npz", **predicted)
    _write_json(
        "result.json",
        {
            "ended": state.ended,
            "steps": state.steps,
            "best_step": state.best_step,
            "seconds": state.seconds,
            "resumed": state.resumed,
            "fortran": backend() == "fortran",
        },
    )


class _State:
    """State of a training; its file allows another process to resume."""

    def __init__(self) -> None:
        self.vector, self.loss = np.zeros(0), np.inf
        self.steps = self.best_step = self.resumed = 0
        self.seconds, self.ended = 0.0, ""

    @classmethod
    def read(cls) -> "_State":
        state = cls()
        try:
            with np.load("state.npz") as stored:
                for name in vars(state):
                    setattr(state, name, stored[name][()])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return cls()
        if not state.ended:
            state.resumed = int(state.resumed) + 1
        return state

    def write(self) -> None:
        np.savez(".state.npz", **vars(self))
        os.replace(".state.npz", "state.npz")


def _train(
    train: Dataset,
    settings: AmpSettings,
    seed: int,
    functions: list[dict] | None,
    state: _State,
    stop: threading.Event,
):
    """Train from a state, and write potential.amp with the weights of the lowest loss.

    Raises:
        Stopped: ``stop`` was set.
    """
    from amp import Amp
    from amp.descriptor.gaussian import Gaussian
    from amp.model import LossFunction
    from amp.model.neuralnetwork import NeuralNetwork
    from amp.regression import Regressor
    from amp.utilities import TrainingConvergenceError

    class Watched(NeuralNetwork):
        """Amp's network, extended to remember its best weights and to stop on request."""

        def get_loss(self, vector, lossprime):
            if stop.is_set():
                raise Stopped("asked to")
            if state.steps >= settings.max_steps:
                raise Stopped("the limit of steps")
            try:
                return super().get_loss(vector, lossprime)
            finally:
                self._remember(vector)

        def _remember(self, vector) -> None:
            nonlocal kept
            state.steps = int(state.steps) + 1
            state.seconds = time.process_time() - begin + before
            loss = getattr(self.lossfunction, "loss", np.inf)
            if loss < state.loss:
                state.loss, state.vector = loss, np.array(vector, float)
                state.best_step = state.steps
            if time.monotonic() - kept > STATE_SECONDS:
                state.write()
                kept = time.monotonic()

    fortran = backend() == "fortran"
    loss = LossFunction(
        force_coefficient=settings.force_coefficient if settings.forces else None,
        convergence={
            "energy_rmse": settings.energy_rmse,
            "force_rmse": settings.force_rmse if settings.forces else None,
        },
    )
    model = Watched(
        hiddenlayers=tuple(settings.hidden_layers),
        lossfunction=loss,
        fortran=fortran,
        checkpoints=None,
        randomseed=seed,
        regressor=Regressor(optimizer=bfgs) if settings.optimiser == "rank-two" else None,
    )
    elements = sorted(set(frames(train[:1])[0].symbols))
    descriptor = Gaussian(
        Gs=functions and {element: functions for element in elements}, fortran=fortran
    )
    amp = Amp(descriptor, model, label=LABEL, cores=1)

    def told(word: str, k: int, n: int) -> None:
        amp._log(f" {word} {k} of {n}")
        if stop.is_set():
            raise Stopped("asked to")

    in_memory(descriptor, elements, told)
    images = _training_images(train)
    begin, kept = time.process_time(), time.monotonic()
    before = float(state.seconds)
    if not state.ended:
        if len(state.vector):
            # Amp's own set-up, then the weights of the state instead of the initial ones.
            _set_up(amp, images, settings.forces)
            model.vector = state.vector
        begin, kept = time.process_time(), time.monotonic()
        try:
            amp.train(images, overwrite=True)
            state.ended = "converged"
        except TrainingConvergenceError:
            state.ended = "the optimiser gave up"
        except Stopped as why:
            if stop.is_set():
                raise
            state.ended = f"stopped by {why}"
        if not len(state.vector):
            sys.exit("its loss was never finite")
        state.write()
    else:
        _set_up(amp, images, False)
    model.vector = state.vector
    amp.save("potential.amp", overwrite=True)
    return amp


def _training_images(data: Dataset):
    """Images by number, with the metadata that Amp's loss expects."""
    from amp.utilities import MetaDict

    images = MetaDict(enumerate(frames(data)))
    images.metadata["duplicates"] = {}
    return images


def _set_up(amp, images, forces: bool) -> None:
    """Do what Amp does before training, which sets fingerprint ranges, weights and scalings."""
    amp.descriptor.calculate_fingerprints(images, log=amp._log, calculate_derivatives=forces)
    amp.model.fit(images, amp.descriptor, amp._log, amp._parallel, only_setup=True)


def _predict(train: Dataset, test: Dataset, amp, stop: threading.Event) -> dict[str, np.ndarray]:
    """Predict energies of both parts, and forces of some frames, with the saved potential.

    Raises:
        Stopped: ``stop`` was set.
    """

    def told(k: int) -> None:
        amp._log(f" predictions {k} of {total}")
        if stop.is_set():
            raise Stopped("asked to")

    potential = AmpPotential(Path("potential.amp"))
    found = {}
    total = len(train) + len(test)
    for part, data, done in (("train", train, 0), ("test", test, len(train))):
        found[f"energy_{part}"], _ = potential.predict(
            data, False, lambda k, n, done=done: told(done + k)
        )
        some = np.unique(np.linspace(0, len(data) - 1, FORCE_FRAMES).astype(int))
        found[f"force_frames_{part}"] = some
        found[f"force_{part}"] = np.concatenate(
            [potential.predict(data[k : k + 1], True)[1] for k in some]
        )
    return found


def _end_with_parent() -> None:
    """Exit when the parent process does, which may be killed without notice."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write_json(name: str, what: dict) -> None:
    Path(f".{name}").write_text(json.dumps(what, default=lambda x: x.item()))
    os.replace(f".{name}", name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
