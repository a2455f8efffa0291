"""Task "edges": models on edge lists, trained on energies and forces (not in the report)."""

import numpy as np

from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.frames import Frames
from keras_models.errors import Diverged as NotFinite
from keras_models.fit_edges import EdgeFitSettings, EdgeFitted, fit_edges
from reproduction.engine.experiment import Experiment
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.errors import Diverged


def edge_settings(experiment: Experiment) -> EdgeFitSettings:
    """Settings for :func:`keras_models.fit_edges.fit_edges` from those of an experiment.

    The option ``also`` is separated from those of the model's builder.
    """
    options = dict(experiment.options)
    options.pop("also", None)
    return EdgeFitSettings(
        experiment.model,
        experiment.training,
        experiment.widths,
        experiment.activation,
        options,
    )


def training_part(job: Job) -> Frames:
    """The frames to train on: of the job, and of the option ``also``, settings of EMT dynamics.

    Those at the end, which the validation block is taken from, are the last of each system.
    """
    also = job.experiment.options.get("also", ())
    parts = [Frames.of(job.train)]
    for k, settings in enumerate(also):
        job.report(0.0, f"dynamics {k + 1} of {len(also)}")
        parts.append(Frames.of(run_dynamics(DynamicsSettings(**settings))))
    if not also:
        return parts[0]
    share = job.experiment.training.validation
    last = [int(share * len(part)) for part in parts]
    first = [part[: len(part) - n] for part, n in zip(parts, last, strict=True)]
    blocks = [part[len(part) - n :] for part, n in zip(parts, last, strict=True) if n]
    return Frames.joined([*first, *blocks])


def run(job: Job) -> list:
    """Train a model with each seed: a RunResult, or Diverged in its place."""
    train, settings, results = training_part(job), edge_settings(job.experiment), []
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
