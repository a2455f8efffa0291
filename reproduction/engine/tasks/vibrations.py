"""Vibrational frequencies at the lowest minimum, by a trained model and by EMT."""

import tempfile
import time
from pathlib import Path

import numpy as np
from ase.optimize import BFGS
from ase.vibrations import Vibrations

from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.uses import calculator, emt, gold

STEP_A = 0.01
STARTS = 20


def run(job: Job) -> list:
    """Each potential at its own minimum next to EMT's lowest, by finite differences (ASE)."""
    frames = np.linspace(0, len(job.test) - 1, STARTS).astype(int)
    lowest = min(
        (_relaxed(job.test.positions[k], emt()) for k in frames),
        key=lambda atoms: atoms.get_potential_energy(),
    )
    reference = _frequencies(lowest)
    results = []
    for seed in job.seeds:
        begin = time.perf_counter()
        found = _frequencies(_relaxed(lowest.positions, calculator(job, seed)))
        off = found - reference
        results.append(
            RunResult(
                seed,
                {},
                {
                    ("", "frequency_max_error"): float(np.abs(off).max()),
                    ("", "frequency_rmse"): float(np.sqrt((off**2).mean())),
                    ("", "analysis_seconds"): time.perf_counter() - begin,
                },
                {"frequencies_emt": reference, "frequencies_model": found},
                {"ended": "12 modes"},
            )
        )
        job.report(1.0, "frequencies")
    return results


def _relaxed(positions: np.ndarray, calc):
    atoms = gold(positions, calc)
    BFGS(atoms, logfile=None).run(fmax=1e-4, steps=1000)
    return atoms


def _frequencies(atoms) -> np.ndarray:
    """The 3N - 6 vibrations in 1/cm, ascending; imaginary ones as negative numbers."""
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, delta=STEP_A, name=str(Path(folder) / "vib"))
        vibrations.run()
        values = vibrations.get_frequencies()
    signed = values.real - np.abs(values.imag)
    # Translations and rotations are the six nearest to zero.
    return np.sort(signed[np.argsort(np.abs(signed))[6:]])
