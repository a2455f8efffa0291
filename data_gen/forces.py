"""Which of the columns in a file are its forces."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from data_gen.errors import DataError
from data_gen.labels import (
    Labels,
    in_spelling_of,
    number_of,
    partners,
    small_letters,
    values_of,
    zero_forces,
)

# Names in the order of preference, in small letters: capitals do not count.
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
# Kinds of arrays of numbers; switches and text are none.
NUMBERS = "iuf"
# What a frame says of its stress or virial is not read.
STRESS = ("stress", "virial")
# Energies that differ by more, eV, are two.
SAME_EV = 1e-4
# Frames that lose forces, as these are not those that are taken, are warned of from this share on.
LOST = 0.1


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
        key: name of the forces; capitals do not count in frames without exactly this name. By
            default, among frames whose energies have the same name, those that are named as the
            energies are, if any of several atoms has them; or else that of :data:`FORCES` which
            most of them have, the first if several are as frequent. "forces" that are all 0 belong
            to no other energies than "energy".
        energy_names: name of the energy of each frame.

    Raises:
        DataError: no frame has forces of the given name, those of a usual name have not three
            columns of numbers, or they are not finite.
    """
    everything = [values_of(frame) for frame in frames]
    found = [
        _forces(values, len(frame), key) for values, frame in zip(everything, frames, strict=True)
    ]
    names, notes, warnings = _names_of_forces(frames, everything, found, key, energy_names)
    missing = sum(choice[0] not in one for choice, one in zip(names, found, strict=True))
    if key and missing == len(frames):
        odd = _odd(everything[0], frames[0], names[0])
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
                f"{origin.path}: forces are not finite (NaN or infinite) in frame {origin.index} "
                f"({name})"
            )
        taken.append(name)
        values.append(value)
    if missing == len(frames):
        others = ", ".join(_of_three_columns(everything, frames))
        notes.append(
            "there are no forces: energies alone can be learned, and the model's forces are not "
            "compared" + (f"; if {others} are forces, name them (--forces-key)" if others else "")
        )
    elif missing:
        first = next(o for o, one in zip(origins, taken, strict=True) if not one)
        notes.append(
            f"forces are missing in {missing} of {len(frames)} frames, the first of them frame "
            f"{first.index} of {first.path.name}"
        )
    of_stress = {name for name in set().union(*everything) if _is_stress(name)}
    stress = sum(not of_stress.isdisjoint(values) for values in everything)
    if stress:
        notes.append(
            f"stress or virial, in {stress} of {len(frames)} frames, is neither trained on nor "
            "compared"
        )
    return Labels(tuple(taken), tuple(values), tuple(notes), tuple(warnings))


def _names_of_forces(
    frames: Sequence[Atoms],
    everything: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping],
    key: str | None,
    energy_names: Sequence[str],
) -> tuple[list[list[str]], list[str], list[str]]:
    """Names that the forces of each frame may have, in small letters, the chosen one first.

    Frames whose energies have one name have forces of one name. With notes and warnings.
    """
    if key:
        small, every = small_letters(key), range(len(frames))
        why = f"forces are read from {_spelled(small, found)} alone"
        notes, warnings = _lost(frames, found, every, small, why)
        if said := _of_another(everything, found, every, small, energy_names):
            warnings = [*warnings, said]
        return [[small]] * len(frames), notes, warnings
    groups: dict[str, list[int]] = {}
    for k in range(len(frames)):
        name = _of_calculation(energy_names[k]) if energy_names else ""
        groups.setdefault(name, []).append(k)
    chosen: list[list[str]] = [[]] * len(frames)
    notes, warnings = [], []
    for energy, group in groups.items():
        own_forces = partners(energy)
        names = list(dict.fromkeys([*own_forces, *FORCES] if energy else FORCES))
        own = ([frames[k] for k in group], [everything[k] for k in group])
        if energy != "energy" and zero_forces(*own):
            names.remove("forces")
            where = f" with {energy_names[group[0]]}" if len(groups) > 1 else ""
            notes.append(f"forces, which are 0 in all frames{where}, are not taken (--forces-key)")
        # A single atom often lacks forces, which are 0 if it is isolated, or has no others.
        several = [k for k in group if len(frames[k]) > 1] or group
        theirs = [name for name in own_forces if energy and any(name in found[k] for k in several)]
        best = max(theirs or names, key=lambda name: sum(name in found[k] for k in group))
        shown = _spelled(best, [found[k] for k in group])
        why = f"are forces of {energy_names[group[0]]}" if theirs else "are those of most frames"
        note, warning = _lost(frames, found, group, best, f"{shown} {why}", names)
        notes, warnings = [*notes, *note], [*warnings, *warning]
        having = sum(not found[k].keys().isdisjoint(own_forces) for k in group)
        if having and best not in own_forces and any(best in found[k] for k in group):
            warnings.append(
                f"{shown} are taken with {energy_names[group[0]]}, whose own forces only {having} "
                f"of {len(group)} frames have: are both of one calculation? (--forces-key)"
            )
        elif said := _of_another(everything, found, group, best, energy_names):
            warnings.append(said)
        for k in group:
            chosen[k] = [best, *(name for name in names if name != best)]
    return chosen, notes, warnings


