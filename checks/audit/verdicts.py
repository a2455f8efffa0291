"""Verdicts computed once more, from metrics.csv and each claim's checks.

Of the project only the rules themselves are used, what each claim asks of which numbers, and the
tolerances; no statistics and no scores. Bounds are one-sided, of 95 %, unless said.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from typing import NamedTuple

import numpy as np
from scipy import stats

from checks.audit.errors import Numbers
from reproduction.engine.experiment import Experiment
from reproduction.sections import CLAIMS, EXPERIMENTS
from reproduction.show import checks, limits
from reproduction.show.reported import reported
from reproduction.show.rules import TOLERANCE, WIDE

Key = tuple[str, str, str]
Scores = list[tuple[float, float]]
LEVEL = 0.05


class Ratio(NamedTuple):
    """ln(a / b): mean, standard error, degrees of freedom."""

    mean: float
    error: float
    freedom: float

    def bounds(self) -> tuple[float, float]:
        half = stats.t.ppf(1 - LEVEL, self.freedom) * self.error if self.error else 0.0
        return math.exp(self.mean - half), math.exp(self.mean + half)


def judged_row(numbers: Numbers, key: Key) -> str:
    """The row that verdicts rest on: the repetition on several trajectories, if there is one."""
    row, *rest = key
    again = next((e.id for e in EXPERIMENTS.values() if e.repeats == row), row)
    return again if len(numbers.get((again, *rest), {})) > 1 else row


def by_seed(numbers: Numbers, key: Key) -> dict[int, float]:
    """What a verdict rests on, in the order of seeds."""
    return dict(sorted(numbers[judged_row(numbers, key), *key[1:]].items()))


def values(numbers: Numbers, key: Key) -> list[float]:
    """As :func:`by_seed`, without the seeds."""
    return list(by_seed(numbers, key).values())


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio | None:
    """Of two rows, by Welch; one value beside several is a further draw; None of two values."""
    logs = [np.log(a), np.log(b)]
    off, sizes = float(logs[0].mean() - logs[1].mean()), [len(x) for x in logs]
    if max(sizes) == 1:
        return None
    if min(sizes) == 1:
        several = max(logs, key=len)
        n = len(several)
        return Ratio(off, float(several.std(ddof=1)) * math.sqrt(1 + 1 / n), n - 1)
    parts = [float(x.var(ddof=1)) / len(x) for x in logs]
    if not any(parts):
        return Ratio(off, 0.0, 1)
    freedom = sum(parts) ** 2 / sum(v**2 / (n - 1) for v, n in zip(parts, sizes, strict=True))
    return Ratio(off, math.sqrt(sum(parts)), freedom)


def bounds(found: Sequence[float], row: Experiment) -> tuple[float, float]:
    """Of a mean: of one value the tolerance either way, if a seed would change it."""
    mean = float(np.mean(found))
    if len(found) > 1:
        half = stats.t.ppf(1 - LEVEL, len(found) - 1) * stats.sem(found)
        return mean - half, mean + half
    return (mean, mean) if row.deterministic else (mean / TOLERANCE, mean * TOLERANCE)


def score(
    ends: tuple[float, float], meets: Callable[[float, float], bool], limit: float, wide=None
) -> tuple[float, float]:
    """Lowest and highest score between two bounds: 1 within the limit, 1/2 within the wide one."""
    of = [1.0 if meets(x, limit) else 0.5 if wide and meets(x, wide) else 0.0 for x in ends]
    return min(of), max(of)


def below(x: float, limit: float) -> bool:
    return x <= limit


def above(x: float, limit: float) -> bool:
    return x >= limit


def baseline(numbers: Numbers, key: Key) -> list[float]:
    """The trivial baseline's values beside a row's: on the same frames and trajectories."""
    row = EXPERIMENTS[judged_row(numbers, key)]
    seeds = by_seed(numbers, key)
    alike = [
        e
        for e in EXPERIMENTS.values()
        if e.task == "trivial"
        and (e.frames, e.split, e.partition) == (row.frames, row.split, row.partition)
        and e.sources[: len(row.sources)] == row.sources
    ]
    for e in sorted(alike, key=lambda e: len(e.sources)):
        found = numbers.get((e.id, *key[1:]), {})
        if all(k % len(row.sources) in found for k in seeds):
            return [found[k % len(row.sources)] for k in seeds]
    return []


def beats(numbers: Numbers, key: Key) -> tuple[bool, bool]:
    """Whether a row is shown to be better than the trivial baseline, and to be no better."""
    base = baseline(numbers, key)
    if not base:
        return True, False
    logs = np.log(values(numbers, key)) - np.log(base)
    if len(logs) == 1:
        return bool(logs[0] < 0), bool(logs[0] >= 0)
    half = stats.t.ppf(1 - LEVEL, len(logs) - 1) * stats.sem(logs)
    return bool(logs.mean() + half < 0), bool(logs.mean() - half >= 0)


def off_by(key: Key, mean: float) -> float:
    """Factor from the nearest number that rounds to the printed one."""
    text = reported()[key]
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    return max(1.0, (float(text) - half) / mean, mean / (float(text) + half))


def relative(numbers: Numbers, key: Key, of: Key) -> list[float]:
    """As multiples of another number, seed by seed if that has all seeds, else of its mean."""
    own, other = by_seed(numbers, key), by_seed(numbers, of)
    if set(own) <= set(other):
        return [x / other[k] for k, x in own.items()]
    return [x / float(np.mean(list(other.values()))) for x in own.values()]


@singledispatch
def scores(check, numbers: Numbers) -> Scores:
    """Lowest and highest score of each condition of a check."""
    raise ValueError(f"the audit does not know the check {type(check).__name__}")


@scores.register
def _(check: checks.Every, numbers) -> Scores:
    every = [one for own in check.checks for one in scores(own, numbers)]
    return [(min(low for low, _ in every), min(high for _, high in every))]


@scores.register
def _(check: checks.AsPrinted, numbers) -> Scores:
    found = []
    for key in (k for k in reported() if k[0].startswith(f"{check.table}/")):
        base = baseline(numbers, key)
        idle = base and float(reported()[key]) < np.mean(base) and not beats(numbers, key)[0]
        off = off_by(key, float(np.mean(values(numbers, key))))
        found.append((0.0, 0.0) if idle else score((off, off), below, TOLERANCE, WIDE))
    return found


@scores.register
def _(check: checks.Lower, numbers) -> Scores:
    found = ratio(values(numbers, check.a), values(numbers, check.b))
    if found is None:
        return [(0.0, 1.0)]
    p = 2 * stats.t.sf(abs(found.mean) / found.error, found.freedom) if found.error else 0.0
    if p < LEVEL and found.mean:
        return [(1.0, 1.0) if found.mean < 0 else (0.0, 0.0)]
    low, high = found.bounds()
    return [(0.0, 0.0) if low > 1 / TOLERANCE and high < TOLERANCE else (0.0, 1.0)]


@scores.register
def _(check: checks.AsGood, numbers) -> Scores:
    found = ratio(values(numbers, check.a), values(numbers, check.b))
    return [score(found.bounds(), below, TOLERANCE) if found else (0.0, 1.0)]


@scores.register
def _(check: checks.Gap, numbers) -> Scores:
    key = check.experiment, "test", check.metric
    train, test = by_seed(numbers, (check.experiment, "train", check.metric)), by_seed(numbers, key)
    logs = np.log([test[k] / train[k] for k in sorted(train.keys() & test.keys())])
    shown, no_better = beats(numbers, key)
    has_top = math.isfinite(check.high)
    if has_top and no_better:
        return [(0.0, 0.0)]
    if len(logs) == 1:
        if check.low is None:
            return [(0.0, 1.0)]
        ends = math.exp(logs[0]) / TOLERANCE, math.exp(logs[0]) * TOLERANCE
    else:
        half = stats.t.ppf(1 - LEVEL, len(logs) - 1) * stats.sem(logs)
        ends = math.exp(logs.mean() - half), math.exp(logs.mean() + half)
    top = score(ends, below, check.high)
    low = score(ends, above, 1.0 if check.low is None else check.low, check.wide)
    both = min(top[0], low[0]), min(top[1], low[1])
    return [(0.0, both[1]) if has_top and not shown else both]


@scores.register
def _(check: limits.AtMost, numbers) -> Scores:
    own = values(numbers, check.key)
    found = np.abs(relative(numbers, check.key, check.of) if check.of else own)
    ends = bounds(found, EXPERIMENTS[check.key.experiment])
    if not check.spread:
        ends = (float(np.mean(found)),) * 2
    return [score(ends, below, check.limit, check.wide)]


@scores.register
def _(check: limits.AtLeast, numbers) -> Scores:
    ends = bounds(values(numbers, check.key), EXPERIMENTS[check.key.experiment])
    return [score(ends, above, check.limit, check.wide)]


@scores.register
def _(check: limits.LowestAsPrinted, numbers) -> Scores:
    off = off_by(check.reported, min(float(np.mean(values(numbers, key))) for key in check.keys))
    return [score((off, off), below, TOLERANCE, WIDE)]


@scores.register
def _(check: limits.Times, numbers) -> Scores:
    found = ratio(values(numbers, check.a), values(numbers, check.b))
    return [score(found.bounds(), above, check.limit, check.wide) if found else (0.0, 1.0)]


@scores.register
def _(check: limits.TimesRelative, numbers) -> Scores:
    pairs = (check.a, check.of_a), (check.b, check.of_b)
    found = ratio(*(relative(numbers, *pair) for pair in pairs))
    return [score(found.bounds(), above, check.limit) if found else (0.0, 1.0)]


def verdict(of_conditions: Iterable[tuple[float, float]]) -> str:
    """Of a claim, from its conditions' scores; "cannot be told" if they leave it open."""
    ends = {
        "reproduced"
        if all(x == 1 for x in end)
        else "reproduced in part"
        if sum(end) >= len(end) / 2
        else "not reproduced"
        for end in zip(*of_conditions, strict=True)
    }
    return ends.pop() if len(ends) == 1 else "cannot be told"


def wrong_verdicts(numbers: Numbers, said: dict[int, str]) -> tuple[int, list[str]]:
    """Number of claims with a rule, and messages on those with another verdict.

    Args:
        numbers: of metrics.csv.
        said: the project's verdict on each claim, by number.
    """
    judged = [claim for claim in CLAIMS if claim.checks]
    faults = []
    for claim in judged:
        found = verdict([one for check in claim.checks for one in scores(check, numbers)])
        if found != said[claim.number]:
            faults.append(f"claim {claim.number} is {found}, not {said[claim.number]}")
    return len(judged), faults
