"""Results of a sweep: what each line gave, or why it gave nothing, as CSV and as a table."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_gen.errors import DataError
from reproduction.engine.run_one import load_dataset
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.show.gather import errors_of
from reproduction.show.metrics import UNITS, spread, with_spread
from reproduction.show.tables import Table
from reproduction.sweeps import training
from reproduction.sweeps.reading import TRAIN, Row

DONE, FAILED, MISSING = "done", "failed", "not run"
COLUMNS = ("name", "experiment", "seed", "state", "split", "metric", "value", "unit")
# scripts/train.py's energies are per atom; those of experiments of the whole system.
PER_ATOM = {"energy_per_atom_rmse": "eV/atom"}
SHOWN = (("E", ("energy_rmse", "energy_per_atom_rmse")), ("F", ("force_rmse",)))


@dataclass(frozen=True)
class State:
    """What has become of a run.

    Attributes:
        state: "done", "failed" or "not run".
        why: it is not done.
        numbers: {(split, metric): value} if it is.
    """

    state: str
    why: str = ""
    numbers: Mapping[tuple[str, str], float] | None = None


def states_of(row: Row, store: Store, data: Path) -> dict[int, State]:
    """What has become of each of a line's seeds.

    Args:
        row: the line.
        store: of the sweep's runs.
        data: folder of the datasets.
    """
    failures = store.failures()
    found = {}
    for seed in row.seeds:
        if (row.id, seed) in failures:
            found[seed] = State(FAILED, failures[row.id, seed])
            continue
        try:
            found[seed] = _trained(row, seed, store) or _run(row, seed, store, data)
        except (DataError, ReproductionError) as error:
            found[seed] = State(MISSING, str(error))
    return found


def _trained(row: Row, seed: int, store: Store) -> State | None:
    if row.base != TRAIN:
        return None
    run = training.fits(store, row, seed)
    if run is None:
        return State(MISSING, store.damage(row.id, seed))
    return State(DONE, "", {(m["split"], m["metric"]): m["value"] for m in run["metrics"]})


def _run(row: Row, seed: int, store: Store, folder: Path) -> State:
    one = row.experiment.of_seed(seed)
    data = load_dataset(folder, one.data)
    run = store.fits(one, seed, data.checksum())
    if run is None:
        why = store.why_not(one, seed, data.checksum())
        return State(MISSING, "" if why == MISSING else why)
    arrays = store.arrays(row.id, seed)
    computed = errors_of(one, run, arrays, data)
    both = (*run["metrics"], *computed)
    return State(DONE, "", {(m["split"], m["metric"]): m["value"] for m in both})


def as_csv(states: Mapping[str, Mapping[int, State]], rows: Sequence[Row]) -> str:
    """All numbers, a line each, and a line for each run that gave none."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        for seed, of in states[row.name].items():
            begin = (row.name, row.base, seed, of.state if of.numbers else _said(of))
            for (split, metric), number in (of.numbers or {("", ""): None}).items():
                unit = {**UNITS, **PER_ATOM}.get(metric, "")
                table.writerow(
                    (*begin, split, metric, "" if number is None else f"{number:.7g}", unit)
                )
    return text.getvalue()


def _said(of: State) -> str:
    return f"{of.state}: {of.why.splitlines()[-1]}" if of.why else of.state


def headline(states: Mapping[str, Mapping[int, State]]) -> str:
    """Whether all is there, and if not, what is missing, in a few words."""
    every = [of.state for seeds in states.values() for of in seeds.values()]
    if all(state == DONE for state in every):
        return f"all {len(every)} runs are done"
    counts = [f"{n} {kind}" for kind in (DONE, FAILED, MISSING) if (n := every.count(kind))]
    return f"INCOMPLETE: of {len(every)} runs {', '.join(counts)}"


def incomplete(states: Mapping[str, Mapping[int, State]]) -> list[str]:
    """A sentence for each run that is not done."""
    return [
        f"{name} seed {seed}: {_said(of)}"
        for name, seeds in states.items()
        for seed, of in seeds.items()
        if of.state != DONE
    ]


def table(name: str, states: Mapping[str, Mapping[int, State]], rows: Sequence[Row]) -> Table:
    """RMSE of each line over its seeds that are done, and how many these are."""
    cells = []
    for row in rows:
        of = states[row.name]
        done = [one for one in of.values() if one.state == DONE]
        runs = f"{len(done)} of {len(of)}"
        numbers = [
            _cell(done, split, metrics) for _, metrics in SHOWN for split in ("train", "test")
        ]
        changes = ", ".join(f"{k} {v}" for k, v in row.changes.items()) or "none"
        bad = len(done) < len(of)
        unit = "eV/atom" if row.base == TRAIN else "eV"
        if not done:
            failed = any(one.state == FAILED for one in of.values())
            numbers = [f"**{FAILED if failed else MISSING}**"] * len(numbers)
        runs = f"**{runs}**" if bad else runs
        cells.append((row.name, row.base, runs, unit, *numbers, changes.replace("|", "\\|")))
    return Table(
        "sweep",
        f"Sweep {name}: {headline(states)}",
        (
            "name",
            "experiment",
            "runs done",
            "E in",
            *(f"{symbol} {split}" for symbol, _ in SHOWN for split in ("train", "test")),
            "changes",
        ),
        tuple(cells),
        "RMSE, mean ± standard deviation over the seeds that are done. F in eV/Å.",
    )


def _cell(done: Sequence[State], split: str, metrics: Sequence[str]) -> str:
    values = [
        of.numbers[split, metric]
        for of in done
        for metric in metrics
        if (split, metric) in of.numbers
    ]
    return with_spread(spread(values)) if values else "-"
