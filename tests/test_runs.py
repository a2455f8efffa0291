"""Runs: kept whole or not at all, resumed, and planned anew where something has changed."""

import errno
import json
import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from conftest import graphs_alone
from small_runs import EQ2, FLOOR, ignore

from data_gen.errors import DataError
from keras_models import load_model
from keras_models.checkpoints import load_arrays, save_arrays
from keras_models.prediction import predict
from reproduction.engine import run_one, schedule, store, tasks
from reproduction.engine.experiment import FIVE_SEEDS
from reproduction.engine.provenance import code_checksum, has_changes
from reproduction.engine.run_one import Work, checksums, do
from reproduction.engine.schedule import Listener, plan
from reproduction.engine.store import RunResult, Store
from reproduction.engine.tasks import common
from reproduction.errors import Interrupted, ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.metrics import errors


def sums(au6):
    return {"au6": au6.checksum()}


@pytest.fixture(scope="module")
def finished(au6, tmp_path_factory):
    """The store of a run of Eq. 2."""
    kept = Store(tmp_path_factory.mktemp("finished"))
    with graphs_alone():
        assert do(Work(EQ2, (0,), True), au6, kept, ignore) == {}
    return kept


def test_a_run_is_kept_with_all_that_it_came_from(au6, finished):
    path = finished.folder / "table4/eq2/seed0"
    assert sorted(p.name for p in path.iterdir()) == ["arrays.npz", "model.keras", "run.json"]
    about = json.loads((path / "run.json").read_text())
    assert about["settings"] == EQ2.settings()
    assert "energy_rmse" not in str(about["metrics"])  # taken when results are gathered
    assert about["data_sha256"] == au6.checksum()
    assert about["quick"] and about["ended"] == "all epochs done"
    assert {"commit", "versions", "processor"} <= set(about["provenance"])
    assert about["code_sha256"] == code_checksum("energy")
    # The stored predictions are those of the stored model.
    values = {(m["split"], m["metric"]): m["value"] for m in about["metrics"]}
    arrays = finished.arrays("table4/eq2", 0)
    model = load_model(path / "model.keras")
    for split, part in zip(("train", "test"), au6.split(300, 100), strict=True):
        predicted = arrays[f"energy_{split}"]
        np.testing.assert_allclose(predict(model, part.positions)[:, 0], predicted, rtol=1e-6)
    assert values["", "parameters"] == 2221 and values["", "epochs"] == 4
    assert values["", "train_seconds"] > 0


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_what_reports_on_results_write_is_no_change_of_a_run(tmp_path):
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    files = [tmp_path / name for name in ("results/metrics.csv", "docs/a.md", "README.md", "a.py")]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_text("before")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "all")):
        subprocess.run(["git", "-C", tmp_path, *author, *command], check=True, timeout=60)
    for path in files[:3]:
        path.write_text("after")
    assert not has_changes(tmp_path)
    files[3].write_text("after")
    assert has_changes(tmp_path)


@pytest.mark.usefixtures("without_xla")
def test_an_interrupted_run_goes_on_to_the_same_bits(au6, finished, tmp_path):
    torn = Store(tmp_path)

    def stop_at_half(fraction, _):
        if fraction >= 0.5:
            raise Interrupted

    with pytest.raises(Interrupted):
        do(Work(EQ2, (0,)), au6, torn, stop_at_half)
    assert torn.read(EQ2.id, 0) is None
    assert torn.checkpoint(EQ2.id, (0,)).is_file()
    seen = []
    do(Work(EQ2, (0,)), au6, torn, lambda fraction, _: seen.append(fraction))
    assert min(f for f in seen if f > 0) > 0.5
    assert not torn.checkpoint(EQ2.id, (0,)).exists()
    for name, array in finished.arrays(EQ2.id, 0).items():
        np.testing.assert_array_equal(torn.arrays(EQ2.id, 0)[name], array)


def test_a_second_start_skips_what_is_done_and_fits(au6, folder):
    kept = Store(folder / "runs")
    do(Work(FLOOR, (0,)), au6, kept, ignore)
    assert plan([FLOOR], kept, sums(au6))[0] == []
    assert plan([FLOOR], kept, sums(au6))[1].skipped == 1
    assert len(plan([FLOOR], kept, sums(au6), fresh=True)[0]) == 1
    assert len(plan([FLOOR], kept, {"au6": "other data"})[0]) == 1
    assert len(plan([replace(FLOOR, split=(200, 100))], kept, sums(au6))[0]) == 1


