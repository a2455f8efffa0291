"""The numbers of two versions of the results, compared by row, split and metric.

Over the seeds of each version, with means m and sample standard deviations s of n values,

    pooled s² = ((n_old - 1) s_old² + (n_new - 1) s_new²) / (n_old + n_new - 2)

and a number has moved if |m_new - m_old| > 2 pooled s. That is the spread of single runs, not the
error of their mean: two single runs of one distribution differ by more in one of six cases, the
means of five seeds in one of six hundred. Where there is no spread (one seed in both versions, or
seeds that agree), it has moved if the means differ by more than 1 % of the larger one.

Measured times stand apart: seeds that are trained together share theirs, so that the spread says
little, and they depend on the machine and its load. They have moved if one mean is more than 1.5
times the other.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reproduction.show.evidence import Metrics
from reproduction.show.metrics import UNITS, Spread
from reproduction.show.rules import Key

DEVIATIONS = 2.0
RELATIVE = 0.01
TIMES = 1.5
# Fraction of the mean below which a standard deviation is due to rounding in metrics.csv.
ROUNDING = 1e-6
SECONDS = ("s", "ms")


@dataclass(frozen=True)
class Difference:
    """One number in two versions.

    Attributes:
        key: row, split and metric.
        old, new: spread over the seeds of each.
    """

    key: Key
    old: Spread
    new: Spread

    @property
    def pooled(self) -> float:
        """Pooled standard deviation, as above; 0 where there is no spread."""
        parts = [(s.n - 1) * s.std**2 for s in (self.old, self.new) if s.n > 1]
        if not parts:
            return 0.0
        std = math.sqrt(sum(parts) / (self.old.n + self.new.n - 2))
        return std if std > ROUNDING * max(abs(self.old.mean), abs(self.new.mean)) else 0.0

    @property
    def size(self) -> float:
        """Difference of the means over what it may be: more than 1 has moved.

        Not finite in one version alone has moved, too; in both, it has not.
        """
        means = (self.old.mean, self.new.mean)
        if not all(map(math.isfinite, means)):
            return 0.0 if str(means[0]) == str(means[1]) else math.inf
        if self.is_time:
            low, high = sorted(means)
            if low <= 0:
                return math.inf if high > low else 0.0
            return math.log(high / low) / math.log(TIMES)
        allowed = DEVIATIONS * self.pooled or RELATIVE * max(map(abs, means))
        return abs(means[1] - means[0]) / allowed if allowed else 0.0

    @property
    def moved(self) -> bool:
        """Whether the number is flagged."""
        return self.size > 1

    @property
    def is_time(self) -> bool:
        """Whether it is a time that was measured, which depends on the machine and its load."""
        return is_time(self.key)


@dataclass(frozen=True)
class Comparison:
    """Two versions of the results.

    Attributes:
        both: numbers that are in both.
        came, went: rows that are in one version alone.
        numbers_came, numbers_went: numbers that are in one version alone, of rows in both.
    """

    both: tuple[Difference, ...]
    came: tuple[str, ...]
    went: tuple[str, ...]
    numbers_came: tuple[Key, ...]
    numbers_went: tuple[Key, ...]

    def moved(self, times: bool) -> list[Difference]:
        """Flagged numbers, either measured times or all others; largest first, by row."""
        found = [one for one in self.both if one.moved and one.is_time == times]
        largest: dict[str, float] = {}
        for one in found:
            largest[one.key.experiment] = max(largest.get(one.key.experiment, 0), one.size)
        return sorted(found, key=lambda d: (-largest[d.key.experiment], d.key.experiment, -d.size))


def is_time(key: Key) -> bool:
    """Whether a number is a measured time: its unit is seconds or milliseconds."""
    return UNITS.get(key.metric) in SECONDS or key.metric.endswith("_seconds")


def compared(old: Metrics, new: Metrics) -> Comparison:
    """Compare two versions of the results, in the order of the new one."""
    before, after = (dict.fromkeys(Key(*key) for key in one.all_keys()) for one in (old, new))
    rows_before, rows_after = old.experiments(), new.experiments()

    def rows(keys: Iterable[Key], others: set[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(k.experiment for k in keys if k.experiment not in others))

    return Comparison(
        tuple(Difference(k, old.spread(*k), new.spread(*k)) for k in after if k in before),
        came=rows(after, rows_before),
        went=rows(before, rows_after),
        numbers_came=tuple(k for k in after if k not in before and k.experiment in rows_before),
        numbers_went=tuple(k for k in before if k not in after and k.experiment in rows_after),
    )
