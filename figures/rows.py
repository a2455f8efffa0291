"""How figures call the rows of the registry."""

import textwrap
from pathlib import Path

from reproduction.engine.experiment import Experiment
from reproduction.sections import EXPERIMENTS
from reproduction.show.predictions import read_trajectory


def short(experiment: Experiment) -> str:
    """Its label without what a figure has no room for; with the epochs where two share one."""
    label = experiment.label.replace(", longer, cosine decay", ", longer")
    twins = [
        e
        for e in EXPERIMENTS.values()
        if e.table == experiment.table and e.label == experiment.label
    ]
    return f"{label}, {experiment.training.epochs:,} epochs" if len(twins) > 1 else label


def parts(results: Path, dataset: str) -> str:
    """ "2,000 training and 500 test frames", as the stored data have it; empty if they are not."""
    data = read_trajectory(results, dataset)
    if data is None:
        return ""
    return f", {data.n_train:,} training and {len(data.energies) - data.n_train:,} test frames"


def wrapped(experiment: Experiment, width: int) -> str:
    """In as many lines as a panel of ``width`` letters needs."""
    return "\n".join(textwrap.wrap(short(experiment), width, break_on_hyphens=False))
