"""The CSV of a sweep: what is run in each line, checked whole before anything is.

A line names an experiment, whose settings it changes, or "train", as by scripts/train.py. Columns:

    experiment   id of the registry's, or train
    name         of the line in the results; by default "line" and its number
    seeds        numbers with spaces between; by default the experiment's, for train 0
    data         a dataset of the project's, or a file beside the CSV; by default the experiment's
    any other    a setting: of the experiment, its training or its model's builder; JSON or text

An empty cell leaves a setting as it is.
"""

import csv
import glob
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_gen.errors import DataError
from fitting.config import LARGEST_SEED
from fitting.errors import FittingError
from reproduction.engine.experiment import Experiment
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS, select
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.settings import changed, plain, stated, training_config

TRAIN = "train"
RESERVED = ("experiment", "name", "seeds", "data")
# Of the ids in the folder of runs, whose depth is two.
FOLDER = "sweep"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
# Number of a line, and what is wrong with it.
Wrong = tuple[int, str]


class SweepError(ReproductionError):
    """What is wrong with a sweep's CSV, a line each."""


@dataclass(frozen=True)
class Row:
    """A line of a sweep.

    Attributes:
        name: in the results.
        line: number in the file.
        base: id of the experiment that it changes, or "train".
        changes: what the line says besides, as written; at quick size, as it is run.
        experiment: to run; for "train" without a model: only its id, data and seeds count.
        config: attributes of :class:`~fitting.config.Config` for "train", without seeds; or empty.
    """

    name: str
    line: int
    base: str
    changes: Mapping[str, str]
    experiment: Experiment
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds to run."""
        return self.experiment.seeds

    @property
    def id(self) -> str:
        """Id of its experiment in the folder of runs."""
        return self.experiment.id


def read_rows(
    path: Path,
    data: OwnData,
    quick: bool = False,
    only: str = "",
    more: Callable[[Sequence[Row]], list[Wrong]] | None = None,
) -> list[Row]:
    """Read and check a sweep.

    Args:
        path: of the CSV.
        data: what files of the user's own become.
        quick: take each experiment at quick size.
        only: id of one line; the others are not looked at. Empty for all.
        more: further checks, of the lines that have passed: what is wrong with them.

    Raises:
        SweepError: the file cannot be read, or lines of it make no sense; all of them are named.
    """
    rows, wrong = [], []
    for line, cells in _lines(Path(path)):
        if only not in ("", f"{FOLDER}/{_name(line, cells)}"):
            continue
        try:
            rows.append(_row(line, cells, data, quick))
        except (ReproductionError, FittingError, DataError, ValueError) as error:
            wrong.append((line, str(error)))
    wrong += _repeated(rows)
    wrong += more(rows) if more else []
    if wrong:
        raise SweepError("\n".join(f"{path}, line {k}: {why}" for k, why in sorted(wrong)))
    if not rows:
        raise SweepError(f"{path}: there is no line {only or 'below the header'}")
    return rows


def _lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Cells that are not empty by column, with the number of their line."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            head = [name.strip() for name in reader.fieldnames or ()]
            if "experiment" not in head:
                names = ", ".join(map(repr, head)) or "nothing"
                raise SweepError(
                    f"{path}: its first line names columns, with commas between, and one is "
                    f"experiment; it names {names}"
                )
            if twice := [name for name, n in Counter(head).items() if n > 1 or not name]:
                raise SweepError(
                    f"{path}: its first line has column {twice[0]!r} twice, or one without a name"
                )
            reader.fieldnames = head
            found = []
            for cells in reader:
                if None in cells or None in cells.values():
                    raise SweepError(
                        f"{path}, line {reader.line_num}: it has not as many cells as there are "
                        "columns; a cell with a comma needs quotes"
                    )
                filled = {k: v.strip() for k, v in cells.items() if v.strip()}
                if filled:
                    found.append((reader.line_num, filled))
            return found
    except OSError as error:
        raise SweepError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SweepError(f"{path}: not CSV in UTF-8 ({error})") from None


def _row(line: int, cells: dict[str, str], data: OwnData, quick: bool) -> Row:
    base = cells.get("experiment", "")
    if not base:
        raise SweepError("it names no experiment")
    name = _name(line, cells)
    if not NAME.fullmatch(name):
        raise SweepError(f"name {name!r} has other characters than A-Z, a-z, 0-9 and _.+-")
    seeds = _seeds(cells["seeds"]) if "seeds" in cells else None
    settings = {k: value(v) for k, v in cells.items() if k not in RESERVED}
    own = {"id": f"{FOLDER}/{name}", "table": FOLDER, "label": name}
    if base == TRAIN:
        if "data" not in cells:
            raise SweepError("train needs a file in the column data")
        file = data.file(cells["data"])
        config = training_config(settings, file, quick)
        stand_in = Experiment(task=TRAIN, data=data.unread(file), seeds=seeds or (0,), **own)
        return Row(name, line, base, _changes(cells, stand_in, config), stand_in, config)
    if base not in EXPERIMENTS:
        select([glob.escape(base)])  # Says which ids are close, and how to list all.
    if EXPERIMENTS[base].models_of:
        raise SweepError(
            f"{base} uses the trained models of {EXPERIMENTS[base].models_of}: run it by its script"
        )
    experiment = replace(changed(EXPERIMENTS[base], settings), shipped=False, quick=True, **own)
    if seeds is not None:
        if experiment.deterministic:
            raise SweepError(f"{base} is the same with every seed: leave seeds empty")
        experiment = replace(experiment, seeds=seeds)
    if "data" in cells:
        source = data.source(cells["data"])
        experiment = replace(experiment, data=source, trajectories=())
    if quick:
        experiment = experiment.at_quick_size()
    data.check(experiment)
    return Row(name, line, base, _changes(cells, experiment), experiment)


def _changes(
    cells: Mapping[str, str], experiment: Experiment, config: Mapping[str, Any] | None = None
) -> dict[str, str]:
    found = {k: v for k, v in cells.items() if k not in ("experiment", "name")}
    for name in found.keys() - RESERVED:
        run = stated(experiment, config or {}, name, value(found[name]))
        found[name] = found[name] if run == value(found[name]) else plain(run)
    if "seeds" in found:
        found["seeds"] = " ".join(map(str, experiment.seeds))
    return found


def _name(line: int, cells: Mapping[str, str]) -> str:
    return cells.get("name", f"line{line}")


def value(text: str) -> Any:
    """A cell's value: JSON, with tuples for lists; anything else is text."""
    try:
        return _tuples(json.loads(text))
    except ValueError:
        return text


def _tuples(entry: Any) -> Any:
    if isinstance(entry, list):
        return tuple(map(_tuples, entry))
    return entry


def _seeds(text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and int(word) <= LARGEST_SEED for word in words):
        raise SweepError(f"seeds must be whole numbers from 0 to {LARGEST_SEED}, not {text!r}")
    seeds = tuple(map(int, words))
    if len(set(seeds)) < len(seeds):
        raise SweepError(f"seeds {text!r} has one twice")
    return tuple(sorted(seeds))


def _repeated(rows: Sequence[Row]) -> list[Wrong]:
    """Lines that have the name of another, or make a run that another makes."""
    wrong, names, made = [], {}, {}
    for row in rows:
        if row.name in names:
            wrong.append((row.line, f"name {row.name} is line {names[row.name]}'s"))
        names.setdefault(row.name, row.line)
        what = json.dumps([row.experiment.settings(), row.config], sort_keys=True, default=str)
        for seed in row.seeds:
            other = made.setdefault((what, seed), row.line)
            if other != row.line:
                wrong.append((row.line, f"the same as line {other}, seed {seed}"))
                break
    return wrong
