"""README.md and docs/results/ show the committed numbers, name what is there, and stay short."""

import fnmatch
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from keras_models.settings import QuasiNewtonSettings
from reproduction.engine import leaves
from reproduction.engine.provenance import ROOT, code_checksum
from reproduction.leaves import sections_of
from reproduction.sections import CLAIMS, EXPERIMENTS, all_tables, rows_of, select
from reproduction.show import documents, words
from reproduction.show.claims import verdicts
from reproduction.show.evidence import Evidence, Metrics
from reproduction.show.metrics import SIGNIFICANCE, with_spread
from reproduction.show.predictions import BEYOND
from reproduction.show.rules import TOLERANCE, WIDE
from reproduction.show.stale import SETTINGS, settings_checksum
from reproduction.show.tables import Table, fill
from reproduction.sweeps.commands import SECONDS_A_STEP

RESULTS = ROOT / "results"
PAGES = documents.documents(ROOT)
MARKER = re.compile(r"<!-- ([\w-]+):begin -->")
# Numbers that only a measurement gives: decimals, parts in a hundred, powers of ten, and counts
# with the unit of something measured. Names of sections and of the report's own settings are none.
MEASURED = re.compile(
    r"(?<![\w.])\d+\.\d+|\d ?%|\b\de-?\d|\b\d[\d,.]* (meV|eV|ms|ps|fs|seconds|minutes|times)\b"
)


EVIDENCE = Evidence.read(RESULTS, EXPERIMENTS)


def blocks(evidence: Evidence) -> dict:
    return documents.blocks(evidence, all_tables(evidence), verdicts(CLAIMS, evidence))


@pytest.fixture(scope="module")
def made():
    return blocks(EVIDENCE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"<!-- ([\w-]+):begin -->.*?<!-- \1:end -->", "", text, flags=re.S)


def by_hand(text: str) -> str:
    """What stands outside generated blocks, code and links' targets."""
    text = without_blocks(text)
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


def ids(pages):
    return [str(path.relative_to(ROOT)) for path in pages]


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_documents_show_the_committed_numbers(path, made):
    text = text_of(path)
    assert fill(text, made) == text, "make report"
    assert set(MARKER.findall(text)) <= set(made)


def test_every_table_has_one_page(made):
    readme, *pages = PAGES
    shown = {path.stem: MARKER.findall(text_of(path)) for path in pages}
    assert set(all_tables(EVIDENCE)) == {*documents.PAGES, "claims"}
    for name, page in documents.PAGES.items():
        assert [stem for stem, blocks in shown.items() if name in blocks] == [page]
    assert "claims" in shown["claims"]
    assert {"verdicts", "headline-energy", "headline-forces", "headline-systems"} <= set(
        MARKER.findall(text_of(readme))
    )


def test_readme_is_finished_by_its_reader():
    assert len((ROOT / "README.md").read_bytes()) <= 10_240


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_sentences_have_no_measured_number_of_their_own(path):
    text = by_hand(text_of(path))
    # Sections of the report; versions; times that `make` takes, which no run here measures.
    text = re.sub(r"[Ss]ections? [\d. and]+|section \d\.\d'?s?|Python 3\.11|4\.1's", "", text)
    text = re.sub(r"^\| make .*$|^\|.*\| (about )?\d+ \|$", "", text, flags=re.M)
    text = re.sub(r"(Amp|release)\s\d\.\d\.\d|\((abstract, )?\d\.\d\)", "", text)
    if path.name == "unprinted.md":  # its settings: lattice constants, and heights of gold
        text = re.sub(r"\d\.\d+ Å", "", text)
    if path.name == "claims.md":
        text = " ".join(text.split())
        for known in (
            f"{100 * (1 - SIGNIFICANCE):g} %",
            f"{TOLERANCE:g} either way, in part {WIDE:g}",
        ):
            assert known in text
            text = text.replace(known, "")
    found = MEASURED.search(text)
    assert not found, text[max(0, found.start() - 60) : found.end() + 20]


