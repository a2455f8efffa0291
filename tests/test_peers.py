"""Other packages: the committed numbers are on the frames of our rows, and say what they are."""

import csv
import importlib.util
import json
import os
import re
import subprocess
from dataclasses import replace

import ase.io
import numpy as np
import pytest

from data_gen.dataset import from_frames
from data_gen.sources import make
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS, beyond_elsewhere, beyond_systems
from reproduction.sections.names import GRADIENT
from reproduction.show.evidence import Evidence

PEERS = ROOT / "checks/peers"
NUMBERS = ("energy_rmse_meV", "force_rmse_meV_A", "train_cpu_seconds", "call_cpu_seconds")
BEFORE_CHECKSUMS = "2026-11-25"  # of the parts' files, which are divided by time there
CRYSTAL = "crystal_call_cpu_seconds"
WITHOUT = {"passes": ("ace-jax",)}  # a fit in closed form has none


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, PEERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_package(rows, package, trajectory):
    return [r for r in rows if (r["package"], r["trajectory"]) == (package, trajectory)]


def lines(rows, folder):
    path = folder / "elsewhere.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def run_here(monkeypatch):
    """The runner of our own rows, without its process being bound to one core."""
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.syspath_prepend(PEERS)
    return load_script("run_here")


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
        if row["trajectory"] == "au6" and row["date"] == BEFORE_CHECKSUMS:
            empty -= {"train_sha256", "test_sha256", CRYSTAL}
        assert empty <= {c for c, packages in WITHOUT.items() if row["package"] in packages}
        assert all(0 < float(row[column]) < 1e4 for column in NUMBERS)
        # Of 72 times as many atoms, with more neighbours.
        assert not row[CRYSTAL] or 1 < float(row[CRYSTAL]) / float(row[NUMBERS[3]]) < 1e3
        assert json.loads(row["settings"]) and re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
        assert row["threads"] == "1"


def test_every_line_is_of_the_trajectory_and_the_split_of_our_rows(rows, evidence):
    beside = {"au6": (GRADIENT,), "au12": tuple(beyond_elsewhere.OF_AU12)}
    assert {line["trajectory"] for line in rows} == set(beside)
    for line in rows:
        for name in beside[line["trajectory"]]:
            row = EXPERIMENTS[name]
            (ours,) = {run["data_sha256"] for run in evidence.provenance[name].values()}
            assert line["trajectory"] == row.dataset and line["trajectory_sha256"] == ours
            assert (int(line["train_frames"]), int(line["test_frames"])) == row.split


def test_cutoffs_on_au12_are_the_same(rows):
    (line,) = of_package(rows, "ace-jax", "au12")
    cutoff = json.loads(line["settings"])["rcut"]
    assert {EXPERIMENTS[row].options["cutoff"] for row in beyond_elsewhere.OF_AU12} == {cutoff}


def test_energies_of_au12_are_told_by_the_atom_in_its_table(rows, evidence):
    (line,) = of_package(rows, "ace-jax", "au12")
    cells = beyond_elsewhere.elsewhere_au12(evidence).rows
    assert float(cells[0][2]) == pytest.approx(float(line["energy_rmse_meV"]) / 12, rel=0.05)
    shown = {row[0]: row for row in beyond_systems.au12(evidence).rows}
    for name, row in zip(beyond_elsewhere.OF_AU12, cells[1:], strict=True):
        beside = shown[EXPERIMENTS[name].label]
        assert row[2:4] == (beside[2], beside[4])  # E and F of the test part


def test_our_lines_on_au12_are_the_rows_that_the_table_shows(rows, evidence, run_here):
    ours = {row["passes"]: row for row in of_package(rows, beyond_elsewhere.HERE, "au12")}
    assert set(ours) == {passes for _, passes in beyond_elsewhere.OF_AU12.values()}
    assert {f"{rounds} rounds": name for rounds, name in run_here.ROWS.items()} == {
        passes: name for name, (_, passes) in beyond_elsewhere.OF_AU12.items()
    }
    cells = beyond_elsewhere.elsewhere_au12(evidence).rows[1:]
    for (name, (_, passes)), row in zip(beyond_elsewhere.OF_AU12.items(), cells, strict=True):
        line = ours[passes]
        # Seed 0 by the same recipe; another processor may round otherwise.
        for what, column, off in (("energy", NUMBERS[0], 0.05), ("force", NUMBERS[1], 0.02)):
            seed0 = evidence.values(name, "test", f"{what}_rmse")[0]
            assert float(line[column]) == pytest.approx(1000 * seed0, rel=off)
        assert row[4] == f"{float(line['train_cpu_seconds']):.0f}"
        assert float(row[5]) == pytest.approx(1000 * float(line["call_cpu_seconds"]), rel=0.06)
        assert float(row[6]) == pytest.approx(1000 * float(line[CRYSTAL]), rel=0.06)


def test_our_runner_refuses_frames_that_its_row_is_not_tested_on(
    run_here, exported_au12, tmp_path, monkeypatch
):
    class Trained(Exception):
        pass

    def do(*_):
        raise Trained

    monkeypatch.setattr("reproduction.engine.run_one.do", do)
    about = json.loads((exported_au12 / "data.json").read_text())
    data = run_here.peer.Data(exported_au12, about)
    with pytest.raises(Trained):
        run_here.train(data, tmp_path, 1)
    data = run_here.peer.Data(exported_au12, {**about, "trajectory_sha256": "0" * 64})
    with pytest.raises(SystemExit, match="not those that export"):
        run_here.train(data, tmp_path, 1)
    # The same trajectory, divided in another way.
    row = replace(run_here.row(1), partition="time")
    load_script("export").write(row, make(row.data.origin), tmp_path)
    data = run_here.peer.Data(tmp_path, about)
    with pytest.raises(SystemExit, match="not those that export"):
        run_here.train(data, tmp_path / "scratch", 1)