def test_a_run_of_other_code_is_named(au6, folder, monkeypatch):
    kept = Store(folder / "runs")
    do(Work(FLOOR, (0,)), au6, kept, ignore)
    assert plan([FLOOR], kept, sums(au6))[1].older_code == []
    monkeypatch.setattr(schedule, "code_checksum", lambda task: "newer")
    assert plan([FLOOR], kept, sums(au6))[1].older_code == ["beyond/pair-floor seed 0"]


def test_a_run_of_other_code_is_made_again_where_those_of_today_are_asked_for(
    au6, folder, monkeypatch
):
    kept = Store(folder / "runs")
    do(Work(FLOOR, (0,)), au6, kept, ignore)
    assert plan([FLOOR], kept, sums(au6), of_today=True)[1].skipped == 1
    monkeypatch.setattr(schedule, "code_checksum", lambda task: "newer")
    (work,), outcome = plan([FLOOR], kept, sums(au6), of_today=True)
    assert work.seeds == (0,) and not outcome.skipped and not outcome.older_code


def test_runs_on_data_that_are_not_there_fail_and_the_others_go_on(au6, folder):
    """As where a cluster has come apart in one of several trajectories."""
    kept = Store(folder / "runs")
    gone = replace(FLOOR, id="beyond/gone", data=replace(FLOOR.data, name="gone"))
    found = checksums(folder / "data", [gone, FLOOR])
    assert found == sums(au6)
    planned = plan([gone, FLOOR], kept, found)
    outcome = schedule.run(*planned, kept, folder / "data", 1, Listener())
    assert outcome.made == ["beyond/pair-floor seed 0"]
    (why,) = outcome.failed.values()
    assert "gone.traj: no such file" in why and kept.has_failed("beyond/gone", 0)
    with pytest.raises(DataError, match=r"gone\.traj: no such file"):
        checksums(folder / "data", [gone])


def test_seeds_are_grouped_by_lanes(tmp_path):
    wide = replace(EQ2, lanes=2, seeds=(0, 1, 2))
    work, _ = plan([wide], Store(tmp_path), {"au6": ""})
    assert [item.seeds for item in work] == [(0, 1), (2,)]


def test_a_lone_seed_has_the_bits_of_its_group(au6, folder):
    """Lanes that are not asked for are stood in for. By XLA: else a lane's place changes bits."""
    wide = replace(EQ2, lanes=2)
    both, lone = Store(folder / "both"), Store(folder / "lone")
    do(Work(wide, (0, 1)), au6, both, ignore)
    do(Work(wide, (1,)), au6, lone, ignore)
    np.testing.assert_array_equal(
        both.arrays(wide.id, 1)["energy_test"], lone.arrays(wide.id, 1)["energy_test"]
    )


def test_a_stamp_knows_settings_seeds_data_and_code(au6, tmp_path, monkeypatch):
    def stamp(experiment=EQ2, seeds=(0,), data="data"):
        args = (experiment, seeds, au6, au6, data, tmp_path, tmp_path, ignore)
        return common.Job(*args).stamp()

    stamps = {stamp(), stamp(seeds=(1,)), stamp(data="other"), stamp(replace(EQ2, split=(1, 2)))}
    assert len(stamps) == 4 and stamp() in stamps
    monkeypatch.setattr(common, "code_checksum", lambda task: "newer")
    assert stamp() not in stamps


def test_a_run_without_its_arrays_is_made_again(au6, folder):
    kept = Store(folder / "runs")
    do(Work(FLOOR, (0,)), au6, kept, ignore)
    (folder / "runs/beyond/pair-floor/seed0/arrays.npz").unlink()
    assert len(plan([FLOOR], kept, sums(au6))[0]) == 1


def test_what_uses_models_is_made_again_after_them(tmp_path):
    kept, use = Store(tmp_path), EXPERIMENTS["beyond/minima"]

    def trained(seed, content):
        path = tmp_path / use.models_of / f"seed{seed}/model.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    trained(0, b"one")
    about = {"settings": use.settings(), "data_sha256": "d", "code_sha256": "c"}
    about["used_models"] = kept.used_models(use, 0)
    kept.write(use.id, RunResult(0, {}), about)
    assert kept.fits(use, 0, "d")
    # No row has seed 7.
    trained(7, b"beside the rows")
    assert kept.fits(use, 0, "d") and kept.used_models(use, 7) != kept.used_models(use, 0)
    trained(1, b"one more")
    assert not kept.fits(use, 0, "d")
    assert kept.why_not(use, 0, "d") == "with models that were retrained since"


