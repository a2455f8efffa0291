"""Runs on disk: ``runs/<experiment>/seed<k>/``, there whole or not at all."""

import contextlib
import fcntl
import hashlib
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_models.saving import save_model
from reproduction.engine.completion import completed
from reproduction.engine.experiment import Experiment
from reproduction.errors import ReproductionError


@dataclass
class RunResult:
    """What one (experiment, seed) came to.

    Attributes:
        seed: its seed.
        predictions: "energy" and, where the model has them, "force": a (train, test) pair of
            arrays in eV and eV/Å. Their errors are taken when results are gathered.
        metrics: {(split, metric): value} that only the run knows, such as ("", "train_seconds").
        arrays: what figures need besides, such as learning curves.
        info: how training ended and the like, for run.json.
        model: a Keras model to keep, or None.
    """

    seed: int
    predictions: dict[str, tuple[np.ndarray, np.ndarray]]
    metrics: dict[tuple[str, str], float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    model: Any = None


class Store:
    """The runs below one folder.

    Raises:
        ReproductionError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"0" * 4096)
        except OSError as error:
            raise ReproductionError(
                f"{self.folder}: cannot be written to ({error.strerror})"
            ) from None

    @contextlib.contextmanager
    def locked(self):
        """Hold the folder: two programs must not run experiments into one folder.

        Raises:
            ReproductionError: another one holds it.
        """
        with open(self.folder / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ReproductionError(
                    f"{self.folder}: another run is writing here; wait for it or stop it"
                ) from None
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a killed program left half-written."""
        for pattern in ("*/*/.seed*", "*/*/.checkpoint*.tmp.npz"):
            for path in self.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def run_folder(self, experiment: str, seed: int) -> Path:
        """Where a run is, or would be."""
        return self.folder / experiment / f"seed{seed}"

    def checkpoint(self, experiment: str, seeds: tuple[int, ...]) -> Path:
        """Where a group of unfinished runs keeps its state."""
        return self.folder / experiment / f".checkpoint-{'-'.join(map(str, seeds))}.npz"

    def read(self, experiment: str, seed: int) -> dict | None:
        """run.json of a finished run; None where there is none that can be read."""
        try:
            text = (self.run_folder(experiment, seed) / "run.json").read_text(encoding="utf-8")
            return completed(json.loads(text))
        except (OSError, ValueError):
            return None

    def write_failure(self, experiment: str, seed: int, why: str) -> None:
        """Record a failure until the run succeeds."""
        path = self.folder / experiment / f"seed{seed}.failed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(why + "\n", encoding="utf-8")

    def failures(self) -> dict[str, str]:
        """Why runs failed, by name, of those that failed when last tried."""
        return {
            f"{path.parent.relative_to(self.folder)} {path.stem}": path.read_text().strip()
            for path in sorted(self.folder.glob("*/*/seed*.failed"))
        }

    def arrays(self, experiment: str, seed: int) -> dict[str, np.ndarray]:
        """Predictions and curves of a finished run."""
        with np.load(self.run_folder(experiment, seed) / "arrays.npz") as stored:
            return dict(stored)

    def fits(self, experiment: Experiment, seed: int, data_sha256: str) -> dict | None:
        """run.json of a finished run of these settings on these data, else None."""
        run = self.read(experiment.id, seed)
        wanted = {"settings": experiment.settings(), "data_sha256": data_sha256}
        if experiment.models_of:
            wanted["used_models"] = self.models_checksum(experiment.models_of)
        whole = (self.run_folder(experiment.id, seed) / "arrays.npz").is_file()
        # A run.json of an older form lacks what is asked of it later.
        if run and whole and "code_sha256" in run and wanted.items() <= run.items():
            return run
        return None

    def models_checksum(self, experiment: str) -> str:
        """SHA-256 over the trained models of an experiment that are there."""
        digest = hashlib.sha256()
        for path in sorted((self.folder / experiment).glob("seed*/model.keras")):
            digest.update(path.parent.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def write(self, experiment: str, result: RunResult, run: dict) -> None:
        """Keep a finished run: written beside its place, then renamed into it."""
        final = self.run_folder(experiment, result.seed)
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".seed{result.seed}.", dir=final.parent))
        try:
            arrays = dict(result.arrays)
            for name, (train, test) in result.predictions.items():
                arrays[f"{name}_train"], arrays[f"{name}_test"] = train, test
            np.savez_compressed(scratch / "arrays.npz", **arrays)
            if result.model is not None:
                save_model(
                    result.model,
                    scratch / "model.keras",
                    run["elements"],
                    experiment=experiment,
                    seed=result.seed,
                )
            (scratch / "run.json").write_text(
                json.dumps(run, indent=1, ensure_ascii=False, default=_plain) + "\n"
            )
            if final.exists():
                shutil.rmtree(final)
            os.replace(scratch, final)
            final.with_name(f"{final.name}.failed").unlink(missing_ok=True)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _plain(value):
    """NumPy scalars for JSON."""
    return value.item() if isinstance(value, np.generic) else str(value)


def finite(values) -> bool:
    """All numbers of an iterable are finite."""
    return all(math.isfinite(value) for value in values)
