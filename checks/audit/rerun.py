"""Part d of the audit: the cheap rows run again on this machine, against the committed ones.

The project's engine runs them in a separate folder. Compared are means over seeds, in units of the
spread over seeds, and the verdicts that the new numbers would give.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from amp_baseline.settings import AmpSettings
from checks.audit import tolerances
from checks.audit.errors import half_step
from checks.audit.report import Part
from data_gen.dataset import Dataset, save
from data_gen.dynamics import run_dynamics
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import code_checksum
from reproduction.engine.run_one import Work
from reproduction.engine.schedule import Listener, Outcome, plan, run
from reproduction.engine.store import Store
from reproduction.sections import CLAIMS, EXPERIMENTS, SOURCES, select
from reproduction.show.claims import verdicts
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.gather import gather
from reproduction.show.metrics import UNITS, spread, with_spread
from reproduction.show.predictions import file_name

NAME = "d  rows run again"
SAME, WITHIN, OUTSIDE, ONE_SEED = OUTCOMES = ("same", "within", "outside", "one seed")
# RMSEs are judged, and numbers that verdicts are based on. Mean and largest errors of the same
# predictions would not be independent tests; they are only given by --json.
RMSE = ("energy_rmse", "force_rmse", "energy_rmse_late", "force_rmse_late")
OF_VERDICTS = {tuple(key) for claim in CLAIMS for key in claim.needs}
START_SECONDS = 15.0  # for a worker to start, which imports TensorFlow


@dataclass(frozen=True)
class Comparison:
    """Comparison of a number of a row, over seeds, here and committed.

    Attributes:
        experiment, split, metric: identify the number.
        here, committed: values in the order of seeds, in the metric's unit.
        z: difference of the means in pooled standard deviations; NaN with one seed.
        outcome: one of the four above.
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
        """Whether it counts for the exit status."""
        return is_judged(self.experiment, self.split, self.metric)

    def as_json(self) -> dict:
        """The comparison for ``--json``, which has no NaN."""
        return {**asdict(self), "z": self.z if math.isfinite(self.z) else None}


def cost(row: Experiment, provenance: Mapping[str, dict]) -> float:
    """Seconds of all of a row's groups of seeds, on the machine of the committed runs."""
    about = provenance[row.id]
    return sum(about[str(seed)]["seconds_of_group"] for seed in row.seeds[:: row.lanes])


def choose(
    rows: Iterable[Experiment], seconds: Mapping[str, float], budget: float
) -> list[Experiment]:
    """The cheapest rows within a total budget, with those that verdicts are based on first.

    A row that uses another's trained models is only chosen after that row.

    Args:
        rows: candidates.
        seconds: of each, by id.
        budget: in seconds.
    """
    decisive = {key[0] for key in OF_VERDICTS}
    waiting = sorted(rows, key=lambda row: (row.id not in decisive, seconds[row.id], row.id))
    chosen: list[Experiment] = []
    left = budget
    while True:
        names = {row.id for row in chosen}
        ready = [
            row
            for row in waiting
            if row.id not in names
            and seconds[row.id] <= left
            and (not row.models_of or row.models_of in names)
        ]
        if not ready:
            return chosen
        chosen.append(ready[0])
        left -= seconds[ready[0].id]


def named(patterns: Iterable[str]) -> list[Experiment]:
    """Rows by id or pattern, with those whose models they use. Raises ReproductionError."""
    names = dict.fromkeys(select(list(patterns)))
    for name in list(names):
        if EXPERIMENTS[name].models_of:
            names[EXPERIMENTS[name].models_of] = None
    return [EXPERIMENTS[name] for name in EXPERIMENTS if name in names]


def is_judged(experiment: str, split: str, metric: str) -> bool:
    """Whether a number counts for the exit status; errors of single blocks do not."""
    own = metric in RMSE and not split.startswith("block")
    return own or (experiment, split, metric) in OF_VERDICTS


