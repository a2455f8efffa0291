"""What models know of frames: whether they were trained on them, and how far outside they are."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_gen.frames import Frames, Structure
from keras_models.backend import keras
from keras_models.batch import batches, cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches, takes_edges
from keras_models.extrapolation import OUTSIDE, WARN, excess_of
from keras_models.saving import read_about

# Files round positions: frames whose positions and cells agree so far, Å, are the same.
DECIMALS = 5
DIGITS = 12
CHUNK = 32
INSIDE, NEAR, FAR = "inside", "at its edge", "far outside"


def fingerprint(structure: Structure) -> str:
    """Short checksum of a frame's atoms, in their order, and cell."""
    found = hashlib.sha256(np.asarray(structure.numbers, np.int32).tobytes())
    found.update(np.asarray(structure.pbc, bool).tobytes())
    for array in (structure.positions, structure.cell):
        # Zero has no sign.
        found.update((np.round(np.asarray(array, float), DECIMALS) + 0.0).tobytes())
    return found.hexdigest()[:DIGITS]


def fingerprints(frames: Frames) -> list[str]:
    """Of all frames, to be saved with a model, as "frames"."""
    return [fingerprint(s) for s in frames.structures]


def trained_on(models: Sequence, frames: Frames) -> np.ndarray | None:
    """Which frames chose the weights of any of the models, (n,) bool; None if none says so."""
    known: set[str] = set()
    for one in models:
        if not isinstance(one, keras.Model):
            known.update(read_about(Path(one)).get("frames", ()))
    return np.array([f in known for f in fingerprints(frames)]) if known else None


def excess(
    models: Sequence[keras.Model], structures: Sequence[Structure]
) -> list[np.ndarray] | None:
    """Largest excess of each atom by any model, (N,) of each structure.

    See :mod:`keras_models.extrapolation`; None if a model does not know the ranges of its training.
    """
    found = [_excess(model, structures) for model in models]
    if any(one is None for one in found):
        return None
    return [np.max(of_structure, axis=0) for of_structure in zip(*found, strict=True)]


def _excess(model: keras.Model, structures: Sequence[Structure]) -> list[np.ndarray] | None:
    output = excess_of(model)
    if output is None:
        return None
    ask = keras.Model(model.input, output)
    batched = edge_batches if takes_edges(model) else batches
    found: list[np.ndarray] = []
    for batch in batched(structures, cutoff_of(model), CHUNK):
        of_atoms = np.asarray(ask(tensors_of(batch, dtype_of(model)))).max(axis=1)
        sizes = batch.sizes[batch.sizes > 0]
        found += np.split(of_atoms[: sizes.sum()], np.cumsum(sizes)[:-1])
    return found


def places(of_atoms: Sequence[np.ndarray]) -> list[str]:
    """Where each frame is, by its atom that is furthest outside the training."""
    largest = [float(x.max(initial=0.0)) for x in of_atoms]
    return [FAR if x > WARN else NEAR if x > OUTSIDE else INSIDE for x in largest]
