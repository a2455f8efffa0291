"""Energies, forces and virials of one moving structure after another, from a list with a skin.

What :class:`~keras_models.calculator.KerasCalculator` computes with for models that take edge
lists; independent of ASE's calculators. Shapes: M models of an ensemble, N atoms.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import join_padded, with_edges
from keras_models.neighbours import SKIN, VerletList
from keras_models.virial import atom_energies_of, energies_forces_and_virials


class Answer(NamedTuple):
    """What the models say about a structure, in float64.

    Attributes:
        atom_energies: (M, N), eV, with reference energies; an energy is the sum over atoms.
        forces: (M, N, 3), eV/Å.
        virials: (M, 3, 3), eV.
        shortest: shortest distance between two atoms, Å, or the cutoff if there is none within it.
    """

    atom_energies: np.ndarray
    forces: np.ndarray
    virials: np.ndarray
    shortest: float


class EdgePotential:
    """Models on edge lists, applied to one structure at a time, with a Verlet list between them.

    Compiled once for each shape of a padded edge list; numbers, cell and periodicity are inputs.

    Args:
        models: M models that take edge lists, with the same cutoff and precision.
        references: for each model {symbol: eV} to add for each atom, in float64, or None.
        skin: Å, see :class:`~keras_models.neighbours.VerletList`.

    Attributes:
        neighbours: the list.

    Raises:
        ValueError: the skin is negative or not finite, or a model has no energies of atoms.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        references: Sequence[Mapping[str, float] | None],
        skin: float = SKIN,
    ) -> None:
        self.dtype, self.cutoff = dtype_of(models[0]), cutoff_of(models[0])
        self.neighbours = VerletList(self.cutoff, skin)
        self._references = references
        self._compiled = self._compile([atom_energies_of(model) for model in models])
        # What remains as long as the list does: inputs but the positions, and reference energies.
        self._fixed: dict[str, tf.Tensor] = {}
        self._offset = np.zeros((len(models), 0))

    def __call__(self, structure: Structure) -> Answer:
        """Apply the models to a structure.

        Raises:
            ValueError: as for :func:`~keras_models.neighbours.edges`, or an element has no
                reference energy.
        """
        n = len(structure.numbers)
        if self.neighbours.update(structure):
            self._prepare(structure)
        x = np.zeros((*self._fixed["numbers"].shape, 3))
        # Centred, as a distant origin would cost digits in float32.
        x[:n] = structure.positions - structure.positions.mean(axis=0)
        found = self._compiled({**self._fixed, "positions": tf.constant(x, self.dtype)})
        energies, forces, virials, shortest = (part.numpy().astype(float) for part in found)
        return Answer(energies[:, :n] + self._offset, forces[:, :n], virials[:, 0], float(shortest))

    def closest(self, structure: Structure) -> tuple[int, int]:
        """The two atoms (or an atom and its own image: twice the same) that are closest."""
        i, j, shifts = self.neighbours.edges
        x = structure.positions
        k = np.linalg.norm(x[j] - x[i] + shifts, axis=1).argmin()
        return int(i[k]), int(j[k])

    def _prepare(self, structure: Structure) -> None:
        """Take over a new list. The list is forgotten if that fails."""
        part = with_edges(structure, self.neighbours.edges)
        tensors = tensors_of(join_padded([part], self.cutoff), self.dtype)
        del tensors["positions"]
        symbols = [chemical_symbols[z] for z in structure.numbers]
        try:
            self._offset = np.array(
                [[0.0 if r is None else r[e] for e in symbols] for r in self._references]
            )
        except KeyError as error:
            self.neighbours.forget()
            raise ValueError(f"no reference energy of {error.args[0]}") from None
        self._fixed = tensors

    def _compile(self, models: Sequence[keras.Model]):
        """Function of inputs: the parts of :class:`Answer`, of padding, too."""
        weights = [[tf.convert_to_tensor(v) for v in m.trainable_variables] for m in models]

        def every(inputs):
            # One after the other: what does not depend on the weights is computed once by XLA.
            found = [
                energies_forces_and_virials(model, w, inputs)
                for model, w in zip(models, weights, strict=True)
            ]
            vectors = (
                tf.gather(inputs["positions"], inputs["other"])
                - tf.gather(inputs["positions"], inputs["centre"])
                + inputs["shifts"]
            )
            shortest = tf.sqrt(tf.reduce_min(tf.reduce_sum(vectors**2, axis=1)))
            return (*map(tf.stack, zip(*found, strict=True)), shortest)

        return tf.function(every, jit_compile=True)
