"""Which of the columns in a file are its forces."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from data_gen.errors import DataError
from data_gen.labels import Labels, small_letters, values_of, zero_forces

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
# What a frame says of its stress or virial is not read.
STRESS = ("stress", "virial")


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
        key: name of the forces. By default, among frames whose energies have the same name, those
            that are named as the energies are, if any of several atoms has them; or else that of
            :data:`FORCES` which most of them have, the first if several are as frequent. "forces"
            that are all 0 belong to no other energies than "energy".
        energy_names: name of the energy of each frame.

    Raises:
        DataError: no frame has forces of the given name, those of a usual name have not three
            columns, or they are not finite.
    """
    everything = [values_of(frame) for frame in frames]
    found = [
        _forces(values, len(frame), key) for values, frame in zip(everything, frames, strict=True)
    ]
    names, notes, warnings = _names_of_forces(frames, everything, found, key, energy_names)
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
        return [[key]] * len(frames), [], []
    groups: dict[str, list[int]] = {}
    for k in range(len(frames)):
        name = energy_names[k].lower() if energy_names else ""
        groups.setdefault("energy" if name == "free_energy" else name, []).append(k)
    chosen: list[list[str]] = [[]] * len(frames)
    notes, warnings = [], []
    for energy, group in groups.items():
        partners = [energy.replace("energy", word) for word in ("forces", "force")]
        names = list(dict.fromkeys([*partners, *FORCES] if energy else FORCES))
        own = ([frames[k] for k in group], [everything[k] for k in group])
        if energy != "energy" and zero_forces(*own):
            names.remove("forces")
            where = f" with {energy_names[group[0]]}" if len(groups) > 1 else ""
            notes.append(f"forces, which are 0 in all frames{where}, are not taken (--forces-key)")
        # A single atom often lacks forces, which are 0 if it is isolated, or has no others.
        several = [k for k in group if len(frames[k]) > 1] or group
        theirs = [name for name in partners if energy and any(name in found[k] for k in several)]
        best = max(theirs or names, key=lambda name: sum(name in found[k] for k in group))
        lacking = [found[k] for k in several if best not in found[k]]
        others = sum(not one.keys().isdisjoint(names) for one in lacking)
        if theirs and others:
            notes.append(
                f"{best} are forces of {energy_names[group[0]]}: in {others} frames without them, "
                "others are not taken (--forces-key)"
            )
        having = sum(not found[k].keys().isdisjoint(partners) for k in group)
        if having and best not in partners and any(best in found[k] for k in group):
            warnings.append(
                f"{best} are taken with {energy_names[group[0]]}, whose own forces only {having} "
                f"of {len(group)} frames have: are both of one calculation? (--forces-key)"
            )
        for k in group:
            chosen[k] = [best, *(name for name in names if name != best)]
    return chosen, notes, warnings


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
            and small_letters(name) not in NO_FORCES
            and np.any(value)
        }
    )


def _odd(values: Mapping[str, Any], frame: Atoms, names: Sequence[str]) -> str:
    """What is wrong with an array of one of these names that is not of three columns."""
    for name, value in values.items():
        if small_letters(name) not in names and name not in names:
            continue
        shape, n = np.shape(value), len(frame)
        if shape and shape != (n, 3) and (shape[0] == n or np.size(value) == 3 * n):
            columns = shape[1] if shape[1:] else shape[0]
            return f"{name} has {columns} {'columns' if shape[1:] else 'numbers'}"
    return ""


def _forces(
    values: Mapping[str, Any], n: int, key: str | None
) -> dict[str, tuple[str, np.ndarray]]:
    """Possible forces of a frame of n atoms: {name in small letters: (name, (n, 3) eV/Å)}."""
    return {
        key or small_letters(name): (name, np.array(value, dtype=float))
        for name, value in values.items()
        if (name == key if key else "force" in small_letters(name)) and np.shape(value) == (n, 3)
    }


def _is_stress(name: str) -> bool:
    return any(word in str(name).lower() for word in STRESS)
