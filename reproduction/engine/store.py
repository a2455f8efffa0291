"""Runs on disk: ``runs/<experiment>/seed<k>/``, there whole or not at all."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.files import write_text
from data_gen.locks import Held, held
from keras_models.saving import save_model
from reproduction.engine.experiment import FIVE_SEEDS, Experiment
from reproduction.engine.seal import ARRAYS, MODEL, RUN, Damaged, open_run, sealed
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
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(self.folder))
            except Held:
                raise ReproductionError(
                    f"{self.folder}: another run is writing here; wait for it or stop it"
                ) from None
            self._sweep()
            yield

    def still(self):
        """Keep all runs as they are: none comes, goes or is replaced until the block ends.

        Experiments may be running meanwhile; one that ends waits before its run is put in place.
        """
        return held(self.folder, ".still.lock", wait=True)

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

    def seeds(self, experiment: str) -> list[int]:
        """Of which an experiment has runs, whole or damaged, in order."""
        names = (path.name for path in (self.folder / experiment).glob("seed*") if path.is_dir())
        return sorted(int(n) for name in names if (n := name.removeprefix("seed")).isdecimal())

    def read(self, experiment: str, seed: int) -> dict | None:
        """run.json of a finished run; None where there is none, or one that is damaged."""
        with contextlib.suppress(Damaged):
            return open_run(self.run_folder(experiment, seed), experiment, seed)
        return None

    def damage(self, experiment: str, seed: int) -> str:
        """What is wrong with the files of a run, in one sentence; empty where nothing is."""
        try:
            open_run(self.run_folder(experiment, seed), experiment, seed)
        except Damaged as error:
            return str(error)
        return ""

    def write_failure(self, experiment: str, seed: int, why: str) -> None:
        """Record a failure until the run succeeds."""
        write_text(self._failure(experiment, seed), why + "\n")

    def has_failed(self, experiment: str, seed: int) -> bool:
        """A run failed when it was last tried, though an older one may be there."""
        return self._failure(experiment, seed).is_file()

    def failures(self) -> dict[tuple[str, int], str]:
        """Why runs failed, by experiment and seed, of those that failed when last tried."""
        found = {}
        for path in sorted(self.folder.glob("*/*/seed*.failed")):
            if (seed := path.stem.removeprefix("seed")).isdecimal():
                experiment = path.parent.relative_to(self.folder).as_posix()
                found[experiment, int(seed)] = path.read_text(encoding="utf-8").strip()
        return found

    def forget_failures(self, experiment: str) -> None:
        """Take an experiment's failures off the record, as when it is not wanted any more."""
        for path in (self.folder / experiment).glob("seed*.failed"):
            path.unlink(missing_ok=True)

    def _failure(self, experiment: str, seed: int) -> Path:
        folder = self.run_folder(experiment, seed)
        return folder.with_name(f"{folder.name}.failed")

    def arrays(self, experiment: str, seed: int) -> dict[str, np.ndarray]:
        """Predictions and curves of a finished run."""
        with np.load(self.run_folder(experiment, seed) / ARRAYS) as stored:
            return dict(stored)

    def fits(self, experiment: Experiment, seed: int, data_sha256: str) -> dict | None:
        """run.json of a finished run of these settings on these data, else None."""
        run = self.read(experiment.id, seed)
        return run if run and not self._other(run, experiment, seed, data_sha256) else None

    def why_not(self, experiment: Experiment, seed: int, data_sha256: str) -> str:
        """In a few words, why :meth:`fits` gives no run; empty where it gives one."""
        if why := self.damage(experiment.id, seed):
            return f"damaged ({why})"
        run = self.read(experiment.id, seed)
        return self._other(run, experiment, seed, data_sha256) if run else "not run"

    def _other(self, run: dict, experiment: Experiment, seed: int, data_sha256: str) -> str:
        """In what a run is another one than is wanted."""
        if run.get("data_sha256") != data_sha256:
            return "of other data"
        if run.get("settings") != experiment.settings():
            return "of other settings"
        if run.get("used_models", "") != self.used_models(experiment, seed):
            return "of models that were trained anew since"
        return ""

    def used_models(self, experiment: Experiment, seed: int) -> str:
        """SHA-256 over the trained models that a run uses; empty where it uses none.

        Over those that are there of all seeds that rows have, not only of the run's own. Models of
        seeds beside those do not count, so that none of the rows' runs is made again after them.
        """
        if not experiment.models_of:
            return ""
        digest = hashlib.sha256()
        count = {f"seed{k}" for k in (*FIVE_SEEDS, seed)}
        for path in sorted((self.folder / experiment.models_of).glob(f"seed*/{MODEL}")):
            if path.parent.name in count:
                digest.update(path.parent.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def unusable_model(self, experiment: Experiment, seeds: Iterable[int]) -> str:
        """What is wrong with the runs whose models an experiment uses; empty where nothing is."""
        used = sorted({*FIVE_SEEDS, *seeds}) if experiment.models_of else ()
        return next((why for k in used if (why := self.damage(experiment.models_of, k))), "")

    def write(self, experiment: str, result: RunResult, run: dict) -> None:
        """Keep a finished run: written beside its place, then renamed into it."""
        final = self.run_folder(experiment, result.seed)
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".seed{result.seed}.", dir=final.parent))
        try:
            arrays = dict(result.arrays)
            for name, (train, test) in result.predictions.items():
                arrays[f"{name}_train"], arrays[f"{name}_test"] = train, test
            np.savez_compressed(scratch / ARRAYS, **arrays)
            if result.model is not None:
                save_model(
                    result.model,
                    scratch / MODEL,
                    run["elements"],
                    experiment=experiment,
                    seed=result.seed,
                )
            text = json.dumps(sealed(run, scratch), indent=1, ensure_ascii=False)
            (scratch / RUN).write_text(text + "\n", encoding="utf-8")
            with self.still():
                if final.exists():
                    os.replace(final, tempfile.mkdtemp(prefix=scratch.name, dir=final.parent))
                os.replace(scratch, final)
            self._failure(experiment, result.seed).unlink(missing_ok=True)
        finally:
            for path in final.parent.glob(f"{scratch.name}*"):
                shutil.rmtree(path, ignore_errors=True)


def finite(values) -> bool:
    """All numbers of an iterable are finite."""
    return all(math.isfinite(value) for value in values)
