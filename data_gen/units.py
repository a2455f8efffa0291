"""Signs that energies, forces or positions are in other units than eV, eV/Å and Å."""

from typing import NamedTuple

import ase.units as u
import numpy as np

from data_gen.distances import Distances
from data_gen.frames import Frames

_KCAL, _KJ = u.kcal / u.mol, u.kJ / u.mol
# What a ratio of energy differences to the work of forces tells: (ratio, words).
CAUSES = (
    (-1.0, "forces have the wrong sign: they are gradients"),
    (1 / u.Hartree, f"energies seem to be in Hartree ({u.Hartree:.5g} eV)"),
    (1 / u.Rydberg, f"energies seem to be in Rydberg ({u.Rydberg:.5g} eV)"),
    (1 / _KCAL, f"energies seem to be in kcal/mol ({_KCAL:.4g} eV)"),
    (1 / _KJ, f"energies seem to be in kJ/mol ({_KJ:.4g} eV)"),
    (1000.0, "energies seem to be in meV (0.001 eV)"),
    (u.Hartree / u.Bohr, "forces seem to be in Hartree/bohr"),
    (u.Rydberg / u.Bohr, "forces seem to be in Rydberg/bohr"),
    (_KCAL, "forces seem to be in kcal/mol/Å"),
    (_KJ / u.nm, "forces seem to be in kJ/mol/nm"),
    (
        1 / u.Bohr,
        "energies and forces seem to be in Hartree and Hartree/bohr, or Rydberg and Rydberg/bohr",
    ),
    (10.0, "positions seem to be in nm"),
    (u.Bohr, "positions seem to be in bohr"),
    (0.1, "forces seem to be in eV/nm"),
    (0.001, "forces seem to be in meV/Å"),
)
# Units of forces that make numbers large, in eV/Å.
FORCES = {"kcal/mol/Å": _KCAL, "kJ/mol/Å": _KJ, "meV/Å": 0.001}
# Ratios this near to one of these are explained by it, or, if there is none, may be explained by
# those that are as near as the second: forces on the way are not just the mean of both ends'.
NEAR_CAUSE, NEARBY_CAUSE = 1.06, 1.25
# Pairs of frames whose atoms moved no more than this, Å, are compared, at most so many of them.
MOVED_A = 0.4
FEWEST_PAIRS, MOST_PAIRS = 4, 2000
# Share of the work that must agree with the median of the ratio, and how well, to trust it.
AGREE, WITHIN = 0.6, 0.3
# Nearest neighbours are at about one sum of covalent radii; at these multiples, units are wrong.
SHORT, LONG = 0.35, 1.6
# Forces of an ordinary frame are smaller than this, eV/Å; those of most are between these.
ORDINARY_RMS = 10.0
USUAL_RMS = (0.3, 3.0)


class Work(NamedTuple):
    """Energy differences of successive frames against the work of their forces.

    Attributes:
        ratio: median of dE / W, with W = -(F_1 + F_2)/2 . (x_2 - x_1), weighted by |W|: 1 if
            forces are the energies' derivatives in the same units.
        agreement: share of |W| in pairs whose ratio is within 30 % of the median.
        pairs: number of pairs of frames.
    """

    ratio: float
    agreement: float
    pairs: int

    @property
    def can_be_trusted(self) -> bool:
        """Whether there are enough pairs that agree."""
        return self.pairs >= FEWEST_PAIRS and self.agreement >= AGREE


