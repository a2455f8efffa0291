"""Eq. 1 trained by the project's own second-order method, on fingerprints computed beforehand.

The symmetry functions have no weights: their values, and where forces are trained their
derivatives, are computed once. What is trained is the same function as the whole model.
"""

from functools import lru_cache

import numpy as np
from ase.data import chemical_symbols

from data_gen.dataset import Dataset
from keras_models import behler
from keras_models.backend import tf
from keras_models.gradient import EnergyForcePredictor
from keras_models.quasi_newton import FullBatch
from keras_models.training import build_seeded, precision
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.second_order import Problem, minimise_problem


def run(job: Job) -> list[RunResult]:
    """Options are those of ``keras_models.behler.behler``; loss weights as everywhere."""
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int):
    weights = job.experiment.loss_weights
    forces = weights[1] > 0.0
    train, test = job.train, job.test
    features = _features(job, forces)
    values = features[0][..., 0] if forces else features[0]
    energies = train.energies / len(train.numbers)
    with precision("float64"):
        model = build_seeded(
            lambda: behler.behler(
                train.numbers,
                train.cell,
                train.pbc,
                behler.fingerprint_range(values, train.numbers),
                # Amp starts each atom's energy in the middle of the range of E per atom, with
                # half of that range as the slope.
                slope=np.ptp(energies) / 2,
                intercept=(energies.max() + energies.min()) / 2,
                hidden_layers=job.experiment.widths,
                activation=job.experiment.activation,
                functions=_functions(job),
                output_activation=job.experiment.options["output_activation"],
            ),
            seed,
        )
    network = behler.network(model)

    def batch(stride: int) -> FullBatch:
        objective = behler.fingerprint_objective(
            network,
            train.energies[::stride],
            train.forces[::stride] if forces else None,
            *weights,
        )
        return FullBatch(objective, features[0][::stride])

    if forces:
        compiled = tf.function(
            lambda w, z: behler.network_energy_and_forces(network, w, z), jit_compile=True
        )
    else:
        compiled = tf.function(
            lambda w, z: (network.stateless_call(w, [], z)[0][:, 0],), jit_compile=True
        )

    def by_network() -> list[list[np.ndarray]]:
        """Energies, and forces where the features have derivatives, of both parts."""
        w = [tf.convert_to_tensor(v) for v in network.trainable_variables]
        parts = []
        for z in features:
            chunks = [compiled(w, tf.constant(z[k : k + 100])) for k in range(0, len(z), 100)]
            parts.append(
                [
                    np.concatenate([c.numpy() for c in column])
                    for column in zip(*chunks, strict=True)
                ]
            )
        return parts

    def errors() -> np.ndarray:
        found = np.full((2, 2), np.nan)
        for k, (outputs, data) in enumerate(zip(by_network(), (train, test), strict=True)):
            for kind, (output, wanted) in enumerate(
                zip(outputs, (data.energies, data.forces), strict=False)
            ):
                found[kind, k] = np.sqrt(np.mean((output - wanted) ** 2))
        return found

    def predictions() -> dict:
        parts = by_network() if forces else _by_positions(job, model)
        return dict(zip(("energy", "force"), zip(*parts, strict=True), strict=True))

    problem = Problem(network, batch, predictions, errors)
    return minimise_problem(job, problem, seed, {}, kept_model=model)


def _by_positions(job: Job, model) -> list:
    """Energies and forces of both parts by the whole model."""
    layer = model.get_layer("symmetry_functions")
    parts = (job.train, job.test)
    layer.room = max(behler.most_neighbours(layer, part.positions) for part in parts)
    predictor = EnergyForcePredictor(model, chunk=20)
    found = [predictor(part.positions) for part in parts]
    layer.room = None
    return found


def _features(job: Job, forces: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of training and test part; kept for the next seed of the same data in this process."""
    e = job.experiment
    functions = _functions(job)
    key = (job.data_sha256, e.frames, e.split, e.partition, forces, e.options.get("functions"))
    if key not in _cached(key):
        job.report(0.0, "fingerprints")
        _cached(key)[key] = tuple(
            _compute(part, functions, forces) for part in (job.train, job.test)
        )
    return _cached(key)[key]


@lru_cache(maxsize=1)
def _cached(key) -> dict:
    """A place for the features of one key at a time."""
    return {}


def _functions(job: Job) -> list[dict]:
    """The set that the row names, for the elements of its data."""
    elements = {chemical_symbols[z] for z in job.train.numbers}
    make = behler.FUNCTION_SETS[job.experiment.options["functions"]]
    return make(sorted(elements))


def _compute(data: Dataset, functions: list[dict], forces: bool) -> np.ndarray:
    def layer(room):
        return behler.SymmetryFunctions(
            data.numbers, data.cell, data.pbc, functions, room=room, dtype="float64"
        )

    # Exactly enough room for these frames.
    exact = layer(behler.most_neighbours(layer(None), data.positions))
    if forces:
        return behler.fingerprints_and_gradients(exact, data.positions)
    return behler.fingerprints(exact, data.positions)
