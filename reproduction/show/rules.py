"""Basis of the rules that judge claims: tolerances, scores, and references to numbers.

A rule consists of a few checks (:mod:`reproduction.show.checks`). A check scores 1 if it holds, 0
if it does not and 1/2 if it holds in part; if the seeds leave this open, it has a lowest and a
highest score. The tolerances are the constants below, the same for all claims.

The rules of version 0.1.0 and their verdicts are in ``first_rules.csv``. If a rule has changed
since then, the page says so.
"""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import UNITS, with_spread
from reproduction.show.reported import reported

# A number agrees with the printed one within this factor either way, and in part within the wider
# one. Two numbers of our own are equally good within the first factor.
TOLERANCE, WIDE = 1.5, 2.5
# Test error over training error from which on there is overfitting, and strong overfitting. The
# same factors define a clear and a large difference elsewhere.
CLEAR, MUCH = 2.0, 10.0
# A largest error of more than this many times the RMSE is an outlier. One in 900 sets of 2,000
# normally distributed errors contains one that large.
OUTLIER = 5.0
# Visible in a plot: a mean error of half the RMSE, or a tenth of every deviation missed.
SEEN_BIAS, SEEN_SLOPE = 0.5, 0.1
# Fractions of a variance that count as little, and as no more than half.
LITTLE, SOME = 0.1, 0.5
# Correlation coefficients that count as strong, and as nonzero.
CORRELATED, WEAKLY_CORRELATED = 0.5, 0.1

PRINTED = (
    f"Every mean within {TOLERANCE:g} times what rounds to the printed number, either way; in part "
    f"{WIDE:g}. Where the printed number beats the trivial baseline, ours has to be shown to."
)
# Why all rules on printed numbers have changed.
BASELINE = (
    "A model that does no better than the trivial baseline could meet a number, and a number with "
    "one digit counted as exact."
)
PRINTED_WRONG = "the settings that the report does not print differ from the assumed ones"


class Key(NamedTuple):
    """Reference to a number of metrics.csv, without the seed."""

    experiment: str
    split: str
    metric: str


def energy(experiment: str, split: str = "test") -> Key:
    """Key of a row's RMSE of E."""
    return Key(experiment, split, "energy_rmse")


def force(experiment: str, split: str = "test") -> Key:
    """Key of a row's RMSE of F."""
    return Key(experiment, split, "force_rmse")


def seconds(experiment: str) -> Key:
    """Key of a row's training time."""
    return Key(experiment, "", "train_seconds")


def printed(key: Key) -> float:
    """The number that the report prints for a key."""
    return float(reported()[key])


def factor_off(key: Key, value: float) -> float:
    """Factor between a value and the nearest one that rounds to the printed number; at least 1.

    Some are printed with one digit: "0.1" stands for 0.05 to 0.15.
    """
    text = reported()[key]
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    low, high = float(text) - half, float(text) + half
    return max(1.0, low / value, value / high)


class Score(NamedTuple):
    """Lowest and highest score of a check, from 0 to 1; equal if the numbers decide."""

    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the numbers decide."""
        return self.low == self.high


HOLDS, FAILS, OPEN = Score(1, 1), Score(0, 0), Score(0, 1)


class Finding(NamedTuple):
    """Result of a check.

    Attributes:
        scores: one or more.
        text: the numbers.
        subject: beginning of the text; not repeated if consecutive checks share it.
    """

    scores: tuple[Score, ...]
    text: str
    subject: str = ""


def sentence(findings: Sequence[Finding]) -> str:
    """Join the findings' texts into a sentence, without repeating a shared subject."""
    text, last = "", ""
    for finding in findings:
        if finding.subject and finding.subject == last:
            text += f", {finding.text}"
        else:
            text += (
                f"; {finding.subject} {finding.text}" if finding.subject else f"; {finding.text}"
            )
        last = finding.subject
    return f"{text[2:]}."


class Check(Protocol):
    """Interface of checks: a condition on numbers of metrics.csv."""

    @property
    def needs(self) -> tuple[Key, ...]:
        """Keys of the numbers that the check needs."""

    def judge(self, evidence: Evidence) -> Finding:
        """Evaluate the condition; all needed numbers must be there."""


def at_most(low: float, high: float, limit: float, wide: float | None = None) -> Score:
    """Score of a number that lies between two bounds and should be at most a limit.

    Args:
        low, high: bounds of the number.
        limit: for a score of 1.
        wide: higher limit, for a score of 1/2.
    """
    ladder = [(1.0, limit), (0.5, wide)] if wide and wide > limit else [(1.0, limit)]

    def of(value: float) -> float:
        return next((score for score, top in ladder if value <= top), 0.0)

    return Score(of(high), of(low))


def at_least(low: float, high: float, limit: float, wide: float | None = None) -> Score:
    """Score of a number that lies between two bounds and should be at least a limit.

    Args:
        low, high: bounds of the number.
        limit: for a score of 1.
        wide: lower limit, for a score of 1/2.
    """
    ladder = [(1.0, limit), (0.5, wide)] if wide and wide < limit else [(1.0, limit)]

    def of(value: float) -> float:
        return next((score for score, bottom in ladder if value >= bottom), 0.0)

    return Score(of(low), of(high))


def ends_text(low: float, high: float, *limits: float) -> str:
    """Two bounds in words, with digits enough to show on which side of the limits they are."""

    def text(end: float) -> str:
        found = f"{end:.2g}"
        for digits in range(3, 8):
            if all((float(found) < x) == (end < x) and float(found) != x for x in limits):
                break
            found = f"{end:.{digits}g}"
        return found

    return f"{text(low)} to {text(high)}"


def shown(evidence: Evidence, key: Key) -> str:
    """Text with a row's name and number."""
    return f"{evidence.called(key.experiment)} {with_spread(evidence.judged_spread(*key))}"


def unit(key: Key) -> str:
    """Unit of a number, preceded by a space; empty if it has none."""
    return f" {UNITS[key.metric]}" if UNITS.get(key.metric) else ""


def part(key: Key) -> str:
    """Text that marks a number as one of the training part; empty for the test part."""
    return " in training" if key.split == "train" else ""


# Names of metrics for readers.
WORDS = {
    "energy_rmse": "RMSE",
    "energy_max": "largest error",
    "energy_bias": "mean error",
    "energy_slope": "slope of the error against E",
    "atom_unexplained": "variance of EMT's atom energies left unexplained",
    "g2_unexplained": "variance of Behler's radial functions left unexplained",
    "g2_unexplained_before": "before training",
    "g2_unexplained_inverse": "by 1/r alone",
    "coordinates_next_correlation": "correlation of the coordinates with the next frame",
    "distances_next_correlation": "correlation of the distances with the next frame",
}


def words(metric: str) -> str:
    """Name of a metric for readers."""
    return WORDS.get(metric, metric.replace("_", " "))


def judged_values(evidence: Evidence, key: Key) -> list[float]:
    """Values that verdicts are based on, see :meth:`Evidence.judged`."""
    return list(evidence.judged(*key).values())


@cache
def first_rules() -> dict[int, tuple[str, str]]:
    """Rules and verdicts of version 0.1.0: {number of the claim: (rule, verdict)}."""
    path = Path(__file__).parents[1] / "first_rules.csv"
    with open(path, newline="", encoding="utf-8") as file:
        return {int(r["claim"]): (r["rule"], r["verdict"]) for r in csv.DictReader(file)}