def affordable(evidence: Evidence, minutes: float, workers: int) -> list[Experiment]:
    """Rows on Au6 that can be run within a number of minutes and have numbers to judge.

    Amp's rows and those on slabs take too long; rows with a single seed have no spread.
    """
    judged = {
        v.experiment
        for v in evidence.metrics.rows
        if is_judged(v.experiment, v.split, v.metric) and not is_duration(v.metric)
    }
    rows = [
        row
        for row in EXPERIMENTS.values()
        if row.dataset == "au6"
        and row.id in judged
        and row.id in evidence.provenance
        and (row.deterministic or len(row.seeds) > 1)
        and not isinstance(row.training, AmpSettings)
    ]
    seconds = {row.id: cost(row, evidence.provenance) for row in rows}
    return choose(rows, seconds, max(0.0, workers * (60.0 * minutes - START_SECONDS)))


def z_score(here: tuple[float, ...], committed: tuple[float, ...], data: float = 0.0) -> float:
    """Absolute difference of means divided by the root mean square of the standard deviations.

    NaN if neither seeds nor data give a spread; infinite if means differ but the spread is zero.

    Args:
        here, committed: one value per seed.
        data: additional relative standard deviation because of different data.
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
    """Compare all numbers of a row that both sides have, except durations.

    Args:
        row: that was run again.
        here, committed: contain its numbers.
        same_data: whether it was run on the committed trajectory.
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
    """Whether a metric measures the machine's speed, which is not compared."""
    return UNITS.get(metric) == "s" or metric == "ms_a_step"


def in_place(committed: Metrics, here: Metrics) -> Metrics:
    """The committed numbers with new ones in their place, except for durations.

    A rule must not combine durations of different machines.
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
    """Claims whose verdict would change, one sentence each."""
    other = Evidence(in_place(evidence.metrics, here), EXPERIMENTS, evidence.provenance)
    pairs = zip(verdicts(CLAIMS, evidence), verdicts(CLAIMS, other), strict=True)
    return [
        f"claim {old.claim.number} is {old.status}, with the rows made here {new.status}: "
        f"{new.numbers}"
        for old, new in pairs
        if old.status != new.status
    ]


def same_predictions(rows: Iterable[Experiment], here: Path, committed: Path) -> tuple[int, int]:
    """Number of seed 0's prediction arrays in both results folders, and of those that are the same.

    They need only be the same at their stored precision: float32 for forces, and that of errors in
    float32 for energies in files written before 0.2.0.
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
                # Slightly more than half a step, as rounding may amount to exactly half.
                off = np.abs(a.astype(float) - b)
                same += bool((off <= 1.01 * step + 2 * half_step(b)).all())
    return total, same


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file."""
    with np.load(path) as stored:
        return dict(stored)


class Lines(Listener):
    """Listener that prints a line for each finished group of seeds."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self.total, self.done, self.say = total, 0, say

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        self.done += 1
        self.say(f"  {self.done} of {self.total}: {work.name}{' failed' if failures else ''}")


