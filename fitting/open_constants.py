"""Constants of energy that a training left open, fitted to frames that say what they are.

See :mod:`keras_models.compositions`. Shapes: S elements, Z sets of constants.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from data_gen.frames import Frames, composition
from keras_models.compositions import ZERO, matrix
from keras_models.fine_tuning import Pretrained
from keras_models.prediction import energies_of_structures

# Frames that are asked, at most, evenly spaced.
ASKED = 200


def settled(
    start: Pretrained, constants: Sequence[Mapping[str, float]], frames: Frames
) -> Pretrained:
    """A model with open constants fitted to frames that say what they are, else as it is.

    What it says of the compositions that it knows remains. By least squares on energies per atom.
    Its repulsion first begins at the shortest distances of the frames, as it does in training.

    Args:
        start: the model, whose repulsion is changed.
        constants: that its own training left open.
        frames: to train on, of elements that the model knows.
    """
    elements = start.elements
    open_ = _without(matrix(constants, elements), elements, start.isolated)
    shares = composition([s.numbers for s in frames.structures], elements)
    rows = shares / frames.sizes[:, None] @ open_.T
    some = np.flatnonzero((np.abs(rows) > ZERO).any(axis=1))
    if not len(some):
        return start
    some = some[np.unique(np.linspace(0, len(some) - 1, ASKED).astype(int))]
    start.come_closer(frames)
    asked = frames[some]
    off = asked.energies - energies_of_structures(start.model, asked.structures, start.references)
    found = np.linalg.lstsq(rows[some], off / asked.sizes, rcond=None)[0] @ open_
    shifts = dict(zip(elements, found.tolist(), strict=True))
    return replace(start, references={e: x + shifts[e] for e, x in start.references.items()})


def of_constants(before: Pretrained, after: Pretrained) -> list[str]:
    """That reference energies were fitted by :func:`settled`, in a sentence, if they were."""
    shifts = {e: x - before.references[e] for e, x in after.references.items()}
    named = ", ".join(f"{x:+.6g} eV for {e}" for e, x in shifts.items() if x)
    if not named:
        return []
    return [
        "there are ratios of elements here that the model to begin with was not trained on, and "
        f"which say what its training left open: its reference energies change by {named}"
    ]


def _without(open_: np.ndarray, elements: Sequence[str], isolated: Collection[str]) -> np.ndarray:
    """Sets of constants, (Z, S), that leave some elements as they are."""
    held = open_[:, [e in isolated for e in elements]]
    _, values, directions = np.linalg.svd(held.T)
    return directions[int((values > ZERO).sum()) :] @ open_
