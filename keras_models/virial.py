"""Energies, forces and virials of structures of any size, by models of neighbours.

A homogeneous strain e moves atoms and images, x -> x + x e; the virial is -dE/de at e = 0, and the
stress is dE/de / V (as in Thompson, Plimpton and Mattson, J. Chem. Phys. 131, 154107 (2009)).
"""

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress

from keras_models.backend import K, keras, tf
from keras_models.gradient import outputs_of
from keras_models.rows import by_rows
from keras_models.sums import SumOfStructure

# Volumes below this share of the product of a cell's lengths are rounding.
FLAT = 1e-8


def energies_forces_and_virials(model: keras.Model, weights, inputs):
    """Energies, forces and virials by one backward pass.

    Args:
        model: with output energies (S, 1) eV, of the nest of an
            :class:`~keras_models.edges.EdgeBatch`; or with those of atoms (A, 1), see
            :func:`atom_energies_of`.
        weights: tensors to use instead of the model's trainable variables.
        inputs: the nest, as tensors: A atoms, S structures.

    Returns:
        Energies (S,) or (A,) eV, forces (A, 3) eV/Å, virials (S, 3, 3) eV, symmetric up to
        rounding, and the model's further outputs, if any.
    """
    positions, shifts = inputs["positions"], inputs["shifts"]
    strain = tf.zeros((tf.shape(inputs["sizes"])[0], 3, 3), positions.dtype)
    with tf.GradientTape() as tape:
        tape.watch([positions, strain])
        of_atoms = tf.gather(strain, inputs["sample"])
        of_rows = tf.gather(of_atoms, inputs["rows"])
        shifted = K.reshape(by_rows(shifts, inputs["rows"]) @ of_rows, (-1, 3))
        strained = {
            **inputs,
            "positions": positions + tf.einsum("ia,iab->ib", positions, of_atoms),
            "shifts": shifts + shifted,
        }
        energies, *more = outputs_of(model, weights, strained)
        # Structures are independent: the gradient of the sum contains that of each energy.
        total = tf.reduce_sum(energies)
    # Gradients of tf.gather are not dense tensors before the conversion.
    by_positions, by_strain = map(tf.convert_to_tensor, tape.gradient(total, [positions, strain]))
    return energies, -by_positions, -by_strain, *more


def of_slots(model: keras.Model, weights, inputs):
    """The same for models that take neighbour slots instead of edge lists.

    Args:
        model, weights: as for :func:`energies_forces_and_virials`.
        inputs: the nest of a :class:`~keras_models.batch.Batch`, as tensors.
    """
    positions, shifts = inputs["positions"], inputs["shifts"]
    strain = tf.zeros((tf.shape(inputs["sizes"])[0], 3, 3), positions.dtype)
    with tf.GradientTape() as tape:
        tape.watch([positions, strain])
        of_atoms = tf.gather(strain, inputs["sample"])
        strained = {
            **inputs,
            "positions": positions + tf.einsum("ia,iab->ib", positions, of_atoms),
            "shifts": shifts + shifts @ of_atoms,
        }
        energies, *more = outputs_of(model, weights, strained)
        # Structures are independent: the gradient of the sum contains that of each energy.
        total = tf.reduce_sum(energies)
    # Gradients of tf.gather are not dense tensors before the conversion.
    by_positions, by_strain = map(tf.convert_to_tensor, tape.gradient(total, [positions, strain]))
    return energies, -by_positions, -by_strain, *more


def atom_energies_of(model: keras.Model) -> keras.Model:
    """The same model, with the same weights, as far as the energies of atoms (A, 1) eV.

    Their sums over structures are the model's output.

    Raises:
        ValueError: the model's last layer does not sum over atoms.
    """
    last = model.output._keras_history.operation
    if not isinstance(last, SumOfStructure):
        raise ValueError(f"{model.name} has no energies of atoms")
    return keras.Model(model.input, last.input[0], name=f"atoms_of_{model.name}")


def volume_of(cell: np.ndarray) -> float:
    """Volume of a cell (3, 3) Å, in Å^3; 0 if but for rounding its vectors are in one plane."""
    volume = abs(np.linalg.det(cell))
    return float(volume) if volume > FLAT * np.prod(np.linalg.norm(cell, axis=1)) else 0.0


def stress_of(virial: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Stress (6,) in eV/Å^3, in ASE's order and sign, from a virial (3, 3) eV and cell (3, 3) Å.

    Raises:
        ValueError: the cell has no volume.
    """
    volume = volume_of(cell)
    if not volume > 0:
        raise ValueError("a cell without volume has no stress")
    return full_3x3_to_voigt_6_stress(-(virial + virial.T) / 2.0 / volume)
