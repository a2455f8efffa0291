"""Generated blocks of README.md and docs/results/: tables and verdicts made from results/."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_gen.files import write_text
from reproduction.engine.provenance import code_checksum
from reproduction.sections.names import ALLOY, EQ9, GRADIENT, GRAPH, MIDDLE, ROUNDS3
from reproduction.show import claims
from reproduction.show.claims import Verdict
from reproduction.show.evidence import Evidence
from reproduction.show.metrics import with_spread
from reproduction.show.outliers import said
from reproduction.show.page import origins
from reproduction.show.reported import reported
from reproduction.show.rules import first_rules
from reproduction.show.stale import stale
from reproduction.show.tables import Table, fill
from reproduction.show.words import TABLES, about, arranged, ranges

CLAIMS_PAGE = "docs/results/claims.md"
# {table: page of docs/results/ that shows it}.
PAGES = {
    **{name: name for name in ("table1", "table2", "table3", "table4", "table5", "section6")},
    **{name: name for name in ("appendix-a", "appendix-b", "data", "learned", "speed")},
    "gradient": "gradient",
    "elsewhere": "gradient",
    "why": "why-forces-fail",
    **dict.fromkeys(("slab", "slab-worst", "one-frame", "moved", "moved-claims"), "unprinted"),
    "frames": "table5",
    "nve": "applications",
    "minima": "applications",
    "uncertainty": "applications",
    "inner": "learned",
    "behler-speed": "speed",
    "scale": "speed",
    "small-calls": "speed",
    "trajectories": "trajectories",
    **dict.fromkeys(("evidence", "nearest", "adam", "inputs", "starts"), "unprinted"),
    **dict.fromkeys(("functions", "longer"), "unprinted"),
    **dict.fromkeys(("au12", "elsewhere-au12", "alloy", "au6", "transfer"), "systems"),
}


@dataclass(frozen=True)
class Block:
    """Generated Markdown text for the space between a pair of markers."""

    text: str

    def markdown(self) -> str:
        """The text; named as :meth:`reproduction.show.tables.Table.markdown`."""
        return self.text


def _rows(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table, its first column left-aligned and the others right-aligned."""
    rule = "|---|" + "---:|" * (len(columns) - 1)
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, *rows)]
    return "\n".join([lines[0], rule, *lines[1:]])


def _link(one: Verdict, page: str = CLAIMS_PAGE) -> str:
    number = one.claim.number
    return f"[{number}]({page}#claim-{number})"


def verdict_counts(judged: Sequence[Verdict]) -> str:
    """Table of verdicts with the claims that got them, and the names of those that failed."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for one in judged:
        numbers[one.status].append(one.claim.number)
    counts = claims.counts(judged)
    rows = [(status, str(n), ranges(numbers[status])) for status, n in counts.items()]
    table = _rows(("verdict", "claims", "which"), rows)
    return "\n\n".join(filter(None, [table, not_reproduced(judged)]))


def not_reproduced(judged: Sequence[Verdict]) -> str:
    """A sentence that names the claims that are not reproduced; empty if all are."""
    failed = [one.claim for one in judged if one.status == claims.NOT_REPRODUCED]
    said = "; ".join(f"{claim.name} ({claim.number})" for claim in failed)
    return f"Not reproduced: {said}." if failed else ""


def headline_energy(evidence: Evidence) -> str:
    """Errors of E of the three approaches beside the report's: the best of Table 1, Table 4, 6."""
    printed = reported()
    rows, shown = [], []
    for row, label in (
        (MIDDLE, "Behler (10, 10, 10), Amp"),
        *((f"table4/eq{k}", f"Eq. {k}") for k in (3, 2, 4, 5)),
        (GRAPH, "Graph network, Eq. 10, 11"),
    ):
        cells = [label]
        shown.append(row)
        for split in ("train", "test"):
            key = (row, split, "energy_rmse")
            cells += [printed.get(key, ""), with_spread(evidence.spread(*key))]
        rows.append(tuple(cells))
    rows.append(_trivial_cells("Mean of training E", "energy_rmse", evidence, MIDDLE, 1.0))
    columns = ("RMSE of E, eV", "train, report", "here", "test, report", "here")
    return _with_outliers(_rows(columns, rows), evidence, shown, "energy", 1.0)


def headline_forces(evidence: Evidence) -> str:
    """Table of force errors: Eq. 9, which learns F directly, and Eq. 2 with F = -dE/dX."""
    rows = []
    for label, row in (
        ("Eq. 9, F learned directly", EQ9),
        ("Eq. 2, F = -dE/dX, E and F, second order", GRADIENT),
    ):
        cells = [label]
        for split in ("train", "test"):
            key = (row, split, "force_rmse")
            value = reported().get(key)
            cells.append(f"{1000 * float(value):.0f}" if value else "")
            cells.append(with_spread(evidence.spread(*key), 1000.0))
        rows.append(tuple(cells))
    rows.append(_trivial_cells("Zero F", "force_rmse", evidence, EQ9, 1000.0))
    columns = ("RMSE of F, meV/Å", "train, report", "here", "test, report", "here")
    return _with_outliers(_rows(columns, rows), evidence, (EQ9, GRADIENT), "force", 1000.0)


def headline_systems(evidence: Evidence) -> str:
    """Table of test errors of Eq. 4 in linear time, beside those of the mean E and of zero F."""
    rows, shown = [], ((ROUNDS3, "Au12, density functional theory", 12), (ALLOY, "Pt8Au2, EMT", 10))
    for row, label, atoms in shown:
        cells = [label]
        for metric, scale in (("energy_rmse", 1000.0 / atoms), ("force_rmse", 1000.0)):
            cells.append(with_spread(evidence.spread(row, "test", metric), scale))
            cells.append(_trivial_cells("", metric, evidence, row, scale)[-1])
        rows.append(tuple(cells))
    return _rows(("RMSE in test", "E, meV/atom", "of mean E", "F, meV/Å", "of zero F"), rows)


