"""The kinds of checks that rules consist of.

All use the values that verdicts are based on (:meth:`Evidence.judged`). If the spread over seeds
leaves the answer open, the score has different bounds; see :class:`rules.Score`.
"""

from dataclasses import dataclass

import numpy as np

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import (
    compare,
    log_ratio,
    spread,
    with_spread,
    within,
)
from reproduction.show.reported import reported
from reproduction.show.rules import (
    CLEAR,
    FAILS,
    HOLDS,
    MUCH,
    OPEN,
    TOLERANCE,
    WIDE,
    Finding,
    Key,
    Score,
    at_least,
    at_most,
    part,
    printed,
    shown,
    unit,
)

ONE_SEED = " (one seed: no spread to judge by)"


def _values(evidence: Evidence, key: Key) -> list[float]:
    return list(evidence.judged(*key).values())


def bounds(evidence: Evidence, key: Key, values: list[float]) -> tuple[float, float]:
    """Lower and upper bound of a mean over seeds, each one-sided with 95 % confidence.

    For a single seed, whose spread is unknown, the bounds are a factor of
    :data:`rules.TOLERANCE` away. Deterministic results are exact.
    """
    s = spread(values)
    if s.n > 1:
        return s.bounds()
    row = evidence.experiments.get(key.experiment)
    if row is None or row.deterministic:
        return s.mean, s.mean
    return s.mean / TOLERANCE, s.mean * TOLERANCE


def beats_trivial(evidence: Evidence, key: Key) -> bool | None:
    """Whether a row's test error is below the trivial baseline's, with 95 % confidence over seeds.

    None if the key is not that of an RMSE, or there is no baseline to compare with.
    """
    if key.metric not in ("energy_rmse", "force_rmse"):
        return None
    key = key._replace(split="test")
    values, trivial = _values(evidence, key), evidence.trivial(*key)
    if not values or not trivial:
        return None
    logs = spread(np.log(np.asarray(values) / np.asarray(trivial)))
    if logs.n == 1:
        return logs.mean < 0
    return logs.bounds()[1] < 0


def _no_better(evidence: Evidence, key: Key) -> str:
    """Remark that a row does not beat the trivial baseline; empty if it does or none is known."""
    if beats_trivial(evidence, key) is not False:
        return ""
    trivial = spread(evidence.trivial(*key._replace(split="test"))).mean
    what = "the mean of training" if key.metric == "energy_rmse" else "zero forces"
    return (
        f"{evidence.called(key.experiment)} is not shown to beat {what} ({trivial:.3g}{unit(key)})"
    )


@dataclass(frozen=True)
class AsPrinted:
    """Check that all our numbers for one of the report's tables agree with the printed ones.

    A number of a model that does not beat the trivial baseline does not count as agreeing.
    """

    table: str

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(*key) for key in reported() if key[0].startswith(f"{self.table}/"))

    def judge(self, evidence: Evidence) -> Finding:
        ratios = {key: evidence.judged_spread(*key).mean / printed(key) for key in self.needs}
        factors = {key: max(ratio, 1 / ratio) for key, ratio in ratios.items()}
        learned = {key: beats_trivial(evidence, key) is not False for key in factors}
        near = sum(f <= TOLERANCE and learned[key] for key, f in factors.items())
        wide = sum(TOLERANCE < f <= WIDE and learned[key] for key, f in factors.items())
        worst = max(factors, key=factors.__getitem__)
        said = f"{shown(evidence, worst)}{unit(worst)}{part(worst)}, printed {reported()[worst]}"
        text = f"{near} of {len(factors)} numbers within {TOLERANCE:g} times the printed one"
        if near < len(factors):
            text += f", {wide} more within {WIDE:g}; furthest off: {said}"
        if len(factors) == 1:
            text = said
        failed = dict.fromkeys(_no_better(evidence, key) for key in factors)
        text = "; ".join([text, *filter(None, failed)])
        scores = tuple(
            at_most(f, f, TOLERANCE, WIDE) if learned[key] else FAILS for key, f in factors.items()
        )
        return Finding(scores, text)


