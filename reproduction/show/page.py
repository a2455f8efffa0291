"""Generator of results/report.html: verdicts, tables, figures and provenance on one page.

The page is self-contained: images are embedded as data URIs and nothing is loaded from elsewhere.
It is made from stored results alone; the same results give the same bytes.
"""

import ast
import base64
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from data_gen.files import write_text
from figures.templates import environment
from reproduction.engine.provenance import ROOT
from reproduction.show import claims, rules
from reproduction.show.claims import Claim, Verdict, counts
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.metrics import SIGNIFICANCE
from reproduction.show.tables import Table
from reproduction.show.words import FIGURES, TABLES, about, arranged, figure_numbers

NAME = "report.html"
# Bytes; instead of a larger SVG the PNG is shown, which is a third of the size.
LARGEST_SVG = 90_000
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# Beginnings of the names of tables on the report itself; they come before those beyond it.
REPORT_TABLE_PREFIXES = ("data", "table", "section", "appendix", "figure")
MARKS = {
    claims.REPRODUCED: "full",
    claims.IN_PART: "half",
    claims.NOT_REPRODUCED: "cross",
    claims.CANNOT_BE_TOLD: "question",
    claims.NOT_TESTABLE: "dash",
    claims.NOT_RUN: "empty",
}

# HTML in the text is escaped.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Figure:
    """A figure on the page, from an image in results/figures/."""

    name: str
    uri: str
    caption: str

    @property
    def number(self) -> int | None:
        """Its number in the report; None for a figure that the report does not have."""
        found = re.match(r"Figure (\d+)", self.caption)
        return int(found[1]) if found else None

    @property
    def label(self) -> str:
        """Its text in the navigation."""
        return f"Figure {self.number}" if self.number else FIGURES.get(self.name, self.name)

    @property
    def id(self) -> str:
        """Its anchor on the page: "figure-4", or "figure-nve" for one without a number."""
        return f"figure-{self.number or self.name}"

    @property
    def order(self) -> tuple:
        """Sort key: first the report's figures by number, then the others by name."""
        return (0, self.number, self.name) if self.number else (1, 0, self.name)


@dataclass(frozen=True)
class Entry:
    """A verdict on the page, with links to the tables and figures that its claim is about.

    Attributes:
        verdict: claim, status and numbers.
        tables: names of tables on the page.
        figures: numbers of figures on the page.
    """

    verdict: Verdict
    tables: tuple[str, ...]
    figures: tuple[int, ...]

    @property
    def claim(self) -> Claim:
        """The claim: the report's words and the rule."""
        return self.verdict.claim

    @property
    def number(self) -> int:
        """Number of the claim, in the report's order."""
        return self.claim.number

    @property
    def numbers(self) -> str:
        """The evidence in one sentence."""
        return self.verdict.numbers

    @property
    def place(self) -> str:
        """Section of the claim, without tables and figures if these are linked."""
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
    """Verdicts with links to those tables and figures that are on the page."""
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
    """A numbered environment of runs: machine and package versions."""

    number: int
    machine: str
    versions: str


@dataclass(frozen=True)
class Origin:
    """Provenance of a set of runs: commit and environment, and the rows that they belong to.

    Whether there were uncommitted changes is None where git does not say.
    """

    commit: str
    uncommitted_changes: bool | None
    environment: Environment
    runs: int
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """A trajectory, identified by its checksum, and the rows that were trained on it."""

    name: str
    sha256: str
    rows: tuple[str, ...]


def caption(name: str, folder: Path = ROOT / "figures") -> str:
    """Caption of an image: first docstring paragraph of the module that draws it, or its name.

    The module is parsed rather than imported, as drawing needs packages that the page does not.
    If a module draws several images, their names begin with the module's; the caption then begins
    with their text in the navigation, or ends with the rest of the name if there is none.
    """
    modules = [p for p in folder.glob("*.py") if name == p.stem or name.startswith(f"{p.stem}_")]
    if not modules:
        return name
    module = max(modules, key=lambda path: len(path.stem))
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    rest = name.removeprefix(module.stem).replace("_", " ").strip()
    if rest and name in FIGURES:
        return f"{FIGURES[name]}. {first}"
    return f"{first} ({rest})" if rest else first


def figures(folder: Path) -> list[Figure]:
    """Figures of a results folder, each once even if there are several files."""
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
    """Summary of provenance.json: runs grouped by commit and environment, largest group first."""
    environments: dict[tuple[str, str], Environment] = {}
    rows: dict[tuple[str, bool | None, Environment], list[str]] = defaultdict(list)
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
    """Trajectories that runs used, with the rows that used them."""
    rows: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for experiment, runs in evidence.provenance.items():
        known = evidence.experiments.get(experiment)
        for seed, run in runs.items():
            name = known.of_seed(int(seed)).dataset if known else "?"
            rows[name, run["data_sha256"]][experiment] = None
    return [Data(*key, tuple(of)) for key, of in rows.items()]


def training_hours(metrics: Metrics) -> float:
    """Total training time of all rows and seeds, in hours."""
    return sum(row.value for row in metrics.rows if row.metric == "train_seconds") / 3600


def markdown(text: str, deeper: int = 0) -> Markup:
    """Convert Markdown to HTML, with headings ``deeper`` levels down."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + deeper)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def inline(text: str) -> Markup:
    """Convert inline Markdown, as in table cells and notes, to HTML."""
    return Markup(_MARKDOWN.renderInline(text))


def by_section(judged: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Group verdicts, in the report's order, by section or appendix."""

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
    """Text of the page for a results folder.

    Args:
        evidence: the folder's numbers; its figures are shown too.
        tables: to show, by name.
        judged: the claims' verdicts.
        is_quick: mark the page as that of a quick run, and leave out the verdicts.
    """
    results, metrics = evidence.folder, evidence.metrics
    shown = list(tables.values())
    if is_quick:
        shown, judged = [table.without_missing() for table in shown], []
    shown = [table for table in shown if table.rows and table.name != "claims"]
    drawn = figures(results)
    listed = entries(judged, shown, drawn, evidence)
    made_by = origins(evidence)
    templates = environment("reproduction.show")
    templates.filters["inline"] = inline
    return templates.get_template("report.html.j2").render(
        is_quick=is_quick,
        judged=listed,
        counts=counts(judged),
        sections=by_section(listed),
        marks=MARKS,
        rules=rules,
        significance=SIGNIFICANCE,
        of_the_report=[arranged(t) for t in shown if t.name.startswith(REPORT_TABLE_PREFIXES)],
        past_it=[arranged(t) for t in shown if not t.name.startswith(REPORT_TABLE_PREFIXES)],
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
    """Text of a Markdown file without its title line."""
    return path.read_text(encoding="utf-8").split("\n", 1)[1]


def write(
    evidence: Evidence,
    tables: Mapping[str, Table],
    judged: Sequence[Verdict],
    is_quick: bool = False,
) -> Path:
    """Write the page unless it is up to date; returns its path. Arguments as :func:`render`."""
    path = evidence.folder / NAME
    text = render(evidence, tables, judged, is_quick)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path
