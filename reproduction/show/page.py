"""results/report.html: verdicts, tables, figures and provenance on one page, from stored results.

The page holds everything it shows: images are data URIs, nothing is loaded from anywhere. The
same results give the same bytes.
"""

import ast
import base64
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from data_gen.files import write_text
from reproduction.engine.provenance import ROOT
from reproduction.show import claims, rules
from reproduction.show.claims import Claim, Verdict, counts
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.metrics import SIGNIFICANCE
from reproduction.show.tables import Table
from reproduction.show.words import FIGURES, TABLES, about, arranged, figure_numbers

NAME = "report.html"
# A drawing larger than this is shown as its picture instead, which is a third of the size.
LARGEST_SVG = 100_000
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# Tables of the report come first, then what goes past it.
OF_THE_REPORT = ("data", "table", "section", "appendix", "figure")
MARKS = {
    claims.REPRODUCED: "full",
    claims.IN_PART: "half",
    claims.NOT_REPRODUCED: "cross",
    claims.CANNOT_BE_TOLD: "question",
    claims.NOT_TESTABLE: "dash",
    claims.NOT_RUN: "empty",
}

# HTML in the text is shown as text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Figure:
    """An image of results/figures/ as the page shows it."""

    name: str
    uri: str
    caption: str

    @property
    def number(self) -> int | None:
        """The report's; None of a figure of ours."""
        found = re.match(r"Figure (\d+)", self.caption)
        return int(found[1]) if found else None

    @property
    def label(self) -> str:
        """In the navigation."""
        return f"Figure {self.number}" if self.number else FIGURES.get(self.name, self.name)

    @property
    def id(self) -> str:
        """Anchor on the page: "figure-4"; "figure-nve" of one of ours."""
        return f"figure-{self.number or self.name}"

    @property
    def order(self) -> tuple:
        """The report's figures by their numbers, then ours by name."""
        return (0, self.number, self.name) if self.number else (1, 0, self.name)


@dataclass(frozen=True)
class Entry:
    """A claim's verdict as the page shows it.

    Attributes:
        verdict: claim, status and numbers.
        tables: names of the tables on the page that it is about.
        figures: numbers of the figures on the page that it is about.
    """

    verdict: Verdict
    tables: tuple[str, ...]
    figures: tuple[int, ...]

    @property
    def claim(self) -> Claim:
        """The report's words and the rule."""
        return self.verdict.claim

    @property
    def number(self) -> int:
        """Of the claim, in the report's order."""
        return self.claim.number

    @property
    def numbers(self) -> str:
        """The evidence in a sentence."""
        return self.verdict.numbers

    @property
    def place(self) -> str:
        """Section, without the tables and figures that are linked anyway."""
        section = self.claim.section
        if self.tables or self.figures:
            section = section.split(",")[0]
        return section if section.startswith("Appendix") else f"section {section}"

    @property
    def status(self) -> str:
        """The verdict in a word or two."""
        return self.verdict.status


def entries(
    judged: Sequence[Verdict], shown: list[Table], drawn: list[Figure], evidence: Evidence
) -> list[Entry]:
    """Numbered verdicts, linked to those tables and figures that are on the page."""
    names, numbers = {table.name for table in shown}, {figure.number for figure in drawn}
    return [
        Entry(
            one,
            tuple(name for name in about(one.claim, evidence) if name in names),
            tuple(k for k in figure_numbers(one.claim) if k in numbers),
        )
        for one in judged
    ]


@dataclass(frozen=True)
class Environment:
    """A machine and the packages on it, by a number."""

    number: int
    machine: str
    versions: str


@dataclass(frozen=True)
class Origin:
    """Runs of one commit in one environment, and the rows that they made."""

    commit: str
    uncommitted_changes: bool
    environment: Environment
    runs: int
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """A trajectory by its checksum, and the rows that were trained on it."""

    name: str
    sha256: str
    rows: tuple[str, ...]


def caption(name: str, folder: Path = ROOT / "figures") -> str:
    """The first paragraph of the docstring of the module that draws an image, or its name.

    The module is read and not imported: drawing needs packages that the page does not.
    Where a module draws several images, their names begin with its own; the rest is added.
    """
    modules = [p for p in folder.glob("*.py") if name == p.stem or name.startswith(f"{p.stem}_")]
    if not modules:
        return name
    module = max(modules, key=lambda path: len(path.stem))
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    rest = name.removeprefix(module.stem).replace("_", " ").strip()
    return f"{first} ({rest})" if rest else first


