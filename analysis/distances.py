"""Distances between all pairs of atoms, and sums of pair quantities over each atom's neighbours."""

import numpy as np
from ase.geometry import find_mic


def pair_distances(positions: np.ndarray) -> np.ndarray:
    """Distances r_ij of all pairs i < j, row by row: (n, N, 3) Å -> (n, P) Å, P = N(N-1)/2."""
    i, j = np.triu_indices(positions.shape[1], 1)
    return np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)


def sorted_distances(
    positions: np.ndarray, cell: np.ndarray | None = None, pbc=(False, False, False)
) -> np.ndarray:
    """Pair distances of each frame in ascending order: (n, N, 3) Å -> (n, P) Å.

    They depend on the shape alone, not on orientation or the numbering of atoms of one element.

    Args:
        positions: of all frames.
        cell: (3, 3) Å; needed if a direction is periodic.
        pbc: (3,), periodic or not; distances are to the nearest periodic image.
    """
    if np.any(pbc):
        i, j = np.triu_indices(positions.shape[1], 1)
        vectors = (positions[:, i] - positions[:, j]).reshape(-1, 3)
        distances = find_mic(vectors, cell, pbc)[1].reshape(len(positions), -1)
    else:
        # In C order, because the rounding of means over frames depends on the memory layout.
        distances = np.ascontiguousarray(pair_distances(positions))
    return np.sort(distances, axis=1)


class Pairs:
    """Pairs i < j of a set of frames, for sums over each atom's neighbours.

    Attributes:
        r: (m,) Å, m = n P, distances, frame by frame.
        n_atoms: N.
    """

    def __init__(self, positions: np.ndarray) -> None:
        self._n, self.n_atoms, _ = positions.shape
        self.r = pair_distances(positions).ravel()
        i, j = np.triu_indices(self.n_atoms, 1)
        # (P, N): 1 at both atoms of each pair.
        self._to_atoms = np.zeros((len(i), self.n_atoms))
        self._to_atoms[np.arange(len(i)), i] = self._to_atoms[np.arange(len(i)), j] = 1.0

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over neighbours of symmetric pair values v_ij = v_ji: (m, d) -> (n N, d)."""
        parts = values.reshape(self._n, -1, values.shape[-1])
        return np.einsum("npd,pa->nad", parts, self._to_atoms).reshape(-1, values.shape[-1])