def test_measured_numbers_are_found():
    """The instrument of the test above."""
    for said in ("an error of 0.17", "within 10 %", "agree to 1e-8", "14 meV", "1.4 times"):
        assert MEASURED.search(said), said
    for said in ("Table 4 and Eq. 2 to 5", "1,000 epochs", "of 20 inner functions"):
        assert not MEASURED.search(said), said


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "ASSUMPTIONS.md", ROOT / "docs/cluster.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(text_of(other)), target


@pytest.mark.parametrize("path", [*PAGES, ROOT / "docs/cluster.md"], ids=lambda p: p.name)
def test_files_that_are_named_are_there(path):
    """`scripts/x.py` from the root, or `x.py` after a folder that was just named."""
    text = text_of(path)
    for name in re.findall(r"`([\w./]+/[\w./]*)`", text):
        assert (ROOT / name).exists() or name.startswith(("quick/", "runs/", "data/", "sweeps/")), (
            name
        )
    for name in re.findall(r"scripts/\w+\.py|\d\d_\w+\.py", text):
        assert (ROOT / "scripts" / name.split("/")[-1]).is_file(), name


def test_each_equation_is_found_where_the_readme_says():
    text = without_blocks(text_of(ROOT / "README.md"))
    rows = re.findall(r"^\| (Eq\. [\d, ]+) \| (.*?) \|", text, flags=re.M)
    found = set()
    for equations, cell in rows:
        path = re.search(r"\(([\w/.]+\.py)\)", cell)[1]
        source = text_of(ROOT / path)
        names, numbers = re.findall(r"`(\w+)`", cell), re.findall(r"\d+", equations)
        for k, name in enumerate(names):
            assert re.search(rf"^def {name}\(", source, flags=re.M), name
            docstring = source.split(f"def {name}(")[1].split('"""')[1]
            # As many names as equations: each has its own.
            for number in numbers[k : k + 1] if len(names) == len(numbers) else numbers:
                assert re.search(rf"Eq\. .*\b{number}\b", docstring), (name, number)
        found |= set(map(int, re.findall(r"\d+", equations)))
    assert found == set(range(1, 12))


def commands(text: str) -> list[list[str]]:
    """Arguments of --only of each command of a numbered script."""
    text = text.replace("\\\n", " ")
    found = re.findall(r"\d\d_\w+\.py --only ([^\n`]+)", text)
    return [shlex.split(arguments) for arguments in found]


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_commands_make_the_rows_that_the_page_shows(path):
    text = text_of(path)
    asked = set()
    for pattern in (pattern for command in commands(text) for pattern in command):
        matched = fnmatch.filter(EXPERIMENTS, pattern)
        assert matched, pattern
        asked |= set(matched)
    if path.name != "README.md":
        shown = set(MARKER.findall(text))
        missing = {e.id for e in EXPERIMENTS.values() if e.table in shown} - asked
        assert not missing


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_commands_name_rows_of_their_own_script(path):
    """A script refuses another's rows."""
    text = text_of(path).replace("\\\n", "")
    for name, patterns in re.findall(r"(0[2-6]_\w+\.py) --only ([^`\n|]*)", text):
        sections = sections_of(ROOT / "scripts" / name)
        assert select(shlex.split(patterns), rows_of(*sections))


# claims


def test_claims_are_numbered_in_the_reports_order(made):
    assert [claim.number for claim in CLAIMS] == list(range(1, len(CLAIMS) + 1))
    text = made["claims"].markdown()
    for claim in CLAIMS:
        part = text.split(f"### Claim {claim.number}\n")[1].split("### ")[0]
        assert claim.quote in part and (claim.rule in part or not claim.checks)


