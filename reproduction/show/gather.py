"""Finished runs -> results/metrics.csv, and what figures need beside it.

The errors are taken here, from the runs' predictions, by the one metric function.
"""

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from amp_baseline.potential import read_descriptor
from data_gen.dataset import Dataset
from data_gen.files import replacing, write_text
from data_gen.splits import folds
from reproduction.engine.experiment import Experiment
from reproduction.engine.run_one import joined
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.show import predictions
from reproduction.show.evidence import TRIVIAL, Metrics, Value
from reproduction.show.metrics import UNITS, errors

COLUMNS = ("experiment", "seed", "split", "metric", "value", "unit")
# Beginnings of the names of arrays that are kept of every run.
CURVES = ("curve_", "total_energy_", "frequencies_", "frame_force_", "covariance_")
# Figure 2 shows the symmetry functions that this row's Amp used.
FINGERPRINTED = "table1/behler-10-10-10"


def gather(
    store: Store,
    experiments: Iterable[Experiment],
    datasets: Mapping[str, Dataset],
    folder: Path,
) -> tuple[Metrics, list[str]]:
    """Write metrics.csv and provenance.json from finished runs, and what figures need besides.

    An experiment's old rows are replaced when all its seeds are there, or when it had none;
    else they stay. So a partial run never thins out what a full one gave, and rows whose data
    are not here stay as they are.

    Args:
        store: of the runs.
        experiments: all of them; rows of others are dropped.
        datasets: those that are there, by name.
        folder: of the results.

    Returns:
        All numbers now in the folder, and the ids of the experiments whose rows are new.
    """
    old = Metrics.read(folder)
    rows = {name: [r for r in old.rows if r.experiment == name] for name in old.experiments()}
    about = _read_json(folder / "provenance.json")
    fresh = []
    experiments = list(experiments)
    checksums = {name: data.checksum() for name, data in datasets.items()}
    for name in sorted({e.dataset for e in experiments} & set(datasets)):
        predictions.write_trajectory(folder, name, datasets[name], experiments)
    for experiment in experiments:
        if not {source.name for source in experiment.sources} <= set(datasets):
            continue
        runs, of_seed = {}, {}
        for seed in experiment.seeds:
            one = experiment.of_seed(seed)
            if run := store.fits(one, seed, checksums[one.dataset]):
                runs[seed], of_seed[seed] = run, one
        # Of these the errors are kept, and nothing that is drawn.
        is_drawn = not experiment.trajectories and experiment.task != TRIVIAL
        if predictions.SEED in runs and is_drawn:
            data = datasets[experiment.dataset]
            predictions.write_predictions(folder, experiment, store, data)
        if not runs or (len(runs) < len(experiment.seeds) and rows.get(experiment.id)):
            continue
        rows[experiment.id] = [
            Value(experiment.id, seed, m["split"], m["metric"], m["value"])
            for seed, run in runs.items()
            for arrays in [store.arrays(experiment.id, seed)]
            for found in [errors_of(of_seed[seed], run, arrays, datasets[of_seed[seed].dataset])]
            for m in [*_measured(run, found), *found, *_late(arrays)]
        ]
        about[experiment.id] = {
            str(seed): {
                "data_sha256": run["data_sha256"],
                "code_sha256": run["code_sha256"],
                "ended": run["ended"],
                "seconds_of_group": round(run["seconds_of_group"], 1),
                "threads": run["threads"],
                **run["provenance"],
            }
            for seed, run in runs.items()
        }
        fresh.append(experiment.id)
        if experiment.id == FINGERPRINTED and "potential" in runs.get(0, {}):
            write_text(
                folder / "symmetry-functions.json",
                json.dumps(read_descriptor(runs[0]["potential"]), indent=1) + "\n",
            )
        if is_drawn:
            _keep_curves(folder, experiment, store, runs)
        if experiment.shipped:
            _keep_models(folder, experiment, store, runs)
    predictions.sweep(folder)
    order = [experiment.id for experiment in experiments if experiment.id in rows]
    metrics = Metrics(row for name in order for row in rows[name])
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "metrics.csv", metrics.rows)
    write_text(
        folder / "provenance.json",
        json.dumps({name: about[name] for name in order if name in about}, indent=1) + "\n",
    )
    return metrics, fresh


