"""Does the spread of an ensemble tell its error when the dynamics is hotter than the data?"""

import time
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from data_gen.dynamics import DynamicsSettings, run_dynamics
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.uses import ensemble, gold
from reproduction.show.metrics import errors


def run(job: Job) -> list:
    """EMT dynamics of 20 ps started at the option's temperature, judged by the ensemble.

    Seeds are those of the dynamics. Force error and spread are taken per frame, over atoms and
    components.
    """
    calc = ensemble(job)
    return [_one(job, seed, calc) for seed in job.seeds]


def _one(job: Job, seed: int, calc) -> RunResult:
    begin = time.perf_counter()
    settings = DynamicsSettings(
        steps=20_000, temperature_K=job.experiment.options["temperature_K"], seed=100 + seed
    )
    hot = run_dynamics(replace(settings, max_distance_A=np.inf))
    energies, forces = np.empty(len(hot)), np.empty(hot.forces.shape)
    spread = np.empty(hot.forces.shape)
    for k, x in enumerate(hot.positions):
        atoms = gold(x, calc)
        forces[k] = atoms.get_forces()
        energies[k] = atoms.get_potential_energy()
        spread[k] = calc.results["forces_std"]
        if k % 20 == 0:
            job.report(k / len(hot), f"frame {k}/{len(hot)}")
    error = np.sqrt(((forces - hot.forces) ** 2).mean(axis=(1, 2)))
    std = np.sqrt((spread**2).mean(axis=(1, 2)))
    metrics = {
        **errors("energy", energies, hot.energies),
        **errors("force", forces, hot.forces),
        "force_std": float(np.sqrt((std**2).mean())),
    }
    if std.min() > 0:  # a quick run has the same model twice: no spread
        metrics["error_to_std"] = float(np.sqrt((error**2).mean() / (std**2).mean()))
    if np.ptp(std) > 0:
        metrics["rank_correlation"] = float(spearmanr(error, std).statistic)
    return RunResult(
        seed,
        {},
        {
            **{("test", name): value for name, value in metrics.items()},
            ("", "analysis_seconds"): time.perf_counter() - begin,
        },
        {"frame_force_error": error, "frame_force_std": std},
        {"ended": f"{len(hot)} frames"},
    )
