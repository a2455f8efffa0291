"""The kinds of checks that rules are made of.

All look at the numbers that verdicts rest on (:meth:`Evidence.judged`): over several trajectories
where a row was repeated so. What the spread leaves open stays open; see :class:`rules.Score`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import (
    SIGNIFICANCE,
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
    """A mean over seeds at least and at most, each one-sided with 95 % confidence.

    Of one seed nothing is known of the spread: a factor of :data:`rules.TOLERANCE` is taken. What
    is not random is exact.
    """
    s = spread(values)
    if s.n > 1:
        half = float(stats.t.ppf(1 - SIGNIFICANCE, s.n - 1)) * s.std / s.n**0.5
        return s.mean - half, s.mean + half
    row = evidence.experiments.get(key.experiment)
    if row is None or row.deterministic:
        return s.mean, s.mean
    return s.mean / TOLERANCE, s.mean * TOLERANCE


def beats_trivial(evidence: Evidence, key: Key) -> bool | None:
    """A row's test error is lower than the trivial baseline's, with 95 % confidence over seeds.

    None where the key is no error, or there is no baseline beside it.
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
    half = float(stats.t.ppf(1 - SIGNIFICANCE, logs.n - 1)) * logs.std / logs.n**0.5
    return logs.mean + half < 0


def _no_better(evidence: Evidence, key: Key) -> str:
    """Says so where a row does not beat the trivial baseline; empty where it does."""
    if beats_trivial(evidence, key) is not False:
        return ""
    trivial = spread(evidence.trivial(*key._replace(split="test"))).mean
    what = "the mean of training" if key.metric == "energy_rmse" else "zero forces"
    return f"{evidence.called(key.experiment)} does not beat {what} ({trivial:.3g}{unit(key)})"


@dataclass(frozen=True)
class AsPrinted:
    """All numbers of a table of the report within the tolerance, by models that learned."""

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
    """a is lower than b; where they are shown to be equal within the tolerance it is not."""

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
    """a is at most the tolerance times b, shown by a one-sided test: not that it is not higher."""

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
    """Two rows' numbers with a sign between them."""
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
    """Test error over training error, seed by seed, between two bounds.

    Attributes:
        experiment, metric: of which row. Where a small gap is asked, one that does not beat the
            trivial baseline fails: what learned nothing has none. A large gap says itself that
            the training part was learned.
        low: at least so much; None: above 1.
        high: less than this.
        wide: still in part from here on.
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
            half = float(stats.t.ppf(1 - SIGNIFICANCE, logs.n - 1)) * logs.std / logs.n**0.5
            ends = float(np.exp(logs.mean - half)), float(np.exp(logs.mean + half))
        below = at_most(*ends, self.high)
        above = at_least(*ends, 1.0 if self.low is None else self.low, self.wide)
        score = Score(min(below.low, above.low), min(below.high, above.high))
        if not score.decided:
            text += f" ({ends[0]:.2g} to {ends[1]:.2g})"
        return Finding((score,), text, subject)


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

    ``of``: the limit is a multiple of that number, seed by seed.
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
    """The mean of a number over seeds is at least a limit; in part from a lower one on."""

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
    """a is at least so many times b; in part from a lower factor on."""

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
    """The bounds, where they leave the score open."""
    return "" if score.decided else f" ({ends[0]:.2g} to {ends[1]:.2g})"


# Metrics as a reviewer would name them.
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
    """What, and how many times what."""
    subject = f"{shown(evidence, a)}{unit(a)}{part(a)} is"
    return subject, f"{ratio:.3g} times {shown(evidence, b)}{unit(b)}"
