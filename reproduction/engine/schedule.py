"""Scheduling: find the runs that are missing and do them in single-threaded worker processes.

The models are so small that two processes of one thread each get more done than one process
of two threads (``make benchmark`` measures both).
"""

import contextlib
import glob
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from data_gen.dataset import Dataset
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import code_checksum, provenance
from reproduction.engine.run_one import Work, do, explain, load_dataset
from reproduction.engine.seal import is_sealed
from reproduction.engine.store import Store
from reproduction.errors import Interrupted

REPORT_SECONDS = 0.2


@dataclass
class Outcome:
    """Summary of a call of :func:`run`.

    Attributes:
        made: names of the runs that succeeded.
        skipped: number of runs that had been done before.
        failed: {name of the run: why it failed}.
        older_code: names of the skipped runs that were made by a different version of the code.
        unsealed: number of the skipped runs without checksums.
        damaged: one sentence for each damaged run, which is done again.
        beside: names of the runs whose seed is not one of their row's.
    """

    made: list[str] = field(default_factory=list)
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    older_code: list[str] = field(default_factory=list)
    unsealed: int = 0
    damaged: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def with_later(self, other: "Outcome") -> "Outcome":
        """This and another one, whose runs came after these."""
        return Outcome(
            [*self.made, *other.made],
            self.skipped + other.skipped,
            {**self.failed, **other.failed},
            [*self.older_code, *other.older_code],
            self.unsealed + other.unsealed,
            [*self.damaged, *other.damaged],
            [*self.beside, *other.beside],
        )


class Listener:
    """Receiver of progress events; this base class ignores them."""

    def started(self, work: Work) -> None:
        """Called when a group of seeds starts."""

    def progress(self, work: Work, fraction: float, text: str) -> None:
        """Called as a group advances; ``fraction`` of it is done."""

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        """Called when a group ends; ``failures`` gives the reason by seed."""


def wanted_seeds(experiment: Experiment, seeds: Sequence[int] | None = None) -> list[int]:
    """Seeds to run: those asked for, or else the experiment's own."""
    # Deterministic experiments would only repeat themselves for other seeds.
    own = seeds is None or experiment.deterministic
    return list(experiment.seeds) if own else sorted(set(seeds))


def groups(experiment: Experiment, seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """Seeds as they are trained side by side: groups of as many as the experiment has lanes."""
    return [tuple(seeds[k : k + experiment.lanes]) for k in range(0, len(seeds), experiment.lanes)]


def plan(
    experiments: Sequence[Experiment],
    store: Store,
    checksums: dict[str, str],
    seeds: Sequence[int] | None = None,
    fresh: bool = False,
    quick: bool = False,
    of_today: bool = False,
) -> tuple[list[Work], Outcome]:
    """Split the wanted runs into those left to do and those done before.

    Damaged runs are done again, and so are those that failed at the last attempt. Runs on data that
    are not there are left to do, and fail.

    Args:
        experiments: the wanted ones.
        store: holds their runs.
        checksums: {name of a dataset: its checksum}.
        seeds: replace each experiment's own.
        fresh: do everything again.
        quick: recorded in run.json.
        of_today: do runs of other code than today's again.

    Returns:
        The groups of seeds to run, and an outcome that counts the runs done before.
    """
    work, outcome = [], Outcome()
    for experiment in experiments:
        code = code_checksum(experiment.task)
        missing = []
        for seed in wanted_seeds(experiment, seeds):
            name, one = f"{experiment.id} seed {seed}", experiment.of_seed(seed)
            if seed not in experiment.seeds:
                outcome.beside.append(name)
            run = None
            if not fresh and not store.has_failed(experiment.id, seed):
                run = store.fits(one, seed, checksums.get(one.dataset, ""))
            if run is None or (of_today and run["code_sha256"] != code):
                missing.append(seed)
                if why := store.damage(experiment.id, seed):
                    outcome.damaged.append(why)
            else:
                outcome.skipped += 1
                outcome.unsealed += not is_sealed(run)
                if run["code_sha256"] != code:
                    outcome.older_code.append(name)
        for group in groups(experiment, missing):
            if fresh:
                # A task may have one for each seed, with a longer name.
                own = store.checkpoint(experiment.id, group)
                for checkpoint in (own, *own.parent.glob(f"{glob.escape(own.stem)}-of-*.npz")):
                    checkpoint.unlink(missing_ok=True)
            work.append(Work(experiment.of_seed(group[0]), group, quick))
    return work, outcome


def run(
    work: Sequence[Work],
    outcome: Outcome,
    store: Store,
    data_folder: Path,
    workers: int,
    listener: Listener,
) -> Outcome:
    """Do the work in parallel; a failure does not stop the other groups.

    On Ctrl-C the workers save checkpoints of their unfinished groups, and KeyboardInterrupt is
    re-raised.

    Args:
        work: groups of seeds to run.
        outcome: updated and returned.
        store: where finished runs go.
        data_folder: holds the trajectories.
        workers: number of processes.
        listener: told of progress.
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
        # A worker that has died meanwhile is found as such by its connection's end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
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

    # NumPy reads these when a worker loads it.
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
    """Ask the workers to save their state and exit; kill those that take too long."""
    for process, _ in pool.values():
        if process.is_alive():
            os.kill(process.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 15
    for process, _ in pool.values():
        process.join(max(0.1, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()


def _worker(connection: Connection, store_folder: str, data_folder: str) -> None:
    """Main loop of a worker: receive work, do it, report how it went."""
    # Ctrl-C reaches the whole process group; only the parent reacts to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    parent = multiprocessing.parent_process()
    # A killed parent cannot tell its workers to stop, so they exit with it.
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    provenance()  # of when this process began, as is the code that it loads first
    from keras_models.backend import tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    store = Store(Path(store_folder))
    datasets: dict[str, Dataset] = {}
    while (work := connection.recv()) is not None:
        name = work.experiment.dataset
        try:
            if name not in datasets:
                datasets[name] = load_dataset(Path(data_folder), work.experiment.data)
            failures = do(work, datasets[name], store, _reporter(connection, stop))
        except Interrupted:
            return
        except Exception as error:
            failures = dict.fromkeys(work.seeds, explain(error))
        connection.send(("done", failures))


def _reporter(connection: Connection, stop: threading.Event) -> Callable[[float, str], None]:
    """A progress callback that sends at a limited rate, and raises once the parent says stop."""
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
