"""What models know of frames: whether they were trained on them, and how far outside they are."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_gen.frames import Frames, Structure
from fitting.metrics import UNITS
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
# File of a training's folder with the errors.
SUMMARY = "metrics.json"
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


def own_errors(models: Sequence) -> dict[str, float]:
    """RMSE of each quantity in the models' own training, eV/atom and eV/Å; empty if not known.

    Of the test part, by the folder that the models are in, or else of the validation block.
    """
    paths = [Path(one) for one in models if not isinstance(one, keras.Model)]
    if not paths:
        return {}
    try:
        summary = json.loads((paths[0].parent.parent / SUMMARY).read_text(encoding="utf-8"))
        errors = summary["errors"]
        rows = next(errors[part] for part in ("test", "validation") if part in errors)
        return {row["quantity"]: row["rmse"] for row in rows if row["rmse"] is not None}
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        solved = (read_about(paths[0]).get("last_layer") or {}).get("after") or ()
        return {q: x for q, x in zip(UNITS, solved, strict=False) if x is not None}


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
