"""Stored numbers with their experiments: the basis of tables, verdicts and figures."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from reproduction.engine.experiment import Experiment
from reproduction.errors import ReproductionError
from reproduction.show.metrics import Spread, spread

PROVENANCE = "provenance.json"
# The task of the trivial baselines.
TRIVIAL = "trivial"
# Adam's epochs, the second-order method's iterations, and Amp's evaluations of its loss.
PASSES = ("epochs", "iterations", "loss_evaluations")


@dataclass(frozen=True)
class Value:
    """One number, with its experiment, seed, split ("train", "test", "", ...) and metric."""

    experiment: str
    seed: int
    split: str
    metric: str
    value: float


class Metrics:
    """All numbers of a results folder, accessible by experiment, split and metric."""

    def __init__(self, values: Iterable[Value]) -> None:
        self.rows = list(values)
        self._values: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
        for one in self.rows:
            self._values[one.experiment, one.split, one.metric][one.seed] = one.value

    def spread(self, experiment: str, split: str, metric: str) -> Spread | None:
        """Spread of a metric over seeds; None if there is no such number."""
        values = self._values.get((experiment, split, metric))
        return spread(values.values()) if values else None

    def values(self, experiment: str, split: str, metric: str) -> list[float]:
        """A metric's values, one per seed, in the order of seeds."""
        return list(self.by_seed(experiment, split, metric).values())

    def by_seed(self, experiment: str, split: str, metric: str) -> dict[int, float]:
        """A metric as {seed: value}, in the order of seeds; empty if there is no such number."""
        return dict(sorted(self._values.get((experiment, split, metric), {}).items()))

    def all_keys(self) -> list[tuple[str, str, str]]:
        """(experiment, split, metric) of all numbers, in the order in which they were given."""
        return list(self._values)

    def experiments(self) -> set[str]:
        """Ids of the experiments that have numbers."""
        return {one.experiment for one in self.rows}

    @classmethod
    def read(cls, folder: Path) -> "Metrics":
        """Read ``metrics.csv`` of a folder; without the file there are no numbers.

        Raises:
            ReproductionError: the file is not in the form that the project writes.
        """
        path = folder / "metrics.csv"
        return cls.parse(path.read_text(encoding="utf-8"), path) if path.is_file() else cls([])

    @classmethod
    def parse(cls, text: str, path: object) -> "Metrics":
        """Read the text of a ``metrics.csv``; ``path`` says in the message where it is from.

        Raises:
            ReproductionError: the text is not in the form that the project writes.
        """
        try:
            return cls(
                Value(r["experiment"], int(r["seed"]), r["split"], r["metric"], float(r["value"]))
                for r in csv.DictReader(io.StringIO(text, newline=""))
            )
        except (KeyError, TypeError, ValueError):
            raise ReproductionError(
                f"{path}: not a valid table of metrics; delete it or take it from git"
            ) from None


