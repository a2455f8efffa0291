"""Which of the numbers in a file are its energies."""

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
    "potential_energy",
    "total_energy",
    "tot_energy",
    "totenergy",
)
# Of dynamics, a total energy includes the kinetic one.
TOTAL = ("total_energy", "tot_energy", "totenergy")
KINETIC = ("kinetic_energy", "ekin")
# A comment line of CP2K's trajectories, whose energies are in Hartree.
CP2K = {"i", "time", "E"}
TO_HARTREE = (
    "is an energy of CP2K, in Hartree: multiply it by 27.2114 and write energy=..., in eV, into "
    "the file; with Lattice=... and pbc=..., as the cell is not in it; forces are in "
    "...-frc-1.xyz, in Hartree/bohr (times 51.4221)"
)
# Energies closer than this, eV, are the same.
SAME_EV = 1e-6


class Labels(NamedTuple):
    """Energies or forces of all frames.

    Attributes:
        names: the name that they have in each of n frames; empty where there are none.
        values: energies (n,), eV, or n arrays (N_k, 3), eV/Å, NaN where there are none.
        notes: what a user should know of the choice, in sentences.
        warnings: what may be wrong with it.
    """

    names: tuple[str, ...]
    values: Any
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

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
        key: name of the energies; capitals do not count in frames without exactly this name. By
            default the first of :data:`ENERGY` that all frames have, or, if there is none, the
            first that each frame has. "energy" comes last where the forces beside it are all 0, as
            a calculator leaves them that was not asked; and one without forces of its own in any
            frame of several atoms comes after those that have them in all of these.

    Raises:
        DataError: a frame has no energy, it is not finite, or known to be in Hartree.
    """
    everything = [values_of(frame) for frame in frames]
    for values, origin in zip(everything, origins, strict=True):
        if key == "E" and set(values) >= CP2K:
            raise DataError(f"{origin.path}: E in frame {origin.index} {TO_HARTREE}")
    found = [_energies(values, key) for values in everything]
    names, notes = ([key] if key else list(ENERGY)), []
    everywhere = [name for name in names if all(name in one for one in found)]
    if not key and everywhere[1:] and everywhere[0] == "energy" and zero_forces(frames, everything):
        everywhere = everywhere[1:]
        notes.append(
            f"{found[0][everywhere[0]][0]} is taken, not energy, whose forces are 0 in all frames, "
            "as where a calculator was not asked"
        )
    if not key and everywhere[1:]:
        with_own = [name for name in everywhere if _own_forces(frames, everything, name) == 1]
        if (
            with_own
            and with_own[0] != everywhere[0]
            and not _own_forces(frames, everything, everywhere[0])
        ):
            first, taken = (found[0][name][0] for name in (everywhere[0], with_own[0]))
            notes.append(f"{taken} is taken, not {first}, as {taken} has forces of its own")
            everywhere = with_own
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
                f"{origin.path}: energies are not finite (NaN or infinite) in frame {origin.index} "
                f"({one[name][0]})"
            )
    taken = tuple(name for name, _ in chosen)
    others, warnings = _not_taken(everything, chosen)
    several, of_free = _several(taken, everything)
    notes += [*several, *others]
    warnings += of_free
    energies = np.array([value for _, value in chosen], dtype=float)
    warnings += _warn_of_total(taken, everything)
    return Labels(taken, energies, tuple(notes), tuple(warnings))


def zero_forces(frames: Sequence[Atoms], everything: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all frames have "forces", and these are 0, also of atoms that have others."""
    if all(len(frame) == 1 for frame in frames):
        return False
    return all("forces" in values and not np.any(values["forces"]) for values in everything)


def partners(energy: str) -> tuple[str, str]:
    """Names of the forces that belong to an energy, in small letters."""
    return energy.replace("energy", "forces"), energy.replace("energy", "force")


def _own_forces(
    frames: Sequence[Atoms], everything: Sequence[Mapping[str, Any]], energy: str
) -> float:
    """Share of the frames of several atoms that have something named as an energy's forces."""
    several = [v for v, frame in zip(everything, frames, strict=True) if len(frame) > 1]
    names = set(partners(energy))
    having = sum(not names.isdisjoint(map(small_letters, values)) for values in several)
    return having / len(several) if several else 0.0


def values_of(frame: Atoms) -> dict[str, Any]:
    """All that a frame has besides its atoms: {name: value}."""
    return {**frame.info, **frame.arrays, **getattr(frame.calc, "results", {})}


def in_spelling_of(values: Mapping[str, Any], key: str) -> str | None:
    """A name as a frame spells it: exactly so, or else with other capitals; None if neither."""
    if key in values:
        return key
    small = small_letters(key)
    return next((name for name in values if small_letters(name) == small), None)


