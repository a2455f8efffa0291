"""Energies and forces of one structure after another, by the models of an ensemble.

What :class:`~keras_models.calculator.KerasCalculator` computes with; independent of ASE's
calculators. A potential for each kind of input: positions, neighbour slots, edge lists. Copies of a
potential share its compiled code, and pickled ones compile anew.

Shapes: M models of an ensemble, N atoms, W functions of an atom.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of, with_neighbours
from keras_models.building import dtype_of
from keras_models.chunks import PAIRS, in_chunks
from keras_models.edges import bucket, join_padded, slots_of, takes_edges, with_edges
from keras_models.extrapolation import with_excess
from keras_models.gradient import energy_and_forces
from keras_models.neighbours import SKIN, VerletList, centred, edges, into_cell
from keras_models.opening import Ensemble
from keras_models.prediction import predict
from keras_models.rounds import InRounds, Sums
from keras_models.rows import vectors_of
from keras_models.virial import atom_energies_of, energies_forces_and_virials, of_slots

# Largest numbers of atoms that are not divided into chunks, with one round of sums and with more.
# With one, chunks are as fast from here on. With more, sums are computed again for their
# derivatives, which takes twice the time, but 0.5 MB an atom less of memory.
AT_ONCE, AT_ONCE_IN_ROUNDS = 500, 2500


class Answer(NamedTuple):
    """What the models say about a structure, in float64.

    Attributes:
        forces: (M, N, 3), eV/Å.
        energies: (M,), eV, with reference energies; None for models of forces.
        atom_energies: (M, N), eV, whose sums they are; None if they are not known.
        virials: (M, 3, 3), eV; None if they are not known.
        excess: (N, W), see :mod:`keras_models.extrapolation`; None if it is not known.
        closest: the two atoms, or an atom and its image, that are closest, and their distance, Å;
            the distance is the cutoff if there are none within it.
    """

    forces: np.ndarray
    closest: tuple[Callable[[], tuple[int, int]], float]
    energies: np.ndarray | None = None
    atom_energies: np.ndarray | None = None
    virials: np.ndarray | None = None
    excess: np.ndarray | None = None


class Compiled:
    """A compiled function of models, made at its first call. Copies share it; pickles lack it.

    What it takes from the models, such as their weights, is of that call.

    Its argument is a tensor, or a nest of tensors whose names and types are always the same.

    Args:
        make: function of the models, importable by its name.
        models: M models.
    """

    def __init__(self, make: Callable, models: Sequence[keras.Model]) -> None:
        self.make, self.models = make, tuple(models)
        self._function, self._of_shapes = None, {}

    def __call__(self, inputs):
        if self._function is None:
            self._function = tf.function(self.make(self.models), jit_compile=True)
        # Looked up here, as to tell what a tf.function's arguments are takes longer than Au6.
        shapes = tuple(tensor.shape for tensor in tf.nest.flatten(inputs))
        if shapes not in self._of_shapes:
            self._of_shapes[shapes] = self._function.get_concrete_function(inputs)
        return self._of_shapes[shapes](inputs)

    @property
    def count(self) -> int:
        """Number of compilations so far."""
        return 0 if self._function is None else self._function.experimental_get_tracing_count()

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return {**vars(self), "_function": None, "_of_shapes": {}}


def potential_of(ensemble: Ensemble, skin: float = SKIN):
    """The potential that suits an ensemble's models: callable with a structure, to an Answer.

    Raises:
        ValueError: the skin is negative or not finite, or a model of neighbours has no energies of
            atoms.
    """
    models = ensemble.models
    if takes_edges(models[0]):
        return EdgePotential(models, ensemble.references, skin)
    return ClusterPotential(models) if cutoff_of(models[0]) is None else SlotPotential(models)


class ClusterPotential:
    """Models that take positions alone, (1, N, 3).

    Args:
        models: M models with the same layers.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.dtype, self.has_energy = dtype_of(models[0]), models[0].output_shape[-1] == 1
        self.compiled = Compiled(_of_all_weights, models)
        self._origin_counts = _depends_on_origin(models[0])

    def __call__(self, structure: Structure) -> Answer:
        """Apply the models to a structure. Raises ValueError if positions are not finite."""
        x = structure.positions
        if not np.isfinite(x).all():
            raise ValueError("positions are not finite (NaN or infinite)")
        i, j = _pairs(len(x))
        vectors = x.take(j, axis=0) - x.take(i, axis=0)
        squares = np.einsum("pa,pa->p", vectors, vectors)
        x = x if self._origin_counts else centred(x)
        found = _arrays(self.compiled(tf.constant(x[None].astype(self.dtype))))
        return Answer(
            found[-1].reshape(-1, len(x), 3),
            (
                lambda: (int(i[squares.argmin()]), int(j[squares.argmin()])),
                math.sqrt(squares.min(initial=np.inf)),
            ),
            found[0][:, 0] if self.has_energy else None,
        )