def _of_another(
    everything: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping],
    group: Sequence[int],
    forces: str,
    energy_names: Sequence[str],
) -> str:
    """That forces are named as those of an energy which is not taken and differs; else empty.

    Args:
        everything, found: all that frames have, and their possible forces.
        group: numbers of the frames.
        forces: name of those that are taken, in small letters.
        energy_names: of the energy of each frame.
    """
    if not energy_names:
        return ""
    differ, named = 0, {}
    for k in group:
        taken, values = energy_names[k], everything[k]
        if forces not in found[k] or forces in partners(_of_calculation(taken)):
            continue
        own = number_of(values.get(taken))
        others = {
            name: number_of(value)
            for name, value in values.items()
            if "energy" in (small := small_letters(name))
            and small != "free_energy"
            and forces in partners(small)
        }
        for name, other in others.items():
            if other is not None and own is not None and abs(other - own) > SAME_EV:
                differ += 1
                named[name] = taken
                break
    if not differ:
        return ""
    other, taken = next(iter(named.items()))
    return (
        f"{_spelled(forces, [found[k] for k in group])} are named as the forces of {other}, but "
        f"{taken} is taken, which differs from it in {differ} of {len(group)} frames: name both of "
        "one calculation (--energy-key, --forces-key)"
    )


def _of_calculation(energy: str) -> str:
    """An energy's name in small letters; the free energy is of the same calculation as energy."""
    small = small_letters(energy)
    return "energy" if small == "free_energy" else small


def _spelled(small: str, found: Sequence[Mapping[str, tuple[str, np.ndarray]]]) -> str:
    """A name in small letters as the frames have it; several, with commas, if they differ."""
    return ", ".join(dict.fromkeys(one[small][0] for one in found if small in one))


def _lost(
    frames: Sequence[Atoms],
    found: Sequence[Mapping[str, tuple[str, np.ndarray]]],
    group: Sequence[int],
    chosen: str,
    why: str,
    names: Collection[str] | None = None,
) -> tuple[list[str], list[str]]:
    """That frames have only other forces than the chosen ones: notes and, if many do, warnings.

    Args:
        frames: all of them.
        found: possible forces of each.
        group: numbers of the frames that have the chosen forces or count as without.
        chosen: name of these, in small letters.
        why: they are chosen, the beginning of the sentence.
        names: of others, in small letters, that count; None for all. Those that are 0 do not.
    """
    # Of a single atom there is nothing to lose.
    several = [k for k in group if len(frames[k]) > 1]
    others = [
        [
            name
            for small, (name, force) in found[k].items()
            if (names is None or small in names) and np.any(force)
        ]
        for k in several
        if chosen not in found[k]
    ]
    lost = [own for own in others if own]
    if not lost:
        return [], []
    named = ", ".join(dict.fromkeys(name for own in lost for name in own))
    said = (
        f"{why}: {len(lost)} of {len(group)} frames have only others ({named}), which are not "
        "taken (--forces-key)"
    )
    return ([], [said]) if len(lost) > LOST * len(several) else ([said], [])


def _of_three_columns(
    everything: Sequence[Mapping[str, Any]], frames: Sequence[Atoms]
) -> list[str]:
    """Names of arrays that may be forces."""
    return sorted(
        {
            str(name)
            for values, frame in zip(everything, frames, strict=True)
            for name, value in values.items()
            if small_letters(name) not in NO_FORCES and np.any(_columns(value, len(frame)))
        }
    )


def _odd(values: Mapping[str, Any], frame: Atoms, names: Sequence[str]) -> str:
    """What is wrong with an array of one of these names that is not of three columns."""
    n = len(frame)
    for name, value in values.items():
        array = _array(value) if small_letters(name) in names else None
        if array is None or not array.shape:
            continue
        shape = array.shape
        if shape == (n, 3) and array.dtype.kind not in NUMBERS:
            return f"{name} has no numbers"
        if shape != (n, 3) and (shape[0] == n or array.size == 3 * n):
            columns = shape[1] if shape[1:] else shape[0]
            return f"{name} has {columns} {'columns' if shape[1:] else 'numbers'}"
    return ""


def _forces(
    values: Mapping[str, Any], n: int, key: str | None
) -> dict[str, tuple[str, np.ndarray]]:
    """Possible forces of a frame of n atoms: {name in small letters: (name, (n, 3) eV/Å)}."""
    asked = in_spelling_of(values, key) if key else None
    found = {}
    for name, value in values.items():
        small = small_letters(name)
        if name == asked if key and small == small_letters(key) else "force" in small:
            columns = _columns(value, n)
            # As of energies: a name in small letters before other spellings, else the first.
            if columns is not None and (small not in found or name == small):
                found[small] = name, np.array(columns, dtype=float)
    return found


def _columns(value: Any, n: int) -> np.ndarray | None:
    """Three columns of numbers for n atoms, (n, 3), or None if a value is something else."""
    array = _array(value)
    fine = array is not None and array.shape == (n, 3) and array.dtype.kind in NUMBERS
    return array if fine else None


def _array(value: Any) -> np.ndarray | None:
    """A value as an array, or None if it is a list of lists of different lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        return None


def _is_stress(name: str) -> bool:
    return any(word in str(name).lower() for word in STRESS)
