"""Section 5: Eq. 6 to 9, forces learned directly."""

import numpy as np

from data_gen.dataset import Dataset, Statistics
from keras_models import force
from keras_models.training import build_seeded, direct_objective, predict
from reproduction.engine.tasks.common import Job, collect, random_turns, train_adam, turned


def run(job: Job) -> list:
    """Eq. 6 to 9 on forces, without or with rotated copies of the training part.

    Options: those of the builder, and ``copies``: the training part so many times over, each
    frame of each further copy turned at random (statistics are those of the first). The test
    part is also predicted with each frame turned at random, as split "rotated".
    """
    experiment = job.experiment
    options = {
        "widths": experiment.widths,
        "activation": experiment.activation,
        **experiment.options,
    }
    copies = options.pop("copies")
    statistics = Statistics.of(job.train)
    builder = getattr(force, experiment.model)
    models = [build_seeded(lambda: builder(statistics, **options), seed) for seed in job.seeds]
    positions, forces = _copied(job.train, copies)
    objective = direct_objective(models[0], forces, statistics.force_rms)
    state = train_adam(job, models, objective, (job.test.forces,), positions)
    results = collect(job, models, state, statistics, ("force",), _predict)
    turns = random_turns(len(job.test), seed=0)
    for result, model in zip(results, models, strict=True):
        if isinstance(result, Exception):
            continue
        off = predict(model, turned(job.test.positions, turns)) - turned(job.test.forces, turns)
        result.metrics["rotated", "force_rmse"] = float(np.sqrt((off**2).mean()))
        net = result.predictions["force"][1].sum(axis=1)
        result.metrics["test", "net_force_rms"] = float(np.sqrt((net**2).mean()))
    return results


def _predict(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return {"force": predict(model, positions)}


def _copied(train: Dataset, copies: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and forces, so many times over; all but the first copy turned at random."""
    positions, forces = [train.positions], [train.forces]
    for copy in range(1, copies):
        turns = random_turns(len(train), seed=copy)
        positions.append(turned(train.positions, turns))
        forces.append(turned(train.forces, turns))
    return np.concatenate(positions), np.concatenate(forces)
