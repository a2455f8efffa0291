"""Steps from minutes: what is timed, what all that is done takes, and what is left out for it."""

import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from own_data import own_config, own_file

from data_gen.frames import Frames, Structure
from fitting import commands, training
from fitting import settings as budgeted
from fitting.budget import FEW_HELD, FEWEST, Speed, Work, measure_speed, some_of
from fitting.config import Config
from fitting.data import load
from fitting.errors import FittingError
from fitting.progress import duration
from fitting.settings import completed, settings_of
from keras_models.defaults import default_settings
from keras_models.edge_data import fit_shape
from keras_models.optimise.edge_adam import EdgeLoop, points_of


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    return own_config(own_file(tmp_path_factory.mktemp("data")))


@pytest.fixture
def six_seconds(monkeypatch):
    """It takes six seconds to compile a step, a step ten milliseconds; what was to be done."""
    asked = []

    def measure(train, settings, start, work, seconds, console):
        asked.append(work)
        return Speed(0.0 if work.models == 1 else 3.0, 1.0, 6.0, 0.01, 2, 7.0, 5)

    monkeypatch.setattr("fitting.settings.measure_speed_together", measure)
    # It takes a part of the minutes, on a busy machine more.
    monkeypatch.setattr("fitting.settings.try_model", lambda *_: None)
    # What a busy machine does in between would count, too.
    now = time.monotonic()
    monkeypatch.setattr("fitting.settings.time", SimpleNamespace(monotonic=lambda: now))
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
    begin = budgeted.time.monotonic() - 50
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


def test_a_long_warm_up_is_timed_as_well(config, six_seconds):
    """1,000 steps are counted with before their number is known."""
    plain = replace(config, training={"warm_up": 1500}, minutes=30.0)
    full, settings = completed(plain, load(config), None)
    assert settings.training.warm_up == 1500 < full.steps


def test_too_few_minutes_are_said_before_training(config, six_seconds, capsys):
    data, plain = load(config), replace(config, training={}, minutes=0.4)
    full, _ = completed(plain, data, None, commands.console())
    said = capsys.readouterr().out
    assert full.steps == FEWEST and "longer than the 0.4 min asked for: all but the steps" in said
    assert "(compilation, the last layer, evaluation)" in said
    total = Speed(0.0, 1.0, 6.0, 0.01, 2, 7.0, 5).seconds(FEWEST, six_seconds[-1])
    assert f"done about {duration(total)} after the start" in said
    assert "--seeds 1" not in said
    unsolved = replace(plain, training={"solve_last_layer": False}, minutes=0.3)
    completed(unsolved, data, None, commands.console())
    assert "(compilation, evaluation)" in capsys.readouterr().out
    completed(replace(plain, seeds=(0, 1)), data, None, commands.console(), 2)
    assert "--seeds 1 takes less" in capsys.readouterr().out
    completed(replace(plain, minutes=1.0), data, None, commands.console())
    assert "longer" not in capsys.readouterr().out


def test_all_that_is_done_takes_its_time():
    """By hand: 10 s a compilation and 1 s a step, 4 batches to train on and 1 to validate on."""
    speed = Speed(2.0, 3.0, 10.0, 1.0, 3, batch=5.0, directions=6, predicted_shapes=2)
    least = Work(20, 0, 10, solved=0)
    evaluation = 0.3 + 2 * 6.5 + 0.5 * 2 + 1.5
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
    assert speed.seconds(7, three) == pytest.approx(2 * 42 + 3 * 14.3 + 1.5)
    assert speed.steps_within(speed.seconds(900, three), three) == pytest.approx(900, abs=1)
    assert speed.steps_within(1.0, three) == FEWEST


def test_some_frames_have_all_elements_and_are_found_in_one_pass():
    """One frame after another was asked for each element: seconds, for dozens of elements."""

    class Counted(tuple):
        asked = 0

        def __getitem__(self, k):
            Counted.asked += 1
            return super().__getitem__(k)

    structures = [
        Structure(np.zeros((1, 3)), np.array([z]), np.eye(3), np.zeros(3, bool))
        for z in [*[1] * 2000, *range(2, 52)]
    ]
    frames = Frames(tuple(structures), np.zeros(2050), (np.zeros((1, 3)),) * 2050, checked=True)
    object.__setattr__(frames, "structures", Counted(frames.structures))
    some = some_of(frames, 10)
    assert Counted.asked < 100
    assert some.elements == frames.elements and len(some) == 9 + 50


