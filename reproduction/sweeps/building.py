"""Building each model of a sweep once, on a few frames, before anything is submitted."""

import json
from collections.abc import Sequence
from dataclasses import replace

from data_gen.dataset import Dataset
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.sources import read_published
from reproduction.engine.experiment import Experiment
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.reading import Row, SweepError

# Tasks that build a model of the catalogue, and options that are the task's own.
TASKS = ("energy", "force", "graph", "gradient", "behler", "edges")
OF_TASKS = ("copies", "also")
FRAMES = 12


def check_models(rows: Sequence[Row], data: OwnData) -> None:
    """Build each model; training is the jobs' own.

    Raises:
        SweepError: some cannot be built; all of their lines are named.
    """
    from keras_models import catalogue

    known: dict[str, str] = {}
    frames: dict[str, Dataset] = {}
    for row in rows:
        e = row.experiment
        if e.task not in TASKS:
            continue
        name, options = e.model or "behler", {k: v for k, v in e.options.items()}
        for own in OF_TASKS:
            options.pop(own, None)
        what = json.dumps([name, e.widths, e.activation, options, e.dataset], default=str)
        if what not in known:
            if e.dataset not in frames:
                frames[e.dataset] = _some(e, data)
            try:
                catalogue.build(name, frames[e.dataset], e.widths, e.activation, options)
                known[what] = ""
            # Whatever a builder makes of what a user wrote.
            except Exception as error:
                known[what] = str(error).strip().splitlines()[0] or type(error).__name__
        if known[what]:
            known[what] += f"\0{row.line}"
    wrong = [text.split("\0") for text in known.values() if text]
    if wrong:
        raise SweepError(
            "\n".join(
                f"line {', '.join(lines)}: its model cannot be built ({why})"
                for why, *lines in wrong
            )
        )


def _some(experiment: Experiment, data: OwnData) -> Dataset:
    """The first frames of an experiment's data, made anew: they may not be there yet."""
    if (own := data.read(experiment)) is not None:
        return own[:FRAMES]
    origin = experiment.sources[0].origin
    if isinstance(origin, DynamicsSettings):
        return run_dynamics(replace(origin, steps=FRAMES * origin.stride))
    return read_published(replace(origin, frames=FRAMES))
