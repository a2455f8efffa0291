"""Task "edges": models on edge lists, trained on energies and forces (not in the report)."""

import numpy as np

from data_gen.frames import Frames
from keras_models.errors import Diverged as NotFinite
from keras_models.fit_edges import EdgeFitSettings, EdgeFitted, fit_edges
from reproduction.engine.experiment import Experiment
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.errors import Diverged


def edge_settings(experiment: Experiment) -> EdgeFitSettings:
    """Settings for :func:`keras_models.fit_edges.fit_edges` from those of an experiment."""
    return EdgeFitSettings(
        experiment.model,
        experiment.training,
        experiment.widths,
        experiment.activation,
        dict(experiment.options),
    )


def run(job: Job) -> list:
    """Train a model with each seed: a RunResult, or Diverged in its place."""
    train, settings, results = Frames.of(job.train), edge_settings(job.experiment), []
    for k, seed in enumerate(job.seeds):
        checkpoint = job.checkpoint.with_name(f"{job.checkpoint.stem}-of-{seed}.npz")

        def report(done: float, text: str, k: int = k) -> None:
            job.report((k + done) / len(job.seeds), text)

        try:
            fitted = fit_edges(train, settings, seed, checkpoint, job.stamp(), report)
        except NotFinite as error:
            results.append(Diverged(str(error)))
        else:
            results.append(_as_result(fitted, job))
        checkpoint.unlink(missing_ok=True)
    return results


def _as_result(fitted: EdgeFitted, job: Job) -> RunResult:
    predictor = fitted.predictor()
    found = [predictor(part.structures()) for part in (job.train, job.test)]
    return RunResult(
        fitted.seed,
        {
            "energy": tuple(energies for energies, _, _ in found),
            "force": tuple(np.array(forces) for _, forces, _ in found),
        },
        {
            ("", "train_seconds"): fitted.seconds["train"],
            ("", "compile_seconds"): fitted.seconds["compile"],
            **{("", name): fitted.counts[name] for name in ("parameters", "steps")},
        },
        fitted.curves,
        {"ended": "all steps done", "counts": fitted.counts, **fitted.info},
        fitted.model,
        fitted.references,
    )
