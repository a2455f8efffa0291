"""Storage of runs in ``runs/<experiment>/seed<k>/``, each written atomically."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
import uuid
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

# Of a run: id of its experiment, and seed.
Run = tuple[str, int]


@dataclass
class RunResult:
    """Result of running an experiment with one seed.

    Attributes:
        seed: of this run.
        predictions: {"energy" or "force": (train, test)}, the quantities that the model
            predicts, in eV and eV/Å. Their errors are computed when results are gathered.
        metrics: {(split, metric): value} that can only be measured during the run, such as
            ("", "train_seconds").
        arrays: other data for figures, such as learning curves.
        info: entries of run.json, such as how training ended.
        model: the Keras model to store, or None.
        references: {symbol: eV} to be added to the model's energies, or None.
    """

    seed: int
    predictions: dict[str, tuple[np.ndarray, np.ndarray]]
    metrics: dict[tuple[str, str], float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    model: Any = None
    references: dict[str, float] | None = None


class Store:
    """A folder of runs.

    Raises:
        ReproductionError: the folder cannot be created or written to.
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
        """Lock the folder, so that only one program runs experiments into it.

        Raises:
            ReproductionError: another program has locked it.
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

    @contextlib.contextmanager
    def reserved(self, wanted: Iterable[Run], used: Iterable[Run] = ()):
        """Lock some runs, so that other programs may do others in the same folder meanwhile.

        It waits for programs that do the same runs, or make the models that are used.

        Args:
            wanted: (experiment, seed) of the runs that are made.
            used: of the runs whose models are used; others may use them, too.

        Raises:
            ReproductionError: another program has locked the whole folder.
        """
        wanted = set(wanted)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(self.folder, shared=True))
            except Held:
                raise ReproductionError(
                    f"{self.folder}: another command has the whole folder; wait for it or stop it"
                ) from None
            # In one order, lest two programs wait for each other.
            for experiment, seed in sorted(wanted | set(used)):
                others = (experiment, seed) not in wanted
                folder, name = self.folder / experiment, f".lock-seed{seed}"
                stack.enter_context(held(folder, name, wait=True, shared=others))
            self._sweep_of(wanted)
            yield

    def still(self):
        """Freeze the runs: none is added, removed or replaced until the block ends.

        Experiments may go on meanwhile; one that finishes waits before it stores its run.
        """
        return held(self.folder, ".still.lock", wait=True)

    def _sweep(self) -> None:
        """Remove what a killed program left half written."""
        for pattern in ("*/*/.seed*", "*/*/.checkpoint*.tmp.npz"):
            for path in self.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _sweep_of(self, runs: set[Run]) -> None:
        """The same of some runs only: what is half written of others may be in work."""
        for experiment in {name for name, _ in runs}:
            own = {str(seed) for name, seed in runs if name == experiment}
            folder = self.folder / experiment
            for path in folder.glob(".seed*"):
                if path.name.split(".")[1].removeprefix("seed") in own:
                    shutil.rmtree(path)
            for path in folder.glob(".checkpoint-*.tmp.npz"):
                group = path.name.split(".")[1].removeprefix("checkpoint-").split("-of-")[0]
                if set(group.split("-")) <= own:
                    path.unlink()

    def run_folder(self, experiment: str, seed: int) -> Path:
        """Folder of a run, whether or not it exists."""
        return self.folder / experiment / f"seed{seed}"

    def checkpoint(self, experiment: str, seeds: tuple[int, ...]) -> Path:
        """Checkpoint file of a group of unfinished runs, whether or not it exists."""
        return self.folder / experiment / f".checkpoint-{'-'.join(map(str, seeds))}.npz"

    def seeds(self, experiment: str) -> list[int]:
        """Sorted seeds of an experiment's runs, including damaged ones."""
        names = (path.name for path in (self.folder / experiment).glob("seed*") if path.is_dir())
        return sorted(int(n) for name in names if (n := name.removeprefix("seed")).isdecimal())

    def read(self, experiment: str, seed: int) -> dict | None:
        """run.json of a finished run; None if the run is missing or damaged."""
        with contextlib.suppress(Damaged):
            return open_run(self.run_folder(experiment, seed), experiment, seed)
        return None

    def damage(self, experiment: str, seed: int) -> str:
        """What is wrong with the files of a run, in one sentence; empty if nothing is."""
        try:
            open_run(self.run_folder(experiment, seed), experiment, seed)
        except Damaged as error:
            return str(error)
        return ""

    def write_failure(self, experiment: str, seed: int, why: str) -> None:
        """Record a failure until the run succeeds."""
        write_text(self._failure(experiment, seed), why + "\n")

    def has_failed(self, experiment: str, seed: int) -> bool:
        """Whether the last attempt at a run failed; an older run may exist all the same."""
        return self._failure(experiment, seed).is_file()

    def failures(self) -> dict[tuple[str, int], str]:
        """Runs that failed at the last attempt: {(experiment, seed): why}."""
        found = {}
        for path in sorted(self.folder.glob("*/*/seed*.failed")):
            if (seed := path.stem.removeprefix("seed")).isdecimal():
                experiment = path.parent.relative_to(self.folder).as_posix()
                found[experiment, int(seed)] = path.read_text(encoding="utf-8").strip()
        return found

    def forget_failures(self, experiment: str) -> None:
        """Delete the record of an experiment's failures, as when it is no longer wanted."""
        for path in (self.folder / experiment).glob("seed*.failed"):
            path.unlink(missing_ok=True)

    def _failure(self, experiment: str, seed: int) -> Path:
        folder = self.run_folder(experiment, seed)
        return folder.with_name(f"{folder.name}.failed")

    def arrays(self, experiment: str, seed: int) -> dict[str, np.ndarray]:
        """Predictions, curves and other arrays of a finished run, by name."""
        with np.load(self.run_folder(experiment, seed) / ARRAYS) as stored:
            return dict(stored)

    def fits(self, experiment: Experiment, seed: int, data_sha256: str) -> dict | None:
        """run.json of a finished run with the experiment's settings on these data, else None."""
        run = self.read(experiment.id, seed)
        return run if run and not self._other(run, experiment, seed, data_sha256) else None

    def why_not(self, experiment: Experiment, seed: int, data_sha256: str) -> str:
        """In a few words, why :meth:`fits` returns None; empty if it returns a run."""
        if why := self.damage(experiment.id, seed):
            return f"damaged ({why})"
        run = self.read(experiment.id, seed)
        return self._other(run, experiment, seed, data_sha256) if run else "not run"

    def _other(self, run: dict, experiment: Experiment, seed: int, data_sha256: str) -> str:
        """In what respect a run is not the wanted one; empty if it is."""
        if run.get("data_sha256") != data_sha256:
            return "on other data"
        if run.get("settings") != experiment.settings():
            return "with other settings"
        if run.get("used_models", "") != self.used_models(experiment, seed):
            return "with models that were retrained since"
        return ""

    def used_models(self, experiment: Experiment, seed: int) -> str:
        """SHA-256 over the trained models that a run may use; empty if it uses none.

        It covers the models of the default seeds as far as they exist, and of the run's own seed.
        Models of further seeds are left out, so that adding them does not invalidate runs.
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
        """What is wrong with the first damaged run whose model is used; empty if none is damaged.

        A run that does not exist is not damaged.
        """
        used = sorted({*FIVE_SEEDS, *seeds}) if experiment.models_of else ()
        return next((why for k in used if (why := self.damage(experiment.models_of, k))), "")

    def write(self, experiment: str, result: RunResult, run: dict) -> None:
        """Store a finished run atomically, in place of an earlier one.

        Args:
            experiment: its id.
            result: arrays and model of the run.
            run: content of run.json, without checksums.
        """
        final = self.run_folder(experiment, result.seed)
        final.parent.mkdir(parents=True, exist_ok=True)
        # Of the rights that a folder here has, unlike tempfile's.
        scratch = final.parent / f".seed{result.seed}.{uuid.uuid4().hex}"
        scratch.mkdir()
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
                    result.references,
                    atoms=run["atoms"],
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
    """Whether all numbers of an iterable are finite."""
    return all(math.isfinite(value) for value in values)
