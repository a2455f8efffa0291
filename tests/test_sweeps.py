"""Sweeps: what is wrong is said before anything runs."""

import numpy as np
import pytest
from ase.io import write
from conftest import frames_of

from fitting.config import Config
from keras_models.settings import QUICK_ITERATIONS, QUICK_STEPS, EdgeSettings
from reproduction.engine.run_one import load_dataset
from reproduction.sections import EXPERIMENTS, LISTING
from reproduction.sweeps import building
from reproduction.sweeps.building import wrong_models
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


def test_cells_change_settings_where_they_belong(sweep):
    (row,) = sweep(
        "experiment,name,seeds,widths,learning_rate,epochs,form,frames",
        'table4/eq2,wide,3 1,"[[40,50,1],[1,50,40]]",1,7,literal,2500',
    )
    base, found = EXPERIMENTS["table4/eq2"], row.experiment
    assert found.id == "sweep/wide" and found.seeds == (1, 3)
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


def test_a_quick_table_states_what_is_run(sweep, own_file):
    """And nothing that a quick size leaves out."""
    head = "experiment,seeds,data,epochs,learning_rate,steps"
    lines = ("table4/eq2,0 1,,80,0.002,", f"train,0 1,{own_file},,0.002,2000")
    one, own = (row.changes for row in sweep(head, *lines, quick=True))
    assert one == {"seeds": "0", "epochs": "10", "learning_rate": "0.002"}
    assert own == {"seeds": "0 1", "data": own_file, "learning_rate": "0.002", "steps": "20"}
    one, own = (row.changes for row in sweep(head, *lines))
    assert one["seeds"] == "0 1" and one["epochs"] == "80" and own["steps"] == "2000"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("table4/eq22,,,,", "no experiment 'table4/eq22'; did you mean table4/eq2"),
        ("table4/eq22,,,,", f"All: {LISTING}"),
        ("table4/*,,,,", "no experiment"),
        ("table4/eq?,,,,", "no experiment"),
        (",,,,0.1", "names no experiment"),
        ("table4/eq2,,0,,fast", "learning_rate must be a number, not fast"),
        ("table4/eq2,,0,,-1", "learning rate must be positive"),
        ("table4/eq2,,0 0,,", "one twice"),
        ("table4/eq2,,-1,,", "seeds must be whole numbers"),
        ("table4/eq2,,4294967296,,", "seeds must be whole numbers"),
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
        ("learnin_rate", "0.1", "no setting 'learnin_rate'; did you mean learning_rate"),
        ("cutoff", "5.0", "no setting 'cutoff'"),
        ("epochs", "2.5", "epochs must be a whole number"),
        ("epochs", "0", "epochs must be at least 1"),
        ("widths", "[20,50,1]", "widths must be a list such as [[20, 50, 1]"),
        ("widths", '"[[20,a,1],[1,50,20]]"', "widths must be a list"),
        ("decay", "fast", "decay is 'constant' or 'cosine'"),
        ("partition", "even", "partition must be one of"),
        ("model", "eq6", "model of table4/eq2 must be"),
        ("form", "3", "form must be a word"),
        ("frames", "-5", "frames must be a whole number from 1, not -5"),
        ("frames", "1000.0", "frames must be a whole number from 1"),
        ("frames", "abc", "frames must be a whole number from 1"),
        ("split", "[0.8,0.2]", "such as [2000, 500], not [0.8, 0.2]"),
        ("split", "[2500,0]", "such as [2000, 500]"),
        ("loss_weights", "[1]", "loss_weights must be a list such as [1, 1]"),
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
        (["name"], "one is experiment; it names 'name'"),
        (["experiment;epochs", "table4/eq2;3"], "commas between, and one is experiment; it names"),
        (["Experiment\tepochs"], r"'Experiment\tepochs'"),
        (["experiment,epochs,epochs"], "'epochs' twice"),
        (["experiment,epochs"], "no line below the header"),
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
    assert data.read(EXPERIMENTS["table4/eq2"]) is None
    # Another file of the same name is other data; so is a published one of the project's.
    published = EXPERIMENTS["beyond/au12-eq2"]
    write(tmp_path / published.data.origin.file, frames_of(au6[:60]), format="extxyz")
    data.source(published.data.origin.file)
    assert data.read(published) is None
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
    said = dict(wrong_models(rows, OwnData(tmp_path, tmp_path, False)))
    assert list(said) == [3, 4] and "reluu" in said[4]


