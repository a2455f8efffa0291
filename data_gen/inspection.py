"""What is in frames that were read, and what looks wrong with them.

>>> inspection = inspect(read_frames("md.extxyz"))
>>> print(inspection.text())
>>> inspection.require_trainable()
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from data_gen import units
from data_gen.dataset import NO_SPREAD
from data_gen.distances import Distances
from data_gen.errors import DataError
from data_gen.frames import ISOLATED_A, Frames, composition, is_isolated
from data_gen.levels import warn_of_levels
from data_gen.reading import Reading

# Positions and cells of copies differ by no more than this, Å.
SAME_A = 1e-6
# An energy per atom is an outlier at so many spreads from the median.
OUTLIER_SPREADS = 50.0
# Forces larger than this, eV/Å, or than so many times that of an ordinary frame, are outliers.
LARGE_FORCE, LARGE_FORCE_TIMES, ORDINARY_FORCE = 1000.0, 100.0, 30.0
# Frames whose forces are all 0 are doubted from so many and from this share of the frames on.
FEWEST_ZERO, MOST_ZERO = 2, 0.1
# Atoms without forces are doubted from so many frames of the same atoms on.
FEWEST_FIXED = 3
# Outliers are not sought among differences that any calculation has, eV per atom.
SMALLEST_SPREAD = 1e-4
# Energy of atoms among others relative to isolated ones, eV per atom: tungsten has -9, and hot and
# dense frames may be above 0.
BINDING = (-20.0, 5.0)
# Two atoms closer than this share of the sum of their covalent radii are named.
CLOSE = 0.5
# Steps of the fit of reference energies.
FIT_STEPS = 30
# So many frames are named in a warning.
NAMED = 5
# Kinds of frames that are named; files may have one for each frame.
TYPES = 50


@dataclass(frozen=True)
class Inspection:
    """What was found in frames.

    Attributes:
        reading: the frames, with their files.
        references: {symbol: eV} of each element, by a fit of the energies that outliers do not
            turn, see :func:`robust_references`.
        residuals: (n,), eV per atom: energies without the references and without their median.
        spread: of the residuals, eV per atom, as 1.4826 times their median absolute value.
        largest_forces: (n,), eV/Å; NaN for a frame without forces.
        distances: nearest neighbours of each frame.
        first_copy: (n,), number of the first frame that each frame is a copy of, or its own.
        warnings: what looks wrong, in sentences with numbers.
        unchecked: that units and signs could not be checked, in a sentence, if so.
        refusal: why nothing sensible can be learned from the frames; empty if it can.
    """

    reading: Reading
    references: dict[str, float]
    residuals: np.ndarray
    spread: float
    largest_forces: np.ndarray
    distances: Distances
    first_copy: np.ndarray
    warnings: tuple[str, ...]
    unchecked: tuple[str, ...]
    refusal: str

    def require_trainable(self) -> None:
        """Raise :class:`DataError` if nothing sensible can be learned from the frames."""
        if self.refusal:
            raise DataError(self.refusal)

    @property
    def copies(self) -> int:
        """Number of frames that are copies of an earlier one."""
        return int((self.first_copy != np.arange(len(self.first_copy))).sum())

    def text(self) -> str:
        """The findings as lines for a terminal, warnings last."""
        frames = self.reading.frames
        rows = [
            ("frames", _frames(self)),
            ("elements", ", ".join(frames.elements)),
            ("cells", _cells(frames)),
            ("energy", _energy(self)),
            ("forces", _forces(self)),
            ("distances", self.distances.text()),
        ]
        if any(self.reading.config_types):
            counts = Counter(str(one) for one in self.reading.config_types)
            named = [f"{k} {n}" for k, n in counts.most_common(TYPES)]
            more = [f"and {len(counts) - TYPES:,} more"] if len(counts) > TYPES else []
            rows.append(("config_type", ", ".join([*named, *more])))
        if self.reading.isolated:
            rows.append(("isolated", _per_element(self.reading.isolated)))
        rows.append(("labels", self.reading.energy_key + _and(self.reading.forces_key)))
        rows += [("note", note) for note in (*self.reading.notes, *self.unchecked)]
        rows += [("warning", warning) for warning in self.warnings]
        return "\n".join(f"{name:<12} {value}" for name, value in rows)


def inspect(reading: Reading) -> Inspection:
    """Look at all frames that were read: ranges, copies, outliers, and signs of wrong units."""
    frames = reading.frames
    references, residuals = robust_references(frames)
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    largest = np.array([np.sqrt((f**2).sum(-1).max(initial=0)) for f in frames.forces])
    distances = Distances.of(frames)
    first = first_copies(frames)
    work = units.work(frames)
    warnings = [
        *reading.warnings,
        *_warn_of_copies(reading, first),
        *_warn_of_energies(reading, residuals, spread),
        *warn_of_levels(reading, distances),
        *_warn_of_forces(reading, largest),
        *_warn_of_fixed(reading),
        *_warn_of_distances(reading, distances),
        *_warn_of_isolated(reading),
        *units.signs(frames, distances, work),
    ]
    unchecked = units.unchecked(frames, work)
    refusal = _refusal(frames, first)
    return Inspection(
        reading,
        references,
        residuals,
        spread,
        largest,
        distances,
        first,
        tuple(warnings),
        tuple(unchecked),
        refusal,
    )


def robust_references(frames: Frames) -> tuple[dict[str, float], np.ndarray]:
    """Energy of an atom of each element, by a fit that outliers do not turn.

    It minimises sum_n |E_n - sum_s count_ns e_s| / N_n, by weighted least squares with the weights
    1 / |residual| of the fit before (P. J. Green, J. R. Stat. Soc. B 46, 149 (1984)). Isolated
    atoms do not take part, unless there is nothing else.

    Returns:
        {symbol: eV}, of smallest norm where compositions do not tell elements apart, and the
        residuals (n,), eV per atom, without their median.
    """
    elements = frames.elements
    sizes = frames.sizes
    shares = composition([s.numbers for s in frames.structures], elements) / sizes[:, None]
    energies = frames.energies / sizes
    taken = ~np.array([is_isolated(s) for s in frames.structures])
    if not taken.any():
        taken[:] = True
    weights = np.ones(taken.sum())
    for _ in range(FIT_STEPS):
        fitted = np.linalg.lstsq(
            shares[taken] * weights[:, None], energies[taken] * weights, rcond=None
        )[0]
        off = np.abs(energies[taken] - shares[taken] @ fitted)
        weights = 1 / np.sqrt(np.maximum(off, 1e-6 * off.max() + np.finfo(float).tiny))
    residuals = energies - shares @ fitted
    residuals -= np.median(residuals[taken])
    return dict(zip(elements, fitted.tolist(), strict=True)), residuals


def first_copies(frames: Frames) -> np.ndarray:
    """Number of the first frame of which each frame is a copy, or its own, (n,).

    Copies have the same atoms in the same order, at the same positions and in the same cell within
    :data:`SAME_A`.
    """
    first = np.arange(len(frames))
    groups: dict[tuple, list[int]] = {}
    for k, s in enumerate(frames.structures):
        groups.setdefault((s.numbers.tobytes(), s.pbc.tobytes()), []).append(k)
    for group in groups.values():
        members = np.array(group)
        flat = np.array(
            [np.append(frames.structures[k].positions, frames.structures[k].cell) for k in members]
        )
        # Along a random direction copies are next to each other, and hardly anything between.
        order = np.argsort(
            flat @ np.random.default_rng(0).normal(size=flat.shape[1]), kind="stable"
        )
        same = np.abs(np.diff(flat[order], axis=0)).max(axis=1) <= SAME_A
        for run in np.split(members[order], np.flatnonzero(~same) + 1):
            first[run] = run.min()
    return first


def _refusal(frames: Frames, first: np.ndarray) -> str:
    different = len(np.unique(first))
    if different == 1:
        copies = f"{len(frames)} copies of one frame" if len(frames) > 1 else "one frame"
        return f"there is nothing to learn from {copies}: give different frames"
    largest = np.abs(frames.energies).max()
    if largest == 0:
        return f"the energies of all {len(frames)} frames are 0: give a file that has them"
    if np.ptp(frames.energies) <= NO_SPREAD * largest:
        return (
            f"{different} different frames all have the energy {frames.energies[0]:.10g} eV: "
            "it cannot be theirs"
        )
    return ""


def _named(reading: Reading, frames: np.ndarray) -> str:
    """Files and numbers of some frames, as words."""
    names = "; ".join(str(reading.origins[k]) for k in frames[:NAMED])
    return names + (f"; and {len(frames) - NAMED} more" if len(frames) > NAMED else "")


def _warn_of_copies(reading: Reading, first: np.ndarray) -> list[str]:
    copies = np.flatnonzero(first != np.arange(len(first)))
    if not len(copies):
        return []
    energies = reading.frames.energies
    found = [f"copies of other frames, {len(copies)} of {len(first)}: {_named(reading, copies)}"]
    apart = np.abs(energies[copies] - energies[first[copies]])
    if apart.max() > 1e-4:
        found.append(f"copies of a frame have energies that differ by up to {apart.max():.3g} eV")
    return found


def _warn_of_energies(reading: Reading, residuals: np.ndarray, spread: float) -> list[str]:
    isolated = np.array([is_isolated(s) for s in reading.frames.structures])
    far = np.abs(residuals) / max(spread, SMALLEST_SPREAD)
    outliers = np.flatnonzero((far > OUTLIER_SPREADS) & ~isolated)
    outliers = outliers[np.argsort(-far[outliers], kind="stable")]
    sizes = reading.frames.sizes
    found = [
        f"the energy of {reading.origins[k]} is {residuals[k] * sizes[k]:+.4g} eV off "
        f"({residuals[k]:+.4g} eV/atom, {far[k]:.0f} times the spread of {spread:.3g})"
        for k in outliers[:NAMED]
    ]
    if len(outliers) > NAMED:
        found.append(f"energies as far off, besides: {len(outliers) - NAMED}")
    return found


def _warn_of_forces(reading: Reading, largest: np.ndarray) -> list[str]:
    known = np.isfinite(largest) & (reading.frames.sizes > 1)
    if not known.any():
        return []
    if not largest[known].any():
        return ["all forces are 0: they may be missing rather than known"]
    limit, usual = LARGE_FORCE, np.median(largest[known])
    if usual < ORDINARY_FORCE:
        limit = min(limit, max(LARGE_FORCE_TIMES * usual, ORDINARY_FORCE))
    else:
        # Where forces of all frames are large, units are doubted, and none is an outlier by that.
        limit = max(limit, LARGE_FORCE_TIMES * usual)
    outliers = np.flatnonzero(known & (largest > limit))
    outliers = outliers[np.argsort(-largest[outliers], kind="stable")]
    found, none = [], int((known & (largest == 0)).sum())
    if none >= FEWEST_ZERO and none > MOST_ZERO * known.sum():
        found.append(
            f"forces are 0 in {none} of {known.sum()} frames: they may be missing there rather "
            "than known"
        )
    found += [
        f"the largest force in {reading.origins[k]} is {largest[k]:.4g} eV/Å"
        for k in outliers[:NAMED]
    ]
    if len(outliers) > NAMED:
        found.append(f"frames with as large forces, besides: {len(outliers) - NAMED}")
    return found


def _warn_of_fixed(reading: Reading) -> list[str]:
    """Atoms without any force in all frames of the same atoms, where others have forces."""
    alike: dict[bytes, list[int]] = {}
    for k in np.flatnonzero(reading.frames.with_forces & (reading.frames.sizes > 1)):
        alike.setdefault(reading.frames.structures[k].numbers.tobytes(), []).append(k)
    found = []
    for members in alike.values():
        fixed = ~np.any([reading.frames.forces[k].any(axis=1) for k in members], axis=0)
        if len(members) >= FEWEST_FIXED and fixed.any() and not fixed.all():
            found.append((len(members), np.flatnonzero(fixed), reading.origins[members[0]]))
    if not found:
        return []
    count, atoms, first = max(found, key=lambda one: one[0])
    names = ", ".join(map(str, atoms[:NAMED])) + (" ..." if len(atoms) > NAMED else "")
    others = f", and so in frames of {len(found) - 1} other kinds" if found[1:] else ""
    return [
        f"atoms that have no force at all: {len(atoms)} in each of {count} frames like {first} "
        f"(counted from 0: {names}){others}: if constraints were applied to forces, give those "
        "without"
    ]


def _warn_of_distances(reading: Reading, distances: Distances) -> list[str]:
    close = np.flatnonzero(distances.closest < CLOSE)
    if not len(close):
        return []
    return [
        f"atoms are as close as {distances.shortest[close].min():.3g} Å "
        f"({len(close)} of {len(reading)} frames): {_named(reading, close)}"
    ]


def _warn_of_isolated(reading: Reading) -> list[str]:
    found = []
    structures, energies = reading.frames.structures, reading.frames.energies
    for symbol, energy in reading.isolated.items():
        several = [
            e
            for s, e in zip(structures, energies, strict=True)
            if is_isolated(s) and s.numbers[0] == atomic_numbers[symbol]
        ]
        if max(several) - energy > 1e-3:
            found.append(
                f"isolated {symbol} has energies from {energy:.6g} to {max(several):.6g} eV: "
                "the lowest is the reference"
            )
    bound = [
        (e - sum(reading.isolated[chemical_symbols[z]] for z in s.numbers)) / len(s.numbers)
        for s, e in zip(structures, energies, strict=True)
        if not is_isolated(s) and {chemical_symbols[z] for z in s.numbers} <= set(reading.isolated)
    ]
    if bound and not BINDING[0] <= float(np.median(bound)) <= BINDING[1]:
        found.append(
            f"{len(bound)} frames are at {np.median(bound):+.4g} eV per atom relative to their "
            "isolated atoms, which no bonding explains: the atoms are of another method, setting "
            "or unit, and would spoil the training; give those of the same calculation, or leave "
            "them out (--leave-out)"
        )
    crowded = [
        k
        for k, (kind, s) in enumerate(zip(reading.config_types, structures, strict=True))
        if kind and kind.replace("_", "").lower() == "isolatedatom" and not is_isolated(s)
    ]
    if crowded:
        found.append(
            f"isolated atoms by config_type, {len(crowded)} of them, have neighbours or images "
            f"within {ISOLATED_A:g} Å and are no references: {_named(reading, np.array(crowded))}"
        )
    return found


def _frames(inspection: Inspection) -> str:
    reading = inspection.reading
    sizes, files = reading.frames.sizes, len({one.path for one in reading.origins})
    atoms = f"{sizes.min()} to {sizes.max()}" if np.ptp(sizes) else f"{sizes[0]}"
    formulas = {tuple(np.sort(s.numbers)) for s in reading.frames.structures}
    return (
        f"{len(sizes)} of {files} file{'s' if files > 1 else ''}; {atoms} atoms; "
        f"{len(formulas)} composition{'s' if len(formulas) > 1 else ''}"
        + (f"; {inspection.copies} copies" if inspection.copies else "")
    )


def _cells(frames: Frames) -> str:
    periodic = np.array([int(np.sum(s.pbc)) for s in frames.structures])
    names = ((3, "periodic"), (0, "not periodic"), (2, "periodic in 2 directions"))
    counts = [(name, (periodic == k).sum()) for k, name in (*names, (1, "periodic in 1 direction"))]
    return ", ".join(f"{n} {name}" for name, n in counts if n)


def _energy(inspection: Inspection) -> str:
    frames = inspection.reading.frames
    per_atom = frames.energies / frames.sizes
    return (
        f"{per_atom.min():.4f} to {per_atom.max():.4f} eV/atom, with a spread of "
        f"{inspection.spread:.3g} eV/atom about a sum over elements fitted to them"
    )


def _forces(inspection: Inspection) -> str:
    frames, largest = inspection.reading.frames, inspection.largest_forces
    known = frames.with_forces
    if not known.any():
        return "none"
    components = np.concatenate([frames.forces[k].ravel() for k in np.flatnonzero(known)])
    k = int(np.nanargmax(largest))
    missing = f"; missing in {(~known).sum()} frames" if not known.all() else ""
    return (
        f"RMS {np.sqrt((components**2).mean()):.3g} eV/Å, largest {largest[k]:.4g} eV/Å in "
        f"{inspection.reading.origins[k]}{missing}"
    )


def _per_element(energies: dict[str, float]) -> str:
    return ", ".join(f"{symbol} {energy:.6f} eV" for symbol, energy in sorted(energies.items()))


def _and(name: str) -> str:
    return f" and {name}" if name else ", no forces"
