"""Readings of unprinted settings: distances from the printed numbers, and the rule that chooses."""

import math
from pathlib import Path

import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS
from reproduction.sections.unprinted import (
    BY_RULE,
    SETTINGS,
    evidence_table,
    nearest_table,
)
from reproduction.show import readings
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import NOT_RUN, spread
from reproduction.show.readings import Reading, Setting
from reproduction.show.reported import reported

EQ6, EQ8 = "table5/eq6-200", "table5/eq8-1200"
# Printed: Eq. 6 0.69 / 0.7, Eq. 8 0.11 / 0.16.
PRINTED = {key: float(reported()[key]) for key in reported() if key[0] in (EQ6, EQ8)}


def made(**rows) -> Evidence:
    """Evidence with numbers {row: {(split, seed): value}}."""
    values = [
        Value(row, seed, split, "force_rmse", value)
        for row, numbers in rows.items()
        for (split, seed), value in numbers.items()
    ]
    return Evidence(Metrics(values), EXPERIMENTS)


def setting(*names: str, squared: str = "") -> Setting:
    return Setting(
        "made",
        "made up",
        tuple(Reading(n, n, {EQ6: f"{n}-6", EQ8: f"{n}-8"}, squared=n == squared) for n in names),
        names[0],
    )


def numbers(six, eight) -> dict:
    """Numbers of two rows for seeds in turn: [(train, test), ...] each."""
    return [
        {
            (split, seed): pair[k]
            for seed, pair in enumerate(rows)
            for k, split in enumerate(("train", "test"))
        }
        for rows in (six, eight)
    ]


def evidence(**by_name) -> Evidence:
    rows = {}
    for name, (six, eight) in by_name.items():
        rows[f"{name}-6"], rows[f"{name}-8"] = numbers(six, eight)
    return made(**rows)


def test_the_distance_is_the_sum_of_squared_logarithms():
    """By hand: twice the printed training errors, and the printed test errors."""
    found = readings.distance(
        evidence(a=([(1.38, 0.7)], [(0.22, 0.16)])), setting("a"), setting("a").readings[0]
    )
    assert found.numbers == 4
    assert found.train.mean == pytest.approx(2 * math.log(2) ** 2)
    assert found.test.mean == pytest.approx(0.0, abs=1e-12)
    assert found.total.mean == pytest.approx(found.train.mean)
    assert found.furthest == pytest.approx(2.0)
    assert math.isnan(found.train.std)


def test_above_and_below_count_alike_and_each_seed_for_itself():
    """A mean over seeds that are twice and half the printed number would be near it."""
    both = evidence(a=([(1.38, 0.7), (0.345, 0.7)], [(0.11, 0.16), (0.11, 0.16)]))
    found = readings.distance(both, setting("a"), setting("a").readings[0])
    assert found.train == spread([math.log(2) ** 2] * 2)


def test_rows_with_fewer_seeds_take_turns():
    found = readings.distance(
        evidence(a=([(0.69, 0.7), (1.38, 0.7), (0.69, 0.7)], [(0.22, 0.16)])),
        setting("a"),
        setting("a").readings[0],
    )
    step = math.log(2) ** 2
    assert found.train == spread([step, 2 * step, step])


def test_a_number_far_off_counts_as_a_factor_of_100():
    found = readings.distance(
        evidence(a=([(0.69, 0.7)], [(1e-12, 0.16)])), setting("a"), setting("a").readings[0]
    )
    assert found.train.mean == pytest.approx(math.log(100) ** 2)
    assert found.furthest == 100.0


def test_a_mean_squared_error_is_compared_squared():
    one = setting("a", squared="a")
    root = evidence(a=([(0.69**0.5, 0.7**0.5)], [(0.11**0.5, 0.4)]))
    assert readings.distance(root, one, one.readings[0]).total.mean == pytest.approx(0, abs=1e-12)


def test_the_rule_takes_the_training_errors_alone():
    """b has the printed test errors, a the printed training errors."""
    two = setting("b", "a")
    seen = evidence(
        a=([(0.69, 7.0)], [(0.11, 1.6)]),
        b=([(1.0, 0.7)], [(0.2, 0.16)]),
    )
    assert readings.closest(seen, two) == "a"
    assert readings.closest(seen, two, "test") == "b"


def test_what_is_not_run_is_no_reading_and_none_is_chosen_of_nothing():
    two = setting("a", "b")
    only = evidence(b=([(2.0, 2.0)], [(2.0, 2.0)]))
    assert list(readings.distances(only, two)) == ["b"] and readings.closest(only, two) == "b"
    assert readings.closest(made(), two) is None
    half = made(**{"a-6": numbers([(1, 1)], [(1, 1)])[0]})
    assert readings.distances(half, two) == {}


