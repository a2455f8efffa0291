"""Neighbour lists within a cutoff, including periodic images, by the library vesin.

Atoms may be outside their cell, and the cell may be smaller than the cutoff: then the neighbours of
an atom include its own images, and several images of another atom.
"""

from collections.abc import Iterable

import numpy as np
from ase.geometry import complete_cell
from vesin import NeighborList

from data_gen.frames import Structure


def edges(structure: Structure, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs of neighbours in a structure, sorted by i, then j.

    Args:
        structure: anything with ``positions`` (N, 3) Å, ``cell`` (3, 3) Å and ``pbc`` (3,), such
            as ASE's Atoms.
        cutoff: Å.

    Returns:
        i (E,), j (E,) and shifts (E, 3) Å: the vector from i to its neighbour is
        x_j - x_i + shift.

    Raises:
        ValueError: the cell has zero length along a periodic direction.
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
    """Largest number of neighbours of any atom in the structures."""
    return max(
        int(np.bincount(edges(s, cutoff)[0], minlength=1).max(initial=0)) for s in structures
    )
