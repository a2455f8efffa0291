"""Sweeps: plans, leaves and results, and a table with holes says so."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_gen.files import replacing
from fitting.commands import config_of, train_parser
from reproduction.engine.leaves import leaf_id
from reproduction.engine.provenance import ROOT
from reproduction.engine.store import RunResult, Store
from reproduction.errors import ReproductionError
from reproduction.sweeps import commands, training
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.reading import SweepError, read_rows

TABLE = (
    "experiment,name,seeds,split,data,steps",
    'table4/eq2,one,0 1,"[40,20]",own.extxyz,',
    'table4/eq3,two,0,"[40,20]",own.extxyz,',
    "train,own,0,,own.extxyz,30",
)


@pytest.fixture
def planned(own_file, tmp_path):
    """A sweep that was planned: its folder, and what sweep.py does."""
    path = tmp_path / "some.csv"
    path.write_text("\n".join(TABLE) + "\n")

    def do(what, *more):
        return commands.main([what, str(path), "--folder", str(tmp_path), *more])

    assert do("plan", "--out", str(tmp_path / "leaves.json")) == 0
    made = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    # A look alone puts nothing else there.
    assert made == {"leaves.json", "own.extxyz", "some.csv"}
    assert do("data") == 0
    return SimpleNamespace(do=do, home=tmp_path / "sweeps/some", folder=tmp_path, path=path)


def finish(planned, au6, name="one", seed=0):
    """Put a run of a line in its place, whose predictions are off by 0.5 eV."""
    data = OwnData(planned.folder, planned.folder / "data", False)
    (row,) = read_rows(planned.path, data, only=f"sweep/{name}")
    ((train, test),) = row.experiment.folds(data.read(row.experiment))
    about = {
        "settings": row.experiment.settings(),
        "data_sha256": data.read(row.experiment).checksum(),
        "metrics": [],
    }
    predictions = {"energy": (train.energies + 0.5, test.energies + 0.5)}
    Store(planned.home / "runs").write(row.id, RunResult(seed, predictions), about)


def states(planned):
    """{(name, seed): state} of results.csv."""
    with open(planned.home / "results.csv") as file:
        return {(row["name"], int(row["seed"])): row["state"] for row in csv.DictReader(file)}


def test_a_plan_is_of_all_runs(planned):
    found = json.loads((planned.folder / "leaves.json").read_text())["leaves"]
    assert list(found) == ["sweep/one/seeds-0-1", "sweep/two/seeds-0", "sweep/own/seeds-0"]
    # The user's own data are in their place.
    assert all(leaf["data"] == [] for leaf in found.values())
    assert len(list((planned.folder / "data").glob("own-own-*.traj"))) == 1


def test_nothing_is_planned_if_a_line_is_wrong(planned):
    """All that is wrong is said at once: of rows, of models, and of trainings."""
    (planned.folder / "leaves.json").unlink()
    planned.path.write_text(
        "experiment,widths,data,steps,cutoff\ntable4/eq2,,,,\n"
        'table4/eq2,"[[20,50,1],[2,50,20]]",,,\ntrain,,own.extxyz,30,-3\ntable4/eq22,,,,\n'
    )
    with pytest.raises(SweepError) as caught:
        planned.do("plan", "--out", str(planned.folder / "leaves.json"))
    said = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in said] == [
        f"{planned.path}, line {k}" for k in (3, 4, 5)
    ]
    assert not (planned.folder / "leaves.json").exists()


def test_two_tables_of_one_name_do_not_share_a_folder(planned):
    other = planned.folder / "elsewhere/some.csv"
    other.parent.mkdir()
    other.write_text("experiment\ntable4/eq2\n")
    for what in ("plan", "data", "table"):
        with pytest.raises(ReproductionError) as caught:
            commands.main([what, str(other), "--folder", str(planned.folder)])
        assert str(other) in str(caught.value) and str(planned.path) in str(caught.value)
    # It was moved.
    planned.path.unlink()
    assert commands.main(["data", str(other), "--folder", str(planned.folder)]) == 0


def test_a_table_that_changed_is_another_plan_however_old_it_is(planned):
    def checksum():
        planned.do("plan", "--out", str(planned.folder / "leaves.json"))
        return json.loads((planned.folder / "leaves.json").read_text())["checksum"]

    before, text = checksum(), planned.path.read_text()
    assert checksum() == before
    # An empty line, on which no run depends, is as good as a name or an order.
    planned.path.write_text(text + "\n")
    os.utime(planned.path, (0, 0))
    assert checksum() != before


def test_a_table_with_holes_says_so(planned, au6):
    """In its title, its rows, below it, on the page, and by the exit status."""
    finish(planned, au6)
    Store(planned.home / "runs").write_failure("sweep/two", 0, "the loss is not finite")
    assert planned.do("table") == 1
    assert states(planned) == {
        ("one", 0): "done",
        ("one", 1): "not run",
        ("two", 0): "failed: the loss is not finite",
        ("own", 0): "not run",
    }
    text = (planned.home / "table.md").read_text()
    assert "INCOMPLETE: of 4 runs 1 done, 1 failed, 2 not run" in text
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert "**1 of 2**" in rows["| one"] and "0.50" in rows["| one"]
    assert "**0 of 1**" in rows["| two"] and rows["| two"].count("**failed**") == 4
    assert rows["| own"].count("**not run**") == 4
    assert "- two seed 0: failed: the loss is not finite" in text
    page = (planned.home / "report.html").read_text()
    assert page.count("INCOMPLETE") >= 2 and "two seed 0: failed" in page


def test_a_whole_table_says_that_it_is(planned, au6):
    planned.path.write_text("\n".join(TABLE[:2]) + "\n")
    finish(planned, au6, seed=0)
    finish(planned, au6, seed=1)
    assert planned.do("table") == 0
    assert "all 2 runs are done" in (planned.home / "table.md").read_text()
    page = (planned.home / "report.html").read_text()
    assert "INCOMPLETE" not in page and "data:image/png" in page


def test_a_run_of_older_settings_is_not_shown(planned, au6):
    finish(planned, au6)
    planned.path.write_text("\n".join(TABLE).replace('0 1,"[40,20]"', '0 1,"[30,20]"') + "\n")
    planned.do("plan")
    assert planned.do("table") == 1
    assert states(planned)["one", 0] == "not run: with other settings"


def test_a_run_that_failed_since_is_not_shown(planned, au6):
    finish(planned, au6)
    Store(planned.home / "runs").write_failure("sweep/one", 0, "no memory")
    planned.do("table")
    assert states(planned)["one", 0] == "failed: no memory"


def fake_training(monkeypatch, status=0, said="", rmse=0.25):
    """scripts/train.py that ends at once, with some numbers or with an error."""

    def run(command, **_):
        folder = Path(command[command.index("--out") + 1])
        if not status:
            folder.mkdir(parents=True, exist_ok=True)
            errors = {"test": [{"quantity": "energy_per_atom", "rmse": rmse}]}
            (folder / "metrics.json").write_text(json.dumps({"errors": errors}))
        return SimpleNamespace(returncode=status, stderr=said)

    monkeypatch.setattr(training, "subprocess", SimpleNamespace(run=run, PIPE=None))


def test_own_training_is_a_leaf(planned, monkeypatch):
    fake_training(monkeypatch)
    marker = planned.folder / f"{leaf_id('sweep/own', (0,))}.json"
    leaf = ("--only", "sweep/own", "--seeds", "0", "--leaf", str(marker))
    assert planned.do("run", *leaf) == 0 and marker.is_file()
    planned.do("table")
    assert states(planned)["own", 0] == "done"
    # Done, it is not trained again, unless its data change.
    fake_training(monkeypatch, 1, "error: it was called")
    assert planned.do("run", *leaf) == 0
    path = planned.folder / "own.extxyz"
    shutil.copy(ROOT / "examples/au12.extxyz", path)
    assert planned.do("run", *leaf) == 1


def test_fresh_trains_again_from_the_first_step(planned, monkeypatch):
    fake_training(monkeypatch)
    marker = planned.folder / f"{leaf_id('sweep/own', (0,))}.json"
    leaf = ("--only", "sweep/own", "--seeds", "0", "--leaf", str(marker))
    assert planned.do("run", *leaf) == 0
    (folder,) = [p for p in (planned.home / "trained").iterdir() if p.is_dir()]
    (folder / "unfinished").mkdir()
    fake_training(monkeypatch, 1, "error: it was called")
    assert planned.do("run", *leaf) == 0 and folder.is_dir()
    assert planned.do("run", *leaf, "--fresh") == 1 and not folder.exists()


def test_a_table_leaves_what_jobs_are_writing(planned, monkeypatch):
    """Their locks are their own: a scratch file that goes ends a training."""
    fake_training(monkeypatch)
    planned.do("run", "--only", "sweep/own", "--seeds", "0", "--leaf", str(planned.folder / "m"))
    (folder,) = [p for p in (planned.home / "trained").iterdir() if p.is_dir()]
    left = planned.home / f".table.{'0' * 32}.tmp.md"
    left.write_text("of a killed table")
    with replacing(folder / "models/seed0.keras") as scratch:
        scratch.write_text("half")
        planned.do("table")
        assert scratch.is_file() and not left.exists()


def test_an_error_that_is_no_number_has_no_cell(planned, monkeypatch):
    fake_training(monkeypatch, rmse=None)
    marker = planned.folder / f"{leaf_id('sweep/own', (0,))}.json"
    planned.do("run", "--only", "sweep/own", "--seeds", "0", "--leaf", str(marker))
    planned.do("table")
    assert states(planned)["own", 0] == "done"
    assert "| own |" in (planned.home / "table.md").read_text()


def test_seeds_in_any_order_are_the_same_leaf(planned):
    """Else its marker, which has them in order, would never be current."""
    planned.path.write_text("experiment,name,seeds\ntable4/eq2,one,3 1\n")
    assert planned.do("plan", "--out", str(planned.folder / "leaves.json")) == 0
    found = json.loads((planned.folder / "leaves.json").read_text())["leaves"]
    assert list(found) == ["sweep/one/seeds-1-3"]


def test_own_training_is_by_the_script_with_the_settings_of_its_line(planned, monkeypatch):
    fake_training(monkeypatch)
    commands_run, fake = [], training.subprocess.run
    monkeypatch.setattr(
        training.subprocess,
        "run",
        lambda command, **_: commands_run.append(command) or fake(command),
    )
    marker = planned.folder / "marker.json"
    assert planned.do("run", "--only", "sweep/own", "--seeds", "0", "--leaf", str(marker)) == 0
    ((python, script, *argv),) = commands_run
    assert (python, script) == (sys.executable, str(ROOT / "scripts/train.py"))
    arguments = train_parser().parse_args(argv)
    data = OwnData(planned.folder, planned.folder / "data", False)
    (row,) = read_rows(planned.path, data, only="sweep/own")
    assert config_of(arguments) == training.config_of(row, 0)
    assert config_of(arguments).seeds == (0,) and config_of(arguments).steps == 30
    assert arguments.out == training.folder_of(planned.home, row, 0)
    # A leaf has one core.
    assert arguments.workers == 1


def test_own_training_that_fails_leaves_its_words(planned, monkeypatch):
    fake_training(monkeypatch, 1, "Reading\nerror: the loss is not finite\n")
    marker = planned.folder / "marker.json"
    leaf = ("--only", "sweep/own", "--seeds", "0", "--leaf", str(marker))
    assert planned.do("run", *leaf) == 1 and not marker.exists()
    planned.do("table")
    assert states(planned)["own", 0] == "failed: the loss is not finite"


def test_the_script_ends_in_one_sentence_for_each_line(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("experiment\ntable4/eq22\ntable4/eq99\n")
    command = [sys.executable, str(ROOT / "scripts/sweep.py"), "plan", str(path)]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 2
    assert done.stderr.startswith(f"error: {path}, line 2: ")


def test_the_example_and_the_page_show_tables_that_are_read(tmp_path):
    page = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    (shown,) = [block for block in page.split("```\n") if block.startswith("experiment,")]
    example = ROOT / "examples/sweep.csv"
    assert set(shown.splitlines()) <= set(example.read_text(encoding="utf-8").splitlines())
    rows = read_rows(example, OwnData(example.parent, tmp_path, False))
    assert {row.base for row in rows} >= {"table4/eq2", "train"}


def test_a_training_again_that_is_ended_is_on_record(planned, monkeypatch):
    """Its older numbers would pass for those of the training that was ended."""
    fake_training(monkeypatch)
    marker = planned.folder / f"{leaf_id('sweep/own', (0,))}.json"
    leaf = ("--only", "sweep/own", "--seeds", "0", "--leaf", str(marker))
    assert planned.do("run", *leaf) == 0

    def ended(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(training.subprocess, "run", ended)
    with pytest.raises(KeyboardInterrupt):
        planned.do("run", *leaf, "--fresh")
    planned.do("table")
    assert states(planned)["own", 0].startswith("failed: ended by SIGTERM")
