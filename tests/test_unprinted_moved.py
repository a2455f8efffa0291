"""Tables 2 and 3 on the slab that the twins choose: the rows, and verdicts on them."""

import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS
from reproduction.sections import unprinted_moved as own
from reproduction.sections.s2_data import CHOSEN_HEIGHT, PT8AU2_HEIGHTS
from reproduction.sections.s3_behler import CLAIMS, LINES2, LINES3, TWIN_OF
from reproduction.sections.unprinted import SLAB
from reproduction.show.claims import NOT_RUN, REPRODUCED, verdict
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.readings import closest
from reproduction.show.reported import reported

LINES = (*LINES2, *LINES3)
CLAIM6, CLAIM8 = (claim for claim in CLAIMS if claim.number in (6, 8))
# Baselines of the chosen slab, and of the tables'.
THERE = {row.id for row in own.ROWS if row.task == "trivial"}
HERE = {row.id for row in EXPERIMENTS.values() if row.id.startswith("beyond/trivial-table2-2")}


def made(rows: dict, baselines: dict) -> Evidence:
    """Numbers as printed for rows {ours: the report's}, and baselines {row: RMSE}."""
    values = [
        Value(ours, seed, split, metric, float(value))
        for ours, printed in rows.items()
        for (row, split, metric), value in reported().items()
        if row == printed
        for seed in EXPERIMENTS[ours].seeds
    ]
    values += [Value(row, 0, "test", "energy_rmse", value) for row, value in baselines.items()]
    return Evidence(Metrics(values), EXPERIMENTS)


@pytest.mark.parametrize("name", LINES)
def test_rows_there_differ_in_the_slab_alone(name):
    row, there = EXPERIMENTS[name], EXPERIMENTS[own.moved(name)]
    same = ("task", "frames", "split", "partition", "options", "training", "loss_weights")
    assert all(getattr(row, field) == getattr(there, field) for field in same)
    assert set(there.seeds) <= set(row.seeds)
    twin = EXPERIMENTS[own.TWINS[name]]
    assert twin.split == row.split and twin.widths == row.training.hidden_layers
    assert there.data == twin.data == PT8AU2_HEIGHTS[CHOSEN_HEIGHT] != row.data
    assert row.frames * row.data.origin.stride <= there.data.origin.steps


def test_the_slab_is_the_one_that_the_training_errors_choose():
    committed = Evidence.read(ROOT / "results", EXPERIMENTS)
    assert closest(committed, SLAB) == f"{CHOSEN_HEIGHT} time"


def test_verdicts_there_are_on_the_rows_there():
    """As printed on the one slab, and not run on the other."""
    there = made({own.moved(row): row for row in LINES}, dict.fromkeys(THERE, 9.0))
    assert verdict(CLAIM6, own.as_moved(there)).status == REPRODUCED
    assert verdict(CLAIM6, there).status == NOT_RUN
    here = made({row: row for row in LINES}, dict.fromkeys(HERE, 9.0))
    assert verdict(CLAIM6, own.as_moved(here)).status == NOT_RUN
    assert verdict(CLAIM6, here).status == REPRODUCED


def test_the_baseline_there_is_the_other_slabs():
    """What does not beat the mean energy of its own slab has learned nothing."""
    rows = {own.moved(row): row for row in LINES}
    low, high = dict.fromkeys(THERE, 1e-6), dict.fromkeys(HERE, 9.0)
    found = own.as_moved(made(rows, {**low, **high}))
    assert all(set(found.trivial(row, "test", "energy_rmse")) == {1e-6} for row in LINES)
    assert "is not shown to beat the mean of training" in verdict(CLAIM8, found).numbers
    found = own.as_moved(made(rows, dict.fromkeys(THERE | HERE, 9.0)))
    assert "is not shown to beat" not in verdict(CLAIM8, found).numbers


def test_twins_there_stand_for_the_twins():
    values = [Value(row, 0, "test", "energy_rmse", k) for k, row in enumerate(own.TWINS.values())]
    found = own.as_moved(Evidence(Metrics(values), EXPERIMENTS))
    for k, row in enumerate(own.TWINS):
        assert found.values(TWIN_OF[row], "test", "energy_rmse") == [k]


def test_every_printed_number_of_both_tables_is_there():
    table = own.moving(made({own.moved(row): row for row in LINES}, {}))
    printed = [value for (row, *_), value in reported().items() if row in LINES]
    assert sorted(row[1] for row in table.rows) == sorted(printed)
    # Made up as printed: in the column of Amp on the chosen slab.
    assert all(float(row[3]) == pytest.approx(float(row[1]), rel=0.05) for row in table.rows)
    assert all(row[2] == row[4] == row[5] == "not run yet" for row in table.rows)
