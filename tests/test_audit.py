"""`make audit` of this repository: pages that the numbers give, wrong ones, and the command."""

import json
import shutil

import numpy as np
import pytest
from made_results import ROW, edit, edit_value

from checks.audit import __main__ as command
from checks.audit import errors, pages, tolerances, trajectory
from checks.audit import verdicts as audit_verdicts
from checks.audit.report import Part
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import CLAIMS, EXPERIMENTS
from reproduction.show.claims import verdict
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.reported import reported


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the audit reads."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "README.md", root)
    shutil.copytree(ROOT / "docs/results", root / "docs/results")
    shutil.copytree(ROOT / "results", root / "results")
    return root


@pytest.fixture
def doctored(checkout):
    """Changes files of the checkout until the test ends, given as (name, before, after)."""
    old = {}

    def doctor(*changes: tuple[str, str, str]) -> list[str]:
        for name, before, after in changes:
            old[name] = (checkout / name).read_bytes()
            edit(checkout / name, before, after)
        part = pages.audit(checkout)
        assert not part.good and "not what" in part.sentence
        return part.faults

    yield doctor
    for name, content in old.items():
        (checkout / name).write_bytes(content)


def test_committed_pages_are_what_the_numbers_give(checkout):
    part = pages.audit(checkout)
    assert part.good, part.faults
    assert part.sentence.startswith("Pages are what the numbers give")


def test_doctored_pages_are_caught(doctored):
    """A number of the README twice: by the generator, and by reading the number back."""
    number = next(
        cell for row, _, cell in pages.cells_of_readme((ROOT / "README.md").read_text())
    ).split()[0]
    faults = doctored(
        ("README.md", f"| {number} ±", "| 0.123 ±"),
        ("docs/results/table4.md", "<!-- table4:begin -->", ""),
        ("docs/results/claims.md", "**Not reproduced.**", "**Reproduced.**"),
        ("results/report.html", "± ", "±  "),
    )
    read_back, no_block, *made_again = faults
    assert read_back.startswith("README.md, ") and "0.123" in read_back
    assert no_block == "no page has the block table4"
    assert "0.123" in made_again[0] and [fault.split(":")[0] for fault in made_again] == [
        "README.md",
        "docs/results/claims.md",
        "results/report.html",
    ]


def test_a_check_that_fails_hides_no_other(doctored):
    """A row deleted from metrics.csv leaves files without a row, which end the count of files."""
    text = (ROOT / "results/metrics.csv").read_text()
    lines = [x for x in text.splitlines(keepends=True) if x.startswith("table1/behler-10-10-10,")]
    faults = doctored(("results/metrics.csv", "".join(lines), ""))
    assert any("no numbers of seeds none" in x for x in faults)
    assert any("metrics.csv has no such row" in x for x in faults)


def test_an_edited_number_changes_the_pages(doctored):
    line = next(
        x
        for x in (ROOT / "results/metrics.csv").read_text().splitlines()
        if x.startswith(f"{ROW},2,test,energy_rmse,")
    )
    faults = doctored(("results/metrics.csv", line, f"{ROW},2,test,energy_rmse,0.03,eV"))
    assert any(fault.startswith("docs/results/table4.md") for fault in faults)


def test_a_wrong_statistic_is_caught():
    numbers = errors.read_numbers(ROOT / "results/metrics.csv")
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    total, faults = pages.wrong_statistics(evidence, numbers)
    assert total > 100 and not faults
    key, again = ((row, "test", "energy_rmse") for row in (ROW, "beyond/eq2-trajectories"))
    _, faults = pages.wrong_statistics(evidence, {**numbers, again: {0: 1.0, 1: 2.0}})
    assert [fault.split(":")[0] for fault in faults] == [" ".join(key)] * 2


