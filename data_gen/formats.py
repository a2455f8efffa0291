"""Reading of one file of any format of ASE, and what has to be said of its format."""

import bz2
import contextlib
import gzip
import lzma
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ase.db
import ase.io
from ase import Atoms
from ase.data import atomic_numbers
from ase.io.bundletrajectory import BundleTrajectory
from ase.io.formats import UnknownFileTypeError, filetype, ioformats, string2index

from data_gen import extxyz
from data_gen.errors import DataError

COMPRESSION = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
DATABASES = ("db", "json")
EXTXYZ = (".xyz", ".extxyz")
LAMMPS = ("lammps-dump-text", "lammps-dump-binary")
AS_NAMED = {"do_not_split_by_at_sign": True}
# Formats without energies, and what to give instead.
ANOTHER = "extended XYZ with energy=..., in eV"
VASP = f"OUTCAR or vasprun.xml of the run, or {ANOTHER}"
WITHOUT_ENERGIES = {
    "vasp": VASP,
    "vasp-xdatcar": VASP,
    "proteindatabank": ANOTHER,
    "cif": ANOTHER,
    "gromacs": ANOTHER,
    "lammps-data": ANOTHER,
}
# Files that ASE does not read, by their names or the ends of these, and how to convert them.
CONVERTED = {
    "ML_AB": "VASP's ML_AB is no format of ASE: give OUTCAR or vasprun.xml of the runs, or convert "
    "it, as by mlff write-extxyz of pymlff (github.com/utf/pymlff)",
    ".npz": "arrays of NumPy, whose names and units are not known: write a frame of ASE for each "
    "structure, with a SinglePointCalculator for its energy, in eV, and forces, in eV/Å, as "
    "extended XYZ (kcal/mol, as of rMD17 and sGDML, times 0.0433641)",
}
# What outputs of CP2K, which ASE does not read, have near their beginning.
CP2K = b"CP2K|"
# The first bytes of trajectories as ASE wrote them until version 3.8.
OLD_TRAJECTORY = b"PickleTrajectory"
# An element with a kind of it, such as Fe1 or O_w.
KIND = re.compile(rf"(?:{'|'.join(sorted(atomic_numbers, key=len, reverse=True))})(?=[\d_-])")


class FileOfFrames(NamedTuple):
    """Frames of a file.

    Attributes:
        path: without a slice.
        frames: as ASE reads them.
        indices: number of each frame in the file, from 0.
        notes: what a user should know of how the file was read.
    """

    path: Path
    frames: list[Atoms]
    indices: list[int]
    notes: list[str]


def read_file(name: str | Path) -> FileOfFrames:
    """Read a file, or the slice of it that is named after an ``@``.

    Raises:
        DataError: there is no such file, it cannot be read, its format has no elements or no
            energies, or the slice is empty.
    """
    path, chosen = _sliced(str(name))
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if (path / "config.json").is_file() and (path / "models").is_dir():
        raise DataError(
            f"{path}: the folder of a training, not data: name the files of frames themselves"
        )
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    if path.is_dir() and not BundleTrajectory.is_bundle(str(path)):
        raise DataError(f"{path}: a folder: name the file in it, such as {path / 'OUTCAR'}")
    form = ""
    try:
        with _unpacked(path) as plain:
            _refuse_by_name(path, plain.name)
            # The ending says more than OUTCAR in a name, which ASE looks at first.
            form = "extxyz" if plain.suffix.lower() in EXTXYZ else filetype(str(plain))
            _refuse(path, plain, form)
            notes = _notes(path, plain, form, chosen)
            frames, indices = _read(path, plain, form, chosen)
    except DataError:
        raise
    except UnknownFileTypeError as error:
        raise DataError(f"{path}: not a format that ASE can read ({error})") from None
    except Exception as error:  # ASE's readers may raise any exception for a bad file.
        raise DataError(f"{path}: {_reason(error, form)}") from None
    if not frames:
        raise DataError(f"{name}: no frames, read as {ioformats[form].description}")
    return FileOfFrames(path, frames, indices, notes)


def _reason(error: Exception, form: str) -> str:
    """Why a file cannot be read, of a format if it is known."""
    label = str(error.args[0]) if isinstance(error, KeyError) and error.args else ""
    element = KIND.match(label)
    if element and label not in atomic_numbers:
        return f"{label} is no element: write {element[0]}, and its kinds into another column"
    if "\\ufeff" in str(error) or "\ufeff" in str(error):
        return "begins with a byte-order mark: save it as UTF-8 without one"
    told = " ".join(f"{type(error).__name__}: {error}".split())
    what = f"as {ioformats[form].description}, " if form in ioformats else ""
    return f"cannot be read, is it complete? ({what}{told})"


