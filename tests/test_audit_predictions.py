"""`make audit` of predictions and data: those that agree pass, each kind of fault is caught."""

from dataclasses import replace

import numpy as np
import pytest
from made_results import (
    FORCES,
    HEADER,
    REFERENCE,
    ROW,
    array,
    edit,
    edit_value,
    make_results,
    rewrite,
)

from checks.audit import errors, tolerances, trajectory
from data_gen.errors import DataError
from reproduction.engine.provenance import ROOT
from reproduction.sections import SOURCES

ON_ITS_FRAMES = errors._on_its_frames
COMPONENTS = 100 * 6 * 3  # of the test part's forces


@pytest.fixture
def results(au6, rng, tmp_path):
    return make_results(tmp_path / "results", au6, rng)


def test_errors_that_agree_pass(results):
    part = errors.audit(results)
    assert part.good, part.faults
    assert [line[1] for line in part.lines] == ["8 of 8", "6 of 6", "8 of 8", "8 of 8"]
    assert part.sentence.startswith("8 of 8 errors agree within 1e-05 relative, 8 of 8 with")


@pytest.mark.parametrize("row", [ROW, FORCES])
def test_a_wrong_prediction_is_caught(results, row):
    path = results / "predictions" / f"{row.replace('/', '-')}.npz"
    name = "energy_test" if row == ROW else "force_test"
    wrong = array(path, name)
    wrong[7] += 0.001
    rewrite(path, **{name: wrong})
    part = errors.audit(results)
    assert not part.good and part.faults[0].startswith(f"{row} seed 0, test")


def test_a_wrong_reference_is_caught(results):
    path = results / "predictions" / REFERENCE
    rewrite(path, energy_test=np.roll(array(path, "energy_test"), 1))
    assert not errors.audit(results).good


@pytest.mark.parametrize("metric", ["rmse", "mae", "max", "bias", "slope"])
def test_an_edited_number_is_caught(results, metric):
    edit_value(results, f"{ROW},0,test,energy_{metric}", 1 + 2e-5)
    (fault, *more) = errors.audit(results).faults
    assert f"energy_{metric}" in fault and not more


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_edited_number_of_another_seed_is_caught_by_its_curve(results, split):
    edit_value(results, f"{ROW},1,{split},energy_rmse", 0.999)
    (fault,) = errors.audit(results).faults
    assert fault.startswith(f"{ROW} seed 1, {split} energy_rmse")


@pytest.mark.parametrize(
    ("metric", "factor"), [("rmse", 0.5), ("rmse", 5.0), ("mae", 2.0), ("max", 0.2), ("max", 5.0)]
)
def test_without_a_curve_errors_of_a_run_must_fit_each_other(results, metric, factor):
    """As of Amp's rows: an RMSE below the mean absolute error, or a tenth of the largest of 100."""
    for path in (results / "curves").iterdir():
        np.savez(path)
    edit_value(results, f"{ROW},1,test,energy_{metric}", factor)
    faults = [x for x in errors.audit(results).faults if "nothing to compare" not in x]
    (fault,) = faults
    assert fault.startswith(f"{ROW} seed 1, test energy_rmse of") and "not that of" in fault


def test_a_training_error_larger_than_its_frames_allow_is_caught(results):
    edit_value(results, f"{ROW},0,train,energy_rmse", 2.0)
    fault, of_curve = errors.audit(results).faults
    assert "the stored arrays give at most" in fault and "train energy_rmse" in of_curve


def test_curves_over_other_frames_say_nothing_of_training_errors(results, monkeypatch):
    monkeypatch.setattr(errors, "_on_its_frames", lambda row: False)
    assert errors.audit(results).lines[2][1] == "4 of 4"
    for row in ("beyond/au12-eq2", "beyond/eq9-copies"):
        assert not ON_ITS_FRAMES(row)
    assert ON_ITS_FRAMES(ROW)


@pytest.mark.parametrize("metric", ["rmse", "mae", "max"])
def test_a_training_error_smaller_than_its_frames_allow_is_caught(results, metric):
    edit_value(results, f"{ROW},0,train,energy_{metric}", 0.2)
    assert "at least" in errors.audit(results).faults[0]


def test_files_that_do_not_fit_are_said(results):
    path = results / "predictions/table4-eq2.npz"
    rewrite(path, energy_test=array(path, "energy_test")[1:])
    assert "does not have the frames" in errors.audit(results).faults[0]
    path.rename(path.with_name("table4-eq9.npz"))
    assert "no such row" in errors.audit(results).faults[0]
    (results / "metrics.csv").write_text(f"{HEADER}\n{ROW},0,test,energy_rmse,1,eV\n" * 2)
    assert not errors.audit(results).good


