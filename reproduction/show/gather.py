"""Gathering: collect finished runs into results/metrics.csv and the files that figures need.

Error metrics are computed here from the runs' predictions, with the same function for all models.
"""

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from amp_baseline.potential import read_descriptor
from data_gen.dataset import Dataset
from data_gen.files import replacing, write_text
from reproduction.engine.experiment import Experiment
from reproduction.engine.run_one import joined
from reproduction.engine.seal import MODEL, is_sealed
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.show import predictions, standing
from reproduction.show.evidence import PROVENANCE, TRIVIAL, Metrics, Value, read_provenance
from reproduction.show.metrics import UNITS, errors
from reproduction.show.stale import SETTINGS, settings_checksum

COLUMNS = ("experiment", "seed", "split", "metric", "value", "unit")
# Beginnings of the names of the arrays that are stored as curves.
CURVES = ("curve_", "total_energy_", "frequencies_", "frame_force_", "covariance_")
# Figure 2 shows the symmetry functions that Amp used for this row.
FINGERPRINTED = "table1/behler-10-10-10"


def gather(
    store: Store,
    experiments: Iterable[Experiment],
    datasets: Mapping[str, Dataset],
    folder: Path,
    say: Callable[[str], None] = lambda sentence: None,
) -> tuple[Metrics, list[str]]:
    """Update a results folder from finished runs: metrics.csv, provenance.json, other files.

    A row's numbers, predictions, curves and models are replaced together, once there are runs for
    all of the row's seeds, or at least for each seed that has stored numbers. Until then all of
    them remain. So they always come from the same runs, and an incomplete set of runs never
    replaces a complete one. Rows whose data are missing remain unchanged.

    Args:
        store: of the runs; none is replaced meanwhile.
        experiments: all experiments; stored rows of any others are dropped.
        datasets: the available ones, by name.
        folder: of the results.
        say: called with a sentence for each row that remains although some of it was run, and
            for anything else that a reader of the numbers should know.

    Returns:
        All numbers now in the folder, and the ids of the experiments whose rows were updated.

    Raises:
        ReproductionError: metrics.csv or provenance.json is not in the form that the project
            writes.
    """
    experiments = list(experiments)
    old, about = Metrics.read(folder), read_provenance(folder)
    rows = {
        e.id: [r for r in old.rows if r.experiment == e.id]
        for e in experiments
        if e.id in old.experiments()
    }
    about = {name: about.get(name, {}) for name in rows}
    standing.remove_broken(folder, say)
    fresh: list[str] = []
    unsealed: list[str] = []
    checksums = {name: data.checksum() for name, data in datasets.items()}
    with store.still():
        for experiment in experiments:
            name = experiment.id
            standing.keep_own_seeds(folder, experiment, rows, about, say)
            if not {source.name for source in experiment.sources} <= set(datasets):
                continue
            runs, stored = standing.runs_of(store, experiment, checksums), rows.get(name, [])
            standing.explain(store, experiment, checksums, runs, stored, say)
            if not standing.is_replaced(experiment, runs, stored):
                continue
            try:
                rows[name] = _row(experiment, store, runs, datasets)
            except ReproductionError as error:
                say(f"{error}: its stored results remain; --fresh runs it again")
                continue
            about[name] = _origins(runs)
            fresh.append(name)
            unsealed += [name for run in runs.values() if not is_sealed(run)]
            _keep(folder, experiment, store, runs, datasets)
        for name in sorted({e.dataset for e in experiments} & set(datasets)):
            if standing.draws(folder, name, checksums[name], experiments, about, say):
                predictions.write_trajectory(folder, name, datasets[name], experiments)
    order = [experiment.id for experiment in experiments if rows.get(experiment.id)]
    metrics = Metrics(row for name in order for row in rows[name])
    standing.remove_orphans(folder, [e for e in experiments if e.id in order], say)
    predictions.sweep(folder)
    standing.compare(folder, metrics, [name for name in order if name not in fresh], say)
    if unsealed:
        named = ", ".join(dict.fromkeys(unsealed))
        runs = f"{len(unsealed)} run{'s' if len(unsealed) > 1 else ''}"
        say(f"made before checksums were introduced, and accepted as they are: {runs} of {named}")
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "metrics.csv", metrics.rows)
    write_text(folder / PROVENANCE, _in_lines({name: about[name] for name in order if about[name]}))
    return metrics, fresh


