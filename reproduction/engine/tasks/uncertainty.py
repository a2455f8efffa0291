"""Task "uncertainty": spread and error of an ensemble along dynamics hotter than its data."""

import time

import numpy as np

from analysis.uncertainty import calibration, frame_rms, predict_frames
from data_gen.dynamics import DynamicsSettings, run_dynamics
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import ensemble
from reproduction.show.metrics import errors

STEPS = 20_000  # of EMT dynamics, 20 ps
FIRST_SEED = 100  # of its velocities, different from those of the data


def run(job: Job) -> list[RunResult]:
    """Predict EMT dynamics at the temperature in the options; seeds are for its velocities."""
    calculator = ensemble(job)
    return [_one(job, seed, calculator) for seed in job.seeds]


def _one(job: Job, seed: int, calculator) -> RunResult:
    begin = time.process_time()
    hot = run_dynamics(
        DynamicsSettings(
            steps=STEPS,
            temperature_K=job.experiment.options["temperature_K"],
            seed=FIRST_SEED + seed,
            max_distance_A=np.inf,
        )
    )
    found = predict_frames(hot, calculator, job.report)
    error, std = frame_rms(found.forces - hot.forces), frame_rms(found.forces_std)
    metrics = {
        **errors("energy", found.energies, hot.energies),
        **errors("force", found.forces, hot.forces),
        **calibration(error, std),
    }
    return RunResult(
        seed,
        {},
        {
            **{("test", name): value for name, value in metrics.items()},
            ("", "analysis_seconds"): time.process_time() - begin,
        },
        {"frame_force_error": error, "frame_force_std": std},
        {"ended": f"{len(hot)} frames"},
    )
