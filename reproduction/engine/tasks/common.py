"""What the tasks share: the job they are given, and training with checkpoints."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from data_gen.dataset import Dataset
from keras_models.training import (
    EpochLoop,
    TrainingState,
    flat_weights,
    set_flat_weights,
    train,
)
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import code_checksum
from reproduction.engine.store import RunResult, load_arrays, save_arrays
from reproduction.errors import Diverged

CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Job:
    """One group of seeds of one experiment.

    Attributes:
        experiment, seeds: what to run.
        train, test: its data.
        data_sha256: of the whole data.
        checkpoint: file for unfinished work.
        runs: folder of all runs, for tasks that use trained models.
        report: called with (fraction done, a short text); raises to stop the job.
    """

    experiment: Experiment
    seeds: tuple[int, ...]
    train: Dataset
    test: Dataset
    data_sha256: str
    checkpoint: Path
    runs: Path
    report: Callable[[float, str], None]

    def stamp(self) -> str:
        """What a checkpoint must be of to be taken up."""
        code = code_checksum(self.experiment.task)
        return json.dumps([self.experiment.settings(), self.seeds, self.data_sha256, code])


def random_turns(n: int, seed: int) -> np.ndarray:
    """n random rotations as matrices (n, 3, 3)."""
    return Rotation.random(n, random_state=seed).as_matrix()


def turned(vectors: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Each sample's vectors (n, N, 3) turned by its own matrix (n, 3, 3)."""
    return np.einsum("nab,nib->nia", turns, vectors)


def train_adam(job: Job, models, objective, test_targets, positions=None) -> TrainingState:
    """Train all lanes, keeping a checkpoint every few seconds.

    ``positions`` are those of the objective's targets, where they are not the training part's.
    """
    experiment = job.experiment
    # Absent seeds are stood in for: bits depend on the number of lanes (Experiment.lanes).
    fill = max(0, experiment.lanes - len(models))
    lanes = [*range(len(models)), *[0] * fill]
    seeds = [job.seeds[lane] for lane in lanes]
    loop = EpochLoop(
        objective,
        job.train.positions if positions is None else positions,
        experiment.training,
        (job.test.positions, test_targets),
    )
    state = TrainingState.start(
        [flat_weights(models[lane]) for lane in lanes], len(objective.targets)
    )
    kept = load_arrays(job.checkpoint, job.stamp())
    if kept:
        state = TrainingState(**{name: kept[name][()] for name in vars(state)})
    last = time.monotonic()

    def on_epoch(state: TrainingState) -> None:
        nonlocal last
        finished = state.epoch == experiment.training.epochs
        if not finished and time.monotonic() - last > CHECKPOINT_SECONDS:
            save_arrays(job.checkpoint, job.stamp(), **vars(state))
            last = time.monotonic()
        try:
            job.report(
                state.epoch / experiment.training.epochs,
                f"epoch {state.epoch}/{experiment.training.epochs}",
            )
        except BaseException:
            save_arrays(job.checkpoint, job.stamp(), **vars(state))
            raise

    job.report(0.0, "compiling")
    return train(loop, state, seeds, on_epoch)


def collect(job: Job, models, state: TrainingState, statistics, outputs, predict_all):
    """Trained lanes -> results; a diverged seed becomes an error in its place."""
    results = []
    epochs = job.experiment.training.epochs
    for lane, (seed, model) in enumerate(zip(job.seeds, models, strict=True)):
        losses = state.losses[:, lane]
        if not (np.isfinite(losses).all() and np.isfinite(state.theta[lane]).all()):
            bad = int(np.argmax(~np.isfinite(losses))) + 1
            results.append(Diverged(f"seed {seed}: the loss is not finite in epoch {bad}"))
            continue
        set_flat_weights(model, state.theta[lane])
        parts = [predict_all(model, part.positions) for part in (job.train, job.test)]
        results.append(
            RunResult(
                seed,
                {name: tuple(part[name] for part in parts) for name in parts[0]},
                {
                    ("", "train_seconds"): state.seconds / len(models),
                    ("", "compile_seconds"): state.compile_seconds / len(models),
                    ("", "parameters"): model.count_params(),
                    ("", "epochs"): epochs,
                },
                {
                    "losses": losses,
                    "curve_epochs": state.curve_epochs,
                    **{f"curve_{name}": state.curve[:, lane, k] for k, name in enumerate(outputs)},
                },
                {"ended": "all epochs done", "statistics": asdict(statistics)},
                model,
            )
        )
    return results