def test_only_numbers_that_all_readings_have_are_compared():
    some = Setting(
        "made",
        "made up",
        (Reading("a", "a", {EQ6: "x", EQ8: "y"}), Reading("b", "b", {EQ8: "z"})),
        "a",
    )
    assert {key[0] for key in some.keys} == {EQ8}


def test_told_apart_by_the_spread_of_single_runs():
    near, far = spread([1.0, 2.0, 3.0]), spread([5.0, 6.0, 7.0])
    # The difference of two runs has a standard deviation of sqrt(2): 4 is more than twice that.
    assert readings.told_apart(near, far) and not readings.told_apart(near, spread([3, 4, 5]))
    # A single seed spreads as the other side's do, which makes sqrt(2) of it; two tell nothing.
    assert readings.told_apart(near, spread([5.0])) and not readings.told_apart(near, spread([4.5]))
    assert readings.told_apart(spread([5.0]), near) and not readings.told_apart(spread([4.5]), near)
    assert not readings.told_apart(spread([1.0]), spread([9.0]))


def test_the_assumed_reading_must_be_one():
    with pytest.raises(ValueError, match="'c' is none"):
        Setting("made", "made up", setting("a").readings, "c")


def test_nearest_is_by_ratio_over_all_settings():
    seen = evidence(a=([(0.345, 1.0)], [(1, 1)]), b=([(1.1, 1.0)], [(1, 1)]))
    key = (EQ6, "train", "force_rmse")
    # 0.345 is half the printed number and nearer by difference, 1.1 nearer by ratio.
    found = readings.nearest(seen, (setting("a"), setting("b")), key)
    assert found[1].name == "b" and found[2].mean == 1.1
    assert readings.nearest(made(), (setting("a"),), key) is None


def test_the_table_of_the_nearest_measures_as_they_are_chosen():
    """A reading that is nearer by ratio is shown, though ours is nearer by difference."""
    key = (EQ6, "train", "force_rmse")
    reading = next(one for one in SETTINGS if EQ6 in one.readings[0].rows).readings
    other = next(r for r in reading if r.rows[EQ6] != EQ6)
    value = PRINTED[key]
    seen = made(**{EQ6: {("train", 0): value / 2}, other.rows[EQ6]: {("train", 0): 1.8 * value}})
    rows = dict(zip(reported(), nearest_table(seen).rows, strict=True))
    assert rows[key][4] == other.label


@pytest.mark.parametrize("one", SETTINGS, ids=lambda s: s.name)
def test_every_reading_has_rows_of_the_registry_on_printed_numbers(one):
    assert one.keys and len(one.readings) > 1
    names = [reading.name for reading in one.readings]
    assert len(set(names)) == len(names)
    for reading in one.readings:
        assert set(reading.rows) <= {key[0] for key in reported()}
        for printed, row in reading.rows.items():
            assert row in EXPERIMENTS
            # Of the same shape, and the same kind of training.
            a, b = EXPERIMENTS[printed], EXPERIMENTS[row]
            assert a.split == b.split
            assert a.frames == b.frames or b.partition == "strides"
            assert bool(a.loss_weights and a.loss_weights[1]) <= bool(
                b.loss_weights and b.loss_weights[1]
            )
    assumed = next(r for r in one.readings if r.name == one.assumed)
    if one.name not in ("functions", "slab"):
        assert all(printed == row for printed, row in assumed.rows.items())


@pytest.mark.parametrize("one", SETTINGS, ids=lambda s: s.name)
def test_readings_of_a_setting_differ(one):
    """Two readings that are the same rows would be told apart by nothing."""
    seen = {(tuple(sorted(r.rows.items())), r.squared) for r in one.readings}
    assert len(seen) == len(one.readings)


@pytest.mark.parametrize("one", BY_RULE, ids=lambda s: s.name)
def test_the_reports_rows_have_the_reading_that_the_rule_chooses(one):
    committed = Evidence.read(Path(ROOT) / "results", EXPERIMENTS)
    found = readings.distances(committed, one)
    assert set(found) == {reading.name for reading in one.readings}, "all must have been run"
    assert readings.closest(committed, one) == one.assumed


def test_tables_of_readings_are_whole_without_any_number():
    """As on a first quick run."""
    empty = made()
    rows = evidence_table(empty).rows
    assert len(rows) == sum(1 + len(s.readings) for s in SETTINGS)
    assert all(NOT_RUN in row for row in rows)
    assert len(nearest_table(empty).rows) == len(reported())