def run_rows(
    rows: list[Experiment],
    datasets: dict[str, Dataset],
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> tuple[Metrics, Outcome]:
    """Run rows in a folder and compute their errors, as ``make reproduce`` does.

    Args:
        rows: to run, possibly including rows that use the models of others.
        datasets: available ones, by name; missing ones are generated and added.
        folder: for data/, runs/ and results/.
        workers: number of single-threaded processes.
        say: called with each line of output.
    """
    for name in dict.fromkeys(row.dataset for row in rows):
        if name not in datasets:
            say(f"  {name}: dynamics")
            datasets[name] = run_dynamics(SOURCES[name].dynamics)
        save(datasets[name], folder / "data" / f"{name}.traj")
    store = Store(folder / "runs")
    checksums = {name: data.checksum() for name, data in datasets.items()}
    outcome = Outcome()
    # Rows that need trained models run after those that train them.
    stages = [[row for row in rows if bool(row.models_of) == needs] for needs in (False, True)]
    for stage in stages:
        work, _ = plan(stage, store, checksums)
        run(work, outcome, store, folder / "data", workers, Lines(len(work), say))
    gather(store, rows, datasets, folder / "results")
    # Read back, so that both sides have metrics.csv's seven digits.
    return Metrics.read(folder / "results"), outcome


def audit(
    results: Path,
    rows: list[Experiment],
    datasets: dict[str, Dataset],
    folder: Path,
    workers: int,
    say: Callable[[str], None] = print,
) -> Part:
    """Run rows again and compare them with those of a results folder.

    Args:
        results: the folder.
        rows: to run.
        datasets: available ones, by name.
        folder: for data, runs and results of the new runs.
        workers: number of processes.
        say: called with each line of output.
    """
    part = Part(NAME)
    evidence = Evidence.read(results, EXPERIMENTS)
    begin = time.perf_counter()
    here, outcome = run_rows(rows, datasets, folder, workers, say)
    seconds = time.perf_counter() - begin
    for name, why in outcome.failed.items():
        part.faults.append(f"{name} failed here: {why}")
    compared = []
    for row in rows:
        sha256 = datasets[row.dataset].checksum()
        about = evidence.provenance.get(row.id, {}).values()
        same_data = all(run["data_sha256"] == sha256 for run in about)
        compared += compare(row, here, evidence.metrics, same_data)
    judged = [one for one in compared if one.judged]
    outside = [said(one) for one in judged if one.outcome == OUTSIDE]
    undecided = sum(one.outcome == ONE_SEED for one in judged)
    part.count(
        "RMSEs, and numbers of verdicts",
        len(judged) - undecided,
        outside,
        f"{tolerances.SPREADS:g} standard deviations",
    )
    total, same = same_predictions(rows, folder / "results", results)
    other_code = [
        row.id
        for row in rows
        if any(
            about["code_sha256"] != code_checksum(row.task)
            for about in evidence.provenance.get(row.id, {}).values()
        )
    ]
    part.lines += [
        ("seed 0's predictions, as finely as stored", f"{same} of {total}", "need not", None),
        (
            "rows committed by this very code",
            f"{len(rows) - len(other_code)} of {len(rows)}",
            "need not",
            None,
        ),
    ]
    changed = changed_verdicts(evidence, here)
    part.count("verdicts with these rows in place", len(CLAIMS), changed, "the same verdict")
    counts = {name: sum(one.outcome == name for one in judged) for name in OUTCOMES}
    within = [one.z for one in judged if one.outcome == WITHIN and not math.isnan(one.z)]
    largest = max(within, default=math.nan)
    part.details = {
        "seconds": round(seconds, 1),
        "rows": [row.id for row in rows],
        "judged": counts,
        "all_numbers": {name: sum(o.outcome == name for o in compared) for name in OUTCOMES},
        "largest_z_within": largest if math.isfinite(largest) else None,
        "changed_verdicts": changed,
        "predictions_same_as_stored": [same, total],
        "rows_committed_by_other_code": other_code,
        "comparisons": [one.as_json() for one in compared],
    }
    part.table = [summary_of(row, judged) for row in rows]
    texts = [f"{counts[SAME]} are the same in all seven digits"]
    if counts[WITHIN]:
        deviations = f"{tolerances.SPREADS:g} standard deviations over seeds and trajectories"
        texts.append(f"{counts[WITHIN]} within {deviations} (largest {largest:.2g})")
    texts.append(f"{counts[OUTSIDE] or 'none'} outside")
    if undecided:
        texts.append(f"{undecided} without a spread to judge by")
    part.sentence = (
        f"{len(rows)} rows run again in {seconds / 60:.1f} minutes: of {len(judged)} numbers "
        f"{', '.join(texts)}; with them in place, {len(changed) or 'none'} of {len(CLAIMS)} "
        "verdicts would be another."
    )
    return part


def text_of(values: tuple[float, ...]) -> str:
    """Format mean ± standard deviation."""
    return with_spread(spread(values))


def said(one: Comparison) -> str:
    """Describe a comparison in a sentence."""
    return (
        f"{one.experiment}, {one.split} {one.metric}: here {text_of(one.here)}, committed "
        f"{text_of(one.committed)}, z = {one.z:.2g}"
    )


def summary_of(row: Experiment, judged: list[Comparison]) -> tuple[str, ...]:
    """Line of the table for a row: name, first test error here and committed, z, outcomes."""
    own = [one for one in judged if one.experiment == row.id]
    if not own:
        return row.id, "", "", "", "nothing to compare"
    first = next((one for one in own if one.split == "test"), own[0])
    largest = max((one.z for one in own if not math.isnan(one.z)), default=math.nan)
    counts = ((name, sum(one.outcome == name for one in own)) for name in OUTCOMES)
    outcome = ", ".join(f"{n} {name}" for name, n in counts if n)
    z = "" if math.isnan(largest) else f"{largest:.2f}"
    return row.id, text_of(first.here), text_of(first.committed), z, outcome
