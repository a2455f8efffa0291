"""Task "learned": inner functions of another row's trained models compared with EMT's."""

import time

from analysis.emt import EmtFunctions
from analysis.learned import Reference, compare_emt, compare_eq2, compare_eq3
from keras_models import load_model
from keras_models.backend import keras
from keras_models.building import build_seeded
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import elements, model_path


def run(job: Job) -> list[RunResult]:
    """Compare each seed's model with EMT on the training part.

    For model "emt", EMT itself is compared with Behler's radial functions.
    """
    (symbol,) = elements(job)
    reference = Reference(job.train.positions, job.train.energies, EmtFunctions.of(symbol))
    what = {"emt": _emt, "eq2": _eq2, "eq3": _eq3}[job.experiment.model]
    results = []
    for k, seed in enumerate(job.seeds):
        begin = time.process_time()
        metrics, curves = what(job, seed, reference)
        metrics = {("train", name): float(value) for name, value in metrics.items()}
        metrics["", "analysis_seconds"] = time.process_time() - begin
        results.append(RunResult(seed, {}, metrics, curves, {"ended": "compared"}))
        job.report((k + 1) / len(job.seeds), "compared")
    return results


def _emt(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    return compare_emt(reference)


def _eq2(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    trained = load_model(model_path(job, seed))
    untrained = build_seeded(lambda: keras.models.clone_model(trained), seed)
    return compare_eq2(trained, untrained, reference)


def _eq3(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    return compare_eq3(load_model(model_path(job, seed)), reference)
