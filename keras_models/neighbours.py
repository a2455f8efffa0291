"""Neighbours of every atom within a cutoff, periodic images among them, by the library vesin.

An atom may stand outside its cell, and a cell may be smaller than the cutoff: an atom then has its
own images, and several images of another, as neighbours.
"""

from collections.abc import Iterable

import numpy as np
from ase.geometry import complete_cell
from vesin import NeighborList

from data_gen.frames import Structure


def edges(structure: Structure, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every ordered pair of neighbours of a structure, sorted by i, then j.

    Args:
        structure: anything with ``positions`` (N, 3) Å, ``cell`` (3, 3) Å and ``pbc`` (3,), such
            as ASE's Atoms.
        cutoff: Å.

    Returns:
        i (E,), j (E,) and shifts (E, 3) Å: the vector from i to its neighbour is
        x_j - x_i + shift.

    Raises:
        ValueError: the cell has no length along a periodic direction.
    """
    cell, pbc = np.array(structure.cell, float), np.array(structure.pbc, bool)
    if (pbc & ~(np.linalg.norm(cell, axis=1) > 0)).any():
        raise ValueError("the cell has no length along a periodic direction")
    cell = complete_cell(cell)
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    i, j, multiples = search.compute(
        np.asarray(structure.positions, float), cell, pbc, quantities="ijS"
    )
    return i.astype(np.int64), j.astype(np.int64), multiples @ cell


def most_neighbours(structures: Iterable[Structure], cutoff: float) -> int:
    """The largest number of neighbours that any atom of the structures has."""
    return max(
        int(np.bincount(edges(s, cutoff)[0], minlength=1).max(initial=0)) for s in structures
    )