def figures(folder: Path) -> list[Figure]:
    """Images of a results folder's ``figures/``, each once."""
    found = []
    for name in sorted({path.stem for path in (folder / "figures").glob("*") if _is_image(path)}):
        paths = [folder / "figures" / f"{name}{suffix}" for suffix in TYPES]
        there = [path for path in paths if path.is_file()]
        small = [path for path in there if path.stat().st_size <= LARGEST_SVG]
        path = (small or there[-1:])[0]
        encoded = base64.b64encode(path.read_bytes()).decode("ascii")
        found.append(Figure(name, f"data:{TYPES[path.suffix]};base64,{encoded}", caption(name)))
    return sorted(found, key=lambda figure: figure.order)


def _is_image(path: Path) -> bool:
    return path.suffix in TYPES and not path.name.startswith(".")


def origins(evidence: Evidence) -> list[Origin]:
    """provenance.json, brought down to what differs; the most runs first."""
    environments: dict[tuple[str, str], Environment] = {}
    rows: dict[tuple[str, bool, Environment], list[str]] = defaultdict(list)
    for experiment, runs in evidence.provenance.items():
        for run in runs.values():
            machine = f"{run['processor']}, {run['cores']} cores, {run['system']}"
            versions = ", ".join(f"{name} {v}" for name, v in run["versions"].items())
            new = Environment(len(environments) + 1, machine, versions)
            where = environments.setdefault((machine, versions), new)
            rows[run["commit"], run["uncommitted_changes"], where].append(experiment)
    found = [Origin(*key, len(of), tuple(dict.fromkeys(of))) for key, of in rows.items()]
    return sorted(found, key=lambda origin: -origin.runs)


def data(evidence: Evidence) -> list[Data]:
    """Checksums of the trajectories that runs used."""
    rows: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for experiment, runs in evidence.provenance.items():
        known = evidence.experiments.get(experiment)
        name = known.dataset if known else "?"
        for run in runs.values():
            rows[name, run["data_sha256"]][experiment] = None
    return [Data(*key, tuple(of)) for key, of in rows.items()]


def training_hours(metrics: Metrics) -> float:
    """Hours of training of all rows and seeds together, as if one after the other."""
    return sum(row.value for row in metrics.rows if row.metric == "train_seconds") / 3600


def markdown(text: str, deeper: int = 0) -> Markup:
    """Markdown to HTML, its headings so many levels deeper."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + deeper)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def inline(text: str) -> Markup:
    """Markdown within a line, as table cells and notes have it."""
    return Markup(_MARKDOWN.renderInline(text))


def by_section(judged: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Verdicts in the report's order, under the number of their section or appendix."""

    def heading(one: Entry) -> str:
        section = one.claim.section
        return section if section.startswith("Appendix") else f"Section {section[0]}"

    return [(name, list(some)) for name, some in groupby(judged, heading)]


def render(
    evidence: Evidence,
    tables: Mapping[str, Table],
    judged: Sequence[Verdict],
    is_quick: bool = False,
) -> str:
    """The page of a results folder.

    Args:
        evidence: of the folder; what else is there is shown too.
        tables: to show, by name.
        judged: the claims' verdicts.
        is_quick: of a quick run, which has no verdicts and says so.
    """
    results, metrics = evidence.folder, evidence.metrics
    shown = list(tables.values())
    if is_quick:
        shown, judged = [table.without_missing() for table in shown], []
    shown = [table for table in shown if table.rows and table.name != "claims"]
    drawn = figures(results)
    listed = entries(judged, shown, drawn, evidence)
    made_by = origins(evidence)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reproduction.show"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = inline
    return environment.get_template("report.html.j2").render(
        is_quick=is_quick,
        judged=listed,
        counts=counts(judged),
        sections=by_section(listed),
        marks=MARKS,
        rules=rules,
        significance=SIGNIFICANCE,
        of_the_report=[arranged(t) for t in shown if t.name.startswith(OF_THE_REPORT)],
        past_it=[arranged(t) for t in shown if not t.name.startswith(OF_THE_REPORT)],
        names=TABLES,
        figures=drawn,
        assumptions=markdown(_body(ROOT / "ASSUMPTIONS.md"), deeper=1),
        origins=made_by,
        environments=sorted({o.environment for o in made_by}, key=lambda e: e.number),
        data=data(evidence),
        hours=training_hours(metrics),
        runs=len({(row.experiment, row.seed) for row in metrics.rows}),
        rows=len(metrics.experiments()),
    )


def _body(path: Path) -> str:
    """A Markdown file without its title."""
    return path.read_text(encoding="utf-8").split("\n", 1)[1]


def write(
    evidence: Evidence,
    tables: Mapping[str, Table],
    judged: Sequence[Verdict],
    is_quick: bool = False,
) -> Path:
    """Make the page; returns where it is. Arguments as :func:`render`."""
    path = evidence.folder / NAME
    text = render(evidence, tables, judged, is_quick)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path
