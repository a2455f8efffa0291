"""Other packages: the committed numbers are on the frames of our rows, and say what they are."""

import csv
import importlib.util
import json
import re
from dataclasses import replace

import ase.io
import numpy as np
import pytest

from data_gen.dataset import from_frames
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS, beyond_elsewhere, beyond_systems
from reproduction.sections.names import GRADIENT
from reproduction.show.evidence import Evidence

PEERS = ROOT / "checks/peers"
NUMBERS = ("energy_rmse_meV", "force_rmse_meV_A", "train_cpu_seconds", "call_cpu_seconds")
WITHOUT = {"passes": ("ace-jax",)}  # a fit in closed form has none


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, PEERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows():
    with open(beyond_elsewhere.ELSEWHERE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def evidence():
    return Evidence.read(ROOT / "results", EXPERIMENTS)


def test_every_line_is_complete(rows):
    assert len(rows) >= 3
    for row in rows:
        empty = {column for column, text in row.items() if not text}
        assert empty <= {c for c, packages in WITHOUT.items() if row["package"] in packages}
        assert all(0 < float(row[column]) < 1e4 for column in NUMBERS)
        assert json.loads(row["settings"]) and re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
        assert row["threads"] == "1"


def test_every_line_is_of_the_trajectory_and_the_split_of_our_rows(rows, evidence):
    beside = {"au6": (GRADIENT,), "au12": [row for row, _, _ in beyond_elsewhere.OF_AU12]}
    assert {line["trajectory"] for line in rows} == set(beside)
    for line in rows:
        for name in beside[line["trajectory"]]:
            row = EXPERIMENTS[name]
            (ours,) = {run["data_sha256"] for run in evidence.provenance[name].values()}
            assert line["trajectory"] == row.dataset and line["trajectory_sha256"] == ours
            assert (int(line["train_frames"]), int(line["test_frames"])) == row.split


def test_cutoffs_on_au12_are_the_same(rows):
    (line,) = (row for row in rows if row["trajectory"] == "au12")
    cutoff = json.loads(line["settings"])["rcut"]
    assert {EXPERIMENTS[row].options["cutoff"] for row, _, _ in beyond_elsewhere.OF_AU12} == {
        cutoff
    }


def test_energies_of_au12_are_told_by_the_atom_in_its_table(rows, evidence):
    (line,) = (row for row in rows if row["trajectory"] == "au12")
    cells = beyond_elsewhere.elsewhere_au12(evidence).rows
    assert float(cells[0][2]) == pytest.approx(float(line["energy_rmse_meV"]) / 12, rel=0.05)
    shown = {row[0]: row for row in beyond_systems.au12(evidence).rows}
    for (name, _, _), row in zip(beyond_elsewhere.OF_AU12, cells[1:], strict=True):
        beside = shown[EXPERIMENTS[name].label]
        assert row[2:4] == (beside[2], beside[4])  # E and F of the test part


def test_what_is_exported_is_the_split_of_our_row(au6, tmp_path):
    export = load_script("export")
    row = replace(EXPERIMENTS[GRADIENT], split=(len(au6) - 3, 2), frames=len(au6))
    export.write(row, au6, tmp_path)
    about = json.loads((tmp_path / "data.json").read_text())
    assert about["trajectory_sha256"] == au6.checksum()
    for name, part in zip(("train", "test"), row.parts(au6), strict=True):
        found = from_frames(ase.io.read(tmp_path / f"{name}.extxyz", index=":"))
        assert about["files"][name]["frames"] == len(found) == len(part)
        np.testing.assert_allclose(found.energies, part.energies, rtol=1e-14)
        for array in ("positions", "forces", "cell", "pbc"):
            np.testing.assert_allclose(getattr(found, array), getattr(part, array), atol=1e-8)


def test_versions_are_those_of_the_pins(rows):
    pins = "\n".join(path.read_text() for path in PEERS.glob("requirements-*.txt"))
    for row in rows:
        name = re.escape(row["package"])
        assert re.search(rf"^{name}=={re.escape(row['version'])}\b", pins, re.M)
        for package, version in re.findall(r"(\S+) (\d\S*)", row["beside"]):
            spelt = re.escape(package).replace(r"\-", "[-_]")
            assert re.search(rf"^{spelt}=={re.escape(version)}(\s|$)", pins, re.M)


def test_the_lines_are_the_runs_of_the_script(rows):
    measure = load_script("measure")
    wanted = [(of, "" if passes is None else str(passes)) for of, _, passes in measure.RUNS]
    assert [(row["trajectory"], row["passes"].split(" ")[0]) for row in rows] == wanted
    assert len({measure.label(*run) for run in measure.RUNS}) == len(measure.RUNS)
    for _, name, _ in measure.RUNS:
        assert (PEERS / f"run_{name}.py").is_file()
        assert (PEERS / f"requirements-{name}.txt").is_file()


def test_what_is_measured_is_what_is_written(rows, tmp_path):
    measure = load_script("measure")
    path = tmp_path / "elsewhere.csv"
    measure.write([{**row, "settings": json.loads(row["settings"])} for row in rows], path)
    assert path.read_bytes() == beyond_elsewhere.ELSEWHERE.read_bytes()


def test_the_table_says_what_was_measured(rows, evidence):
    rows = [row for row in rows if row["trajectory"] == "au6"]
    table = beyond_elsewhere.elsewhere(evidence)
    assert [row[1] for row in table.rows] == ["", *(row["package"] for row in rows), ""]
    for row in rows:
        for said in (row["version"], row["date"], row["processor"], *row["beside"].split()):
            assert said in table.note
        assert row["trajectory_sha256"][:12] in table.note


def test_lines_that_cannot_be_compared_are_refused(rows, evidence, tmp_path, monkeypatch):
    other = [{**rows[0], "trajectory_sha256": "0" * 64}, *rows[1:]]
    path = tmp_path / "elsewhere.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(other)
    monkeypatch.setattr(beyond_elsewhere, "ELSEWHERE", path)
    with pytest.raises(ReproductionError, match="trajectory_sha256 differs"):
        beyond_elsewhere.elsewhere(evidence)
