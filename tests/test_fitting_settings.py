"""Settings of a training on own data: chosen, read, written, refused; steps from minutes."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from own_data import own_config, own_file

from data_gen.machine import cores
from fitting import commands
from fitting.budget import FEWEST, Speed, Work, measure_speed
from fitting.config import Config, read_config, write_config
from fitting.data import load
from fitting.errors import FittingError
from fitting.progress import duration
from fitting.settings import completed, settings_of
from keras_models.defaults import default_settings
from keras_models.edge_data import fit_shape
from keras_models.optimise.edge_adam import EdgeLoop, points_of
from reproduction.engine.provenance import ROOT


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Not in the working folder."""
    return own_file(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(file) -> Config:
    return own_config(file)


@pytest.fixture
def six_seconds(monkeypatch):
    """It takes six seconds to compile a step, a step ten milliseconds; what was to be done."""
    asked = []

    def measure(train, settings, start, work, seconds, console):
        asked.append(work)
        return Speed(0.0 if work.models == 1 else 3.0, 1.0, 6.0, 0.01, 2, 7.0, 5)

    monkeypatch.setattr("fitting.settings.measure_speed_together", measure)
    return asked


def test_steps_follow_from_minutes_once(config, six_seconds, capsys):
    """They are measured at first, and taken from the folder afterwards."""
    data, plain = load(config), replace(config, training={"batch_size": 16}, minutes=2.0)
    for models, at_once in ((1, 1), (2, 1), (2, 2), (4, 2)):
        many = replace(plain, seeds=tuple(range(models)))
        full, settings = completed(many, data, None, workers=at_once)
        assert settings.training.steps == full.steps
        work = six_seconds[-1]
        assert work == Work(49, 5, 60, models, at_once)
        speed = Speed(3.0 * (models > 1), 1.0, 6.0, 0.01, 2, 7.0, 5)
        assert speed.seconds(full.steps, work) == pytest.approx(120, abs=0.2)
    # Of the minutes, some are spent before; and what is left of two minutes is said.
    begin = time.monotonic() - 50
    late, _ = completed(plain, data, None, commands.console(), begin=begin)
    assert late.steps == pytest.approx(full_of(plain, data).steps - 5000, abs=20)
    assert "done about 2:00 min after the start" in capsys.readouterr().out
    full = full_of(plain, data)
    assert completed(plain, data, full)[0] == full
    count = len(six_seconds)
    with pytest.raises(FittingError, match=r"differs in minutes \(2.0 before, 3.0 now\): give"):
        completed(replace(plain, minutes=3.0), data, full)
    assert len(six_seconds) == count
    with pytest.raises(FittingError, match="neither minutes nor steps"):
        completed(replace(plain, minutes=None), data, None)


def full_of(config, data) -> Config:
    return completed(config, data, None)[0]


def test_too_few_minutes_are_said_before_training(config, six_seconds, capsys):
    data, plain = load(config), replace(config, training={}, minutes=0.4)
    full, _ = completed(plain, data, None, commands.console())
    said = capsys.readouterr().out
    assert full.steps == FEWEST and "longer than the 0.4 min asked for: all but the steps" in said
    total = Speed(0.0, 1.0, 6.0, 0.01, 2, 7.0, 5).seconds(FEWEST, six_seconds[-1])
    assert f"done about {duration(total)} after the start" in said
    assert "--seeds 1" not in said
    completed(replace(plain, seeds=(0, 1)), data, None, commands.console(), 2)
    assert "--seeds 1 takes less" in capsys.readouterr().out
    completed(replace(plain, minutes=1.0), data, None, commands.console())
    assert "longer" not in capsys.readouterr().out


def test_all_that_is_done_takes_its_time():
    """By hand: 10 s a compilation and 1 s a step, 4 batches to train on and 1 to validate on."""
    speed = Speed(2.0, 3.0, 10.0, 1.0, shapes=3, batch=5.0, directions=6)
    least = Work(20, 0, 10, solved=0)
    evaluation = 0.3 + 6.5 + 0.5 * 2 + 1.5
    assert speed.seconds(7, least) == pytest.approx(2 + 3 + 30 + 7 + evaluation)
    held = replace(least, held=5)
    measured = 6.5 + 0.5 * len(points_of(FEWEST))
    assert speed.seconds(7, held) == pytest.approx(speed.seconds(7, least) + measured)
    solved = replace(held, solved=1)
    more = 9.5 + 4 * 6 + 0.5 * 12
    assert speed.seconds(7, solved) == pytest.approx(speed.seconds(7, held) + more)
    twice = replace(held, solved=2)
    assert speed.seconds(7, twice) == pytest.approx(speed.seconds(7, held) + 2 * more)
    # Nothing is solved without a validation block.
    assert speed.seconds(7, replace(solved, held=0)) == speed.seconds(7, least)
    second = replace(least, stages=((2, 30), (1, 10)))
    later = 20 + 30 * 2 + 10 * 4
    assert speed.seconds(7, second) == pytest.approx(speed.seconds(7, least) + later)
    # Three models by two processes: two rounds, then three evaluations.
    three = replace(least, models=3, at_once=2)
    assert speed.seconds(7, three) == pytest.approx(2 * 42 + 3 * 7.8 + 1.5)
    assert speed.steps_within(speed.seconds(900, three), three) == pytest.approx(900, abs=1)
    assert speed.steps_within(1.0, three) == FEWEST


def test_with_little_time_the_model_is_quickly_compiled(config, six_seconds):
    data, plain = load(config), replace(config, model={}, training={})
    rounds = []
    for minutes, seeds, at_once in ((2.9, 1, 1), (3.1, 1, 1), (3.1, 2, 1), (3.1, 2, 2), (10, 2, 1)):
        one = replace(plain, minutes=minutes, seeds=tuple(range(seeds)))
        rounds.append(completed(one, data, None, workers=at_once)[1].options["rounds"])
    assert rounds[0] == rounds[2] == 1 < rounds[1] == rounds[3] == rounds[4]


def test_what_was_chosen_remains_where_a_training_goes_on(config, six_seconds, monkeypatch):
    """With --workers 1, as a killed process advises, rounds would be 1 and the folder refused."""
    plain = replace(config, model={}, training={}, minutes=4.0, seeds=())
    data = load(plain)
    full, settings = completed(plain, data, None, workers=2)
    assert settings.options["rounds"] == 3 and len(full.seeds) == 2
    other = default_settings(data.train.frames)
    other = replace(other, training=replace(other.training, clip=0.3, energy_rise=7.0))
    monkeypatch.setattr("fitting.settings.default_settings", lambda *_: other)
    assert completed(plain, data, full, workers=1) == (full, settings)
    # What is given is compared, not taken from there.
    for given, told in (
        ({"model": {"options": {"rounds": 2}}}, r"model.options.rounds \(3 before, 2 now\)"),
        ({"model": {"name": "eq2_neighbours"}}, r"model.name \(linear_eq4 before, eq2_neighbours"),
        ({"training": {"clip": 0.5}}, r"training.clip \(1.0 before, 0.5 now\)"),
    ):
        with pytest.raises(FittingError, match=told):
            completed(replace(plain, **given), data, full, workers=1)


def test_weight_decay_is_for_the_model_that_it_was_tried_with(config):
    given = replace(config, training={"steps": 9})
    data = load(given)
    for name, decay in (("linear_eq4", 0.1), ("eq2_neighbours", 0.0)):
        one = replace(given, model={"name": name})
        assert completed(one, data, None)[1].training.weight_decay == decay
    other = replace(one, training={**one.training, "weight_decay": 0.2})
    assert completed(other, data, None)[1].training.weight_decay == 0.2


def test_there_is_a_model_for_each_core(config, capsys):
    data, plain = load(config), replace(config, seeds=())
    for workers, models in ((1, 1), (2, 2), (64, 4)):
        full, _ = completed(plain, data, None, commands.console(), workers)
        assert full.seeds == tuple(range(models))
        said = f"{models} models, side by side" if models > 1 else ""
        assert capsys.readouterr().out.startswith(said)
    # Elsewhere, the folder's own go on.
    assert completed(plain, data, full, workers=2)[0] == full
    parsed = commands.train_parser().parse_args(["a.xyz", "--seeds", "1"])
    assert commands.config_of(parsed).seeds == (0,)


def test_cores_are_those_that_a_container_has(monkeypatch, tmp_path):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for text, found in (("max 100000", 8), ("150000 100000", 2), ("1000 100000", 1)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr("data_gen.machine.QUOTA", tmp_path / "cpu.max")
        assert cores() == found
    monkeypatch.setattr("data_gen.machine.QUOTA", tmp_path / "absent")
    assert cores() == 8


class Others:
    """A link of one of several processes, of which the last is ready after some steps."""

    def __init__(self, alone):
        self.left = alone

    def report(self, fraction, text):
        assert 0 <= fraction <= 1

    def together(self):
        self.left -= 1
        return self.left < 0


def test_the_speed_is_that_of_steps_of_all_at_once(config, monkeypatch):
    """20 s for the first step, 1 s a step alone, then 3 s a step but for one that takes 50."""
    taken = [20.0, 1.0, 1.0, 1.0, 3.0, 3.0, 50.0, *[3.0] * 99]
    # To build a model of 8 frames 2 s, of 49 frames 3 s; 4 s for edge lists and batches.
    times = iter(np.cumsum([0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0, *taken]).tolist())
    batches, means = [], []

    def step(self, arrays, number, chosen):
        if not batches:
            every = [fit_shape(self.shapes, n) for n in self.train.counts]
            means.append(np.mean([rows for _, rows in every]))
        batches.append(fit_shape(self.shapes, self.train.counts[chosen].sum(axis=0)))
        return arrays, 0.0, np.zeros(2)

    monkeypatch.setattr(EdgeLoop, "step", step)
    data = load(config)
    ragged = replace(config, training={"steps": 8, "batch_size": 1})
    settings = settings_of(completed(ragged, data, None)[0], data)
    train = data.train.frames
    speed = measure_speed(train, settings, link=Others(4), clock=lambda: next(times))
    assert (speed.launch, speed.build, speed.compile) == (0.0, 7.0, 20.0)
    assert sum(1 for _ in times) == len(taken) - 4 - 8
    # Only steps of one shape, as each is compiled; the mean of all is in proportion.
    assert len(set(batches)) == 1 and speed.shapes > 1
    assert speed.step == pytest.approx(3.0 * means[0] / batches[0][1], rel=0.02) != 3.0
    assert speed.batch == 1
    # The last layers have 5 and 2 weights for each of two elements: 20 rows each.
    assert speed.directions == math.ceil(20 * 14 / 49)


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
        ('{"model": {"cutoff": 5}}', r"model has no 'cutoff': there is name.*\[model.options\]"),
        ('{"steps": 500}', r"settings has no 'steps': put it under \[training\]"),
        ('{"clip": 1.0}', r"'clip': put it under \[training\]"),
        ('{"widths": [8]}', r"'widths': put it under \[model\]"),
        ('{"training": {"minutes": 5}}', r"'minutes': put it before all \[tables\]"),
        ('{"training": {"epochs": 5}}', "training has no 'epochs': there is steps"),
        ('{"training": 5}', "training is a table, not 5"),
        ('{"training": {"clip": "x"}}', "training.clip is a number, not 'x'"),
        ('{"training": {"solve_last_layer": 1}}', "solve_last_layer is true or false, not 1"),
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
        (["{file}", "--workers", "0"], "--workers must be at least 1, not 0"),
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