def work(frames: Frames) -> Work:
    """Compare the energies of frames that follow each other, and differ little, with forces."""
    pairs = []
    for k in range(0, len(frames) - 1, 1 + len(frames) // MOST_PAIRS):
        a, b = frames.structures[k : k + 2]
        if (
            a.positions.shape != b.positions.shape
            or not np.array_equal(a.numbers, b.numbers)
            or not np.array_equal(a.pbc, b.pbc)
            or (np.any(a.pbc) and not np.allclose(a.cell, b.cell, rtol=0, atol=1e-6))
        ):
            continue
        moved = b.positions - a.positions
        if np.any(a.pbc):
            moved = moved - np.rint(moved @ np.linalg.pinv(a.cell) * a.pbc) @ a.cell
        if not 0 < np.abs(moved).max() < MOVED_A:
            continue
        w = 0.5 * ((frames.forces[k] + frames.forces[k + 1]) * moved).sum()
        if np.isfinite(w) and w:
            pairs.append((frames.energies[k] - frames.energies[k + 1], w))
    if not pairs:
        return Work(np.nan, 0.0, 0)
    lost, w = np.array(pairs).T
    ratios, weights = lost / w, np.abs(w) / np.abs(w).sum()
    order = np.argsort(ratios)
    median = ratios[order][np.searchsorted(np.cumsum(weights[order]), 0.5)]
    agree = np.abs(ratios - median) <= WITHIN * abs(median)
    return Work(float(median), float(weights[agree].sum()), len(pairs))


def unchecked(frames: Frames, done: Work) -> list[str]:
    """That energies and forces could not be compared, in a sentence, if there are forces."""
    if done.can_be_trusted or not frames.with_forces.any():
        return []
    return [
        "units and signs are not checked: too few successive frames are near each other (pairs "
        f"found: {done.pairs})"
        if done.pairs < FEWEST_PAIRS
        else "units and signs are not checked: the work of forces says too little (pairs found: "
        f"{done.pairs}, agreement {100 * done.agreement:.0f} %)"
    ]


def signs(frames: Frames, distances: Distances, done: Work) -> list[str]:
    """Sentences on units that look wrong, with the numbers that say so.

    Args:
        frames: all of them.
        distances: between their atoms.
        done: as of :func:`work`.
    """
    found = []
    fit = done.can_be_trusted and 0.7 < done.ratio < 1.4
    if done.can_be_trusted and not fit:
        cause = _cause(done.ratio, frames)
        found.append(
            f"energy differences of successive frames are {done.ratio:.3g} times the work of "
            f"their forces ({done.pairs} pairs){cause}; eV, Å and eV/Å are needed"
        )
    typical = np.median(distances.typical)
    if typical < SHORT or LONG < typical < np.inf:
        unit = "nm" if typical < SHORT else "bohr"
        found.append(
            f"nearest neighbours are at {typical:.2g} times the sum of their covalent radii: "
            f"positions and cells may be in {unit}; Å are needed"
        )
    rms = [np.sqrt((f**2).mean()) for f in frames.forces if len(f) > 1 and np.isfinite(f).all()]
    if rms and np.median(rms) > ORDINARY_RMS:
        found.append(
            f"the RMS of forces is {np.median(rms):.3g} eV/Å in the median frame, which is large"
            + _units_of_forces(float(np.median(rms)), fit)
        )
    return found


def _units_of_forces(rms: float, energies_fit: bool) -> str:
    """In what units forces of that size would be usual ones; empty if in none."""
    low, high = USUAL_RMS
    fit = [f"{unit} ({x:.4g} eV/Å)" for unit, x in FORCES.items() if low < rms * x < high]
    both = ", and energies, which fit them, in the same unit" if energies_fit else ""
    return f": they may be in {' or '.join(fit)}{both}" if fit else ""


def _cause(ratio: float, frames: Frames) -> str:
    sizes = np.unique(frames.sizes)
    causes = [*CAUSES]
    if len(sizes) == 1 and sizes[0] > 1:
        causes.append((1 / sizes[0], "energies seem to be per atom"))
    off = {words: abs(np.log(ratio / value)) for value, words in causes if ratio * value > 0}
    for limit in (NEAR_CAUSE, NEARBY_CAUSE):
        near = sorted((x, words) for words, x in off.items() if x < np.log(limit))
        if near:
            return f": {', or '.join(words for _, words in near)}"
    return ""
