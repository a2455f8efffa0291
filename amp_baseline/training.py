"""Training with Amp in a separate process, which can be monitored, stopped and resumed."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from amp_baseline import log
from amp_baseline import process as child  # imported, so that its code counts in a run's checksum
from amp_baseline.errors import AmpError
from amp_baseline.potential import backend
from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset

POLL_SECONDS = 0.3
LOG = "amp-log.txt"
ROOT = Path(__file__).resolve().parent.parent
_COUNT = re.compile(r"^ (fingerprints|fingerprint derivatives|predictions) (\d+) of (\d+)$")


@dataclass(frozen=True)
class AmpRun:
    """Result of an Amp training.

    Attributes:
        energies: (train, test), each (n,), eV, predicted by Amp.
        force_frames: (train, test), indices of the frames whose forces Amp predicted.
        forces: (train, test), each (frames, N, 3), eV/Å, predicted by Amp.
        potential: path of the file that Amp saved, with the weights of the lowest training loss.
        ended: "converged", "the optimiser gave up" or "stopped by the limit of steps".
        steps, best_step: number of evaluations of the loss, and the one with the lowest loss.
        seconds: processor time of Amp's optimiser, including the training fingerprints and the
            transfer of data to Fortran.
        resumed: how often the training was resumed; each time the optimiser loses its estimate of
            the curvature.
        fortran: whether Amp used its Fortran module rather than Python code.
        history: (steps, 3): loss, energy RMSE (eV per atom), force RMSE (eV/Å), from Amp's log.
    """

    energies: tuple[np.ndarray, np.ndarray]
    force_frames: tuple[np.ndarray, np.ndarray]
    forces: tuple[np.ndarray, np.ndarray]
    potential: Path
    ended: str
    steps: int
    best_step: int
    seconds: float
    resumed: int
    fortran: bool
    history: np.ndarray


def train(
    train: Dataset,
    test: Dataset,
    settings: AmpSettings,
    seed: int,
    folder: Path,
    report: Callable[[float, str], None] = lambda fraction, text: None,
    functions: list[dict] | None = None,
) -> AmpRun:
    """Train Amp and predict both parts; resumes if an earlier call in the folder was stopped.

    Args:
        train, test: training and test part.
        settings: of the training.
        seed: of the initial weights.
        folder: used by this training alone; Amp writes nowhere else.
        report: called with (fraction of the limit of steps, short text); if it raises an
            exception, Amp saves its state and stops, and the exception is passed on.
        functions: symmetry functions of every element, as Amp's dictionaries; None for Amp's
            default ones.

    Raises:
        AmpError: Amp is not installed, or its process died; the message has its last output.
    """
    backend()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    _write_job(train, test, settings, seed, functions, folder)
    with open(folder / "process-output.txt", "w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", child.__name__, str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
        )
        try:
            _watch(process, settings, folder, report)
        except BaseException:
            process.terminate()  # it saves its state at the next step
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return _read(folder, process.returncode)


def _write_job(train, test, settings, seed, functions, folder: Path) -> None:
    arrays = {
        f"{name}_{part}": getattr(data, name)
        for part, data in (("train", train), ("test", test))
        for name in ("positions", "numbers", "energies", "forces", "cell", "pbc")
    }
    np.savez(folder / "job.npz", **arrays)
    about = {"settings": asdict(settings), "seed": seed, "functions": functions}
    (folder / "job.json").write_text(json.dumps(about))


def _watch(process, settings: AmpSettings, folder: Path, report) -> None:
    """Report progress from Amp's log until the process ends."""
    path = folder / LOG
    place = path.stat().st_size if path.is_file() else 0
    steps, text, rest = 0, "starting Amp", ""
    while process.poll() is None:
        if path.is_file():
            with open(path, errors="replace") as file:
                file.seek(place)
                new = file.read()
                place = file.tell()
            lines = (rest + new).splitlines(keepends=True)
            # A line that Amp is still writing is held back until it is complete.
            rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
            for line in lines:
                step, count = log.parse_line(line), _COUNT.match(line.rstrip("\n"))
                if step:
                    steps += 1
                    text = f"step {steps}, energy RMSE {step.energy_rmse:.4f} eV/atom"
                elif count:
                    text = f"{count[1]} {count[2]} of {count[3]}"
        report(min(steps / settings.max_steps, 0.99), text)
        time.sleep(POLL_SECONDS)


def _read(folder: Path, status: int) -> AmpRun:
    """Read the result of a process that has ended."""
    try:
        about = json.loads((folder / "result.json").read_text())
        with np.load(folder / "predictions.npz") as stored:
            found = dict(stored)
    except (OSError, ValueError):
        said = (folder / "process-output.txt").read_text(errors="replace").strip()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        last = said.splitlines()[-1] if said else "it said nothing"
        raise AmpError(f"Amp's process {how}: {last}") from None
    history = log.parse((folder / LOG).read_text(errors="replace"))
    return AmpRun(
        energies=(found["energy_train"], found["energy_test"]),
        force_frames=(found["force_frames_train"], found["force_frames_test"]),
        forces=(found["force_train"], found["force_test"]),
        potential=folder / "potential.amp",
        history=history,
        **about,
    )
