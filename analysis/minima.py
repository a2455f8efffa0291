"""Geometry optimisation with a potential, and comparison of its minima with a reference's."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build.rotate import minimize_rotation_and_translation
from ase.optimize import BFGS

from analysis.distances import sorted_distances
from analysis.progress import Progress, silent

FMAX, MOST_STEPS = 0.001, 500  # largest force at a minimum, eV/Å; limit of BFGS steps
# Two structures are the same minimum if energies and sorted distances differ by less than this.
SAME_EV, SAME_A = 1e-3, 0.02


@dataclass(frozen=True)
class Relaxations:
    """Minima of one potential from several starting structures.

    Attributes:
        atoms: at the minima, with the potential as calculator.
        calls: total number of calls of the potential.
        converged: number of relaxations that reached the force limit.
        seconds: processor time of them all.
    """

    atoms: list[Atoms]
    calls: int
    converged: int
    seconds: float


@dataclass(frozen=True)
class Agreement:
    """Comparison of a potential's minima with the reference's from the same starts.

    Attributes:
        energies: (n, 2) eV, the reference's energy at its own minimum and at the potential's.
        same: (n,) bool, whether the two minima are the same.
        energy_errors: eV, for the minima that are the same: the potential's energy at its minimum
            minus the reference's at its own.
        displacements: Å, root mean square over atoms, for the minima that are the same.
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
    """Relax a structure by BFGS.

    Args:
        start: not changed.
        calculator: ASE calculator.
        fmax: limit of the largest force, eV/Å.
        most_steps: limit of steps.

    Returns:
        Atoms at the minimum with the calculator; number of its calls; whether the largest force is
        below ``fmax``.
    """
    atoms = start.copy()
    atoms.calc = calculator
    optimiser = BFGS(atoms, logfile=None)
    converged = bool(optimiser.run(fmax=fmax, steps=most_steps))
    return atoms, optimiser.nsteps + 1, converged


def relax_all(starts: Sequence[Atoms], calculator, progress: Progress = silent) -> Relaxations:
    """Relax several structures. A call beforehand keeps compilation out of the time measured."""
    first = starts[0].copy()
    first.calc = calculator
    first.get_forces()
    begin = time.process_time()
    found = []
    for k, start in enumerate(starts, start=1):
        found.append(relaxed(start, calculator))
        progress(k / len(starts), f"minimum {k}/{len(starts)}")
    seconds = time.process_time() - begin
    atoms, calls, converged = zip(*found, strict=True)
    return Relaxations(list(atoms), sum(calls), sum(converged), seconds)


def agreement(by_reference: Relaxations, by_potential: Relaxations, reference) -> Agreement:
    """Compare minima of a reference and of a potential from the same starts.

    Args:
        by_reference: minima of the reference.
        by_potential: minima of the potential.
        reference: ASE calculator of the reference.
    """
    energies, same, errors, displacements = [], [], [], []
    for a, b in zip(by_reference.atoms, by_potential.atoms, strict=True):
        # The reference's energy at the potential's minimum.
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
    """Root mean square displacement of atoms, Å, after the best translation and rotation.

    Atoms of the same number correspond to each other.
    """
    moved = b.copy()
    minimize_rotation_and_translation(a, moved)
    return float(np.sqrt(((moved.positions - a.positions) ** 2).sum(axis=1).mean()))
