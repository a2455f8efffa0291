"""Sweeps: what is wrong is said before anything runs, and a table with holes says so."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import write
from conftest import frames_of

from fitting.config import Config
from reproduction.engine.leaves import leaf_id
from reproduction.engine.provenance import ROOT
from reproduction.engine.run_one import load_dataset
from reproduction.engine.store import RunResult, Store
from reproduction.sections import EXPERIMENTS, LISTING
from reproduction.sweeps import commands, training
from reproduction.sweeps.building import check_models
from reproduction.sweeps.own_data import OwnData
from reproduction.sweeps.reading import SweepError, read_rows, value


@pytest.fixture
def sweep(tmp_path):
    """Reads lines of a CSV whose folder is empty."""

    def read(*lines, quick=False):
        path = tmp_path / "some.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_rows(path, OwnData(tmp_path, tmp_path / "data", quick), quick)

    return read


@pytest.fixture
def own_file(au6, tmp_path):
    """A file of the user's own, beside the CSV."""
    write(tmp_path / "own.extxyz", frames_of(au6[:60]))
    return "own.extxyz"


def test_cells_change_settings_where_they_belong(sweep):
    (row,) = sweep(
        "experiment,name,seeds,widths,learning_rate,epochs,form,frames",
        'table4/eq2,wide,3 1,"[[40,50,1],[1,50,40]]",1,7,literal,2500',
    )
    base, found = EXPERIMENTS["table4/eq2"], row.experiment
    assert found.id == "sweep/wide" and found.seeds == (3, 1)
    assert found.widths == ((40, 50, 1), (1, 50, 40)) and found.frames == 2500
    assert found.training.epochs == 7
    # As in run.json, where 1 and 1.0 differ.
    assert isinstance(found.training.learning_rate, float)
    assert found.training.batch_size == base.training.batch_size
    assert found.options == {**base.options, "form": "literal"}
    assert found.lanes == base.lanes and found.split == base.split


def test_a_line_that_changes_nothing_has_the_settings_of_its_experiment(sweep):
    for name in ("table4/eq5", "beyond/au12-eq3", "table1/behler-5-5"):
        (row,) = sweep("experiment,epochs", f"{name},")
        assert row.experiment.settings() == EXPERIMENTS[name].settings()
        (row,) = sweep("experiment,epochs", f"{name},", quick=True)
        assert row.experiment.settings() == EXPERIMENTS[name].at_quick_size().settings()
        assert row.seeds == EXPERIMENTS[name].seeds[:1]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("table4/eq22,,,,", "no experiment 'table4/eq22'; there is table4/eq2"),
        ("table4/eq22,,,,", f"All: {LISTING}"),
        ("table4/*,,,,", "no experiment"),
        ("table4/eq?,,,,", "no experiment"),
        (",,,,0.1", "names no experiment"),
        ("table4/eq2,,0,,fast", "learning_rate is a number, not fast"),
        ("table4/eq2,,0,,-1", "learning rate must be positive"),
        ("table4/eq2,,0 0,,", "one twice"),
        ("table4/eq2,,-1,,", "seeds are whole numbers"),
        ("table4/eq2,,4294967296,,", "seeds are whole numbers"),
        ("table4/eq2,a/b,0,,", "other characters"),
        ("table4/eq2,,0,none.xyz,", "there is no file"),
        ("beyond/pair-floor,,0,,", "the same with every seed"),
        ("beyond/minima,,,,", "uses the trained models of beyond/eq2-gradient"),
        ("beyond/pair-floor,,,,0.1", "has no setting 'learning_rate'"),
        ("train,,,none.xyz,", "there is no file none.xyz"),
        ("train,,,,", "train needs a file"),
        ("table4/eq2,,0,,0.1,7", "not as many cells"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(sweep, line, says):
    with pytest.raises(SweepError, match="line 3") as caught:
        sweep("experiment,name,seeds,data,learning_rate", "table4/eq3,,,,", line)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("learnin_rate", "0.1", "no setting 'learnin_rate'; there is learning_rate"),
        ("cutoff", "5.0", "no setting 'cutoff'"),
        ("epochs", "2.5", "epochs is a whole number"),
        ("epochs", "0", "epochs must be at least 1"),
        ("widths", "[20,50,1]", "widths is a list such as [[20, 50, 1]"),
        ("widths", '"[[20,a,1],[1,50,20]]"', "widths is a list"),
        ("decay", "fast", "decay is 'constant' or 'cosine'"),
        ("partition", "even", "partition is one of"),
        ("model", "eq6", "model of table4/eq2 is"),
        ("form", "3", "form is a word"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(sweep, column, cell, says):
    cell = cell if cell.startswith('"') else f'"{cell}"'
    with pytest.raises(SweepError) as caught:
        sweep(f"experiment,{column}", f"table4/eq2,{cell}")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["name"], "one is experiment"),
        (["experiment,epochs,epochs"], "'epochs' twice"),
        (["experiment,epochs"], "no line below the head"),
        (["experiment,epochs", 'table4/eq2,"3'], "not CSV"),
        ([""], "one is experiment"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(sweep, lines, says):
    with pytest.raises(SweepError, match=r"some\.csv") as caught:
        sweep(*lines)
    assert says in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(sweep):
    with pytest.raises(SweepError) as caught:
        sweep("experiment,epochs", "table4/eq7,", "table4/eq2,-1", "table4/eq3,1")
    assert [line.split(":")[0].split(", ")[1] for line in str(caught.value).splitlines()] == [
        "line 2",
        "line 3",
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("table4/eq2,,0 1,", "table4/eq2,,1 2,"), "the same as line 2, seed 1"),
        # As written it differs; what is run is the same.
        (("table4/eq2,,0,200", "table4/eq2,,0,"), "the same as line 2, seed 0"),
        (("table4/eq2,a,0,", "table4/eq3,a,0,"), "name a is line 2's"),
    ],
)
def test_lines_that_repeat_another_are_named(sweep, lines, says):
    with pytest.raises(SweepError, match="line 3") as caught:
        sweep("experiment,name,seeds,epochs", *lines)
    assert says in str(caught.value)


