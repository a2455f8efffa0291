"""Whether new frames are like those that a model to begin with was trained on."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from data_gen.frames import Frames, isolated_atoms
from data_gen.inspection import robust_references
from fitting.data import Data
from fitting.errors import FittingError
from fitting.show import milli, number
from keras_models.fine_tuning import Pretrained, have_place
from keras_models.prediction import energies_of_structures

# Frames, evenly spaced, that are compared; fewer than the second say nothing.
COMPARED, FEWEST = 32, 4
# A shift is named from so many spreads and from so much on, and refused from so much on, eV/atom:
# no model is off by that much.
SPREADS, NAMED, REFUSED = 5.0, 0.05, 20.0
# Difference between energies of isolated atoms that is rounding, eV.
SAME_EV = 1e-3
# Pairs of elements that are named.
NAMED_PAIRS = 3
# Atoms come closer if their distance is less than this times the shortest one so far: frames of the
# same kind have a slightly shorter one every so often.
CLOSER = 0.98


def with_places(data: Data, isolated: Collection[str]) -> Data:
    """The data without isolated atoms that a model to begin with has no place for.

    Args:
        data: as read.
        isolated: elements that it has the energies of isolated atoms of: see
            :func:`~keras_models.fine_tuning.have_place`.

    Raises:
        FittingError: nothing is left.
    """
    frames = data.material.everything.frames
    places = have_place(frames, isolated)
    if places.all():
        return data
    left_out = np.flatnonzero(~places)
    which = f"isolated atoms ({', '.join(frames[left_out].elements)})"
    if not places.any():
        raise FittingError(f"there are only {which}: give frames of several atoms")
    why = (
        f"{which} are left out: the model to begin with was trained without them, and its "
        "reference energies remain; train anew, without --continue-from, for energies that are "
        "relative to these atoms"
    )
    return data.without(left_out.tolist(), why)


def shorter_distances(start: Pretrained, frames: Frames) -> list[str]:
    """That atoms come much closer than in the training of a model to begin with, in a sentence.

    The model is as it is trained then: its repulsion begins at the shorter distances.

    Args:
        start: the model, which is changed.
        frames: to train on.
    """
    closer = start.come_closer(frames)
    closer = {who: (was, now) for who, (was, now) in closer.items() if now < CLOSER * was}
    if not closer:
        return []
    pairs = sorted(closer.items(), key=lambda pair: pair[1][1] / pair[1][0])
    named = [
        f"{a}-{b} to {number(now)} Å instead of {number(before)}"
        for (a, b), (before, now) in pairs[:NAMED_PAIRS]
    ]
    more = f" and {len(pairs) - NAMED_PAIRS} more" if pairs[NAMED_PAIRS:] else ""
    return [
        f"atoms come closer than in the training of the model to begin with: {', '.join(named)}"
        f"{more}. Its repulsion begins there now; if its errors stay large, train anew on all "
        "frames, without --continue-from"
    ]


def _newer(start: Pretrained, frames: Frames) -> dict[str, float]:
    """Energies of isolated atoms, {symbol: eV}, that are others than the model's."""
    return {
        e: x
        for e, x in isolated_atoms(frames).items()
        if e in start.isolated and abs(x - start.references[e]) > SAME_EV
    }


def newer_atoms(start: Pretrained, frames: Frames) -> list[str]:
    """Isolated atoms whose energies are taken instead of the model's, in a sentence.

    Args:
        start: the model to begin with.
        frames: to train on.
    """
    newer = _newer(start, frames)
    if not newer:
        return []
    named = ", ".join(
        f"{e} alone has {x:.6g} eV here and {start.references[e]:.6g} eV in the model to begin with"
        for e, x in newer.items()
    )
    return [
        f"{named}: all energies are taken relative to the atoms here. If only these differ, and "
        "the other energies are of the same zero as before, leave them out (--leave-out)"
    ]


def shift_of(start: Pretrained, frames: Frames) -> list[str]:
    """That energies have another zero than the model's, in a sentence, if they have.

    Training keeps the model's reference energies, so a shift is left for the weights to learn.

    Frames of another kind than those that the model knows may look the same.

    Args:
        start: the model.
        frames: to train on.

    Raises:
        FittingError: they are so far apart that they must be of another zero.
    """
    # Training takes the energies of newer isolated atoms.
    start = replace(start, references={**start.references, **_newer(start, frames)})
    some = frames[np.unique(np.linspace(0, len(frames) - 1, COMPARED).astype(int))]
    if len(some) < FEWEST:
        return []
    off = some.energies - energies_of_structures(start.model, some.structures, start.references)
    per_element, residuals = robust_references(
        Frames(some.structures, off, some.forces, checked=True)
    )
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    shift = float(np.median(off / some.sizes - residuals))
    if abs(shift) < max(NAMED, SPREADS * spread):
        return []
    moved = {e: x for e, x in per_element.items() if abs(x) > SAME_EV}
    each = " and ".join(f"{x:.6g} eV for each {e}" for e, x in moved.items())
    said = (
        "the energies are off from those of the model to begin with by one shift, "
        f"{milli(shift, 'eV/atom')}, beside a spread of {milli(spread, 'eV/atom')}"
    )
    what = f"subtract {each} in the files, or train anew, without --continue-from"
    if abs(shift) > REFUSED:
        raise FittingError(f"{said}, as those of another code or setting are: {what}")
    return [
        f"{said}. If they are of another code, functional or setting, {what}. If the frames are of "
        "a kind that the model has not seen, this is its error"
    ]
