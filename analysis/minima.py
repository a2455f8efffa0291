"""Geometry optimisation on a potential, and whether it ends where the reference's does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build.rotate import minimize_rotation_and_translation
from ase.optimize import BFGS

from analysis.distances import sorted_distances
from analysis.progress import Progress, silent

FMAX, MOST_STEPS = 0.001, 500  # largest force at a minimum, eV/Å; steps of BFGS
# Two structures are one minimum when their energies and sorted distances agree this well.
SAME_EV, SAME_A = 1e-3, 0.02


@dataclass(frozen=True)
class Relaxations:
    """Minima that one potential leads to, a start each.

    Attributes:
        atoms: at the minima, with the potential as their calculator.
        calls: of the potential, in all.
        converged: how many came below the largest force accepted.
        seconds: in all.
    """

    atoms: list[Atoms]
    calls: int
    converged: int
    seconds: float


@dataclass(frozen=True)
class Agreement:
    """A potential's minima beside the reference's from the same starts.

    Attributes:
        energies: (n, 2) eV, by the reference: at its own minimum, at the potential's.
        same: (n,) bool, both are one minimum.
        energy_errors: eV, the potential's energy at its minimum minus the reference's at its own,
            where both are one.
        displacements: Å, root mean square over atoms, where both are one.
    """

    energies: np.ndarray
    same: np.ndarray
    energy_errors: np.ndarray
    displacements: np.ndarray

    @property
    def energy_rmse(self) -> float:
        """Root mean square of the energy errors, eV."""
        return float(np.sqrt(np.mean(np.square(self.energy_errors))))


def relaxed(
    start: Atoms, calculator, fmax: float = FMAX, most_steps: int = MOST_STEPS
) -> tuple[Atoms, int, bool]:
    """BFGS downhill from ``start``, which stays as it is.

    Returns:
        Atoms at the minimum with the calculator; calls of it; whether the largest force came
        below ``fmax`` (eV/Å).
    """
    atoms = start.copy()
    atoms.calc = calculator
    optimiser = BFGS(atoms, logfile=None)
    converged = bool(optimiser.run(fmax=fmax, steps=most_steps))
    return atoms, optimiser.nsteps + 1, converged


def relax_all(starts: Sequence[Atoms], calculator, progress: Progress = silent) -> Relaxations:
    """The minimum from each start. Seconds leave out compiling, by a call beforehand."""
    first = starts[0].copy()
    first.calc = calculator
    first.get_forces()
    begin = time.perf_counter()
    found = []
    for k, start in enumerate(starts, start=1):
        found.append(relaxed(start, calculator))
        progress(k / len(starts), f"minimum {k}/{len(starts)}")
    seconds = time.perf_counter() - begin
    atoms, calls, converged = zip(*found, strict=True)
    return Relaxations(list(atoms), sum(calls), sum(converged), seconds)


def agreement(by_reference: Relaxations, by_potential: Relaxations, reference) -> Agreement:
    """Compare minima from the same starts; ``reference`` is the calculator of the first ones."""
    energies, same, errors, displacements = [], [], [], []
    for a, b in zip(by_reference.atoms, by_potential.atoms, strict=True):
        # The potential's minimum is judged by the reference's energy there, too.
        judged = b.copy()
        judged.calc = reference
        energies.append((a.get_potential_energy(), judged.get_potential_energy()))
        same.append(abs(energies[-1][1] - energies[-1][0]) < SAME_EV and _same_shape(a, b))
        if same[-1]:
            errors.append(b.get_potential_energy() - energies[-1][0])
            displacements.append(rms_displacement(a, b))
    return Agreement(*map(np.array, (energies, same, errors, displacements)))


def _same_shape(a: Atoms, b: Atoms) -> bool:
    of_a, of_b = (sorted_distances(x.positions[None], x.cell, x.pbc) for x in (a, b))
    return bool(np.abs(of_a - of_b).max() < SAME_A)


def rms_displacement(a: Atoms, b: Atoms) -> float:
    """Root mean square over atoms of |x_a - x_b|, Å, after the best translation and rotation.

    Atoms keep their numbers.
    """
    moved = b.copy()
    minimize_rotation_and_translation(a, moved)
    return float(np.sqrt(((moved.positions - a.positions) ** 2).sum(axis=1).mean()))
