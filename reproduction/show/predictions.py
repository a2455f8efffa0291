"""What figures need beside metrics.csv and curves: some predictions, and pieces of the data.

``results/predictions/<experiment>.npz`` holds seed 0's errors on the test part, and on a few
training frames, as predicted - reference: so float32 resolves an error of 1e-5 eV on an energy of
5 eV. The references are stored once for all rows that share them, in
``reference-<checksum>.npz``; each row names its own. ``results/data/<dataset>.npz`` holds
energies along the trajectory and a few frames.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.dataset import Dataset
from data_gen.files import replacing
from reproduction.engine.experiment import Experiment
from reproduction.engine.store import Store

SEED = 0
# Every so many frames of the training part; all of the test part.
TRAIN_STRIDE = {"energy": 4, "force": 20}
FRAMES_KEPT = 6


@dataclass(frozen=True)
class Predictions:
    """Seed 0 of one row, for drawing.

    Attributes:
        reference, predicted: {"energy" or "force": {"train" or "test": array}}, eV and eV/Å.
    """

    reference: dict[str, dict[str, np.ndarray]]
    predicted: dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Trajectory:
    """What is drawn of a dataset.

    Attributes:
        energies: (n,), eV.
        frames: (k,), which ones are kept whole.
        positions: (k, N, 3), Å, of those.
        numbers: (N,), atomic numbers.
        cell, pbc: as in :class:`~data_gen.dataset.Dataset`.
        interval_ps: between frames; NaN where the data do not say.
        n_train: frames of the largest training part.
    """

    energies: np.ndarray
    frames: np.ndarray
    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    interval_ps: float
    n_train: int


def file_name(experiment: str) -> str:
    """Of an experiment's arrays: "table4/eq2" -> "table4-eq2.npz"."""
    return f"{experiment.replace('/', '-')}.npz"


def write_predictions(folder: Path, experiment: Experiment, store: Store, data: Dataset) -> None:
    """Store seed 0 of a row in a results folder.

    Args:
        folder: of the results.
        experiment: the row; those that are not split in time order are of no figure.
        store: of its runs.
        data: that it was trained on.
    """
    if experiment.partition != "time":
        return
    arrays = store.arrays(experiment.id, SEED)
    parts = dict(zip(("train", "test"), experiment.parts(data), strict=True))
    reference, off = {}, {}
    for kind, stride in TRAIN_STRIDE.items():
        for split, part in parts.items():
            name = f"{kind}_{split}"
            if name not in arrays:
                continue
            whole = {"energy": part.energies, "force": part.forces}[kind]
            some = slice(None, None, stride if split == "train" else 1)
            reference[name] = whole[some].astype(np.float32)
            off[name] = (arrays[name][some].astype(float) - whole[some]).astype(np.float32)
    if off:
        path = folder / "predictions" / file_name(experiment.id)
        _write(path, **off, reference=_write_reference(folder, reference))


def _write_reference(folder: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Content-addressed file name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode() + arrays[name].tobytes())
    name = f"reference-{digest.hexdigest()[:12]}.npz"
    if not (folder / "predictions" / name).is_file():
        _write(folder / "predictions" / name, **arrays)
    return name


def sweep(folder: Path) -> None:
    """Remove references that no row names any more."""
    stored = {path.name: path for path in (folder / "predictions").glob("*.npz")}
    named = set()
    for name, path in stored.items():
        if not name.startswith("reference-"):
            with np.load(path) as arrays:
                named.add(str(arrays["reference"]))
    for name, path in stored.items():
        if name.startswith("reference-") and name not in named:
            path.unlink()


def read_predictions(folder: Path, experiment: str) -> Predictions | None:
    """Seed 0 of a row from a results folder; None where it is not there."""
    path = folder / "predictions" / file_name(experiment)
    if not path.is_file():
        return None
    with np.load(path) as stored:
        arrays = dict(stored)
    beside = path.with_name(str(arrays.pop("reference")))
    if not beside.is_file():
        return None
    reference: dict = {}
    predicted: dict = {}
    with np.load(beside) as stored:
        for name, off in arrays.items():
            kind, split = name.split("_")
            true = stored[name].astype(float)
            reference.setdefault(kind, {})[split] = true
            predicted.setdefault(kind, {})[split] = true + off
    return Predictions(reference, predicted)


def write_trajectory(
    folder: Path, name: str, data: Dataset, experiments: Iterable[Experiment]
) -> None:
    """data/<name>.npz: what is drawn of a dataset, whatever is run on it."""
    dynamics = data.metadata.get("dynamics") or {}
    frames = np.unique(np.linspace(0, len(data) - 1, FRAMES_KEPT).astype(int))
    _write(
        folder / "data" / f"{name}.npz",
        energies=data.energies.astype(np.float32),
        frames=frames,
        positions=data.positions[frames].astype(np.float32),
        numbers=data.numbers,
        cell=data.cell,
        pbc=data.pbc,
        interval_ps=dynamics.get("timestep_fs", np.nan) * dynamics.get("stride", 1) / 1000.0,
        n_train=max((e.split[0] for e in experiments if e.dataset == name), default=len(data)),
    )


def read_trajectory(folder: Path, name: str) -> Trajectory | None:
    """From a results folder; None where it is not there."""
    path = folder / "data" / f"{name}.npz"
    if not path.is_file():
        return None
    with np.load(path) as stored:
        arrays = dict(stored)
    return Trajectory(
        **arrays | {"interval_ps": float(arrays["interval_ps"]), "n_train": int(arrays["n_train"])}
    )


def _write(path: Path, **arrays) -> None:
    """Whole or not at all; the same arrays give the same bytes."""
    with replacing(path) as scratch:
        np.savez_compressed(scratch, **arrays)
