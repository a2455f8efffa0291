"""Energies, forces and virials of structures of any size, by models that take an EdgeBatch.

A homogeneous strain e moves atoms and images, x -> x + x e; the virial is -dE/de at e = 0, and the
stress is dE/de / V (as in Thompson, Plimpton and Mattson, J. Chem. Phys. 131, 154107 (2009)).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches
from keras_models.reference import sums_of_references


def energies_forces_and_virials(model: keras.Model, weights, inputs):
    """Energies, forces and virials by one backward pass.

    Args:
        model: with output energies (S, 1) eV, of the nest of an
            :class:`~keras_models.edges.EdgeBatch`.
        weights: tensors to use instead of the model's trainable variables.
        inputs: the nest, as tensors: A atoms, S structures.

    Returns:
        Energies (S,) eV, forces (A, 3) eV/Å and virials (S, 3, 3) eV, symmetric up to rounding.
    """
    positions, shifts = inputs["positions"], inputs["shifts"]
    strain = tf.zeros((tf.shape(inputs["sizes"])[0], 3, 3), positions.dtype)
    with tf.GradientTape() as tape:
        tape.watch([positions, strain])
        of_atoms = tf.gather(strain, inputs["sample"])
        of_pairs = tf.gather(of_atoms, inputs["centre"])
        strained = {
            **inputs,
            "positions": positions + tf.einsum("ia,iab->ib", positions, of_atoms),
            "shifts": shifts + tf.einsum("ia,iab->ib", shifts, of_pairs),
        }
        energies = model.stateless_call(weights, [], strained)[0][:, 0]
        # Structures are independent: the gradient of the sum contains that of each energy.
        total = tf.reduce_sum(energies)
    # Gradients of tf.gather are not dense tensors before the conversion.
    by_positions, by_strain = map(tf.convert_to_tensor, tape.gradient(total, [positions, strain]))
    return energies, -by_positions, -by_strain


class StructurePredictor:
    """Predictor for structures of any size, composition and cell, compiled once for each shape.

    The shapes are those of padded batches, so that another cell, composition or number of atoms
    rarely needs a new one. The model's weights may change between calls.

    Args:
        model: as for :func:`energies_forces_and_virials`.
        references: {symbol: eV} to add for each atom, in float64; None for none.
        chunk: number of structures at a time.
    """

    def __init__(
        self, model: keras.Model, references: Mapping[str, float] | None = None, chunk: int = 32
    ) -> None:
        self.model, self.references, self.chunk = model, references, chunk
        self.compiled = tf.function(
            lambda weights, x: energies_forces_and_virials(model, weights, x), jit_compile=True
        )

    def __call__(
        self, structures: Sequence[Structure]
    ) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """Predict energies (n,) eV, forces (N, 3) eV/Å of each and virials (n, 3, 3) eV, float64.

        Raises:
            ValueError: a cell has zero length along a periodic direction, or an element has no
                reference energy.
        """
        weights = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        energies, forces, virials = [], [], []
        for batch in edge_batches(structures, cutoff_of(self.model), self.chunk):
            found = self.compiled(weights, tensors_of(batch, dtype_of(self.model)))
            e, f, v = (part.numpy().astype(float) for part in found)
            sizes = batch.sizes[batch.sizes > 0]
            energies.append(e[: len(sizes)])
            forces += np.split(f[: sizes.sum()], np.cumsum(sizes)[:-1])
            virials.append(v[: len(sizes)])
        energies = np.concatenate(energies)
        if self.references is not None:
            energies = energies + sums_of_references(
                [s.numbers for s in structures], self.references
            )
        return energies, forces, np.concatenate(virials)


def stress_of(virial: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Stress (6,) in eV/Å^3, in ASE's order and sign, from a virial (3, 3) eV and cell (3, 3) Å.

    Raises:
        ValueError: the cell has no volume.
    """
    volume = abs(np.linalg.det(cell))
    if not volume > 0:
        raise ValueError("a cell without volume has no stress")
    return full_3x3_to_voigt_6_stress(-(virial + virial.T) / 2.0 / volume)