def provenance(evidence: Evidence) -> str:
    """Sentences on the commits and environments of the numbers, and on rows of other code."""
    made_by = origins(evidence)
    if not made_by:
        return "No run behind the numbers is stored."
    runs = sum(one.runs for one in made_by)
    commits = {one.commit for one in made_by}
    where = len({one.environment for one in made_by})
    of = f"one commit, `{commits.pop()}`" if len(commits) == 1 else f"{len(commits)} commits"
    places = "one environment" if where == 1 else f"{where} environments"
    also = ""
    for is_so, how in ((True, "with"), (None, "perhaps with")):
        if changed := sum(one.runs for one in made_by if one.uncommitted_changes is is_so):
            also += f"; {changed:,} of them {how} uncommitted changes"
    return (
        f"The {runs:,} runs behind the numbers are of {of}, in {places} (machine, system and "
        f"package versions){also}.{_of_today(evidence)}"
    )


def _of_today(evidence: Evidence) -> str:
    """Sentence on the rows that ``ROWS=stale`` would run again, among those that are stored."""
    rows = {name: e for name, e in evidence.experiments.items() if name in evidence.provenance}
    if not rows:
        return ""
    older = len(stale(rows, evidence.provenance, code_checksum))
    if not older:
        return " The code and the settings of every row are those of this checkout."
    are = "is" if older == 1 else "are"
    return (
        f" Of the {len(rows)} rows {older} {are} of other code or settings than this checkout, or "
        "of models of such rows."
    )


def _trivial_cells(
    label: str, metric: str, evidence: Evidence, row: str, scale: float
) -> tuple[str, ...]:
    """Row with the trivial baseline for a row's frames, for the two tables above."""
    known = evidence.experiments
    same = evidence.baselines(known[row]) if row in known else []
    found = [evidence.spread(same[0].id, s, metric) if same else None for s in ("train", "test")]
    train, test = (with_spread(one, scale) for one in found)
    return label, "", train, "", test


def _with_outliers(
    table: str, evidence: Evidence, rows: Sequence[str], kind: str, scale: float
) -> str:
    """The table, followed by a note on test errors that are due to a single frame."""
    known = [evidence.experiments[row] for row in rows if row in evidence.experiments]
    text = said(evidence, known, [kind], scale)
    return f"{table}\n\n{text}" if text else table


def claim_list(judged: Sequence[Verdict], evidence: Evidence) -> str:
    """All claims, each with its words, verdict, evidence, rule and links to its tables."""
    old = {number: status for number, (_, status) in first_rules().items()}
    rows = [
        (
            _link(one, ""),
            one.claim.name,
            one.claim.section,
            one.status,
            "" if old.get(one.claim.number, one.status) == one.status else old[one.claim.number],
        )
        for one in judged
    ]
    lines = [_rows(("claim", "in short", "section", "verdict", "in 0.1.0, if different"), rows)]
    for one in judged:
        found = [
            f"[{TABLES[name]}]({PAGES[name]}.md)"
            for name in about(one.claim, evidence)
            if name in PAGES
        ]
        where = f" See {', '.join(found)}." if found else ""
        lines += ["", f"### Claim {one.claim.number}", ""]
        lines += [f"> {one.claim.quote} ({one.claim.section})", ""]
        lines += [f"**{one.status.capitalize()}.** {one.numbers}{where}"]
        if one.claim.checks:
            lines += ["", f"*Rule:* {one.claim.rule} {one.wrong}"]
        if one.before:
            lines += ["", f"*{one.before}*"]
    return "\n".join(lines)


def claims_of(table: str, judged: Sequence[Verdict], evidence: Evidence) -> str:
    """One line with the claims about a table and their verdicts."""
    found = [one for one in judged if table in about(one.claim, evidence)]
    said = "; ".join(f"{_link(one, 'claims.md')} {one.status}" for one in found)
    return f"Claims: {said}." if found else "No claim of the report is judged by these rows."


def blocks(
    evidence: Evidence, tables: Mapping[str, Table], judged: Sequence[Verdict]
) -> dict[str, Table | Block]:
    """All generated blocks, by the name of their markers.

    Args:
        evidence: the numbers.
        tables: all tables, by name.
        judged: the claims' verdicts.
    """
    shown = {name: table for name, table in tables.items() if name in PAGES}
    return {
        **{name: arranged(table)[0] for name, table in shown.items()},
        **{f"claims-{name}": Block(claims_of(name, judged, evidence)) for name in shown},
        "claims": Block(claim_list(judged, evidence)),
        "verdicts": Block(verdict_counts(judged)),
        "headline-energy": Block(headline_energy(evidence)),
        "headline-forces": Block(headline_forces(evidence)),
        "headline-systems": Block(headline_systems(evidence)),
        "provenance": Block(provenance(evidence)),
    }


def documents(root: Path) -> list[Path]:
    """Paths of the documents that contain blocks: README.md and docs/results/."""
    return [root / "README.md", *sorted((root / "docs/results").glob("*.md"))]


def write(root: Path, made: Mapping[str, Table | Block]) -> list[Path]:
    """Update the blocks in all documents.

    Args:
        root: of the checkout.
        made: result of :func:`blocks`.

    Returns:
        The files that changed.
    """
    changed = []
    for path in documents(root):
        old = path.read_text(encoding="utf-8")
        new = fill(old, made)
        if new != old:
            write_text(path, new)
            changed.append(path)
    return changed
