"""Section 4: Eq. 2 to 5 trained on energies alone, and appendix B: what goes into them."""

from dataclasses import asdict, replace

import numpy as np

from data_gen.dataset import Dataset, Statistics, inverse_distances
from keras_models import energy
from keras_models.energy import Preprocessing
from keras_models.training import build_seeded, direct_objective, predict
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job, collect, train_adam


def run(job: Job) -> list[RunResult]:
    """Eq. 2 to 5 on energies alone.

    Options: those of the builder, and ``preprocessing``: see :func:`preprocess`.
    """
    experiment = job.experiment
    options = {
        "widths": experiment.widths,
        "activation": experiment.activation,
        **experiment.options,
    }
    name = options.pop("preprocessing")
    statistics = Statistics.of(job.train)
    p = preprocess(name, job.train, statistics)
    builder = getattr(energy, experiment.model)
    models = [
        build_seeded(lambda: builder(statistics, preprocessing=p, **options), seed)
        for seed in job.seeds
    ]
    targets = [part.energies[:, None] for part in (job.train, job.test)]
    objective = direct_objective(models[0], targets[0], p.energy_scale)
    state = train_adam(job, models, objective, (targets[1],))
    results = collect(job, models, state, statistics, ("energy",), _predict_energy)
    for result in results:
        if isinstance(result, RunResult):
            result.info["preprocessing"] = asdict(p)
    return results


def preprocess(name: str, train: Dataset, statistics: Statistics) -> Preprocessing:
    """Appendix B's ways to prepare the data, their numbers from the training part.

    Args:
        name: "standardised", Table 4's; "unit-range", C2 from 0, the diagonal's, to 1;
            "unit-range-all", E, too, from 0 to 1; "no-diagonal", "zero-diagonal": see
            :class:`~keras_models.energy.Preprocessing`; "distances", R standardised in place of
            C2, with mean and standard deviation over all i and j as there.
        train: the training part.
        statistics: its own.

    Raises:
        ValueError: no such name.
    """
    p = Preprocessing.standard(statistics)
    if name == "standardised":
        return p
    if name == "no-diagonal":
        return replace(p, diagonal="left out")
    if name == "zero-diagonal":
        return replace(p, diagonal="zero")
    c2 = inverse_distances(train.positions)
    if name == "distances":
        r = np.divide(1.0, c2, out=np.zeros_like(c2), where=c2 > 0)
        return replace(p, pair_shift=float(r.mean()), pair_scale=float(r.std()), inverse=False)
    p = replace(p, pair_shift=float(c2.min()), pair_scale=float(np.ptp(c2)), scaling="unit_range")
    if name == "unit-range":
        return p
    if name == "unit-range-all":
        e = train.energies
        return replace(p, energy_shift=float(e.min()), energy_scale=float(np.ptp(e)))
    raise ValueError(f"no preprocessing {name!r}")


def _predict_energy(model, positions: np.ndarray) -> dict[str, np.ndarray]:
    return {"energy": predict(model, positions)[:, 0]}