class SlotPotential:
    """Models that take a :class:`~keras_models.batch.Batch`, such as Behler's.

    Compiled for few sizes of atoms and slots; numbers and cell are inputs.

    Args:
        models: M models with the same layers.

    Raises:
        ValueError: a model has no energies of atoms.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.dtype, self.cutoff = dtype_of(models[0]), cutoff_of(models[0])
        self.compiled = Compiled(_of_slots, models)
        for model in models:
            atom_energies_of(model)
        self._slots: dict[int, int] = {}

    def __call__(self, structure: Structure) -> Answer:
        """Apply the models. Raises ValueError as for :func:`~keras_models.neighbours.edges`."""
        n = len(structure.numbers)
        i, j, shifts = edges(structure, self.cutoff)
        atoms = bucket(n)
        # Never fewer than before, lest each neighbour that goes or comes be a new shape.
        need = bucket(max(1, int(np.bincount(i, minlength=n).max())))
        slots = self._slots[atoms] = max(need, self._slots.get(atoms, 0))
        x = structure.positions
        near = Structure(centred(x), structure.numbers, structure.cell, structure.pbc)
        batch = with_neighbours([near], [(i, j, shifts)], self.cutoff, slots, atoms, 1)
        energies, forces, virials, *excess = _arrays(self.compiled(tensors_of(batch, self.dtype)))
        energies = energies[:, :n]
        lengths = np.linalg.norm(x[j] - x[i] + shifts, axis=1)
        return Answer(
            forces[:, :n],
            (
                lambda: (int(i[lengths.argmin()]), int(j[lengths.argmin()])),
                float(lengths.min(initial=self.cutoff)),
            ),
            energies.sum(axis=1),
            energies,
            virials[:, 0],
            excess[0][0, :n] if excess else None,
        )


class EdgePotential:
    """Models on edge lists, with a Verlet list between one structure and the next.

    Compiled once for each shape of a padded edge list; numbers, cell and periodicity are inputs.
    Large structures are computed in chunks of one shape (:mod:`keras_models.chunks`).

    Args:
        models: M models that take edge lists, with the same cutoff and precision.
        references: for each model {symbol: eV} to add for each atom, in float64, or None.
        skin: Å, see :class:`~keras_models.neighbours.VerletList`.
        at_once: largest number of atoms that are not divided into chunks; None for what suits the
            models' rounds.
        pairs: of a chunk, about.

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
        at_once: int | None = None,
        pairs: int = PAIRS,
    ) -> None:
        self.dtype, self.cutoff = dtype_of(models[0]), cutoff_of(models[0])
        self.neighbours, self.pairs = VerletList(self.cutoff, skin), pairs
        self.compiled, self.in_rounds = Compiled(_with_virials, models), InRounds(models, Compiled)
        usual = AT_ONCE if self.in_rounds.rounds == 1 else AT_ONCE_IN_ROUNDS
        self.at_once = usual if at_once is None else at_once
        for model in models:
            atom_energies_of(model)
        self._references = references
        # What remains as long as the list does: inputs but the positions, what wraps these into
        # the cell, and reference energies.
        self._fixed: dict[str, tf.Tensor] = {}
        self._wrap = np.zeros((0, 3))
        self._offset = np.zeros((len(models), 0))
        self._shape, self._slots = (0, 0, 0, 0), 0

    def __getstate__(self):
        # A copy makes a list of its own.
        neighbours = VerletList(self.cutoff, self.neighbours.skin)
        return {**vars(self), "neighbours": neighbours, "_fixed": {}}

    def __call__(self, structure: Structure) -> Answer:
        """Apply the models to a structure.

        Raises:
            ValueError: as for :func:`~keras_models.neighbours.edges`, or an element has no
                reference energy.
        """
        large = len(structure.numbers) > self.at_once
        if self.neighbours.update(structure, self._divided if large else edges):
            try:
                self._prepare(structure, large)
            except BaseException:  # Ctrl-C, too: with the old inputs, the list would seem valid.
                self.neighbours.forget()
                raise
        # As :func:`~keras_models.edges.with_edges` has them.
        x = centred(structure.positions + self._wrap)
        found = self.in_rounds(x, self.neighbours.edges) if large else self._at_once(x)
        energies = found.energies + self._offset
        return Answer(
            found.forces,
            (lambda: self._closest(structure), min(found.shortest, self.cutoff)),
            energies.sum(axis=1),
            energies,
            found.virials,
            found.excess,
        )

    def _at_once(self, x: np.ndarray) -> Sums:
        padded, n = np.zeros((*self._fixed["numbers"].shape, 3)), len(x)
        padded[:n] = x
        found = self.compiled({**self._fixed, "positions": tf.constant(padded.astype(self.dtype))})
        shortest, energies, forces, virials, *excess = _arrays(found)
        # Several models may be of different training parts: what one knows, all answer.
        excess = excess[0].max(axis=0)[:n] if excess else None
        return Sums(float(shortest), energies[:, :n], forces[:, :n], virials[:, 0], excess)

    def _divided(self, structure: Structure, reach: float) -> list[tuple[np.ndarray, dict]]:
        """The list of a structure in chunks."""
        divided = in_chunks(structure, reach, self.pairs, self._shape)
        self._shape = divided.shape
        return [self.in_rounds.tensors_of(chunk) for chunk in divided.chunks]

    def _closest(self, structure: Structure) -> tuple[int, int]:
        """The two atoms (or an atom and its own image: twice the same) that are closest."""
        i, j, shifts = edges(structure, self.cutoff)
        x = structure.positions
        k = np.linalg.norm(x[j] - x[i] + shifts, axis=1).argmin()
        return int(i[k]), int(j[k])

    def _prepare(self, structure: Structure, large: bool) -> None:
        """Take over a new list."""
        symbols = [chemical_symbols[z] for z in structure.numbers]
        try:
            self._offset = np.array(
                [[0.0 if r is None else r[e] for e in symbols] for r in self._references]
            )
        except KeyError as error:
            raise ValueError(f"no reference energy of {error.args[0]}") from None
        self._wrap, self._fixed = into_cell(structure), {}
        if not large:
            found = self.neighbours.edges
            self._slots = slots_of([(structure, found)], self._slots)
            part = with_edges(structure, found, self.cutoff, self._slots)
            self._fixed = tensors_of(join_padded([part], self.cutoff), self.dtype)
            del self._fixed["positions"]


