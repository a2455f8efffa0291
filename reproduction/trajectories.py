"""The data sets of section 2 and past it: those that are missing are made, several at once."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from data_gen.dataset import Dataset, load, save
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.errors import DataError
from data_gen.origin import differing, load_made
from data_gen.sources import Origin, make
from fitting.errors import TrainingFailed
from fitting.progress import Here, stoppable
from fitting.workers import Job, run
from reproduction.errors import ReproductionError


class Wanted(NamedTuple):
    """A data set that there should be.

    Attributes:
        name: of it.
        origin: its settings.
        path: file of the trajectory.
    """

    name: str
    origin: Origin
    path: Path

    @property
    def steps(self) -> int:
        """Of dynamics; 0 for a published file."""
        return getattr(self.origin, "steps", 0)


def present(wanted: Wanted) -> Dataset | None:
    """The data set, if it was made with these settings before; None if its file is missing.

    Raises:
        DataError: the file was altered or cannot be read.
        ReproductionError: the file was made with other settings.
    """
    path = wanted.path
    if not path.is_file():
        return None
    data = load(path)
    if wrong := differing(data, wanted.origin):
        raise ReproductionError(
            f"{path}: {wrong}; move it away, or give another --folder or --output"
        )
    # The further conditions of the rows, such as a JSON file with units.
    return load_made(path, wanted.origin)


class Teller(Here):
    """What :func:`make_one` says in this program.

    Args:
        say: called with its lines.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self.say = say


def make_all(
    missing: Sequence[Wanted], at_once: int, say: Callable[[str], None]
) -> list[DataError]:
    """Make data sets, the longest first, in as many processes as are allowed.

    What a process makes is the same to the bit as what this program would. One that cannot be made,
    as where a limit of the dynamics is exceeded, does not stop the others.

    Args:
        missing: data sets to make.
        at_once: largest number of processes; with one, none is started.
        say: called with a line on each that is made.

    Returns:
        Why some could not be made, each with the name of its data set.

    Raises:
        ReproductionError: a process was killed, or ran out of memory.
        KeyboardInterrupt: the user asked to stop. Data sets that were made remain.
    """
    missing = sorted(missing, key=lambda one: -one.steps)
    if min(at_once, len(missing)) <= 1:
        made = [make_one(one, Teller(say)) for one in missing]
        return [error for error in made if error]
    jobs = [Job(one.name, make_one, (one,)) for one in missing]
    try:
        with stoppable() as asked:
            made = run(jobs, at_once, lambda *_: None, say, asked)
    except TrainingFailed as error:
        raise ReproductionError(f"{error.why}; --workers 1 takes less memory") from None
    return [error for error in made if error]


def make_one(wanted: Wanted, link) -> DataError | None:
    """Make a data set and say so: the job of a process.

    Args:
        wanted: what to make.
        link: told of it, and asked whether to stop: of a process, or
            :class:`~fitting.progress.Here`.

    Returns:
        Why it could not be made, with its name; None if it was.
    """
    origin = wanted.origin
    try:
        if isinstance(origin, DynamicsSettings):
            data = run_dynamics(origin, lambda k, n: link.report(k / n, f"frame {k}/{n}"))
        else:
            data = make(origin)
    except DataError as error:
        return DataError(f"{wanted.name}: {error}")
    save(data, wanted.path)
    link.say(f"{wanted.path.name} made: {summary(data)}")
    return None


def summary(data: Dataset) -> str:
    """One line that describes a trajectory."""
    text = (
        f"{len(data):,} frames of {len(data.numbers)} atoms, "
        f"E {data.energies.mean():.3f} ± {data.energies.std():.3f} eV, "
        f"F std {data.forces.std():.3f} eV/Å"
    )
    about = data.metadata.get("dynamics")
    if not about:
        return text
    return (
        f"{text}, total-energy drift "
        f"{1000 * about['energy_drift_eV']:.2f} meV, largest distance "
        f"{about['largest_distance_A']:.2f} Å"
    )
