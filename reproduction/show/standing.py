"""Decisions on which stored rows new runs replace, with messages on them, and clean-up of files.

A row in results/ consists of lines in metrics.csv, an entry of provenance.json and files, all from
the same runs. If a program is killed while gathering, the files may be from newer runs than the
lines; as those runs still exist, the next gathering replaces both.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_gen.files import replacing
from reproduction.engine.experiment import Experiment
from reproduction.engine.seal import archive_damage
from reproduction.engine.store import Store
from reproduction.show import predictions
from reproduction.show.evidence import Metrics, Value
from reproduction.show.metrics import errors

Say = Callable[[str], None]
ARCHIVES = ("curves/*.npz", "predictions/*.npz", "data/*.npz", "models/*/*.keras")
# Relative tolerance: stored forces are float32, stored numbers have seven digits.
SAME = {"energy": 1e-4, "force": 1e-2}


def keep_own_seeds(
    folder: Path,
    experiment: Experiment,
    rows: dict[str, list[Value]],
    about: dict[str, dict],
    say: Say,
) -> None:
    """Drop stored numbers, curves and models of seeds that are not the row's.

    Args:
        folder: of the results.
        experiment: the row.
        rows: stored numbers by row; changed in place.
        about: provenance.json; changed in place.
        say: called with a sentence if there are such numbers.
    """
    name = experiment.id
    beside = sorted({r.seed for r in rows.get(name, ())} - set(experiment.seeds))
    if beside:
        say(f"{name}: stored numbers of {_seeds(beside)}, not in the row's list, are left out")
        rows[name] = [r for r in rows[name] if r.seed in experiment.seeds]
        seeds = [int(k) for k in about[name]]
        about[name] = {k: run for k, run in about[name].items() if int(k) in experiment.seeds}
        _keep_own_curves(folder, experiment, seeds)
        if predictions.SEED in beside:
            file = folder / "predictions" / predictions.file_name(name)
            file.unlink(missing_ok=True)
        for seed in beside:
            (models(folder, experiment) / f"seed{seed}.keras").unlink(missing_ok=True)


def _keep_own_curves(folder: Path, experiment: Experiment, seeds: Sequence[int]) -> None:
    """Reduce stored curves, of which ``seeds`` are the first axis, to the row's own seeds.

    Curves of unequal length are stored by seed, with its number at the end of their names. A file
    of other seeds is left as it is: a program that was killed may have reduced it already.
    """
    path = folder / "curves" / predictions.file_name(experiment.id)
    if not path.is_file() or archive_damage(path):
        return
    own = [k for k, seed in enumerate(seeds) if seed in experiment.seeds]
    arrays = {}
    with np.load(path) as stored:
        for name, array in stored.items():
            _, _, seed = name.rpartition("_seed")
            if not seed.isdecimal():
                if len(array) != len(seeds):
                    return
                arrays[name] = array[own]
            elif int(seed) in experiment.seeds:
                arrays[name] = array
    with replacing(path) as scratch:
        np.savez_compressed(scratch, **arrays)


def runs_of(store: Store, experiment: Experiment, checksums: Mapping[str, str]) -> dict[int, dict]:
    """The valid runs of a row, by seed.

    Args:
        store: of the runs.
        experiment: the row.
        checksums: of the datasets, by name.
    """
    wanted = {seed: experiment.of_seed(seed) for seed in experiment.seeds}
    found = {seed: store.fits(one, seed, checksums[one.dataset]) for seed, one in wanted.items()}
    return {seed: run for seed, run in found.items() if run}


def is_replaced(experiment: Experiment, runs: Collection[int], stored: Iterable[Value]) -> bool:
    """Whether runs replace a row's stored numbers.

    They do if all of the row's seeds were run, or at least all that have stored numbers.
    """
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
    """Report what happens to an incomplete row and which of its runs are not used, and why.

    Args:
        store: of the runs.
        experiment: the row.
        checksums: of the datasets, by name.
        runs: seeds of the valid runs.
        stored: the row's stored numbers.
        say: called with each sentence.
    """
    name, there = experiment.id, store.seeds(experiment.id)
    beside = sorted(set(there) - set(experiment.seeds))
    if beside:
        say(f"{name}: {_seeds(beside)} not in the row's list: only in runs/, not in any mean")
    missing = [seed for seed in experiment.seeds if seed not in runs]
    # Rows of which nothing was run need no message.
    if not missing or not set(there) & set(experiment.seeds):
        return
    reasons = defaultdict(list)
    for seed in missing:
        one = experiment.of_seed(seed)
        reasons[store.why_not(one, seed, checksums[one.dataset])].append(seed)
    why = "; ".join(f"{_seeds(seeds)} {reason}" for reason, seeds in reasons.items())
    if is_replaced(experiment, runs, stored):
        say(f"{name}: only {_seeds(list(runs))}; {why}")
    elif stored:
        what = "stored numbers, predictions, curves and models remain"
        say(f"{name}: {what} until all its seeds are there; {why}")
    else:
        say(f"{name}: no valid run; {why}")


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def files_of(folder: Path, experiment: Experiment) -> list[Path]:
    """Files that a results folder has for a row: predictions, curves, shipped models."""
    name = predictions.file_name(experiment.id)
    found = [path for path in (folder / "predictions" / name, folder / "curves" / name)]
    if experiment.shipped:
        found += models(folder, experiment).glob("seed*.keras")
    return [path for path in found if path.is_file()]


def models(folder: Path, experiment: Experiment) -> Path:
    """Folder of a shipped row's models, for users."""
    return folder / "models" / experiment.id.split("/")[1]


