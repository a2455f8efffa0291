"""Part b of the audit: is results/ whole? Every row with its seeds, its files and its origin."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from checks.audit.errors import Numbers, files
from data_gen.splits import IN_TIME_ORDER
from keras_models.settings import AdamSettings
from reproduction.engine.checkout import NO_CHECKOUT
from reproduction.sections import EXPERIMENTS
from reproduction.show.metrics import UNITS
from reproduction.show.stale import SETTINGS, settings_checksum

# Tasks with test errors but without predictions that are stored.
NOT_STORED = ("trivial", "uncertainty")
# Numbers that some seeds of a task may lack: of a crystal, if the model has no minimum there.
MAY_LACK = {
    "transfer": (
        "lattice_constant",
        "bulk_modulus",
        "vacancy_energy",
        "surface_energy_111",
        "surface_energy_100",
    )
}
SHA256, COMMIT = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{40}")
# Of what a run was made from, and of itself.
SUMS = ("data_sha256", "code_sha256", SETTINGS, "run_sha256")


def wrong_seeds(numbers: Numbers) -> tuple[int, list[str]]:
    """Number of rows, and messages on those that have other seeds than the registry says."""
    of_row: dict[str, dict[tuple[int, ...], str]] = {}
    for (experiment, split, metric), seeds in numbers.items():
        known = EXPERIMENTS.get(experiment)
        some = known and metric in MAY_LACK.get(known.task, ())
        if some and set(seeds) < set(known.seeds):
            continue
        of_row.setdefault(experiment, {})[tuple(sorted(seeds))] = f"{split} {metric}".strip()
    faults = [f"{row}: there is no such row" for row in of_row if row not in EXPERIMENTS]
    for row, experiment in EXPERIMENTS.items():
        for seeds, metric in of_row.get(row, {(): "no numbers"}).items():
            if seeds != tuple(sorted(experiment.seeds)):
                there = ", ".join(map(str, seeds)) or "none"
                wanted = ", ".join(map(str, experiment.seeds))
                faults.append(f"{row}: {metric} of seeds {there}, not of {wanted}")
    return len(EXPERIMENTS), faults


def missing_files(results: Path, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of rows with predictions or curves, and messages on those whose file is missing."""
    stored = {name: files(results / name, numbers) for name in ("predictions", "curves")}
    wanted = [(kind, row) for row in EXPERIMENTS for kind in _files_of(row, numbers)]
    faults = [f"{row}: no file in {kind}/" for kind, row in wanted if row not in stored[kind]]
    return len(wanted), faults


def _files_of(row: str, numbers: Numbers) -> Iterator[str]:
    """Folders in which a row has a file of arrays; none for rows over several trajectories."""
    experiment = EXPERIMENTS[row]
    if experiment.trajectories:
        return
    errors = {metric for name, split, metric in numbers if name == row and split == "test"}
    if (
        errors & {"energy_rmse", "force_rmse"}
        and experiment.partition in IN_TIME_ORDER
        and experiment.task not in NOT_STORED
    ):
        yield "predictions"
    if errors & {"energy_rmse_late", "force_rmse_late"}:
        yield "curves"


def incomplete(path: Path, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of RMSEs, and messages on those without the errors that belong to them, or their unit.

    Beside each on the parts stand the mean absolute and the largest error, of energies the mean
    error and the slope too, and where Adam trained, the median of the last quarter.
    """
    faults, total = [], 0
    for row, split, metric in numbers:
        kind = metric.removesuffix("_rmse")
        if kind not in ("energy", "force") or kind == metric or split not in ("train", "test"):
            continue
        total += 1
        beside = [f"{kind}_mae", f"{kind}_max"]
        if kind == "energy":
            beside += ["energy_bias", "energy_slope"]
        experiment = EXPERIMENTS.get(row)
        if split == "test" and experiment and isinstance(experiment.training, AdamSettings):
            beside.append(f"{metric}_late")
        faults += [f"{row}: no {split} {x}" for x in beside if (row, split, x) not in numbers]
    with open(path, newline="", encoding="utf-8") as file:
        units = {(line["metric"], line["unit"]) for line in csv.DictReader(file)}
    faults += [f"{metric} in {unit}" for metric, unit in units if UNITS.get(metric) != unit]
    return total, sorted(faults)


def repeated_seeds(numbers: Numbers) -> tuple[int, list[str]]:
    """Number of rows with several seeds, and messages on those of which two have the same errors.

    Seeds of what no seed changes do; of a row over trajectories, these differ.
    """
    faults, total = [], 0
    for (row, split, metric), seeds in numbers.items():
        experiment = EXPERIMENTS.get(row)
        if experiment is None or experiment.deterministic or len(seeds) == 1:
            continue
        if split == "test" and metric in ("energy_rmse", "force_rmse"):
            total += 1
            if len(set(seeds.values())) < len(seeds):
                faults.append(f"{row}: two seeds have the same {split} {metric}")
    return total, faults


def wrong_origins(results: Path) -> tuple[int, list[str]]:
    """Number of runs in provenance.json, and messages on those that are missing or cannot be.

    Rows on one dataset are of one trajectory, by its checksum. Settings are those of the registry.
    """
    about = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    faults = [f"{row}: there is no such row" for row in about if row not in EXPERIMENTS]
    data: dict[str, dict[str, str]] = {}
    runs_seen: dict[str, str] = {}
    total = 0
    for row, experiment in EXPERIMENTS.items():
        runs = about.get(row, {})
        if sorted(map(int, runs)) != sorted(experiment.seeds):
            faults.append(f"{row}: provenance of seeds {', '.join(runs) or 'none'}")
        for seed, run in runs.items():
            total += 1
            broken = [name for name in SUMS if not SHA256.fullmatch(str(run.get(name)))]
            if not COMMIT.fullmatch(str(run.get("commit"))) and run.get("commit") != NO_CHECKOUT:
                broken.append("commit")
            faults += [f"{row} seed {seed}: {name} is {run.get(name)}" for name in broken]
            own = settings_checksum(experiment.of_seed(int(seed)).settings())
            if run.get(SETTINGS) != own:
                faults.append(f"{row} seed {seed}: it is of other settings than the row has")
            if (sum_ := run.get("run_sha256")) is not None:
                if sum_ in runs_seen:
                    faults.append(f"{row} seed {seed}: the run of {runs_seen[sum_]} again")
                runs_seen[sum_] = f"{row} seed {seed}"
            name = experiment.of_seed(int(seed)).dataset
            data.setdefault(name, {}).setdefault(str(run.get("data_sha256")), f"{row} seed {seed}")
    for name, sums in data.items():
        if len(sums) > 1:
            faults.append(f"data of {name} differ: {', '.join(sums.values())}")
    return total, faults
