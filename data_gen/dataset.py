"""Datasets: frames of one system with energies and forces, their checks, and reading and writing.

All parts of the project exchange data in this form.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.symbols import Symbols

from data_gen.errors import DataError
from data_gen.frames import Structure, labels
from data_gen.neighbours import CLOSEST_A
from data_gen.reading import read_frames

# Cells whose entries differ by no more than this, Å, are the same.
SAME_CELL_A = 1e-6
# Energies whose spread is smaller than this, relative to the largest, do not differ.
NO_SPREAD = 1e-12
# Suffix of the files that save() writes, and that have a JSON file of their own.
TRAJECTORY = ".traj"
UNITS = {"positions": "Å", "energies": "eV", "forces": "eV/Å"}


@dataclass(frozen=True)
class Dataset:
    """Frames of one system, with energies and forces.

    Attributes:
        positions: (n_samples, n_atoms, 3), Å.
        numbers: (n_atoms,), atomic numbers.
        energies: (n_samples,), eV, of the whole system.
        forces: (n_samples, n_atoms, 3), eV/Å.
        cell: (3, 3), Å, the same for all frames.
        pbc: (3,), periodic or not along each cell vector.
        metadata: origin of the data.

    Raises:
        DataError: shapes do not match, values are not finite, or two atoms coincide.
    """

    positions: np.ndarray
    numbers: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    metadata: dict = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check(self)

    def __len__(self) -> int:
        return len(self.energies)

    def __getitem__(self, frames: slice) -> "Dataset":
        """Some frames, selected by a slice or an array of indices."""
        return Dataset(
            self.positions[frames],
            self.numbers,
            self.energies[frames],
            self.forces[frames],
            self.cell,
            self.pbc,
            self.metadata,
        )

    def structures(self) -> list[Structure]:
        """The structures of all frames, without energies and forces."""
        return [Structure(x, self.numbers, self.cell, self.pbc) for x in self.positions]

    def checksum(self) -> str:
        """SHA-256 over all arrays as little-endian float64 or int64."""
        digest = hashlib.sha256()
        for name, kind in (
            ("positions", "<f8"),
            ("numbers", "<i8"),
            ("energies", "<f8"),
            ("forces", "<f8"),
            ("cell", "<f8"),
            ("pbc", "<i8"),
        ):
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            digest.update(f"{name}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def split(self, n_train: int, n_test: int) -> tuple["Dataset", "Dataset"]:
        """Training part, the first ``n_train`` frames, and test part, the last ``n_test``.

        Frames are never shuffled (section 3.2).

        Raises:
            DataError: there are fewer frames than the two parts need.
        """
        if n_train < 1 or n_test < 1:
            raise DataError(f"a split of {n_train} and {n_test} frames: both must be positive")
        if n_train + n_test > len(self):
            raise DataError(
                f"a split of {n_train} and {n_test} frames needs {n_train + n_test}; "
                f"the data has {len(self)}"
            )
        return self[:n_train], self[len(self) - n_test :]


@dataclass(frozen=True)
class Statistics:
    """Statistics for a model's standardisation, from the training part alone.

    Attributes:
        inverse_distance_mean, inverse_distance_std: of C2 = 1/R, 1/Å, over all n_atoms x n_atoms
            entries of all samples, including the zero diagonal (report, appendix B).
        energy_mean, energy_std: eV.
        force_rms: root mean square of the force components, eV/Å.
        displacement_rms: root mean square of the components of x_j - x_i, Å, over all
            n_atoms x n_atoms vectors of all samples, including the zero ones for i = j.
    """

    inverse_distance_mean: float
    inverse_distance_std: float
    energy_mean: float
    energy_std: float
    force_rms: float
    displacement_rms: float

    @property
    def inverse_displacement_rms(self) -> float:
        """Root mean square of the components of (x_j - x_i) / r_ij^2, 1/Å, over all vectors."""
        # The length of such a vector is 1/r: the mean square follows from that of C2.
        return ((self.inverse_distance_mean**2 + self.inverse_distance_std**2) / 3) ** 0.5

    @classmethod
    def of(cls, train: Dataset) -> "Statistics":
        """Compute the statistics of a training part.

        Raises:
            DataError: there are fewer than two frames or atoms, all energies are the same, or all
                forces are zero.
        """
        if len(train) < 2 or train.positions.shape[1] < 2:
            raise DataError("statistics need at least two frames and two atoms")
        c2 = inverse_distances(train.positions)
        # The mean over i, j of (x_j - x_i)^2 is twice the variance about the centroid.
        centred = train.positions - train.positions.mean(axis=1, keepdims=True)
        statistics = cls(
            float(c2.mean()),
            float(c2.std()),
            float(train.energies.mean()),
            float(train.energies.std()),
            float(np.sqrt((train.forces**2).mean())),
            float(np.sqrt(2 * (centred**2).mean())),
        )
        largest = np.abs(train.energies).max()
        if not (statistics.energy_std > NO_SPREAD * largest and statistics.force_rms > 0):
            raise DataError("the training frames all have the same energy, or no forces at all")
        return statistics


def inverse_distances(positions: np.ndarray) -> np.ndarray:
    """Inverse distances, C2 of appendix B: (n, N, 3) Å -> (n, N, N) 1/Å, with zero diagonal."""
    vectors = positions[:, :, None] - positions[:, None]
    distances = np.sqrt((vectors**2).sum(-1))
    diagonal = np.eye(positions.shape[1], dtype=bool)
    return np.where(diagonal, 0.0, 1.0 / np.where(diagonal, 1.0, distances))


def check(data: Dataset) -> None:
    """Raise :class:`DataError` for unusable data; its message names the frame (from 0)."""
    n, atoms = len(data.energies), len(data.numbers)
    if n == 0 or atoms == 0:
        raise DataError(f"no data: {n} frames of {atoms} atoms")
    for name, shape in (
        ("positions", (n, atoms, 3)),
        ("forces", (n, atoms, 3)),
        ("energies", (n,)),
        ("cell", (3, 3)),
        ("pbc", (3,)),
    ):
        found = getattr(data, name).shape
        if found != shape:
            raise DataError(f"{name} have shape {found}, not {shape}")
    for name in ("positions", "energies", "forces", "cell"):
        bad = ~np.isfinite(getattr(data, name))
        if bad.any():
            where = f" in frame {np.argwhere(bad)[0][0]}" if name != "cell" else ""
            raise DataError(f"{name} are not finite (NaN or infinite){where}")
    if atoms > 1:
        frame, i, j, distance = closest_pair(data)
        if distance < CLOSEST_A:
            raise DataError(
                f"atoms {i} and {j} of frame {frame} are on one point ({distance:.3g} Å apart)"
            )


def closest_pair(data: Dataset) -> tuple[int, int, int, float]:
    """(frame, i, j, distance in Å) of the two closest atoms, with periodic boundary conditions."""
    i, j = np.triu_indices(len(data.numbers), 1)
    vectors = data.positions[:, i] - data.positions[:, j]
    if data.pbc.any():
        lengths = find_mic(vectors.reshape(-1, 3), data.cell, data.pbc)[1].reshape(len(data), -1)
    else:
        lengths = np.sqrt((vectors**2).sum(-1))
    frame, pair = np.unravel_index(lengths.argmin(), lengths.shape)
    return int(frame), int(i[pair]), int(j[pair]), float(lengths[frame, pair])


def from_frames(
    frames: list[Atoms], source: str = "frames", metadata: dict | None = None
) -> Dataset:
    """Convert frames with energies and forces, as read by :mod:`ase.io`, to a Dataset.

    Args:
        frames: of one composition and cell.
        source: names the frames in error messages.
        metadata: of the dataset; by default only the source.

    Raises:
        DataError: there are no frames, compositions or cells differ, energies or forces are
            missing, or :func:`check` finds a problem.
    """
    structures = [Structure(a.positions, a.numbers, np.array(a.cell), a.pbc) for a in frames]
    _require_one_system(structures, source)
    return _of_one_system(structures, *labels(frames, source), source, metadata)


def _require_one_system(structures: Sequence[Structure], source: str) -> None:
    first = structures[0] if structures else None
    for k, one in enumerate(structures):
        if not np.array_equal(one.numbers, first.numbers):
            formulas = [Symbols(s.numbers).get_chemical_formula() for s in (one, first)]
            raise DataError(
                f"{source}: frame {k} is {formulas[0]}, frame 0 is {formulas[1]}: all frames need "
                "the same atoms in the same order"
            )
        if not np.array_equal(one.pbc, first.pbc) or (
            first.pbc.any() and not np.allclose(one.cell, first.cell, rtol=0, atol=SAME_CELL_A)
        ):
            raise DataError(f"{source}: frame {k} has another cell than frame 0")


def _of_one_system(
    structures: Sequence[Structure],
    energies: Sequence[float],
    forces: Sequence[np.ndarray],
    source: str,
    metadata: dict | None,
) -> Dataset:
    for k, one in enumerate(forces):
        if np.isnan(one).all():
            raise DataError(f"{source}: frame {k} has no forces")
    first = structures[0]
    try:
        return Dataset(
            positions=np.array([one.positions for one in structures]),
            numbers=first.numbers.copy(),
            energies=np.array(energies, dtype=float),
            forces=np.array(forces, dtype=float),
            cell=np.array(first.cell, dtype=float),
            pbc=np.array(first.pbc),
            metadata=metadata or {"source": source},
        )
    except DataError as error:
        raise DataError(f"{source}: {error}") from None


def sidecar(path: Path) -> Path:
    """Path of the JSON file beside a trajectory."""
    return path.with_suffix(".json")


def save(data: Dataset, path: Path) -> None:
    """Write an ASE trajectory and its JSON file (settings, versions, checksum) atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        scratch = Path(folder) / path.name
        with ase.io.Trajectory(scratch, "w") as trajectory:
            for x, e, f in zip(data.positions, data.energies, data.forces, strict=True):
                atoms = Atoms(data.numbers, positions=x, cell=data.cell, pbc=data.pbc)
                atoms.calc = SinglePointCalculator(atoms, energy=e, forces=f)
                trajectory.write(atoms)
        # The later entries win: metadata read from a file contain that file's checksum.
        about = {
            **data.metadata,
            "sha256": data.checksum(),
            "frames": len(data),
            "atoms": len(data.numbers),
            "units": UNITS,
            "versions": {name: version(name) for name in ("ase", "asap3", "numpy")},
        }
        sidecar(scratch).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
        # The trajectory last: a JSON file without one counts as missing data.
        os.replace(sidecar(scratch), sidecar(path))
        os.replace(scratch, path)