def test_times_of_other_machines_or_days_are_refused_beside_ours(
    rows, evidence, tmp_path, monkeypatch
):
    for change, why in (
        ({"date": "2026-01-01"}, "date differs"),
        ({"processor": "another"}, "processor differs"),
        ({"passes": "2 rounds"}, "no line of ours with 3 rounds"),
    ):
        changed = [{**row, **change} if row is rows[-1] else row for row in rows]
        monkeypatch.setattr(beyond_elsewhere, "ELSEWHERE", lines(changed, tmp_path))
        with pytest.raises(ReproductionError, match=why):
            beyond_elsewhere.elsewhere_au12(evidence)


@pytest.mark.parametrize("partition", ["time", "test first"])
def test_what_is_exported_is_the_split_of_our_row(au6, tmp_path, partition):
    export = load_script("export")
    n = len(au6) - 3
    row = replace(EXPERIMENTS[GRADIENT], split=(n, 2), frames=len(au6), partition=partition)
    export.write(row, au6, tmp_path)
    about = json.loads((tmp_path / "data.json").read_text())
    assert about["trajectory_sha256"] == au6.checksum()
    parts = (au6[:n], au6[-2:]) if partition == "time" else (au6[2 : n + 2], au6[:2])
    for name, part in zip(("train", "test"), parts, strict=True):
        found = from_frames(ase.io.read(tmp_path / f"{name}.extxyz", index=":"))
        assert about["files"][name]["frames"] == len(found) == len(part)
        np.testing.assert_allclose(found.energies, part.energies, rtol=1e-14)
        for array in ("positions", "forces", "cell", "pbc"):
            np.testing.assert_allclose(getattr(found, array), getattr(part, array), atol=1e-8)


@pytest.fixture(scope="module")
def exported_au12(tmp_path_factory):
    export = load_script("export")
    row = EXPERIMENTS[next(iter(beyond_elsewhere.OF_AU12))]
    folder = tmp_path_factory.mktemp("peers")
    export.write(row, make(row.data.origin), folder)
    return folder


def test_what_is_exported_of_au12_is_what_the_committed_predictions_are_of(exported_au12):
    predictions = ROOT / "results/predictions"
    for row in beyond_elsewhere.OF_AU12:
        name = np.load(predictions / f"{row.replace('/', '-')}.npz")["reference"]
        reference = np.load(predictions / str(name))
        tested = reference["energy_test_frames"]
        numbers = {"train": np.setdiff1d(np.arange(2800 + 657), tested), "test": tested}
        for part, of_part in numbers.items():
            found = ase.io.read(exported_au12 / f"{part}.extxyz", index=":")
            energies = dict(zip(of_part, (f.get_potential_energy() for f in found), strict=True))
            some = reference[f"energy_{part}_frames"]
            stored = reference[f"energy_{part}"]
            np.testing.assert_allclose([energies[k] for k in some], stored, atol=1e-5)


def test_lines_on_au12_are_of_the_frames_that_are_exported(rows, exported_au12):
    files = json.loads((exported_au12 / "data.json").read_text())["files"]
    for line in (row for row in rows if row["trajectory"] == "au12"):
        for part, file in files.items():
            assert line[f"{part}_sha256"] == file["sha256"]


def test_results_on_other_frames_are_measured_again(tmp_path, monkeypatch):
    measure, data = load_script("measure"), tmp_path / "data/au12"
    data.mkdir(parents=True)
    files = {part: {"sha256": part} for part in ("train", "test")}
    (data / "data.json").write_text(json.dumps({"files": files}))
    output = tmp_path / "au12-ace.json"
    right = {"train_sha256": "train", "test_sha256": "test"}

    def run(command, **_):
        output.write_text(json.dumps(right))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(measure.subprocess, "run", run)
    for stored in (None, {}, {**right, "train_sha256": "x"}, {**right, "test_sha256": "x"}):
        if stored is not None:
            output.write_text(json.dumps(stored))
        assert measure.measure(tmp_path, "au12", "ace", None) == right
    output.write_text(json.dumps({**right, "kept": 1}))
    assert measure.measure(tmp_path, "au12", "ace", None)["kept"]


def test_versions_are_those_of_the_pins(rows):
    pins = "\n".join(path.read_text() for path in PEERS.glob("requirements-*.txt"))
    ours = re.search(r'version="(.*)"', (ROOT / "setup.py").read_text()).group(1)
    pins += f"\n{beyond_elsewhere.HERE}=={ours}\n" + (ROOT / "requirements.txt").read_text()
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
        assert name == measure.HERE or (PEERS / f"requirements-{name}.txt").is_file()


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
    monkeypatch.setattr(beyond_elsewhere, "ELSEWHERE", lines(other, tmp_path))
    with pytest.raises(ReproductionError, match="trajectory_sha256 differs"):
        beyond_elsewhere.elsewhere(evidence)
