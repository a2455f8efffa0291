"""Prediction of many samples in chunks: a model's own output, or energies with forces."""

from collections.abc import Sequence

import numpy as np

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.batch import batches, cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.gradient import energy_and_forces


def predict(model: keras.Model, positions: np.ndarray, chunk: int = 500) -> np.ndarray:
    """Compute a model's output for positions (n, N, 3) Å, in its own precision, as float64."""
    parts = [
        model(tf.constant(positions[k : k + chunk], dtype_of(model))).numpy()
        for k in range(0, len(positions), chunk)
    ]
    return np.concatenate(parts).astype(float)


class EnergyForcePredictor:
    """Predictor of energies and forces, compiled once; the weights may change between calls.

    Args:
        model: with output energies (B, 1) eV.
        chunk: number of samples at a time.
    """

    def __init__(self, model: keras.Model, chunk: int = 100) -> None:
        self.model, self.chunk = model, chunk
        self._compiled = tf.function(
            lambda weights, x: energy_and_forces(model, weights, x), jit_compile=True
        )

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict energies and forces from positions.

        For models that take only positions; :meth:`of` works for all models.

        Args:
            positions: (n, N, 3), Å.

        Returns:
            Energies (n,) eV and forces (n, N, 3) eV/Å, as float64.
        """
        weights = self._weights()
        parts = [
            self._compiled(
                weights, tf.constant(positions[k : k + self.chunk], dtype_of(self.model))
            )
            for k in range(0, len(positions), self.chunk)
        ]
        return tuple(np.concatenate([p[k].numpy() for p in parts]).astype(float) for k in range(2))

    def of(self, structures: Sequence[Structure]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Predict energies (n,) eV of n structures, and forces (N, 3) eV/Å of each, as float64.

        Sizes, compositions and cells may differ if the model supports it.

        Raises:
            ValueError: the structures have different sizes, but the model takes only positions.
        """
        cutoff = cutoff_of(self.model)
        if cutoff is None:
            if len({len(s.numbers) for s in structures}) > 1:
                raise ValueError(f"{self.model.name} takes one number of atoms at a time")
            energies, forces = self(np.stack([s.positions for s in structures]))
            return energies, list(forces)
        weights, dtype = self._weights(), dtype_of(self.model)
        energies, forces = [], []
        for batch in batches(structures, cutoff, self.chunk):
            e, f = self._compiled(weights, tensors_of(batch, dtype))
            sizes = batch.sizes[batch.sizes > 0]
            energies.append(e.numpy()[: len(sizes)].astype(float))
            forces += np.split(f.numpy()[: sizes.sum()].astype(float), np.cumsum(sizes)[:-1])
        return np.concatenate(energies), forces

    def _weights(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
