"""Reading of anybody's files: frames of any size, with the labels that the files have.

>>> reading = read_frames(["md.extxyz", "slabs.traj@::10", "vasprun.xml.gz"])
>>> reading.frames.energies, reading.isolated, reading.notes
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms

from data_gen.errors import DataError
from data_gen.forces import choose_forces
from data_gen.formats import FileOfFrames, read_file
from data_gen.frames import Frames, Structure, check_frame, isolated_atoms
from data_gen.labels import choose_energies, in_spelling_of, values_of
from data_gen.states import States, states_of
from data_gen.vast import is_vast

# Shortest cutoff of a model, Å: for longer ones fewer frames are too wide.
SHORT_A = 3.0


class Origin(NamedTuple):
    """Where a frame comes from.

    Attributes:
        path: of the file, as it was given, without a slice.
        index: of the frame in the file, from 0.
    """

    path: Path
    index: int

    def __str__(self) -> str:
        return f"{self.path}, frame {self.index}"


@dataclass(frozen=True)
class Reading:
    """What was read from files.

    Attributes:
        frames: all frames, in the order of the files; forces that are not known are NaN.
        energy_key: name of the energies that were taken, such as "energy" or "REF_energy".
        forces_key: name of the forces that were taken; empty if there are none.
        isolated: {symbol: eV} of elements that occur as an isolated atom, see
            :func:`data_gen.frames.isolated_atoms`; these frames are among the others, too.
        config_types: (n,), each frame's ``config_type``, or None.
        origins: (n,), file and index of each frame.
        notes: what a user should know of how the files were read, in sentences.
        warnings: what looks wrong with the choice of labels, or is not among them.
        states: charges and spins that the frames say they are in, see
            :func:`data_gen.states.states_of`.
    """

    frames: Frames
    energy_key: str
    forces_key: str
    isolated: dict[str, float]
    config_types: tuple[str | None, ...]
    origins: tuple[Origin, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    states: States = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Opened:
    """Files that were read, before it is chosen which numbers in them are labels.

    Attributes:
        files: frames as ASE reads them.
    """

    files: tuple[FileOfFrames, ...]

    @property
    def atoms(self) -> list[Atoms]:
        """All frames, in the order of the files."""
        return [one for file in self.files for one in file.frames]

    @property
    def origins(self) -> tuple[Origin, ...]:
        """File and index of each frame."""
        return tuple(Origin(file.path, k) for file in self.files for k in file.indices)

    def has(self, name: str) -> bool:
        """Whether any frame has something of this name, whatever it is; capitals do not count."""
        return any(in_spelling_of(values_of(one), name) is not None for one in self.atoms)

    def labelled(self, energy_key: str | None = None, forces_key: str | None = None) -> Reading:
        """The frames with labels; see :func:`read_frames`."""
        atoms, origins = self.atoms, self.origins
        for one, origin in zip(atoms, origins, strict=True):
            if not one.numbers.all():
                raise DataError(f"{origin.path}: frame {origin.index} has atoms of no element (X)")
        energies = choose_energies(atoms, origins, energy_key)
        forces = choose_forces(atoms, origins, forces_key, energies.names)
        states, of_states, warnings = states_of(atoms)
        frames = _checked(self.files, atoms, energies.values, forces.values)
        of_files = (note for file in self.files for note in file.notes)
        return Reading(
            frames,
            energies.key,
            forces.key,
            isolated_atoms(frames),
            tuple(_config_type(one) for one in atoms),
            origins,
            (*of_files, *energies.notes, *forces.notes, *of_states),
            (*energies.warnings, *forces.warnings, *warnings),
            states,
        )


def open_files(paths: str | Path | Sequence[str | Path]) -> Opened:
    """Read files without a choice of labels.

    Args:
        paths: see :func:`read_frames`.

    Raises:
        DataError: a file cannot be read.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    if not len(paths):
        raise DataError("no files are given")
    return Opened(tuple(read_file(path) for path in paths))


def read_frames(
    paths: str | Path | Sequence[str | Path],
    energy_key: str | None = None,
    forces_key: str | None = None,
) -> Reading:
    """Read frames with energies, and with forces as far as they are there.

    Args:
        paths: files of any format that ASE reads, also compressed (.gz, .bz2, .xz). A slice may
            follow as in ASE: "md.traj@-100:" or "md.extxyz@::10"; for a database also a selection.
        energy_key: name of the energies in the file; by default the first of
            :data:`~data_gen.labels.ENERGY` that all frames have. Capitals count only where a frame
            has both spellings.
        forces_key: name of the forces; by default those that belong to the energies, or else the
            one of :data:`~data_gen.forces.FORCES` that most frames have.

    Returns:
        The frames as the files have them: nothing is converted, moved or left out. Of a
        calculation's energies the free energy is taken, as forces are its derivative, unless a
        name is given: if that is "energy", it is a warning where both differ. Constraints are not
        applied to forces.

    Raises:
        DataError: a file cannot be read or has no energies, or a frame is unusable; the message is
            one sentence that says which, and what to do.
    """
    return open_files(paths).labelled(energy_key, forces_key)


def _config_type(atoms: Atoms) -> str | None:
    found = atoms.info.get("config_type")
    return None if found is None else str(found)


def _checked(
    files: Sequence[FileOfFrames],
    atoms: Sequence[Atoms],
    energies: np.ndarray,
    forces: Sequence[np.ndarray],
) -> Frames:
    """All frames; raises DataError that names the file and the frame's number in it."""
    origins = [Origin(file.path, k) for file in files for k in file.indices]
    structures = [Structure(a.positions, a.numbers, np.array(a.cell), a.pbc) for a in atoms]
    metadata = {"source": ", ".join(str(file.path) for file in files)}
    try:
        frames = Frames(tuple(structures), energies, tuple(forces), metadata)
    except DataError:
        for origin, structure, force in zip(origins, structures, forces, strict=True):
            try:
                check_frame(origin.index, structure, force)
            except DataError as error:
                raise DataError(f"{origin.path}: {error}") from None
        raise
    for origin, s in zip(origins, structures, strict=True):
        if is_vast(s, SHORT_A):
            extents = " x ".join(f"{x:.4g}" for x in np.ptp(s.positions, axis=0))
            raise DataError(
                f"{origin.path}: the atoms of frame {origin.index}, within {extents} Å, or its "
                "cell are too wide for a list of neighbours: leave the frame out if an atom flew "
                "away, or correct it"
            )
    return frames