def _in_lines(about: Mapping[str, Mapping]) -> str:
    """JSON of rows' provenance, a line for each run: indented, it is a sixth longer."""
    rows = []
    for name, runs in about.items():
        lines = (
            f"{json.dumps(seed)}: {json.dumps(run, separators=(',', ':'))}"
            for seed, run in runs.items()
        )
        rows.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "}")
    return "{\n" + ",\n".join(rows) + "}\n"


def _row(
    experiment: Experiment, store: Store, runs: dict, datasets: Mapping[str, Dataset]
) -> list[Value]:
    """All numbers of a row. Raises ReproductionError as :func:`errors_of`."""
    return [
        Value(experiment.id, seed, m["split"], m["metric"], m["value"])
        for seed, run in runs.items()
        for arrays in [store.arrays(experiment.id, seed)]
        for one in [experiment.of_seed(seed)]
        for found in [errors_of(one, run, arrays, datasets[one.dataset])]
        for m in [*_measured(run, found), *found, *_late(arrays)]
    ]


def _origins(runs: dict[int, dict]) -> dict[str, dict]:
    """Entry of provenance.json for a row's runs."""
    return {
        str(seed): {
            # Covers run.json, and through it the run's files, whose checksums it contains.
            **({"run_sha256": run["sha256"]} if is_sealed(run) else {}),
            "data_sha256": run["data_sha256"],
            "code_sha256": run["code_sha256"],
            SETTINGS: settings_checksum(run["settings"]),
            "ended": run["ended"],
            # Of Amp's: such a run is not the seed's own, as its optimiser began again.
            **({"resumed": run["resumed"]} if run.get("resumed") else {}),
            "seconds_of_group": round(run["seconds_of_group"], 1),
            "threads": run["threads"],
            **run["provenance"],
        }
        for seed, run in runs.items()
    }


def _keep(
    folder: Path,
    experiment: Experiment,
    store: Store,
    runs: dict,
    datasets: Mapping[str, Dataset],
) -> None:
    """Store the files of a row's runs for figures and users; remove those of earlier runs."""
    before = {path: path.stat().st_ino for path in standing.files_of(folder, experiment)}
    # No figure shows the other rows.
    is_drawn = not experiment.trajectories and experiment.task != TRIVIAL
    if is_drawn and predictions.SEED in runs:
        predictions.write_predictions(folder, experiment, store, datasets[experiment.dataset])
    if experiment.id == FINGERPRINTED:
        path = folder / "symmetry-functions.json"
        if "potential" in runs.get(0, {}):
            write_text(path, json.dumps(read_descriptor(runs[0]["potential"]), indent=1) + "\n")
        else:
            path.unlink(missing_ok=True)
    if is_drawn:
        _keep_curves(folder, experiment, store, runs)
    if experiment.shipped:
        _keep_models(folder, experiment, store, runs)
    # A file with its old inode was not rewritten: it is from earlier runs.
    for path, inode in before.items():
        if path.stat().st_ino == inode:
            path.unlink()


def errors_of(experiment: Experiment, run: dict, arrays: dict, data: Dataset) -> list[dict]:
    """Errors of a run's predictions; for several folds over all of them, and block by block.

    Returns:
        Entries {"split", "metric", "value"}.

    Raises:
        ReproductionError: the predictions are not for the frames of the experiment's parts.
    """
    parts = experiment.folds(data)
    whole = joined(data, parts)
    found, blocks = [], []
    for kind in ("energy", "force"):
        for split, part in zip(("train", "test"), whole, strict=True):
            if f"{kind}_{split}" in arrays:
                predicted = arrays[f"{kind}_{split}"]
                labels = part.energies if kind == "energy" else part.forces
                if predicted.shape != labels.shape:
                    raise ReproductionError(
                        f"{experiment.id}: its predictions are for other frames"
                    )
                for metric, value in errors(kind, predicted, labels).items():
                    found.append({"split": split, "metric": metric, "value": value})
                if split == "test" and len(parts) > 1:
                    ends = np.cumsum([len(test) for _, test in parts])[:-1]
                    pairs = zip(np.split(predicted, ends), np.split(labels, ends), strict=True)
                    for k, (one, own) in enumerate(pairs, start=1):
                        metric = f"{kind}_rmse"
                        value = errors(kind, one, own)[metric]
                        blocks.append({"split": f"block{k}", "metric": metric, "value": value})
    found = [*blocks, *found]
    _check_parts(experiment, run, whole, found)
    return found


