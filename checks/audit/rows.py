"""Part b of the audit: is results/ whole? Every row with its seeds, its files and its origin."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from checks.audit.errors import Numbers, files
from data_gen.splits import IN_TIME_ORDER
from reproduction.engine.checkout import NO_CHECKOUT
from reproduction.sections import EXPERIMENTS

# Tasks with test errors but without predictions that are stored.
NOT_STORED = ("trivial", "uncertainty")
SHA256, COMMIT = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{40}")
# Runs from before 0.2.0 have no checksums of their own and of their settings.
SUMS, LATER_SUMS = ("data_sha256", "code_sha256"), ("run_sha256", "settings_sha256")


def wrong_seeds(numbers: Numbers) -> tuple[int, list[str]]:
    """Number of rows, and messages on those that have other seeds than the registry says."""
    of_row: dict[str, dict[tuple[int, ...], str]] = {}
    for (experiment, split, metric), seeds in numbers.items():
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


def wrong_origins(results: Path) -> tuple[int, list[str]]:
    """Number of runs in provenance.json, and messages on those that are missing or cannot be.

    Rows on one dataset are of one trajectory, by its checksum.
    """
    about = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    faults = [f"{row}: there is no such row" for row in about if row not in EXPERIMENTS]
    data: dict[str, dict[str, str]] = {}
    total = 0
    for row, experiment in EXPERIMENTS.items():
        runs = about.get(row, {})
        if sorted(map(int, runs)) != sorted(experiment.seeds):
            faults.append(f"{row}: provenance of seeds {', '.join(runs) or 'none'}")
        for seed, run in runs.items():
            total += 1
            sums = [*SUMS, *(name for name in LATER_SUMS if name in run)]
            broken = [name for name in sums if not SHA256.fullmatch(str(run.get(name)))]
            if not COMMIT.fullmatch(str(run.get("commit"))) and run.get("commit") != NO_CHECKOUT:
                broken.append("commit")
            faults += [f"{row} seed {seed}: {name} is {run.get(name)}" for name in broken]
            name = experiment.of_seed(int(seed)).dataset
            data.setdefault(name, {}).setdefault(str(run.get("data_sha256")), f"{row} seed {seed}")
    for name, sums in data.items():
        if len(sums) > 1:
            faults.append(f"data of {name} differ: {', '.join(sums.values())}")
    return total, faults
