"""Predict E of a frame as the mean of its two nearest: appendix A's "remembering and averaging".

    "If sample 1 and 3 are in training set and sample 2 is in test set, label 2 can be easily
    obtained by remembering and averaging labels 1 and 3."

Nothing is learned or tuned: what this predictor gains from a choice of the test part, the choice
gives away. "Nearest" is in time or in shape.
"""

import numpy as np
from scipy.spatial.distance import cdist

from analysis.distances import sorted_distances
from data_gen.dataset import Dataset

NEIGHBOURS = 2  # the report's samples 1 and 3


def in_shape(part: Dataset) -> np.ndarray:
    """Coordinates of a frame's shape: its sorted pair distances, (n, P) Å."""
    return sorted_distances(part.positions, part.cell, part.pbc)


def in_time(part: Dataset) -> np.ndarray:
    """Coordinates in time: the frames' numbers in the whole data, (n, 1).

    The part must come from :func:`data_gen.splits.folds`, which notes those numbers.
    """
    return np.asarray(part.metadata["frames"], float)[:, None]


# Coordinates in which frames are near or far, by name.
COORDINATES = {"in_shape": in_shape, "in_time": in_time}


def mean_of_nearest(
    known: np.ndarray, labels: np.ndarray, wanted: np.ndarray, itself: bool = False
) -> np.ndarray:
    """Mean label of the :data:`NEIGHBOURS` nearest known points; the earlier of two as near.

    Args:
        known: (n, D), points whose labels are known.
        labels: (n,), theirs.
        wanted: (m, D), points to predict; Euclidean distances decide.
        itself: ``wanted`` is ``known``, and no point is its own neighbour.

    Returns:
        (m,), in the labels' unit.
    """
    distances = cdist(wanted, known)
    if itself:
        np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
    return labels[nearest].mean(axis=1)
