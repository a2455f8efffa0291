"""Shared code of the numbered scripts: arguments, folders, messages, exit status."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from data_gen.errors import DataError
from data_gen.files import sweep
from data_gen.locks import Held, held
from data_gen.machine import cores
from data_gen.streams import prepare_streams
from reproduction.choice import CHOICES, asked_for
from reproduction.engine.experiment import Experiment
from reproduction.engine.job import on_record, reserved
from reproduction.engine.leaves import digest, mark
from reproduction.engine.provenance import ROOT
from reproduction.engine.run_one import Work, checksums, explain, load_dataset
from reproduction.engine.schedule import Outcome, plan, run, wanted_seeds
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.progress import Bars
from reproduction.sections import EXPERIMENTS, rows_of, select
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.gather import gather

QUICK_NOTE = "quick, not the report's settings"
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
UNKNOWN_SECONDS = 10.0
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Workspace:
    """Folders for data, runs and results, of full runs or of quick ones.

    Attributes:
        folder: the checkout by default; its ``quick/`` for quick runs.
        is_quick: whether it is for quick runs.
    """

    folder: Path
    is_quick: bool

    @property
    def outer(self) -> Path:
        """What ``--folder`` was."""
        return self.folder.parent if self.is_quick else self.folder

    @property
    def data(self) -> Path:
        """Folder of the trajectories."""
        return self.folder / "data"

    @property
    def runs(self) -> Path:
        """Folder of finished and unfinished runs."""
        return self.folder / "runs"

    @property
    def results(self) -> Path:
        """Folder of metrics.csv and everything made from it."""
        return self.folder / "results"

    def names(self) -> list[str]:
        """Ids of the experiments that are run by default."""
        return [e.id for e in EXPERIMENTS.values() if e.quick or not self.is_quick]

    def experiment(self, name: str) -> Experiment:
        """An experiment by its id, at this workspace's size."""
        experiment = EXPERIMENTS[name]
        return experiment.at_quick_size() if self.is_quick else experiment

    def label(self, text: str) -> str:
        """The text, marked as quick if the workspace is for quick runs."""
        return f"{QUICK_NOTE}: {text}" if self.is_quick else text


def parser(description: str) -> argparse.ArgumentParser:
    """Argument parser with the arguments of every script."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument(
        "--quick", action="store_true", help="few epochs, one seed, small data, into quick/"
    )
    p.add_argument(
        "--folder", type=Path, help="where data/, runs/ and results/ go (default: the checkout)"
    )
    return p


def add_run_arguments(p: argparse.ArgumentParser) -> None:
    """Add the arguments of the scripts that run experiments."""
    p.add_argument(
        "--only",
        nargs="+",
        metavar="ID",
        help="experiments, such as table4/eq2 or 'table4/*' (default: all of this script's)",
    )
    p.add_argument(
        "--rows",
        default=os.environ.get("ROWS") or "all",
        metavar="|".join(CHOICES),
        help="all: run all rows; report: only those of the report's tables and appendices; stale: "
        "only those whose stored results are not of today's code and settings; stored results of "
        "the others remain; no effect with --only or --quick (default: the environment variable "
        "ROWS, or all)",
    )
    p.add_argument("--seeds", nargs="+", type=int, metavar="K", help="instead of each row's own")
    p.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    p.add_argument("--fresh", action="store_true", help="run everything again")
    p.add_argument(
        "--leaf",
        type=Path,
        metavar="FILE",
        help="as one of many jobs: reserve only the runs of --only and --seeds, so that others can "
        "be done meanwhile, and write this file once they are there (see workflow/)",
    )


def check_seed(seed: int) -> None:
    """Raise ReproductionError for a seed that NumPy or TensorFlow does not accept."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ReproductionError(f"seeds must be whole numbers from 0 to {LARGEST_SEED}, not {seed}")


def workspace(arguments: argparse.Namespace) -> Workspace:
    """The workspace that the arguments select."""
    folder = (arguments.folder or ROOT).resolve()
    # Always a separate folder, lest a quick run be mistaken for a full one.
    return Workspace(folder / "quick" if arguments.quick else folder, arguments.quick)


def console() -> Console:
    """The terminal, or plain output 140 columns wide if there is none."""
    out = Console(soft_wrap=False, highlight=False)
    return out if out.is_terminal else Console(width=140, highlight=False)