@dataclass(frozen=True)
class Lower:
    """Check that a is lower than b; fails also if they are shown to be equal within tolerance."""

    a: Key
    b: Key

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        a, b = _values(evidence, self.a), _values(evidence, self.b)
        found = compare(a, b)
        score = {-1: HOLDS, 1: FAILS}.get(found, OPEN)
        if found == 0 and within(a, b, TOLERANCE):
            score = FAILS
        return _beside(evidence, self.a, self.b, found, score)


@dataclass(frozen=True)
class AsGood:
    """Check that a is at most the tolerance times b, by a one-sided test; it may exceed b."""

    a: Key
    b: Key

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        a, b = _values(evidence, self.a), _values(evidence, self.b)
        found = log_ratio(a, b)
        score = at_most(*found.bounds(), TOLERANCE) if found else OPEN
        return _beside(evidence, self.a, self.b, compare(a, b), score)


def _beside(evidence: Evidence, a: Key, b: Key, found: int | None, score: Score) -> Finding:
    """Finding that shows two rows' numbers with a relation sign between them."""
    sign = {-1: "<", 1: ">", None: "against"}.get(found)
    if sign is None:
        sign = "≈" if within(_values(evidence, a), _values(evidence, b), TOLERANCE) else "?"
    text, subject = f"{sign} {shown(evidence, b)}{unit(a)}{part(a)}", shown(evidence, a)
    if a.metric != b.metric:
        text = f"{sign} {with_spread(evidence.judged_spread(*b))} {_words(b.metric)}"
        subject += f" ({_words(a.metric)})"
    if found is None:
        return Finding((OPEN,), text + ONE_SEED, subject)
    if not score.decided:
        low, high = log_ratio(_values(evidence, a), _values(evidence, b)).bounds()
        text += f" ({low:.2g} to {high:.2g} times)"
    return Finding((score,), text, subject)


@dataclass(frozen=True)
class Gap:
    """Check that the ratio of test error to training error, seed by seed, is within bounds.

    With an upper bound, it fails for rows that do not beat the trivial baseline, because a model
    that learned nothing has a small ratio as well. A large ratio itself shows that the training
    part was learned.

    Attributes:
        experiment, metric: the row and its error.
        low: lower bound of the ratio; None for 1, which a single seed cannot decide.
        high: upper bound.
        wide: lower bound for holding in part.
    """

    experiment: str
    metric: str = "energy_rmse"
    low: float | None = 0.0
    high: float = float("inf")
    wide: float | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(self.experiment, split, self.metric) for split in ("train", "test"))

    def judge(self, evidence: Evidence) -> Finding:
        train, test = (evidence.judged(*key) for key in self.needs)
        seeds = sorted(set(train) & set(test))
        logs = spread([np.log(test[seed] / train[seed]) for seed in seeds])
        ratio = float(np.exp(logs.mean))
        what = {"energy_rmse": "E", "force_rmse": "F"}.get(self.metric, self.metric)
        subject = f"{what}'s test error / training error:"
        text = f"{evidence.called(self.experiment)} {ratio:.3g}"
        if np.isfinite(self.high) and (said := _no_better(evidence, self.needs[1])):
            return Finding((FAILS,), f"{text} ({said})", subject)
        if logs.n == 1:
            if self.low is None:
                return Finding((OPEN,), text + ONE_SEED, subject)
            ends = ratio / TOLERANCE, ratio * TOLERANCE
        else:
            ends = tuple(float(np.exp(end)) for end in logs.bounds())
        below = at_most(*ends, self.high)
        above = at_least(*ends, 1.0 if self.low is None else self.low, self.wide)
        score = Score(min(below.low, above.low), min(below.high, above.high))
        if not score.decided:
            text += f" ({ends[0]:.2g} to {ends[1]:.2g})"
        return Finding((score,), text, subject)


def overfits(experiment: str, metric: str = "energy_rmse") -> Gap:
    """Check that the test error is a clear multiple of the training error."""
    return Gap(experiment, metric, low=CLEAR)


def overfits_strongly(experiment: str, metric: str) -> Gap:
    """Check for a test error that is a large multiple of the training error; in part if clear."""
    return Gap(experiment, metric, low=MUCH, wide=CLEAR)


