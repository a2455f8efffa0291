"""Tables from metrics.csv beside the report's numbers, for the terminal and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rich.table import Table as RichTable

from reproduction.engine.experiment import Experiment
from reproduction.show.claims import Verdict, summary
from reproduction.show.evidence import Evidence
from reproduction.show.metrics import NOT_RUN, Spread, with_spread
from reproduction.show.outliers import said
from reproduction.show.reported import reported


@dataclass(frozen=True)
class Table:
    """A table as text: title, column names, rows, and a note below."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str

    def without_missing(self) -> "Table":
        """Only the rows that have all their numbers, as for a quick run, which leaves rows out."""
        return replace(self, rows=tuple(row for row in self.rows if NOT_RUN not in row))

    def markdown(self) -> str:
        """For README.md and docs/results/."""
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


def seconds_text(s: Spread | None) -> str:
    """Seconds of training, the mean over seeds."""
    if s is None:
        return ""
    return f"{s.mean:.1f}" if s.mean < 100 else f"{s.mean:.0f}"


def times_text(ratio: float) -> str:
    """A ratio with two decimals, or one digit where these would be zeros."""
    return f"{ratio:.2f}" if ratio >= 0.05 else f"{ratio:.1g}"


def architecture(experiment: Experiment) -> str:
    """Widths as the report's tables write them: (20,50,1),(1,50,20)."""
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
    """Errors of the registry's rows of one table, beside the report's where it has any.

    Args:
        evidence: our numbers and rows.
        name: of the table in the registry.
        title: of the table.
        kinds: {metric: how its column is called}.
        note: below the table; there, too, stands where one frame makes a test error.
        splits: {split: how its column is called}.
        scale: errors are multiplied by it, 1000 for meV.
        late: a column with the median over the last quarter of the epochs.
        count: what the passes over the data are called.
        architectures: a column with the widths of the MLPs, where labels do not say them.
    """
    printed = reported()
    experiments = evidence.rows_of(name)
    ids = {e.id for e in experiments}
    # Of which errors the report has any.
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
                cells.append(with_spread(evidence.spread(experiment.id, split, metric), scale))
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
OURS_NOTE = f"{SPREAD_NOTE} Rows without a number of the report's are ours."


ENDINGS = {
    "converged": "converged",
    "the optimiser gave up": "gave up",
    "stopped by the time limit": "time limit",
    "stopped by the limit of steps": "limit of steps",
    "all iterations done": "all done",
    "no way down": "no way down",
}


STEPS_NOTE = (
    "Steps are evaluations of Amp's loss, and iterations of the twins' second-order method. Amp's "
    "seconds hold its fingerprints, the twins' do not."
)


def behler_table(evidence: Evidence, name: str, title: str, note: str = STEPS_NOTE) -> Table:
    """Errors of E and F of Amp's rows and their twins', and how many seeds ended in which way.

    Args:
        evidence: our numbers and rows.
        name, title: of the table.
        note: more to say below it.
    """
    kinds = {"energy_rmse": "E, ", "force_rmse": "F, "}
    note = f"{SPREAD_NOTE if name == 'why' else OURS_NOTE} {note}"
    table = rmse_table(evidence, name, title, kinds, note, count="steps", architectures=False)
    rows = []
    experiments = evidence.rows_of(name)
    for experiment, row in zip(experiments, table.rows, strict=True):
        counts: dict[str, int] = {}
        for run in evidence.provenance.get(experiment.id, {}).values():
            how = ENDINGS.get(run["ended"], run["ended"])
            counts[how] = counts.get(how, 0) + 1
        ended = ", ".join(f"{how} ({n})" for how, n in sorted(counts.items()))
        rows.append((*row, ended or "-"))
    return replace(table, columns=(*table.columns, "ended (seeds)"), rows=tuple(rows))


def ratio(a: Spread | None, b: Spread | None) -> str:
    """Mean over mean, with its standard error where seeds give one."""
    if not (a and b):
        return NOT_RUN
    value = a.mean / b.mean
    if a.n < 2 or b.n < 2:
        return f"{value:.2f}"
    error = value * sum((s.std / s.mean) ** 2 / s.n for s in (a, b)) ** 0.5
    return f"{value:.2f} ± {error:.2f}"


def claims_table(judged: Sequence[Verdict]) -> Table:
    """Verdicts; the page says by which rules, and with which numbers."""
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
