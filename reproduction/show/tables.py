"""Tables of our numbers beside the report's, for the terminal and in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rich.table import Table as RichTable

from reproduction.engine.experiment import Experiment
from reproduction.show.claims import Verdict, summary
from reproduction.show.evidence import TRIVIAL, Evidence
from reproduction.show.metrics import NOT_RUN, Spread, with_spread
from reproduction.show.outliers import said
from reproduction.show.reported import reported


@dataclass(frozen=True)
class Table:
    """A table of text cells, with title, column names and a note below.

    Cells may have words in bold, as Markdown.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str

    def without_missing(self) -> "Table":
        """The table without incomplete rows, for quick runs, which leave out some rows."""
        return replace(self, rows=tuple(row for row in self.rows if NOT_RUN not in row))

    def markdown(self) -> str:
        """The table in Markdown, for README.md and docs/results/."""
        lines = [f"**{self.title}**", ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(self.columns) - 1)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.note])

    def rich(self) -> RichTable:
        """The table for display on a terminal."""
        table = RichTable(title=self.title, caption=self.note, title_justify="left")
        for k, column in enumerate(self.columns):
            table.add_column(column, justify="left" if k == 0 else "right")
        for row in self.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        return table


def seconds_text(s: Spread | None) -> str:
    """Format seconds, the mean over seeds; empty if there are none."""
    if s is None:
        return ""
    return f"{s.mean:.1f}" if s.mean < 100 else f"{s.mean:.0f}"


def times_text(ratio: float) -> str:
    """Format a ratio with two decimals, or with one digit if these would be zeros."""
    return f"{ratio:.2f}" if ratio >= 0.05 else f"{ratio:.1g}"


def architecture(experiment: Experiment) -> str:
    """Widths of the MLPs in the notation of the report's tables: (20,50,1),(1,50,20)."""
    return ",".join(f"({','.join(map(str, mlp))})" for mlp in experiment.widths or ()) or "-"


def rmse_table(
    evidence: Evidence,
    name: str,
    title: str,
    kinds: dict[str, str],
    note: str,
    splits: dict[str, str] = MappingProxyType({"train": "train", "test": "test"}),
    scale: float = 1.0,
    late: bool = False,
    count: str = "epochs",
    architectures: bool = True,
) -> Table:
    """Table of a registry table's errors, beside the report's if it has any.

    Args:
        evidence: our numbers and rows.
        name: of the table in the registry.
        title: of the table.
        kinds: {metric: beginning of the names of its columns}.
        note: below the table; a remark on test errors due to a single frame is appended.
        splits: {split: end of the names of its columns}.
        scale: factor for the errors, 1000 for meV.
        late: add a column with the median over the last quarter of the epochs.
        count: name of the column with the length of the training.
        architectures: add a column with the widths of the MLPs, for rows whose labels lack them.
    """
    printed = reported()
    experiments = evidence.rows_of(name)
    ids = {e.id for e in experiments}
    # Metrics of which the report prints at least one value.
    compared = {metric for row, _, metric in printed if row in ids}
    columns = ["model", *(["MLP architecture"] if architectures else []), count, "seeds"]
    for metric, called in kinds.items():
        has_printed = metric in compared
        for split, split_called in splits.items():
            if has_printed and split != "rotated":
                columns.append(f"{called}{split_called}, report")
            columns.append(
                f"{called}{split_called}, here" if has_printed else called + split_called
            )
        if has_printed:
            columns.append(f"{called}test, here / report")
        if late:
            columns.append("test, median of last quarter")
    rows = []
    for experiment in experiments:
        first = evidence.spread(experiment.id, "test", next(iter(kinds)))
        passes = evidence.passes(experiment.id)
        cells = [
            experiment.label,
            *([architecture(experiment)] if architectures else []),
            f"{passes.mean:.0f}" if passes else "-",
            str(first.n) if first else "-",
        ]
        for metric in kinds:
            has_printed = metric in compared
            for split in splits:
                if has_printed and split != "rotated":
                    cells.append(printed.get((experiment.id, split, metric), ""))
                found = evidence.spread(experiment.id, split, metric)
                # The mean energy and no force are the same however frames are turned.
                turned = split == "rotated" and experiment.task == TRIVIAL
                cells.append("-" if turned else with_spread(found, scale))
            value = printed.get((experiment.id, "test", metric))
            tests = evidence.spread(experiment.id, "test", metric)
            if has_printed:
                cells.append(times_text(tests.mean / float(value)) if tests and value else "")
            if late:
                found = evidence.spread(experiment.id, "test", f"{metric}_late")
                cells.append(with_spread(found, scale) if found else "")
        cells.append(seconds_text(evidence.spread(experiment.id, "", "train_seconds")))
        rows.append(tuple(cells))
    outliers = said(evidence, experiments, [m.removesuffix("_rmse") for m in kinds], scale)
    note = " ".join(filter(None, (note, outliers)))
    return Table(name, title, (*columns, "seconds a seed"), tuple(rows), note)


