"""Tables from metrics.csv beside the report's numbers, for terminal and README alike."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table as RichTable

from reproduction.experiments import EXPERIMENTS
from reproduction.metrics import Spread
from reproduction.results import Metrics, reported

NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Table:
    """A table as text: title, column names, rows, and a note below."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str

    def markdown(self) -> str:
        """For the README."""
        lines = [f"**{self.title}**", ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(self.columns) - 1)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.note])

    def rich(self) -> RichTable:
        """For the terminal."""
        table = RichTable(title=self.title, caption=self.note, title_justify="left")
        for k, column in enumerate(self.columns):
            table.add_column(column, justify="left" if k == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def with_spread(s: Spread | None) -> str:
    """Mean ± standard deviation, or the one value."""
    if s is None:
        return NOT_RUN
    # Two significant digits of the mean, and of a spread that is smaller at least one.
    digits = max(2, 1 - int(f"{s.mean:e}".split("e")[1]))
    if s.n > 1 and s.std > 0:
        digits = max(digits, -int(f"{s.std:e}".split("e")[1]))
    return f"{s.mean:.{digits}f}" + (f" ± {s.std:.{digits}f}" if s.n > 1 else "")


def seconds(s: Spread | None) -> str:
    """Seconds of training, the mean over seeds."""
    if s is None:
        return ""
    return f"{s.mean:.1f}" if s.mean < 100 else f"{s.mean:.0f}"


def table4(metrics: Metrics) -> Table:
    """Table 4: manybody expansion models of E(X)."""
    printed = reported()
    rows = []
    for experiment in EXPERIMENTS.values():
        if experiment.table != "table4":
            continue
        tests = metrics.spread(experiment.id, "test", "energy_rmse")
        epochs = metrics.spread(experiment.id, "", "epochs")
        cells = [
            experiment.label,
            f"{epochs.mean:.0f}" if epochs else "-",
            str(tests.n) if tests else "-",
        ]
        for split in ("train", "test"):
            cells.append(printed.get((experiment.id, split, "energy_rmse"), ""))
            cells.append(with_spread(metrics.spread(experiment.id, split, "energy_rmse")))
        value = printed.get((experiment.id, "test", "energy_rmse"))
        cells.append(f"{tests.mean / float(value):.2f}" if tests and value else "")
        cells.append(seconds(metrics.spread(experiment.id, "", "train_seconds")))
        rows.append(tuple(cells))
    return Table(
        "table4",
        "Table 4: RMSE of E on Au6, eV per cluster",
        (
            "model",
            "epochs",
            "seeds",
            "train, report",
            "train, here",
            "test, report",
            "test, here",
            "test, here / report",
            "seconds a seed",
        ),
        tuple(rows),
        "Mean ± standard deviation over seeds. Rows without a number of the report's are ours.",
    )


def speed(benchmark: dict) -> Table:
    """An epoch of Eq. 2, as scripts/benchmark.py measured it in one run."""
    times = benchmark.get("eq2_ms_an_epoch", {})
    slowest = next(iter(times.values()), 0.0)
    note = "`make benchmark` has not been run yet."
    if times:
        note = f"Measured in one run on {benchmark['cores']} cores of {benchmark['processor']}."
    return Table(
        "speed",
        "An epoch of Eq. 2 (2,000 frames, batches of 32)",
        ("how", "ms a seed", "times as fast"),
        tuple((name, f"{ms:.1f}", f"{slowest / ms:.1f}") for name, ms in times.items()),
        note,
    )


def tables(results: Path, metrics: Metrics | None = None) -> dict[str, Table]:
    """All tables of a results folder, by name."""
    metrics = metrics or Metrics.read(results)
    path = results / "benchmark.json"
    benchmark = json.loads(path.read_text()) if path.is_file() else {}
    return {table.name: table for table in (table4(metrics), speed(benchmark))}


def fill(text: str, tables: dict[str, Table]) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    Raises:
        ValueError: a begin without its end.
    """
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if begin in text:
            head, rest = text.split(begin, 1)
            if end not in rest:
                raise ValueError(f"{begin} without {end}")
            tail = rest.split(end, 1)[1]
            text = f"{head}{begin}\n{table.markdown()}\n{end}{tail}"
    return text


def fill_file(path: Path, tables: dict[str, Table]) -> bool:
    """:func:`fill` a file; True when it changed."""
    old = path.read_text(encoding="utf-8")
    new = fill(old, tables)
    if new != old:
        path.write_text(new, encoding="utf-8")
    return new != old