def thinned(results, monkeypatch, every: int) -> None:
    """Forces of a test part that counts as a large one, of some of its frames."""
    monkeypatch.setattr(errors, "MANY", COMPONENTS - 1)
    names = ("force_test", "force_test_frames")
    for file, known in ((REFERENCE, names), (f"{FORCES.replace('/', '-')}.npz", names[:1])):
        path = results / "predictions" / file
        rewrite(path, **{name: array(path, name)[::every] for name in known})


def test_a_large_test_part_may_have_a_tenth_of_its_forces(results, monkeypatch):
    thinned(results, monkeypatch, 10)
    part = errors.audit(results)
    assert part.good, part.faults
    edit_value(results, f"{FORCES},0,test,force_rmse", 0.2)
    fault = errors.audit(results).faults[0]
    assert fault.startswith(f"{FORCES} seed 0, test force_rmse") and "at least" in fault


@pytest.mark.parametrize(("every", "large"), [(13, COMPONENTS - 1), (10, COMPONENTS)])
def test_fewer_forces_than_that_are_caught(results, monkeypatch, every, large):
    """Less than a tenth, or of a test part that is stored whole."""
    thinned(results, monkeypatch, every)
    monkeypatch.setattr(errors, "MANY", large)
    assert "does not have the frames" in errors.audit(results).faults[0]


def test_a_line_twice_is_an_error(results):
    line = (results / "metrics.csv").read_text().splitlines()[1]
    with open(results / "metrics.csv", "a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match="twice"):
        errors.read_numbers(results / "metrics.csv")


def test_nothing_to_compare_does_not_pass(results):
    for path in (results / "predictions").iterdir():
        path.unlink()
    assert not errors.audit(results).good


def test_nan_does_not_agree():
    assert not errors.Error("", 0, "", "", 1.0, float("nan")).agrees(1e-5)
    assert not errors.Error("", 0, "", "", 1.0, float("nan"), bound=True).agrees(1e-5)


def audit_of(results, data, monkeypatch):
    monkeypatch.setattr(trajectory, "run_dynamics", lambda _: data)
    return trajectory.audit(results)[0]


def test_the_committed_rows_of_a_dataset_are_of_one_trajectory():
    """Seeds of rows over several trajectories each count for their own."""
    found = {trajectory.committed_checksum(ROOT / "results", name) for name in SOURCES}
    assert len(found) == len(SOURCES)


def test_the_same_trajectory_passes(results, au6, monkeypatch):
    part = audit_of(results, au6, monkeypatch)
    assert part.good, part.faults
    assert part.sentence.startswith("This machine gives the committed")


def test_another_processors_trajectory_passes_and_is_said(results, au6, monkeypatch):
    energies = au6.energies.copy()
    energies[tolerances.SAME_FRAMES :] += 0.1
    part = audit_of(results, replace(au6, energies=energies), monkeypatch)
    assert part.good, part.faults
    assert "another Au6 trajectory" in part.sentence and not part.details["same_trajectory"]


def test_the_trajectory_under_another_checksum_does_not_pass(results, au6, monkeypatch):
    """It would pass for another processor's, of which labels need not be the same."""
    edit(results / "provenance.json", au6.checksum(), "d" * 64)
    edit(results / "provenance.json", au6.checksum(), "d" * 64)
    part = audit_of(results, au6, monkeypatch)
    assert not part.good and "provenance.json has the checksum dddddddd…" in part.faults[0]
    path = results / "predictions" / REFERENCE
    rewrite(path, force_test=array(path, "force_test") + np.float32(1))
    assert any("force_test" in x for x in audit_of(results, au6, monkeypatch).faults)


def test_another_systems_trajectory_does_not_pass(results, au6, monkeypatch):
    energies = au6.energies.copy()
    energies[tolerances.SAME_FRAMES - 1 :] += 0.1
    part = audit_of(results, replace(au6, energies=energies), monkeypatch)
    assert not part.good and "not a continuation" in part.sentence


def test_a_cluster_that_comes_apart_is_said(results, monkeypatch):
    def apart(_):
        raise DataError("two atoms are 12.1 Å apart")

    monkeypatch.setattr(trajectory, "run_dynamics", apart)
    part, data = trajectory.audit(results)
    assert data is None and not part.good and part.faults == ["Au6: two atoms are 12.1 Å apart"]


@pytest.mark.parametrize("file", ["data/au6.npz", f"predictions/{REFERENCE}"])
def test_energies_that_are_not_emts_are_caught(results, au6, monkeypatch, file):
    name = "energies" if file.startswith("data") else "energy_test"
    rewrite(results / file, **{name: array(results / file, name) + np.float32(1e-4)})
    assert not audit_of(results, au6, monkeypatch).good


def test_a_force_that_is_not_the_trajectorys_is_caught(results, au6, monkeypatch):
    path = results / "predictions" / REFERENCE
    wrong = array(path, "force_test")
    wrong[3, 2, 1] = np.nextafter(wrong[3, 2, 1], np.float32(9))
    rewrite(path, force_test=wrong)
    (fault,) = audit_of(results, au6, monkeypatch).faults
    assert "force_test" in fault
