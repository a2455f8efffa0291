"""Numbers on their way from runs to tables."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from figures import nve
from reproduction.engine import provenance
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import Store
from reproduction.sections import EXPERIMENTS, all_tables
from reproduction.sections.appendix_a import appendix_a
from reproduction.sections.appendix_b import appendix_b
from reproduction.sections.s3_behler import table1
from reproduction.sections.s4_energy import table4
from reproduction.show.evidence import Evidence, Metrics, Value, read_provenance
from reproduction.show.gather import gather
from reproduction.show.metrics import NOT_RUN, UNITS, spread
from reproduction.show.reported import reported
from reproduction.show.tables import fill, ratio, with_spread


def evidence(values=(), provenance=()) -> Evidence:
    """Made-up numbers."""
    return Evidence(Metrics(values), EXPERIMENTS, dict(provenance))


def test_committed_numbers_are_complete_and_known():
    metrics = Metrics.read(provenance.ROOT / "results")
    assert metrics.rows
    assert {row.metric for row in metrics.rows} <= set(UNITS)
    for name in metrics.experiments():
        seeds = {row.seed for row in metrics.rows if row.experiment == name}
        assert seeds == set(EXPERIMENTS[name].seeds)


def test_reported_rows_are_rows_of_the_registry_or_of_a_table_to_come():
    printed = reported()
    assert len(printed) == 41
    assert printed["table4/eq4", "test", "energy_rmse"] == "0.009"
    assert printed["table3/250-5-5", "test", "force_rmse"] == "45.3"
    done = ("table4/", "table5/", "section6/")
    ours = {name for name in EXPERIMENTS if name.startswith(done)}
    assert ours == {name for name, *_ in printed if name.startswith(done)}


def test_a_figure_comes_from_stored_curves_alone(tmp_path, monkeypatch):
    (tmp_path / "curves").mkdir()
    series = 5.0 + 1e-3 * np.random.default_rng(0).standard_normal((3, 21))
    np.savez(tmp_path / "curves/beyond-nve-eq2-gradient.npz", total_energy_emt=series)
    np.savez(tmp_path / "curves/beyond-nve-eq9-9000.npz", total_energy_emt_seed0=series[0, :9])
    lines = [f"beyond/nve-eq2-gradient,{k},,picoseconds,1.0,ps" for k in range(3)]
    lines += ["beyond/nve-eq9-9000,0,,picoseconds,0.4,ps"]
    header = "experiment,seed,split,metric,value,unit"
    (tmp_path / "metrics.csv").write_text("\n".join([header, *lines]) + "\n")
    drawn = []
    monkeypatch.setattr(nve, "save", lambda figure, *_, **__: drawn.append(figure) or [])
    nve.draw(tmp_path)
    (figure,) = drawn
    entries = {text.get_text() for one in _legends(figure) for text in one.get_texts()}
    assert len([text for text in entries if text.startswith("Eq. ")]) == 2
    monkeypatch.undo()
    assert [path.suffix for path in nve.draw(tmp_path)] == [".png"]


def _legends(figure) -> list:
    return [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]


def test_spread_by_hand():
    s = spread([1.0, 2.0, 3.0])
    assert (s.n, s.mean, s.std) == (3, 2.0, 1.0)
    half = 4.302652729911275 / math.sqrt(3)
    assert s.bounds(0.975) == pytest.approx((2.0 - half, 2.0 + half))
    assert math.isnan(spread([1.0]).std)
    with pytest.raises(ValueError):
        spread([])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0141], "0.014"),
        ([0.0085], "0.0085"),
        ([14.31], "14"),
        ([177.27], "177"),
        ([0.1, 0.2], "0.15 ± 0.07"),
        ([0.9, 1.1, 1.0], "1.0 ± 0.1"),
        ([142.0, 180.0, 107.0], "143 ± 37"),
        ([52333.0, 172384.0, 292434.0], "170,000 ± 120,000"),
        ([1e-9, 2e-9, 3e-9], "2.0e-09 ± 1.0e-09"),
        ([1.5e-9], "1.5e-09"),
        ([-0.0004, 0.0005, 0.0], "0.00003 ± 0.00045"),
        ([0.009979, 0.009984, 0.009989], "0.009984 ± 0.000005"),
        ([1.13, 1.13], "1.1"),
        ([1.889728, 1.889728 + 1e-12], "1.9"),
        ([0.0, 0.0], "0.0"),
    ],
)
def test_numbers_have_the_digits_that_mean_something(values, text):
    assert with_spread(spread(values)) == text


def test_numbers_may_be_scaled_and_missing():
    assert with_spread(spread([0.00001, 0.00002]), 1000.0) == "0.015 ± 0.007"
    assert with_spread(None) == "not run yet"


def test_table_puts_ours_beside_the_reports():
    rows = [Value("table4/eq2", k, "test", "energy_rmse", 0.01 + 0.002 * k) for k in range(3)]
    line = next(r for r in table4(evidence(rows)).rows if r[0] == "Eq. 2")
    assert line[6:9] == ("0.014", "0.012 ± 0.002", "0.86")
    assert line[5] == "not run yet"
    assert line[1] == "(20,50,1),(1,50,20)"


def test_behler_tables_say_how_training_ended():
    """Seeds by ending; steps and seconds mean different things for Amp and its twin."""
    row = "table1/behler-5-5"
    numbers = {
        ("", "loss_evaluations"): 2214.0,
        ("", "train_seconds"): 40.6,
        ("test", "energy_rmse"): 0.1,
    }
    rows = [Value(row, k, *key, value) for k in range(3) for key, value in numbers.items()]
    about = {row: {str(k): {"ended": "the optimiser gave up"} for k in range(2)}}
    about[row]["2"] = {"ended": "stopped by the limit of steps"}
    table = table1(evidence(rows, about))
    line = next(r for r in table.rows if r[0] == "(5, 5)")
    assert table.columns[-1] == "ended (seeds)" and line[-1] == "gave up (2), limit of steps (1)"
    assert line[1:3] == ("2214", "3") and "evaluations of Amp's loss" in table.note
    assert table.rows[-1][-1] == "-"  # not run
    # The report has no errors of F here: no columns that stay empty.
    assert [c for c in table.columns if c.startswith("F")] == ["F, train", "F, test"]


def test_ratio_by_hand():
    a, b = spread([1.0, 3.0]), spread([4.0])
    assert ratio(a, b) == "0.50"
    # Relative standard errors 0.5 and 0.25 of the means 2 and 4.
    assert ratio(a, spread([3.0, 5.0])) == f"0.50 ± {0.5 * math.hypot(0.5, 0.25):.2f}"
    assert ratio(a, None) == ratio(None, b) == "not run yet"


def test_appendix_a_puts_partitions_beside_each_other():
    values = {"table4/eq2": 0.02, "appendix-a/eq2-random": 0.01, "appendix-a/eq2-blocked": 0.04}
    rows = [
        Value(name, k, split, metric, value)
        for name, value in values.items()
        for k in range(2)
        for split, metric in (("test", "energy_rmse"), ("test", "energy_rmse_late"))
    ]
    rows += [Value("appendix-a/eq2-random", 0, "", "epochs", 200.0)]
    rows += [Value("appendix-a/eq2-blocked", 0, f"block{k}", "energy_rmse", k) for k in range(1, 6)]
    line = next(r for r in appendix_a(evidence(rows)).rows if r[0] == "Eq. 2")
    assert line[1:3] == ("200", "2") and line[6] == "1 to 5"
    assert line[7:] == ("0.50 ± 0.00", "0.25 ± 0.00", "0.25 ± 0.00", "2.00 ± 0.00")


def test_appendix_b_is_beside_table_4():
    rows = [Value("table4/eq5", 0, "test", "energy_rmse", 0.01)]
    rows += [Value("appendix-b/eq5-distances", 0, "test", "energy_rmse", 0.03)]
    lines = {r[0]: r for r in appendix_b(evidence(rows)).rows}
    assert lines["Eq. 5, R instead of 1/R"][3:5] == ("0.030", "3.00")
    assert lines["Eq. 5, as in Table 4"][3:5] == ("0.010", "")
    assert len(lines) == 19  # the baseline among them


def test_fill_wants_both_markers():
    with pytest.raises(ValueError):
        fill("<!-- table4:begin -->", {"table4": table4(evidence([]))})
    text = "a\n<!-- table4:begin -->\nold\n<!-- table4:end -->\nb"
    filled = fill(text, {"table4": table4(evidence([]))})
    assert filled.startswith("a\n") and filled.endswith("\nb") and "old" not in filled


def test_gather_writes_what_it_reads_and_a_part_does_not_replace_a_whole(au6, tmp_path):
    floor = replace(EXPERIMENTS["beyond/pair-floor"], split=(300, 100))
    store, datasets = Store(tmp_path / "runs"), {"au6": au6}
    do(Work(floor, (0,)), au6, store, lambda *_: None)
    metrics, fresh = gather(store, [floor], datasets, tmp_path / "results")
    assert fresh == [floor.id]
    again = Metrics.read(tmp_path / "results")
    for a, b in zip(metrics.rows, again.rows, strict=True):
        assert (a.experiment, a.seed, a.split, a.metric) == (
            b.experiment,
            b.seed,
            b.split,
            b.metric,
        )
        assert a.value == pytest.approx(b.value, rel=1e-6)
    two = replace(floor, seeds=(0, 1))
    do(Work(two, (1,)), au6, store, lambda *_: None)
    metrics, fresh = gather(store, [two], datasets, tmp_path / "results")
    assert fresh == [floor.id]
    shutil.rmtree(store.run_folder(floor.id, 1))
    assert gather(store, [two], datasets, tmp_path / "results")[1] == []
    assert gather(store, [two], {"au6": au6[1:]}, tmp_path / "results")[1] == []
    assert len(Metrics.read(tmp_path / "results").rows) == len(metrics.rows)
    assert read_provenance(tmp_path / "results")[floor.id]["0"]["commit"]


def test_no_cell_of_a_table_lacks_what_was_run():
    """Such as the worst frame of a row whose predictions are stored for some frames alone."""
    for name, table in all_tables(Evidence.read(provenance.ROOT / "results", EXPERIMENTS)).items():
        assert not any(NOT_RUN in cell for row in table.rows for cell in row), name
