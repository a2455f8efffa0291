"""Large structures in chunks of atoms close to each other, so that arrays stay in the cache.

A model's arrays for all pairs of a large structure do not fit into a processor's cache: most of
the time would go into moving them. Chunks of some hundred atoms are several
times as fast, and need the memory of one chunk beside the neighbour list. The arrays of all chunks
have one shape, so that functions of them are compiled once, whatever the number of atoms.

Shapes: N atoms; of each chunk A own atoms, L own atoms and neighbours, R rows of T slots each for
P = R T pairs (:mod:`keras_models.rows`), E elements.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from data_gen.frames import Structure
from data_gen.neighbours import checked
from data_gen.vast import search
from keras_models.neighbours import into_cell
from keras_models.rows import in_rows, slots_for

# Pairs of a chunk. Half as many need a third more time and more, as calls then count; twice as many
# take about as long.
PAIRS = 14_000
# An atom costs as much as this number of pairs.
PAIRS_OF_ATOM = 20
# Largest number of chunks, so that it has 16 bits.
MOST = 2**16
# Atoms of a leaf of the tree that brings atoms into the order of the chunks.
LEAF = 32
# Room in the arrays for lists to come, and the most with which arrays are kept, as factors. Atoms
# that are only neighbours cost little, and in small structures some are neighbours twice.
ROOM, MOST_ROOM = 1.03, 1.2
ROOM_AROUND, MOST_ROOM_AROUND = 1.5, 3.0


class Chunk(NamedTuple):
    """Atoms close to each other, with all their neighbours, padded.

    Padding rows are of the last of the own atoms, which is padding. Slots that are left over join
    their atom to itself at the distance for which the list was made.

    Attributes:
        atoms: (L,), places of the atoms in the structure, N for padding; the A own ones come first.
            L is at least A + E.
        numbers: (A,), atomic numbers of the own ones; 0 for padding.
        elements: (E,), atomic numbers of the structure's elements.
        kinds: (L,), of which of the elements an atom is.
        rows: (R,), index of the atom i that a row of pairs belongs to, ascending, below A.
        other: (P,), index of the neighbour j, below L.
        shifts: (P, 3), Å, from j to the periodic image that is the neighbour.
    """

    atoms: np.ndarray
    numbers: np.ndarray
    elements: np.ndarray
    kinds: np.ndarray
    rows: np.ndarray
    other: np.ndarray
    shifts: np.ndarray


class Chunks(NamedTuple):
    """A structure in chunks.

    Attributes:
        chunks: each atom is an own one of one of them. An iterator, as each is needed only once.
        shape: A, L, R and T.
    """

    chunks: Iterator[Chunk]
    shape: tuple[int, int, int, int]


def in_chunks(
    structure: Structure,
    reach: float,
    pairs: int = PAIRS,
    before: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Chunks:
    """Divide a structure into chunks with about equal numbers of pairs.

    The shifts are right for atoms that were brought :func:`~keras_models.neighbours.into_cell`.

    Args:
        structure: such as ASE's Atoms.
        reach: distance of the farthest neighbours, Å.
        pairs: about so many pairs in a chunk.
        before: shape of the chunks before, which is kept if it suits.

    Raises:
        ValueError: as for :func:`~keras_models.neighbours.edges`.
    """
    x, cell, pbc = checked(structure)
    n, x = len(x), x + into_cell(structure)
    # Leaf by leaf, neighbours in space are neighbours in the list.
    order = cKDTree(x, leafsize=LEAF, compact_nodes=False).indices
    i, j, multiples = search(x[order], cell, pbc, reach, in_order=False, dtype=np.int32)
    counts = np.bincount(i, minlength=n)
    slots = slots_for(counts, before[3])
    work = np.append(0, np.cumsum(counts + PAIRS_OF_ATOM))
    many = min(MOST, max(1, round(work[-1] / pairs)))
    bounds = np.unique(np.searchsorted(work, np.linspace(0, work[-1], many + 1)))
    chunk = np.repeat(np.arange(len(bounds) - 1, dtype=np.uint16), np.diff(bounds))[i]
    # A sort of 16 bits takes linear time.
    members = np.split(
        np.argsort(chunk, kind="stable"),
        np.cumsum(np.bincount(chunk, minlength=len(bounds) - 1))[:-1],
    )
    others, outside = [], np.zeros(n, bool)
    for (begin, end), p in zip(pairwise(bounds), members, strict=True):
        outside[j[p]] = True
        outside[begin:end] = False
        others.append(np.flatnonzero(outside).astype(np.int32))
        outside[others[-1]] = False
    numbers = np.asarray(structure.numbers)
    elements, kinds = np.unique(numbers, return_inverse=True)
    own = _suiting(int(np.diff(bounds).max()) + 1, before[0])
    around = max(len(elements), *map(len, others))
    halo = _suiting(around, before[1] - before[0], ROOM_AROUND, MOST_ROOM_AROUND)
    rows = np.append(0, np.cumsum(-(-counts // slots)))[bounds]
    longest = _suiting(int(np.diff(rows).max()), before[2])

    def chunks():
        local = np.empty(n, np.int32)
        for (begin, end), p, near in zip(pairwise(bounds), members, others, strict=True):
            local[begin:end] = np.arange(end - begin)
            local[near] = own + np.arange(len(near))
            atoms = np.full(own + halo, n, np.int32)
            atoms[: end - begin] = order[begin:end]
            atoms[own : own + len(near)] = order[near]
            p = p[np.argsort(local[i[p]].astype(np.uint16), kind="stable")]
            shifts = multiples[p] @ cell
            found = in_rows(local[i[p]], local[j[p]], shifts, end - begin, slots, reach)
            shifts = _padded(found.shifts, slots * longest, 0.0)
            shifts[len(found.other) :, 0] = reach
            yield Chunk(
                atoms,
                _padded(numbers[order[begin:end]], own, 0),
                elements.astype(np.int32),
                np.append(kinds, 0)[atoms].astype(np.int32),
                _padded(found.rows, longest, own - 1),
                _padded(found.other, slots * longest, own - 1),
                shifts,
            )

    return Chunks(chunks(), (own, own + halo, longest, slots))


def _padded(array: np.ndarray, size: int, value: float) -> np.ndarray:
    """An array filled up to a size; integers become int32."""
    kind = float if array.dtype.kind == "f" else np.int32
    whole = np.full((size, *array.shape[1:]), value, kind)
    whole[: len(array)] = array
    return whole


def _suiting(need: int, before: int, room: float = ROOM, most: float = MOST_ROOM) -> int:
    """The size before, if it holds what is needed without too much room, or else one with some."""
    return before if need <= before <= most * need else int(room * need) + 1
