"""Tasks: the kinds of computation that experiments perform, from data and seeds to predictions.

A task is a module of this package. Its function ``run`` takes a
:class:`~reproduction.engine.tasks.common.Job` and returns for each seed a
:class:`~reproduction.engine.store.RunResult`, or the exception that made it fail.
"""

from importlib import import_module


def module_name(task: str) -> str:
    """Module name of a task: "pair-floor" -> "reproduction.engine.tasks.pair_floor"."""
    return f"{__name__}.{task.replace('-', '_')}"


def perform(job) -> list:
    """Run a job with the task of its experiment; returns one result or exception per seed."""
    return import_module(module_name(job.experiment.task)).run(job)
