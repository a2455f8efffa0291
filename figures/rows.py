"""Labels of the registry's rows in figures."""

import textwrap
from pathlib import Path

from reproduction.engine.experiment import Experiment
from reproduction.sections import EXPERIMENTS
from reproduction.show.predictions import read_trajectory


def short(experiment: Experiment) -> str:
    """A row's label, shortened for figures; with its epochs if two rows have the same label."""
    label = experiment.label.replace(", longer, cosine decay", ", longer")
    twins = [
        e
        for e in EXPERIMENTS.values()
        if e.table == experiment.table and e.label == experiment.label
    ]
    return f"{label}, {experiment.training.epochs:,} epochs" if len(twins) > 1 else label


def parts(results: Path, dataset: str) -> str:
    """Text such as ", 2,000 training and 500 test frames"; empty if no data are stored."""
    data = read_trajectory(results, dataset)
    if data is None:
        return ""
    return f", {data.n_train:,} training and {len(data.energies) - data.n_train:,} test frames"


def wrapped(experiment: Experiment, width: int) -> str:
    """A row's short label, wrapped to lines of at most ``width`` characters."""
    return "\n".join(textwrap.wrap(short(experiment), width, break_on_hyphens=False))
