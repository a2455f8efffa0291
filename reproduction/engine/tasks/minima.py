"""Task "minima": geometry optimisation with the models of another row (section 5.1 asks for it)."""

import time

from analysis.frames import evenly_chosen
from analysis.minima import agreement, relax_all
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import calculator, emt


def run(job: Job) -> list[RunResult]:
    """Relax evenly spaced test frames with EMT and with each seed's model."""
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int) -> RunResult:
    begin = time.process_time()
    starts = evenly_chosen(job.test, job.experiment.options["frames"])
    by_emt = relax_all(starts, emt(), lambda done, text: job.report(done / 2, text))
    by_model = relax_all(
        starts, calculator(job, seed), lambda done, text: job.report((1 + done) / 2, text)
    )
    found = agreement(by_emt, by_model, emt())
    metrics = {
        ("", "same_minimum"): float(found.same.mean()),
        ("", "calls_model"): by_model.calls / len(starts),
        ("", "calls_emt"): by_emt.calls / len(starts),
        ("", "seconds_model"): by_model.seconds,
        ("", "seconds_emt"): by_emt.seconds,
        ("", "analysis_seconds"): time.process_time() - begin,
    }
    if found.same.any():
        metrics |= {
            ("", "minimum_energy_error"): 1000 * found.energy_rmse,
            ("", "minimum_rms_displacement"): float(found.displacements.mean()),
        }
    ended = f"{by_model.converged} of {len(starts)} converged on the model"
    return RunResult(seed, {}, metrics, {"minimum_energies": found.energies}, {"ended": ended})
