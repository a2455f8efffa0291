"""Distances between all pairs of atoms: per frame, sorted, and summed onto atoms."""

import numpy as np
from ase.geometry import find_mic


def pair_distances(positions: np.ndarray) -> np.ndarray:
    """r_ij of the pairs i < j, row by row: (n, N, 3) Å -> (n, P) Å, P = N(N-1)/2."""
    i, j = np.triu_indices(positions.shape[1], 1)
    return np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)


def sorted_distances(
    positions: np.ndarray, cell: np.ndarray | None = None, pbc=(False, False, False)
) -> np.ndarray:
    """Each frame's pair distances in rising order: (n, N, 3) Å -> (n, P) Å.

    The same for the same shape, however it is turned and its atoms (of one element) are numbered.

    Args:
        positions: of all frames.
        cell: (3, 3) Å; needed where a direction is periodic.
        pbc: (3,), periodic or not; distances then are to the nearest image.
    """
    if np.any(pbc):
        i, j = np.triu_indices(positions.shape[1], 1)
        vectors = (positions[:, i] - positions[:, j]).reshape(-1, 3)
        distances = find_mic(vectors, cell, pbc)[1].reshape(len(positions), -1)
    else:
        # In C order, as means over frames round by the order in memory.
        distances = np.ascontiguousarray(pair_distances(positions))
    return np.sort(distances, axis=1)


class Pairs:
    """All pairs i < j of a set of frames, and sums over each atom's neighbours.

    Attributes:
        r: (m,) Å, m = n P: distances, frame by frame.
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
        """sum_{j != i} v_ij, v the same for (i, j) and (j, i): (m, d) -> (n N, d), by frame."""
        parts = values.reshape(self._n, -1, values.shape[-1])
        return np.einsum("npd,pa->nad", parts, self._to_atoms).reshape(-1, values.shape[-1])
