"""Neighbours of atoms within a cutoff, including periodic images, and atoms that coincide.

Atoms may be outside their cell, and the cell may be smaller than the cutoff: then the neighbours of
an atom include its own images, and several images of another atom.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase.geometry import complete_cell
from scipy.spatial import cKDTree
from vesin import NeighborList

if TYPE_CHECKING:
    from data_gen.frames import Structure

# Two atoms closer than this count as coinciding, Å; 1/r would be meaningless.
CLOSEST_A = 0.1
# A tree that is asked only once need not be a good one.
QUICK = {"compact_nodes": False, "balanced_tree": False}

# A little more than that, for rounding.
WITHIN = CLOSEST_A + 1e-6
# Atoms for which a tree is worth its making; a direction along which no plane of a crystal is.
LARGE, LINE = 1000, np.array([0.4273, 0.5811, 0.6926])
# Å: beyond, rounding is no longer small beside WITHIN.
FURTHEST = 1e8


class Lattice(NamedTuple):
    """A cell with unit vectors along directions that are not periodic.

    Attributes:
        cell, inverse: (3, 3), Å and 1/Å.
        heights: (3,), distances of opposite faces, Å.
    """

    cell: np.ndarray
    inverse: np.ndarray
    heights: np.ndarray


def edges(structure: Structure, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs of neighbours in a structure, sorted by i, by the library vesin.

    It ends the process where atoms are very far apart: :mod:`data_gen.vast` has the same for these.

    Args:
        structure: anything with ``positions`` (N, 3) Å, ``cell`` (3, 3) Å and ``pbc`` (3,), such
            as ASE's Atoms.
        cutoff: Å.

    Returns:
        i (E,), j (E,) and shifts (E, 3) Å: the vector from i to its neighbour is
        x_j - x_i + shift.

    Raises:
        ValueError: positions or cell are not finite, or the cell has zero length along a periodic
            direction, or is so flat that two images of an atom must coincide.
    """
    positions, cell, pbc = checked(structure)
    i, j, multiples = search(positions, cell, pbc, cutoff, in_order=True)
    return i, j, multiples @ cell


def search(positions, cell, pbc, cutoff: float, in_order: bool, dtype: type = np.int64):
    """The pairs of :func:`edges`, i (E,), j (E,) and multiples (E, 3) of the cell's vectors.

    Args:
        positions, cell, pbc: from :func:`checked`.
        cutoff: Å.
        in_order: whether pairs are sorted, which takes half of the time.
        dtype: of i and j.
    """
    found = NeighborList(cutoff=cutoff, full_list=True, sorted=in_order)
    i, j, multiples = found.compute(positions, cell, pbc, quantities="ijS", copy=False)
    # Copies, as the library's memory is freed with the object.
    return i.astype(dtype), j.astype(dtype), multiples.copy()


