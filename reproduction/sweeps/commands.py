"""The commands of scripts/sweep.py: plan, data, run and table."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data_gen.files import sha256, write_text
from keras_models.settings import AdamSettings, EdgeSettings
from reproduction import cli
from reproduction.engine.leaves import (
    LARGE_MEMORY_MB,
    Leaf,
    leaf_id,
    leaves_of,
    wait_minutes,
    write_plan,
)
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.leaves import MARKERS, seconds_before
from reproduction.sections import EXPERIMENTS
from reproduction.sweeps import training
from reproduction.sweeps.building import wrong_models
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.reading import TRAIN, Row, read_rows
from reproduction.sweeps.results import headline, incomplete, states_of

SCRIPT = "scripts/sweep.py"
# Of a batch of scripts/train.py, more than any here took.
SECONDS_A_STEP = 0.5


class SweepSpace(cli.Workspace):
    """Folders of a sweep: data as of the scripts, and runs and results below sweeps/."""

    def __init__(self, space: cli.Workspace, csv: Path) -> None:
        super().__init__(space.folder, space.is_quick)
        object.__setattr__(self, "home", space.folder / "sweeps" / csv.stem)

    @property
    def runs(self) -> Path:
        """Folder of the sweep's runs."""
        return self.home / "runs"

    @property
    def results(self) -> Path:
        """Folder of its table and page."""
        return self.home

    @property
    def owner(self) -> Path:
        """File with the path of its CSV: two of one name would take each other's runs."""
        return self.home / "of.txt"


def parser() -> argparse.ArgumentParser:
    """Arguments of the script."""
    p = cli.parser("Run a table of changed experiments: see docs/cluster.md.")
    choices = {
        "plan": "check the table, and write its jobs to --out",
        "data": "make its data sets",
        "run": "run its lines, or that of --only",
        "table": "write results.csv, table.md and report.html of the runs there are",
    }
    said = "; ".join(f"{name}: {what}" for name, what in choices.items())
    p.add_argument("what", choices=choices, help=said)
    p.add_argument("csv", type=Path, help="the table")
    p.add_argument("--out", type=Path, metavar="FILE", help="of plan: the jobs, as JSON")
    p.add_argument("--only", metavar="ID", help="of run: one line, sweep/NAME")
    p.add_argument("--seeds", nargs="+", type=int, metavar="K", help="of run: only these")
    p.add_argument("--workers", type=int, choices=(1,), help="of run: a job has one core")
    p.add_argument("--leaf", type=Path, metavar="FILE", help="of run: written when it is done")
    p.add_argument("--fresh", action="store_true", help="of run: again, though it is done")
    return p


