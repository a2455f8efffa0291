"""Section 6: graph networks on energies."""

import numpy as np

from data_gen.dataset import Statistics
from keras_models import graph
from keras_models.training import build_seeded, direct_objective, predict
from reproduction.engine.tasks.common import Job, collect, random_turns, train_adam, turned


def run(job: Job) -> list:
    """Eq. 10 and 11, or the network on distances, on energies alone.

    The test part is also predicted with each frame turned at random about its centroid, as split
    "rotated".
    """
    experiment = job.experiment
    statistics = Statistics.of(job.train)
    builder = getattr(graph, experiment.model)
    options = {
        "widths": experiment.widths,
        "activation": experiment.activation,
        **experiment.options,
    }
    models = [build_seeded(lambda: builder(statistics, **options), seed) for seed in job.seeds]
    targets = [part.energies[:, None] for part in (job.train, job.test)]
    objective = direct_objective(models[0], targets[0], statistics.energy_std)
    state = train_adam(job, models, objective, (targets[1],))
    results = collect(job, models, state, statistics, ("energy",), _predict)
    x = job.test.positions
    centre = x.mean(axis=1, keepdims=True)
    rotated = turned(x - centre, random_turns(len(x), seed=0)) + centre
    for result, model in zip(results, models, strict=True):
        if not isinstance(result, Exception):
            off = predict(model, rotated)[:, 0] - job.test.energies
            result.metrics["rotated", "energy_rmse"] = float(np.sqrt((off**2).mean()))
    return results


def _predict(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return {"energy": predict(model, positions)[:, 0]}
