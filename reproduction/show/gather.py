"""Finished runs -> results/metrics.csv, and reading it and reported.csv back."""

import csv
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from amp_baseline.potential import read_descriptor
from data_gen.dataset import Dataset
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.sections.registry import EXPERIMENTS, Experiment
from reproduction.show import predictions as keep
from reproduction.show.metrics import UNITS, Spread, errors, spread

COLUMNS = ("experiment", "seed", "split", "metric", "value", "unit")
# Beginnings of the names of arrays that are kept of every run.
CURVES = ("curve_", "total_energy_", "frequencies_", "frame_force_", "covariance_")
# Figure 2 shows the symmetry functions that this row's Amp used.
FINGERPRINTED = "table1/behler-10-10-10"
REPORTED = Path(__file__).parents[1] / "reported.csv"


@dataclass(frozen=True)
class Row:
    """One number: of which experiment, seed, split ("train", "test", ""), metric."""

    experiment: str
    seed: int
    split: str
    metric: str
    value: float


class Metrics:
    """All numbers of a results folder, by experiment."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._values: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
        for row in self.rows:
            self._values[row.experiment, row.split, row.metric][row.seed] = row.value

    def spread(self, experiment: str, split: str, metric: str) -> Spread | None:
        """Over seeds, or None where there is no such number."""
        values = self._values.get((experiment, split, metric))
        return spread(values.values()) if values else None

    def values(self, experiment: str, split: str, metric: str) -> list[float]:
        """One for each seed, in the order of seeds."""
        found = self._values.get((experiment, split, metric), {})
        return [found[seed] for seed in sorted(found)]

    def experiments(self) -> set[str]:
        """Ids that have numbers."""
        return {row.experiment for row in self.rows}

    @classmethod
    def read(cls, folder: Path) -> "Metrics":
        """From ``metrics.csv`` in a folder; empty where there is none."""
        path = folder / "metrics.csv"
        if not path.is_file():
            return cls([])
        with open(path, newline="", encoding="utf-8") as file:
            try:
                return cls(
                    Row(r["experiment"], int(r["seed"]), r["split"], r["metric"], float(r["value"]))
                    for r in csv.DictReader(file)
                )
            except (KeyError, TypeError, ValueError):
                raise ReproductionError(
                    f"{path}: not a table of metrics any more; delete it or take it from git"
                ) from None


def reported() -> dict[tuple[str, str, str], str]:
    """The report's numbers, in its digits: (experiment id, split, metric) -> text."""
    with open(REPORTED, newline="", encoding="utf-8") as file:
        return {
            (f"{r['table']}/{r['row']}", r["split"], r["metric"]): r["value"]
            for r in csv.DictReader(file)
        }


def gather(
    store: Store,
    experiments: Iterable[Experiment],
    checksums: dict[str, str],
    folder: Path,
    datasets: Mapping[str, Dataset] = MappingProxyType({}),
) -> tuple[Metrics, list[str]]:
    """Write metrics.csv and provenance.json from finished runs, and what figures need besides.

    An experiment's old rows are replaced when all its seeds are there, or when it had none;
    else they stay. So a partial run never thins out what a full one gave.

    Args:
        store: of the runs.
        experiments: whose runs.
        checksums: of each dataset that is there.
        folder: of the results.
        datasets: those that predictions are kept of.

    Returns:
        All numbers now in the folder, and the ids of the experiments whose rows are new.
    """
    old = Metrics.read(folder)
    rows = {name: [r for r in old.rows if r.experiment == name] for name in old.experiments()}
    about = _read_json(folder / "provenance.json")
    fresh = []
    experiments = list(experiments)
    for name, data in datasets.items():
        keep.write_trajectory(folder, name, data, experiments)
    for experiment in experiments:
        runs = {
            seed: run
            for seed in experiment.seeds
            if (run := store.fits(experiment, seed, checksums.get(experiment.dataset, "")))
        }
        if keep.SEED in runs and experiment.dataset in datasets:
            data = datasets[experiment.dataset]
            wrong = keep.write_predictions(folder, experiment, store, runs[keep.SEED], data)
            if wrong:
                raise ReproductionError(wrong)
        if not runs or (len(runs) < len(experiment.seeds) and rows.get(experiment.id)):
            continue
        rows[experiment.id] = [
            Row(experiment.id, seed, m["split"], m["metric"], m["value"])
            for seed, run in runs.items()
            for arrays in [store.arrays(experiment.id, seed)]
            for m in [
                *run["metrics"],
                *_newer(experiment, run, arrays, datasets.get(experiment.dataset)),
                *_late(arrays),
            ]
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
            _write_text(
                folder / "symmetry-functions.json",
                json.dumps(read_descriptor(runs[0]["potential"]), indent=1) + "\n",
            )
        _keep_curves(folder, experiment, store, runs)
        if experiment.shipped:
            _keep_models(folder, experiment, store, runs)
    keep.sweep(folder)
    order = [name for name in EXPERIMENTS if name in rows]
    metrics = Metrics(row for name in order for row in rows[name])
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "metrics.csv", metrics.rows)
    _write_text(
        folder / "provenance.json",
        json.dumps({name: about[name] for name in order if name in about}, indent=1) + "\n",
    )
    return metrics, fresh


def _newer(experiment: Experiment, run: dict, arrays: dict, data: Dataset | None) -> list[dict]:
    """What the metric function says of a run's predictions that it did not say yet back then."""
    known = {(m["split"], m["metric"]) for m in run["metrics"]}
    if data is None or experiment.part != "time":
        return []
    found = []
    for split, part in zip(("train", "test"), experiment.parts(data), strict=True):
        for kind, reference in (("energy", part.energies), ("force", part.forces)):
            if f"{kind}_{split}" in arrays:
                for metric, value in errors(kind, arrays[f"{kind}_{split}"], reference).items():
                    if (split, metric) not in known:
                        found.append({"split": split, "metric": metric, "value": value})
    return found


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
        path = folder / "curves" / keep.file_name(experiment.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)


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


def _write_text(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    with open(scratch, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in rows:
            # Seven digits: more than any spread, and the same text on every machine.
            writer.writerow(
                (r.experiment, r.seed, r.split, r.metric, f"{r.value:.7g}", UNITS[r.metric])
            )
    os.replace(scratch, path)
