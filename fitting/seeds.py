"""Training of a model of each seed: one in this program, several in processes side by side."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from threadpoolctl import threadpool_limits

from data_gen.frames import Frames
from data_gen.machine import versions
from data_gen.states import States
from fitting.config import Config
from fitting.keys import Keys
from fitting.open_constants import settled
from fitting.progress import Bars, Here, stoppable
from fitting.results import PACKAGES
from fitting.settings import model_of, pretrained, starting_models
from fitting.show import short_names
from fitting.workers import Job, alone, run
from keras_models.backend import tf
from keras_models.checkpoints import save_arrays
from keras_models.compositions import left_open
from keras_models.fit_edges import EdgeFitSettings, divided, fit_edges
from keras_models.opening import MODELS
from keras_models.saving import read_about

UNFINISHED, CURVES = "unfinished", "curves"


class Training(NamedTuple):
    """What the trainings of all seeds have in common.

    Attributes:
        folder: for models, curves and checkpoints.
        config: complete settings.
        settings: of each training.
        trained: frames, with the validation block at their end.
        baseline: {symbol: eV}, energies from the composition alone, saved with each model.
        frames: fingerprints of the frames that choose the weights, saved with each model.
        keys: names of the labels in the files, saved with each model.
        states: charges and spins of their frames, saved with each model.
    """

    folder: Path
    config: Config
    settings: EdgeFitSettings
    trained: Frames
    baseline: dict[str, float]
    frames: list[str]
    keys: Keys
    states: States

    def model(self, seed: int) -> Path:
        """File of a seed's model."""
        return self.folder / MODELS / f"seed{seed}.keras"


def train_seeds(training: Training, at_once: int, console: Console) -> None:
    """Train the models that are not there yet; a checkpoint of each remains if this is stopped.

    Args:
        training: all about it.
        at_once: largest number of processes; none is started for a single seed.
        console: for progress.

    Raises:
        Diverged: a loss is not finite.
        TrainingFailed: a process was killed or ran out of memory.
        Stop: the user asked to stop.
    """
    seeds = training.config.seeds
    left = [seed for seed in seeds if not training.model(seed).is_file()]
    if not left:
        return
    with stoppable() as asked, Bars(console, [f"seed {seed}" for seed in left]) as bars:
        here = Here(bars, asked, console)
        if len(seeds) == 1:
            alone(train_seed, (training, left[0]), here)
        else:
            jobs = [Job(f"seed {seed}", train_seed, (training, seed)) for seed in left]
            run(jobs, at_once, bars, here.say, asked)


def train_seed(training: Training, seed: int, link) -> None:
    """Train one model and save it.

    Args:
        training: all about it.
        seed: of the model.
        link: told of the progress: :class:`~fitting.progress.Here`, or of a process.
    """
    config, settings = training.config, training.settings
    checkpoint = training.folder / UNFINISHED / f"seed{seed}.npz"
    starts, names = starting_models(config), short_names(config.named)
    start, before = None, None
    # What weights are fitted to; the validation block determines nothing.
    first, _ = divided(training.trained, settings.training.validation)
    if starts:
        path = starts[config.seeds.index(seed) % len(starts)]
        before = read_about(path).get("undetermined", [])
        start = settled(pretrained(path), before, first)
    # As in a process of its own: the last bits of a solution depend on the number of threads.
    with threadpool_limits(1, "blas"):
        fitted = fit_edges(
            training.trained,
            settings,
            seed,
            checkpoint=checkpoint,
            stamp=json.dumps(versions(PACKAGES)),
            report=_reporter(seed, settings.training.steps, link),
            start=start,
        )
    save_arrays(training.folder / CURVES / f"seed{seed}.npz", "", **fitted.curves)
    # Last, as a model that is there counts as trained.
    fitted.save(
        training.model(seed),
        seed=seed,
        baseline=training.baseline,
        config=asdict(replace(config, model=model_of(config)).moved(lambda name: names[name])),
        counts=fitted.counts,
        isolated=fitted.info["isolated"],
        undetermined=left_open(first.structures, sorted(fitted.references), before),
        last_layer=fitted.info["last_layer"],
        start=fitted.info["start"],
        seconds=fitted.seconds,
        frames=training.frames,
        keys=training.keys._asdict(),
        states=training.states,
    )
    checkpoint.unlink(missing_ok=True)


def _reporter(seed: int, steps: int, link) -> Callable[[float, str], None]:
    first = True

    def report(fraction: float, text: str) -> None:
        nonlocal first
        if first and text.startswith("step") and fraction > 1.5 / steps:
            link.say(f"seed {seed} goes on after {text}")
        first &= not text.startswith("step")
        link.report(fraction, text)

    return report


def use_one_thread() -> None:
    """Let TensorFlow compute with one thread, on which the bits of results depend.

    Without effect in a program that has computed with it before.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
