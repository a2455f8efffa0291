"""Random rotations of molecules, and rotated copies of training data."""

import numpy as np
from scipy.spatial.transform import Rotation


def random_turns(n: int, seed: int) -> np.ndarray:
    """n random rotations as matrices (n, 3, 3)."""
    return Rotation.random(n, random_state=seed).as_matrix()


def turned(vectors: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Rotate each sample's vectors (n, N, 3) by its own matrix (n, 3, 3)."""
    return np.einsum("nab,nib->nia", turns, vectors)


def turned_copies(positions: np.ndarray, forces: np.ndarray, copies: int):
    """Repeat positions and forces (n, N, 3) ``copies`` times, all but the first copy rotated.

    Each frame of each further copy has its own random rotation. Deterministic: independent of the
    seed of the training.
    """
    found = [(positions, forces)]
    for copy in range(1, copies):
        turns = random_turns(len(positions), seed=copy)
        found.append((turned(positions, turns), turned(forces, turns)))
    return tuple(map(np.concatenate, zip(*found, strict=True)))
