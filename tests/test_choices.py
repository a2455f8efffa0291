"""The choice of weight decay, repeated: no test frame has a say in it, and the rows follow it."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from checks.choices import __main__ as choices
from data_gen.sources import make
from reproduction.engine.store import RunResult, Store
from reproduction.sections import EXPERIMENTS

ROUNDS = [name for name in choices.ROWS if EXPERIMENTS[name].options.get("rounds", 0)]


@pytest.fixture(scope="module")
def row():
    return EXPERIMENTS[choices.ROWS[0]]


@pytest.fixture(scope="module")
def committed():
    with open(choices.NUMBERS, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_frames_are_those_that_the_row_trains_on_and_none_of_its_test_part(row):
    data = choices.training_frames(row)
    ((train, test),) = row.folds(make(row.data.origin))
    assert np.array_equal(data.positions, train.positions)
    tested = {one.tobytes() for one in test.positions}
    assert tested.isdisjoint(one.tobytes() for one in data.positions)
    one = choices.trial(row, 0.1)
    ((own_train, own_test),) = one.folds(data)
    assert len(own_train) + len(own_test) == len(data) == sum(choices.SPLIT)
    assert np.array_equal(own_test.energies, data.energies[choices.SPLIT[0] :])


@pytest.mark.parametrize("name", choices.ROWS)
def test_trial_is_the_row_but_for_weight_decay_and_frames(name):
    row = EXPERIMENTS[name]
    one = choices.trial(row, row.training.weight_decay)
    assert one.training == row.training
    frames = {"id": "", "data": row.data, "split": (1, 1), "partition": "time", "seeds": (0,)}
    assert replace(one, **frames) == replace(row, **frames)
    ids = {choices.trial(row, w).id for w in choices.WEIGHT_DECAYS}
    assert len(ids) == len(choices.WEIGHT_DECAYS) and ids.isdisjoint(EXPERIMENTS)


def test_lines_are_errors_of_the_last_training_frames_for_an_atom(row, tmp_path):
    one, data = choices.trial(row, 0.1), choices.training_frames(row)
    ((train, test),) = one.folds(data)
    predictions = {
        "energy": (train.energies, test.energies + 0.012),
        "force": (train.forces, test.forces - 0.05),
    }
    store, result = Store(tmp_path), RunResult(1, predictions)
    about = {"settings": one.settings(), "data_sha256": data.checksum(), "metrics": []}
    store.write(one.id, result, about)
    assert choices.lines([(row.id, one)], store, data) == [(row.id, "0.1", "1", "1.000", "50.000")]
    assert choices.lines([(row.id, choices.trial(row, 0.0))], store, data) == []


def test_every_trial_is_committed(committed):
    keys = [(r["row"], float(r["weight_decay"]), int(r["seed"])) for r in committed]
    wanted = [
        (name, w, seed)
        for name in choices.ROWS
        for w in choices.WEIGHT_DECAYS
        for seed in choices.trial(EXPERIMENTS[name], w).seeds
    ]
    assert keys == wanted


@pytest.mark.parametrize("column", choices.COLUMNS[3:])
@pytest.mark.parametrize("names", [ROUNDS, sorted({*choices.ROWS} - {*ROUNDS})])
def test_errors_with_and_without_weight_decay_do_not_differ_clearly(committed, names, column):
    """As ASSUMPTIONS.md says: by a paired test over seeds, and by no more than 5 % on average."""
    found = {
        (r["row"], r["seed"], float(r["weight_decay"])): np.log(float(r[column])) for r in committed
    }
    off = [x - found[row, k, 0.0] for (row, k, w), x in found.items() if w and row in names]
    assert len(off) == len(names) * len(choices.trial(EXPERIMENTS[names[0]], 0.1).seeds)
    assert abs(np.mean(off)) < 0.05 and ttest_1samp(off, 0.0).pvalue > 0.05


def test_rows_with_several_rounds_keep_weight_decay_and_that_with_one_has_none():
    kept = {name: EXPERIMENTS[name].training.weight_decay for name in choices.ROWS}
    assert kept == {name: 0.1 if name in ROUNDS else 0.0 for name in choices.ROWS}
