"""Which of the numbers in a file are its energies and forces."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from data_gen.errors import DataError

# Names in the order of preference, in small letters: capitals do not count. "energy" stands for
# the energy of a calculation, whose free energy, if there is one, is taken instead.
ENERGY = (
    "energy",
    "ref_energy",
    "dft_energy",
    "qm_energy",
    "target_energy",
    "total_energy",
    "tot_energy",
    "totenergy",
    "potential_energy",
)
FORCES = (
    "forces",
    "ref_forces",
    "dft_forces",
    "qm_forces",
    "target_forces",
    "force",
    "ref_force",
    "dft_force",
    "qm_force",
    "target_force",
)
# Arrays of three columns that are no forces.
NO_FORCES = ("positions", "momenta", "velocities", "vel", "velo", "magmoms", "initial_magmoms")
# A comment line of CP2K's trajectories, whose energies are in Hartree.
CP2K = {"i", "time", "E"}
TO_HARTREE = (
    "is an energy of CP2K, in Hartree: multiply it by 27.2114 and write energy=..., in eV, into "
    "the file; with Lattice=... and pbc=..., as the cell is not in it; forces are in "
    "...-frc-1.xyz, in Hartree/bohr (times 51.4221)"
)
# What a frame says of its stress or virial is not read.
STRESS = ("stress", "virial")
# Energies closer than this, eV, are the same.
SAME_EV = 1e-6


class Labels(NamedTuple):
    """Energies or forces of all frames.

    Attributes:
        names: the name that they have in each of n frames; empty where there are none.
        values: energies (n,), eV, or n arrays (N_k, 3), eV/Å, NaN where there are none.
        notes: what a user should know of the choice, in sentences.
    """

    names: tuple[str, ...]
    values: Any
    notes: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name that they have in the files; several, with commas, if frames differ."""
        return ", ".join(name for name in dict.fromkeys(self.names) if name)


def choose_energies(
    frames: Sequence[Atoms], origins: Sequence[Any], key: str | None = None
) -> Labels:
    """Energies of all frames, eV, in float64.

    Args:
        frames: as ASE reads them.
        origins: path and index of each frame, for messages.
        key: name of the energies. By default the first of :data:`ENERGY` that all frames have, or,
            if there is none, the first that each frame has. "energy" comes last where the forces
            beside it are all 0, as a calculator leaves them that was not asked.

    Raises:
        DataError: a frame has no energy, it is not finite, or known to be in Hartree.
    """
    everything = [_values(frame) for frame in frames]
    for values, origin in zip(everything, origins, strict=True):
        if key == "E" and set(values) >= CP2K:
            raise DataError(f"{origin.path}: E in frame {origin.index} {TO_HARTREE}")
    found = [_energies(values, key) for values in everything]
    names, notes = ([key] if key else list(ENERGY)), []
    everywhere = [name for name in names if all(name in one for one in found)]
    if not key and everywhere[1:] and everywhere[0] == "energy" and _are_zero(frames, everything):
        everywhere = everywhere[1:]
        notes.append(
            f"{found[0][everywhere[0]][0]} is taken, not energy, whose forces are 0 in all frames, "
            "as where a calculator was not asked"
        )
    everywhere = next(iter(everywhere), None)
    chosen = []
    for values, origin, one in zip(everything, origins, found, strict=True):
        name = everywhere or next((name for name in names if name in one), None)
        if name is None:
            named = f" named {key}" if key else ""
            raise DataError(
                f"{origin.path}: no energy{named} in {_so_many(found)}; frame {origin.index} "
                f"{_what_it_has(values)}"
            )
        chosen.append(one[name])
        if not math.isfinite(one[name][1]):
            raise DataError(
                f"{origin.path}: energies are not finite (NaN or infinite) in frame {origin.index}"
            )
    taken = tuple(name for name, _ in chosen)
    notes += [*_several(taken), *_not_taken(everything, chosen)]
    energies = np.array([value for _, value in chosen], dtype=float)
    return Labels(taken, energies, tuple(notes))