def checked(structure: Structure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (N, 3) Å, completed cell (3, 3) Å and periodicity (3,) of a structure.

    Raises:
        ValueError: as for :func:`edges`.
    """
    positions = np.asarray(structure.positions, float)
    cell, pbc = np.array(structure.cell, float), np.array(structure.pbc, bool)
    for name, values in (("positions", positions), ("the cell's vectors", cell)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} are not finite (NaN or infinite)")
    lattice(cell.tobytes(), pbc.tobytes())
    return positions, complete_cell(cell), pbc


@functools.lru_cache(maxsize=16)
def lattice(cell: bytes, pbc: bytes) -> Lattice:
    """The lattice of a cell (3, 3) of float64 and boundary conditions (3,), given as bytes.

    The last ones are kept: the frames of a trajectory mostly have one cell.

    Raises:
        ValueError: the cell has zero length along a periodic direction, or is so flat that two
            images of an atom must coincide.
    """
    vectors = np.frombuffer(cell).reshape(3, 3)
    periodic = np.frombuffer(pbc, dtype=bool)
    if (periodic & ~(np.linalg.norm(vectors, axis=1) > 0)).any():
        raise ValueError("the cell has no length along a periodic direction")
    # Length, area or volume. Below this one there is a lattice vector shorter than the closest
    # approach (Hermite's constants), and below zero height there are images without number.
    size = np.prod(np.linalg.svd(vectors[periodic], compute_uv=False))
    if periodic.any() and size < 0.7 * CLOSEST_A ** periodic.sum():
        raise ValueError(
            "the cell is flat: its periodic vectors are (nearly) in one plane or on one line, or "
            "too short"
        )
    completed = complete_cell(np.where(periodic[:, None], vectors, 0))
    inverse = np.linalg.inv(completed)
    return Lattice(completed, inverse, 1 / np.linalg.norm(inverse, axis=0))


def coinciding(structure: Structure) -> tuple[int, int, float] | None:
    """The two closest of all atoms that are less than :data:`CLOSEST_A` apart, if there are any.

    Two images of one atom do not count. This is much faster than :func:`edges` for so short a
    distance.

    Args:
        structure: as for :func:`edges`, with finite positions and cell.

    Returns:
        Their numbers i < j and their distance, Å, or None.

    Raises:
        ValueError: as for :func:`edges`.
    """
    points = np.asarray(structure.positions, float)
    pbc = np.array(structure.pbc, bool)
    if not pbc.any():
        tree = cKDTree(points, **QUICK)
        pairs = tree.query_pairs(CLOSEST_A, output_type="ndarray")
        vectors = points[pairs[:, 1]] - points[pairs[:, 0]]
    else:
        cell, inverse, heights = lattice(np.array(structure.cell, float).tobytes(), pbc.tobytes())
        if (heights[pbc] < 3 * CLOSEST_A).any():
            return _coinciding_in_a_thin_cell(structure)
        # Along the normal of each face, two atoms are at most as far apart as they are in space.
        box = np.where(pbc, heights, 0)
        along = (points @ inverse) * heights
        along[:, pbc] %= box[pbc]
        # Rounding may have left a point on the far face, where the tree wants none.
        along[:, pbc] *= along[:, pbc] < box[pbc]
        tree = cKDTree(along, boxsize=box, **QUICK)
        pairs = tree.query_pairs(CLOSEST_A, p=np.inf, output_type="ndarray")
        fractions = (along[pairs[:, 1]] - along[pairs[:, 0]]) / heights
        vectors = (fractions - np.rint(fractions) * pbc) @ cell
    return _closest(pairs, vectors)


def may_coincide(structures: Sequence[Structure]) -> np.ndarray:
    """Of which structures :func:`coinciding` has to be asked, (n,) bool.

    All others, nearly all of ordinary data, have no two atoms so close, as is seen for all of them
    at once: of a pair, the projections on a line are as close.

    Args:
        structures: with finite positions and cells.
    """
    sizes = np.array([len(s.numbers) for s in structures])
    cells = np.array([s.cell for s in structures], float).reshape(-1, 3, 3)
    some = np.array([np.any(s.pbc) for s in structures])
    # As periodic along all directions, which only asks for more. Cells that are odd are asked for.
    asked = sizes > LARGE
    asked[some] |= np.abs(np.linalg.det(cells[some])) < 10 * CLOSEST_A**3
    cells[asked | ~some] = np.eye(3)
    inverse = np.linalg.inv(cells)
    heights = 1 / np.linalg.norm(inverse, axis=1)
    asked |= some & (heights < 3 * CLOSEST_A).any(axis=1)
    rest = np.flatnonzero(~asked & (sizes > 1))
    if not len(rest):
        return asked
    frame = np.repeat(rest, sizes[rest])
    x = np.concatenate([structures[k].positions for k in rest])
    periodic = np.flatnonzero(some[frame])
    if len(periodic):
        # Into the cell, and what is near a face once more behind the opposite one.
        of = frame[periodic]
        x, images = np.array(x), np.einsum("ia,iab->ib", x[periodic], inverse[of])
        images = images - np.floor(images)
        for k in range(3):
            near = images[:, k] * heights[of, k] < WITHIN
            images = np.concatenate([images, images[near] + np.eye(3)[k]])
            of = np.append(of, of[near])
        images = np.einsum("ia,iab->ib", images, cells[of])
        x[periodic] = images[: len(periodic)]
        x = np.concatenate([x, images[len(periodic) :]])
        frame = np.append(frame, of[len(periodic) :])
    along = x @ LINE
    along += frame * (np.ptp(along) + 1.0)
    if along.max() > FURTHEST:
        return asked | (sizes > 1)
    order = np.argsort(along)
    x, frame, along = (t[order] for t in (x, frame, along))
    for k in range(1, len(along)):
        near = np.flatnonzero(along[k:] - along[:-k] < WITHIN)
        if not len(near):
            break
        close = ((x[near + k] - x[near]) ** 2).sum(axis=1) < WITHIN**2
        asked[frame[near[close]]] = True
    return asked


def _coinciding_in_a_thin_cell(structure: Structure) -> tuple[int, int, float] | None:
    """As :func:`coinciding`, if more than one image along a normal may be close."""
    i, j, shifts = edges(structure, 20 * CLOSEST_A)
    other = i != j
    vectors = structure.positions[j] - structure.positions[i] + shifts
    return _closest(np.stack([i, j], axis=1)[other], vectors[other])


def _closest(pairs: np.ndarray, vectors: np.ndarray) -> tuple[int, int, float] | None:
    if not len(pairs):
        return None
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = lengths.argmin()
    if lengths[nearest] >= CLOSEST_A:
        return None
    i, j = sorted(pairs[nearest].tolist())
    return i, j, float(lengths[nearest])