def _sliced(name: str) -> tuple[Path, int | slice | str]:
    """Path, and what to take of the file: a frame, a slice, or a selection of a database."""
    if Path(name).exists() or "@" not in Path(name).name:
        return Path(name), slice(None)
    path, _, chosen = name.rpartition("@")
    try:
        return Path(path), string2index(chosen)
    except ValueError:
        return Path(path), chosen


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The file itself, or its contents in a temporary file if it is compressed.

    ASE's readers of trajectories and databases cannot read compressed files.
    """
    if path.suffix not in COMPRESSION:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        with COMPRESSION[path.suffix](path) as packed, open(plain, "wb") as file:
            shutil.copyfileobj(packed, file)
        yield plain


def _refuse_by_name(path: Path, name: str) -> None:
    """Raise DataError for files that have to be converted."""
    for part, how in CONVERTED.items():
        if name.endswith(part) if part.startswith(".") else name in (part, f"{part}N"):
            raise DataError(f"{path}: {how}")


def _refuse(path: Path, plain: Path, form: str) -> None:
    """Raise DataError for formats that ASE reads, but not rightly or not at all."""
    if plain.is_dir():
        return
    with open(plain, "rb") as file:
        start = file.read(10_000)
    if start.startswith(OLD_TRAJECTORY):
        raise DataError(
            f"{path}: a trajectory in the old format of ASE 3.8 and before; convert it with "
            f"python -m ase.io.trajectory {path}"
        )
    if form in WITHOUT_ENERGIES:
        raise DataError(
            f"{path}: read as {ioformats[form].description}, a format without energies: give "
            f"{WITHOUT_ENERGIES[form]}"
        )
    if CP2K in start:
        raise DataError(
            f"{path}: an output of CP2K, which ASE does not read: write {ANOTHER}, from its "
            "-pos-1.xyz, with cells and with the forces of its -frc-1.xyz"
        )
    if form in LAMMPS:
        header = next((row for row in start.split(b"\n") if row.startswith(b"ITEM: ATOMS")), b"")
        known = {b"element", b"mass"} & set(header.split())
        lacks = "no energies" if known or not header else "no elements and no energies"
        raise DataError(
            f"{path}: a LAMMPS dump has {lacks}; write its frames as extended XYZ, with elements "
            "and with the potential energies of the log"
        )


def _notes(path: Path, plain: Path, form: str, chosen: int | slice | str) -> list[str]:
    if form != "extxyz":
        return []
    with open(plain, encoding="utf-8", errors="replace") as file:
        return extxyz.check(path, file, chosen if isinstance(chosen, slice) else slice(None))


def _read(
    path: Path, plain: Path, form: str, chosen: int | slice | str
) -> tuple[list[Atoms], list[int]]:
    """Frames and their numbers in the file."""
    if isinstance(chosen, str):
        if form not in DATABASES:
            raise DataError(f"{path}: @{chosen} is neither a number nor a slice such as @::10")
        return _rows(plain, chosen)
    whole = isinstance(chosen, int) or form in DATABASES or _from_the_end(chosen)
    if whole:
        in_database = form in DATABASES
        frames = _rows(plain)[0] if in_database else ase.io.read(plain, ":", form, **AS_NAMED)
        indices = list(range(len(frames)))[chosen if isinstance(chosen, slice) else slice(None)]
        if isinstance(chosen, int):
            if not -len(frames) <= chosen < len(frames):
                raise DataError(f"{path}: there is no frame {chosen}: it has {len(frames)}, from 0")
            indices = [indices[chosen]]
        return [frames[k] for k in indices], indices
    frames = ase.io.read(plain, chosen, form, **AS_NAMED)
    start, step = chosen.start or 0, chosen.step or 1
    return frames, [start + step * k for k in range(len(frames))]


def _from_the_end(chosen: slice) -> bool:
    return any(x is not None and x < 0 for x in (chosen.start, chosen.stop, chosen.step))


def _rows(plain: Path, selection: str = "") -> tuple[list[Atoms], list[int]]:
    """Frames of a database, with keys and data of each row as the frame's information.

    Their numbers count all rows from 0, as without a selection.
    """
    found, ids = [], []
    with ase.db.connect(plain, serial=True) as database:
        for row in database.select(selection):
            atoms = row.toatoms()
            atoms.info.update({**row.data, **row.key_value_pairs})
            found.append(atoms)
            ids.append(row.id)
        every = (row.id for row in database.select(include_data=False)) if selection else ids
        number = {id: k for k, id in enumerate(every)}
    return found, [number[id] for id in ids]
