"""Schedule: which runs are missing, and worker processes of one thread each that make them.

Two processes of one thread each do more than one of two threads: the models are small
(``make benchmark`` measures both).
"""

import contextlib
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
from reproduction.engine.provenance import code_checksum
from reproduction.engine.run_one import Work, do, explain, load_dataset
from reproduction.engine.seal import is_sealed
from reproduction.engine.store import Store
from reproduction.errors import Interrupted

REPORT_SECONDS = 0.2


@dataclass
class Outcome:
    """What a call of :func:`run` did.

    Attributes:
        made: runs, by name.
        skipped: how many were there already.
        failed: why, by name.
        older_code: names of those that were there and are of other code than this.
        unsealed: how many of those that were there have no checksums.
        damaged: what was wrong with runs that are made again, a sentence each.
        beside: names of those of seeds that their row does not have.
    """

    made: list[str] = field(default_factory=list)
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    older_code: list[str] = field(default_factory=list)
    unsealed: int = 0
    damaged: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


class Listener:
    """Hears of progress; the base class ignores it."""

    def started(self, work: Work) -> None:
        """A group begins."""

    def progress(self, work: Work, fraction: float, text: str) -> None:
        """A group is this far."""

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        """A group is done; failures by seed."""


def plan(
    experiments: Sequence[Experiment],
    store: Store,
    checksums: dict[str, str],
    seeds: Sequence[int] | None = None,
    fresh: bool = False,
    quick: bool = False,
) -> tuple[list[Work], Outcome]:
    """What is left to do, and what is there already.

    Done again is what is damaged, and what failed when it was last tried.

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
        own = seeds is None or experiment.deterministic
        for seed in experiment.seeds if own else sorted(set(seeds)):
            name, one = f"{experiment.id} seed {seed}", experiment.of_seed(seed)
            if seed not in experiment.seeds:
                outcome.beside.append(name)
            run = None
            if not fresh and not store.has_failed(experiment.id, seed):
                run = store.fits(one, seed, checksums[one.dataset])
            if run is None:
                missing.append(seed)
                if why := store.damage(experiment.id, seed):
                    outcome.damaged.append(why)
            else:
                outcome.skipped += 1
                outcome.unsealed += not is_sealed(run)
                if run["code_sha256"] != code:
                    outcome.older_code.append(name)
        for k in range(0, len(missing), experiment.lanes):
            group = tuple(missing[k : k + experiment.lanes])
            if fresh:
                store.checkpoint(experiment.id, group).unlink(missing_ok=True)
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
                datasets[name] = load_dataset(Path(data_folder), work.experiment.data)
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