def main(argv: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    arguments = parser().parse_args(argv)
    space = SweepSpace(cli.workspace(arguments), arguments.csv)
    owned = check_owner(space, arguments.csv)
    data = OwnData(arguments.csv.absolute().parent, space.data, space.is_quick)
    is_plan = arguments.what == "plan"
    more = (lambda rows: wrong_models(rows, data)) if is_plan else None
    rows = read_rows(arguments.csv, data, space.is_quick, arguments.only or "", more)
    if is_plan:
        return plan(arguments, space, data, rows)
    # Many jobs at once need not write it.
    if not owned:
        write_text(space.owner, f"{arguments.csv.resolve()}\n")
    # Jobs have their data already, and would get into each other's way.
    if arguments.what == "data" or (arguments.what == "run" and not arguments.leaf):
        for row in rows:
            data.write(row.experiment)
    if arguments.what == "data":
        return 0
    return run(arguments, space, rows) if arguments.what == "run" else table(space, rows)


def check_owner(space: SweepSpace, csv: Path) -> bool:
    """Whether a sweep's folder is known as that of its CSV.

    Raises:
        ReproductionError: it is that of another CSV, which is still there.
    """
    try:
        other = Path(space.owner.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return False
    same = other == csv.resolve() or (other.is_file() and other.samefile(csv))
    if other.is_file() and not same:
        raise ReproductionError(
            f"{space.home} is the folder of another table, {other}: give {csv.resolve()} another "
            f"file name, or delete {space.owner} if it is to go on there"
        )
    return same


def plan(arguments, space: SweepSpace, data: OwnData, rows: Sequence[Row]) -> int:
    """Write the jobs of a sweep that was checked; nothing but this file."""
    found = leaves(arguments, space, data, rows)
    out = cli.console()
    if arguments.out:
        # A column that no run depends on, such as the name, is in the table all the same.
        about = sha256(arguments.csv)
        for name in write_plan(arguments.out, found, Store(space.runs), about):
            out.print(f"its runs are others now, or gone: {name} is done again", markup=False)
    runs = sum(len(row.seeds) for row in rows)
    out.print(f"{arguments.csv}: {len(rows)} lines, {runs} runs, {len(found)} jobs", markup=False)
    return 0


def leaves(arguments, space: SweepSpace, data: OwnData, rows: Sequence[Row]) -> list[Leaf]:
    """Jobs of a sweep."""
    options = ["--folder", str(space.outer)] + (["--quick"] if space.is_quick else [])
    begin = (SCRIPT, "run", str(arguments.csv), *options)
    changed = [row for row in rows if row.base != TRAIN]
    before, known = seconds_before(), {}
    for row in changed:
        longer = _length(row.experiment.training) / _length(EXPERIMENTS[row.base].training)
        seconds = before.get(row.base, {})
        known[row.id] = {seed: longer * s for seed, s in seconds.items()} if longer > 1 else seconds
    found = leaves_of(
        [row.experiment for row in changed],
        dict.fromkeys((row.id for row in changed), begin),
        known,
        space.is_quick,
    )
    own = {row.id for row in changed if data.read(row.experiment) is not None}
    # Files of the user's own are there already.
    found = [replace(leaf, data=()) if leaf.experiment in own else leaf for leaf in found]
    return found + [
        Leaf(
            leaf_id(row.id, (seed,)),
            row.id,
            (seed,),
            (*begin, "--only", row.id, "--seeds", str(seed)),
            (),
            (),
            1,
            LARGE_MEMORY_MB,
            wait_minutes(row.config["training"]["steps"] * SECONDS_A_STEP),
            training.digest(row, (seed,)),
        )
        for row in rows
        if row.base == TRAIN
        for seed in row.seeds
    ]


def _length(settings) -> float:
    """Of a training, in the unit that its settings count; 1 for others."""
    if isinstance(settings, AdamSettings):
        return settings.epochs
    return settings.steps if isinstance(settings, EdgeSettings) else 1


def run(arguments, space: SweepSpace, rows: Sequence[Row]) -> int:
    """Run one line, or all in turn; returns 1 if a run failed."""
    if arguments.leaf and arguments.only is None:
        raise ReproductionError("--leaf is for one line: say which with --only")
    status = 0
    for row in rows:
        of = argparse.Namespace(**vars(arguments))
        of.seeds = arguments.seeds or list(row.seeds)
        for seed in of.seeds:
            cli.check_seed(seed)
        of.leaf = arguments.leaf or space.runs / MARKERS / f"{leaf_id(row.id, of.seeds)}.json"
        if row.base == TRAIN:
            outcome = training.run_leaf(
                space.home, row, of.seeds, Store(space.runs), of.leaf, arguments.fresh
            )
        else:
            outcome = cli.run_leaf(space, row.experiment, of)
        cli.say(outcome, space, cli.console())
        status = cli.EXIT_FAILED if outcome.failed else status
    return status


def table(space: SweepSpace, rows: Sequence[Row]) -> int:
    """Write the results that there are; returns 1 if some are missing."""
    # Here, as it brings TensorFlow, which no leaf need wait for.
    from reproduction.sweeps import page

    store, out = Store(space.runs), cli.console()
    # Runs and trainings below it may be at work.
    with cli.alone(space.home, below=False), store.still():
        states: Mapping = {row.name: states_of(row, store, space.data) for row in rows}
        name = space.home.name + (f" ({cli.QUICK_NOTE})" if space.is_quick else "")
        written = page.write(name, space.home, rows, states, store, space.data)
    lacking = incomplete(states)
    for line in lacking:
        out.print(line, markup=False)
    out.print(space.label(f"{headline(states)}: {written}"), markup=False)
    return cli.EXIT_FAILED if lacking else 0
