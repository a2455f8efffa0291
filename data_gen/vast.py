"""Neighbours at any extent: also where an atom has flown away, or the cell is wide and thin.

The library behind :mod:`data_gen.neighbours` sorts atoms into boxes, of which there may be too many
or, after rounding, none. Then trees find the same pairs; all else is left to the library.
"""

import numpy as np
from scipy.spatial import cKDTree

from data_gen import neighbours
from data_gen.neighbours import checked, lattice

# Boxes are at least as wide as the cutoff. Where they would be more than GRID, vesin 0.5.8 takes
# fewer, until along a side of less than WHOLE there may be none (WHOLE is 1, with a margin for its
# rounding): it then divides by zero, which ends the process.
GRID, WHOLE = 1e5, 4
# If some directions are periodic and others not, it looks at all pairs of boxes along the latter:
# beyond SLOW for each atom, of at least FEW, trees are faster.
SLOW, FEW = 200, 500


def edges(structure, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs of neighbours, as :func:`data_gen.neighbours.edges`, at any extent.

    Args:
        structure: anything with ``positions`` (N, 3) Å, ``cell`` (3, 3) Å and ``pbc`` (3,).
        cutoff: Å.

    Returns:
        i (E,), j (E,) and shifts (E, 3) Å, sorted by i.

    Raises:
        ValueError: as for :func:`data_gen.neighbours.edges`, or numbers overflow.
    """
    positions, cell, pbc = checked(structure)
    i, j, multiples = search(positions, cell, pbc, cutoff, in_order=True)
    return i, j, multiples @ cell


def search(positions, cell, pbc, cutoff: float, in_order: bool, dtype: type = np.int64):
    """The pairs of :func:`edges`, as :func:`data_gen.neighbours.search`."""
    boxes = _boxes(positions, cell, pbc, cutoff)
    if not (_overflow(boxes) or _are_slow(boxes, pbc, len(positions))):
        return neighbours.search(positions, cell, pbc, cutoff, in_order, dtype)
    i, j, multiples = _search_by_tree(positions, cell, pbc, cutoff)
    return i.astype(dtype), j.astype(dtype), multiples


def is_vast(structure, cutoff: float) -> bool:
    """Whether a structure is more than the library can take.

    Raises:
        ValueError: as for :func:`data_gen.neighbours.edges`.
    """
    return _overflow(_boxes(*checked(structure), cutoff))


def _boxes(positions, cell, pbc, cutoff: float) -> np.ndarray:
    """Numbers of the library's boxes along each direction, (3,), if it takes no fewer."""
    lengths = lattice(cell.tobytes(), pbc.tobytes()).heights
    if not pbc.all() and len(positions):
        with np.errstate(over="ignore"):  # What is infinite is vast.
            # Along these it takes Cartesian components, and a little more, however the cell lies.
            extents = 1.01 * (positions.max(axis=0) - positions.min(axis=0))
        lengths = np.where(pbc, lengths, extents)
    return np.maximum(lengths / cutoff, 1.0)


def _overflow(boxes: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        total = boxes.prod()
    return bool(total > GRID and boxes.min() < WHOLE * np.cbrt(total / GRID))


def _are_slow(boxes: np.ndarray, pbc: np.ndarray, atoms: int) -> bool:
    if pbc.all() or not pbc.any():
        return False
    return bool(boxes.prod() * boxes[~pbc].prod() > SLOW * max(FEW, atoms))


def _search_by_tree(positions, cell, pbc, cutoff: float):
    """The pairs of :func:`search`, sorted, by trees of the atoms and of their images."""
    _, inverse, heights = lattice(cell.tobytes(), pbc.tobytes())
    reach = cutoff * (1 + 1e-6)  # Rounding is left to the comparison at the end.
    cells = np.where(pbc, np.floor(positions @ inverse), 0.0)
    home = positions - cells @ cell
    # Images: atoms in the cell, and what is within reach of it along one direction after another.
    of, multiples = np.arange(len(positions)), -cells
    for k in np.flatnonzero(pbc):
        margin = reach / heights[k]
        along = (home @ inverse[:, k])[of]
        rows, added = [np.arange(len(of))], [np.zeros(len(of))]
        for m in range(1, int(np.ceil(margin)) + 1):
            for step in (-m, m):
                rows.append(np.flatnonzero(np.abs(along + step - 0.5) < 0.5 + margin))
                added.append(np.full(len(rows[-1]), float(step)))
        rows, added = np.concatenate(rows), np.concatenate(added)
        of, multiples = of[rows], multiples[rows] + added[:, None] * np.eye(3)[k]
    images = positions[of] + multiples @ cell
    pairs = cKDTree(home).sparse_distance_matrix(cKDTree(images), reach, output_type="ndarray")
    i, j = pairs["i"], of[pairs["j"]]
    multiples = (multiples[pairs["j"]] + cells[i]).astype(np.int32)
    vectors = positions[j] - positions[i] + multiples @ cell
    other = (i != j) | multiples.any(axis=1)
    found = other & ((vectors**2).sum(axis=1) < cutoff**2)
    i, j, multiples = i[found], j[found], multiples[found]
    order = np.lexsort((*multiples.T[::-1], j, i))
    return i[order], j[order], multiples[order]