def errors_of(experiment: Experiment, run: dict, arrays: dict, data: Dataset) -> list[dict]:
    """Errors of a run's predictions; of several folds all together, and block by block.

    Raises:
        ReproductionError: the predictions are of other frames than the experiment's parts.
    """
    parts = folds(data[: experiment.frames], experiment.partition, experiment.split)
    found = []
    if len(parts) > 1:
        ends = np.cumsum([len(test) for _, test in parts])[:-1]
        blocks = np.split(arrays["energy_test"], ends)
        for k, (predicted, (_, test)) in enumerate(zip(blocks, parts, strict=True), start=1):
            value = errors("energy", predicted, test.energies)["energy_rmse"]
            found.append({"split": f"block{k}", "metric": "energy_rmse", "value": value})
    whole = joined(data, parts)
    for kind in ("energy", "force"):
        for split, part in zip(("train", "test"), whole, strict=True):
            if f"{kind}_{split}" in arrays:
                labels = part.energies if kind == "energy" else part.forces
                for metric, value in errors(kind, arrays[f"{kind}_{split}"], labels).items():
                    found.append({"split": split, "metric": metric, "value": value})
    _check_parts(experiment, run, whole, found)
    return found


def _check_parts(experiment: Experiment, run: dict, parts, found: list[dict]) -> None:
    """A split that reads other frames than the run did must not pass."""
    computed = {(m["split"], m["metric"]): m["value"] for m in found}
    same = run.get("parts_sha256") in (None, [part.checksum() for part in parts])
    # Runs of 0.1.0 state their own errors instead.
    for m in run["metrics"]:
        value = computed.get((m["split"], m["metric"]), m["value"])
        same = same and bool(np.isclose(m["value"], value, rtol=1e-9, atol=1e-15))
    if not same:
        raise ReproductionError(f"{experiment.id}: its predictions are of other frames")


def _measured(run: dict, computed: list[dict]) -> list[dict]:
    """What the run itself measured. Runs of 0.1.0 hold errors as well: those are left out."""
    known = {(m["split"], m["metric"]) for m in computed}
    return [m for m in run["metrics"] if (m["split"], m["metric"]) not in known]


def _keep_curves(folder: Path, experiment: Experiment, store: Store, runs) -> None:
    """curves/<experiment>.npz: what was measured along the training, seeds first."""
    found = defaultdict(list)
    for seed in runs:
        for name, array in store.arrays(experiment.id, seed).items():
            if name.startswith(CURVES):
                found[name].append(array.astype(np.float32))
    # Dynamics that ended early have curves of another length: those are kept one by one.
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
    """models/<name>/seed<k>.keras: trained models for users."""
    into = folder / "models" / experiment.id.split("/")[1]
    into.mkdir(parents=True, exist_ok=True)
    for seed in runs:
        model = store.run_folder(experiment.id, seed) / "model.keras"
        if model.is_file():
            shutil.copyfile(model, into / f"seed{seed}.keras")


def _late(arrays: dict[str, np.ndarray]) -> list[dict]:
    """Median test RMSE over the measurements of the last quarter of the epochs.

    At a constant learning rate the error jumps from epoch to epoch: the last one is a draw from
    a distribution, and this is its middle. Of a run of several folds (the last axis of its
    curves), the root mean square of theirs.
    """
    found = []
    for kind in ("energy", "force"):
        if f"curve_{kind}" in arrays and "curve_epochs" in arrays:
            epochs = arrays["curve_epochs"]
            late = arrays[f"curve_{kind}"][epochs > 0.75 * epochs[-1], 1]
            value = float(np.sqrt((np.median(late, axis=0) ** 2).mean()))
            found.append({"split": "test", "metric": f"{kind}_rmse_late", "value": value})
    return found


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_csv(path: Path, rows: Iterable[Value]) -> None:
    with replacing(path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in rows:
            # Seven digits: more than any spread, and the same text on every machine.
            writer.writerow(
                (r.experiment, r.seed, r.split, r.metric, f"{r.value:.7g}", UNITS[r.metric])
            )
