"""Rules: conditions on numbers, from which the verdicts on the report's claims are computed.

A rule is a handful of checks of numbers; a check scores 1 where it holds, 0 where it does not and
1/2 where it holds in part. The tolerances are the constants below, the same for all claims;
whether two rows differ is decided by :func:`reproduction.show.metrics.compare` alone.

Rules and tolerances were written when Tables 4 and 5, section 6 and the gradient rows had been
run, and of Table 1 the (5,5) row had been tried once; the rest of Tables 1 to 3 and the appendices
had not. None has been changed for what came out.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import UNITS, compare, spread, with_spread
from reproduction.show.reported import reported

# A printed number is met within this factor either way, and in part within the wider one.
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

PRINTED = f"Every number within {TOLERANCE:g} times the printed one, either way; in part {WIDE:g}."

ONE_SEED = " (one seed: no spread to judge by)"


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


def shown(evidence: Evidence, key: Key) -> str:
    """A row's name and number."""
    return f"{evidence.called(key.experiment)} {with_spread(evidence.spread(*key))}"


def unit(key: Key) -> str:
    """With a blank before it, where there is one."""
    return f" {UNITS[key.metric]}" if UNITS.get(key.metric) else ""


def part(key: Key) -> str:
    """Says that a number is of the training part; of the test part it goes without saying."""
    return " in training" if key.split == "train" else ""


class Finding(NamedTuple):
    """What a check came to.

    Attributes:
        scores: from 0 to 1; None: cannot be decided.
        text: the numbers.
        subject: the text's beginning, said once for checks in a row that share it.
    """

    scores: tuple[float | None, ...]
    text: str
    subject: str = ""


class Check(Protocol):
    """One condition on numbers of metrics.csv."""

    @property
    def needs(self) -> tuple[Key, ...]:
        """Numbers that must be there."""

    def judge(self, evidence: Evidence) -> Finding:
        """With all of them there."""


def graded(holds: bool, in_part: bool = False) -> tuple[float]:
    """A score."""
    return (1.0 if holds else 0.5 if in_part else 0.0,)


@dataclass(frozen=True)
class AsPrinted:
    """All numbers of a table of the report within the tolerance."""

    table: str

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(*key) for key in reported() if key[0].startswith(f"{self.table}/"))

    def judge(self, evidence: Evidence) -> Finding:
        ratios = {key: evidence.spread(*key).mean / printed(key) for key in self.needs}
        factors = {key: max(ratio, 1 / ratio) for key, ratio in ratios.items()}
        near = sum(factor <= TOLERANCE for factor in factors.values())
        wide = sum(TOLERANCE < factor <= WIDE for factor in factors.values())
        worst = max(factors, key=factors.__getitem__)
        said = f"{shown(evidence, worst)}{unit(worst)}{part(worst)}, printed {reported()[worst]}"
        text = f"{near} of {len(factors)} numbers within {TOLERANCE:g} times the printed one"
        if near < len(factors):
            text += f", {wide} more within {WIDE:g}; furthest off: {said}"
        if len(factors) == 1:
            text = said
        scores = (graded(f <= TOLERANCE, f <= WIDE)[0] for f in factors.values())
        return Finding(tuple(scores), text)


@dataclass(frozen=True)
class Lower:
    """a is lower than b; ``or_equal``: it is not higher."""

    a: Key
    b: Key
    or_equal: bool = False

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        found = compare(evidence.values(*self.a), evidence.values(*self.b))
        sign = {-1: "<", 0: "≈", 1: ">", None: "against"}[found]
        subject = shown(evidence, self.a)
        text = f"{sign} {shown(evidence, self.b)}{unit(self.a)}{part(self.a)}"
        if found is None:
            return Finding((None,), text + ONE_SEED, subject)
        return Finding(graded(found < 0 or (self.or_equal and found == 0)), text, subject)


def not_higher(a: Key, b: Key) -> Lower:
    """a is as low as b or lower."""
    return Lower(a, b, or_equal=True)


@dataclass(frozen=True)
class Gap:
    """Test error over training error, seed by seed, between two bounds.

    Attributes:
        experiment, metric: of which row.
        low: at least so much; None: above 1 with 95 % confidence of the mean.
        high: less than this.
        wide: still in part from here on.
    """

    experiment: str
    metric: str = "energy_rmse"
    low: float | None = 0.0
    high: float = float("inf")
    wide: float = float("inf")

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(self.experiment, split, self.metric) for split in ("train", "test"))

    def judge(self, evidence: Evidence) -> Finding:
        train, test = (evidence.values(*key) for key in self.needs)
        logs = spread(np.log(np.asarray(test) / np.asarray(train)))
        ratio = float(np.exp(logs.mean))
        what = {"energy_rmse": "E", "force_rmse": "F"}.get(self.metric, self.metric)
        subject = f"{what}'s test error / training error:"
        text = f"{evidence.called(self.experiment)} {ratio:.3g}"
        if self.low is None:
            if logs.n == 1:
                return Finding((None,), text + ONE_SEED, subject)
            above = logs.mean - logs.ci95 > 0
            return Finding(graded(above and ratio < self.high), text, subject)
        return Finding(graded(self.low <= ratio < self.high, ratio >= self.wide), text, subject)