def test_every_claim_with_a_rule_is_about_a_table():
    for claim in CLAIMS:
        found = words.about(claim, EVIDENCE)
        assert bool(found) == bool(claim.checks) or words.figure_numbers(claim)
        assert set(found) <= set(documents.PAGES)
    by_id = {claim.id: claim for claim in CLAIMS}
    assert words.about(by_id["table4/Eq. 3 fails"], EVIDENCE) == ("table4", "trajectories")
    assert words.about(by_id["table5/F is difficult to learn"], EVIDENCE) == (
        "table5",
        "gradient",
        "trajectories",
    )
    assert words.about(by_id["section4.1/EMT's form"], EVIDENCE) == ("learned",)
    assert words.figure_numbers(by_id["section7/Eq. 4 is best"]) == (4,)


def test_evidence_is_in_words_that_a_reviewer_knows():
    said = " ".join(one.numbers for one in verdicts(CLAIMS, EVIDENCE))
    assert "variance of Behler's radial functions left unexplained" in said
    assert not re.search(r"\b(g2|atom|energy|force) (unexplained|rmse|max|bias|slope)", said)


def test_ranges_by_hand():
    assert words.ranges([5, 1, 2, 3, 8]) == "1-3, 5, 8"
    assert words.ranges([]) == ""


# arranging


def test_columns_that_matter_come_first():
    table = Table(
        "table1", "", ("model", "steps", "E, test", "F, test"), (("a", "1", "2", "3"),), ""
    )
    shown, major = words.arranged(table)
    assert shown.columns == ("model", "E, test", "F, test", "steps") and major == 2
    assert shown.rows == (("a", "2", "3", "1"),)
    gradient, major = words.arranged(Table("gradient", "", table.columns, table.rows, ""))
    assert gradient.columns == ("model", "E, test", "F, test", "steps") and major == 3


# sentences that are made


RUN = {"commit": "a" * 40, "uncommitted_changes": False, "processor": "p", "cores": 2}
RUN |= {"system": "Linux", "versions": {"keras": "3"}}


@pytest.mark.parametrize(
    ("second", "says"),
    (
        ({}, f"The 3 runs behind the numbers are of one commit, `{'a' * 40}`, in one environment"),
        ({"commit": "b" * 40}, "are of 2 commits, in one environment ("),
        ({"versions": {"keras": "4"}}, f"are of one commit, `{'a' * 40}`, in 2 environments ("),
        ({"uncommitted_changes": True}, " 1 of them with uncommitted changes."),
        ({"uncommitted_changes": None}, " 1 of them perhaps with uncommitted changes."),
    ),
)
def test_where_the_runs_come_from_is_counted(second, says):
    runs = {"x/a": {"0": RUN, "1": {**RUN, **second}}, "x/b": {"0": RUN}}
    said = documents.provenance(replace(EVIDENCE, provenance=runs))
    assert says in said
    assert ("uncommitted" in said) == ("uncommitted_changes" in second)


@pytest.mark.parametrize(
    ("changed", "says"),
    (
        ((), " The code and the settings of every row are those of this checkout."),
        (("table4/eq3",), " Of the 3 rows 1 is of other code or settings than this checkout, or "),
        (("table4/eq3", "table4/eq4"), " Of the 3 rows 2 are of other code or settings than "),
    ),
)
def test_rows_of_other_code_than_the_checkout_are_counted(changed, says):
    """Rows that are not stored, though they use models, or not in the registry are not counted."""
    runs = {}
    for row in ("table4/eq3", "table4/eq4", "table4/eq5"):
        for seed in EXPERIMENTS[row].seeds:
            settings = settings_checksum(EXPERIMENTS[row].of_seed(seed).settings())
            code = "older" if row in changed else code_checksum(EXPERIMENTS[row].task)
            checksums = {"code_sha256": code, SETTINGS: settings}
            runs.setdefault(row, {})[str(seed)] = {**RUN, **checksums}
    runs["x/a"] = {"0": RUN}
    everything = replace(EVIDENCE, experiments=EXPERIMENTS, provenance=runs)
    assert says in documents.provenance(everything)


