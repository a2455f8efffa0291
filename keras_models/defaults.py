"""Settings of training that are chosen from the data: their sizes, distances and cells.

The rules were found on frames that no row is tested on: a validation block of Au12's training part
(density functional theory), ethanol (GFN2-xTB), crystals of silicon (Brenner's potential) and of
nickel (EMT).
"""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from data_gen.frames import Frames, Structure
from data_gen.vast import edges
from keras_models.fit_edges import EdgeFitSettings
from keras_models.settings import EdgeSettings

# Without a number of steps that fits the time at hand.
STEPS = 10_000
# Frames, evenly spaced, that the rules look at.
LOOKED_AT = 100
# Cutoffs, Å, and as multiples of the distance of nearest neighbours: there are few pairs more in a
# cluster, but many in a crystal.
CUTOFFS = (5.0, 7.5)
CLUSTER, CRYSTAL = 2.7, 2.3
# Å within which neighbours are searched, and that is nothing.
REACH, TINY = 5.0, 1e-6
# Pairs of a batch, about, and most frames.
PAIRS, FRAMES = 5000, 32
# Lowers errors in the validation block of clusters and molecules, by up to a third where frames are
# hundreds; where they are thousands, not clearly (checks/choices). Crystals, of which each frame
# says more, have none: it raises theirs.
WEIGHT_DECAY = 0.1
# Learning rates: of batches with FRAMES frames, and the smallest for smaller ones.
RATE, SMALLEST_RATE = 0.01, 0.003


def default_settings(train: Frames, steps: int = STEPS) -> EdgeFitSettings:
    """Choose a model's and a training's settings for frames.

    The cutoff follows the typical distance of nearest neighbours. Clusters and molecules get two
    further rounds of sums; periodic systems, whose frames have many more pairs, none, as in the
    same time many short steps are worth more; and there E gets the larger weight. A cluster in a
    cell with vacuum around it is a cluster.

    Args:
        train: training part.
        steps: of the training.
    """
    chosen = train[np.unique(np.linspace(0, len(train) - 1, LOOKED_AT).astype(int))]
    # A few periodic frames among clusters, or the reverse, do not count.
    periodic = np.mean([repeats(s) for s in chosen.structures]) > 0.5
    cutoff = _cutoff(chosen, CRYSTAL if periodic else CLUSTER)
    pairs = np.mean([len(edges(s, cutoff)[0]) for s in chosen.structures])
    batch = int(np.clip(round(PAIRS / max(pairs, 1.0)), 1, FRAMES))
    rate = max(SMALLEST_RATE, RATE * np.sqrt(batch / FRAMES))
    return EdgeFitSettings(
        "linear_eq4",
        EdgeSettings(
            steps,
            batch_size=batch,
            warm_up=min(EdgeSettings.warm_up, steps // 4),
            learning_rate=round(float(rate), 4),
            weight_decay=0.0 if periodic else WEIGHT_DECAY,
            energy_rise=100.0 if periodic else 10.0,
        ),
        options={
            "cutoff": cutoff,
            "polynomials": 10 if cutoff > 6.5 else 8,
            "rounds": 1 if periodic else 3,
        },
    )


def repeats(structure: Structure) -> bool:
    """Whether some atom is joined to an image of itself by steps from neighbour to neighbour.

    Not a molecule with vacuum around it in a periodic cell, wrapped at its faces or not.
    """
    i, j, shifts = edges(structure, REACH)
    if not shifts.any():
        return False
    n = len(structure.numbers)
    if len(np.unique(i * n + j)) < len(i):
        return True
    edge_of = csr_matrix((np.arange(1, len(i) + 1), (i, j)), shape=(n, n))
    _, groups = connected_components(edge_of, directed=False)
    # By which each atom is moved to be next to the one that it was reached from.
    moved = np.zeros((n, 3))
    for first in np.unique(groups, return_index=True)[1]:
        order, before = breadth_first_order(edge_of, first)
        if len(order) == 1:
            continue
        steps = shifts[np.asarray(edge_of[before[order[1:]], order[1:]]).ravel() - 1]
        for atom, step in zip(order[1:], steps, strict=True):
            moved[atom] = moved[before[atom]] + step
    return bool(np.abs(moved[i] + shifts - moved[j]).max() > TINY)


def _cutoff(frames: Frames, multiple: float) -> float:
    """A multiple of the median distance of nearest neighbours, within limits, to 0.1 Å."""
    nearest = []
    for structure in frames.structures:
        i, j, shifts = edges(structure, REACH)
        if len(i):
            x = structure.positions
            lengths = np.linalg.norm(x[j] - x[i] + shifts, axis=1)
            nearest.append(np.minimum.reduceat(lengths, np.flatnonzero(np.diff(i, prepend=-1))))
    if not nearest:
        return CUTOFFS[1]
    typical = float(np.median(np.concatenate(nearest)))
    return round(float(np.clip(multiple * typical, *CUTOFFS)), 1)
