"""Batches of structures of any size, composition and cell, as inputs of models that support them.

A batch is a nest of tensors in which the atoms of all structures are concatenated, so that size,
composition and cell are inputs of a model and not part of it. Shapes: A atoms in total, S
structures, K neighbour slots for each atom.

The report's models of isolated clusters take only positions (B, N, 3) instead.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.frames import Structure
from data_gen.neighbours import edges
from keras_models.backend import keras, tf


class Batch(NamedTuple):
    """Structures as arrays for a model.

    Attributes:
        positions: (A, 3), Å.
        numbers: (A,), atomic numbers; 0 for padding, which contributes nothing.
        sample: (A,), index of the structure that an atom belongs to.
        sizes: (S,), number of atoms of each structure.
        neighbours: (A, K), index of the atom in each neighbour slot.
        shifts: (A, K, 3), Å, from that atom to the periodic image that is the neighbour. An empty
            slot contains the atom itself, shifted beyond the cutoff.
    """

    positions: np.ndarray
    numbers: np.ndarray
    sample: np.ndarray
    sizes: np.ndarray
    neighbours: np.ndarray
    shifts: np.ndarray


def batch_of(
    structures: Sequence[Structure],
    cutoff: float,
    slots: int | None = None,
    atoms: int | None = None,
    samples: int | None = None,
) -> Batch:
    """Combine several structures into a batch, optionally padded to a given shape.

    Args:
        structures: such as ASE's Atoms.
        cutoff: of neighbours, Å.
        slots, atoms, samples: K, A and S, at least as large as the structures need; None for
            exactly that.

    Raises:
        ValueError: the structures do not fit into the shape.
    """
    found = [edges(s, cutoff) for s in structures]
    return with_neighbours(structures, found, cutoff, slots, atoms, samples)


def with_neighbours(
    structures: Sequence[Structure],
    found: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    cutoff: float,
    slots: int | None = None,
    atoms: int | None = None,
    samples: int | None = None,
) -> Batch:
    """The same with i, j and shifts of each structure that are known already."""
    sizes = np.array([len(s.numbers) for s in structures])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    i = np.concatenate([i + start for (i, _, _), start in zip(found, starts, strict=False)])
    j = np.concatenate([j + start for (_, j, _), start in zip(found, starts, strict=False)])
    count = np.bincount(i, minlength=starts[-1])
    need = {"slots": max(1, int(count.max())), "atoms": int(starts[-1]), "samples": len(sizes)}
    slots, atoms, samples = (
        need[name] if given is None else given
        for name, given in (("slots", slots), ("atoms", atoms), ("samples", samples))
    )
    if slots < need["slots"] or atoms < need["atoms"] or samples < need["samples"]:
        raise ValueError(f"{need} do not fit into {slots} slots, {atoms} atoms, {samples} samples")
    slot = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    neighbours = np.repeat(np.arange(atoms, dtype=np.int32)[:, None], slots, axis=1)
    shifts = np.full((atoms, slots, 3), 2.0 * cutoff)
    neighbours[i, slot] = j
    shifts[i, slot] = np.concatenate([shift for _, _, shift in found])

    def filled(arrays, shape, dtype):
        whole = np.zeros(shape, dtype)
        joined = np.concatenate(arrays)
        whole[: len(joined)] = joined
        return whole

    return Batch(
        filled([s.positions for s in structures], (atoms, 3), float),
        filled([s.numbers for s in structures], (atoms,), np.int32),
        filled([np.repeat(np.arange(len(sizes)), sizes)], (atoms,), np.int32),
        filled([sizes], (samples,), np.int32),
        neighbours,
        shifts,
    )


def batches(structures: Sequence[Structure], cutoff: float, chunk: int) -> Iterator[Batch]:
    """Batches of equal shape, so that functions of them are compiled only once.

    Args:
        structures: to divide into batches.
        cutoff: of neighbours, Å.
        chunk: largest number of structures in a batch.
    """
    chunk = min(chunk, len(structures))
    found = [edges(s, cutoff) for s in structures]
    slots = max(1, *(int(np.bincount(i, minlength=1).max()) for i, _, _ in found))
    atoms = chunk * max(len(s.numbers) for s in structures)
    for k in range(0, len(structures), chunk):
        part = slice(k, k + chunk)
        yield with_neighbours(structures[part], found[part], cutoff, slots, atoms, chunk)


def batch_inputs() -> dict[str, keras.KerasTensor]:
    """Keras inputs of a model that takes a :class:`Batch`, by name."""
    integers = {"dtype": "int32"}
    return {
        "positions": keras.Input((3,), name="positions"),
        "numbers": keras.Input((), name="numbers", **integers),
        "sample": keras.Input((), name="sample", **integers),
        "sizes": keras.Input((), name="sizes", **integers),
        "neighbours": keras.Input((None,), name="neighbours", **integers),
        "shifts": keras.Input((None, 3), name="shifts"),
    }


def tensors_of(batch: Batch, dtype: str) -> dict[str, tf.Tensor]:
    """Convert a batch to tensors for a model of the given dtype."""
    return {
        name: tf.constant(array, dtype if array.dtype.kind == "f" else "int32")
        for name, array in batch._asdict().items()
    }


def cutoff_of(model: keras.Model) -> float | None:
    """Cutoff of a model, Å; None if it takes only positions instead of a :class:`Batch`."""
    reach = [layer.cutoff for layer in model.layers if hasattr(layer, "cutoff")]
    return max(reach, default=None)
