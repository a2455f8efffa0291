"""Edge lists: batches of structures whose neighbours are pairs of indices, in linear memory.

Like :mod:`keras_models.batch`, but with directed pairs i -> j in rows (:mod:`keras_models.rows`)
instead of one long row for each atom, so that little is lost on atoms that have fewer neighbours
than others. Functions of two neighbours of one atom, such as Behler's angular ones, need all of
them in one row.

Shapes: A atoms, R rows and P = R T pairs in total, S structures. To compile few shapes, batches are
padded to sizes of a geometric sequence (:func:`bucket`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.frames import Structure
from data_gen.neighbours import edges
from keras_models.backend import keras
from keras_models.neighbours import centred, into_cell
from keras_models.rows import in_rows, slots_for

# Ratio of successive sizes of padded batches: at most 20 % of a batch are padding.
GROWTH = 1.2
# Largest number of atoms in a batch of several structures, which bounds its memory: 0.15 MB an
# atom in a crystal.
ATOMS = 4096


class EdgeBatch(NamedTuple):
    """Structures as arrays for a model, with an edge list.

    Padding atoms come last, have number 0 and belong to the last structure, which is dropped;
    padding rows are of one of them, and like all slots that are left over join it to itself at
    exactly the cutoff distance, so that they add nothing and their gradients are zero, not NaN.

    Attributes:
        positions: (A, 3), Å; of each structure in its cell and relative to their mean.
        numbers: (A,), atomic numbers; 0 for padding.
        sample: (A,), index of the structure that an atom belongs to.
        sizes: (S,), number of atoms of each structure; 0 for padding.
        rows: (R,), index of the atom i that a row of pairs belongs to, ascending.
        other: (P,), index of the neighbour j.
        shifts: (P, 3), Å, from j to the periodic image that is the neighbour.
    """

    positions: np.ndarray
    numbers: np.ndarray
    sample: np.ndarray
    sizes: np.ndarray
    rows: np.ndarray
    other: np.ndarray
    shifts: np.ndarray


def bucket(n: int) -> int:
    """Smallest size of a padded axis that holds ``n``: 1, 2, ..., 10, 12, 14, 16, 19, ...

    Each size is at most :data:`GROWTH` times the previous one, or one more.
    """
    size = 1
    while size < n:
        size = max(size + 1, int(GROWTH * size))
    return size


def edge_list(structure: Structure, cutoff: float, slots: int = 1) -> EdgeBatch:
    """One structure as a batch of its own; parts for :func:`join`.

    Args:
        structure: such as ASE's Atoms.
        cutoff: of neighbours, Å.
        slots: T, of a row.

    Raises:
        ValueError: as for :func:`~keras_models.neighbours.edges`.
    """
    return with_edges(structure, edges(structure, cutoff), cutoff, slots)


def with_edges(
    structure: Structure,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    cutoff: float,
    slots: int = 1,
) -> EdgeBatch:
    """One structure as a batch of its own, with i, j and shifts that are known already."""
    atoms, (i, j, shifts) = len(structure.numbers), found
    # Wrapped and centred, as a distant image or origin would cost digits in float32.
    wrap = into_cell(structure)
    return EdgeBatch(
        centred(np.array(structure.positions, float) + wrap),
        np.array(structure.numbers, np.int32),
        np.zeros(atoms, np.int32),
        np.array([atoms], np.int32),
        *in_rows(i, j, shifts + wrap[i] - wrap[j], atoms, slots, cutoff),
    )


def join(
    parts: Sequence[EdgeBatch],
    cutoff: float,
    atoms: int | None = None,
    rows: int | None = None,
    samples: int | None = None,
) -> EdgeBatch:
    """Concatenate batches without padding into one, optionally padded to a given shape.

    Args:
        parts: results of :func:`edge_list` with the same slots, which can be kept while they are
            joined in new orders.
        cutoff: of neighbours, Å; the length of padding pairs.
        atoms, rows, samples: A, R and S; None for exactly what is needed.

    Raises:
        ValueError: the parts do not fit into the shape, or it has padding, but no atom or no
            structure for it.
    """
    counts = np.array([[len(p.numbers), len(p.rows), len(p.sizes)] for p in parts])
    slots = max(len(p.other) // max(1, len(p.rows)) for p in parts) or 1
    need = counts.sum(axis=0)
    shape = np.array(
        [
            n if given is None else given
            for n, given in zip(need, (atoms, rows, samples), strict=True)
        ]
    )
    names = "{} atoms, {} rows, {} structures".format
    if (shape < need).any():
        raise ValueError(f"{names(*need)} do not fit into {names(*shape)}")
    spare = shape - need
    if (spare[1] and not spare[0]) or (spare[0] and not spare[2]):
        raise ValueError(
            f"{names(*shape)} for {names(*need)}: padding rows need a padding atom, and padding "
            "atoms a padding structure"
        )
    first, _, structure = (counts.cumsum(axis=0) - counts).T.astype(np.int32)

    def filled(arrays, size, value=0):
        joined = np.concatenate(arrays)
        whole = np.full((size, *joined.shape[1:]), value, joined.dtype)
        whole[: len(joined)] = joined
        return whole

    padding_atom, padding_structure = shape[0] - 1, shape[2] - 1
    batch = EdgeBatch(
        filled([p.positions for p in parts], shape[0]),
        filled([p.numbers for p in parts], shape[0]),
        filled(
            [p.sample + s for p, s in zip(parts, structure, strict=True)],
            shape[0],
            padding_structure,
        ),
        filled([p.sizes for p in parts], shape[2]),
        *(
            filled(
                [getattr(p, name) + s for p, s in zip(parts, first, strict=True)],
                size,
                padding_atom,
            )
            for name, size in (("rows", shape[1]), ("other", slots * shape[1]))
        ),
        filled([p.shifts for p in parts], slots * shape[1]),
    )
    batch.shifts[slots * need[1] :, 0] = cutoff
    return batch


def join_padded(parts: Sequence[EdgeBatch], cutoff: float, samples: int | None = None) -> EdgeBatch:
    """Join batches, padded to sizes of :func:`bucket` with at least one padding atom.

    Args:
        parts, cutoff: as for :func:`join`.
        samples: largest number of structures in any of the batches, without padding; None for that
            of ``parts``.
    """
    atoms = sum(len(p.numbers) for p in parts)
    rows = sum(len(p.rows) for p in parts)
    samples = max(samples or 0, sum(len(p.sizes) for p in parts))
    return join(parts, cutoff, bucket(atoms + 1), bucket(rows), samples + 1)


def edge_batches(
    structures: Sequence[Structure],
    cutoff: float,
    chunk: int,
    atoms: int = ATOMS,
    slots: int | None = None,
) -> Iterator[EdgeBatch]:
    """Padded batches of at most ``chunk`` structures each, in order.

    Args:
        structures: to divide into batches.
        cutoff: of neighbours, Å.
        chunk: largest number of structures in a batch.
        atoms: largest number of atoms in a batch of more than one structure.
        slots: T, of a row; None for what suits the first batch.
    """
    chunk, found = min(chunk, len(structures)), []

    def joined() -> EdgeBatch:
        nonlocal slots
        if slots is None:
            slots = slots_of(found)
        return join_padded([with_edges(*of, cutoff, slots) for of in found], cutoff, chunk)

    held = 0
    for s in structures:
        n = len(s.numbers)
        if found and (len(found) == chunk or held + n > atoms):
            yield joined()
            found, held = [], 0
        found.append((s, edges(s, cutoff)))
        held += n
    if found:
        yield joined()


def slots_of(found: Sequence[tuple[Structure, tuple]], before: int = 0) -> int:
    """Slots of a row that suit structures with their i, j and shifts, see :func:`slots_for`."""
    counts = [np.bincount(i, minlength=len(s.numbers)) for s, (i, _, _) in found]
    return slots_for(np.concatenate(counts), before)


def takes_edges(model: keras.Model) -> bool:
    """Whether a model takes an :class:`EdgeBatch`."""
    return any(getattr(x, "name", None) == "rows" for x in model.inputs)


def edge_inputs() -> dict[str, keras.KerasTensor]:
    """Keras inputs of a model that takes an :class:`EdgeBatch`, by name."""
    integers = {"dtype": "int32"}
    return {
        "positions": keras.Input((3,), name="positions"),
        "numbers": keras.Input((), name="numbers", **integers),
        "sample": keras.Input((), name="sample", **integers),
        "sizes": keras.Input((), name="sizes", **integers),
        "rows": keras.Input((), name="rows", **integers),
        "other": keras.Input((), name="other", **integers),
        "shifts": keras.Input((3,), name="shifts"),
    }