def overfits(experiment: str, metric: str = "energy_rmse") -> Gap:
    """The test error is a clear multiple of the training error."""
    return Gap(experiment, metric, low=CLEAR)


def overfits_strongly(experiment: str, metric: str) -> Gap:
    """It is a large multiple; in part where it is a clear one."""
    return Gap(experiment, metric, low=MUCH, wide=CLEAR)


def overfits_slightly(experiment: str, metric: str) -> Gap:
    """It is above it, and not clearly."""
    return Gap(experiment, metric, low=None, high=CLEAR)


def generalises(experiment: str) -> Gap:
    """It is no clear multiple."""
    return Gap(experiment, high=CLEAR)


@dataclass(frozen=True)
class AtMost:
    """The mean size of a number over seeds is at most a limit; in part up to a wider one.

    ``of``: the limit is a multiple of that number's mean.
    """

    key: Key
    limit: float
    wide: float = 0.0
    of: Key | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key, self.of) if self.of else (self.key,)

    def judge(self, evidence: Evidence) -> Finding:
        mean = spread(np.abs(evidence.values(*self.key))).mean
        if self.of is None:
            text = f"{_alone(evidence, self.key)}, at most {self.limit:.2g} asked"
            return Finding(graded(mean <= self.limit, mean <= self.wide), text)
        ratio = mean / evidence.spread(*self.of).mean
        if self.key.metric == self.of.metric:
            text = " ".join(_times(evidence, self.key, self.of, ratio))
        else:
            names = tuple(_words(key.metric) for key in (self.key, self.of))
            of_what = f"{evidence.called(self.key.experiment)}: {' / '.join(names)}"
            text = f"{of_what} {ratio:.2g}{part(self.key)}"
        return Finding(graded(ratio <= self.limit, ratio <= self.wide), text)


@dataclass(frozen=True)
class AtLeast:
    """The mean of a number over seeds is at least a limit; in part from a lower one on."""

    key: Key
    limit: float
    wide: float = float("inf")

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key,)

    def judge(self, evidence: Evidence) -> Finding:
        mean = evidence.spread(*self.key).mean
        text = f"{_alone(evidence, self.key)}, at least {self.limit:.2g} asked"
        return Finding(graded(mean >= self.limit, mean >= self.wide), text)


@dataclass(frozen=True)
class Times:
    """a is higher than b, and at least so many times, means over seeds; in part a lower factor."""

    a: Key
    b: Key
    limit: float
    wide: float

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        ratio = evidence.spread(*self.a).mean / evidence.spread(*self.b).mean
        subject, text = _times(evidence, self.a, self.b, ratio)
        found = compare(evidence.values(*self.a), evidence.values(*self.b))
        if found is None:
            return Finding((None,), text + ONE_SEED, subject)
        score = graded(found > 0 and ratio >= self.limit, found > 0 and ratio >= self.wide)
        return Finding(score, text, subject)


# Metrics as a reviewer would name them.
WORDS = {
    "energy_rmse": "RMSE",
    "energy_max": "largest error",
    "energy_bias": "mean error",
    "energy_slope": "slope of the error against E",
    "atom_unexplained": "variance of EMT's atom energies left unexplained",
    "g2_unexplained": "variance of Behler's radial functions left unexplained",
    "coordinates_next_correlation": "correlation of the coordinates with the next frame",
    "distances_next_correlation": "correlation of the distances with the next frame",
}


def _words(metric: str) -> str:
    return WORDS.get(metric, metric.replace("_", " "))


def _alone(evidence: Evidence, key: Key) -> str:
    what = "" if key.metric.endswith("_rmse") else f" ({_words(key.metric)})"
    return f"{shown(evidence, key)}{unit(key)}{part(key)}{what}"


def _times(evidence: Evidence, a: Key, b: Key, ratio: float) -> tuple[str, str]:
    """What, and how many times what."""
    subject = f"{shown(evidence, a)}{unit(a)}{part(a)} is"
    return subject, f"{ratio:.3g} times {shown(evidence, b)}{unit(b)}"
