"""Harmonic frequencies of a cluster at a minimum of a potential, by finite differences."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.vibrations import Vibrations

from analysis.minima import relaxed

STEP_A = 0.01  # of the finite differences
# A minimum for frequencies: sharper than one whose energy alone is wanted.
FMAX, MOST_STEPS = 1e-4, 1000
RIGID_MODES = 6  # three translations and three rotations


def lowest_minimum(starts: Sequence[Atoms], calculator) -> Atoms:
    """The lowest of the minima that the starts lead to, with the calculator."""
    return min(
        (minimum_near(start, calculator) for start in starts),
        key=lambda atoms: atoms.get_potential_energy(),
    )


def minimum_near(start: Atoms, calculator) -> Atoms:
    """The minimum from one start, with the calculator."""
    return relaxed(start, calculator, FMAX, MOST_STEPS)[0]


def frequencies(atoms: Atoms) -> np.ndarray:
    """Vibrations of an isolated, not linear molecule at a minimum: (3N - 6,) 1/cm, ascending.

    Forces by the atoms' calculator, central differences of 0.01 Å (ASE). Imaginary frequencies,
    which a minimum has none of, come as negative numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, delta=STEP_A, name=str(Path(folder) / "vib"))
        vibrations.run()
        values = vibrations.get_frequencies()
    signed = values.real - np.abs(values.imag)
    # Translations and rotations are the six nearest to zero.
    return np.sort(signed[np.argsort(np.abs(signed))[RIGID_MODES:]])
