"""What models know of frames: whether they were trained on them, and how far outside they are."""

import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from data_gen.frames import Frames, Structure
from fitting.metrics import UNITS
from keras_models.backend import keras
from keras_models.batch import batches, cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches, takes_edges
from keras_models.extrapolation import OUTSIDE, WARN, excess_of
from keras_models.saving import read_about

# Random projections of a frame: sums of its cell and positions with fixed factors. By three of
# them, frames of a large cell would be taken for others in which other atoms were displaced as far,
# as for phonons.
PROJECTIONS = 8
# Projections of one frame as several files have it are as close as this, Å, also if these have only
# five decimals or single precision.
SAME_A = 2e-5
# Digits of a checksum, and decimals of a projection.
DIGITS, DECIMALS = 12, 6
CHUNK = 32
# File of a training's folder with the errors.
SUMMARY = "metrics.json"
INSIDE, NEAR, FAR = "inside", "at its edge", "far outside"


def fingerprints(frames: Frames) -> list[str]:
    """What the frames are known again by, to be saved with a model, as "frames".

    A fingerprint is a checksum of the atoms, in their order, and of the directions that repeat, and
    the projections, Å, with blanks between. A checksum of rounded positions would not do: numbers
    near half a unit of the last place are rounded up in one file and down in another.
    """
    return [
        " ".join([_of_atoms(s), *(f"{x:.{DECIMALS}f}" for x in _projections(s, PROJECTIONS))])
        for s in frames.structures
    ]


def known_again(frames: Frames, stored: Iterable[str]) -> np.ndarray:
    """Which frames are among those with these fingerprints, (n,) bool."""
    rounded, alike = set(), defaultdict(list)
    for one in stored:
        atoms, *projections = one.split()
        if projections:
            alike[atoms, len(projections)].append([float(x) for x in projections])
        else:
            rounded.add(atoms)
    found = np.array([bool(rounded) and _rounded(s) in rounded for s in frames.structures])
    groups = defaultdict(list)
    for k, s in enumerate(frames.structures):
        groups[_of_atoms(s)].append(k)
    for (atoms, count), known in alike.items():
        if atoms in groups:
            projections = [_projections(frames.structures[k], count) for k in groups[atoms]]
            found[groups[atoms]] |= cKDTree(known).query(projections, p=np.inf)[0] <= SAME_A
    return found


def _of_atoms(structure: Structure) -> str:
    found = hashlib.sha256(np.asarray(structure.numbers, np.int32).tobytes())
    found.update(np.asarray(structure.pbc, bool).tobytes())
    return found.hexdigest()[:DIGITS]


def _projections(structure: Structure, count: int) -> np.ndarray:
    """Random projections of cell and positions, of the size of one coordinate; (count,) Å."""
    flat = np.append(structure.cell, structure.positions)
    return _factors(count, len(flat)) @ flat


@functools.lru_cache(maxsize=64)
def _factors(count: int, length: int) -> np.ndarray:
    """Random numbers, (count, length), of which the squares of a row add up to about 1.

    Of the bits of the generator, which no version of NumPy changes, unlike its distributions.
    """
    bits = np.random.PCG64(count).random_raw(count * length)
    return (bits.reshape(count, length) / 2.0**64 - 0.5) * np.sqrt(12 / length)


def _rounded(structure: Structure) -> str:
    """The fingerprint of older models: a checksum of all, with positions and cell rounded."""
    found = hashlib.sha256(np.asarray(structure.numbers, np.int32).tobytes())
    found.update(np.asarray(structure.pbc, bool).tobytes())
    for array in (structure.positions, structure.cell):
        # Zero has no sign.
        found.update((np.round(np.asarray(array, float), 5) + 0.0).tobytes())
    return found.hexdigest()[:DIGITS]


def trained_on(models: Sequence, frames: Frames) -> np.ndarray | None:
    """Which frames chose the weights of any of the models, (n,) bool; None if none says so."""
    stored: set[str] = set()
    for one in models:
        if not isinstance(one, keras.Model):
            stored.update(read_about(Path(one)).get("frames", ()))
    return known_again(frames, stored) if stored else None


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
    outputs = [excess_of(model) for model in models]
    if any(output is None for output in outputs):
        return None
    ask = [keras.Model(m.input, output) for m, output in zip(models, outputs, strict=True)]
    # What is the same for all models of an ensemble.
    first = models[0]
    batched = edge_batches if takes_edges(first) else batches
    found: list[np.ndarray] = []
    for batch in batched(structures, cutoff_of(first), CHUNK):
        inputs = tensors_of(batch, dtype_of(first))
        of_atoms = np.max([np.asarray(one(inputs)).max(axis=1) for one in ask], axis=0)
        sizes = batch.sizes[batch.sizes > 0]
        found += np.split(of_atoms[: sizes.sum()], np.cumsum(sizes)[:-1])
    return found


def places(of_atoms: Sequence[np.ndarray]) -> list[str]:
    """Where each frame is, by its atom that is furthest outside the training."""
    largest = [float(x.max(initial=0.0)) for x in of_atoms]
    return [FAR if x > WARN else NEAR if x > OUTSIDE else INSIDE for x in largest]
