"""A line of a sweep that is scripts/train.py on a user's data: a folder and a run for each seed."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fitting.config import Config, write_config
from reproduction.engine.job import on_record, reserved
from reproduction.engine.leaves import mark
from reproduction.engine.provenance import ROOT, provenance
from reproduction.engine.schedule import Outcome
from reproduction.engine.store import RunResult, Store
from reproduction.errors import ReproductionError
from reproduction.sweeps.reading import TRAIN, Row

SCRIPT = ROOT / "scripts/train.py"
# Below a sweep's folder.
TRAINED = "trained"


def config_of(row: Row, seed: int) -> Config:
    """Settings of a seed's training. Raises FittingError if a file has gone."""
    return Config(**{**row.config, "seeds": (seed,), "sha256": {}}).with_checksums()


def settings_of(row: Row, seed: int) -> dict:
    """All that a seed's outcome depends on but the code, in JSON types."""
    return {"task": TRAIN, "config": json.loads(json.dumps(asdict(config_of(row, seed))))}


def digest(row: Row, seeds: Sequence[int]) -> str:
    """SHA-256 over the settings of a leaf's trainings."""
    settings = [settings_of(row, seed) for seed in seeds]
    return hashlib.sha256(json.dumps([row.id, settings], sort_keys=True).encode()).hexdigest()


def folder_of(home: Path, row: Row, seed: int) -> Path:
    """Folder of a training, whose name changes with its settings."""
    return home / TRAINED / f"{row.name}-{digest(row, (seed,))[:8]}"


def fits(store: Store, row: Row, seed: int) -> dict | None:
    """run.json of a finished training with the line's settings and data, else None."""
    run = store.read(row.id, seed)
    return run if run and run["settings"] == settings_of(row, seed) else None


def run_leaf(
    home: Path, row: Row, seeds: Sequence[int], store: Store, marker: Path, fresh: bool = False
) -> Outcome:
    """Train, unless that is done, and write the marker unless something failed.

    Args:
        home: folder of the sweep.
        row: the line.
        seeds: of it.
        store: of the sweep's runs, and of its failures.
        marker: file that says that all are done.
        fresh: train again what is done, and from the first step.
    """
    outcome = Outcome()
    with (
        reserved(store, row.experiment, seeds),
        on_record(store, row.experiment, seeds) as unfinished,
    ):
        for seed in seeds:
            name = f"{row.id} seed {seed}"
            if fresh:
                shutil.rmtree(folder_of(home, row, seed), ignore_errors=True)
            elif fits(store, row, seed) and not store.has_failed(row.id, seed):
                outcome.skipped += 1
                continue
            # Whatever older run it has.
            unfinished.seeds.add(seed)
            try:
                _train(home, row, seed, store)
                outcome.made.append(name)
            except ReproductionError as error:
                outcome.failed[name] = str(error)
                store.write_failure(row.id, seed, str(error))
            unfinished.seeds.discard(seed)
        if not outcome.failed:
            mark(marker, digest(row, seeds), row.id, seeds, store)
    return outcome


def _train(home: Path, row: Row, seed: int, store: Store) -> None:
    """Raises ReproductionError if the training ends with an error, in its words."""
    # Here, as it brings TensorFlow, which a leaf that is done need not wait for.
    from fitting.results import SUMMARY

    folder = folder_of(home, row, seed)
    settings = folder.with_name(f"{folder.name}.json")
    settings.parent.mkdir(parents=True, exist_ok=True)
    write_config(config_of(row, seed), settings)
    # A process of its own loads the code as it is now.
    made_by, begin = provenance.__wrapped__(), time.perf_counter()
    command = [sys.executable, str(SCRIPT), "--config", str(settings), "--out", str(folder)]
    done = subprocess.run([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ReproductionError(said[-1].removeprefix("error: "))
    errors = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["errors"]
    metrics = [
        {"split": part, "metric": f"{of['quantity']}_rmse", "value": of["rmse"]}
        for part, all_of in errors.items()
        for of in all_of
        if of["rmse"] is not None  # not finite
    ]
    store.write(
        row.id,
        RunResult(seed, {}),
        {
            "experiment": row.id,
            "seed": seed,
            "settings": settings_of(row, seed),
            "data_sha256": ",".join(config_of(row, seed).sha256.values()),
            "metrics": metrics,
            "ended": "all steps done",
            "seconds_of_group": time.perf_counter() - begin,
            "threads": 1,
            "provenance": made_by,
        },
    )