def draws(
    folder: Path,
    name: str,
    here: str,
    experiments: Iterable[Experiment],
    about: dict[str, dict],
    say: Say,
) -> bool:
    """Whether a dataset's stored excerpt for figures is to be replaced.

    It is unless there is one and stored rows are from other data of that name.

    Args:
        folder: of the results.
        name: of the dataset.
        here: checksum of the present data.
        experiments: all rows.
        about: provenance.json.
        say: called with a sentence if the answer is no.
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
        say(f"{path} remains as stored: {count} based on other data than data/{name}.traj")
        return False
    return True


def remove_broken(folder: Path, say: Say) -> None:
    """Remove unreadable stored files, which figures will then show as missing."""
    for pattern in ARCHIVES:
        for path in sorted(folder.glob(pattern)):
            if not path.name.startswith(".") and (why := archive_damage(path)):
                path.unlink()
                say(f"{path}: {why}; removed: restore it from git, or run all seeds of its row")


def remove_orphans(folder: Path, rows: Iterable[Experiment], say: Say) -> None:
    """Remove stored files of rows that have no numbers."""
    known = {path for experiment in rows for path in files_of(folder, experiment)}
    for pattern in ("curves/*.npz", "predictions/*.npz", "models/*/*.keras"):
        for path in sorted(set(folder.glob(pattern)) - known):
            if not path.name.startswith((".", predictions.REFERENCE)):
                path.unlink()
                say(f"{path}: removed, as its row has no numbers")


def compare(folder: Path, metrics: Metrics, rows: Iterable[str], say: Say) -> None:
    """Report rows whose stored predictions and stored numbers are from different runs."""
    stated = {
        (r.experiment, r.metric): r.value
        for r in metrics.rows
        if r.seed == predictions.SEED and r.split == "test"
    }
    for name in rows:
        kept = predictions.read_predictions(folder, name)
        for kind, parts in kept.predicted.items() if kept else ():
            if not kept.has_all(kind):
                continue
            metric = f"{kind}_rmse"
            found = errors(kind, parts["test"], kept.reference[kind]["test"])[metric]
            if not np.isclose(stated.get((name, metric), found), found, rtol=SAME[kind], atol=0):
                say(
                    f"{name}: its stored predictions are from another run than its stored numbers; "
                    "runs of all its seeds replace both"
                )
                break
