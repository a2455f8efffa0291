"""Building each model of a sweep once, on a few frames, before anything is submitted."""

import json
from collections.abc import Sequence
from dataclasses import replace

from data_gen.dataset import Dataset
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.sources import read_published
from reproduction.engine.experiment import Experiment
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.reading import TRAIN, Row, Wrong

# Tasks that build a model of the catalogue, and options that are the task's own.
TASKS = ("energy", "force", "graph", "gradient", "behler", "edges")
OF_TASKS = ("copies", "also")
FRAMES = 12


def wrong_models(rows: Sequence[Row], data: OwnData) -> list[Wrong]:
    """Build each model, and say which lines' cannot be built; training is the jobs' own."""
    known: dict[str, str] = {}
    frames: dict[str, Dataset] = {}
    wrong = []
    for row in rows:
        e = row.experiment
        if row.base == TRAIN:
            what, make = json.dumps(row.config, sort_keys=True), _check_training
        elif e.task in TASKS:
            parts = [e.model, e.widths, e.activation, e.options, e.dataset]
            what, make = json.dumps(parts, default=str), _check_model
        else:
            continue
        if what not in known:
            try:
                make(row, data, frames)
                known[what] = ""
            # Whatever a builder makes of what a user wrote.
            except Exception as error:
                known[what] = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if known[what]:
            lacks = "training cannot begin" if row.base == TRAIN else "model cannot be built"
            wrong.append((row.line, f"its {lacks} ({known[what]})"))
    return wrong


def _check_model(row: Row, data: OwnData, frames: dict[str, Dataset]) -> None:
    from keras_models import catalogue

    e = row.experiment
    options = {k: v for k, v in e.options.items() if k not in OF_TASKS}
    if e.dataset not in frames:
        frames[e.dataset] = _some(e, data)
    catalogue.build(e.model or "behler", frames[e.dataset], e.widths, e.activation, options)


def _check_training(row: Row, *_) -> None:
    """What scripts/train.py does before the first step."""
    from fitting.config import Config
    from fitting.data import load
    from fitting.settings import completed
    from keras_models import catalogue
    from keras_models.optimise.edge_newton import check_size

    config = Config(**row.config, seeds=row.seeds).with_checksums()
    parts = load(config)
    _, s = completed(config, parts, None)
    some = parts.train.frames[:FRAMES]
    model = catalogue.build(s.model, some, s.widths, s.activation, s.options, dtype=s.dtype_used)
    if s.training.stages:
        check_size(model.count_params())


def _some(experiment: Experiment, data: OwnData) -> Dataset:
    """The first frames of an experiment's data, made anew: they may not be there yet."""
    if (own := data.read(experiment)) is not None:
        return own[:FRAMES]
    origin = experiment.sources[0].origin
    if isinstance(origin, DynamicsSettings):
        return run_dynamics(replace(origin, steps=FRAMES * origin.stride))
    return read_published(replace(origin, frames=FRAMES))
