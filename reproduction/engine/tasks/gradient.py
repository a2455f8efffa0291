"""Past the report: energy models trained so that their gradient gives the forces."""

from dataclasses import asdict

import numpy as np

from data_gen.dataset import Statistics
from keras_models import energy, graph
from keras_models.gradient import (
    EnergyForcePredictor,
    gradient_objective,
    swish2,
)
from keras_models.initialise import pair_features, spread_over_scales
from keras_models.quasi_newton import FullBatch
from keras_models.settings import AdamSettings
from keras_models.training import build_seeded, precision, predict
from reproduction.engine.tasks.common import Job, collect, train_adam
from reproduction.engine.tasks.second_order import Problem, minimise_problem

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
    options = {
        "widths": experiment.widths,
        "activation": experiment.activation,
        **experiment.options,
    }
    options["activation"] = {"swish2": swish2}.get(experiment.activation, experiment.activation)
    return getattr(module, experiment.model)(statistics, **options)


def _predict(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("energy", "force"), EnergyForcePredictor(model)(positions), strict=True))


def _quasi_newton(job: Job, model, seed: int, statistics: Statistics):
    for prefix in PAIR_MLPS.get(job.experiment.model, ()):
        c = pair_features(job.train.positions, statistics)
        spread_over_scales(model, prefix, c, seed, job.experiment.training.sharpness)
    predictor = EnergyForcePredictor(model)
    weights = job.experiment.loss_weights

    def batch(stride: int) -> FullBatch:
        part = job.train[::stride]
        objective = gradient_objective(model, part.energies, part.forces, *weights)
        return FullBatch(objective, part.positions)

    def predictions() -> dict:
        parts = [predictor(part.positions) for part in (job.train, job.test)]
        return dict(zip(("energy", "force"), zip(*parts, strict=True), strict=True))

    problem = Problem(model, batch, predictions)
    # Trained on forces alone, the energy has no constant until the end.
    finish = None if weights[0] else lambda: _fix_constant(model, job)
    found = minimise_problem(job, problem, seed, {"statistics": asdict(statistics)}, finish)
    if finish and not isinstance(found, Exception):
        found.arrays.pop("curve_energy")
    return found


def _fix_constant(model, job: Job) -> None:
    """Forces leave the energy's constant open: take the training part's mean from the last bias."""
    bias = model.trainable_variables[-1]
    before = predict(model, job.train.positions)[:, 0]
    bias.assign_add([1.0])
    slope = (predict(model, job.train.positions)[:, 0] - before).mean()
    bias.assign_add([(job.train.energies - before).mean() / slope - 1.0])
