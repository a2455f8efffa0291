"""Own data, from a file to a folder with a model: the same bits again, also after a kill."""

import csv
import html
import json
import os
import shutil
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from own_data import TRAINING, own_config, own_file
from threadpoolctl import threadpool_info, threadpool_limits

from data_gen.locks import held
from fitting import commands, seeds, training
from fitting.config import Config
from fitting.data import load
from fitting.errors import FittingError
from fitting.evaluation import evaluate
from fitting.known import fingerprints
from fitting.progress import Stop, duration, stoppable
from fitting.settings import completed
from keras_models import load_model
from keras_models.building import flat_weights
from keras_models.calculator import KerasCalculator
from keras_models.checkpoints import Checkpoint
from keras_models.fit_edges import EdgeFitSettings
from keras_models.saving import read_about
from keras_models.settings import EdgeSettings
from reproduction.engine.provenance import ROOT


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Not in the working folder; its last frame has an energy that would refuse the file."""
    path = own_file(tmp_path_factory.mktemp("data"))
    frames = read(path, ":")
    bad = frames[-1].copy()
    bad.calc = SinglePointCalculator(bad, energy=np.nan, forces=np.zeros((len(bad), 3)))
    write(path, [*frames, bad])
    return path


@pytest.fixture(scope="module")
def config(file) -> Config:
    """Without that frame, all the way to model, page and evaluation."""
    return replace(own_config(file), leave_out=(f"{file}@60",))


@pytest.fixture(scope="module")
def done(config, tmp_path_factory):
    """A finished training, its folder as a kill -9 would leave it, and what fit_edges got."""
    base = tmp_path_factory.mktemp("done")
    folder, killed = base / "run", base / "killed"
    real, steps, given = seeds.fit_edges, 0, []

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
        patch.setattr(seeds, "fit_edges", copied)
        training.train(config, folder)
    return folder, killed, given


def test_a_single_seed_is_trained_with_one_thread_of_blas(config, tmp_path, monkeypatch):
    """With several, the last layer's last bits were others than in a process beside others."""
    asked = []

    def fit(*_, **__):
        asked.extend(x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas")
        raise Stop

    monkeypatch.setattr(seeds, "fit_edges", fit)
    with threadpool_limits(2, "blas"), pytest.raises(Stop):
        training.train(config, tmp_path / "one")
    assert asked and set(asked) == {1}


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


def test_models_are_the_same_one_by_one_and_side_by_side(config, done, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_conclude", lambda folder, *_: folder)
    two = training.train(replace(config, seeds=(3, 4)), tmp_path / "two", workers=2)
    for path in ("models/seed3.keras", "models/seed4.keras"):
        assert (two / path).is_file()
    one, same, other = (
        flat_weights(load_model(p))
        for p in (
            done[0] / "models/seed3.keras",
            two / "models/seed3.keras",
            two / "models/seed4.keras",
        )
    )
    np.testing.assert_array_equal(same, one)
    assert not np.allclose(other, one, atol=1e-3)
    # No checkpoint was due in a training as short as this, or it is gone.
    assert not list((two / "unfinished").glob("*"))


def test_a_finished_training_is_left_alone(config, done, monkeypatch, capsys):
    folder, _, _ = done
    monkeypatch.setattr(seeds, "fit_edges", None)
    threads = []
    monkeypatch.setattr(training, "use_one_thread", lambda: threads.append(1))
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"}
    assert training.train(config, folder, commands.console()) == folder / "report.html"
    assert "finished" in capsys.readouterr().out and threads == [1]
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
    monkeypatch.setattr(seeds, "fit_edges", lambda *args, **_: asked.append(args) or 1 / 0)
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
    for other, told in (
        (replace(config, training={**TRAINING, "steps": 9}), r"training.steps \(8 before, 9 now\)"),
        (replace(config, seeds=(4,)), r"seeds \(3 before, 4 now\)"),
        (replace(config, split="random"), r"split \(blocks before, random now\)"),
    ):
        told = f"another training, which differs in {told}: .*--continue-from {folder}"
        with pytest.raises(FittingError, match=told):
            training.train(other, folder)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(FittingError, match=r"something else in it \(thesis.tex\)"):
        training.train(config, tmp_path)
    with held(tmp_path / "other"), pytest.raises(FittingError, match="another training is working"):
        training.train(config, tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["thesis.tex"]


def test_data_that_changed_are_refused(config, file, tmp_path):
    copy = shutil.copy(file, tmp_path)
    moved = replace(config, files=(str(copy),), leave_out=()).with_checksums()
    with open(copy, "a") as text:
        text.write("\n")
    with pytest.raises(FittingError, match=r"mine.extxyz has changed since .*: give the file"):
        training.train(moved, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_calculator_and_the_evaluation_take_the_folder(config, done):
    """What they say of the test part is what the folder has of it, by the code on its page."""
    code = f'atoms.calc = KerasCalculator("{done[0]}")'
    assert code in html.unescape((done[0] / "report.html").read_text())
    test = load(config).test
    found = evaluate(done[0], test.frames, part="test", labels=test.labels)
    s = test.frames.structures[1]
    atoms = Atoms(numbers=s.numbers, positions=s.positions, cell=s.cell, pbc=s.pbc)
    atoms.calc = KerasCalculator(done[0])
    assert atoms.get_potential_energy() == pytest.approx(found.energies[1], abs=1e-4)
    with open(done[0] / "metrics.csv", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["part"] == "test"]
    assert len(rows) == len(found.metrics) > 2
    for row, e in zip(rows, found.metrics, strict=True):
        assert (row["name"], float(row["rmse"])) == (e.name, pytest.approx(e.rmse, rel=1e-3))


def test_the_errors_of_the_last_layers_solution_are_those_of_the_table(done):
    """The star of the learning curve, of one model, and the validation part's row."""
    solved = read_about(done[0] / "models/seed3.keras")["last_layer"]
    assert solved["ridge"] is not None
    with open(done[0] / "metrics.csv", newline="") as text:
        rows = [r for r in csv.DictReader(text) if (r["part"], r["group"]) == ("validation", "all")]
    assert [float(r["rmse"]) for r in rows] == pytest.approx(solved["after"], rel=1e-3)


def test_sizes_and_cells_are_trained_on_with_an_isolated_atom_as_reference(config, done):
    folder, _, _ = done
    about = read_about(folder / "models/seed3.keras")
    assert about["isolated"] == ["Au"] and about["references"]["Au"] == -1002.0
    assert about["references"]["Pt"] != about["baseline"]["Pt"]
    assert about["keys"] == {"energy": "energy", "forces": "forces"}
    assert about["frames"] == sorted(fingerprints(load(config).trained))
    # Of the other frames: with the isolated atom, all energies would be off by its difference.
    assert about["baseline"] == pytest.approx({"Au": -1000.5, "Pt": -700.25}, abs=3)
    atoms = Atoms("Au", calculator=KerasCalculator(folder))
    assert atoms.get_potential_energy() == -1002.0
    page = (folder / "report.html").read_text().split('id="facts-1"')[1]
    for name, value in (("of isolated atoms", "Au"), ("steps", "8"), ("frames", "49")):
        row = page[page.index(f'<th scope="row">{name}<') :].split("</tr>")[0]
        assert f"<code>{value}</code>" in row
    assert "mine.extxyz@60" in page.split(">left out<")[1].split("</tr>")[0]
    assert about["config"]["leave_out"] == ["mine.extxyz@60"]
    assert "Au -1002.000000" in page and "by composition: alone, they have no meaning" in page


@pytest.mark.parametrize("name", ["isolated_atom_first", "mixed_sizes", "npt_cells"])
def test_files_that_were_refused_can_be_trained_on(config, name):
    """They are divided, every element is trained on, and settings are found."""
    one = replace(config, files=(str(ROOT / f"tests/cases/{name}.xyz"),), leave_out=())
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
    (few,) = data.notes
    assert few.startswith("few frames (5 to validate on and 6 to test on): errors on these are")
    assert data.seen[-1] == f"warning      {few}"
    blind = load(replace(config, validation_share=0.0))
    assert "nothing is validated" in blind.notes[0] and blind.notes[0] in blind.seen[-2]
    assert "few frames (6 to test on):" in blind.notes[1]
    other = load(replace(config, test=config.files))
    assert "few frames (6 to validate on):" in other.notes[-1]
    # What is said of the files to train on is not below the heading of the others.
    less = other.without([0], "one is left out")
    heading = less.seen.index("to test on:")
    for note in less.notes[-2:]:
        assert less.seen.index(f"warning      {note}") < heading
    assert len(other.test.frames) == 60 == len(other.trained)


def test_ctrl_c_stops_after_the_step(config, monkeypatch, tmp_path, capsys):
    """The signal is only noted; the report after the step raises."""
    reached = []
    # In the background of a shell it may be ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def fit(*args, report, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("the end of the step")
        report(0.5, "step 4/8")

    monkeypatch.setattr(seeds, "fit_edges", fit)
    monkeypatch.setattr(sys, "argv", ["train.py", *config.files, "--steps", "8", "--seeds", "1"])
    sys.argv += ["--out", str(tmp_path / "stopped"), "--leave-out", *config.leave_out]
    assert commands.run(commands.train_main) == 130
    assert reached and "run the same command to resume" in capsys.readouterr().err
    assert (tmp_path / "stopped/config.json").is_file()
    with pytest.raises(Stop), stoppable():  # twice: at once
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [duration(x) for x in (5, 92, 7500)] == ["0:05 min", "1:32 min", "2:05 h"]