def run_script(main: Callable[[Sequence[str]], int]) -> None:
    """Run a script's main function and exit; expected exceptions become one-line messages."""
    prepare_streams()
    try:
        status = main(sys.argv[1:])
    except (ReproductionError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = EXIT_USAGE
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        status = EXIT_USAGE
    except KeyboardInterrupt:
        print("\nstopped; the same command resumes from here", file=sys.stderr)
        status = EXIT_INTERRUPTED
    sys.exit(status)


@contextlib.contextmanager
def alone(folder: Path, part: str = "", below: bool = True) -> Iterator[None]:
    """Lock a folder of data or results until the block ends, so that no other command writes there.

    Args:
        folder: to lock.
        part: name of files, without suffix, if only these are written: other commands may write
            others meanwhile.
        below: whether folders in it are written, too.

    Raises:
        ReproductionError: another command has locked it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder, shared=bool(part)))
            if part:
                stack.enter_context(held(folder, f".{part}.lock"))
        except Held:
            raise ReproductionError(
                f"{folder}: another command is writing here; wait for it or stop it"
            ) from None
        sweep(folder, part, below)
        yield


def gather_results(space: Workspace, out: Console) -> tuple[Evidence, list[str], list[str]]:
    """Update a workspace's results from its finished runs.

    The results folder must be locked (:func:`alone`).

    Returns:
        All numbers; the ids of the experiments whose rows were updated; notes on other rows, one
        sentence each.
    """
    experiments = [space.experiment(name) for name in EXPERIMENTS]
    datasets = {}
    sources = {source.name: source for e in experiments for source in e.sources}
    for name, source in sorted(sources.items()):
        try:
            datasets[name] = load_dataset(space.data, source)
        except DataError as error:
            out.print(f"{error}: its stored rows remain unchanged", markup=False)
    notes: list[str] = []
    _, fresh = gather(Store(space.runs), experiments, datasets, space.results, notes.append)
    return Evidence.read(space.results, EXPERIMENTS), fresh, notes


def run_sections(description: str, sections: Sequence[str], argv: Sequence[str]) -> int:
    """Main function of a script that runs some sections' experiments; returns the exit status."""
    p = parser(description)
    add_run_arguments(p)
    arguments = p.parse_args(argv)
    outcome = run_experiments(arguments, rows_to_run(arguments, rows_of(*sections)))
    return EXIT_FAILED if outcome.failed else 0


def rows_to_run(arguments: argparse.Namespace, own: Sequence[str]) -> list[str]:
    """Of a script's rows, those that ``--rows`` asks for; prints how many it leaves out.

    Raises:
        ReproductionError: there is no such choice.
    """
    asked = rows_asked_for(arguments)
    left_out = [name for name in own if name not in asked]
    if left_out:
        leave_out(left_out, workspace(arguments))
        console().print(f"{len(left_out)} rows are left as they are stored (--rows, or ROWS)")
    return [name for name in own if name in asked]


def rows_asked_for(arguments: argparse.Namespace) -> set[str]:
    """Ids of the rows, of all scripts, that ``--rows`` asks for.

    Raises:
        ReproductionError: there is no such choice.
    """
    named = arguments.only or arguments.quick
    return asked_for("all" if named else arguments.rows, workspace(arguments).results)


def leave_out(names: Iterable[str], space: Workspace) -> None:
    """Forget failures of rows that are not run: nothing tries them again."""
    store = Store(space.runs)
    for name in names:
        store.forget_failures(name)


def run_experiments(arguments: argparse.Namespace, own: Sequence[str]) -> Outcome:
    """Run a script's experiments as its arguments request.

    Args:
        arguments: parsed arguments of the script.
        own: ids or patterns of the script's experiments.

    Returns:
        What was done.

    Raises:
        ReproductionError: an argument is invalid, or the runs folder is unusable.
        DataError: no dataset is there, or one is unusable.
    """
    space = workspace(arguments)
    out = console()
    among = select(own)
    wanted = arguments.only or [name for name in among if name in space.names()]
    foreign = [name for name in arguments.only or () if name in EXPERIMENTS and name not in among]
    if foreign:
        raise ReproductionError(f"{foreign[0]} belongs to another of the numbered scripts")
    experiments = [space.experiment(name) for name in select(wanted, among)]
    workers = cores() if arguments.workers is None else arguments.workers
    if workers < 1:
        raise ReproductionError(f"--workers must be at least 1, not {workers}")
    if arguments.leaf and len(experiments) != 1:
        raise ReproductionError("--leaf is for one experiment: say which with --only")
    for seed in arguments.seeds or ():
        check_seed(seed)
    if arguments.leaf:
        outcome = run_leaf(space, experiments[0], arguments)
    else:
        outcome = run_all(space, experiments, arguments, workers, out)
    say(outcome, space, out)
    return outcome


def run_all(
    space: Workspace,
    experiments: Sequence[Experiment],
    arguments: argparse.Namespace,
    workers: int,
    out: Console,
) -> Outcome:
    """Run experiments, with the whole folder of runs locked. Raises as :func:`run_experiments`."""
    store = Store(space.runs)
    with store.locked():
        sums = checksums(space.data, experiments)
        today = not (arguments.only or arguments.quick) and arguments.rows == "stale"
        how = (store, sums, arguments.seeds, arguments.fresh, space.is_quick, today)
        first, later = ([e for e in experiments if bool(e.models_of) is m] for m in (False, True))
        work, outcome = plan(first, *how)
        work_later, outcome_later = plan(later, *how)
        for why in (*outcome.damaged, *outcome_later.damaged):
            out.print(f"{why}; it counts as not run and is repeated", markup=False)
        expected = _expected_seconds(space)
        asked = rows_asked_for(arguments)
        rows = [name for name in space.names() if name in asked]
        bars = _bars(space, rows, out, store, sums, [*work, *work_later], expected)
        with bars:
            run(work, outcome, store, space.data, workers, bars)
            if outcome.made:  # Runs that used models may be of others than are there now.
                work_later, outcome_later = plan(later, *how)
            run(work_later, outcome_later, store, space.data, workers, bars)
    return outcome.with_later(outcome_later)


def run_leaf(space: Workspace, experiment: Experiment, arguments: argparse.Namespace) -> Outcome:
    """Run some seeds of an experiment as one of many jobs: the option ``--leaf``.

    Only these runs are reserved. What keeps them from being made is put on record.

    Raises:
        ReproductionError, DataError: as :func:`run_experiments`.
    """
    store, seeds = Store(space.runs), arguments.seeds
    used = [space.experiment(experiment.models_of)] if experiment.models_of else []
    with reserved(store, experiment, seeds, used), on_record(store, experiment, seeds) as listener:
        sums = checksums(space.data, [experiment])
        work, outcome = plan([experiment], store, sums, seeds, arguments.fresh, space.is_quick)
        run(work, outcome, store, space.data, 1, listener)
        if not outcome.failed:
            made = wanted_seeds(experiment, seeds)
            mark(arguments.leaf, digest(experiment, made), experiment.id, made, store)
    return outcome


def say(outcome: Outcome, space: Workspace, out: Console) -> None:
    """Print what was done."""
    out.print(
        space.label(
            f"{len(outcome.made)} runs made, {outcome.skipped} already existed, "
            f"{len(outcome.failed)} failed"
        )
    )
    for name in outcome.older_code:
        out.print(f"made by a different version of the code, --fresh repeats it: {name}")
    if outcome.unsealed:
        out.print(
            f"{outcome.unsealed} of the existing runs were made before checksums were introduced: "
            "they count as they are, and --fresh repeats them"
        )
    if outcome.beside:
        out.print(f"seeds not in their rows' lists, shown in no table: {', '.join(outcome.beside)}")
    for name, why in outcome.failed.items():
        out.print(f"failed: {name}: {why}", markup=False)


def _expected_seconds(space: Workspace) -> Callable[[Work], float]:
    """Estimator of a group's seconds, from the committed results of the experiment if any."""
    known = Metrics.read(ROOT / "results")

    def expected(work: Work) -> float:
        if space.is_quick:
            return 1.0
        name = work.experiment.id
        one = known.spread(name, "", "train_seconds") or known.spread(name, "", "analysis_seconds")
        return (one.mean if one else UNKNOWN_SECONDS) * len(work.seeds)

    return expected


def _bars(space, rows, out, store, sums, work, expected) -> Bars:
    """Progress over all rows that the scripts run, continuous across scripts."""
    everything = [space.experiment(name) for name in rows]
    total = sum(expected(Work(e, e.seeds)) for e in everything)
    left_elsewhere = sum(
        expected(Work(e, (seed,)))
        for e in everything
        for seed in e.seeds
        for one in [e.of_seed(seed)]
        if not store.fits(one, seed, sums.get(one.dataset, ""))
    )
    here = sum(expected(item) for item in work)
    done = max(0.0, total - max(left_elsewhere, here))
    return Bars(out, total, done, expected, space.label("all experiments"))
