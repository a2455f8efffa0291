"""Readings of settings that the report does not print, and how far they are from its numbers.

The distance of a reading is the sum of squared logarithms of our numbers over the printed ones.
The report's numbers presumably stand for one run each, so a distance is computed for each seed, and
the spread over seeds says which readings a run can tell apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import Spread, spread
from reproduction.show.reported import reported

SPLITS = ("train", "test")
# Two readings are told apart if their distances differ by more than this many standard deviations
# of the difference between two single runs.
TOLD = 2.0
# A number further off than this factor, either way, counts as that: how far a training goes below
# a printed error of 0.0001 says nothing.
CAP = 100.0


@dataclass(frozen=True)
class Reading:
    """One reading of a setting.

    Attributes:
        name: key within the setting.
        label: in tables and figures.
        rows: {row of the report: our row with this reading}.
        squared: the printed number is read as our mean squared error.
    """

    name: str
    label: str
    rows: Mapping[str, str]
    squared: bool = False

    def values(self, evidence: Evidence, key: tuple[str, str, str]) -> list[float]:
        """Our numbers for a printed one, one per seed."""
        row, split, metric = key
        found = evidence.values(self.rows[row], split, metric) if row in self.rows else []
        return [v**2 for v in found] if self.squared else found


@dataclass(frozen=True)
class Setting:
    """A setting that the report does not print, with the readings tried.

    Attributes:
        name: key.
        label: in tables and figures.
        readings: those tried.
        assumed: name of the reading that the rows of the report's tables have.
    """

    name: str
    label: str
    readings: tuple[Reading, ...]
    assumed: str

    def __post_init__(self) -> None:
        if self.assumed not in {reading.name for reading in self.readings}:
            raise ValueError(f"{self.name}: {self.assumed!r} is none of its readings")

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """Printed numbers that every reading has a row for."""
        rows = set.intersection(*(set(reading.rows) for reading in self.readings))
        return [key for key in reported() if key[0] in rows]


class Distance(NamedTuple):
    """Distance of a reading from the printed numbers: spreads over seeds.

    Attributes:
        numbers: how many are compared.
        train, test, total: sums of squared log ratios over numbers of the training part, of the
            test part, and all.
        furthest: largest factor between the mean over seeds and the printed number, either way.
    """

    numbers: int
    train: Spread
    test: Spread
    total: Spread
    furthest: float


def distance(evidence: Evidence, setting: Setting, reading: Reading) -> Distance | None:
    """Distance of a reading; None if one of its numbers is missing.

    Rows with fewer seeds than others take turns with those that they have.
    """
    values = {key: reading.values(evidence, key) for key in setting.keys}
    if not values or not all(values.values()):
        return None
    logs = {
        key: [math.log(_capped(v / float(reported()[key]))) for v in found]
        for key, found in values.items()
    }
    seeds = max(map(len, logs.values()))

    def total(splits: Sequence[str]) -> Spread:
        return spread(
            sum(found[k % len(found)] ** 2 for key, found in logs.items() if key[1] in splits)
            for k in range(seeds)
        )

    means = (spread(found).mean / float(reported()[key]) for key, found in values.items())
    ratios = [_capped(mean) for mean in means]
    furthest = max(max(ratio, 1 / ratio) for ratio in ratios)
    return Distance(len(values), total(("train",)), total(("test",)), total(SPLITS), furthest)


def _capped(ratio: float) -> float:
    return min(max(ratio, 1 / CAP), CAP)


def distances(evidence: Evidence, setting: Setting) -> dict[str, Distance]:
    """Distances of all readings that have been run, by name."""
    found = {r.name: distance(evidence, setting, r) for r in setting.readings}
    return {name: one for name, one in found.items() if one}


def closest(evidence: Evidence, setting: Setting, of: str = "train") -> str | None:
    """Name of the reading with the lowest mean distance; None if none has been run.

    Args:
        evidence, setting: to judge.
        of: "train", by which the reading of the report's rows is chosen, "test" or "total".
    """
    found = distances(evidence, setting)
    return min(found, key=lambda name: getattr(found[name], of).mean) if found else None


def told_apart(a: Spread, b: Spread) -> bool:
    """Whether a run with one reading differs from one with another by more than seeds do.

    A single seed is taken to spread as the other reading's do; two single ones tell nothing.
    """
    known = [s.std for s in (a, b) if not math.isnan(s.std)]
    if not known:
        return False
    both = [known[0] if math.isnan(s.std) else s.std for s in (a, b)]
    return abs(a.mean - b.mean) > TOLD * math.hypot(*both)


def nearest(
    evidence: Evidence, settings: Sequence[Setting], key: tuple[str, str, str]
) -> tuple[Setting, Reading, Spread] | None:
    """The reading whose mean over seeds is nearest to a printed number, by their ratio."""
    found = [
        (setting, reading, spread(values))
        for setting in settings
        for reading in setting.readings
        if (values := reading.values(evidence, key))
    ]
    value = float(reported()[key])
    return min(found, key=lambda one: off(one[2].mean, value), default=None)


def off(mean: float, value: float) -> float:
    """How far a number is from a printed one: the size of the logarithm of their ratio."""
    return abs(math.log(_capped(mean / value)))


def sum_text(s: Spread) -> str:
    """Format a sum of squares with its spread: two digits are enough to compare."""
    if math.isnan(s.std):
        return f"{s.mean:.2f}"
    return f"{s.mean:.2f} ± {s.std:.2f}"
