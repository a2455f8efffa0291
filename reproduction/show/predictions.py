"""Stored predictions and excerpts of the data, for figures.

``results/predictions/`` contains predictions of seed 0, for rows whose parts are in time order:

- ``<experiment>.npz``, with "-" for "/": the predictions ``energy_train`` and ``energy_test``
  (frames,), eV, and ``force_train`` and ``force_test`` (frames, atoms, 3), eV/Å, as far as the
  model gives them; and ``reference``, the name of the file with the reference.
- ``reference-<dataset>-<training frames>-<test frames>-<checksum>.npz``: the reference under the
  same four names, and the numbers of these frames in the trajectory, from 0, under each name
  followed by ``_frames``. Rows with the same data and split share the file.

All test frames are stored, but only every few training frames. Where forces are many, those of
every tenth of these frames are: where a test part has more than :data:`MANY` components, fewer for
rows beyond the report's tables (but for ``all_forces``), or a training part more than
:data:`MANY_FRAMES`. Energies are
float64, as needed for errors of 1e-5 eV on 5 eV; forces float32, which resolves a thousandth of
the smallest RMSE.

``results/data/<dataset>.npz`` contains energies along the trajectory and a few frames.
"""

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.dataset import Dataset
from data_gen.files import replacing
from data_gen.splits import IN_TIME_ORDER
from reproduction.engine.experiment import Experiment
from reproduction.engine.store import Store

SEED = 0
# Interval of the stored frames of the training part; all of the test part are stored.
TRAIN_STRIDE = {"energy": 4, "force": 20}
# Components of the forces of a test part, and frames of a training part, of which with more than
# this one frame in so many is stored.
MANY, MANY_BEYOND, MANY_FRAMES, FEWER = 30_000, 10_000, 10_000, 10
BEYOND = "beyond/"
SPLITS = ("train", "test")
# Beginning of the names of the reference files, which rows share.
REFERENCE = "reference-"
TYPES = {"energy": np.float64, "force": np.float32}
FRAMES_KEPT = 6


@dataclass(frozen=True)
class Predictions:
    """Stored predictions of seed 0 of a row, with the reference.

    Attributes:
        reference, predicted: {"energy" or "force": {"train" or "test": array}}, (n,) in eV and
            (n, N, 3) in eV/Å, float64.
        frames: likewise, (n,), numbers of the frames in the trajectory, from 0; of both
            quantities, also where only one is predicted.
    """

    reference: dict[str, dict[str, np.ndarray]]
    predicted: dict[str, dict[str, np.ndarray]]
    frames: dict[str, dict[str, np.ndarray]]

    def has_all(self, kind: str) -> bool:
        """Whether a quantity is stored for all test frames, as energies always are."""
        return len(self.frames[kind]["test"]) == len(self.frames["energy"]["test"])


@dataclass(frozen=True)
class Trajectory:
    """Excerpt of a dataset, as figures show it.

    Attributes:
        energies: (n,), eV.
        frames: (k,), numbers of the frames whose positions are stored.
        positions: (k, N, 3), Å, in those frames.
        numbers: (N,), atomic numbers.
        cell, pbc: as in :class:`~data_gen.dataset.Dataset`.
        interval_ps: time between frames; NaN if unknown.
        n_train: number of frames of the largest training part.
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
    """Name of an experiment's array file: "table4/eq2" -> "table4-eq2.npz"."""
    return f"{experiment.replace('/', '-')}.npz"


def write_predictions(folder: Path, experiment: Experiment, store: Store, data: Dataset) -> None:
    """Store the predictions of seed 0 of a row in a results folder.

    Args:
        folder: of the results.
        experiment: the row; ignored if its parts are not in time order, as nothing shows them.
        store: contains its runs.
        data: that it was trained on.
    """
    if experiment.partition not in IN_TIME_ORDER:
        return
    arrays = store.arrays(experiment.id, SEED)
    predicted = {
        name: arrays[name][_kept(experiment, kind, split, arrays[name].shape)].astype(dtype)
        for kind, dtype in TYPES.items()
        for split in SPLITS
        if (name := f"{kind}_{split}") in arrays
    }
    if predicted:
        path = folder / "predictions" / file_name(experiment.id)
        _write(path, **predicted, reference=_write_reference(folder, experiment, data))


