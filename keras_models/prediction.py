"""Prediction of many samples in chunks: a model's own output, or energies, forces and virials."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data_gen.frames import Structure
from keras_models import load_model
from keras_models.backend import keras, tf
from keras_models.batch import batches, cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches, takes_edges
from keras_models.gradient import energy_and_forces
from keras_models.reference import sums_of_references
from keras_models.saving import read_about
from keras_models.virial import energies_forces_and_virials


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
        self._structures = StructurePredictor(model, chunk=chunk) if takes_edges(model) else None

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict energies and forces from positions.

        For models that take only positions; :meth:`of` works for all models.

        Args:
            positions: (n, N, 3), Å.

        Returns:
            Energies (n,) eV and forces (n, N, 3) eV/Å, as float64.
        """
        weights = _weights(self.model)
        parts = [
            self._compiled(
                weights, tf.constant(positions[k : k + self.chunk], dtype_of(self.model))
            )
            for k in range(0, len(positions), self.chunk)
        ]
        return tuple(np.concatenate([p[k].numpy() for p in parts]).astype(float) for k in range(2))

    def of(self, structures: Sequence[Structure]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Predict energies (n,) eV of n structures, and forces (N, 3) eV/Å of each, as float64.

        Sizes, compositions and cells may differ if the model supports it. Reference energies are
        not included: for these, and for virials, see :class:`StructurePredictor`.

        Raises:
            ValueError: the structures have different sizes, but the model takes only positions.
        """
        cutoff = cutoff_of(self.model)
        if cutoff is None:
            if len({len(s.numbers) for s in structures}) > 1:
                raise ValueError(f"{self.model.name} takes one number of atoms at a time")
            energies, forces = self(np.stack([s.positions for s in structures]))
            return energies, list(forces)
        if self._structures is not None:
            return self._structures(structures)[:2]
        weights, dtype = _weights(self.model), dtype_of(self.model)
        energies, forces = [], []
        for batch in batches(structures, cutoff, self.chunk):
            e, f = self._compiled(weights, tensors_of(batch, dtype))
            sizes = batch.sizes[batch.sizes > 0]
            energies.append(e.numpy()[: len(sizes)].astype(float))
            forces += np.split(f.numpy()[: sizes.sum()].astype(float), np.cumsum(sizes)[:-1])
        return np.concatenate(energies), forces


class StructurePredictor:
    """Predictor of energies, forces and virials by a model that takes edge lists.

    For structures of any size, composition and cell, compiled once for each shape of a padded
    batch, so that another of them rarely needs a new one. The weights may change between calls.

    Args:
        model: with output energies (S, 1) eV, of an :class:`~keras_models.edges.EdgeBatch`.
        references: {symbol: eV} to add for each atom, in float64; None for none.
        chunk: number of structures at a time.

    Raises:
        ValueError: the model does not take edge lists.
    """

    def __init__(
        self, model: keras.Model, references: Mapping[str, float] | None = None, chunk: int = 32
    ) -> None:
        if not takes_edges(model):
            raise ValueError(f"{model.name} does not take edge lists")
        self.model, self.references, self.chunk = model, references, chunk
        self.compiled = tf.function(
            lambda weights, x: energies_forces_and_virials(model, weights, x), jit_compile=True
        )

    @classmethod
    def load(cls, path: Path, chunk: int = 32) -> "StructurePredictor":
        """Open a saved model with its reference energies, in Keras's safe mode."""
        return cls(load_model(path), read_about(path).get("references"), chunk)

    def __call__(
        self, structures: Sequence[Structure]
    ) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """Predict energies (n,) eV, forces (N, 3) eV/Å of each and virials (n, 3, 3) eV, float64.

        Those of a structure with an element outside the model's training, or with two atoms on one
        point, are NaN.

        Raises:
            ValueError: as for :func:`~keras_models.neighbours.edges`, or an element has no
                reference energy.
        """
        weights, dtype = _weights(self.model), dtype_of(self.model)
        energies, forces, virials = [], [], []
        for batch in edge_batches(structures, cutoff_of(self.model), self.chunk):
            found = self.compiled(weights, tensors_of(batch, dtype))
            e, f, v = (part.numpy().astype(float) for part in found)
            sizes = batch.sizes[batch.sizes > 0]
            parts = np.split(f[: sizes.sum()], np.cumsum(sizes)[:-1])
            for k, of_structure in enumerate(parts):
                # Repulsion is infinite, and what is out of reach has forces.
                if not (np.isfinite(e[k]) and np.isfinite(of_structure).all()):
                    e[k] = v[k] = of_structure[:] = np.nan
            energies.append(e[: len(sizes)])
            forces += parts
            virials.append(v[: len(sizes)])
        energies = np.concatenate(energies)
        if self.references is not None:
            energies = energies + sums_of_references(
                [s.numbers for s in structures], self.references
            )
        return energies, forces, np.concatenate(virials)


def energies_of_structures(
    model: keras.Model,
    structures: Sequence[Structure],
    references: Mapping[str, float],
    chunk: int = 32,
) -> np.ndarray:
    """Energies (n,) eV of n structures by a model that takes edge lists, without compilation.

    Quicker than :class:`StructurePredictor` where forces are not needed and models are asked once.

    Args:
        model: with output energies (S, 1) eV, of an :class:`~keras_models.edges.EdgeBatch`.
        structures: of any size, composition and cell.
        references: {symbol: eV} to add for each atom, in float64.
        chunk: number of structures at a time.

    Raises:
        ValueError: as for :func:`~keras_models.neighbours.edges`, or an element has no reference
            energy.
    """
    found = []
    for batch in edge_batches(structures, cutoff_of(model), chunk):
        energies = np.asarray(model(tensors_of(batch, dtype_of(model))), float).ravel()
        found.append(energies[: np.count_nonzero(batch.sizes)])
    return np.concatenate(found) + sums_of_references([s.numbers for s in structures], references)


def _weights(model: keras.Model) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(v) for v in model.trainable_variables]
