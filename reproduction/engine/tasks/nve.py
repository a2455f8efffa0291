"""Task "nve": constant-energy dynamics with the trained models of another row.

Options: "steps"; "temperature_K" of the initial velocities, by default 1,000; "of_emt", by default
True: whether EMT, which the models learned, is evaluated along.
"""

import time

import numpy as np
from ase.constraints import FixAtoms

from analysis.dynamics import TEMPERATURE_K, drift_and_wander, run_nve
from analysis.frames import atoms_at
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import calculator, emt


def run(job: Job) -> list[RunResult]:
    """Run dynamics with each seed's model from the first test frame."""
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int) -> RunResult:
    potential = calculator(job, seed)
    begin = time.process_time()
    start = atoms_at(job.test, job.test.positions[0])
    # A layer that is fixed in training, as no model knows how it moves.
    fixed = np.ptp(job.train.positions, axis=0).max(axis=1) == 0
    if fixed.any():
        start.set_constraint(FixAtoms(mask=fixed))
    options = job.experiment.options
    found = run_nve(
        start,
        potential,
        emt() if options.get("of_emt", True) else None,
        options["steps"],
        progress=job.report,
        temperature_K=options.get("temperature_K", TEMPERATURE_K),
    )
    metrics = {
        ("", "picoseconds"): found.picoseconds,
        ("", "ms_a_step"): 1000 * found.seconds / max(1, found.steps),
        ("", "analysis_seconds"): time.process_time() - begin,
    }
    for name, energies in (("own", found.own), ("emt", found.reference)):
        if len(energies) > 2:
            drift, wander = drift_and_wander(energies, found.n_atoms)
            metrics |= {("", f"drift_{name}"): drift, ("", f"wander_{name}"): wander}
    return RunResult(
        seed,
        {},
        metrics,
        {"total_energy_own": found.own, "total_energy_emt": found.reference},
        {"ended": found.ended},
    )