def _kept(row: Experiment, kind: str, split: str, shape: tuple[int, ...]) -> slice:
    """The frames that are stored of a row's part, from the shape of its energies or forces."""
    if split == "train":
        every, many = TRAIN_STRIDE[kind], shape[0] > MANY_FRAMES
    else:
        most = MANY_BEYOND if row.id.startswith(BEYOND) and not row.all_forces else MANY
        every, many = 1, np.prod(shape) > most
    return slice(None, None, every * (FEWER if kind == "force" and many else 1))


def _write_reference(folder: Path, experiment: Experiment, data: Dataset) -> str:
    """Store the reference for a row's parts under a content-addressed file name; returns it."""
    (parts,) = experiment.folds(data)
    arrays = {}
    for split, part in zip(SPLITS, parts, strict=True):
        for kind, labels in (("energy", part.energies), ("force", part.forces)):
            some = _kept(experiment, kind, split, labels.shape)
            arrays[f"{kind}_{split}"] = labels[some].astype(TYPES[kind])
            arrays[f"{kind}_{split}_frames"] = part.metadata["frames"][some]
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode() + arrays[name].tobytes())
    sizes = "-".join(map(str, experiment.split))
    name = f"{REFERENCE}{experiment.dataset}-{sizes}-{digest.hexdigest()[:8]}.npz"
    if not (folder / "predictions" / name).is_file():
        _write(folder / "predictions" / name, **arrays)
    return name


def sweep(folder: Path) -> None:
    """Remove reference files that no row refers to any more."""
    stored = {path.name: path for path in (folder / "predictions").glob("*.npz")}
    named = set()
    for name, path in stored.items():
        if not name.startswith(REFERENCE):
            with np.load(path) as arrays:
                named.add(str(arrays["reference"]))
    for name, path in stored.items():
        if name.startswith(REFERENCE) and name not in named:
            path.unlink()


def _read(path: Path) -> dict[str, np.ndarray]:
    about = path.stat()
    return _arrays(path, about.st_ino, about.st_mtime_ns)


# Every note on single frames reads its row again; a table is made of many.
@functools.lru_cache(maxsize=512)
def _arrays(path: Path, inode: int, changed_ns: int) -> dict[str, np.ndarray]:
    """Arrays of a file, to be read only; kept for as long as it is the same file."""
    with np.load(path) as stored:
        arrays = dict(stored)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def read_predictions(folder: Path, experiment: str) -> Predictions | None:
    """Read a row's predictions from a results folder; None if they are missing."""
    path = folder / "predictions" / file_name(experiment)
    if not path.is_file():
        return None
    arrays = _read(path)
    beside = path.with_name(str(arrays["reference"]))
    if not beside.is_file():
        return None
    found, stored = Predictions({}, {}, {}), _read(beside)
    for kind in TYPES:
        found.frames[kind] = {split: stored[f"{kind}_{split}_frames"] for split in SPLITS}
    for name, predicted in arrays.items():
        if name == "reference":
            continue
        kind, split = name.split("_")
        found.predicted.setdefault(kind, {})[split] = predicted.astype(float)
        found.reference.setdefault(kind, {})[split] = stored[name].astype(float)
    return found


def write_trajectory(
    folder: Path, name: str, data: Dataset, experiments: Iterable[Experiment]
) -> None:
    """Store the excerpt of a dataset that figures show as data/<name>.npz.

    Args:
        folder: of the results.
        name: of the dataset.
        data: the dataset.
        experiments: their largest training part on it is recorded.
    """
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
    """Read the excerpt of a dataset from a results folder; None if it is missing."""
    path = folder / "data" / f"{name}.npz"
    if not path.is_file():
        return None
    with np.load(path) as stored:
        arrays = dict(stored)
    return Trajectory(
        **arrays | {"interval_ps": float(arrays["interval_ps"]), "n_train": int(arrays["n_train"])}
    )


def _write(path: Path, **arrays) -> None:
    """Write arrays atomically; the same arrays give the same bytes."""
    with replacing(path) as scratch:
        np.savez_compressed(scratch, **arrays)
