"""Runs experiments in worker processes, one thread each, and keeps what they give.

Two processes of one thread each do more than one of two threads: the models are small
(``make benchmark`` measures both).
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from amp_baseline.errors import AmpError
from data_gen.dataset import Dataset, load
from data_gen.errors import DataError
from data_gen.splits import folds
from reproduction.engine.provenance import code_checksum, provenance
from reproduction.engine.store import RunResult, Store, finite
from reproduction.errors import Interrupted, ReproductionError
from reproduction.sections.registry import Experiment
from reproduction.show.metrics import errors

REPORT_SECONDS = 0.2


@dataclass(frozen=True)
class Work:
    """One group of seeds of one experiment, as it is sent to a worker."""

    experiment: Experiment
    seeds: tuple[int, ...]
    quick: bool = False

    @property
    def name(self) -> str:
        """For people."""
        seeds = ", ".join(map(str, self.seeds))
        return f"{self.experiment.id} seed{'s' if len(self.seeds) > 1 else ''} {seeds}"


@dataclass
class Outcome:
    """What a call of :func:`run` did: runs made, runs that were there, failures by name."""

    made: list[str] = field(default_factory=list)
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    older_code: list[str] = field(default_factory=list)


class Listener:
    """Hears of progress; the base class ignores it."""

    def started(self, work: Work) -> None:
        """A group begins."""

    def progress(self, work: Work, fraction: float, text: str) -> None:
        """A group is this far."""

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        """A group is done; failures by seed."""


def load_dataset(folder: Path, name: str) -> Dataset:
    """A dataset of the registry from the data folder. Raises DataError."""
    return load(folder / f"{name}.traj")


def plan(
    experiments: Sequence[Experiment],
    store: Store,
    checksums: dict[str, str],
    seeds: Sequence[int] | None = None,
    fresh: bool = False,
    quick: bool = False,
) -> tuple[list[Work], Outcome]:
    """What is left to do, and what is there already.

    Args:
        experiments: wanted.
        store: of their runs.
        checksums: of each dataset.
        seeds: instead of each experiment's own.
        fresh: do all again.
        quick: passed on to run.json.
    """
    work, outcome = [], Outcome()
    for experiment in experiments:
        code = code_checksum(experiment.task)
        missing = []
        # Where nothing is random, other seeds would be the same again.
        own = seeds is None or experiment.nothing_random
        for seed in experiment.seeds if own else sorted(set(seeds)):
            run = None
            if not fresh:
                run = store.fits(experiment, seed, checksums[experiment.dataset])
            if run is None:
                missing.append(seed)
            else:
                outcome.skipped += 1
                if run["code_sha256"] != code:
                    outcome.older_code.append(f"{experiment.id} seed {seed}")
        for k in range(0, len(missing), experiment.lanes):
            group = tuple(missing[k : k + experiment.lanes])
            if fresh:
                store.checkpoint(experiment.id, group).unlink(missing_ok=True)
            work.append(Work(experiment, group, quick))
    return work, outcome


def run(
    work: Sequence[Work],
    outcome: Outcome,
    store: Store,
    data_folder: Path,
    workers: int,
    listener: Listener,
) -> Outcome:
    """Do the work; one failure does not stop the others.

    On Ctrl-C the workers keep a checkpoint of what they were at, and KeyboardInterrupt is
    raised again.
    """
    context = multiprocessing.get_context("spawn")
    queue = deque(work)
    pool: dict[Connection, tuple] = {}

    def start_worker() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_worker, args=(theirs, str(store.folder), str(data_folder)), daemon=True
        )
        process.start()
        theirs.close()
        pool[ours] = (process, None)
        give(ours)

    def give(connection: Connection) -> None:
        process, _ = pool[connection]
        item = queue.popleft() if queue else None
        pool[connection] = (process, item)
        connection.send(item)
        if item:
            listener.started(item)
        else:
            del pool[connection]
            process.join()

    def finish(item: Work, failures: dict[int, str]) -> None:
        for seed in item.seeds:
            name = f"{item.experiment.id} seed {seed}"
            if seed in failures:
                outcome.failed[name] = failures[seed]
                with contextlib.suppress(OSError):  # the disk may be what failed
                    store.write_failure(item.experiment.id, seed, failures[seed])
            else:
                outcome.made.append(name)
        listener.ended(item, failures)

    # Before NumPy loads in a worker: its threads are counted then.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    try:
        for _ in range(min(workers, len(queue))):
            start_worker()
        while pool:
            for connection in wait(list(pool)):
                process, item = pool[connection]
                try:
                    kind, *message = connection.recv()
                except (EOFError, ConnectionResetError):
                    process.join()
                    del pool[connection]
                    why = f"its process died (exit status {process.exitcode})"
                    finish(item, dict.fromkeys(item.seeds, why))
                    if queue:
                        start_worker()
                    continue
                if kind == "progress":
                    listener.progress(item, *message)
                else:
                    finish(item, message[0])
                    give(connection)
    except KeyboardInterrupt:
        _stop(pool)
        raise
    return outcome


def _stop(pool: dict) -> None:
    """Ask workers to keep their state and end; insist after a while."""
    for process, _ in pool.values():
        if process.is_alive():
            os.kill(process.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 15
    for process, _ in pool.values():
        process.join(max(0.1, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()


def _worker(connection: Connection, store_folder: str, data_folder: str) -> None:
    """The life of a worker: take work, do it, say how it went."""
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    parent = multiprocessing.parent_process()
    # A parent that is killed cannot say so: without it, nobody wants the rest.
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    from keras_models.backend import tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    store = Store(Path(store_folder))
    datasets: dict[str, Dataset] = {}
    while (work := connection.recv()) is not None:
        name = work.experiment.dataset
        try:
            if name not in datasets:
                datasets[name] = load_dataset(Path(data_folder), name)
            failures = do(work, datasets[name], store, _reporter(connection, stop))
        except Interrupted:
            return
        except Exception as error:
            failures = dict.fromkeys(work.seeds, explain(error))
        connection.send(("done", failures))


def _reporter(connection: Connection, stop: threading.Event) -> Callable[[float, str], None]:
    """Send progress, not too often; raise when the parent wants an end."""
    last = 0.0

    def report(fraction: float, text: str) -> None:
        nonlocal last
        if stop.is_set():
            raise Interrupted
        now = time.monotonic()
        if now - last > REPORT_SECONDS or fraction in (0.0, 1.0):
            last = now
            connection.send(("progress", fraction, text))

    return report


def explain(error: Exception) -> str:
    """One sentence for an error that is the user's to mend; a traceback for one that is ours."""
    if isinstance(error, (ReproductionError, DataError, AmpError)):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        return f"cannot read or write {error.filename or 'a result'} ({error.strerror})"
    return "".join(traceback.format_exception(error)).strip()