def test_all_models_that_rows_use_are_of_the_seeds_that_count():
    used = {experiment.models_of for experiment in EXPERIMENTS.values()} - {""}
    assert {seed for name in used for seed in EXPERIMENTS[name].seeds} <= set(FIVE_SEEDS)


def test_seeds_asked_for_twice_are_run_once(tmp_path):
    work, _ = plan([EQ2], Store(tmp_path), {"au6": ""}, [1, 1, 0])
    assert [w.seeds for w in work] == [(0,), (1,)]


def test_a_checkpoint_of_something_else_is_not_taken_up(tmp_path):
    path = tmp_path / "a" / ".checkpoint.npz"
    save_arrays(path, "these settings", theta=np.arange(3))
    assert load_arrays(path, "other settings") is None
    np.testing.assert_array_equal(load_arrays(path, "these settings")["theta"], np.arange(3))
    path.write_bytes(path.read_bytes()[:40])
    assert load_arrays(path, "these settings") is None
    assert load_arrays(tmp_path / "none.npz", "these settings") is None


def test_a_run_has_the_rights_of_its_folder(tmp_path):
    """Others in a shared folder could not read it."""
    kept = Store(tmp_path)
    kept.write(EQ2.id, RunResult(0, {"energy": (np.zeros(1), np.zeros(1))}), {})
    folder = kept.run_folder(EQ2.id, 0)
    assert folder.stat().st_mode == folder.parent.stat().st_mode


def test_half_written_runs_are_swept_away(tmp_path):
    kept = Store(tmp_path)
    left = tmp_path / "table4/eq2/.seed0.abc"
    left.mkdir(parents=True)
    (left / "run.json").write_text("{")
    (tmp_path / "table4/eq2/.checkpoint-0.npz").write_text("kept")
    (tmp_path / "table4/eq2/.checkpoint-0.1f.tmp.npz").write_text("half")
    with kept.locked():
        assert [p.name for p in (tmp_path / "table4/eq2").iterdir()] == [".checkpoint-0.npz"]


@pytest.mark.parametrize("where", ["/proc/runs", "a-file/runs"])
def test_a_folder_that_cannot_be_written_to(tmp_path, where):
    (tmp_path / "a-file").touch()
    with pytest.raises(ReproductionError, match="cannot be written"):
        Store(tmp_path / where)


def test_a_full_disk_leaves_nothing_half_written(au6, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "arrays.npz")

    monkeypatch.setattr(store.np, "savez_compressed", full)
    kept = Store(folder / "runs")
    with pytest.raises(OSError) as caught:
        do(Work(FLOOR, (0,)), au6, kept, ignore)
    assert (
        run_one.explain(caught.value) == "cannot read or write arrays.npz (No space left on device)"
    )
    assert list((folder / "runs").glob("*/*/*")) == []


def test_predictions_that_are_not_finite_are_a_failure(au6, folder, monkeypatch):
    nan = RunResult(0, {"energy": (np.full(300, np.nan), np.zeros(100))})
    monkeypatch.setattr(tasks, "perform", lambda job: [nan])
    failures = do(Work(FLOOR, (0,)), au6, Store(folder / "runs"), ignore)
    assert "not finite" in failures[0]
    assert Store(folder / "runs").read(FLOOR.id, 0) is None


def test_what_failed_is_tried_again_though_an_older_run_is_there(au6, folder):
    """As after --fresh: else its failure would be on record for ever."""
    kept = Store(folder / "runs")
    do(Work(FLOOR, (0,)), au6, kept, ignore)
    kept.write_failure(FLOOR.id, 0, "no memory")
    work, outcome = plan([FLOOR], kept, sums(au6))
    assert [item.seeds for item in work] == [(0,)] and outcome.skipped == 0
    do(work[0], au6, kept, ignore)
    assert kept.failures() == {} and plan([FLOOR], kept, sums(au6))[0] == []


def test_errors_are_by_hand():
    found = errors("force", np.array([[[3.0, 0, 0]]]), np.array([[[0.0, 4.0, 0]]]))
    assert found["force_rmse"] == pytest.approx(5 / np.sqrt(3))
    assert found["force_mae"] == pytest.approx(7 / 3)
    assert found["force_max"] == 4.0
    with pytest.raises(ValueError, match="do not fit"):
        errors("energy", np.zeros((5, 1)), np.zeros(5))