def test_other_seeds_or_settings_are_no_repetition(sweep):
    lines = ("table4/eq2,0,", "table4/eq2,1,", "table4/eq2,0,7", "table4/eq3,0,")
    assert len(sweep("experiment,seeds,epochs", *lines)) == 4


def test_values_are_json_or_text():
    assert value("[[1,2],[3]]") == ((1, 2), (3,))
    assert value("0.1") == 0.1 and value("true") is True and value("relu") == "relu"


def test_own_data_become_a_dataset(sweep, own_file, tmp_path, au6):
    """A file of the user's own; too few frames of it are said at once."""
    head = "experiment,data,split"
    (row,) = sweep(head, f'table4/eq2,{own_file},"[40,20]"')
    data = OwnData(tmp_path, tmp_path / "data", False)
    read_rows(tmp_path / "some.csv", data)
    data.write(row.experiment)
    found = load_dataset(tmp_path / "data", row.experiment.data)
    np.testing.assert_allclose(found.positions, au6.positions[:60], atol=1e-7)
    with pytest.raises(SweepError, match="needs 2500"):
        sweep(head, f"table4/eq2,{own_file},")
    # Another file of the same name is other data.
    write(tmp_path / own_file, frames_of(au6[100:160]))
    (other,) = sweep(head, f'table4/eq2,{own_file},"[40,20]"')
    assert other.experiment.dataset != row.experiment.dataset


def test_a_model_that_cannot_be_built_is_named(sweep, tmp_path):
    rows = sweep(
        "experiment,name,widths,activation",
        'table4/eq2,good,"[[9,1],[1,9]]",',
        'table4/eq2,bad,"[[20,50,1],[2,50,20]]",',
        "table4/eq3,odd,,reluu",
    )
    with pytest.raises(SweepError) as caught:
        check_models(rows, OwnData(tmp_path, tmp_path, False))
    said = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in said] == ["line 3", "line 4"]
    assert "reluu" in said[1]


def test_own_training_has_settings_of_its_own(sweep, own_file):
    head = "experiment,data,steps,cutoff,learning_rate,split,seeds,minutes,epochs"
    (row,) = sweep(head, f"train,{own_file},30,5.0,0.01,random,0 2,,")
    config = Config(**row.config)
    assert config.steps == 30 and config.training["learning_rate"] == 0.01
    assert config.model["options"] == {"cutoff": 5.0} and config.split == "random"
    assert row.seeds == (0, 2)
    for cells, says in (
        (f"train,{own_file},,5.0,,,,,", "train needs a number in the column steps"),
        (f"train,{own_file},30,,,,,2,", "steps and not minutes"),
        (f"train,{own_file},30,,,,,,7", "train has no setting 'epochs'"),
        (f"train,{own_file},30,,,odd,,,", "split is blocks or random"),
    ):
        with pytest.raises(SweepError) as caught:
            sweep(head, cells)
        assert says in str(caught.value)


# results

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
    return SimpleNamespace(do=do, home=tmp_path / "sweeps/some", folder=tmp_path, path=path)


def finish(planned, au6, name="one", seed=0):
    """Put a run of a line in its place, whose predictions are off by 0.5 eV."""
    data = OwnData(planned.folder, planned.folder / "data", False)
    (row,) = read_rows(planned.path, data, only=f"sweep/{name}")
    train, test = row.experiment.parts(data.read(row.experiment))
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
    found = json.loads((planned.folder / "leaves.json").read_text())
    assert list(found) == ["sweep/one/seeds-0-1", "sweep/two/seeds-0", "sweep/own/seeds-0"]
    # The user's own data are in their place.
    assert all(leaf["data"] == [] for leaf in found.values())
    assert len(list((planned.folder / "data").glob("own-own-*.traj"))) == 1


def test_nothing_is_planned_if_a_line_is_wrong(planned):
    (planned.folder / "leaves.json").unlink()
    # A row that is unknown, and a model that cannot be built.
    for line in ("table4/eq22,", 'table4/eq2,"[[20,50,1],[2,50,20]]"'):
        planned.path.write_text(f"experiment,widths\ntable4/eq2,\n{line}\n")
        with pytest.raises(SweepError):
            planned.do("plan", "--out", str(planned.folder / "leaves.json"))
        assert not (planned.folder / "leaves.json").exists()


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


def fake_training(monkeypatch, status=0, said=""):
    """scripts/train.py that ends at once, with some numbers or with an error."""

    def run(command, **_):
        folder = Path(command[command.index("--out") + 1])
        if not status:
            folder.mkdir(parents=True, exist_ok=True)
            errors = {"test": [{"quantity": "energy_per_atom", "rmse": 0.25}]}
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