def choose_forces(
    frames: Sequence[Atoms],
    origins: Sequence[Any],
    key: str | None = None,
    energy_names: Sequence[str] = (),
) -> Labels:
    """Forces of all frames, eV/Å, as far as they are there; constraints are not applied.

    Args:
        frames: as ASE reads them.
        origins: path and index of each frame, for messages.
        key: name of the forces. By default, among frames whose energies have the same name, that
            which most of them have, of those that are named as the energies are, and of
            :data:`FORCES`; the first of these if several are as frequent. "forces" that are all 0
            belong to no other energies than "energy".
        energy_names: name of the energy of each frame.

    Raises:
        DataError: no frame has forces of the given name, those of a usual name have not three
            columns, or they are not finite.
    """
    everything = [_values(frame) for frame in frames]
    found = [
        _forces(values, len(frame), key) for values, frame in zip(everything, frames, strict=True)
    ]
    names, notes = _names_of_forces(frames, everything, found, key, energy_names)
    missing = sum(choice[0] not in one for choice, one in zip(names, found, strict=True))
    if key and missing == len(frames):
        odd = _odd(everything[0], frames[0], [key])
        arrays = ", ".join(_of_three_columns(everything, frames)) or "positions only"
        raise DataError(
            f"{origins[0].path}: no forces named {key}{f' ({odd})' if odd else ''}; "
            f"arrays of three columns are {arrays}"
        )
    taken, values = [], []
    for k, (frame, origin, one) in enumerate(zip(frames, origins, found, strict=True)):
        name, value = one.get(names[k][0], ("", None))
        if value is None:
            asked = names[k] if missing == len(frames) else names[k][:1]
            if odd := _odd(everything[k], frame, asked):
                raise DataError(
                    f"{origin.path}: in frame {origin.index} {odd}, not three for each atom"
                )
            value = np.full((len(frame), 3), np.nan)
        elif not np.isfinite(value).all():
            raise DataError(
                f"{origin.path}: forces are not finite (NaN or infinite) in frame {origin.index}"
            )
        taken.append(name)
        values.append(value)
    if missing == len(frames):
        others = ", ".join(_of_three_columns(everything, frames))
        notes.append(
            "there are no forces: energies alone can be learned"
            + (f"; if {others} are forces, name them (--forces-key)" if others else "")
        )
    elif missing:
        notes.append(f"forces are missing in {missing} of {len(frames)} frames")
    of_stress = {name for name in set().union(*everything) if _is_stress(name)}
    stress = sum(not of_stress.isdisjoint(values) for values in everything)
    if stress:
        notes.append(
            f"stress or virial, in {stress} of {len(frames)} frames, is neither trained on nor "
            "compared"
        )
    return Labels(tuple(taken), tuple(values), tuple(notes))


def _names_of_forces(
    frames: Sequence[Atoms],
    everything: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping],
    key: str | None,
    energy_names: Sequence[str],
) -> tuple[list[list[str]], list[str]]:
    """Names that the forces of each frame may have, in small letters, the chosen one first; notes.

    Frames whose energies have one name have forces of one name.
    """
    if key:
        return [[key]] * len(frames), []
    groups: dict[str, list[int]] = {}
    for k in range(len(frames)):
        name = energy_names[k].lower() if energy_names else ""
        groups.setdefault("energy" if name == "free_energy" else name, []).append(k)
    chosen: list[list[str]] = [[]] * len(frames)
    notes = []
    for energy, group in groups.items():
        partners = [energy.replace("energy", word) for word in ("forces", "force")]
        names = list(dict.fromkeys([*partners, *FORCES] if energy else FORCES))
        own = ([frames[k] for k in group], [everything[k] for k in group])
        if energy != "energy" and _are_zero(*own):
            names.remove("forces")
            where = f" with {energy_names[group[0]]}" if len(groups) > 1 else ""
            notes.append(f"forces, which are 0 in all frames{where}, are not taken (--forces-key)")
        best = max(names, key=lambda name: sum(name in found[k] for k in group))
        for k in group:
            chosen[k] = [best, *(name for name in names if name != best)]
    return chosen, notes


