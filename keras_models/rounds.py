"""Energies, forces and virials of a structure in chunks, one round of sums after another.

In models with several rounds, an atom's energy depends on all atoms within as many cutoffs, and a
chunk with all these would be many times as large as the chunk. Instead, what atoms send to their
neighbours in a round is computed for all chunks before the next round, and kept in a table; then
the derivatives by it go the way back, chunk by chunk (reverse accumulation). So a chunk needs its
nearest neighbours only, and nothing is computed for others than its own atoms.

Shapes: N atoms, M models; of each chunk A own atoms, L own atoms and neighbours, R rows, P pairs, E
elements (:mod:`keras_models.chunks`); W functions of an atom; T numbers that an atom sends.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_models.backend import K, keras, tf
from keras_models.building import dtype_of
from keras_models.chunks import Chunk
from keras_models.extrapolation import with_excess
from keras_models.messages import MessageSums
from keras_models.rows import sum_of_rows, vectors_of
from keras_models.virial import atom_energies_of

# What atoms send, among the inputs of MessageSums: weights (A, .) and vectors (A, 3, .).
SENT = slice(2, 4)


class Sums(NamedTuple):
    """What models say about a structure, in float64.

    Attributes:
        shortest: distance of two atoms, Å, or that of padding pairs.
        energies: (M, N), eV, of atoms.
        forces: (M, N, 3), eV/Å.
        virials: (M, 3, 3), eV.
        excess: (N, W), the largest of any model; None if it is not known.
    """

    shortest: float
    energies: np.ndarray
    forces: np.ndarray
    virials: np.ndarray
    excess: np.ndarray | None


class InRounds:
    """Models of a structure in chunks, by functions of a chunk that are compiled once.

    Args:
        models: M models that take edge lists, with the same layers, each called once.
        compiled: gives a compiled function for a function that makes it of the models.
    """

    def __init__(self, models: Sequence[keras.Model], compiled: Callable) -> None:
        self.models, self.dtype = len(models), dtype_of(models[0])
        rounds = range(sum(isinstance(layer, MessageSums) for layer in models[0].layers))
        self._answer = compiled(_answering, models)
        self._send = [compiled(_sending, models) for _ in rounds]
        self._back = [compiled(_going_back, models) for _ in rounds]

    @property
    def count(self) -> int:
        """Number of compilations so far."""
        return sum(f.count for f in (self._answer, *self._send, *self._back))

    def tensors_of(self, chunk: Chunk) -> tuple[np.ndarray, dict[str, tf.Tensor]]:
        """Atoms of a chunk, and its other arrays as tensors."""
        named = chunk._asdict()
        return named.pop("atoms"), {
            name: tf.constant(array.astype(self.dtype if array.dtype.kind == "f" else "int32"))
            for name, array in named.items()
        }

    def __call__(self, x: np.ndarray, chunks: Sequence[tuple[np.ndarray, dict]]) -> Sums:
        """Apply the models.

        Args:
            x: (N, 3), Å.
            chunks: from :meth:`tensors_of`, of one shape.
        """
        # The last row is padding's, here and in all tables.
        rows, own = len(x) + 1, chunks[0][1]["numbers"].shape[0]
        x = np.append(x, np.zeros((1, 3)), axis=0)
        # What all atoms send in each round (N + 1, M, T), and the derivatives by it.
        sent, slopes = [], []
        energies, forces = np.zeros((rows, self.models)), np.zeros((rows, self.models, 3))
        virials, shortest, excess = np.zeros((self.models, 3, 3)), np.inf, []

        def inputs(atoms, tensors, rounds, **more):
            # Centred, as a distant origin would cost digits in float32.
            near = (x.take(atoms, axis=0) - x[atoms[0]]).astype(self.dtype)
            heard = [tf.constant(table.take(atoms, axis=0)) for table in sent[:rounds]]
            return {**tensors, "positions": tf.constant(near), "heard": heard, **more}

        def add(atoms, by_positions, by_strain, *by_heard):
            forces[atoms] -= by_positions
            virials[:] -= by_strain
            for table, part in zip(slopes, by_heard, strict=False):
                table[atoms] += part

        for k, send in enumerate(self._send):
            parts = [send(inputs(*chunk, k)).numpy() for chunk in chunks]
            table = np.zeros((rows, *parts[0].shape[1:]), self.dtype)
            for (atoms, _), part in zip(chunks, parts, strict=True):
                table[atoms[:own]] = part
            table[-1] = 0
            sent.append(table)
        slopes += [np.zeros_like(table) for table in sent]
        for atoms, tensors in chunks:
            values, gradients = self._answer(inputs(atoms, tensors, len(sent)))
            add(atoms, *(g.numpy() for g in gradients))
            nearest, of_atoms, *known = (value.numpy() for value in values)
            shortest = min(shortest, float(nearest))
            energies[atoms[:own]] = of_atoms
            if known:
                excess = np.zeros((rows, known[0].shape[1])) if not len(excess) else excess
                excess[atoms[:own]] = known[0]
        for k, back in reversed(list(enumerate(self._back))):
            slopes[k][-1] = 0
            for atoms, tensors in chunks:
                slope = tf.constant(slopes[k][atoms[:own]])
                _, gradients = back(inputs(atoms, tensors, k, slope=slope))
                add(atoms, *(g.numpy() for g in gradients))
        return Sums(
            shortest,
            energies[:-1].T,
            forces[:-1].swapaxes(0, 1),
            virials,
            excess[:-1] if len(excess) else None,
        )


def _answering(models: Sequence[keras.Model]):
    """Function of a chunk: shortest distance, own energies (A, M), excess if known; gradients."""
    models = [with_excess(model, atom_energies_of(model).output) for model in models]

    def every(inputs):
        own = inputs["numbers"].shape[0]

        def value(model, m, vectors, heard):
            energies, *known = (out[:own] for out in _run(model, inputs, vectors, heard))
            return tf.reduce_sum(energies), energies[:, 0], *known

        (energies, *known), gradients = _with_gradients(models, inputs, value)
        vectors = vectors_of(inputs)
        shortest = tf.sqrt(tf.reduce_min(tf.reduce_sum(vectors**2, axis=1)))
        known = [tf.reduce_max(e, axis=1) for e in known]
        return [shortest, energies, *known], gradients

    return every


def _sending(models: Sequence[keras.Model]):
    """Function of a chunk and of what atoms have heard: what its own atoms send next (A, M, T)."""

    def every(inputs):
        heard = inputs["heard"]
        return tf.stack(
            [
                _run(model, inputs, vectors_of(inputs), [table[:, m] for table in heard])
                for m, model in enumerate(models)
            ],
            axis=1,
        )

    return every


def _going_back(models: Sequence[keras.Model]):
    """Function of the same and of the slope of E by what is sent (A, M, T): gradients."""

    def every(inputs):
        def value(model, m, vectors, heard):
            return (tf.reduce_sum(_run(model, inputs, vectors, heard) * inputs["slope"][:, m]),)

        return _with_gradients(models, inputs, value)

    return every


def _with_gradients(models, inputs, value):
    """Values of each model, and the gradients of the first of these, which are left out.

    Args:
        models: M models.
        inputs: of the compiled functions.
        value: function of a model, its index, vectors (P, 3) and what was heard, [(L, T)].

    Returns:
        Values (., M, ...), and derivatives by positions (L, M, 3), by strain (M, 3, 3), see
        :mod:`keras_models.virial`, and by what was heard [(L, M, T)].
    """
    vectors, rows, other = vectors_of(inputs), inputs["rows"], inputs["other"]
    atoms, values, gradients = inputs["positions"].shape[0], [], []
    for m, model in enumerate(models):
        heard = [table[:, m] for table in inputs["heard"]]
        with tf.GradientTape() as tape:
            tape.watch([vectors, *heard])
            total, *more = value(model, m, vectors, heard)
        by_vectors, *by_heard = tape.gradient(total, [vectors, *heard])
        by_positions = tf.math.unsorted_segment_sum(by_vectors, other, atoms)
        by_positions -= sum_of_rows(by_vectors, rows, atoms)
        by_strain = tf.einsum("pa,pb->ab", vectors, by_vectors)
        values.append(more)
        gradients.append([by_positions, by_strain, *map(tf.convert_to_tensor, by_heard)])
    by_positions, by_strain, *by_heard = zip(*gradients, strict=True)
    return (
        [tf.stack(parts, axis=1) for parts in zip(*values, strict=True)],
        [tf.stack(by_positions, axis=1), tf.stack(by_strain), *(tf.stack(p, 1) for p in by_heard)],
    )


def _run(model: keras.Model, inputs, vectors, heard):
    """Run a model until its atoms have to hear more than they have, with constant weights.

    Args:
        model: of the same layers, maybe with other outputs.
        inputs: of the compiled functions.
        vectors: (P, 3), Å.
        heard: what the rounds so far have sent, a table (L, T) for each.

    Returns:
        The model's outputs, or if there is another round, what its own atoms send (A, T).
    """
    own, elements = inputs["numbers"].shape[0], inputs["elements"].shape[0]
    atoms, zero = own + elements, tf.zeros_like(inputs["numbers"][:1])
    nest = {
        # Vectors take the place of shifts; a neighbour's place is taken by one of its element.
        "positions": tf.zeros((atoms, 3), vectors.dtype),
        "numbers": K.concatenate([inputs["numbers"], inputs["elements"]], axis=0),
        "sample": tf.repeat(zero, atoms),
        "sizes": zero + atoms,
        "rows": inputs["rows"],
        "other": own + tf.gather(inputs["kinds"], inputs["other"]),
        "shifts": vectors,
    }
    known = {id(model.input[name]): tensor for name, tensor in nest.items()}
    heard = iter(heard)
    with tf.init_scope():
        values = [v.numpy() for v in model.variables]
    constants = zip(model.variables, map(tf.constant, values), strict=True)
    with keras.StatelessScope(state_mapping=list(constants)):
        for layer in model.layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            given = keras.tree.map_structure(lambda t: known[id(t)], layer.input)
            if isinstance(layer, MessageSums):
                sent, table = given[SENT], next(heard, None)
                if table is None:
                    return K.concatenate([K.reshape(s[:own], (own, -1)) for s in sent], axis=1)
                given[SENT] = _parts(table, sent)
                given[-1] = inputs["other"]
                found = [sums[:atoms] for sums in layer(given)]
            else:
                found = layer(given)
            for name, tensor in zip(
                keras.tree.flatten(layer.output), keras.tree.flatten(found), strict=True
            ):
                known[id(name)] = tensor
    return [known[id(output)] for output in model.outputs]


def _parts(table, like):
    """The columns of a table (L, T) as tensors (L, ...), of the shapes of others but for L."""
    sizes = [math.prod(t.shape[1:]) for t in like]
    columns = tf.split(table, sizes, axis=1)
    return [K.reshape(c, (-1, *t.shape[1:])) for c, t in zip(columns, like, strict=True)]