def overfits_slightly(experiment: str, metric: str) -> Gap:
    """Check that the test error is above the training error, but not a clear multiple of it."""
    return Gap(experiment, metric, low=None, high=CLEAR)


def generalises(experiment: str) -> Gap:
    """Check that the test error is not a clear multiple of the training error."""
    return Gap(experiment, high=CLEAR)


@dataclass(frozen=True)
class AtMost:
    """Check that the mean absolute value of a number over seeds is at most a limit.

    Attributes:
        key: the number.
        limit: for holding.
        wide: higher limit, for holding in part.
        of: if given, limits are multiples of this number, seed by seed if the seeds match.
    """

    key: Key
    limit: float
    wide: float | None = None
    of: Key | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key, self.of) if self.of else (self.key,)

    def judge(self, evidence: Evidence) -> Finding:
        values = {seed: abs(v) for seed, v in evidence.judged(*self.key).items()}
        if self.of:
            others = evidence.judged(*self.of)
            if set(values) <= set(others):
                values = {seed: v / others[seed] for seed, v in values.items()}
            else:
                middle = spread(others.values()).mean
                values = {seed: v / middle for seed, v in values.items()}
        ends = bounds(evidence, self.key, list(values.values()))
        score = at_most(*ends, self.limit, self.wide)
        if self.of is None:
            text = f"{_alone(evidence, self.key)}, at most {self.limit:.2g} asked"
            return Finding((score,), text + _open(score, ends))
        ratio = spread(values.values()).mean
        if self.key.metric == self.of.metric:
            text = " ".join(_times(evidence, self.key, self.of, ratio))
        else:
            names = tuple(_words(key.metric) for key in (self.key, self.of))
            of_what = f"{evidence.called(self.key.experiment)}: {' / '.join(names)}"
            text = f"{of_what} {ratio:.2g}{part(self.key)}"
        return Finding((score,), text + _open(score, ends))


@dataclass(frozen=True)
class AtLeast:
    """Check that the mean of a number over seeds is at least a limit.

    Attributes:
        key: the number.
        limit: for holding.
        wide: lower limit, for holding in part.
    """

    key: Key
    limit: float
    wide: float | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key,)

    def judge(self, evidence: Evidence) -> Finding:
        ends = bounds(evidence, self.key, _values(evidence, self.key))
        score = at_least(*ends, self.limit, self.wide)
        text = f"{_alone(evidence, self.key)}, at least {self.limit:.2g} asked"
        return Finding((score,), text + _open(score, ends))


@dataclass(frozen=True)
class Times:
    """Check that a is at least a multiple of b.

    Attributes:
        a, b: the numbers.
        limit: factor for holding.
        wide: lower factor, for holding in part.
    """

    a: Key
    b: Key
    limit: float
    wide: float | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        a, b = _values(evidence, self.a), _values(evidence, self.b)
        ratio = spread(a).mean / spread(b).mean
        subject, text = _times(evidence, self.a, self.b, ratio)
        found = log_ratio(a, b)
        if found is None:
            return Finding((OPEN,), text + ONE_SEED, subject)
        ends = found.bounds()
        score = at_least(*ends, self.limit, self.wide)
        return Finding((score,), text + _open(score, ends), subject)


def _open(score: Score, ends: tuple[float, float]) -> str:
    """Text with the bounds if they leave the score open; else empty."""
    return "" if score.decided else f" ({ends[0]:.2g} to {ends[1]:.2g})"


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


def _words(metric: str) -> str:
    return WORDS.get(metric, metric.replace("_", " "))


def _alone(evidence: Evidence, key: Key) -> str:
    what = "" if key.metric.endswith("_rmse") else f" ({_words(key.metric)})"
    return f"{shown(evidence, key)}{unit(key)}{part(key)}{what}"


def _times(evidence: Evidence, a: Key, b: Key, ratio: float) -> tuple[str, str]:
    """Subject and predicate of a sentence that gives a as a multiple of b."""
    subject = f"{shown(evidence, a)}{unit(a)}{part(a)} is"
    return subject, f"{ratio:.3g} times {shown(evidence, b)}{unit(b)}"
