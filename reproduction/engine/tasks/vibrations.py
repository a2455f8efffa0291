"""Task "vibrations": vibrational frequencies of another row's trained models against EMT's."""

import time

import numpy as np

from analysis.frames import evenly_chosen
from analysis.vibrations import frequencies, lowest_minimum, minimum_near
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import calculator, emt
from reproduction.errors import ReproductionError

STARTS = 20  # test frames from which EMT's lowest minimum is searched


def run(job: Job) -> list[RunResult | ReproductionError]:
    """Compute each model's frequencies at its own minimum, the one next to EMT's lowest.

    In the place of a model without a minimum there, the reason.
    """
    lowest = lowest_minimum(evenly_chosen(job.test, STARTS), emt())
    reference = frequencies(lowest)
    return [_one(job, seed, lowest, reference) for seed in job.seeds]


def _one(job: Job, seed: int, lowest, reference: np.ndarray) -> RunResult | ReproductionError:
    begin = time.process_time()
    try:
        found = frequencies(minimum_near(lowest, calculator(job, seed)))
    except ArithmeticError as error:
        return ReproductionError(f"seed {seed}: {error}")
    off = found - reference
    metrics = {
        ("", "frequency_max_error"): float(np.abs(off).max()),
        ("", "frequency_rmse"): float(np.sqrt((off**2).mean())),
        ("", "analysis_seconds"): time.process_time() - begin,
    }
    job.report(1.0, "frequencies")
    return RunResult(
        seed,
        {},
        metrics,
        {"frequencies_emt": reference, "frequencies_model": found},
        {"ended": f"{len(reference)} modes"},
    )