def _energies(values: Mapping[str, Any], key: str | None) -> dict[str, tuple[str, float]]:
    """Possible energies of a frame: {name in small letters: (name, eV)}."""
    if key:
        name = in_spelling_of(values, key)
        value = number_of(values.get(name))
        return {} if value is None else {key: (name, value)}
    found: dict[str, tuple[str, float]] = {}
    for name, value in values.items():
        small = small_letters(name)
        if small in ENERGY and (small not in found or name == small):
            number = number_of(value)
            if number is not None:
                found[small] = name, number
    free = number_of(values.get("free_energy"))
    if free is not None:
        found["energy"] = "free_energy", free
    return found


def number_of(value: Any) -> float | None:
    """The number that a label is, which may be in an array of one; None if it is no number."""
    if isinstance(value, float):  # So are the numbers of NumPy's float64.
        return float(value)
    if value is None or isinstance(value, bool | np.bool_):
        return None
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return float(array.reshape(())) if array.size == 1 else None


@functools.lru_cache(maxsize=1024)
def small_letters(name: Any) -> str:
    """A name in small letters; files have few different ones, once in each frame."""
    return str(name).lower()


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
        if str(name).lower() in ENERGY and number_of(value) is None:
            return f"has {name}={value}, which is not a number: leave the frame out or compute it"
    if set(values) >= CP2K:
        return f"has E, which {TO_HARTREE}"
    scalars = [str(x) for x, v in values.items() if number_of(v) is not None and np.ndim(v) == 0]
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


def _several(
    taken: Sequence[str], everything: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[str]]:
    """That energies have several names, in notes and warnings.

    A free energy beside others without one is another quantity, unless the two are always equal.
    """
    counts = {name: taken.count(name) for name in dict.fromkeys(taken)}
    if len(counts) == 1:
        return [], []
    words = ", ".join(f"{name} in {n}" for name, n in counts.items())
    plain = next((name for name in counts if small_letters(name) == "energy"), None)
    if "free_energy" not in counts or plain is None:
        return [f"energies have several names, as no name is in all frames: {words}"], []
    both = [(number_of(v.get("free_energy")), number_of(v.get(plain))) for v in everything]
    off = [abs(a - b) for a, b in both if a is not None and b is not None]
    if set(counts) == {"free_energy", plain} and off and max(off) <= SAME_EV:
        return [], []
    everywhere = all(b is not None for _, b in both)
    named = f"name one that all have (--energy-key {plain}), or " if everywhere else ""
    apart = f", which differ by up to {max(off):.3g} eV where a frame has both" if off else ""
    return [], [
        f"energies are of several kinds, {words}{apart}: frames of one kind alone can be compared; "
        f"{named}leave the others out"
    ]


def _warn_of_total(taken: Sequence[str], everything: Sequence[Mapping[str, Any]]) -> list[str]:
    """Total energies of frames that have a kinetic one, too."""
    moving = [
        name
        for name, values in zip(taken, everything, strict=True)
        if small_letters(name) in TOTAL and any(small_letters(x) in KINETIC for x in values)
    ]
    if not moving:
        return []
    return [
        f"{', '.join(dict.fromkeys(moving))} is taken in {len(moving)} frames that have a kinetic "
        "energy, too: forces are not the derivative of a sum of both; write the potential energy "
        "into the file and name it (--energy-key)"
    ]


def _not_taken(
    everything: Sequence[Mapping[str, Any]], chosen: Sequence[tuple[str, float]]
) -> tuple[list[str], list[str]]:
    """Other energies that the frames have, if they differ, in notes and warnings."""
    apart: dict[tuple[str, str], list[float]] = {}
    for values, (name, value) in zip(everything, chosen, strict=True):
        for other, x in values.items():
            if other == name or small_letters(other) not in (*ENERGY, "free_energy"):
                continue
            number = number_of(x)
            if number is not None and not abs(number - value) <= SAME_EV:
                apart.setdefault((name, other), []).append(abs(number - value))
    notes, warnings = [], []
    for (name, other), off in apart.items():
        why = ": forces are its derivative" if name == "free_energy" else ""
        # Only a name that is given, or that a model is trained on, comes before the free energy.
        doubted = (small_letters(name), other) == ("energy", "free_energy")
        if doubted:
            why = f": forces are the derivative of {other} (--energy-key)"
        (warnings if doubted else notes).append(
            f"{name} is taken, not {other}, which differs in {len(off)} of {len(chosen)} "
            f"frames, by up to {max(off):.3g} eV{why}"
        )
    return notes, warnings
