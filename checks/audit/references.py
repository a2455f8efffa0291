"""Which frames the stored predictions are of, and whether the values beside them are the data's.

Partitions are spelt out once more, from the text of :func:`data_gen.splits.folds`.
"""

import functools
import hashlib
import io
import lzma
from pathlib import Path

import ase.io
import numpy as np

from checks.audit import tolerances
from checks.audit.errors import REFERENCE, Numbers, files, half_step
from data_gen.sources import FOLDER, FileSettings
from reproduction.engine.experiment import Experiment
from reproduction.sections import EXPERIMENTS, SOURCES

# One in so many frames is stored: of the training part, also if it is large, and of the test part.
EVERY = {
    ("energy", "train"): (4,),
    ("energy", "test"): (1,),
    ("force", "train"): (20, 200),
    ("force", "test"): (1, 10),
}
BLOCK = 100


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file."""
    with np.load(path) as stored:
        return dict(stored)


def parts(row: Experiment, frames: int) -> dict[str, np.ndarray]:
    """Numbers of the frames that a row trains and tests on, of a trajectory of so many."""
    n_train, n_test = row.split
    n = row.frames or frames
    if row.partition == "time":
        return {"train": np.arange(n_train), "test": np.arange(n - n_test, n)}
    if row.partition == "test first":
        return {"train": np.arange(n_test, n_test + n_train), "test": np.arange(n_test)}
    if row.partition == "strides":
        every = np.arange(n_train + n_test) * (n // (n_train + n_test))
        return {"train": every[:n_train], "test": every[n_train:]}
    every = np.arange(n)
    tested = every // BLOCK % 5 == 4
    return {"train": every[~tested], "test": every[tested]}


def wrong_frames(results: Path, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of rows with predictions, and messages on those of other frames than its parts'.

    A row of which only some errors have arrays is named as well.
    """
    found, faults = files(results / "predictions", numbers), []
    for row, path in found.items():
        experiment, predicted = EXPERIMENTS[row], read(path)
        reference = read(path.with_name(str(predicted.pop("reference"))))
        wanted = {
            f"{kind}_{split}"
            for name, split, metric in numbers
            for kind in ("energy", "force")
            if name == row and metric == f"{kind}_rmse" and split in ("train", "test")
        }
        faults += [f"{row}: no predictions of {x}" for x in sorted(wanted - predicted.keys())]
        frames = len(read(results / "data" / f"{experiment.dataset}.npz")["energies"])
        of = parts(experiment, frames)
        faults += [
            f"{row}: {kind}_{split} is not of the frames of its {split} part"
            for (kind, split), strides in EVERY.items()
            if not any(
                np.array_equal(reference[f"{kind}_{split}_frames"], of[split][::every])
                for every in strides
            )
        ]
    return len(found), faults


def wrong_names(results: Path) -> tuple[int, list[str]]:
    """Number of references, and messages on those whose name is not that of their contents."""
    faults, paths = [], sorted((results / "predictions").glob("reference-*.npz"))
    for path in paths:
        digest = hashlib.sha256()
        for name, array in sorted(read(path).items()):
            digest.update(f"{name}{array.shape}".encode() + array.tobytes())
        if not path.stem.endswith(f"-{digest.hexdigest()[:8]}"):
            faults.append(f"{path.name}: its contents have the checksum {digest.hexdigest()[:8]}")
    return len(paths), faults


def unlike_published(results: Path) -> tuple[int, list[str]]:
    """Number of arrays in references of published data, and messages on those unlike the file."""
    faults, total = [], 0
    for path in sorted((results / "predictions").glob("reference-*.npz")):
        named = REFERENCE.fullmatch(path.name)
        origin = SOURCES[named["data"]].origin if named and named["data"] in SOURCES else None
        if not isinstance(origin, FileSettings):
            continue
        labels, arrays = _published(origin.file), read(path)
        for name in (x for x in arrays if not x.endswith("_frames")):
            total += 1
            true = labels[name.split("_")[0]][arrays[f"{name}_frames"]]
            off = np.abs(arrays[name] - true)
            if not (off <= half_step(arrays[name]) + tolerances.SAME_ENERGY).all():
                faults.append(f"{path.name}: {name} is not that of {origin.file}")
    return total, faults


@functools.cache
def _published(name: str) -> dict[str, np.ndarray]:
    """Energies, eV, and forces, eV/Å, of a file of frames of one system."""
    # Unpacked at once, as seeking in it would unpack it again for each frame.
    with lzma.open(FOLDER / name, "rt", encoding="utf-8") as file:
        frames = ase.io.read(io.StringIO(file.read()), index=":", format="extxyz")
    return {
        "energy": np.array([atoms.get_potential_energy() for atoms in frames]),
        "force": np.array([atoms.get_forces(apply_constraint=False) for atoms in frames]),
    }