def test_a_builder_without_words_is_named_by_its_error(sweep, tmp_path, monkeypatch):
    def none(*_):
        raise MemoryError

    monkeypatch.setattr(building, "_check_model", none)
    rows = sweep("experiment,name,epochs", "table4/eq2,big,7")
    ((line, said),) = wrong_models(rows, OwnData(tmp_path, tmp_path, False))
    assert line == 2 and "(MemoryError)" in said


def test_a_training_is_checked_as_by_its_script(sweep, own_file, tmp_path, au6):
    """Settings of the model and the optimiser, and the number of frames."""
    write(tmp_path / "one.extxyz", frames_of(au6[:1]))
    rows = sweep(
        "experiment,name,data,steps,cutoff,model,validation_share,widths",
        f"train,good,{own_file},30,,,,",
        f"train,none,{own_file},0,,,,",
        f"train,odd,{own_file},30,,eq2,,",
        "train,few,one.extxyz,30,,,,",
    )
    said = dict(wrong_models(rows, OwnData(tmp_path, tmp_path, False)))
    assert list(said) == [3, 4, 5]
    for line, what in (
        (3, "steps, frames and atoms of a batch must be at least 1"),
        (4, "'eq2' is no model for frames of any size and cell"),
        (5, "nothing to learn from one frame"),
    ):
        assert what in said[line]
    for cutoff in ("-3", "1e-9"):
        with pytest.raises(
            SweepError, match=r"line 2: model\.options\.cutoff must be a number from 3"
        ):
            sweep("experiment,data,steps,cutoff", f"train,{own_file},30,{cutoff}")


@pytest.mark.parametrize(("name", "cell"), [("learning_rate", "1e300"), ("cutoff", "1e9")])
def test_numbers_that_cannot_be_meant_are_named(sweep, own_file, name, cell):
    """With them a job would run for nothing, or for ever."""
    rows = {
        "learning_rate": f"table4/eq2,,,{cell},",
        "cutoff": f"beyond/au12-eq3,,,,{cell}",
    }
    for line in (rows[name], f"train,{own_file},30,{cell},{cell}"):
        with pytest.raises(SweepError, match="must be at most"):
            sweep("experiment,data,steps,learning_rate,cutoff", line)


def test_settings_of_a_training_come_together_in_any_order_of_the_columns(sweep):
    """Steps for which the old warm-up is too long, with one that is not."""
    for head in ("steps,warm_up", "warm_up,steps"):
        cells = "50,10" if head.startswith("steps") else "10,50"
        (row,) = sweep(f"experiment,{head}", f"beyond/au12-order-2,{cells}")
        assert (row.experiment.training.steps, row.experiment.training.warm_up) == (50, 10)
    with pytest.raises(SweepError, match="warm-up"):
        sweep("experiment,steps", "beyond/au12-order-2,50")


def test_own_training_is_short_in_all_its_parts_where_it_is_quick(sweep, own_file):
    line = f'train,{own_file},400,100,"[[2,50],[1,300]]"'
    (row,) = sweep("experiment,data,steps,warm_up,stages", line, quick=True)
    training = EdgeSettings(**row.config["training"])
    assert (training.steps, training.warm_up) == (QUICK_STEPS, QUICK_STEPS // 4)
    assert [list(stage) for stage in training.stages] == [[1, QUICK_ITERATIONS]]


def test_own_training_has_settings_of_its_own(sweep, own_file):
    head = "experiment,data,steps,cutoff,learning_rate,split,seeds,minutes,epochs"
    (row,) = sweep(head, f"train,{own_file},30,5.0,0.01,random,0 2,,")
    config = Config(**row.config)
    assert config.steps == 30 and config.training["learning_rate"] == 0.01
    assert config.model["options"] == {"cutoff": 5.0} and config.split == "random"
    assert row.seeds == (0, 2)
    for cells, says in (
        (f"train,{own_file},,5.0,,,,,", "train needs a number in the column steps"),
        (f"train,{own_file},30,,,,,2,", "steps, not minutes"),
        (f"train,{own_file},30,,,,,,7", "train has no setting 'epochs'"),
        (f"train,{own_file},30,,,odd,,,", "split must be blocks or random"),
    ):
        with pytest.raises(SweepError) as caught:
            sweep(head, cells)
        assert says in str(caught.value)
