"""results/report.html is whole, safe to open anywhere, and of the committed numbers."""

import base64
import csv
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import CLAIMS, EXPERIMENTS, all_tables
from reproduction.show import page
from reproduction.show.claims import STATUSES, counts, verdicts
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.metrics import with_spread
from reproduction.show.words import about

RESULTS = ROOT / "results"
VOID = {"meta", "link", "img", "br", "hr", "input"}
SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/svg+xml": b"<?xml"}


def contents(folder: Path) -> tuple:
    """Evidence, tables and verdicts of a results folder."""
    evidence = Evidence.read(folder, EXPERIMENTS)
    return evidence, all_tables(evidence), verdicts(CLAIMS, evidence)


def render(folder: Path, is_quick: bool = False) -> str:
    return page.render(*contents(folder), is_quick)


class Page(HTMLParser):
    """Elements with their attributes and text; raises where an element is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def committed() -> tuple:
    return contents(RESULTS)


@pytest.fixture(scope="module")
def text(committed) -> str:
    return page.render(*committed, False)


@pytest.fixture(scope="module")
def parsed(text) -> Page:
    return Page(text)


@pytest.fixture
def copy(tmp_path) -> Path:
    """A results folder to change: numbers, provenance, figures."""
    for name in ("metrics.csv", "provenance.json", "benchmark.json"):
        shutil.copy(RESULTS / name, tmp_path)
    shutil.copytree(RESULTS / "figures", tmp_path / "figures")
    return tmp_path


def test_the_committed_page_is_of_the_committed_results(text):
    path = RESULTS / page.NAME
    assert path.is_file(), "results/report.html is missing: make report"
    assert path.read_bytes() == text.encode(), "results/report.html is out of date: make report"


def test_the_same_results_give_the_same_bytes(text):
    """In another process, whose hashes are seeded differently."""
    code = (
        "import sys, pathlib, hashlib; from test_page import render; "
        "text = render(pathlib.Path(sys.argv[1])); "
        "print(hashlib.sha256(text.encode()).hexdigest(), 'tensorflow' in sys.modules)"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, RESULTS],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    # And without TensorFlow, which takes seconds.
    assert done.stdout.split() == [hashlib.sha256(text.encode()).hexdigest(), "False"]


def test_structure(parsed):
    assert len(parsed.all("h1")) == len(parsed.all("main")) == len(parsed.all("title")) == 1
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in pairwise(levels))
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for link in parsed.all("a", "use"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
    assert "width=device-width" in str(parsed.all("meta"))
    assert parsed.all("html")[0]["lang"] == "en"


def test_nothing_is_loaded_from_anywhere(text, parsed):
    for tag, attributes in parsed.elements:
        for name in ("src", "srcset", "poster", "data", "action", "background"):
            assert attributes.get(name, "data:").startswith("data:")
        if tag != "a":
            assert attributes.get("href", "#").startswith(("#", "data:"))
    assert not parsed.all("script", "iframe", "object", "embed")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_images_are_there_and_decode(parsed):
    images = parsed.all("img")
    names = {path.stem for path in (RESULTS / "figures").iterdir()}
    assert len(images) == len(names) > 0
    for image in images:
        kind, encoded = re.fullmatch(r"data:([\w/+]+);base64,(.+)", image["src"]).groups()
        assert base64.b64decode(encoded, validate=True).startswith(SIGNATURES[kind])
        assert len(image["alt"]) > 3


def test_it_is_small_enough_to_send(text):
    assert len(text.encode()) < 2_500_000


def test_verdicts_come_first_and_are_all_there(text, parsed, committed):
    judged = committed[2]
    places = [text.index(f'id="claim-{k}"') for k in range(1, len(judged) + 1)]
    assert places == sorted(places) and places[-1] < text.index("<table")
    words = " ".join(" ".join(parsed.words).split())
    for one in judged:
        assert " ".join(one.numbers.split()) in words
        assert one.claim.quote in words
    for status, n in counts(judged).items():
        assert f"<b>{n}</b><span>{status}</span>" in text


def test_everything_is_found_by_its_number(text, committed):
    """Claims, tables and figures are in the navigation; claims are linked both ways."""
    navigation = text[text.index("<nav") : text.index("</nav>")]
    linked = set(re.findall(r'href="#([^"]+)"', navigation))
    assert {f"claim-{k}" for k in range(1, len(CLAIMS) + 1)} <= linked
    assert {f"figure-{k}" for k in range(1, 6)} <= linked
    evidence, tables, _ = committed
    # A benchmark that has not been run has an empty table, which is not shown.
    assert {name for name, table in tables.items() if table.rows} - {"claims"} <= linked
    for claim in CLAIMS:
        number = claim.number
        item = text[text.index(f'id="claim-{number}"') :].split("</li>")[0]
        assert claim.quote in html.unescape(item)
        for name in about(claim, evidence):
            assert f'href="#{name}"' in item
            table = text[text.index(f'id="{name}"') :].split("<table")[0]
            assert f'href="#claim-{number}"' in table
    figure = text[text.index('id="figure-4"') :].split("</figure>")[0]
    assert re.findall(r"#claim-(\d+)", figure) == ["38", "39", "40"]


def test_columns_that_can_be_hidden_have_a_toggle(parsed):
    """Each belongs to a table whose label opens it."""
    toggles = {a["id"] for a in parsed.all("input")}
    assert toggles and toggles == {a["for"] for a in parsed.all("label")}
    assert {"more-table3", "more-table4"} <= toggles and "more-speed" not in toggles
    minor = [a for a in parsed.all("th", "td") if a.get("class") == "minor"]
    assert len(minor) > 100


def test_a_verdict_is_marked_without_colour(text):
    """Each status has a mark of its own shape, and its name beside it."""
    assert set(page.MARKS) == set(STATUSES)
    assert len(set(page.MARKS.values())) == len(STATUSES)
    for name in page.MARKS.values():
        assert text.count(f'<symbol id="{name}"') == 1


def test_numbers_come_from_metrics_csv(copy):
    with open(copy / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    for row in rows:
        if row[0] == "table4/eq2" and row[2:4] == ["test", "energy_rmse"]:
            row[4] = repr(float(row[4]) * 3)
    old = with_spread(Metrics.read(copy).spread("table4/eq2", "test", "energy_rmse"))
    before = render(copy)
    with open(copy / "metrics.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    new = with_spread(Metrics.read(copy).spread("table4/eq2", "test", "energy_rmse"))
    after = render(copy)
    assert f"<td>{old}</td>" in before and f"<td>{new}</td>" not in before
    assert f"<td>{new}</td>" in after


def test_an_empty_folder_gives_a_page_that_says_so(tmp_path):
    text = render(tmp_path)
    found = Page(text)
    assert not found.all("img") and "not run yet" in text and "None is stored" in text


def test_quick_results_have_no_verdicts(copy):
    text = render(copy, is_quick=True)
    Page(text)
    assert "not the report's settings" in text.replace("&#39;", "'")
    assert 'id="verdicts"' not in text and CLAIMS[-1].quote not in text


def test_text_is_escaped(copy):
    lines = (copy / "provenance.json").read_text()
    (copy / "provenance.json").write_text(lines.replace("AMD EPYC", "<script>alert(1)</script>"))
    text = render(copy)
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "<script" not in page.markdown("a <script>b</script>")
    assert "<script" not in page.inline("a <script>b</script>")


def test_markdown_headings_go_deeper():
    html = page.markdown("# One\n\n###### Six\n", deeper=1)
    assert "<h2>One</h2>" in html and "<h6>Six</h6>" in html


def test_captions_are_read_without_importing(tmp_path):
    (tmp_path / "parity.py").write_text('"""Energies,\npredicted.\n\nMore."""\nimport nothing\n')
    (tmp_path / "parity_of.py").write_text('"""Forces."""\n')
    assert page.caption("parity", tmp_path) == "Energies, predicted."
    assert page.caption("parity_test_au6", tmp_path) == "Energies, predicted. (test au6)"
    assert page.caption("parity_of_test", tmp_path) == "Forces. (test)"
    assert page.caption("parityof", tmp_path) == "parityof"
    assert page.caption("parity_force_au6", tmp_path) == "Predicted F, Au6. Energies, predicted."


def test_the_reports_figures_come_first():
    shown = [page.Figure(name, "", text) for name, text in (("a", "A"), ("b", "Figure 12: B"))]
    shown.append(page.Figure("c", "", "Figure 3: C"))
    assert [f.name for f in sorted(shown, key=lambda f: f.order)] == ["c", "b", "a"]


def test_a_drawing_too_large_is_shown_as_its_picture(tmp_path):
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "figure9.png").write_bytes(b"picture")
    (folder / "figure9.svg").write_text("drawing")
    (figure,) = page.figures(tmp_path)
    assert figure.uri.startswith("data:image/svg+xml;") and figure.caption == "figure9"
    (folder / "figure9.svg").write_bytes(b" " * (page.LARGEST_SVG + 1))
    (figure,) = page.figures(tmp_path)
    assert figure.uri.startswith("data:image/png;")
    (folder / "figure9.png").unlink()
    assert page.figures(tmp_path)[0].uri.startswith("data:image/svg+xml;")


def test_provenance_is_summed_up(copy):
    evidence = Evidence.read(copy, EXPERIMENTS)
    found, runs = page.origins(evidence), evidence.provenance
    assert sum(origin.runs for origin in found) == sum(map(len, runs.values()))
    assert {row for origin in found for row in origin.rows} == set(runs)
    assert {d.sha256 for d in page.data(evidence)} == {
        run["data_sha256"] for seeds in runs.values() for run in seeds.values()
    }


def test_write_leaves_a_page_that_is_right_alone(copy):
    found = contents(copy)
    path = page.write(*found)
    first = path.stat().st_mtime_ns
    assert page.write(*found).stat().st_mtime_ns == first
    path.write_text("old")
    assert page.write(*found).read_text(encoding="utf-8") == page.render(*found, False)
    assert not list(copy.glob(".*"))