def _are_zero(frames: Sequence[Atoms], everything: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all frames have "forces", and these are 0, also of atoms that have others."""
    if all(len(frame) == 1 for frame in frames):
        return False
    return all("forces" in values and not np.any(values["forces"]) for values in everything)


def _of_three_columns(
    everything: Sequence[Mapping[str, Any]], frames: Sequence[Atoms]
) -> list[str]:
    """Names of arrays that may be forces."""
    return sorted(
        {
            str(name)
            for values, frame in zip(everything, frames, strict=True)
            for name, value in values.items()
            if np.shape(value) == (len(frame), 3)
            and _small(name) not in NO_FORCES
            and np.any(value)
        }
    )


def _odd(values: Mapping[str, Any], frame: Atoms, names: Sequence[str]) -> str:
    """What is wrong with an array of one of these names that is not of three columns."""
    for name, value in values.items():
        if _small(name) not in names and name not in names:
            continue
        shape, n = np.shape(value), len(frame)
        if shape and shape != (n, 3) and (shape[0] == n or np.size(value) == 3 * n):
            columns = shape[1] if shape[1:] else shape[0]
            return f"{name} has {columns} {'columns' if shape[1:] else 'numbers'}"
    return ""


def _values(frame: Atoms) -> dict[str, Any]:
    """All that a frame has besides its atoms: {name: value}."""
    return {**frame.info, **frame.arrays, **getattr(frame.calc, "results", {})}


def _energies(values: Mapping[str, Any], key: str | None) -> dict[str, tuple[str, float]]:
    """Possible energies of a frame: {name in small letters: (name, eV)}."""
    if key:
        value = _number(values.get(key))
        return {} if value is None else {key: (key, value)}
    found: dict[str, tuple[str, float]] = {}
    for name, value in values.items():
        small = _small(name)
        if small in ENERGY and small not in found:
            number = _number(value)
            if number is not None:
                found[small] = name, number
    free = _number(values.get("free_energy"))
    if free is not None:
        found["energy"] = "free_energy", free
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, float):  # So are the numbers of NumPy's float64.
        return float(value)
    if value is None or isinstance(value, bool | np.bool_):
        return None
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return float(array.reshape(())) if array.size == 1 else None


def _forces(
    values: Mapping[str, Any], n: int, key: str | None
) -> dict[str, tuple[str, np.ndarray]]:
    """Possible forces of a frame of n atoms: {name in small letters: (name, (n, 3) eV/Å)}."""
    return {
        key or _small(name): (name, np.array(value, dtype=float))
        for name, value in values.items()
        if (name == key if key else "force" in _small(name)) and np.shape(value) == (n, 3)
    }


@functools.lru_cache(maxsize=1024)
def _small(name: Any) -> str:
    """A name in small letters; files have few different ones, once in each frame."""
    return str(name).lower()


def _is_stress(name: str) -> bool:
    return any(word in str(name).lower() for word in STRESS)


def _so_many(found: Sequence[Mapping]) -> str:
    """How many frames lack what was looked for, as words."""
    if len(found) == 1:
        return "the only frame"
    lacking = sum(not one for one in found)
    return f"{'any' if lacking == len(found) else lacking} of {len(found)} frames"


def _what_it_has(values: Mapping[str, Any]) -> str:
    """What a frame without energy has instead, as the rest of a sentence, with what to do."""
    for name, value in values.items():
        if value is True and is_number(name):
            return (
                f"has the number {name} without a name in its comment line: write energy={name} "
                "there, and Properties=species:S:1:pos:R:3:forces:R:3 if columns of forces follow"
            )
        if str(name).lower() in ENERGY and _number(value) is None:
            return f"has {name}={value}, which is not a number: leave the frame out or compute it"
    if set(values) >= CP2K:
        return f"has E, which {TO_HARTREE}"
    scalars = [str(x) for x, v in values.items() if np.ndim(v) == 0 and _number(v) is not None]
    if scalars:
        return f"has {', '.join(scalars)}: name the energies (energy_key, --energy-key)"
    if set(values) <= {"numbers", "positions", "forces"}:
        return "has no keys at all: write energy=..., in eV, into the file"
    others = ", ".join(str(name) for name in values if name not in ("numbers", "positions"))
    return f"has {others}, no number for all of it: write energy=..., in eV, into the file"


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _several(taken: Sequence[str]) -> list[str]:
    counts = {name: taken.count(name) for name in dict.fromkeys(taken)}
    if len(counts) == 1:
        return []
    words = ", ".join(f"{name} in {n}" for name, n in counts.items())
    return [f"energies have several names, as no name is in all frames: {words}"]


def _not_taken(
    everything: Sequence[Mapping[str, Any]], chosen: Sequence[tuple[str, float]]
) -> list[str]:
    """Other energies that the frames have, if they differ."""
    apart: dict[tuple[str, str], list[float]] = {}
    for values, (name, value) in zip(everything, chosen, strict=True):
        for other, x in values.items():
            if other == name or _small(other) not in (*ENERGY, "free_energy"):
                continue
            number = _number(x)
            if number is not None and not abs(number - value) <= SAME_EV:
                apart.setdefault((name, other), []).append(abs(number - value))
    notes = []
    for (name, other), off in apart.items():
        why = ": forces are its derivative" if name == "free_energy" else ""
        notes.append(
            f"{name} is taken, not {other}, which differs in {len(off)} of {len(chosen)} "
            f"frames, by up to {max(off):.3g} eV{why}"
        )
    return notes