@functools.lru_cache(maxsize=1)
def _pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices i < j of the pairs of n atoms; kept, as the next cluster mostly has as many."""
    return np.triu_indices(n, 1)


def _arrays(tensors) -> list[np.ndarray]:
    return [tensor.numpy().astype(float) for tensor in tensors]


def _depends_on_origin(model: keras.Model) -> bool:
    """Whether a shift of the molecule changes the output, as for raw coordinates.

    A change counts beside that by a stretch: energies have a constant of any size.
    """
    x = np.array([[0.0, 0.0, 0.0], [2.7, 0.3, -0.2], [0.4, 2.8, 0.1]])
    here, shifted, stretched = predict(model, np.stack([x, x + 1.0, 1.1 * x]))
    rounding = 10 * np.finfo(dtype_of(model)).eps * np.abs(here).max()
    return bool(np.abs(shifted - here).max() > 1e-2 * np.abs(stretched - here).max() + rounding)


def _of_all_weights(models: Sequence[keras.Model]):
    """Function of positions: energies (M, 1), if any, and forces."""
    model, has_energy = models[0], models[0].output_shape[-1] == 1

    def one(parts, inputs):
        if has_energy:
            return tuple(energy_and_forces(model, parts, inputs))
        return (model.stateless_call(parts, [], inputs)[0],)

    return _side_by_side(models, one)


def _of_slots(models: Sequence[keras.Model]):
    """Function of inputs: energies of atoms (M, A), forces, virials, and the excess, if known."""
    models = [with_excess(m, atom_energies_of(m).output) for m in models]
    return _side_by_side(models, lambda parts, inputs: tuple(of_slots(models[0], parts, inputs)))


def _side_by_side(models: Sequence[keras.Model], one: Callable):
    """Function of inputs from that of one model's weights and inputs, for all at once."""
    weights = [
        tf.constant(np.stack([np.asarray(v) for v in parts]))
        for parts in zip(*[m.trainable_variables for m in models], strict=True)
    ]

    def every(inputs):
        return tf.vectorized_map(lambda parts: one(list(parts), inputs), weights)

    return every


def _with_virials(models: Sequence[keras.Model]):
    """Function of inputs: shortest distance, energies of atoms, forces, virials, excess if known.

    Each but the first has a row for each model; of padding, too.
    """
    models = [with_excess(m, atom_energies_of(m).output) for m in models]
    weights = [[tf.convert_to_tensor(v) for v in m.trainable_variables] for m in models]

    def every(inputs):
        # One after the other: what does not depend on the weights is computed once by XLA.
        found = [
            energies_forces_and_virials(model, w, inputs)
            for model, w in zip(models, weights, strict=True)
        ]
        shortest = tf.sqrt(tf.reduce_min(tf.reduce_sum(vectors_of(inputs) ** 2, axis=1)))
        return (shortest, *map(tf.stack, zip(*found, strict=True)))

    return every
