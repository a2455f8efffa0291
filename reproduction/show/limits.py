"""Checks of rules that ask for a limit: of a number, or of how many times another it is.

See :mod:`reproduction.show.checks`.
"""

from dataclasses import dataclass

import numpy as np

from reproduction.show.checks import ONE_SEED
from reproduction.show.evidence import Evidence
from reproduction.show.metrics import log_ratio, spread
from reproduction.show.rules import (
    OPEN,
    TOLERANCE,
    WIDE,
    Finding,
    Key,
    Score,
    at_least,
    at_most,
    ends_text,
    factor_off,
    judged_values,
    part,
    printed,
    shown,
    unit,
    words,
)


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


@dataclass(frozen=True)
class AtMost:
    """Check that the mean absolute value of a number over seeds is at most a limit.

    Attributes:
        key: the number.
        limit: for holding.
        wide: higher limit, for holding in part.
        of: if given, limits are multiples of this number, seed by seed if the seeds match.
        spread: whether the upper bound of the mean is asked to be below, or the mean itself, as
            where the report says so of its own single run.
    """

    key: Key
    limit: float
    wide: float | None = None
    of: Key | None = None
    spread: bool = True

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key, self.of) if self.of else (self.key,)

    def judge(self, evidence: Evidence) -> Finding:
        values = {seed: abs(v) for seed, v in evidence.judged(*self.key).items()}
        if self.of:
            values = _relative(values, evidence.judged(*self.of))
        mean = spread(values.values()).mean
        ends = bounds(evidence, self.key, list(values.values())) if self.spread else (mean, mean)
        score = at_most(*ends, self.limit, self.wide)
        if self.of is None:
            text = f"{_alone(evidence, self.key)}, at most {self.limit:.3g} required"
            return Finding((score,), text + _open(score, ends, self.limit, self.wide))
        if self.key.metric == self.of.metric:
            text = " ".join(_times(evidence, self.key, self.of, mean))
        else:
            names = tuple(words(key.metric) for key in (self.key, self.of))
            of_what = f"{evidence.called(self.key.experiment)}: {' / '.join(names)}"
            text = f"{of_what} {mean:.2g}{part(self.key)}"
        return Finding((score,), text + _open(score, ends, self.limit, self.wide))


def _relative(values: dict[int, float], others: dict[int, float]) -> dict[int, float]:
    """Values as multiples of others, seed by seed if the seeds match, else of their mean."""
    if set(values) <= set(others):
        return {seed: v / others[seed] for seed, v in values.items()}
    middle = spread(others.values()).mean
    return {seed: v / middle for seed, v in values.items()}


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
        ends = bounds(evidence, self.key, judged_values(evidence, self.key))
        score = at_least(*ends, self.limit, self.wide)
        text = f"{_alone(evidence, self.key)}, at least {self.limit:.3g} required"
        return Finding((score,), text + _open(score, ends, self.limit, self.wide))


@dataclass(frozen=True)
class LowestAsPrinted:
    """Check that the lowest mean of several rows agrees with one that the report prints.

    The mean is compared without its spread: the printed number is of a single run.

    Attributes:
        keys: the numbers.
        reported: key of the printed number, which may be another row's than the lowest's.
    """

    keys: tuple[Key, ...]
    reported: Key

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.keys

    def judge(self, evidence: Evidence) -> Finding:
        lowest = min(self.keys, key=lambda key: evidence.judged_spread(*key).mean)
        factor = factor_off(self.reported, evidence.judged_spread(*lowest).mean)
        text = f"the lowest is {_alone(evidence, lowest)}, printed {printed(self.reported):g}"
        return Finding((at_most(factor, factor, TOLERANCE, WIDE),), text)


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
        a, b = judged_values(evidence, self.a), judged_values(evidence, self.b)
        found = log_ratio(a, b)
        # What is judged: over seeds, a ratio of geometric means.
        ratio = float(np.exp(found.mean)) if found else spread(a).mean / spread(b).mean
        subject, text = _times(evidence, self.a, self.b, ratio)
        if found is None:
            return Finding((OPEN,), text + ONE_SEED, subject)
        ends = found.bounds()
        score = at_least(*ends, self.limit, self.wide)
        return Finding((score,), text + _open(score, ends, self.limit, self.wide), subject)


@dataclass(frozen=True)
class TimesRelative:
    """Check that a / of_a is at least a multiple of b / of_b: errors of different quantities.

    Attributes:
        a, of_a, b, of_b: the numbers; those of the trivial baselines as ``of_a`` and ``of_b``.
        limit: factor for holding.
    """

    a: Key
    of_a: Key
    b: Key
    of_b: Key
    limit: float

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.of_a, self.b, self.of_b

    def judge(self, evidence: Evidence) -> Finding:
        pairs = ((self.a, self.of_a), (self.b, self.of_b))
        both = [
            list(_relative(evidence.judged(*key), evidence.judged(*of)).values())
            for key, of in pairs
        ]
        found = log_ratio(*both)
        first, second = (float(np.exp(np.log(values).mean())) for values in both)
        rows = [evidence.called(key.experiment) for key, _ in pairs]
        text = (
            f"relative to the trivial baseline's, the error of {rows[0]}{part(self.a)}, "
            f"{first:.2g}, is {first / second:.3g} times that of {rows[1]}, {second:.2g}"
        )
        if found is None:
            return Finding((OPEN,), text + ONE_SEED)
        ends = found.bounds()
        score = at_least(*ends, self.limit)
        return Finding((score,), text + _open(score, ends, self.limit))


def _open(score: Score, ends: tuple[float, float], *limits: float | None) -> str:
    """Text with the bounds if they leave the score open; else empty."""
    return "" if score.decided else f" ({ends_text(*ends, *filter(None, limits))})"


def _alone(evidence: Evidence, key: Key) -> str:
    what = "" if key.metric.endswith("_rmse") else f" ({words(key.metric)})"
    return f"{shown(evidence, key)}{unit(key)}{part(key)}{what}"


def _times(evidence: Evidence, a: Key, b: Key, ratio: float) -> tuple[str, str]:
    """Subject and predicate of a sentence that gives a as a multiple of b."""
    subject = f"{shown(evidence, a)}{unit(a)}{part(a)} is"
    return subject, f"{ratio:.3g} times {shown(evidence, b)}{unit(b)}"
