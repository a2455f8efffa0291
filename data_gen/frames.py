"""Frames with energies and forces whose sizes, compositions and cells may differ.

For data on a single system, such as the report's, see :class:`~data_gen.dataset.Dataset`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers, chemical_symbols

from data_gen.errors import DataError
from data_gen.neighbours import coinciding, may_coincide
from data_gen.vast import edges

# An atom whose images are at least this far away, Å, is on its own.
ISOLATED_A = 10.0
# Frames that are checked together.
BLOCK = 1000


class Structure(NamedTuple):
    """Atoms in a cell. ASE's Atoms have the same attributes and can be used instead.

    Attributes:
        positions: (N, 3), Å.
        numbers: (N,), atomic numbers.
        cell: (3, 3), Å.
        pbc: (3,), periodic or not along each cell vector.
    """

    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray


@dataclass(frozen=True)
class Frames:
    """Structures of any size and composition, with their energies and forces.

    Attributes:
        structures: n of them; frame k has N_k atoms.
        energies: (n,), eV, of whole structures.
        forces: n arrays (N_k, 3), eV/Å; one that is NaN throughout is of a frame without forces.
        metadata: origin of the data.
        checked: whether the frames are some of others that were checked, and so are fine.

    Raises:
        DataError: shapes do not match, values are not finite, or two atoms of a frame coincide.
    """

    structures: tuple[Structure, ...]
    energies: np.ndarray
    forces: tuple[np.ndarray, ...]
    metadata: dict = field(default_factory=dict, compare=False)
    checked: bool = field(default=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        n = len(self.structures)
        if not n or self.energies.shape != (n,) or len(self.forces) != n:
            raise DataError(
                f"{n} structures with energies {self.energies.shape} and {len(self.forces)} "
                "arrays of forces"
            )
        if not np.isfinite(self.energies).all():
            frame = np.flatnonzero(~np.isfinite(self.energies))[0]
            raise DataError(f"energies are not finite (NaN or infinite) in frame {frame}")
        if self.checked:
            return
        for first in range(0, n, BLOCK):
            structures, forces = (x[first : first + BLOCK] for x in (self.structures, self.forces))
            asked = range(len(structures))
            if _are_ordinary(structures, forces):
                # One by one only where something may be wrong.
                asked = np.flatnonzero(may_coincide(structures)).tolist()
            for k in asked:
                check_frame(first + k, structures[k], forces[k])

    def __len__(self) -> int:
        return len(self.structures)

    def __getitem__(self, frames: slice | Sequence[int] | np.ndarray) -> "Frames":
        """Some frames, in the order of the indices."""
        chosen = np.arange(len(self))[frames]
        return Frames(
            tuple(self.structures[k] for k in chosen),
            self.energies[chosen],
            tuple(self.forces[k] for k in chosen),
            self.metadata,
            checked=True,
        )

    @property
    def sizes(self) -> np.ndarray:
        """Number of atoms of each frame, (n,)."""
        return np.array([len(structure.numbers) for structure in self.structures])

    @property
    def with_forces(self) -> np.ndarray:
        """Whether the forces of each frame are known, (n,) bool."""
        return np.array([not np.isnan(forces).any() for forces in self.forces])

    @property
    def elements(self) -> list[str]:
        """Symbols of all elements, sorted."""
        numbers = np.unique(np.concatenate([s.numbers for s in self.structures]))
        return sorted(chemical_symbols[z] for z in numbers)

    @classmethod
    def of(cls, data) -> "Frames":
        """Convert a :class:`~data_gen.dataset.Dataset`."""
        return cls(tuple(data.structures()), data.energies, tuple(data.forces), data.metadata)

    @classmethod
    def joined(cls, parts: Sequence["Frames"]) -> "Frames":
        """The frames of several parts, one after another, with the first one's metadata."""
        return cls(
            tuple(s for part in parts for s in part.structures),
            np.concatenate([part.energies for part in parts]),
            tuple(f for part in parts for f in part.forces),
            parts[0].metadata,
            checked=True,
        )

    @classmethod
    def from_atoms(
        cls,
        frames: Sequence[Atoms],
        source: str = "frames",
        metadata: dict | None = None,
        missing_forces: bool = False,
    ) -> "Frames":
        """Convert frames with energies and forces, as read by :mod:`ase.io`.

        Args:
            frames: to convert.
            source: names the frames in error messages.
            metadata: of the result; by default only the source.
            missing_forces: whether frames may lack forces.

        Raises:
            DataError: there are no frames, energies or forces are missing, or the class itself
                raises it.
        """
        if missing_forces:
            frames = [_with_nan_for_forces(frame) for frame in frames]
        energies, forces = labels(frames, source)
        try:
            found = cls(
                tuple(
                    Structure(
                        atoms.positions.copy(),
                        atoms.numbers.copy(),
                        np.array(atoms.cell),
                        atoms.pbc.copy(),
                    )
                    for atoms in frames
                ),
                np.array(energies, dtype=float),
                tuple(np.asarray(f, dtype=float) for f in forces),
                metadata or {"source": source},
            )
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
        if not missing_forces and not found.with_forces.all():
            frame = np.flatnonzero(~found.with_forces)[0]
            raise DataError(f"{source}: forces are not finite (NaN or infinite) in frame {frame}")
        return found


