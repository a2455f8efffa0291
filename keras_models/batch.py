"""What goes into a model that knows elements and periodic images: one nest of tensors.

Structures of any sizes, compositions and cells stand one after the other, so that all of these are
inputs of a model and none is built into it. Shapes: A atoms in all, S structures, K neighbour
slots for each atom.

The report's models of bare clusters take positions (B, N, 3) alone.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.neighbours import edges, most_neighbours


class Batch(NamedTuple):
    """Structures as the arrays that a model takes.

    Attributes:
        positions: (A, 3), Å.
        numbers: (A,), atomic numbers; 0 fills a batch up and counts for nothing.
        sample: (A,), which structure an atom is of.
        sizes: (S,), how many atoms a structure has.
        neighbours: (A, K), which atom of the batch each slot holds.
        shifts: (A, K, 3), Å, from that atom to the image that is the neighbour. An empty slot
            holds the atom itself, shifted out of reach.
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
    """Several structures as one batch, filled up to a shape where one is given.

    Args:
        structures: such as ASE's Atoms.
        cutoff: Å; what lies within it is a neighbour.
        slots, atoms, samples: K, A and S, at least what the structures need; None for just that.

    Raises:
        ValueError: a shape that the structures do not fit into.
    """
    sizes = np.array([len(s.numbers) for s in structures])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    found = [edges(s, cutoff) for s in structures]
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
    """Batches of one shape, so that what takes them compiles once."""
    chunk = min(chunk, len(structures))
    slots = max(1, most_neighbours(structures, cutoff))
    atoms = chunk * max(len(s.numbers) for s in structures)
    for k in range(0, len(structures), chunk):
        yield batch_of(structures[k : k + chunk], cutoff, slots, atoms, chunk)


def batch_inputs() -> dict[str, keras.KerasTensor]:
    """A model's inputs, by the names of :class:`Batch`."""
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
    """A batch as a model of this dtype takes it."""
    return {
        name: tf.constant(array, dtype if array.dtype.kind == "f" else "int32")
        for name, array in batch._asdict().items()
    }


def cutoff_of(model: keras.Model) -> float | None:
    """How far a model sees (Å); None for one that takes positions alone."""
    reach = [layer.cutoff for layer in model.layers if hasattr(layer, "cutoff")]
    return max(reach, default=None)