def test_shares_of_the_minutes_by_hand():
    """A step of 0.1 s for a frame; 55 measurements of half a step for a frame."""
    speed, points = Speed(2.0, 3.0, 10.0, 0.1), len(points_of(FEWEST))
    large = replace(speed, batch=1.0)
    work = Work(8100, 900, 2900)
    assert large.held_within(6000, work) == int(600 / (0.05 * points)) < 300
    assert large.held_within(300, work) == FEW_HELD == large.held_within(1, work)
    assert large.held_within(1e6, work) == 900 and large.held_within(1, replace(work, held=7)) == 7
    # Two trainings one after another have half of the time each; batches are quick.
    half = large.held_within(6000, replace(work, models=2))
    assert half == large.held_within(3000, work)
    assert replace(speed, batch=3.0).held_within(2000, work) == large.held_within(6000, work)
    # All frames once, and the validation block for each ridge.
    assert large.solution(work) == pytest.approx(810 + 0.05 * 900 * 12)
    assert replace(large, directions=3).solution(work) == pytest.approx(3 * 810 + 0.05 * 900 * 12)
    assert large.solution(replace(work, held=0)) == 0
    assert large.solution(replace(work, models=2)) == 2 * large.solution(work)
    assert large.solution(replace(work, solved=0)) == 0


def test_of_many_large_frames_few_are_validated_on(config, monkeypatch, capsys, tmp_path):
    """Else measurements and the last layer take far more than the minutes."""
    speed = Speed(0.0, 1.0, 6.0, 0.5, batch=1.0, directions=5)
    monkeypatch.setattr("fitting.settings.measure_speed_together", lambda *_: speed)
    monkeypatch.setattr("fitting.budget.FEW_HELD", 2)
    # It takes a part of the minutes, on a busy machine more.
    monkeypatch.setattr("fitting.settings.try_model", lambda *_: None)
    plain = replace(config, training={}, minutes=4.0, validation_share=None)
    data = load(plain)
    full, settings = completed(plain, data, None, commands.console())
    said = capsys.readouterr().out
    assert "2 frames are validated on instead of 5, as these would take more than 10 %" in said
    assert "The last layer is not solved, which would take 2:16 min" in said
    assert "longer than" not in said
    less = data.with_validation(full.validation_share)
    assert len(less.validation.frames) == 2 and len(less.train.frames) == 52
    assert less.test.names == data.test.names and "52 frames to train on, 2 to" in less.split
    assert settings.training.validation == less.validation_share
    assert not settings.training.solve_last_layer and full.steps > FEWEST
    least = Work(len(less.train.frames), 2, 60, solved=0)
    assert speed.seconds(full.steps, least) == pytest.approx(240, abs=1)
    # These parts are trained on and shown.
    given = []
    monkeypatch.setattr(training, "train_seeds", lambda of, *_: given.append(of.trained.energies))
    monkeypatch.setattr(training, "_conclude", lambda *of: given.append(of[2].trained.energies))
    training.train(plain, tmp_path / "run")
    for energies in given:
        np.testing.assert_array_equal(energies, less.trained.energies)
    # It is what a training that goes on, and one that is repeated, has.
    assert completed(plain, data, full) == (full, settings)
    assert completed(full, load(full), None) == (full, settings)
    # What is given remains, and where there is time enough, all is as ever.
    given = replace(plain, training={"solve_last_layer": True}, validation_share=0.1)
    full, settings = completed(given, data, None)
    assert full.validation_share == 0.1 and settings.training.solve_last_layer
    full, settings = completed(replace(plain, minutes=400.0), data, None, commands.console())
    assert full.validation_share == 0.1 and settings.training.solve_last_layer
    said = capsys.readouterr().out
    assert "validated" not in said and "solved" not in said


def test_the_last_layer_is_solved_unless_it_costs_much_of_many_steps():
    """A fourth of the time is spent on it where that is for 500 steps, and not where for 5,000."""
    work = Work(52, 2, 60)
    few, many = (Speed(0.0, 1.0, 6.0, s, batch=1.0, directions=round(1 / s)) for s in (0.5, 0.05))
    for speed, is_solved in ((few, True), (many, False)):
        assert 50 < speed.solution(work) < 60
        assert speed.is_solved(240.0, 240.0, work) is is_solved
        assert not speed.is_solved(100.0, 90.0, work)
        assert speed.is_solved(400.0, 300.0, work)
    # What was spent already, as for timing steps, leaves fewer.
    assert many.is_solved(240.0, 100.0, work)


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
    # To build a model of 8 frames 7 s at first, then 2 s, of 49 frames 3 s; 4 s for edge lists.
    built = [0.0, 7.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0]
    times = iter(np.cumsum([*built, *taken]).tolist())
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
    assert (speed.launch, speed.build, speed.compile) == (0.0, 12.0, 20.0)
    assert sum(1 for _ in times) == len(taken) - 4 - 8
    # Only steps of one shape, as each is compiled; the mean of all is in proportion.
    assert len(set(batches)) == 1 and speed.shapes > 1
    assert speed.step == pytest.approx(3.0 * means[0] / batches[0][1], rel=0.02) != 3.0
    assert speed.batch == 1 and speed.predicted_shapes == 1
    # The last layers have 5 and 2 weights for each of two elements: 20 rows each.
    assert speed.directions == math.ceil(20 * 14 / 49)
