"""Neighbours of atoms within a cutoff, including periodic images, by the library vesin.

Atoms may be outside their cell, and the cell may be smaller than the cutoff: then the neighbours of
an atom include its own images, and several images of another atom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import complete_cell
from vesin import NeighborList

if TYPE_CHECKING:
    from data_gen.frames import Structure

# Two atoms closer than this count as coinciding, Å; 1/r would be meaningless.
CLOSEST_A = 0.1


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
        ValueError: positions or cell are not finite, or the cell has zero length along a periodic
            direction, or is so flat that two images of an atom must coincide.
    """
    positions = np.asarray(structure.positions, float)
    cell, pbc = np.array(structure.cell, float), np.array(structure.pbc, bool)
    for name, values in (("positions", positions), ("the cell's vectors", cell)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} are not finite (NaN or infinite)")
    if (pbc & ~(np.linalg.norm(cell, axis=1) > 0)).any():
        raise ValueError("the cell has no length along a periodic direction")
    # Length, area or volume. Below this one there is a lattice vector shorter than the closest
    # approach (Hermite's constants), and below zero height there are images without number.
    size = np.prod(np.linalg.svd(cell[pbc], compute_uv=False))
    if pbc.any() and size < 0.7 * CLOSEST_A ** pbc.sum():
        raise ValueError(
            "the cell is flat: its periodic vectors are (nearly) in one plane or on one line, or "
            "too short"
        )
    cell = complete_cell(cell)
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    i, j, multiples = search.compute(positions, cell, pbc, quantities="ijS")
    return i.astype(np.int64), j.astype(np.int64), multiples @ cell
