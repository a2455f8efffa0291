"""Own data, from a file to a folder with a model: the same bits again, also after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from test_fit_edges import TINY, labelled, structure

from data_gen.locks import held
from fitting import commands, training
from fitting.budget import Speed, measure_speed
from fitting.config import Config, read_config, write_config
from fitting.data import load
from fitting.errors import FittingError
from fitting.evaluation import evaluate
from fitting.progress import Stop, duration, stoppable
from fitting.settings import completed, settings_of
from keras_models import load_model
from keras_models.building import flat_weights
from keras_models.calculator import KerasCalculator
from keras_models.checkpoints import Checkpoint
from keras_models.fit_edges import EdgeFitSettings
from keras_models.saving import read_about
from keras_models.settings import EdgeSettings
from reproduction.engine.provenance import ROOT

MODEL = {"widths": (5,), "options": {**TINY, "rounds": 1}}
TRAINING = {"steps": 8, "batch_size": 16}


def frames_of_two_elements(count: int):
    """Clusters of 3 to 6 atoms and a small cell, in turn."""
    rng = np.random.default_rng(3)
    cells = [k % 3 == 0 for k in range(count)]
    return labelled([structure(rng, 4 if c else 3 + k % 4, c) for k, c in enumerate(cells)])


def atoms_of(frames, k: int) -> Atoms:
    s = frames.structures[k]
    atoms = Atoms(numbers=s.numbers, positions=s.positions, cell=s.cell, pbc=s.pbc)
    atoms.info["config_type"] = ("cell", "cluster", "cluster")[k % 3]
    atoms.calc = SinglePointCalculator(atoms, energy=frames.energies[k], forces=frames.forces[k])
    return atoms


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """An isolated atom, 59 clusters and cells of two elements, not in the working folder."""
    frames = frames_of_two_elements(60)
    path = tmp_path_factory.mktemp("data") / "mine.extxyz"
    alone = Atoms("Au")
    alone.calc = SinglePointCalculator(alone, energy=-1010.0, forces=np.zeros((1, 3)))
    write(path, [alone, *(atoms_of(frames, k) for k in range(1, 60))])
    return path


@pytest.fixture(scope="module")
def config(file) -> Config:
    return Config(files=(str(file),), seeds=(3,), minutes=None, model=MODEL, training=TRAINING)


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    """A finished training, its folder as a kill -9 would leave it, and what fit_edges got."""
    base = tmp_path_factory.mktemp("done")
    folder, killed = base / "run", base / "killed"
    real, steps, given = training.fit_edges, 0, []

    def due(self):
        nonlocal steps
        steps += 1
        return steps == 5

    def copied(*args, report, **kwargs):
        given.extend(args)

        def then(fraction, text):
            if text == "step 6/8":
                shutil.copytree(folder, killed)
            report(fraction, text)

        return real(*args, report=then, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "due", due)
        patch.setattr(training, "fit_edges", copied)
        training.train(config, folder)
    return folder, killed, given


def weights(folder) -> np.ndarray:
    (path,) = (folder / "models").glob("*.keras")
    return flat_weights(load_model(path))


def test_a_killed_training_goes_on_with_the_same_bits(config, done, monkeypatch, capsys):
    folder, killed, _ = done
    assert not (killed / "models").exists() and (killed / "unfinished/seed3.npz").is_file()
    monkeypatch.setattr(training, "_conclude", lambda folder, *_: folder / "report.html")
    # From the same arguments as at first, without the settings that were written.
    training.train(config, killed, commands.console())
    assert "seed 3 goes on after step 6/8" in capsys.readouterr().out
    np.testing.assert_array_equal(weights(killed), weights(folder))
    with np.load(folder / "curves/seed3.npz") as one, np.load(killed / "curves/seed3.npz") as two:
        for name in one.files:
            np.testing.assert_array_equal(one[name], two[name])
    assert not (killed / "unfinished/seed3.npz").exists()


def test_a_finished_training_is_left_alone(config, done, monkeypatch, capsys):
    folder, _, _ = done
    monkeypatch.setattr(training, "fit_edges", None)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"}
    assert training.train(config, folder, commands.console()) == folder / "report.html"
    assert "finished" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"} == before


def test_the_settings_it_wrote_are_those_of_the_same_training(done, tmp_path, monkeypatch):
    """By the command, with data and settings at another place, and with other defaults."""
    folder, _, given = done
    own = json.loads((folder / "config.json").read_text())
    for name in ("config.json", *own["files"]):
        there = tmp_path / "a/b/run" / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, there)
    other = EdgeFitSettings("linear_eq4", EdgeSettings(999, clip=0.3, batch_size=3), (7,), "tanh")
    monkeypatch.setattr("fitting.settings.default_settings", lambda *_: other)
    asked = []
    monkeypatch.setattr(training, "fit_edges", lambda *args, **_: asked.append(args) or 1 / 0)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError):
        commands.train_main(["--config", "a/b/run/config.json", "--out", "again"])
    (frames, *settings_and_seed), (others, *again) = given, asked[0]
    assert settings_and_seed == again
    np.testing.assert_array_equal(frames.energies, others.energies)
    for name in ("structures", "forces"):
        for one, two in zip(getattr(frames, name), getattr(others, name), strict=True):
            np.testing.assert_array_equal(
                np.concatenate(one, axis=None), np.concatenate(two, axis=None)
            )
    assert own["model"]["options"]["elements"] == "outputs" and own["training"]["clip"] == 1.0


def test_another_training_does_not_overwrite(config, done, tmp_path):
    folder, _, _ = done
    for other, name in (
        (replace(config, training={**TRAINING, "steps": 9}), "training.steps"),
        (replace(config, seeds=(4,)), "seeds"),
        (replace(config, split="random"), "split"),
    ):
        with pytest.raises(FittingError, match=f"another training, which differs in {name}: give"):
            training.train(other, folder)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(FittingError, match=r"something else in it \(thesis.tex\)"):
        training.train(config, tmp_path)
    with held(tmp_path / "other"), pytest.raises(FittingError, match="another training is working"):
        training.train(config, tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["thesis.tex"]


def test_data_that_changed_are_refused(config, file, tmp_path):
    copy = shutil.copy(file, tmp_path)
    moved = replace(config, files=(str(copy),)).with_checksums()
    with open(copy, "a") as text:
        text.write("\n")
    with pytest.raises(FittingError, match=r"mine.extxyz has changed since .*: give the file"):
        training.train(moved, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_calculator_takes_the_folder(done, file):
    atoms = read(file, 7)
    atoms.calc = KerasCalculator(done[0])
    found = evaluate(done[0], read(file, "7:8"))
    assert atoms.get_potential_energy() == pytest.approx(found.energies[0], abs=1e-4)


def test_sizes_and_cells_are_trained_on_with_an_isolated_atom_as_reference(done):
    folder, _, _ = done
    about = read_about(folder / "models/seed3.keras")
    assert about["isolated"] == ["Au"] and about["references"]["Au"] == -1010.0
    assert about["references"]["Pt"] != about["baseline"]["Pt"]
    # Of the other frames: with the isolated atom, all energies would be off by its difference.
    assert about["baseline"] == pytest.approx({"Au": -1000.5, "Pt": -700.25}, abs=3)
    atoms = Atoms("Au", calculator=KerasCalculator(folder))
    assert atoms.get_potential_energy() == -1010.0
    page = (folder / "report.html").read_text()
    for name, value in (("of isolated atoms", "Au"), ("steps", "8"), ("frames", "49")):
        row = page[page.index(f'<th scope="row">{name}<') :].split("</tr>")[0]
        assert f"<code>{value}</code>" in row
    assert "Au -1010.000000" in page


@pytest.mark.parametrize("name", ["isolated_atom_first", "mixed_sizes", "npt_cells"])
def test_files_that_were_refused_can_be_trained_on(config, name):
    """They are divided, every element is trained on, and settings are found."""
    one = replace(config, files=(str(ROOT / f"tests/cases/{name}.xyz"),))
    data = load(one)
    assert len(data.train.frames) >= 3 and len(data.test.frames) >= 1
    full, settings = completed(one, data, None)
    assert settings.training.steps == 8 and full.model["name"] == "linear_eq4"


def test_the_example_is_fit_to_train_on():
    data = load(Config(files=(str(ROOT / "examples/au12.extxyz"),)))
    parts = [len(part.frames) for part in (data.train, data.validation, data.test)]
    assert parts == [234, 26, 29] and data.notes == ()
    assert data.train.frames.with_forces.all() and "289 of 1 file; 12 atoms" in data.seen[0]


def test_parts_do_not_overlap_and_are_all_of_the_file(config):
    data = load(config)
    names = [name for part in (data.train, data.validation, data.test) for name in part.names]
    assert len(names) == len(set(names)) == 60
    held = int(data.validation_share * len(data.trained))
    assert held == len(data.validation.frames) == 5
    np.testing.assert_array_equal(data.trained.energies[-5:], data.validation.frames.energies)
    other = load(replace(config, test=config.files))
    assert len(other.test.frames) == 60 == len(other.trained)


def test_steps_follow_from_minutes_once(config, monkeypatch):
    """They are measured at first, and taken from the folder afterwards."""
    data, plain = load(config), replace(config, training={"batch_size": 16}, minutes=2.0)
    monkeypatch.setattr("fitting.settings.measure_speed", lambda *_: Speed(6.0, 0.01))
    full, settings = completed(plain, data, None)
    assert settings.training.steps == full.steps == pytest.approx((108 - 6 - 6) / 0.01, rel=1e-3)
    two, _ = completed(replace(plain, seeds=(0, 1)), data, None)
    assert two.steps == pytest.approx((108 - 6 - 12) / 0.02, rel=1e-3)
    monkeypatch.setattr("fitting.settings.measure_speed", None)
    assert completed(plain, data, full)[0] == full
    with pytest.raises(FittingError, match=r"differs in minutes, training\.steps"):
        monkeypatch.setattr("fitting.settings.measure_speed", lambda *_: Speed(6.0, 0.01))
        completed(replace(plain, minutes=3.0), data, full)
    with pytest.raises(FittingError, match="neither minutes nor steps"):
        completed(replace(plain, minutes=None), data, None)


def test_with_little_time_the_model_is_quickly_compiled(config, monkeypatch):
    monkeypatch.setattr("fitting.settings.measure_speed", lambda *_: Speed(6.0, 0.01))
    data, plain = load(config), replace(config, model={}, training={})
    rounds = [
        completed(replace(plain, minutes=minutes, seeds=seeds), data, None)[1].options["rounds"]
        for minutes, seeds in ((2.9, (0,)), (3.1, (0,)), (3.1, (0, 1)), (10.0, (0, 1)))
    ]
    assert rounds[0] == rounds[2] == 1 < rounds[1] == rounds[3]


def test_the_speed_is_that_of_steps_alone(config, monkeypatch):
    """20 s before the first step, 3 s a step but for one that takes 50."""
    times = iter([0.0, 20.0, 23.0, 26.0, 76.0, 79.0, 82.0, 85.0, 88.0, 91.0])

    def fit(train, settings, report, start):
        # Errors on a validation block would be measured, and timed, after every step.
        assert settings.training.steps == 9 and settings.training.validation == 0.0
        report(0.0, "compiling")
        for k in range(9):
            report((k + 1) / 9, f"step {k + 1}/9")

    monkeypatch.setattr("fitting.budget.fit_edges", fit)
    data = load(config)
    settings = settings_of(completed(config, data, None)[0], data)
    speed = measure_speed(data.train.frames, settings, clock=lambda: next(times))
    assert speed == Speed(20.0, 3.0)
    assert speed.steps_within(1.0) == 200
    assert speed.seconds(100) == pytest.approx((20 + 300 + 20) / 0.9)


def test_ctrl_c_stops_after_the_step(config, monkeypatch, tmp_path, capsys):
    """The signal is only noted; the report after the step raises."""
    reached = []
    # In the background of a shell it may be ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def fit(*args, report, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("the end of the step")
        report(0.5, "step 4/8")

    monkeypatch.setattr(training, "fit_edges", fit)
    monkeypatch.setattr(sys, "argv", ["train.py", *config.files, "--steps", "8", "--out"])
    sys.argv.append(str(tmp_path / "stopped"))
    assert commands.run(commands.train_main) == 130
    assert reached and "the same command goes on" in capsys.readouterr().err
    assert (tmp_path / "stopped/config.json").is_file()
    with pytest.raises(Stop), stoppable():  # twice: at once
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [duration(x) for x in (5, 92, 7500)] == ["0:05 min", "1:32 min", "2:05 h"]


def test_settings_are_kept_in_a_file(config, tmp_path, monkeypatch):
    path = tmp_path / "folder/config.json"
    write_config(config.with_checksums(), path)
    assert not os.path.isabs(json.loads(path.read_text())["files"][0])
    again = read_config(path)
    assert again.differences(config.with_checksums()) == []
    assert again.differences(replace(config, minutes=1.0)) == [
        "minutes",
        f"sha256.{os.path.abspath(config.files[0])}",
    ]
    by_hand = tmp_path / "by-hand.toml"
    by_hand.write_text('files = ["a.xyz"]\nseeds = [1, 2]\n[training]\nclip = 2.0\n')
    found = read_config(by_hand)
    assert found.files == (str(tmp_path / "a.xyz"),) and found.training == {"clip": 2.0}
    assert found.seeds == (1, 2) and found.minutes == 10.0
    # Arguments come before the file of settings.
    p = commands.train_parser()
    arguments = p.parse_args(["b.xyz", "--config", str(by_hand), "--steps", "7", "--seeds", "3"])
    both = commands.config_of(arguments)
    assert both.files == ("b.xyz",) and both.training == {"clip": 2.0, "steps": 7}
    assert both.seeds == (0, 1, 2) and both.minutes is None
    longer = commands.config_of(p.parse_args(["--config", str(path), "--minutes", "5"]))
    assert longer.steps is None and longer.minutes == 5.0 and longer.sha256 == again.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"is not JSON \(Expecting"),
        ("[]", "has no settings: it is list"),
        ('{"file": ["a"]}', "settings has no 'file': there is files, test"),
        ('{"files": "a.xyz"}', "files is a list, not 'a.xyz'"),
        ('{"files": [1]}', "lists of paths in quotes"),
        ('{"seeds": [0, 0]}', "seeds are different whole numbers"),
        ('{"seeds": [-1]}', "seeds are different whole numbers"),
        ('{"minutes": -1}', "minutes is a positive number, not -1"),
        ('{"minutes": true}', "minutes is a positive number, not True"),
        ('{"split": "time"}', "split is blocks or random, not 'time'"),
        ('{"test_share": 1}', "test_share is a number from 0 to below 1"),
        ('{"model": {"cutoff": 5}}', "model has no 'cutoff': there is name, widths"),
        ('{"training": {"epochs": 5}}', "training has no 'epochs': there is steps"),
        ('{"training": 5}', "training is a table, not 5"),
        ('{"training": {"clip": "x"}}', "training.clip is a number, not 'x'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(FittingError, match=message) as raised:
        read_config(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": {"name": "eq5"}}, "'eq5' is no model for frames of any size"),
        ({"model": {"options": {"cutof": 5}}}, "linear_eq4 has no option 'cutof': there is cutoff"),
        ({"model": {"name": "eq2_neighbours", "options": {"order": 2}}}, "no option 'order'"),
        ({"training": {"steps": 8, "clip": -1.0}}, "settings of the training: learning rate"),
        ({"continue_from": "nowhere"}, "nowhere"),
    ],
)
def test_a_training_that_cannot_be_is_refused(config, changed, message):
    data = load(config)
    with pytest.raises(FittingError, match=message):
        completed(replace(config, **changed), data, None)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["absent.xyz"], "there is no file absent.xyz"),
        (["{file}", "--seeds", "0"], "--seeds is a number of models, at least 1, not 0"),
        (["{file}", "--steps", "0"], "--steps must be at least 1, not 0"),
        (["{file}", "--minutes", "nan"], "minutes is a positive number, not nan"),
        (["{file}", "--energy-key", "E0"], "E0"),
        (["{file}", "--model", "eq5", "--steps", "9"], "'eq5' is no model"),
        (["{file}", "--continue-from", "absent.keras"], "there is no file absent.keras"),
        (["{file}", "--config", "absent.json"], "absent.json cannot be read"),
    ],
)
def test_the_command_refuses_in_one_sentence(argv, message, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *(a.format(file=file) for a in argv)])
    assert commands.run(commands.train_main) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and message in told and told.count("\n") == 1
    assert not any(p.name == "config.json" for p in tmp_path.rglob("*"))


def test_the_script_refuses_without_a_traceback(tmp_path):
    command = [sys.executable, ROOT / "scripts/train.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for more, told in (([], "name a file to train on"), (["no.xyz"], "there is no file no.xyz")):
        one = subprocess.run(
            [*command, *more], capture_output=True, text=True, cwd=tmp_path, env=environment
        )
        assert one.returncode == 2 and told in one.stderr and "Traceback" not in one.stderr
