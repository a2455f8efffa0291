"""What each task does: an experiment, its data and its seeds -> predictions.

A task is a module here whose ``run`` takes a :class:`~reproduction.engine.tasks.common.Job` and
returns, for each of its seeds, a :class:`~reproduction.engine.store.RunResult` or the exception it
failed with.
"""

from importlib import import_module


def module_name(task: str) -> str:
    """The module of a task: "pair-floor" -> "reproduction.engine.tasks.pair_floor"."""
    return f"{__name__}.{task.replace('-', '_')}"


def perform(job) -> list:
    """Do a job by its experiment's task."""
    return import_module(module_name(job.experiment.task)).run(job)
