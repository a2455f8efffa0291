"""Distances of nearest neighbours, in Å and against the elements' radii."""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from data_gen.frames import Frames, Structure
from data_gen.vast import edges

# Neighbours are first searched within this multiple of the largest sum of radii of a frame, and
# for atoms that have none there within the second one.
NEAR, FAR = 1.35, 3.0
# Noble gases keep their distance: their van der Waals radius is about so many covalent ones.
NOBLE = [atomic_numbers[e] for e in ("He", "Ne", "Ar", "Kr", "Xe", "Rn")]
RADII = covalent_radii.copy()
RADII[NOBLE] *= 1.8


@dataclass(frozen=True)
class Distances:
    """Nearest neighbours in each of n frames, including periodic images.

    Attributes:
        shortest: (n,), distance of the closest pair, Å; infinite without one within FAR.
        closest: (n,), smallest distance of a pair in units of the sum of its covalent radii.
        typical: (n,), median over atoms of the distance of the nearest neighbour, in these units.
    """

    shortest: np.ndarray
    closest: np.ndarray
    typical: np.ndarray

    @classmethod
    def of(cls, frames: Frames) -> "Distances":
        """Search the neighbours in all frames."""
        found = np.array([_nearest(s) for s in frames.structures])
        return cls(*found.T)

    def text(self) -> str:
        """Range of the shortest distances, as words."""
        some = self.shortest[np.isfinite(self.shortest)]
        if not len(some):
            return "no neighbours"
        return f"closest pair of a frame {some.min():.3f} to {some.max():.3f} Å"


def _nearest(structure: Structure) -> tuple[float, float, float]:
    n = len(structure.numbers)
    radii = RADII[structure.numbers]
    for reach in (NEAR, FAR):
        i, j, shifts = edges(structure, 2 * reach * radii.max())
        if len(i) and (reach == FAR or (np.bincount(i, minlength=n) > 0).all()):
            break
    if not len(i):
        return np.inf, np.inf, np.inf
    lengths = np.linalg.norm(structure.positions[j] - structure.positions[i] + shifts, axis=1)
    ratios = lengths / (radii[i] + radii[j])
    nearest = np.full(n, np.inf)
    starts = np.flatnonzero(np.diff(i, prepend=-1))  # i is ascending.
    nearest[i[starts]] = np.minimum.reduceat(ratios, starts)
    return lengths.min(), ratios.min(), np.median(nearest)