@pytest.mark.parametrize(("command", "rows"), [("", ""), (" ROWS=report", "report")])
def test_minutes_of_a_whole_run_are_those_that_its_runs_took(command, rows):
    """Two at a time, as on two cores; seeds that were trained side by side count once."""
    groups = {
        (name, run["seconds_of_group"], run["commit"])
        for name, runs in EVIDENCE.provenance.items()
        if not (rows and name.startswith(BEYOND))
        for run in runs.values()
    }
    minutes = sum(seconds for _, seconds, _ in groups) / 60 / 2
    line = next(x for x in text_of(ROOT / "README.md").splitlines() if f"reproduce{command}`" in x)
    said = float(re.search(r"est\. ([\d,]+) \|$", line)[1].replace(",", ""))
    assert said == pytest.approx(minutes, rel=0.1)


def test_the_headline_says_how_its_row_was_trained():
    """By Adam alone the same model is far worse, as the page on gradients shows."""
    assert isinstance(EXPERIMENTS["beyond/eq2-gradient"].training, QuasiNewtonSettings)
    assert "| Eq. 2, F = -dE/dX, E and F, second order |" in documents.headline_forces(EVIDENCE)


def test_the_page_on_applications_names_all_models_that_its_rows_need():
    text = text_of(ROOT / "docs/results/applications.md").split("They need the models of")[1]
    named = re.findall(r"\b\w+/[\w-]+", text.split("\n\n")[0])
    tables = ("nve", "minima", "uncertainty")
    needed = {row.models_of for row in EXPERIMENTS.values() if row.table in tables}
    assert sorted(named) == sorted(needed)


def test_the_headline_of_systems_is_of_atoms_beside_what_knows_nothing():
    cells = {
        line.split(" | ")[0]: [float(x.split(" ±")[0].strip(" |")) for x in line.split(" | ")[1:]]
        for line in documents.headline_systems(EVIDENCE).splitlines()[2:]
    }
    assert set(cells) == {"| Au12, density functional theory", "| Pt8Au2, EMT"}
    for (row, trivial, atoms), found in zip(
        (("au12-rounds-3", "au12", 12), ("pt8au2-outputs", "alloy", 10)),
        cells.values(),
        strict=True,
    ):
        wanted = [
            1000 * EVIDENCE.spread(f"beyond/{name}", "test", metric).mean / per
            for metric, per in (("energy_rmse", atoms), ("force_rmse", 1))
            for name in (row, f"trivial-{trivial}")
        ]
        assert found == pytest.approx(wanted, rel=0.06)


def test_the_page_on_clusters_states_the_workflow_s_own_numbers():
    page = text_of(ROOT / "docs/cluster.md")
    (tries,) = re.findall(r"retries: int = (\d+)", text_of(ROOT / "workflow/configuration.py"))
    assert f"(by default {tries})" in page
    assert f"{leaves.MARGIN:g} times the time" in page
    assert f"and {leaves.START_MINUTES:g} minutes to start" in page
    assert f"{leaves.UNKNOWN_MINUTES + leaves.START_MINUTES:g} minutes where nothing" in page
    assert f"Memory is {leaves.MEMORY_MB} MB, or {leaves.LARGE_MEMORY_MB} MB" in page
    assert f"with {SECONDS_A_STEP:g} s a step" in " ".join(page.split())


# writing


def test_numbers_come_from_metrics_csv(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    metrics = Metrics.read(RESULTS)
    for row in metrics.rows:
        if row.experiment in ("table4/eq2", "beyond/eq2-trajectories"):
            object.__setattr__(row, "value", 3 * row.value)
    changed = replace(EVIDENCE, metrics=Metrics(metrics.rows))
    new = with_spread(changed.spread("table4/eq2", "test", "energy_rmse"))
    written = documents.write(tmp_path, blocks(changed))
    names = {path.name for path in written}
    assert {"README.md", "table4.md", "appendix-b.md", "claims.md"} <= names
    assert "table2.md" not in names
    for name in ("README.md", "docs/results/table4.md"):
        assert new in text_of(tmp_path / name) and new not in text_of(ROOT / name)
    assert documents.write(tmp_path, blocks(changed)) == []
