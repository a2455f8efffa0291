"""The Keras side of `make check-dgl`: write weights, energies and a training run to a file.

Runs in .venv; check.py, in .venv-dgl, reads the file. For its keys see ``main``.
"""

import sys

import numpy as np

from data_gen.dataset import Statistics
from data_gen.dynamics import DynamicsSettings, run_dynamics
from keras_models import catalogue
from keras_models.building import flat_weights, set_flat_weights
from keras_models.objective import direct_objective
from keras_models.optimise import adam
from keras_models.prediction import predict
from keras_models.settings import AdamSettings

N_TRAIN, N_TEST = 500, 100  # 500 is not a multiple of 32: the last batch is padded
SETTINGS = AdamSettings(epochs=200)
SEED = 0


def seeded_model(statistics, dtype):
    """The report's network with Keras's initial weights."""
    return catalogue.build("graph_network", statistics, seed=SEED, dtype=dtype)


def random_molecules(rng, molecules, atoms):
    """Positions (molecules, atoms, 3) Å, away from the origin, as dense as the report's cluster."""
    return rng.normal(10.0, 1.2 * atoms ** (1 / 3), (molecules, atoms, 3))


def energies(data, statistics):
    """Energies of several molecules in float32 and float64, with the same weights."""
    rng = np.random.default_rng(SEED)
    models = {dtype: seeded_model(statistics, dtype) for dtype in ("float32", "float64")}
    # Keras's initial biases are zero, which would hide a missing or misplaced one.
    weights = [w + 0.1 * rng.standard_normal(w.shape) for w in models["float64"].get_weights()]
    molecules = {
        "Au6": data.positions[::25],
        **{f"random-{atoms}": random_molecules(rng, 10, atoms) for atoms in (2, 3, 5, 6, 13)},
    }
    result = {f"weights/{k}": w for k, w in enumerate(weights)}
    for name, positions in molecules.items():
        result[f"positions/{name}"] = positions
        for dtype, model in models.items():
            model.set_weights(weights)
            result[f"energies/{dtype}/{name}"] = predict(model, positions)
    return result


def training_run(train, test, statistics):
    """Training run in float64: initial and final weights, batches, losses and errors."""
    model = seeded_model(statistics, "float64")
    first, theta = model.get_weights(), flat_weights(model)
    objective = direct_objective(model, train.energies[:, None], statistics.energy_std)
    test_part = (test.positions, (test.energies[:, None],))
    loop = adam.EpochLoop(objective, train.positions, SETTINGS, test_part)
    state = adam.TrainingState.start([theta], 1)
    state = adam.train_epochs(loop, state, (SEED,), curve_points=1)
    set_flat_weights(model, state.theta[0])
    orders = [
        adam.batch_order(len(train), SETTINGS.batch_size, SEED, epoch)
        for epoch in range(SETTINGS.epochs)
    ]
    return {
        "train/positions": train.positions,
        "train/energies": train.energies,
        "test/positions": test.positions,
        "test/energies": test.energies,
        "adam": [SETTINGS.learning_rate, adam.BETA_1, adam.BETA_2, adam.EPSILON],
        "batches/indices": np.stack([indices for indices, _ in orders]),
        "batches/weights": np.stack([weights for _, weights in orders]),
        "losses": state.losses[:, 0],
        "rmse": state.curve[-1, 0, 0],
        **{f"first/{k}": w for k, w in enumerate(first)},
        **{f"last/{k}": w for k, w in enumerate(model.get_weights())},
    }


def main(path: str) -> None:
    """Write the file, with these keys.

    statistics: length (Å), energy mean and deviation (eV). adam: learning rate, betas, epsilon.
    weights/k, first/k, last/k: kernels (in, out) and biases (out,) in the order of the layers, for
    the energies, before training and after it. positions/name (n, N, 3) Å and
    energies/dtype/name (n, 1) eV. train/, test/: positions and energies of the two parts.
    batches/indices, batches/weights (epochs, S, B). losses (epochs,); rmse (train, test) in eV.
    """
    data = run_dynamics(DynamicsSettings(steps=50 * (N_TRAIN + N_TEST)))
    train, test = data.split(N_TRAIN, N_TEST)
    statistics = Statistics.of(train)
    # The root mean square of the centred coordinates, as graph_network derives it.
    length = statistics.displacement_rms / 2**0.5
    np.savez(
        path,
        statistics=[length, statistics.energy_mean, statistics.energy_std],
        **energies(data, statistics),
        **training_run(train, test, statistics),
    )


if __name__ == "__main__":
    main(sys.argv[1])