def load(path: Path) -> Dataset:
    """Read a trajectory of one system, or any other file that ASE can read.

    Energies and forces are found as by :func:`~data_gen.reading.read_frames`. If a trajectory has a
    JSON file with a checksum beside it, as :func:`save` writes it, the arrays must match the
    checksum; other JSON files are somebody's own.

    Raises:
        DataError: the file is missing, unreadable, altered since it was written, or unusable.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file (scripts/01_generate_data.py makes the data)")
    frames = read_frames(path).frames
    about = _about(path)
    _require_one_system(frames.structures, str(path))
    data = _of_one_system(frames.structures, frames.energies, frames.forces, str(path), about)
    if about and about["sha256"] != data.checksum():
        raise DataError(
            f"{path}: its contents do not fit the checksum in {sidecar(path).name}: the file was "
            "altered or is incomplete; delete both to make the data anew"
        )
    return data


def _about(path: Path) -> dict | None:
    """What the JSON file that belongs to a trajectory says, or None if there is none."""
    if path.suffix != TRAJECTORY or not sidecar(path).is_file():
        return None
    try:
        about = json.loads(sidecar(path).read_text())
    except ValueError as error:
        raise DataError(f"{sidecar(path)}: not JSON ({error})") from None
    return about if isinstance(about, dict) and "sha256" in about else None
