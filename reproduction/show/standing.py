"""Which stored rows give way to runs and which stay, and what is said of either.

A row in results/ is its lines of metrics.csv and provenance.json and its files: all are of the same
runs. A program that is killed while it gathers may leave files of newer runs than the lines; as
those runs are still there, the next gathering replaces both.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from reproduction.engine.experiment import Experiment
from reproduction.engine.seal import archive_damage
from reproduction.engine.store import Store
from reproduction.show import predictions
from reproduction.show.evidence import Metrics, Value
from reproduction.show.metrics import errors

Say = Callable[[str], None]
ARCHIVES = ("curves/*.npz", "predictions/*.npz", "data/*.npz", "models/*/*.keras")
# Relative: stored forces are float32, stored numbers have seven digits.
SAME = {"energy": 1e-4, "force": 1e-2}


def keep_own_seeds(
    experiment: Experiment, rows: dict[str, list[Value]], about: dict[str, dict], say: Say
) -> None:
    """Take what is stored of other seeds than the row's out of its numbers."""
    name = experiment.id
    beside = sorted({r.seed for r in rows.get(name, ())} - set(experiment.seeds))
    if beside:
        say(f"{name}: stored numbers of {_seeds(beside)}, not of the row, are left out")
        rows[name] = [r for r in rows[name] if r.seed in experiment.seeds]
        about[name] = {k: run for k, run in about[name].items() if int(k) in experiment.seeds}


def runs_of(store: Store, experiment: Experiment, checksums: Mapping[str, str]) -> dict[int, dict]:
    """The runs that count for a row, by seed; ``checksums`` are of the datasets, by name."""
    wanted = {seed: experiment.of_seed(seed) for seed in experiment.seeds}
    found = {seed: store.fits(one, seed, checksums[one.dataset]) for seed, one in wanted.items()}
    return {seed: run for seed, run in found.items() if run}


def is_replaced(experiment: Experiment, runs: Collection[int], stored: Iterable[Value]) -> bool:
    """Runs take the place of a row's stored numbers: none of those is lost by it."""
    whole = len(runs) == len(experiment.seeds)
    return bool(runs) and (whole or {r.seed for r in stored} <= set(runs))


def explain(
    store: Store,
    experiment: Experiment,
    checksums: Mapping[str, str],
    runs: Collection[int],
    stored: Iterable[Value],
    say: Say,
) -> None:
    """Say of a row that was run in part what becomes of it, and which runs do not count.

    Args:
        store: of the runs.
        experiment: the row.
        checksums: of the datasets, by name.
        runs: seeds of the runs that count.
        stored: the row's numbers before.
        say: called with a sentence.
    """
    name, there = experiment.id, store.seeds(experiment.id)
    beside = sorted(set(there) - set(experiment.seeds))
    if beside:
        say(f"{name}: {_seeds(beside)} not of the row, in runs/ alone and in no mean")
    missing = [seed for seed in experiment.seeds if seed not in runs]
    # Of a row that was not run at all there is nothing to say.
    if not missing or not set(there) & set(experiment.seeds):
        return
    reasons = defaultdict(list)
    for seed in missing:
        one = experiment.of_seed(seed)
        reasons[store.why_not(one, seed, checksums[one.dataset])].append(seed)
    why = "; ".join(f"{_seeds(seeds)} {reason}" for reason, seeds in reasons.items())
    if is_replaced(experiment, runs, stored):
        say(f"{name}: of {_seeds(list(runs))} alone; {why}")
    elif stored:
        what = "numbers, predictions, curves and models stay as they were stored"
        say(f"{name}: {what}, until all its seeds are there; {why}")
    else:
        say(f"{name}: no run that counts; {why}")


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def files_of(folder: Path, experiment: Experiment) -> list[Path]:
    """What a results folder has of a row besides its lines."""
    name = predictions.file_name(experiment.id)
    found = [path for path in (folder / "predictions" / name, folder / "curves" / name)]
    if experiment.shipped:
        found += models(folder, experiment).glob("seed*.keras")
    return [path for path in found if path.is_file()]


def models(folder: Path, experiment: Experiment) -> Path:
    """Where a shipped row's models are kept for users."""
    return folder / "models" / experiment.id.split("/")[1]


def draws(
    folder: Path,
    name: str,
    here: str,
    experiments: Iterable[Experiment],
    about: dict[str, dict],
    say: Say,
) -> bool:
    """Data are drawn where no row is of other data of that name, or none are drawn yet.

    Args:
        folder: of the results.
        name: of the dataset.
        here: checksum of the data that are here.
        experiments: all rows.
        about: provenance.json.
        say: called with a sentence where they are not drawn.
    """
    path = folder / "data" / f"{name}.npz"
    other = {
        experiment.id
        for experiment in experiments
        for seed, run in about.get(experiment.id, {}).items()
        if experiment.of_seed(int(seed)).dataset == name and run.get("data_sha256") != here
    }
    if other and path.is_file():
        count = f"{len(other)} row{'s are' if len(other) > 1 else ' is'}"
        say(f"{path} stays as it was stored: {count} of other data than data/{name}.traj")
        return False
    return True


def remove_broken(folder: Path, say: Say) -> None:
    """Remove stored files that cannot be read; figures then show that they are missing."""
    for pattern in ARCHIVES:
        for path in sorted(folder.glob(pattern)):
            if not path.name.startswith(".") and (why := archive_damage(path)):
                path.unlink()
                say(f"{path}: {why}; removed: take it from git, or run all seeds of its row")


def remove_orphans(folder: Path, rows: Iterable[Experiment], say: Say) -> None:
    """Remove stored files of rows that have no numbers."""
    known = {path for experiment in rows for path in files_of(folder, experiment)}
    for pattern in ("curves/*.npz", "predictions/*.npz", "models/*/*.keras"):
        for path in sorted(set(folder.glob(pattern)) - known):
            if not path.name.startswith((".", predictions.REFERENCE)):
                path.unlink()
                say(f"{path}: of no row that has numbers; removed")


def compare(folder: Path, metrics: Metrics, rows: Iterable[str], say: Say) -> None:
    """Say which rows have stored predictions of other runs than their stored numbers are of."""
    stated = {
        (r.experiment, r.metric): r.value
        for r in metrics.rows
        if r.seed == predictions.SEED and r.split == "test"
    }
    for name in rows:
        kept = predictions.read_predictions(folder, name)
        for kind, parts in kept.predicted.items() if kept else ():
            metric = f"{kind}_rmse"
            found = errors(kind, parts["test"], kept.reference[kind]["test"])[metric]
            if not np.isclose(stated.get((name, metric), found), found, rtol=SAME[kind], atol=0):
                say(
                    f"{name}: its stored predictions are of another run than its stored numbers; "
                    "runs of all its seeds replace both"
                )
                break
