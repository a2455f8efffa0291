"""Dynamics at constant energy with a trained model: does it stay constant?"""

import time

import numpy as np
from ase import units
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.uses import calculator, emt, gold

TEMPERATURE_K = 1000.0
RECORD = 50


def run(job: Job) -> list:
    """Velocity Verlet at 1 fs from the test part's first frame, at 1,000 K.

    The energy is followed twice: the model's own potential energy, and EMT's at the same
    positions, which also exists for models that give forces alone; each plus the kinetic energy.
    Drift is the slope of a straight line times the time, wander the largest departure from the
    start, both per atom. A run ends when two atoms come together or a cluster falls apart.
    """
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int) -> RunResult:
    steps = job.experiment.options["steps"]
    calc = calculator(job, seed)
    atoms = gold(job.test.positions[0], calc)
    referee = gold(job.test.positions[0], emt())
    thermalize_momenta(atoms, TEMPERATURE_K, rng=np.random.default_rng(0))
    Stationary(atoms)
    verlet = VelocityVerlet(atoms, 1.0 * units.fs)
    own, true, ended = [], [], "all steps done"
    begin, spent = time.perf_counter(), 0.0
    for done in range(0, steps + 1, RECORD):
        if done:
            start = time.perf_counter()
            verlet.run(RECORD)
            spent += time.perf_counter() - start
        distances = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        if not (distances.min() > 1.5 and distances.max() < 15.0):
            ended = f"unphysical after {done / 1000:.2f} ps"
            break
        referee.positions = atoms.positions
        kinetic = atoms.get_kinetic_energy()
        true.append(referee.get_potential_energy() + kinetic)
        if calc.has_energy:
            own.append(atoms.get_potential_energy() + kinetic)
        job.report(done / steps, f"{done / 1000:.1f} ps")
    n = len(atoms)
    picoseconds = (len(true) - 1) * RECORD / 1000
    metrics = {
        ("", "picoseconds"): picoseconds,
        ("", "ms_a_step"): 1000 * spent / max(1, RECORD * (len(true) - 1)),
        ("", "analysis_seconds"): time.perf_counter() - begin,
    }
    for name, energies in (("own", own), ("emt", true)):
        if len(energies) > 2:
            off = 1000 * (np.array(energies) - energies[0]) / n
            slope = np.polyfit(np.arange(len(off)), off, 1)[0]
            metrics["", f"drift_{name}"] = slope * (len(off) - 1)
            metrics["", f"wander_{name}"] = np.abs(off).max()
    return RunResult(
        seed,
        {},
        metrics,
        {"total_energy_own": np.array(own), "total_energy_emt": np.array(true)},
        {"ended": ended},
    )