def _check_parts(experiment: Experiment, run: dict, parts, found: list[dict]) -> None:
    """Raise ReproductionError if the experiment's parts are not those that the run used."""
    computed = {(m["split"], m["metric"]): m["value"] for m in found}
    same = run.get("parts_sha256") in (None, [part.checksum() for part in parts])
    # Runs of 0.1.0 have no checksums of their parts, but state the errors to compare with.
    for m in run["metrics"]:
        value = computed.get((m["split"], m["metric"]), m["value"])
        same = same and bool(np.isclose(m["value"], value, rtol=1e-9, atol=1e-15))
    if not same:
        raise ReproductionError(f"{experiment.id}: its predictions are for other frames")


def _measured(run: dict, computed: list[dict]) -> list[dict]:
    """Metrics that the run itself measured, without the errors that runs of 0.1.0 also contain."""
    known = {(m["split"], m["metric"]) for m in computed}
    return [m for m in run["metrics"] if (m["split"], m["metric"]) not in known]


def _keep_curves(folder: Path, experiment: Experiment, store: Store, runs) -> None:
    """Store curves/<experiment>.npz: quantities along training or dynamics, with seeds first."""
    found = defaultdict(list)
    for seed in runs:
        for name, array in store.arrays(experiment.id, seed).items():
            if name.startswith(CURVES):
                found[name].append(array.astype(np.float32))
    # Curves of unequal length, from dynamics that ended early, are stored separately.
    arrays = {}
    for name, parts in found.items():
        if len({part.shape for part in parts}) == 1:
            arrays[name] = np.stack(parts)
        else:
            arrays |= {f"{name}_seed{seed}": p for seed, p in zip(runs, parts, strict=True)}
    if arrays:
        path = folder / "curves" / predictions.file_name(experiment.id)
        with replacing(path) as scratch:
            np.savez_compressed(scratch, **arrays)


def _keep_models(folder: Path, experiment: Experiment, store: Store, runs) -> None:
    """Store trained models for users as models/<name>/seed<k>.keras."""
    for seed in runs:
        model = store.run_folder(experiment.id, seed) / MODEL
        if model.is_file():
            into = standing.models(folder, experiment) / f"seed{seed}.keras"
            with replacing(into) as scratch:
                shutil.copyfile(model, scratch)


def _late(arrays: dict[str, np.ndarray]) -> list[dict]:
    """Median test RMSE over the last quarter of the epochs.

    At a constant learning rate the error fluctuates from epoch to epoch: the last value is a
    draw from a distribution, and this is the distribution's centre. For several folds (the last
    axis of the curves), it is the root mean square of theirs.
    """
    found = []
    for kind in ("energy", "force"):
        if f"curve_{kind}" in arrays and "curve_epochs" in arrays:
            epochs = arrays["curve_epochs"]
            late = arrays[f"curve_{kind}"][epochs > 0.75 * epochs[-1], 1]
            value = float(np.sqrt((np.median(late, axis=0) ** 2).mean()))
            found.append({"split": "test", "metric": f"{kind}_rmse_late", "value": value})
    return found


def _write_csv(path: Path, rows: Iterable[Value]) -> None:
    with replacing(path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in rows:
            # Seven digits: more precise than any spread, and the same text on every machine.
            writer.writerow(
                (r.experiment, r.seed, r.split, r.metric, f"{r.value:.7g}", UNITS[r.metric])
            )
