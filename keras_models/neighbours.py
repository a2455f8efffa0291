"""Neighbour lists within a cutoff, including periodic images, by the library vesin.

Atoms may be outside their cell, and the cell may be smaller than the cutoff: then the neighbours of
an atom include its own images, and several images of another atom.
"""

from collections.abc import Iterable

import numpy as np
from ase.geometry import complete_cell
from vesin import NeighborList

from data_gen.frames import CLOSEST_A, Structure

# Verlet skin, Å: large enough that dynamics near room temperature makes a list every ten steps or
# so, small enough that pairs beyond the cutoff are the minority.
SKIN = 0.5


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


def most_neighbours(structures: Iterable[Structure], cutoff: float) -> int:
    """Largest number of neighbours of any atom in the structures."""
    return max(
        int(np.bincount(edges(s, cutoff)[0], minlength=1).max(initial=0)) for s in structures
    )


class VerletList:
    """Neighbour list of a structure that moves, made anew only when it may lack a pair.

    It contains all pairs within cutoff + skin of the positions for which it was made, and thus all
    pairs within the cutoff until two atoms have approached each other by the skin: until one has
    moved more than half of it. What a model adds for pairs beyond the cutoff must be 0. Source:
    L. Verlet, Phys. Rev. 159, 98 (1967).

    Args:
        cutoff: Å.
        skin: Å; with 0, the list is made for each new configuration.

    Attributes:
        made: how many times a list was made.
        edges: i, j and shifts, as from :func:`edges`.

    Raises:
        ValueError: the skin is negative or not finite.
    """

    def __init__(self, cutoff: float, skin: float = SKIN) -> None:
        if not 0 <= skin < np.inf:
            raise ValueError(f"a skin is a length of at least 0 Å, not {skin}")
        self.cutoff, self.skin, self.made = float(cutoff), float(skin), 0
        self.edges: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._start: Structure | None = None

    def update(self, structure: Structure) -> bool:
        """Make the list anew if necessary, and tell whether it was.

        Raises:
            ValueError: as for :func:`edges`.
        """
        if self._holds(structure):
            return False
        self.forget()
        self.edges = edges(structure, self.cutoff + self.skin)
        self._start = Structure(*(np.array(getattr(structure, name)) for name in Structure._fields))
        self.made += 1
        return True

    def forget(self) -> None:
        """Make a new list at the next update."""
        self._start = None

    def _holds(self, structure: Structure) -> bool:
        """Whether the list contains all pairs of a structure that are within the cutoff."""
        start = self._start
        if start is None or any(
            not np.array_equal(getattr(start, name), getattr(structure, name))
            for name in ("numbers", "cell", "pbc")
        ):
            return False
        moved = structure.positions - start.positions
        # False for NaN, so that it is found while the list is made.
        return bool(np.einsum("ia,ia->i", moved, moved).max(initial=0.0) <= (self.skin / 2) ** 2)