def read_provenance(folder: Path) -> dict[str, dict]:
    """Read ``provenance.json`` of a folder: {experiment: {seed: provenance of the run}}.

    Empty if there is no such file.

    Raises:
        ReproductionError: the file is not in the form that the project writes.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or not all(isinstance(runs, dict) for runs in about.values()):
        raise ReproductionError(
            f"{path}: not a valid record of provenance; delete it or take it from git"
        )
    return about


@dataclass(frozen=True)
class Evidence:
    """Results to present: numbers, the experiments that they belong to, and their provenance.

    Attributes:
        metrics: all numbers of a results folder.
        experiments: all experiments by id, in the order of the tables.
        provenance: {experiment: {seed: provenance of the run}}, from provenance.json.
        folder: the results folder; None for numbers made up by a test.
    """

    metrics: Metrics
    experiments: Mapping[str, Experiment]
    provenance: Mapping[str, dict] = field(default_factory=dict)
    folder: Path | None = None

    @classmethod
    def read(cls, folder: Path, experiments: Mapping[str, Experiment]) -> "Evidence":
        """Read a results folder.

        Raises:
            ReproductionError: metrics.csv or provenance.json is not in the form that the project
                writes.
        """
        return cls(Metrics.read(folder), experiments, read_provenance(folder), folder)

    def spread(self, experiment: str, split: str, metric: str) -> Spread | None:
        """See :meth:`Metrics.spread`."""
        return self.metrics.spread(experiment, split, metric)

    def values(self, experiment: str, split: str, metric: str) -> list[float]:
        """See :meth:`Metrics.values`."""
        return self.metrics.values(experiment, split, metric)

    def judged(self, experiment: str, split: str, metric: str) -> dict[int, float]:
        """Values that verdicts are based on, as {seed: value}.

        If the row was repeated on several trajectories, those of the repetition; else its own.
        """
        again = self._again(experiment, split, metric)
        return self.metrics.by_seed(again or experiment, split, metric)

    def _again(self, experiment: str, split: str, metric: str) -> str:
        """The row that repeats another on several trajectories; empty without such numbers."""
        again = self._repeats.get(experiment, "")
        return again if len(self.metrics.by_seed(again, split, metric)) > 1 else ""

    def repeated(self, experiments: Iterable[str]) -> bool:
        """Whether one of some rows was repeated on several trajectories."""
        return any(row in self._repeats for row in experiments)

    def judged_spread(self, experiment: str, split: str, metric: str) -> Spread | None:
        """Spread over seeds of the values of :meth:`judged`; None if there are none."""
        values = self.judged(experiment, split, metric)
        return spread(values.values()) if values else None

    def trivial(self, experiment: str, split: str, metric: str) -> list[float]:
        """The trivial baseline's values beside those of :meth:`judged`, in the same order.

        Empty if there is no baseline for the row's frames.
        """
        values = self.judged(experiment, split, metric)
        row = self.experiments.get(experiment)
        if row is None:
            return []
        if again := self._again(experiment, split, metric):
            row = self.experiments[again]
        which = [seed % len(row.sources) for seed in values]
        for one in self.baselines(row):
            found = self.metrics.by_seed(one.id, split, metric)
            if set(which) <= set(found):
                return [found[k] for k in which]
        return []

    def baselines(self, row: Experiment) -> list[Experiment]:
        """Trivial baselines on the same frames as a row, those on no further trajectories first.

        Seed k of a baseline is on trajectory k; of a row, if it is on several.
        """
        sources, *frames = row.frames_key
        found = [
            one
            for one in self.experiments.values()
            if one.task == TRIVIAL
            and one.sources[: len(sources)] == sources
            and list(one.frames_key[1:]) == frames
        ]
        return sorted(found, key=lambda one: len(one.sources))

    def passes(self, experiment: str) -> Spread | None:
        """Length of a row's training, in the unit that its optimiser counts (:data:`PASSES`)."""
        found = (self.spread(experiment, "", metric) for metric in PASSES)
        return next((s for s in found if s), None)

    def rows_of(self, table: str) -> list[Experiment]:
        """Experiments that a table shows, in order."""
        return [e for e in self.experiments.values() if e.table == table]

    def called(self, experiment: str) -> str:
        """Name of a row for use in a sentence; the id itself if there is no such row."""
        if experiment not in self.experiments:
            return experiment
        row = self.experiments[experiment]
        behler = experiment.startswith(("table1/", "table2/", "table3/"))
        name = f"Behler {row.label}" if behler and "Behler" not in row.label else row.label
        epochs = getattr(row.training, "epochs", None)
        ambiguous = self._labels[row.table, row.label] > 1
        return f"{name} ({epochs} epochs)" if ambiguous and epochs else name

    @cached_property
    def _repeats(self) -> dict[str, str]:
        return {row.repeats: row.id for row in self.experiments.values() if row.repeats}

    @cached_property
    def _labels(self) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.experiments.values():
            counts[row.table, row.label] += 1
        return counts
