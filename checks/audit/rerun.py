"""Part d: the cheap rows run again on this machine, against the committed ones.

By the project's own engine, into a folder of their own; how numbers are compared is in
:mod:`~checks.audit.comparison`.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from amp_baseline.settings import AmpSettings
from checks.audit import tolerances
from checks.audit.comparison import (
    OF_VERDICTS,
    ONE_SEED,
    OUTCOMES,
    OUTSIDE,
    SAME,
    WITHIN,
    changed_verdicts,
    compare,
    is_duration,
    is_judged,
    said,
    same_predictions,
    summary_of,
)
from checks.audit.report import Part
from data_gen.dataset import Dataset, save
from data_gen.sources import make
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import code_checksum
from reproduction.engine.run_one import Work
from reproduction.engine.schedule import Listener, Outcome, plan, run
from reproduction.engine.store import Store
from reproduction.sections import CLAIMS, EXPERIMENTS, SOURCES, select
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.gather import gather

NAME = "d  rows run again"
START_SECONDS = 15.0  # a worker's start: TensorFlow is read


def cost(row: Experiment, provenance: Mapping[str, dict]) -> float:
    """Seconds of all its groups of seeds on the machine of the committed runs."""
    about = provenance[row.id]
    return sum(about[str(seed)]["seconds_of_group"] for seed in row.seeds[:: row.lanes])


def choose(
    rows: Iterable[Experiment], seconds: Mapping[str, float], budget: float
) -> list[Experiment]:
    """The cheapest rows that fit a budget together, those that verdicts rest on before others.

    A row that uses another's trained models comes in after that one alone.

    Args:
        rows: that could be run.
        seconds: of each, by id.
        budget: in seconds.
    """
    # Verdicts rest on rows over several trajectories where there are any, and else on the row.
    instead = {row.repeats: row.id for row in EXPERIMENTS.values() if row.repeats}
    decisive = {instead.get(key[0], key[0]) for key in OF_VERDICTS}
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
    """Rows by id or pattern, and those whose models they use. Raises ReproductionError."""
    names = dict.fromkeys(select(list(patterns)))
    for name in list(names):
        if EXPERIMENTS[name].models_of:
            names[EXPERIMENTS[name].models_of] = None
    return [EXPERIMENTS[name] for name in EXPERIMENTS if name in names]


def affordable(evidence: Evidence, minutes: float, workers: int) -> list[Experiment]:
    """Rows on Au6 that fit a number of minutes and have numbers that can be judged.

    Amp's rows and those on slabs take too long; one seed alone has no spread to judge by.
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


class Lines(Listener):
    """A line on the screen for each group of seeds that ends."""

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
    """Run rows into a folder and take their errors, as ``make reproduce`` does.

    Args:
        rows: to run; those that use others' models may be among them.
        datasets: that are there; others are made.
        folder: gets data/, runs/ and results/.
        workers: processes of one thread each.
        say: gets lines for people.
    """
    for name in dict.fromkeys(source.name for row in rows for source in row.sources):
        if name not in datasets:
            say(f"  {name}: dynamics")
            datasets[name] = make(SOURCES[name].origin)
        save(datasets[name], folder / "data" / f"{name}.traj")
    store = Store(folder / "runs")
    checksums = {name: data.checksum() for name, data in datasets.items()}
    outcome = Outcome()
    # What needs trained models waits until they are there.
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
    """Run rows again and compare them with a results folder's.

    Args:
        results: the folder.
        rows: to run.
        datasets: that are there.
        folder: for data, runs and results of this run.
        workers: processes.
        say: gets lines for people.
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
        about = evidence.provenance.get(row.id, {})
        same_data = all(
            run["data_sha256"] == datasets[row.of_seed(int(seed)).dataset].checksum()
            for seed, run in about.items()
        )
        compared += compare(row, here, evidence.metrics, same_data)
    judged = [one for one in compared if one.judged]
    part.checked = {
        (one.experiment, one.split, one.metric, seed)
        for one in judged
        if one.outcome != ONE_SEED
        for seed in evidence.metrics.by_seed(one.experiment, one.split, one.metric)
    }
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
