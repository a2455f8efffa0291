"""The committed results as a sentence asks for them, with a note of everything that it asked."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from ase.units import kB

from reproduction.sections import CLAIMS
from reproduction.show import claims
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.metrics import Spread, compare, spread
from reproduction.show.predictions import REFERENCE
from reproduction.show.readings import Distance, Setting, distances
from reproduction.show.reported import reported
from reproduction.show.rules import TOLERANCE, Key, energy, force

# RMSE of E and of F of a row, on the test part unless said otherwise.
E, F = energy, force
BY_NUMBER = {claim.number: claim for claim in CLAIMS}

# What was asked: a Key, or the kind of a file and what it was asked about.
Source = Hashable
# What becomes of it, where a test changes it.
Change = Callable[[np.ndarray], np.ndarray]


class NotRun(Exception):
    """A row that a sentence is about has no results yet."""


@cache
def _arrays(path: Path) -> Mapping[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


@dataclass(frozen=True)
class Results:
    """What sentences are held against.

    Attributes:
        committed: the numbers of results/.
        changed: {source: change}: as if it had come out otherwise, to see a sentence fail.
        asked: all sources that were asked for, in order.
        found: {name of a setting: distances of its readings}, which take longest.
    """

    committed: Evidence
    changed: Mapping[Source, Change] = field(default_factory=dict)
    asked: dict[Source, None] = field(default_factory=dict)
    found: dict[str, dict[str, Distance]] = field(default_factory=dict)

    def take(self, source: Source, values) -> np.ndarray:
        """The values of a source, with note taken of it, and changed where it is to be."""
        self.asked[source] = None
        change = self.changed.get(source)
        return change(np.asarray(values)) if change else np.asarray(values)

    @cached_property
    def evidence(self) -> Evidence:
        """The numbers, for what takes an Evidence."""
        return replace(self.committed, metrics=_Asked(self))

    # numbers of metrics.csv

    def spread(self, key: Key) -> Spread:
        """Over the seeds of the row itself. Raises NotRun where there are none."""
        return spread(self.values(key))

    def values(self, key: Key) -> list[float]:
        """One for each seed. Raises NotRun where there are none."""
        found = self.evidence.values(*key)
        if not found:
            raise NotRun(key.experiment)
        return found

    def mean(self, *key: str) -> float:
        """Of a Key, or of its three parts."""
        return self.spread(Key(*key)).mean

    def ratio(self, a: Key, b: Key) -> float:
        """Mean over mean."""
        return self.mean(*a) / self.mean(*b)

    def gap(self, row: str, rmse: Callable[..., Key] = E) -> float:
        """Test error over training error."""
        return self.ratio(rmse(row), rmse(row, "train"))

    def lower(self, a: Key, b: Key) -> bool:
        """a is lower than b by more than their spreads leave open."""
        return compare(self.values(a), self.values(b)) == -1

    def not_apart(self, a: Key, b: Key) -> bool:
        """a and b are not told apart."""
        return compare(self.values(a), self.values(b)) == 0

    def alike(self, keys: Iterable[Key], factor: float) -> bool:
        """All means are within a factor of each other."""
        means = [self.mean(*key) for key in keys]
        return max(means) <= factor * min(means)

    def distances(self, setting: Setting) -> dict[str, Distance]:
        """From the printed numbers, of all readings that have been run, by name."""
        if setting.name not in self.found:
            self.found[setting.name] = distances(self.evidence, setting)
        return self.found[setting.name]

    # numbers of the report

    def printed(self, key: Key) -> float:
        """The report's own number."""
        return float(self.take(("printed", key), float(reported()[key])))

    def to_printed(self, key: Key) -> float:
        """Our mean over the report's number."""
        return self.mean(*key) / self.printed(key)

    def as_printed(self, key: Key) -> bool:
        """Within the tolerance of all rules."""
        return 1 / TOLERANCE <= self.to_printed(key) <= TOLERANCE

    # verdicts, and what else is in results/

    def verdict(self, number: int) -> str:
        """Of a claim. Raises NotRun where rows are missing."""
        status = claims.verdict(BY_NUMBER[number], self.evidence).status
        if status == claims.NOT_RUN:
            raise NotRun(f"claim {number}")
        return status

    def ended(self, row: str) -> set[str]:
        """How the seeds' trainings ended, in words."""
        runs = self.committed.provenance.get(row, {}).values()
        if not runs:
            raise NotRun(row)
        return set(self.take(("ended", row), [run["ended"] for run in runs]).tolist())

    def curve(self, row: str, name: str) -> np.ndarray:
        """An array of a row's file in results/curves/."""
        path = self.committed.folder / "curves" / f"{row.replace('/', '-')}.npz"
        if not path.is_file():
            raise NotRun(row)
        return self.take(("curve", row, name), _arrays(path)[name].astype(float))

    def spread_of_data(self, start: str, kind: str = "energy", split: str = "test") -> float:
        """How far E (or F) itself lies from the training part's mean (or zero), as an RMS.

        Args:
            start: of the reference's file, "<dataset>-<training frames>-<test frames>".
        """
        folder = self.committed.folder / "predictions"
        arrays = _arrays(next(folder.glob(f"{REFERENCE}{start}-*.npz")))
        about = arrays["energy_train"].mean() if kind == "energy" else 0.0
        rms = np.sqrt(((arrays[f"{kind}_{split}"] - about) ** 2).mean())
        return float(self.take(("reference", start, kind, split), rms))

    def energies(self, data: str) -> np.ndarray:
        """Potential energies along a trajectory, eV."""
        found = _arrays(self.committed.folder / f"data/{data}.npz")["energies"]
        return self.take(("data", data), found.astype(float))

    def temperature_K(self, data: str, start_K: float) -> float:
        """Mean of a free cluster's trajectory, from the energy that the potential has lost."""
        energies = self.energies(data)
        n_atoms = len(_arrays(self.committed.folder / f"data/{data}.npz")["numbers"])
        kinetic = 1.5 * n_atoms * kB * start_K + energies[0] - energies.mean()
        return float(kinetic / (1.5 * (n_atoms - 1) * kB))

    def benchmark(self, name: str, *path: str) -> float:
        """A number of results/<name>.json."""
        found = json.loads((self.committed.folder / f"{name}.json").read_text(encoding="utf-8"))
        for step in path:
            found = found[step]
        return float(self.take((name, *path), found))


class _Asked(Metrics):
    """The metrics of results, with note of what is asked of them."""

    def __init__(self, results: Results) -> None:
        self.rows, self._results = results.committed.metrics.rows, results

    def by_seed(self, experiment: str, split: str, metric: str) -> dict[int, float]:
        found = self._results.committed.metrics.by_seed(experiment, split, metric)
        if not found:
            return {}
        values = self._results.take(Key(experiment, split, metric), list(found.values()))
        return dict(zip(found, map(float, values), strict=True))

    def spread(self, experiment: str, split: str, metric: str) -> Spread | None:
        values = self.by_seed(experiment, split, metric)
        return spread(values.values()) if values else None