def do(
    work: Work, data: Dataset, store: Store, report: Callable[[float, str], None]
) -> dict[int, str]:
    """Run one group here and now; what failed, by seed.

    Where the partition has several folds, a model is trained for each. A group that was stopped
    takes up the checkpoint of its first fold alone: later ones are trained anew.
    """
    from reproduction.engine.tasks import perform
    from reproduction.engine.tasks.common import Job

    experiment = work.experiment
    parts = folds(data[: experiment.frames], experiment.part, experiment.split)
    data_sha256 = data.checksum()
    checkpoint = store.checkpoint(experiment.id, work.seeds)
    begin = time.perf_counter()
    of_folds = []
    for k, (train, test) in enumerate(parts):
        # A block's checkpoint must not be taken up by another.
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
    results = [pooled(of_seed, parts) for of_seed in zip(*of_folds, strict=True)]
    seconds = time.perf_counter() - begin
    train, test = (
        data[np.concatenate([part.metadata["frames"] for part in side])]
        for side in zip(*parts, strict=True)
    )
    failures = {}
    for seed, result in zip(work.seeds, results, strict=True):
        if isinstance(result, RunResult):
            metrics = _metrics(result, train, test)
            if not finite(row["value"] for row in metrics):
                result = ReproductionError("its predictions are not finite")
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
                "quick": work.quick,
                "settings": experiment.settings(),
                "data_sha256": data_sha256,
                "code_sha256": code_checksum(experiment.task),
                **_used(experiment, store),
                "metrics": metrics,
                "seconds_of_group": seconds,
                "threads": 1,
                **result.info,
                "provenance": provenance(),
            },
        )
    checkpoint.unlink(missing_ok=True)
    return failures


def pooled(results: Sequence, parts: Sequence[tuple[Dataset, Dataset]]):
    """One seed's folds as one run: their predictions one after the other.

    Its errors then are over all test blocks together. Each block's own error of E is kept as
    split "block1", "block2", ...; curves get the folds as their last axis; no model is kept. A
    fold that failed makes the whole seed fail.
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
    }
    for k, (result, (_, test)) in enumerate(zip(results, parts, strict=True), start=1):
        found = errors("energy", result.predictions["energy"][1], test.energies)
        metrics[f"block{k}", "energy_rmse"] = found["energy_rmse"]
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


def _used(experiment: Experiment, store: Store) -> dict[str, str]:
    """Which trained models a run used, so that it is made again after they are."""
    return {"used_models": store.models_checksum(experiment.uses)} if experiment.uses else {}


def _metrics(result: RunResult, train: Dataset, test: Dataset) -> list[dict]:
    rows = [
        {"split": split, "metric": metric, "value": float(value)}
        for (split, metric), value in result.metrics.items()
    ]
    references = {"energy": lambda d: d.energies, "force": lambda d: d.forces}
    for kind, parts in result.predictions.items():
        for split, predicted, data in zip(("train", "test"), parts, (train, test), strict=True):
            for metric, value in errors(kind, predicted, references[kind](data)).items():
                rows.append({"split": split, "metric": metric, "value": value})
    return rows
