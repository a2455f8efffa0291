"""What the second-order tasks share: quasi-Newton in stages, with checkpoints and error curves."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from keras_models.quasi_newton import QuasiNewtonState, minimise
from keras_models.training import flat_weights, set_flat_weights
from reproduction.engine.store import RunResult, load_arrays, save_arrays
from reproduction.engine.tasks.common import CHECKPOINT_SECONDS, Job
from reproduction.errors import Diverged

# Iterations between measurements of the errors; training goes on from each as if undisturbed.
SEGMENT = 50


@dataclass(frozen=True)
class Problem:
    """What is minimised.

    Attributes:
        model: its weights are.
        batch: stride -> loss and gradient over every stride-th training frame.
        predictions: of "energy" and "force", each (train, test), by the model as it is now.
        errors: RMSE of (energy, force) on (train, test), (2, 2), where that is cheaper than
            all predictions; NaN for what is not measured along the way.
    """

    model: object
    batch: Callable[[int], Callable]
    predictions: Callable[[], dict[str, tuple[np.ndarray, np.ndarray]]]
    errors: Callable[[], np.ndarray] | None = None


@dataclass
class _Progress:
    """Where a run is: stage, and errors measured so far."""

    stage: int
    curve_seconds: np.ndarray
    curve: np.ndarray  # (points, energy and force, train and test)


def minimise_problem(
    job: Job,
    problem: Problem,
    seed: int,
    info: dict,
    finish: Callable[[], None] | None = None,
    kept_model=None,
):
    """Train in the stages of the experiment's settings -> RunResult, or Diverged.

    Args:
        job: its checkpoint is taken up where it fits.
        problem: what to minimise.
        seed: for the record.
        info: for the record.
        finish: called after the last iteration, before the predictions.
        kept_model: the model to keep, where it is not the one that is trained.
    """
    model = problem.model
    stages = job.experiment.training.stages
    total = sum(n for _, n in stages)
    state = QuasiNewtonState.start(flat_weights(model))
    progress = _Progress(0, np.zeros(0), np.zeros((0, 2, 2)))
    kept = load_arrays(job.checkpoint, job.stamp())
    if kept:
        state = QuasiNewtonState(**{f.name: kept[f.name][()] for f in fields(state)})
        progress = _Progress(**{f.name: kept[f.name][()] for f in fields(progress)})
    compile_seconds, last_kept = 0.0, time.monotonic()

    def keep(state: QuasiNewtonState) -> None:
        save_arrays(job.checkpoint, job.stamp(), **vars(state), **vars(progress))

    def report(state: QuasiNewtonState) -> None:
        try:
            job.report(state.iterations / total, f"iteration {state.iterations}/{total}")
        except BaseException:
            keep(state)
            raise

    while progress.stage < len(stages):
        stride = stages[progress.stage][0]
        end = sum(n for _, n in stages[: progress.stage + 1])
        job.report(state.iterations / total, "compiling")
        begin = time.perf_counter()
        batch = problem.batch(stride)
        batch(state.x)
        compile_seconds += time.perf_counter() - begin
        while state.iterations < end and not state.stuck:
            state = minimise(
                batch,
                state,
                min(end, (state.iterations // SEGMENT + 1) * SEGMENT),
                report,
            )
            if not np.isfinite(state.loss):
                return Diverged(f"seed {seed}: the loss is not finite")
            set_flat_weights(model, state.x)
            progress.curve_seconds = np.append(progress.curve_seconds, state.seconds)
            errors = problem.errors() if problem.errors else _errors(job, problem)
            progress.curve = np.concatenate([progress.curve, errors[None]])
            if time.monotonic() - last_kept > CHECKPOINT_SECONDS:
                keep(state)
                last_kept = time.monotonic()
        progress.stage += 1
        # Another sum of squares: the direction is of the old one, the curvature much the same.
        state = replace(state, direction=np.zeros(0), stuck=False)
    set_flat_weights(model, state.x)
    if finish:
        finish()
    return RunResult(
        seed,
        problem.predictions(),
        {
            ("", "train_seconds"): state.seconds,
            ("", "compile_seconds"): compile_seconds,
            ("", "parameters"): model.count_params(),
            ("", "iterations"): state.iterations,
            ("", "evaluations"): state.evaluations,
        },
        {
            "curve_seconds": progress.curve_seconds,
            **{
                f"curve_{name}": progress.curve[:, k]
                for k, name in enumerate(("energy", "force"))
                if np.isfinite(progress.curve[:, k]).all()
            },
        },
        {"ended": "all iterations done" if state.iterations == total else "no way down", **info},
        kept_model or model,
    )


def _errors(job: Job, problem: Problem) -> np.ndarray:
    """RMSE of (energy, force) on (train, test)."""
    found = np.empty((2, 2))
    predicted = problem.predictions()
    for k, part in enumerate((job.train, job.test)):
        off_energy = predicted["energy"][k] - part.energies
        off_force = predicted["force"][k] - part.forces
        found[:, k] = np.sqrt(np.mean(off_energy**2)), np.sqrt(np.mean(off_force**2))
    return found