def test_the_command_says_yes_and_no(checkout, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trajectory, "audit", lambda _: (Part("c  trajectory"), None))
    file = tmp_path / "audit.json"
    arguments = ["--minutes", "0", "--folder", str(checkout), "--json", str(file)]
    assert command.main(arguments) == 0
    found = json.loads(file.read_text())
    assert found["agrees"] and list(found["parts"]) == ["a", "b", "c"]
    of_verdicts = found["numbers_of_verdicts"]
    assert 0 < of_verdicts["computed"] < of_verdicts["all"] > 900
    said = capsys.readouterr().out
    assert f"{of_verdicts['computed']} of {of_verdicts['all']:,} numbers that verdicts" in said
    assert "Everything that was checked agrees." in said
    assert found["machine"]["processor"] and found["machine"]["versions"]["numpy"]
    assert found["tolerances"]["ERROR"] == tolerances.ERROR
    path = checkout / "results/metrics.csv"
    old = path.read_text()
    try:
        edit_value(checkout / "results", f"{ROW},0,test,energy_rmse", 1.01)
        assert command.main(arguments) == 1
    finally:
        path.write_text(old)
    assert "Not everything agrees" in capsys.readouterr().out
    assert not json.loads(file.read_text())["parts"]["a"]["agrees"]


def test_arguments_that_make_no_sense(tmp_path):
    for arguments in (["--workers", "0"], ["--folder", str(tmp_path)]):
        with pytest.raises(ReproductionError):
            command.main(arguments)


def test_statistics_are_of_the_rows_that_verdicts_rest_on():
    """Of repetitions on several trajectories, where there are any."""
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    numbers, repeated = errors.read_numbers(ROOT / "results/metrics.csv"), 0
    for key in {key for claim in CLAIMS for key in claim.needs}:
        own = evidence.judged(*key)
        assert audit_verdicts.values(numbers, key) == list(own.values())
        repeated += own != evidence.metrics.by_seed(*key)
    assert repeated > 20


def test_committed_energies_are_emts_but_for_those_of_files():
    names = {path.stem for path in (ROOT / "results/data").glob("*.npz")}
    assert {"au6", "pt8au2", "au12"} <= names
    total, faults = trajectory.wrong_emt(ROOT / "results")
    assert total > 20 and not faults


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("a\nb", "a\nc", "line 2 has “b”, the numbers give “c”"),
        # One begins the other: what is more is shown, though the line is long.
        (
            "0" * 90,
            "0" * 90 + " more",
            f"line 1 has “{'0' * 40}”, the numbers give “{'0' * 40} more”",
        ),
        ("a", "a\nb", "line 2 has “”, the numbers give “b”"),
        ("a", "a\n", "line ends differ"),
    ],
)
def test_what_differs_is_shown(old, new, says):
    assert pages.difference(old, new) == says


JUDGED = [claim for claim in CLAIMS if claim.checks]


@pytest.mark.parametrize("claim", JUDGED, ids=lambda claim: claim.id)
def test_other_code_comes_to_the_same_verdicts(claim, monkeypatch):
    """On made-up numbers about the printed ones, with one seed or several, beside baselines."""
    rng, seen = np.random.default_rng(claim.number), set()
    monkeypatch.setattr(audit_verdicts, "CLAIMS", (claim,))
    printed = {tuple(key): float(value) for key, value in reported().items()}
    known = Evidence(Metrics([]), EXPERIMENTS)
    trivial = {one.id for row in claim.rows for one in known.baselines(EXPERIMENTS[row])}
    for spread in (0.02, 0.3) * 15:
        numbers = {
            (row, split, f"{of}_rmse"): {k: 0.3 * np.exp(rng.normal(0, 0.5)) for k in range(20)}
            for row in trivial
            for split in ("train", "test")
            for of in ("energy", "force")
        }
        for key in claim.needs:
            mean = printed.get(tuple(key), 0.1) * np.exp(rng.normal(0, rng.choice([0.1, 1.5])))
            seeds = range(rng.choice([1, 2, 5]))
            numbers[tuple(key)] = {k: mean * np.exp(rng.normal(0, spread)) for k in seeds}
        rows = [
            Value(*k[:1], seed, *k[1:], x) for k, of in numbers.items() for seed, x in of.items()
        ]
        status = verdict(claim, Evidence(Metrics(rows), EXPERIMENTS)).status
        seen.add(status)
        assert audit_verdicts.wrong_verdicts(numbers, {claim.number: status}) == (1, [])
    assert len(seen) > 1
    (fault,) = audit_verdicts.wrong_verdicts(numbers, {claim.number: "another"})[1]
    assert fault.startswith(f"claim {claim.number} is {status}, not another")


def test_a_kind_of_check_that_the_audit_does_not_know_is_a_fault():
    with pytest.raises(ValueError, match="does not know the check object"):
        audit_verdicts.scores(object(), {})
