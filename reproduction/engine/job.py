"""A leaf as a job of a queue: what it reserves, and what it leaves on record when it fails."""

import contextlib
import os
import platform
import signal
from collections.abc import Iterator, Sequence

from data_gen.errors import DataError
from reproduction.engine.experiment import Experiment
from reproduction.engine.run_one import Work, explain
from reproduction.engine.schedule import Listener, wanted_seeds
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError


def reserved(
    store: Store,
    experiment: Experiment,
    seeds: Sequence[int] | None = None,
    used: Sequence[Experiment] = (),
):
    """Lock the runs that a leaf makes, and those whose models it uses (:meth:`Store.reserved`).

    Args:
        store: of all runs.
        experiment: that is run.
        seeds: instead of its own.
        used: experiments whose models it uses.
    """
    made = [(experiment.id, seed) for seed in wanted_seeds(experiment, seeds)]
    return store.reserved(made, [(one.id, seed) for one in used for seed in one.seeds])


class Unfinished(Listener):
    """Knows which seeds are in work."""

    def __init__(self) -> None:
        self.seeds: set[int] = set()

    def started(self, work: Work) -> None:
        self.seeds |= set(work.seeds)

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        self.seeds -= set(work.seeds)


@contextlib.contextmanager
def on_record(
    store: Store, experiment: Experiment, seeds: Sequence[int] | None = None
) -> Iterator[Unfinished]:
    """Until the block ends, put on record what keeps it from its end, for each seed without a run.

    SIGTERM, by which a queue ends a job that takes too long or is cancelled, stops as Ctrl-C does.

    Args:
        store: where failures go; the runs must be reserved.
        experiment: that is run.
        seeds: instead of its own.
    """
    unfinished, ended = Unfinished(), False

    def stop(*_) -> None:
        nonlocal ended
        ended = True
        raise KeyboardInterrupt

    def record(why: str) -> None:
        for seed in wanted_seeds(experiment, seeds):
            if seed in unfinished.seeds or not store.run_folder(experiment.id, seed).exists():
                with contextlib.suppress(OSError):  # the disk may be what failed
                    store.write_failure(experiment.id, seed, why)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield unfinished
    except KeyboardInterrupt:
        if ended:
            job = os.environ.get("SLURM_JOB_ID")
            where = f"job {job} on {platform.node()}" if job else platform.node()
            record(f"ended by SIGTERM, as at a time limit or when cancelled ({where})")
        raise
    except (ReproductionError, DataError, OSError) as error:
        record(explain(error))
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