def isolated_atoms(frames: Frames) -> dict[str, float]:
    """Energies of elements that occur as a single atom on its own: {symbol: eV}.

    That is one without images, or with images at least :data:`ISOLATED_A` away. The lowest energy
    counts, where there are several.
    """
    found: dict[str, float] = {}
    for structure, energy in zip(frames.structures, frames.energies, strict=True):
        if is_isolated(structure):
            symbol = chemical_symbols[int(structure.numbers[0])]
            found[symbol] = min(float(energy), found.get(symbol, np.inf))
    return found


def is_isolated(structure: Structure) -> bool:
    """Whether a structure is one atom without images within :data:`ISOLATED_A`."""
    if len(structure.numbers) != 1:
        return False
    return not np.any(structure.pbc) or not len(edges(structure, ISOLATED_A)[0])


def composition(numbers: Sequence[np.ndarray], elements: Sequence[str]) -> np.ndarray:
    """Number of atoms of each element in each structure, (n, S), as float64."""
    wanted = np.array([atomic_numbers[e] for e in elements])
    return np.array([(np.asarray(one)[:, None] == wanted).sum(axis=0) for one in numbers], float)


def labels(frames: Sequence[Atoms], source: str) -> tuple[list[float], list[np.ndarray]]:
    """Energies (eV) and forces (N_k, 3) eV/Å of frames, from their calculators.

    Raises:
        DataError: there are no frames, or one lacks its energy or forces.
    """
    if not len(frames):
        raise DataError(f"{source}: no frames")
    energies, forces = [], []
    for k, frame in enumerate(frames):
        try:
            energy = frame.get_potential_energy()
            # Forces are derivatives of the free energy, where the two differ.
            energies.append(getattr(frame.calc, "results", {}).get("free_energy", energy))
            # Without constraints, which would zero forces that are to be learned.
            forces.append(frame.get_forces(apply_constraint=False))
        except (RuntimeError, PropertyNotImplementedError) as error:
            raise DataError(f"{source}: frame {k} has no energy or no forces ({error})") from None
    return energies, forces


def _with_nan_for_forces(frame: Atoms) -> Atoms:
    """The same frame; if it has an energy but no forces, with forces that are NaN."""
    energy = None
    try:
        energy = frame.get_potential_energy()
        frame.get_forces(apply_constraint=False)
    except (RuntimeError, PropertyNotImplementedError):
        if energy is not None:
            frame = frame.copy()
            forces = np.full((len(frame), 3), np.nan)
            frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces)
    return frame


def _are_ordinary(structures: Sequence[Structure], forces: Sequence[np.ndarray]) -> bool:
    """Whether all frames have atoms, the right shapes and numbers that are finite."""
    for s, f in zip(structures, forces, strict=True):
        n = len(s.numbers)
        if not n or s.positions.shape != (n, 3) or f.shape != (n, 3):
            return False
    arrays = (*(s.positions for s in structures), *(s.cell for s in structures), *forces)
    return bool(np.isfinite(np.concatenate(arrays)).all())


def check_frame(k: int, structure: Structure, forces: np.ndarray) -> None:
    """Raise :class:`DataError` if frame k is unusable; missing forces are fine."""
    n = len(structure.numbers)
    if not n or structure.positions.shape != (n, 3) or forces.shape != (n, 3):
        raise DataError(
            f"frame {k}: {n} atoms with positions {structure.positions.shape} and forces "
            f"{forces.shape}"
        )
    for name, values in (
        ("positions", structure.positions),
        ("forces", forces),
        ("cell", structure.cell),
    ):
        missing = name == "forces" and np.isnan(values).all()
        if not (missing or np.isfinite(values).all()):
            raise DataError(f"{name} are not finite (NaN or infinite) in frame {k}")
    try:
        pair = coinciding(structure)
    except ValueError as error:
        raise DataError(f"frame {k}: {error}: give its cell, or set pbc to F") from None
    if pair:
        i, j, length = pair
        raise DataError(f"atoms {i} and {j} of frame {k} are on one point ({length:.3g} Å apart)")
