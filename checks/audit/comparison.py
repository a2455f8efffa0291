"""Numbers of rows run again against the committed ones, and what verdicts they would give.

Means over seeds are compared in units of the spread over seeds.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from checks.audit import tolerances
from checks.audit.errors import half_step
from reproduction.engine.experiment import Experiment
from reproduction.sections import CLAIMS, EXPERIMENTS
from reproduction.show.claims import verdicts
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import UNITS, spread, with_spread
from reproduction.show.predictions import file_name

SAME, WITHIN, OUTSIDE, ONE_SEED = OUTCOMES = ("same", "within", "outside", "one seed")
# RMSEs are judged, and what verdicts rest on: the mean and the largest error of the same
# predictions are no further tests. They are in --json.
RMSE = ("energy_rmse", "force_rmse", "energy_rmse_late", "force_rmse_late")
OF_VERDICTS = {tuple(key) for claim in CLAIMS for key in claim.needs}


@dataclass(frozen=True)
class Comparison:
    """One number of one row, here and committed, over seeds.

    Attributes:
        experiment, split, metric: which one.
        here, committed: values by seed, in the order of seeds, in the metric's unit.
        z: difference of the means in pooled standard deviations; NaN with one seed.
        outcome: one of OUTCOMES.
    """

    experiment: str
    split: str
    metric: str
    here: tuple[float, ...]
    committed: tuple[float, ...]
    z: float
    outcome: str

    @property
    def judged(self) -> bool:
        """Counts for the exit status."""
        return is_judged(self.experiment, self.split, self.metric)

    def as_json(self) -> dict:
        """For ``--json``, which has no NaN."""
        return {**asdict(self), "z": self.z if math.isfinite(self.z) else None}


def is_judged(experiment: str, split: str, metric: str) -> bool:
    """Whether a number counts for the exit status; of several blocks, their error together does."""
    own = metric in RMSE and not split.startswith("block")
    return own or (experiment, split, metric) in OF_VERDICTS


def z_score(here: tuple[float, ...], committed: tuple[float, ...], data: float = 0.0) -> float:
    """|difference of means| / root mean square of the two standard deviations.

    NaN where neither seeds nor data give a spread; infinite for different means with none of it.

    Args:
        here, committed: one value a seed.
        data: relative standard deviation that both have besides, of other data.
    """
    one = min(len(here), len(committed)) < 2
    if one and not data:
        return math.nan
    means = statistics.fmean(here), statistics.fmean(committed)
    squares = (data * means[1]) ** 2
    if not one:
        squares += (statistics.variance(here) + statistics.variance(committed)) / 2
    off = abs(means[0] - means[1])
    if squares:
        return off / math.sqrt(squares)
    return math.inf if off else 0.0


def compare(
    row: Experiment, here: Metrics, committed: Metrics, same_data: bool
) -> list[Comparison]:
    """Every number of a row but durations and what only one side has.

    Args:
        row: that was run again.
        here, committed: with its numbers.
        same_data: it was run on the committed trajectory.
    """
    found = []
    keys = dict.fromkeys((v.split, v.metric) for v in committed.rows if v.experiment == row.id)
    for split, metric in keys:
        old = committed.by_seed(row.id, split, metric)
        new = here.by_seed(row.id, split, metric)
        seeds = sorted(old.keys() & new.keys())
        if is_duration(metric) or not seeds:
            continue
        a, b = (tuple(values[seed] for seed in seeds) for values in (new, old))
        alone = len(seeds) == 1 and not row.deterministic
        z = math.nan if alone else z_score(a, b, 0.0 if same_data else tolerances.TRAJECTORY)
        if a == b:
            outcome = SAME
        elif alone:
            outcome = ONE_SEED
        elif not math.isnan(z):
            outcome = WITHIN if z <= tolerances.SPREADS else OUTSIDE
        else:
            near = np.allclose(a, b, rtol=tolerances.DETERMINISTIC, atol=0.0)
            outcome = WITHIN if near else OUTSIDE
        found.append(Comparison(row.id, split, metric, a, b, z, outcome))
    return found


def is_duration(metric: str) -> bool:
    """Seconds say how fast a machine is, not whether it gives the same numbers."""
    return UNITS.get(metric) == "s" or metric == "ms_a_step"


def in_place(committed: Metrics, here: Metrics) -> Metrics:
    """The committed numbers, those made again in place of theirs; durations stay.

    Seconds of this machine beside another's in one rule would compare machines.
    """
    new = {
        (v.experiment, v.seed, v.split, v.metric): v.value
        for v in here.rows
        if not is_duration(v.metric)
    }
    return Metrics(
        Value(*key, new.get(key, v.value))
        for v in committed.rows
        for key in [(v.experiment, v.seed, v.split, v.metric)]
    )


def changed_verdicts(evidence: Evidence, here: Metrics) -> list[str]:
    """Claims whose verdict would be another, each in a sentence."""
    other = Evidence(in_place(evidence.metrics, here), EXPERIMENTS, evidence.provenance)
    pairs = zip(verdicts(CLAIMS, evidence), verdicts(CLAIMS, other), strict=True)
    return [
        f"claim {old.claim.number} is {old.status}, with the rows made here {new.status}: "
        f"{new.numbers}"
        for old, new in pairs
        if old.status != new.status
    ]


def same_predictions(rows: Iterable[Experiment], here: Path, committed: Path) -> tuple[int, int]:
    """Seed 0's predictions in both results folders: (arrays that both have, those the same).

    The same as finely as they are stored: forces are float32, and energies of files written before
    0.2.0 as fine as their errors in float32.
    """
    total = same = 0
    for row in rows:
        paths = [folder / "predictions" / file_name(row.id) for folder in (here, committed)]
        if not all(path.is_file() for path in paths):
            continue
        new, old = map(read_arrays, paths)
        true = read_arrays(paths[1].with_name(str(old.pop("reference"))))
        for name in new.keys() & old.keys():
            a, b = new[name], old[name]
            total += 1
            if a.shape == b.shape:
                step = half_step((b.astype(float) - true[name]).astype(np.float32))
                # Exactly half a step is rounding too: a little more than it.
                off = np.abs(a.astype(float) - b)
                same += bool((off <= 1.01 * step + 2 * half_step(b)).all())
    return total, same


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All of an npz."""
    with np.load(path) as stored:
        return dict(stored)


def text_of(values: tuple[float, ...]) -> str:
    """Mean ± standard deviation."""
    return with_spread(spread(values))


def said(one: Comparison) -> str:
    """A comparison in a sentence."""
    return (
        f"{one.experiment}, {one.split} {one.metric}: here {text_of(one.here)}, committed "
        f"{text_of(one.committed)}, z = {one.z:.2g}"
    )


def summary_of(row: Experiment, judged: list[Comparison]) -> tuple[str, ...]:
    """A line of the table of rows: its name, its first test error here and committed, outcomes."""
    own = [one for one in judged if one.experiment == row.id]
    if not own:
        return row.id, "", "", "", "nothing to compare"
    first = next((one for one in own if one.split == "test"), own[0])
    largest = max((one.z for one in own if not math.isnan(one.z)), default=math.nan)
    counts = ((name, sum(one.outcome == name for one in own)) for name in OUTCOMES)
    outcome = ", ".join(f"{n} {name}" for name, n in counts if n)
    z = "" if math.isnan(largest) else f"{largest:.2f}"
    return row.id, text_of(first.here), text_of(first.committed), z, outcome
