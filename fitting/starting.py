"""Whether the energies of new frames are like those that a model to begin with was trained on."""

import numpy as np

from data_gen.frames import Frames
from data_gen.inspection import robust_references
from fitting.errors import FittingError
from fitting.show import milli
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches
from keras_models.fine_tuning import Pretrained
from keras_models.reference import sums_of_references

# Frames, evenly spaced, that are compared; fewer than the second say nothing.
COMPARED, FEWEST = 32, 4
# A shift is named from so many spreads and from so much on, and refused from so much on, eV/atom:
# no model is off by that much.
SPREADS, NAMED, REFUSED = 5.0, 0.05, 20.0


def predicted(start: Pretrained, frames: Frames) -> np.ndarray:
    """Energies (n,) eV of the model, with references."""
    model, found = start.model, []
    for batch in edge_batches(frames.structures, cutoff_of(model), COMPARED):
        energies = np.asarray(model(tensors_of(batch, dtype_of(model))), float).ravel()
        found.append(energies[: np.count_nonzero(batch.sizes)])
    numbers = [s.numbers for s in frames.structures]
    return np.concatenate(found) + sums_of_references(numbers, start.references)


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
    some = frames[np.unique(np.linspace(0, len(frames) - 1, COMPARED).astype(int))]
    if len(some) < FEWEST:
        return []
    off = some.energies - predicted(start, some)
    per_element, residuals = robust_references(
        Frames(some.structures, off, some.forces, checked=True)
    )
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    shift = float(np.median(off / some.sizes - residuals))
    if abs(shift) < max(NAMED, SPREADS * spread):
        return []
    each = " and ".join(f"{x:.6g} eV for each {e}" for e, x in per_element.items())
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
