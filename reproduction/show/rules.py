"""Rules: how claims are judged, from which numbers, and within which tolerances.

A rule is a handful of checks (:mod:`reproduction.show.checks`). A check scores 1 where it holds, 0
where it does not and 1/2 where it holds in part; where the seeds can't tell, it has a lowest and a
highest score. The tolerances are the constants below, the same for all claims.

The rules of version 0.1.0 stand in ``first_rules.csv``, with the verdicts that they gave. Where a
rule is another today, the page says so beside it.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import SIGNIFICANCE, UNITS, with_spread
from reproduction.show.reported import reported

# A printed number is met within this factor either way, and in part within the wider one. Two of
# our own are as good as each other within it, too.
TOLERANCE, WIDE = 1.5, 2.5
# A test error this many times the training error is overfitting, and strongly so. The same two
# factors say what a clear and a great difference is elsewhere.
CLEAR, MUCH = 2.0, 10.0
# Of the RMSE: a largest error beyond it is an outlier. Of 2,000 normal errors one in 900 sets of
# them has one so large.
OUTLIER = 5.0
# What would be seen in a plot: a mean error of half the RMSE, or a tenth of every departure missed.
SEEN_BIAS, SEEN_SLOPE = 0.5, 0.1
# Parts of a variance that are little, and not most of it.
LITTLE, SOME = 0.1, 0.5
# Correlation coefficients that are far from 0, and not 0.
CORRELATED, WEAKLY_CORRELATED = 0.5, 0.1

PRINTED = (
    f"Every number within {TOLERANCE:g} times the printed one, either way; in part {WIDE:g}. A "
    "model that does not beat the trivial baseline meets none."
)
# Why all rules of printed numbers have changed.
BASELINE = "A model that does no better than the trivial baseline could meet a number."
PRINTED_WRONG = "the settings that the report does not print are others than the assumed ones"


class Key(NamedTuple):
    """One number of metrics.csv, but for the seed."""

    experiment: str
    split: str
    metric: str


def energy(experiment: str, split: str = "test") -> Key:
    """RMSE of E of a row."""
    return Key(experiment, split, "energy_rmse")


def force(experiment: str, split: str = "test") -> Key:
    """RMSE of F of a row."""
    return Key(experiment, split, "force_rmse")


def seconds(experiment: str) -> Key:
    """Training time of a row."""
    return Key(experiment, "", "train_seconds")


def printed(key: Key) -> float:
    """The report's own number."""
    return float(reported()[key])


class Score(NamedTuple):
    """From 0 to 1, at least and at most: the same where the numbers decide."""

    low: float
    high: float

    @property
    def decided(self) -> bool:
        """The seeds can tell."""
        return self.low == self.high


HOLDS, FAILS, OPEN = Score(1, 1), Score(0, 0), Score(0, 1)


class Finding(NamedTuple):
    """What a check came to.

    Attributes:
        scores: one or more.
        text: the numbers.
        subject: the text's beginning, said once for checks in a row that share it.
    """

    scores: tuple[Score, ...]
    text: str
    subject: str = ""


class Check(Protocol):
    """One condition on numbers of metrics.csv."""

    @property
    def needs(self) -> tuple[Key, ...]:
        """Numbers that must be there."""

    def judge(self, evidence: Evidence) -> Finding:
        """With all of them there."""


def at_most(low: float, high: float, limit: float, wide: float | None = None) -> Score:
    """Score of a number that is known to lie between two bounds, and should be at most a limit.

    ``wide``: a higher limit, up to which it holds in part.
    """
    ladder = [(1.0, limit), (0.5, wide)] if wide and wide > limit else [(1.0, limit)]

    def of(value: float) -> float:
        return next((score for score, top in ladder if value <= top), 0.0)

    return Score(of(high), of(low))


def at_least(low: float, high: float, limit: float, wide: float | None = None) -> Score:
    """As :func:`at_most`; ``wide`` is a lower limit."""
    ladder = [(1.0, limit), (0.5, wide)] if wide and wide < limit else [(1.0, limit)]

    def of(value: float) -> float:
        return next((score for score, bottom in ladder if value >= bottom), 0.0)

    return Score(of(low), of(high))


def shown(evidence: Evidence, key: Key) -> str:
    """A row's name and number."""
    return f"{evidence.called(key.experiment)} {with_spread(evidence.judged_spread(*key))}"


def unit(key: Key) -> str:
    """With a blank before it, where there is one."""
    return f" {UNITS[key.metric]}" if UNITS.get(key.metric) else ""


def part(key: Key) -> str:
    """Says that a number is of the training part; of the test part it goes without saying."""
    return " in training" if key.split == "train" else ""


@cache
def first_rules() -> dict[int, tuple[str, str]]:
    """{claim's number: (rule, verdict)} of version 0.1.0."""
    path = Path(__file__).parents[1] / "first_rules.csv"
    with open(path, newline="", encoding="utf-8") as file:
        return {int(r["claim"]): (r["rule"], r["verdict"]) for r in csv.DictReader(file)}


CONFIDENCE = f"{100 * (1 - SIGNIFICANCE):g} %"
