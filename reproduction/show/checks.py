"""The kinds of checks that rules consist of; limits are in :mod:`reproduction.show.limits`.

All use the values that verdicts are based on (:meth:`Evidence.judged`). If the spread over seeds
leaves the answer open, the score has different bounds; see :class:`rules.Score`.
"""

from dataclasses import dataclass

import numpy as np

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
    Check,
    Finding,
    Key,
    Score,
    at_least,
    at_most,
    ends_text,
    factor_off,
    judged_values,
    part,
    sentence,
    shown,
    unit,
    words,
)
from reproduction.show.trivial import (
    beats_trivial,
    never_beats_trivial,
    no_better,
    printed_beats_trivial,
)

ONE_SEED = " (one seed: no spread to judge by)"


@dataclass(frozen=True)
class Every:
    """Check that is one condition of a rule: it holds as far as the worst of several does.

    Without it, each counts by itself, and a claim is met in part by those that are met easily.
    """

    checks: tuple[Check, ...]

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(dict.fromkeys(key for check in self.checks for key in check.needs))

    def judge(self, evidence: Evidence) -> Finding:
        findings = [check.judge(evidence) for check in self.checks]
        lows, highs = zip(*(score for one in findings for score in one.scores), strict=True)
        return Finding((Score(min(lows), min(highs)),), sentence(findings).removesuffix("."))


@dataclass(frozen=True)
class AsPrinted:
    """Check that all our numbers for one of the report's tables agree with the printed ones.

    Means are compared, without their spread: the printed numbers are of single runs. Where the
    printed number beats the trivial baseline, ours has to be shown to beat it as well.
    """

    table: str

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(*key) for key in reported() if key[0].startswith(f"{self.table}/"))

    def judge(self, evidence: Evidence) -> Finding:
        means = {key: evidence.judged_spread(*key).mean for key in self.needs}
        factors = {key: factor_off(key, mean) for key, mean in means.items()}
        idle = {
            key: no_better(evidence, key)
            for key in factors
            if printed_beats_trivial(evidence, key) and beats_trivial(evidence, key) is False
        }
        close = [key for key, f in factors.items() if f <= TOLERANCE and key not in idle]
        wide = sum(TOLERANCE < f <= WIDE and key not in idle for key, f in factors.items())
        worst = max(factors, key=factors.__getitem__)
        said = f"{shown(evidence, worst)}{unit(worst)}{part(worst)}, printed {reported()[worst]}"
        of_test = (sum(key.split == "test" for key in keys) for keys in (close, factors))
        text = (
            f"{len(close)} of {len(factors)} numbers within {TOLERANCE:g} times what rounds to the "
            f"printed one ({' of '.join(map(str, of_test))} on the test part)"
        )
        if len(close) < len(factors):
            text += f", {wide} more within {WIDE:g}; furthest off: {said}"
        if len(factors) == 1:
            text = said
        text = "; ".join([text, *dict.fromkeys(idle.values())])
        scores = tuple(
            FAILS if key in idle else at_most(f, f, TOLERANCE, WIDE) for key, f in factors.items()
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
        a, b = judged_values(evidence, self.a), judged_values(evidence, self.b)
        found = compare(a, b)
        score = {-1: HOLDS, 1: FAILS}.get(found, OPEN)
        if found == 0 and within(a, b, TOLERANCE):
            score = FAILS
        # Two-sided, as the test is.
        return _beside(evidence, self.a, self.b, found, score, 1 - SIGNIFICANCE / 2)


@dataclass(frozen=True)
class AsGood:
    """Check that a is at most the tolerance times b, by a one-sided test; it may exceed b."""

    a: Key
    b: Key

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, evidence: Evidence) -> Finding:
        a, b = judged_values(evidence, self.a), judged_values(evidence, self.b)
        found = log_ratio(a, b)
        score = at_most(*found.bounds(), TOLERANCE) if found else OPEN
        return _beside(evidence, self.a, self.b, compare(a, b), score, 1 - SIGNIFICANCE, TOLERANCE)


def _beside(
    evidence: Evidence,
    a: Key,
    b: Key,
    found: int | None,
    score: Score,
    confidence: float,
    limit: float = 1.0,
) -> Finding:
    """Finding that shows two rows' numbers with a relation sign between them.

    An open score shows the bounds of their ratio, each with the confidence, beside the limit; one
    that holds by a limit which the sign does not tell, the upper bound.
    """
    both = judged_values(evidence, a), judged_values(evidence, b)
    sign = {-1: "<", 1: ">", None: "against"}.get(found)
    if sign is None:
        sign = "≈" if within(*both, TOLERANCE) else "?"
    text, subject = f"{sign} {shown(evidence, b)}{unit(a)}{part(a)}", shown(evidence, a)
    if a.metric != b.metric:
        text = f"{sign} {with_spread(evidence.judged_spread(*b))} {words(b.metric)}"
        subject += f" ({words(a.metric)})"
    if found is None:
        return Finding((OPEN,), text + ONE_SEED, subject)
    if not score.decided:
        text += f" ({ends_text(*log_ratio(*both).bounds(confidence), 1.0, limit)} times)"
    elif score == HOLDS and sign in ("?", ">"):
        text += f" (at most {log_ratio(*both).bounds(confidence)[1]:.2g} times)"
    return Finding((score,), text, subject)


@dataclass(frozen=True)
class Gap:
    """Check that the ratio of test error to training error, seed by seed, is within bounds.

    With an upper bound, it does not hold for rows that are not shown to beat the trivial baseline,
    because a model that learned nothing has a small ratio as well: it fails if they are shown not
    to, and is open if the seeds allow both. A large ratio itself shows that the training part was
    learned.

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
        said = no_better(evidence, self.needs[1]) if np.isfinite(self.high) else ""
        if said and never_beats_trivial(evidence, self.needs[1]):
            return Finding((FAILS,), f"{text} ({said})", subject)
        if logs.n == 1:
            if self.low is None:
                return Finding((OPEN,), text + ONE_SEED, subject)
            ends = ratio / TOLERANCE, ratio * TOLERANCE
        else:
            ends = tuple(float(np.exp(end)) for end in logs.bounds())
        low = 1.0 if self.low is None else self.low
        below = at_most(*ends, self.high)
        above = at_least(*ends, low, self.wide)
        score = Score(min(below.low, above.low), min(below.high, above.high))
        if not score.decided:
            text += f" ({ends_text(*ends, *filter(None, (low, self.wide, self.high)))})"
        if said:
            score, text = Score(FAILS.low, score.high), f"{text} ({said})"
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
