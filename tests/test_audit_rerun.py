"""`make audit` runs cheap rows again: which ones, and how their numbers are judged."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_results import (
    FORCES,
    N_TEST,
    N_TRAIN,
    ROW,
    array,
    edit_value,
    make_results,
    rewrite,
)
from small_runs import AS_MADE

from checks.audit import comparison, rerun
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import Evidence, Metrics, Value


@pytest.fixture
def results(au6, rng, tmp_path):
    return make_results(tmp_path / "results", au6, rng)


def test_the_cheapest_rows_that_fit_are_chosen():
    rows = [EXPERIMENTS[name] for name in (ROW, "table4/eq4", "beyond/learned-eq2", FORCES)]
    seconds = {ROW: 10.0, "table4/eq4": 100.0, "beyond/learned-eq2": 1.0, FORCES: 11.0}

    def chosen(budget):
        return [row.id for row in rerun.choose(rows, seconds, budget)]

    # Cheap as it is, it needs the models of Eq. 2.
    assert chosen(9.0) == []
    assert chosen(12.0) == [ROW, "beyond/learned-eq2"]
    assert chosen(30.0) == [ROW, "beyond/learned-eq2", FORCES]
    assert chosen(1000.0)[-1] == "table4/eq4"


def test_rows_that_can_be_judged_fit_the_minutes():
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    rows = rerun.affordable(evidence, 5.0, 2)
    # First those that verdicts rest on, the cheapest of them over several trajectories.
    assert {f"beyond/{name}-trajectories" for name in ("pair-floor", "eq6-200")} <= {
        e.id for e in rows
    }
    # Of these, whatever the machine of their seconds, none that is left out is cheaper.
    decisive = {key[0] for key in rerun.OF_VERDICTS}
    repeated = {
        row.id: rerun.cost(row, evidence.provenance)
        for row in rerun.affordable(evidence, 1e6, 2)
        if row.repeats in decisive and not row.models_of
    }
    taken = {name: repeated.pop(name) for name in {row.id for row in rows} & set(repeated)}
    assert repeated and max(taken.values()) <= min(repeated.values())
    assert sum(rerun.cost(row, evidence.provenance) for row in rows) <= 2 * 5 * 60
    # One seed has no spread; what learned-emt measures is no error.
    assert not {"beyond/eq2-literal", "beyond/learned-emt"} & {e.id for e in rows}
    assert len(rerun.affordable(evidence, 0.1, 2)) > 0


def test_a_row_by_hand_brings_the_models_that_it_uses():
    assert {row.id for row in rerun.named(["beyond/learned-eq2"])} == {ROW, "beyond/learned-eq2"}
    with pytest.raises(ReproductionError):
        rerun.named(["table4/eq1"])


def test_seconds_of_seeds_side_by_side_count_once():
    about = {row: {str(k): {"seconds_of_group": 10.0} for k in range(5)} for row in EXPERIMENTS}
    assert rerun.cost(EXPERIMENTS[ROW], about) == 10.0  # five lanes
    assert rerun.cost(EXPERIMENTS["table4/eq4"], about) == 50.0  # one


def test_z_by_hand():
    assert comparison.z_score((1.0, 3.0), (2.0, 4.0)) == pytest.approx(1 / 2**0.5)
    assert comparison.z_score((2.0, 2.0), (1.0, 1.0)) == float("inf")
    assert np.isnan(comparison.z_score((1.0,), (1.0, 2.0)))
    assert comparison.z_score((1.2,), (1.0,), data=0.1) == pytest.approx(2.0)
    assert comparison.z_score((1.0, 3.0), (2.0, 4.0), data=0.5) == pytest.approx(1 / 4.25**0.5)


def numbers_of(row: str, values, metric="energy_rmse", split="test") -> Metrics:
    return Metrics(Value(row, k, split, metric, v) for k, v in enumerate(values))


COMMITTED = (0.010, 0.011, 0.012, 0.013, 0.014)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (COMMITTED, comparison.SAME),
        ((0.011, 0.012, 0.013, 0.014, 0.015), comparison.WITHIN),
        ((0.017, 0.018, 0.019, 0.020, 0.021), comparison.OUTSIDE),
    ],
)
def test_rows_run_again_are_judged_by_the_spread(values, outcome):
    sides = numbers_of(ROW, values), numbers_of(ROW, COMMITTED)
    (found,) = comparison.compare(EXPERIMENTS[ROW], *sides, same_data=False)
    assert found.outcome == outcome and found.judged


def test_rows_without_a_spread():
    def outcome(row, here, there, same_data):
        sides = numbers_of(row, [here]), numbers_of(row, [there])
        (found,) = comparison.compare(EXPERIMENTS[row], *sides, same_data)
        return found.outcome

    assert outcome("beyond/eq2-literal", 0.01, 0.02, True) == comparison.ONE_SEED
    floor = "beyond/pair-floor"
    assert outcome(floor, 0.16, 0.16 * (1 + 1e-6), True) == comparison.WITHIN
    assert outcome(floor, 0.16, 0.16 * (1 + 1e-4), True) == comparison.OUTSIDE
    # On another trajectory, by what those differ.
    assert outcome(floor, 0.16, 0.17, False) == comparison.WITHIN
    assert outcome(floor, 0.07, 0.17, False) == comparison.OUTSIDE


def test_durations_are_neither_compared_nor_put_in_place():
    sides = [numbers_of(ROW, v, "train_seconds", "") for v in ((1.0, 2.0), (5.0, 6.0))]
    assert not comparison.compare(EXPERIMENTS[ROW], *sides, same_data=True)
    assert [v.value for v in comparison.in_place(sides[1], sides[0]).rows] == [5.0, 6.0]


def test_another_verdict_is_said():
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    row = "beyond/eq2-trajectories"  # that verdicts rest on
    there = numbers_of(row, evidence.values(row, "test", "energy_rmse"))
    assert comparison.changed_verdicts(evidence, there) == []
    changed = comparison.changed_verdicts(evidence, numbers_of(row, 5 * (0.2, 0.21)))
    assert any(text.startswith("claim 17 is reproduced, with") for text in changed)


def test_predictions_are_compared_as_finely_as_they_are_stored(results, tmp_path):
    rows = [EXPERIMENTS[ROW], EXPERIMENTS[FORCES]]
    here = tmp_path / "here"
    shutil.copytree(results / "predictions", here / "predictions")
    assert comparison.same_predictions(rows, here, results) == (4, 4)
    path = here / "predictions/table4-eq2.npz"
    rewrite(path, energy_test=array(path, "energy_test") + 1e-7)
    assert comparison.same_predictions(rows, here, results) == (4, 3)


def test_a_row_is_run_again_and_a_doctored_one_caught(au6, tmp_path):
    floor = replace(EXPERIMENTS["beyond/pair-floor"], split=(N_TRAIN, N_TEST))
    datasets, said = {"au6": replace(au6, metadata=AS_MADE)}, []
    _, outcome = rerun.run_rows([floor], datasets, tmp_path, 1, said.append)
    assert not outcome.failed and said == ["  1 of 1: beyond/pair-floor seed 0"]
    committed = tmp_path / "committed"
    shutil.copytree(tmp_path / "results", committed)

    def audit():
        # Into the same folder, where the run is there already.
        return rerun.audit(committed, [floor], datasets, tmp_path, 1, said.append)

    part = audit()
    # Verdicts need rows that are not there: they are "not run yet" on both sides.
    assert part.good and part.details["judged"][comparison.SAME] == 2
    assert part.lines[0][1] == "2 of 2"
    edit_value(committed, "beyond/pair-floor,0,test,energy_rmse", 1.01)
    part = audit()
    assert not part.good and "beyond/pair-floor, test energy_rmse" in part.faults[0]
