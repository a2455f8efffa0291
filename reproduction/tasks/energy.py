"""Section 4: Eq. 2 to 5 trained on energies alone."""

import numpy as np

from data_gen.dataset import Statistics
from keras_models import energy
from keras_models.training import build_seeded, direct_objective, predict
from reproduction.store import RunResult
from reproduction.tasks.common import Job, collect, train_adam


def run(job: Job) -> list[RunResult]:
    """Eq. 2 to 5 on energies alone."""
    experiment = job.experiment
    statistics = Statistics.of(job.train)
    builder = getattr(energy, experiment.model)
    models = [
        build_seeded(lambda: builder(statistics, **experiment.options), seed) for seed in job.seeds
    ]
    targets = [part.energies[:, None] for part in (job.train, job.test)]
    objective = direct_objective(models[0], targets[0], statistics.energy_std)
    state = train_adam(job, models, objective, (targets[1],))
    return collect(job, models, state, statistics, ("energy",), _predict_energy)


def _predict_energy(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return {"energy": predict(model, positions)[:, 0]}
