"""Running one group of seeds of an experiment, from its data to its folders in the store."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from amp_baseline.errors import AmpError
from data_gen.dataset import Dataset
from data_gen.errors import DataError
from data_gen.origin import load_made
from reproduction.engine.experiment import DataSource, Experiment
from reproduction.engine.provenance import code_checksum, provenance
from reproduction.engine.store import RunResult, Store, finite
from reproduction.errors import ReproductionError


@dataclass(frozen=True)
class Work:
    """A unit of work for a worker: one group of seeds of one experiment."""

    experiment: Experiment
    seeds: tuple[int, ...]
    quick: bool = False

    @property
    def name(self) -> str:
        """Name for messages, such as "table4/eq2 seeds 0, 1"."""
        seeds = ", ".join(map(str, self.seeds))
        return f"{self.experiment.id} seed{'s' if len(self.seeds) > 1 else ''} {seeds}"


def load_dataset(folder: Path, source: DataSource) -> Dataset:
    """Load a trajectory from the data folder.

    Raises:
        DataError: the data are missing or unusable, or were not made as the source says.
    """
    return load_made(folder / f"{source.name}.traj", source.origin)


def checksums(folder: Path, experiments: Sequence[Experiment]) -> dict[str, str]:
    """Checksums of the datasets that experiments need, by name, as far as these are there.

    Raises:
        DataError: none is there, or one is unusable or too small for an experiment's split.
    """
    needed = {source.name: source for e in experiments for source in e.sources}
    there = [name for name in needed if (folder / f"{name}.traj").exists()]
    loaded = {name: load_dataset(folder, needed[name]) for name in there or needed}
    for experiment in experiments:
        for source in experiment.sources:
            if source.name in loaded:
                experiment.folds(loaded[source.name])
    return {name: data.checksum() for name, data in loaded.items()}


def explain(error: Exception) -> str:
    """One sentence for an exception that the user can act on; a traceback for a bug."""
    if isinstance(error, (ReproductionError, DataError, AmpError)):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        return f"cannot read or write {error.filename or 'a result'} ({error.strerror})"
    return "".join(traceback.format_exception(error)).strip()


def do(
    work: Work, data: Dataset, store: Store, report: Callable[[float, str], None]
) -> dict[int, str]:
    """Run one group in this process and store its runs; returns why seeds failed, by seed.

    If the partition has several folds, a model is trained for each. A group interrupted in its
    first fold resumes from its checkpoint; interrupted in a later one, it starts from scratch.
    """
    from reproduction.engine.tasks import perform
    from reproduction.engine.tasks.common import Job

    experiment = work.experiment
    # Of the code that is loaded now: a checkout may change while a long run goes on.
    made_by, code_sha256 = provenance(), code_checksum(experiment.task)
    if why := store.unusable_model(experiment, work.seeds):
        why = f"needs the models of {experiment.models_of}: run that again ({why})"
        return dict.fromkeys(work.seeds, why)
    parts = experiment.folds(data)
    data_sha256 = data.checksum()
    checkpoint = store.checkpoint(experiment.id, work.seeds)
    begin = time.perf_counter()
    of_folds = []
    for k, (train, test) in enumerate(parts):
        # No block may resume from the checkpoint of another.
        block = f" block {k + 1}" if len(parts) > 1 else ""
        job = Job(
            experiment,
            work.seeds,
            train,
            test,
            data_sha256 + block,
            checkpoint,
            store.folder,
            lambda done, text, k=k, block=block: report((k + done) / len(parts), text + block),
        )
        of_folds.append(perform(job))
    results = [pooled(of_seed) for of_seed in zip(*of_folds, strict=True)]
    seconds = time.perf_counter() - begin
    failures = {}
    for seed, result in zip(work.seeds, results, strict=True):
        if isinstance(result, RunResult) and not _is_finite(result):
            result = ReproductionError("its predictions or metrics are not finite")
        if isinstance(result, Exception):
            failures[seed] = explain(result)
            continue
        store.write(
            experiment.id,
            result,
            {
                "experiment": experiment.id,
                "seed": seed,
                "elements": [chemical_symbols[z] for z in sorted(set(data.numbers.tolist()))],
                "atoms": len(data.numbers),
                "quick": work.quick,
                "settings": experiment.settings(),
                "data_sha256": data_sha256,
                "parts_sha256": [part.checksum() for part in joined(data, parts)],
                "code_sha256": code_sha256,
                **_used(experiment, result.seed, store),
                "metrics": [
                    {"split": split, "metric": metric, "value": float(value)}
                    for (split, metric), value in result.metrics.items()
                ],
                "seconds_of_group": seconds,
                "threads": 1,
                **result.info,
                "provenance": made_by,
            },
        )
    checkpoint.unlink(missing_ok=True)
    return failures


def joined(data: Dataset, parts: Sequence[tuple[Dataset, Dataset]]) -> tuple[Dataset, Dataset]:
    """The training parts of all folds concatenated, and likewise the test parts."""
    return tuple(
        data[np.concatenate([part.metadata["frames"] for part in side])]
        for side in zip(*parts, strict=True)
    )


def pooled(results: Sequence):
    """Combine one seed's results for all folds into one run, their predictions concatenated.

    Curves are stacked along a new last axis; seconds are summed; models are dropped, and so are
    other metrics in which folds differ, which :mod:`reproduction.show.gather` computes from the
    predictions, if at all. If a fold failed, its exception is returned.
    """
    if len(results) == 1:
        return results[0]
    for result in results:
        if isinstance(result, Exception):
            return result
    first = results[0]
    metrics = {
        key: sum(r.metrics[key] for r in results) if key[1].endswith("seconds") else value
        for key, value in first.metrics.items()
        if key[1].endswith("seconds") or all(r.metrics[key] == value for r in results)
    }
    return RunResult(
        first.seed,
        {
            kind: tuple(
                map(np.concatenate, zip(*(r.predictions[kind] for r in results), strict=True))
            )
            for kind in first.predictions
        },
        metrics,
        {
            name: array
            if name == "curve_epochs"
            else np.stack([r.arrays[name] for r in results], axis=-1)
            for name, array in first.arrays.items()
        },
        {"ended": first.info["ended"], "folds": [r.info for r in results]},
    )


def _used(experiment: Experiment, seed: int, store: Store) -> dict[str, str]:
    """Checksum of the trained models that a run used: if they change, the run is outdated."""
    used = store.used_models(experiment, seed)
    return {"used_models": used} if used else {}


def _is_finite(result: RunResult) -> bool:
    predictions = [array for parts in result.predictions.values() for array in parts]
    return finite(result.metrics.values()) and all(np.isfinite(p).all() for p in predictions)
