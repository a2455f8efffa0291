"""Shared code of the tasks: the job that they receive, and training by an experiment's settings."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.dataset import Dataset
from keras_models.errors import Diverged as NotFinite
from keras_models.fit import FitSettings, Fitted, fit
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import code_checksum
from reproduction.engine.store import RunResult
from reproduction.errors import Diverged


@dataclass(frozen=True)
class Job:
    """Input of a task: one group of seeds of one experiment, with its data.

    Attributes:
        experiment, seeds: what to run.
        train, test: training and test part.
        data_sha256: checksum of the whole dataset; if the partition has several folds, followed
            by the number of the block.
        checkpoint: file for the state of unfinished work.
        runs: folder of all runs, for tasks that use trained models.
        report: called with (fraction done, short text); raises an exception to stop the job.
    """

    experiment: Experiment
    seeds: tuple[int, ...]
    train: Dataset
    test: Dataset
    data_sha256: str
    checkpoint: Path
    runs: Path
    report: Callable[[float, str], None]

    def stamp(self) -> str:
        """Identity that a checkpoint must match to be resumed."""
        code = code_checksum(self.experiment.task)
        return json.dumps([self.experiment.settings(), self.seeds, self.data_sha256, code])


def fit_settings(experiment: Experiment, model: str = "") -> FitSettings:
    """Settings for :func:`keras_models.fit.fit` from those of an experiment.

    The option ``copies``, the number of rotated copies of the training part, is separated from
    those of the model's builder.

    Args:
        experiment: defines the training.
        model: replaces the experiment's model name.
    """
    options = dict(experiment.options)
    return FitSettings(
        model or experiment.model,
        experiment.training,
        experiment.widths,
        experiment.activation,
        copies=options.pop("copies", 1),
        options=options,
        loss_weights=experiment.loss_weights,
        lanes=experiment.lanes,
    )


def fit_job(job: Job, settings: FitSettings | None = None, features=None) -> list:
    """Train by the experiment's settings: for each seed a RunResult, or Diverged in its place."""
    settings = settings or fit_settings(job.experiment)
    found = fit(
        job.train,
        job.test,
        settings,
        job.seeds,
        job.checkpoint,
        job.stamp(),
        job.report,
        features,
    )
    return [Diverged(str(one)) if isinstance(one, NotFinite) else as_result(one) for one in found]


def as_result(fitted: Fitted) -> RunResult:
    """Convert a fit to the form in which the store takes it."""
    return RunResult(
        fitted.seed,
        fitted.predictions,
        {
            ("", "train_seconds"): fitted.seconds["train"],
            ("", "compile_seconds"): fitted.seconds["compile"],
            **{("", name): count for name, count in fitted.counts.items()},
        },
        fitted.curves,
        {"ended": fitted.ended, **fitted.info},
        fitted.model,
    )


def rmse(off: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt((off**2).mean()))
