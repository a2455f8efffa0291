"""Past the report: energy models trained so that their gradient gives the forces."""

import time
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from data_gen.dataset import Statistics
from keras_models import energy, graph
from keras_models.gradient import (
    EnergyForcePredictor,
    gradient_objective,
    swish2,
)
from keras_models.initialise import pair_features, spread_over_scales
from keras_models.quasi_newton import FullBatch, QuasiNewtonState, minimise
from keras_models.settings import AdamSettings
from keras_models.training import build_seeded, flat_weights, precision, predict, set_flat_weights
from reproduction.errors import Diverged
from reproduction.store import RunResult, load_arrays, save_arrays
from reproduction.tasks.common import CHECKPOINT_SECONDS, Job, collect, train_adam

# Iterations between measurements of the errors; training goes on from each as if undisturbed.
SEGMENT = 50
# The MLP of one variable of each model, which is started at many scales.
PAIR_MLPS = {
    "eq2": ("pair_mlp",),
    "eq3": ("inner_mlp",),
    "eq5": ("pair_mlp",),
    "distance_graph_network": ("filter_mlp_1", "filter_mlp_2"),
}


def run(job: Job) -> list:
    """Eq. 2 to 5 and the distance network on energies and forces, by Adam or quasi-Newton."""
    experiment = job.experiment
    statistics = Statistics.of(job.train)
    adam = isinstance(experiment.training, AdamSettings)
    with precision("float32" if adam else "float64"):
        models = [build_seeded(lambda: _build(experiment, statistics), s) for s in job.seeds]
    if not adam:
        return [
            _quasi_newton(job, m, s, statistics) for m, s in zip(models, job.seeds, strict=True)
        ]
    objective = gradient_objective(
        models[0], job.train.energies, job.train.forces, *experiment.loss_weights
    )
    state = train_adam(job, models, objective, (job.test.energies, job.test.forces))
    return collect(job, models, state, statistics, ("energy", "force"), _predict)


def _build(experiment, statistics):
    module = graph if experiment.model == "distance_graph_network" else energy
    options = {"activation": swish2, **experiment.options}
    return getattr(module, experiment.model)(statistics, **options)


def _predict(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("energy", "force"), EnergyForcePredictor(model)(positions), strict=True))


@dataclass
class _Progress:
    """Where a quasi-Newton run is: stage, and errors measured so far."""

    stage: int
    curve_seconds: np.ndarray
    curve: np.ndarray  # (points, energy and force, train and test)


def _quasi_newton(job: Job, model, seed: int, statistics: Statistics):
    settings = job.experiment.training
    stages = settings.stages
    total = sum(n for _, n in stages)
    for prefix in PAIR_MLPS.get(job.experiment.model, ()):
        c = pair_features(job.train.positions, statistics)
        spread_over_scales(model, prefix, c, seed, settings.sharpness)
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

    predictor = EnergyForcePredictor(model)
    while progress.stage < len(stages):
        stride = stages[progress.stage][0]
        end = sum(n for _, n in stages[: progress.stage + 1])
        objective = gradient_objective(
            model,
            job.train.energies[::stride],
            job.train.forces[::stride],
            *job.experiment.loss_weights,
        )
        batch = FullBatch(objective, job.train.positions[::stride])
        job.report(state.iterations / total, "compiling")
        begin = time.perf_counter()
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
            progress.curve = np.concatenate([progress.curve, _errors(job, predictor)[None]])
            if time.monotonic() - last_kept > CHECKPOINT_SECONDS:
                keep(state)
                last_kept = time.monotonic()
        progress.stage += 1
        # Another sum of squares: the direction is of the old one, the curvature much the same.
        state = replace(state, direction=np.zeros(0), stuck=False)
    set_flat_weights(model, state.x)
    if job.experiment.loss_weights[0] == 0.0:
        _fix_constant(model, job)
    parts = [predictor(part.positions) for part in (job.train, job.test)]
    return RunResult(
        seed,
        dict(zip(("energy", "force"), zip(*parts, strict=True), strict=True)),
        {
            ("", "train_seconds"): state.seconds,
            ("", "compile_seconds"): compile_seconds,
            ("", "parameters"): model.count_params(),
            ("", "epochs"): state.iterations,
            ("", "evaluations"): state.evaluations,
        },
        {
            "curve_seconds": progress.curve_seconds,
            "curve_force": progress.curve[:, 1],
            # Trained on forces alone, the energy has no constant until the end.
            **({"curve_energy": progress.curve[:, 0]} if job.experiment.loss_weights[0] else {}),
        },
        {
            "ended": "all iterations done" if state.iterations == total else "no way down",
            "statistics": asdict(statistics),
        },
        model,
    )


def _errors(job: Job, predictor: EnergyForcePredictor) -> np.ndarray:
    """RMSE of (energy, force) on (train, test)."""
    found = np.empty((2, 2))
    for k, part in enumerate((job.train, job.test)):
        energies, forces = predictor(part.positions)
        found[0, k] = np.sqrt(np.mean((energies - part.energies) ** 2))
        found[1, k] = np.sqrt(np.mean((forces - part.forces) ** 2))
    return found


def _fix_constant(model, job: Job) -> None:
    """Forces leave the energy's constant open: take the training part's mean from the last bias."""
    bias = model.trainable_variables[-1]
    before = predict(model, job.train.positions)[:, 0]
    bias.assign_add([1.0])
    slope = (predict(model, job.train.positions)[:, 0] - before).mean()
    bias.assign_add([(job.train.energies - before).mean() / slope - 1.0])
