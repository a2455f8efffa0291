"""Nearest-neighbour prediction of energies: appendix A's "remembering and averaging".

    "If sample 1 and 3 are in training set and sample 2 is in test set, label 2 can be easily
    obtained by remembering and averaging labels 1 and 3."

As nothing is learned or tuned, a low error of this predictor shows how much a choice of the test
part gives away. Neighbours are nearest in time or in shape.
"""

import numpy as np
from scipy.spatial.distance import cdist

from analysis.distances import sorted_distances
from data_gen.dataset import Dataset

NEIGHBOURS = 2  # the report's samples 1 and 3


def in_shape(part: Dataset) -> np.ndarray:
    """Coordinates that describe the frames' shapes: sorted pair distances, (n, P) Å."""
    return sorted_distances(part.positions, part.cell, part.pbc)


def in_time(part: Dataset) -> np.ndarray:
    """Coordinates that give the frames' times: their numbers in the whole data, (n, 1).

    The part must come from :func:`data_gen.splits.folds`, which records these numbers.
    """
    return np.asarray(part.metadata["frames"], float)[:, None]


# Coordinates for distances between frames, by name.
COORDINATES = {"in_shape": in_shape, "in_time": in_time}


def mean_of_nearest(
    known: np.ndarray, labels: np.ndarray, wanted: np.ndarray, itself: bool = False
) -> np.ndarray:
    """Mean label of the :data:`NEIGHBOURS` nearest known points, by Euclidean distance.

    Of equally near points the earlier one is taken.

    Args:
        known: (n, D), points whose labels are known.
        labels: (n,), of the known points.
        wanted: (m, D), points to predict.
        itself: ``wanted`` is ``known``; a point is not its own neighbour.

    Returns:
        (m,), in the labels' unit.
    """
    distances = cdist(wanted, known)
    if itself:
        np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
    return labels[nearest].mean(axis=1)
