"""Harmonic frequencies of a cluster at a minimum of a potential, by finite differences."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.vibrations import Vibrations

from analysis.minima import relaxed

STEP_A = 0.01  # of the finite differences
# Minima for frequencies must be converged more tightly than those for energies.
FMAX, MOST_STEPS = 1e-4, 1000
RIGID_MODES = 6  # three translations and three rotations


def lowest_minimum(starts: Sequence[Atoms], calculator) -> Atoms:
    """The lowest of the minima reached from several starts, with the calculator attached."""
    return min(
        (minimum_near(start, calculator) for start in starts),
        key=lambda atoms: atoms.get_potential_energy(),
    )


def minimum_near(start: Atoms, calculator) -> Atoms:
    """The minimum reached from one start, with the calculator attached.

    Raises:
        ArithmeticError: none is reached.
    """
    atoms, _, converged = relaxed(start, calculator, FMAX, MOST_STEPS)
    if not converged:
        raise ArithmeticError(
            f"no minimum (forces below {FMAX:g} eV/Å) is reached in {MOST_STEPS:,} steps"
        )
    return atoms


def frequencies(atoms: Atoms) -> np.ndarray:
    """Vibrational frequencies of an isolated nonlinear molecule: (3N - 6,) 1/cm, ascending.

    They come from central differences of 0.01 Å (ASE), with forces by the atoms' calculator.
    Imaginary frequencies, which do not occur at a minimum, are returned as negative numbers.

    Args:
        atoms: at a minimum, with a calculator.
    """
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, delta=STEP_A, name=str(Path(folder) / "vib"))
        vibrations.run()
        values = vibrations.get_frequencies()
    signed = values.real - np.abs(values.imag)
    # Translations and rotations are the six modes closest to zero.
    return np.sort(signed[np.argsort(np.abs(signed))[RIGID_MODES:]])