SPREAD_NOTE = "Mean ± standard deviation over seeds."
OURS_NOTE = f"{SPREAD_NOTE} Rows without a number from the report are our additions."


ENDINGS = {
    "converged": "converged",
    "the optimiser gave up": "gave up",
    "stopped by the limit of steps": "limit of steps",
    "all iterations done": "all done",
    "no way down": "no way down",
}


STEPS_NOTE = (
    "Steps are evaluations of Amp's loss, and iterations of the twins' second-order method. Amp's "
    "seconds include its fingerprints, the twins' do not."
)


def behler_table(evidence: Evidence, name: str, title: str, note: str = STEPS_NOTE) -> Table:
    """Table of errors of E and F by Amp and its twins, with the ways in which training ended.

    Args:
        evidence: our numbers and rows.
        name, title: of the table.
        note: appended to the general note below the table.
    """
    kinds = {"energy_rmse": "E, ", "force_rmse": "F, "}
    note = f"{SPREAD_NOTE if name == 'why' else OURS_NOTE} {note}"
    table = rmse_table(evidence, name, title, kinds, note, count="steps", architectures=False)
    rows = []
    experiments = evidence.rows_of(name)
    for experiment, row in zip(experiments, table.rows, strict=True):
        counts: dict[str, int] = {}
        for run in evidence.provenance.get(experiment.id, {}).values():
            how = ENDINGS.get(run["ended"], run["ended"]) + ", resumed" * bool(run.get("resumed"))
            counts[how] = counts.get(how, 0) + 1
        ended = ", ".join(f"{how} ({n})" for how, n in sorted(counts.items()))
        rows.append((*row, ended or "-"))
    return replace(table, columns=(*table.columns, "ended (seeds)"), rows=tuple(rows))


def ratio(a: Spread | None, b: Spread | None) -> str:
    """Format the ratio of two means, with its standard error if both have several seeds."""
    if not (a and b):
        return NOT_RUN
    value = a.mean / b.mean
    if a.n < 2 or b.n < 2:
        return f"{value:.2f}"
    error = value * sum((s.std / s.mean) ** 2 / s.n for s in (a, b)) ** 0.5
    return f"{value:.2f} ± {error:.2f}"


def claims_table(judged: Sequence[Verdict]) -> Table:
    """Table of verdicts; rules and numbers are on the report page."""
    return Table(
        "claims",
        summary(judged),
        ("", "the report's words", "section", "verdict"),
        tuple(
            (str(one.claim.number), one.claim.quote, one.claim.section, one.status)
            for one in judged
        ),
        "Rules, tolerances and the numbers behind each verdict: `results/report.html`, made from "
        "`reproduction/sections/` and `results/metrics.csv`.",
    )


def fill(text: str, tables: dict[str, Table]) -> str:
    """Replace the text between ``<!-- name:begin -->`` and ``<!-- name:end -->`` by tables.

    Args:
        text: with markers.
        tables: by the name of their markers; those without markers in the text are ignored.

    Raises:
        ValueError: a begin marker without its end marker.
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
