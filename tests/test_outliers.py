"""Where one frame makes an error, by hand and in the committed tables."""

from dataclasses import replace

import numpy as np
import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS, all_tables
from reproduction.show import documents, outliers
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.outliers import FACTOR, Worst, rest, said, worst, worst_kept
from reproduction.show.predictions import SEED, Predictions, read_predictions

# Its own columns show the worst frame of every row (tests/test_unprinted_slab.py).
IN_COLUMNS = "slab"
ROW = EXPERIMENTS["beyond/twin-10-10-10"]
COMMITTED = Evidence.read(ROOT / "results", EXPERIMENTS)


def evidence(*values: tuple[int, str, float], folder=None) -> Evidence:
    """Made-up test errors of one row: (seed, metric, value)."""
    rows = [Value(ROW.id, seed, "test", metric, value) for seed, metric, value in values]
    return Evidence(Metrics(rows), EXPERIMENTS, folder=folder)


def kept(off: np.ndarray, kind: str = "force", n: int | None = None) -> Predictions:
    """Test predictions that are off by that, of frames 100, 101, ..., of n test frames."""
    true = np.full(off.shape, 5.0)
    frames = {"energy": {"test": 100 + np.arange(n or len(off))}}
    frames[kind] = {"test": 100 + np.arange(len(off))}
    return Predictions({kind: {"test": true}}, {kind: {"test": true + off}}, frames)


def test_what_is_left_by_hand():
    off = np.array([3.0, -12.0, 4.0])
    rmse = float(np.sqrt((off**2).mean()))
    assert rest(rmse, 12.0, 3) == pytest.approx(np.sqrt((9 + 16) / 2))
    # One frame is all of the error, up to rounding; or there is no other frame.
    assert rest(1.0, np.sqrt(3.0) + 1e-9, 3) == rest(2.0, 2.0, 1) == 0.0


def test_the_rule_is_a_factor():
    assert Worst(0, FACTOR * 1.001, 1.0, 9.0).makes_it
    assert not Worst(0, FACTOR * 0.999, 1.0, 9.0).makes_it
    # Nothing is off: no frame makes it so.
    assert not Worst(0, 0.0, 0.0, 0.0).makes_it


def test_the_worst_frame_is_off_as_a_whole():
    """Frame 101 has the largest component, frame 102 more in all."""
    off = np.zeros((4, 2, 3))
    off[1, 0, 0] = -3.0
    off[2] = 2.0
    found = worst_kept(kept(off), "force")
    assert (found.frame, found.largest, found.seed) == (102, 2.0, SEED)
    assert found.rmse == pytest.approx(np.sqrt((9 + 6 * 4) / 24))
    assert found.rest == pytest.approx(np.sqrt(9 / 18))


def test_energies_are_known_of_every_seed_and_forces_of_the_kept_one(monkeypatch, tmp_path):
    off = np.zeros(500)
    off[7] = 10.0
    monkeypatch.setattr(outliers, "read_predictions", lambda *_: kept(off, "energy"))
    rmse = 10.0 / np.sqrt(500)
    known = evidence(
        (0, "energy_rmse", rmse),
        (0, "energy_max", 10.0),
        (3, "energy_rmse", 2.0),
        (3, "energy_max", 4.0),
        (0, "force_rmse", 1.0),
        (0, "force_max", 100.0),
        folder=tmp_path,
    )
    first, second = worst(known, ROW, "energy")
    assert (first.seed, first.frame, first.rest) == (0, 107, pytest.approx(0.0))
    assert (second.seed, second.frame, second.largest) == (3, None, 4.0)
    assert second.rest == pytest.approx(np.sqrt((500 * 4 - 16) / 499))
    assert worst(known, ROW, "force") == []
    assert worst(known, replace(ROW, partition="random"), "energy") == []
    first_tested = replace(ROW, partition="test first")
    assert worst(known, first_tested, "energy") == [first, second]
    assert first.share == pytest.approx(1.0) and second.share == pytest.approx(16 / 2000)


