"""Neighbour lists of structures that move."""

from collections.abc import Callable

import numpy as np
from ase.geometry import complete_cell

from data_gen.frames import Structure
from data_gen.vast import edges

# Verlet skin, Å: large enough that dynamics near room temperature makes a list every ten steps or
# so, small enough that pairs beyond the cutoff are the minority.
SKIN = 0.5


def into_cell(structure: Structure) -> np.ndarray:
    """What brings the atoms of a structure into its cell along periodic directions, (N, 3) Å."""
    periodic = np.array(structure.pbc, bool)
    # What other vectors there may be, in the plane of these, too, does not matter.
    cell = complete_cell(np.where(periodic[:, None], structure.cell, 0.0))
    cells = np.floor(np.linalg.solve(cell.T, np.asarray(structure.positions, float).T).T)
    return -(cells * periodic) @ cell


def centred(x: np.ndarray) -> np.ndarray:
    """Positions (N, 3) Å relative to their mean: a distant origin would cost digits in float32."""
    # The bits of x - x.mean(axis=0), in less time.
    return x - np.add.reduce(x) / max(1, len(x))


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
        edges: i, j and shifts, as from :func:`edges`, or what was asked for instead.

    Raises:
        ValueError: the skin is negative or not finite.
    """

    def __init__(self, cutoff: float, skin: float = SKIN) -> None:
        if not 0 <= skin < np.inf:
            raise ValueError(f"a skin is a length of at least 0 Å, not {skin}")
        self.cutoff, self.skin, self.made = float(cutoff), float(skin), 0
        self.edges = None
        self._start: Structure | None = None

    def update(self, structure: Structure, find: Callable = edges) -> bool:
        """Make the list anew if necessary, and tell whether it was.

        Args:
            structure: such as ASE's Atoms.
            find: function of a structure and a distance, Å, to the list.

        Raises:
            ValueError: as for :func:`edges`.
        """
        if self._holds(structure):
            return False
        self.forget()
        self.edges = find(structure, self.cutoff + self.skin)
        self._start = Structure(*(np.array(getattr(structure, name)) for name in Structure._fields))
        self.made += 1
        return True

    def forget(self) -> None:
        """Make a new list at the next update, without keeping the old one until then."""
        self._start = self.edges = None

    def _holds(self, structure: Structure) -> bool:
        """Whether the list contains all pairs of a structure that are within the cutoff."""
        start = self._start
        # By bytes, as this is done at each step of dynamics.
        if start is None or any(
            getattr(start, name).tobytes() != np.asarray(getattr(structure, name)).tobytes()
            for name in ("numbers", "cell", "pbc")
        ):
            return False
        moved = structure.positions - start.positions
        # False for NaN, so that it is found while the list is made.
        return bool(np.einsum("ia,ia->i", moved, moved).max(initial=0.0) <= (self.skin / 2) ** 2)
