"""What trained models say of many samples, in chunks: their own output, or energies with forces."""

import numpy as np

from keras_models.backend import keras, tf
from keras_models.building import dtype_of
from keras_models.gradient import energy_and_forces


def predict(model: keras.Model, positions: np.ndarray, chunk: int = 500) -> np.ndarray:
    """The model's output for (n, N, 3) Å as float64, computed in the model's own precision."""
    parts = [
        model(tf.constant(positions[k : k + chunk], dtype_of(model))).numpy()
        for k in range(0, len(positions), chunk)
    ]
    return np.concatenate(parts).astype(float)


class EnergyForcePredictor:
    """Energies and forces of a model, compiled once for all calls; weights may change between.

    Args:
        model: positions (B, N, 3) Å -> energies (B, 1) eV.
        chunk: samples at a time.
    """

    def __init__(self, model: keras.Model, chunk: int = 100) -> None:
        self.model, self.chunk = model, chunk
        self._compiled = tf.function(
            lambda weights, x: energy_and_forces(model, weights, x), jit_compile=True
        )

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, N, 3) Å -> energies (n,) eV and forces (n, N, 3) eV/Å, as float64."""
        weights = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        parts = [
            self._compiled(
                weights, tf.constant(positions[k : k + self.chunk], dtype_of(self.model))
            )
            for k in range(0, len(positions), self.chunk)
        ]
        return tuple(np.concatenate([p[k].numpy() for p in parts]).astype(float) for k in range(2))