def test_predictions_of_newer_runs_than_the_numbers_are_left_out(monkeypatch, tmp_path):
    """Else a sentence would speak of an error that the table does not show."""
    monkeypatch.setattr(outliers, "read_predictions", lambda *_: kept(np.ones((5, 2, 3))))
    assert worst(evidence((0, "force_rmse", 0.5), folder=tmp_path), ROW, "force") == []
    assert len(worst(evidence((0, "force_rmse", 1.0), folder=tmp_path), ROW, "force")) == 1


def test_forces_of_some_frames_have_no_worst_one(monkeypatch, tmp_path):
    """Even if their RMSE happens to be that of all."""
    monkeypatch.setattr(outliers, "read_predictions", lambda *_: kept(np.ones((5, 2, 3)), n=50))
    assert worst(evidence((0, "force_rmse", 1.0), folder=tmp_path), ROW, "force") == []


def test_the_sentence_by_hand():
    values = [(k, "energy_rmse", 0.02) for k in range(3)] + [(k, "energy_max", 0.1) for k in (1, 2)]
    calm = evidence(*values)
    assert said(calm, [ROW], ("energy", "force")) == ""
    # 0.02 eV in 499 frames, and 4 eV in one.
    seed0 = float(np.sqrt((499 * 0.02**2 + 4.0**2) / 500))
    loud = evidence((0, "energy_rmse", seed0), (0, "energy_max", 4.0), *values[1:])
    assert said(loud, [ROW], ("energy",), 1000.0) == (
        "One frame dominates some of these test errors: RMSE more than 1.5 times that of all other "
        'frames (frames count from 0). "(10, 10, 10), Keras twin", E: seed 0 has 180 meV, but 20 '
        "meV without one frame, which is off by 4,000 meV; without it the mean over seeds is 20 "
        "meV, with it 73 ± 92 meV."
    )


def test_kept_energies_say_the_same_as_metrics_csv():
    """The formula for the seeds that are not kept, against arrays."""
    seen = 0
    for row in EXPERIMENTS.values():
        predictions = read_predictions(ROOT / "results", row.id)
        if predictions is None or "energy" not in predictions.predicted:
            continue
        largest = COMMITTED.metrics.by_seed(row.id, "test", "energy_max")[SEED]
        found = worst_kept(predictions, "energy")
        assert largest == pytest.approx(found.largest, rel=1e-5)
        assert rest(found.rmse, largest, row.split[1]) == pytest.approx(found.rest, rel=1e-4)
        seen += 1
    assert seen > 50


def test_every_table_says_where_one_frame_makes_an_error_that_it_shows():
    tables = all_tables(COMMITTED)
    found = [
        (row, kind, one)
        for row in EXPERIMENTS.values()
        if row.table != IN_COLUMNS
        for kind in outliers.SYMBOL
        for one in worst(COMMITTED, row, kind)
        if one.makes_it
    ]
    assert found
    for row, kind, one in found:
        text = tables[row.table].note.split(f'"{row.label}", {outliers.SYMBOL[kind]}: ')
        assert len(text) == 2, row.id
        assert f"seed {one.seed} has" in text[1].split('"')[0], row.id


def test_a_headline_says_so_too(monkeypatch):
    calm = documents.headline_energy(COMMITTED)
    assert "One frame" not in calm
    values = [r for r in COMMITTED.metrics.rows if r.experiment == "table4/eq2"]
    loud = [
        replace(r, value=1.0 if r.metric == "energy_rmse" else 22.0)
        if r.seed == 2 and r.metric in ("energy_rmse", "energy_max")
        else r
        for r in values
    ]
    changed = Evidence(Metrics(loud), EXPERIMENTS)
    assert '"Eq. 2", E: seed 2 has 1.0 eV' in documents.headline_energy(changed)
