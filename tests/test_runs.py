"""Runs: kept whole or not at all, resumed, and what bad luck does to them."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from data_gen import dataset
from keras_models import load_model
from keras_models.checkpoints import load_arrays, save_arrays
from keras_models.prediction import predict
from keras_models.settings import AdamSettings, QuasiNewtonSettings
from reproduction.engine import run_one, schedule, store, tasks
from reproduction.engine.experiment import FIVE_SEEDS
from reproduction.engine.provenance import code_checksum
from reproduction.engine.run_one import Work, do
from reproduction.engine.schedule import Listener, Outcome, plan, run
from reproduction.engine.store import RunResult, Store
from reproduction.errors import Interrupted, ReproductionError
from reproduction.sections import EXPERIMENTS, select
from reproduction.show.metrics import errors

ROOT = Path(__file__).parent.parent
AU6 = EXPERIMENTS["table4/eq2"].data
AS_MADE = {"dynamics": asdict(AU6.dynamics)}
EQ2 = replace(
    EXPERIMENTS["table4/eq2"].at_quick_size(),
    data=AU6,
    split=(300, 100),
    training=AdamSettings(epochs=4),
    seeds=(0, 1),
)
FLOOR = replace(EXPERIMENTS["beyond/pair-floor"].at_quick_size(), data=AU6, split=(300, 100))


@pytest.fixture
def folder(au6, tmp_path):
    """A folder with the shared data in it, as the scripts lay it out and as if they made it."""
    dataset.save(replace(au6, metadata=AS_MADE), tmp_path / "data/au6.traj")
    return tmp_path


def sums(au6):
    return {"au6": au6.checksum()}


def ignore(*_):
    pass


def script(name, *arguments, folder, wait=True):
    command = [sys.executable, str(ROOT / "scripts" / name), "--folder", str(folder), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    if not wait:
        return process
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_run_is_kept_with_all_that_it_came_from(au6, folder):
    kept = Store(folder / "runs")
    assert do(Work(EQ2, (0,), True), au6, kept, ignore) == {}
    path = folder / "runs/table4/eq2/seed0"
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
    arrays = kept.arrays("table4/eq2", 0)
    model = load_model(path / "model.keras")
    for split, part in zip(("train", "test"), au6.split(300, 100), strict=True):
        predicted = arrays[f"energy_{split}"]
        np.testing.assert_allclose(predict(model, part.positions)[:, 0], predicted, rtol=1e-6)
    assert values["", "parameters"] == 2221 and values["", "epochs"] == 4
    assert values["", "train_seconds"] > 0


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


def test_seeds_are_grouped_by_lanes(tmp_path):
    wide = replace(EQ2, lanes=2, seeds=(0, 1, 2))
    work, _ = plan([wide], Store(tmp_path), {"au6": ""})
    assert [item.seeds for item in work] == [(0, 1), (2,)]


def test_a_lone_seed_has_the_bits_of_its_group(au6, folder):
    """Lanes that are not asked for are stood in for."""
    wide = replace(EQ2, lanes=2)
    both, lone = Store(folder / "both"), Store(folder / "lone")
    do(Work(wide, (0, 1)), au6, both, ignore)
    do(Work(wide, (1,)), au6, lone, ignore)
    np.testing.assert_array_equal(
        both.arrays(wide.id, 1)["energy_test"], lone.arrays(wide.id, 1)["energy_test"]
    )


def test_an_interrupted_run_goes_on_to_the_same_bits(au6, folder):
    long = replace(EQ2, training=AdamSettings(epochs=6))
    whole, torn = Store(folder / "whole"), Store(folder / "torn")
    do(Work(long, (0,)), au6, whole, ignore)

    def stop_at_half(fraction, _):
        if fraction >= 0.5:
            raise Interrupted

    with pytest.raises(Interrupted):
        do(Work(long, (0,)), au6, torn, stop_at_half)
    assert torn.read(long.id, 0) is None
    assert torn.checkpoint(long.id, (0,)).is_file()
    seen = []
    do(Work(long, (0,)), au6, torn, lambda fraction, _: seen.append(fraction))
    assert min(f for f in seen if f > 0) > 0.5
    assert not torn.checkpoint(long.id, (0,)).exists()
    for name, array in whole.arrays(long.id, 0).items():
        np.testing.assert_array_equal(torn.arrays(long.id, 0)[name], array)


def test_a_stamp_knows_settings_seeds_data_and_code(au6, tmp_path, monkeypatch):
    def stamp(experiment=EQ2, seeds=(0,), data="data"):
        args = (experiment, seeds, au6, au6, data, tmp_path, tmp_path, ignore)
        return tasks.common.Job(*args).stamp()

    stamps = {stamp(), stamp(seeds=(1,)), stamp(data="other"), stamp(replace(EQ2, split=(1, 2)))}
    assert len(stamps) == 4 and stamp() in stamps
    monkeypatch.setattr(tasks.common, "code_checksum", lambda task: "newer")
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
    assert kept.why_not(use, 0, "d") == "of models that were trained anew since"


def test_all_models_that_rows_use_are_of_the_seeds_that_count():
    used = {experiment.models_of for experiment in EXPERIMENTS.values()} - {""}
    assert {seed for name in used for seed in EXPERIMENTS[name].seeds} <= set(FIVE_SEEDS)


def test_seeds_asked_for_twice_are_run_once(tmp_path):
    work, _ = plan([EQ2], Store(tmp_path), {"au6": ""}, [1, 1, 0])
    assert [w.seeds for w in work] == [(0,), (1,)]


def test_gradient_training_stops_and_goes_on_to_the_same_bits(au6, folder):
    """Two stages, interrupted within each."""
    experiment = replace(
        EXPERIMENTS["beyond/eq2-gradient"],
        split=(300, 100),
        training=QuasiNewtonSettings(((4, 60), (1, 10))),
    )
    whole, torn = Store(folder / "whole"), Store(folder / "torn")
    assert do(Work(experiment, (0,)), au6, whole, ignore) == {}
    for stop in (0.3, 0.95):

        def report(fraction, text, stop=stop):
            if fraction >= stop and text != "compiling":
                raise Interrupted

        with pytest.raises(Interrupted):
            do(Work(experiment, (0,)), au6, torn, report)
    assert do(Work(experiment, (0,)), au6, torn, ignore) == {}
    a, b = (s.arrays(experiment.id, 0) for s in (whole, torn))
    for name in ("energy_test", "force_test"):
        np.testing.assert_array_equal(a[name], b[name])
    run_json = whole.read(experiment.id, 0)
    values = {(m["split"], m["metric"]): m["value"] for m in run_json["metrics"]}
    assert values["", "iterations"] == 70
    off = a["force_train"] - au6[:300].forces
    assert np.sqrt((off**2).mean()) < 0.3  # eV/Å; the data's spread is 1


def test_a_constant_is_found_where_forces_alone_are_trained(au6, folder):
    experiment = replace(
        EXPERIMENTS["beyond/eq2-force-only"],
        split=(300, 100),
        training=QuasiNewtonSettings(((2, 30),)),
    )
    kept = Store(folder / "runs")
    assert do(Work(experiment, (0,)), au6, kept, ignore) == {}
    arrays = kept.arrays(experiment.id, 0)
    off = arrays["energy_train"] - au6[:300].energies
    assert abs(off.mean()) < 1e-9 and "curve_energy" not in arrays


def test_a_checkpoint_of_something_else_is_not_taken_up(tmp_path):
    path = tmp_path / "a" / ".checkpoint.npz"
    save_arrays(path, "these settings", theta=np.arange(3))
    assert load_arrays(path, "other settings") is None
    np.testing.assert_array_equal(load_arrays(path, "these settings")["theta"], np.arange(3))
    path.write_bytes(path.read_bytes()[:40])
    assert load_arrays(path, "these settings") is None
    assert load_arrays(tmp_path / "none.npz", "these settings") is None


def test_a_diverged_seed_fails_and_the_others_go_on(au6, folder):
    """Two worker processes; the exit of one experiment's loss does not touch the other's."""
    mad = replace(EQ2, id="table4/mad", training=AdamSettings(epochs=20, learning_rate=1e30))
    kept = Store(folder / "runs")
    work = [Work(mad, (0,)), Work(FLOOR, (0,))]
    outcome = run(work, Outcome(), kept, folder / "data", 2, Listener())
    assert outcome.made == ["beyond/pair-floor seed 0"]
    assert "not finite" in outcome.failed["table4/mad seed 0"]
    assert kept.read("table4/mad", 0) is None
    assert "not finite" in kept.failures()["table4/mad", 0]


def test_ctrl_c_keeps_state_and_a_dead_worker_is_a_failure(au6, folder):
    long = replace(EQ2, training=AdamSettings(epochs=100_000))
    kept = Store(folder / "runs")

    class Interrupts(Listener):
        def progress(self, work, fraction, text):
            if fraction > 0:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([Work(long, (0,))], Outcome(), kept, folder / "data", 1, Interrupts())
    assert multiprocessing.active_children() == []
    assert kept.checkpoint(long.id, (0,)).is_file()
    assert kept.read(long.id, 0) is None

    class Kills(Listener):
        def progress(self, work, fraction, text):
            if work.experiment is long and fraction > 0:
                for child in multiprocessing.active_children():
                    os.kill(child.pid, signal.SIGKILL)

    work = [Work(long, (0,)), Work(FLOOR, (0,))]
    outcome = run(work, Outcome(), kept, folder / "data", 1, Kills())
    assert "process died" in outcome.failed["table4/eq2 seed 0"]
    assert outcome.made == ["beyond/pair-floor seed 0"]


def test_kill_9_leaves_finished_runs_and_no_orphans(au6, folder):
    only = ("--workers", "1", "--only", "beyond/pair-floor", "beyond/eq2-longer")
    process = script("03_energy_models.py", *only, folder=_big(folder), wait=False)
    floor = folder / "runs/beyond/pair-floor/seed0/run.json"
    _wait_for(floor.is_file, 60)  # then Eq. 2 is running, for half a minute at least
    children = _children(process.pid)
    assert children
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _wait_for(lambda: not any(map(_alive, children)), 20)
    assert json.loads(floor.read_text())["ended"] == "solved"
    kept = Store(folder / "runs")
    with kept.locked():
        pass
    assert not list((folder / "runs").glob("*/*/.seed*"))


def _big(folder):
    """Enough frames for the report's split, from the few that tests make."""
    data = dataset.load(folder / "data/au6.traj")
    names = ("positions", "energies", "forces")
    long = {name: np.concatenate([getattr(data, name)] * 7) for name in names}
    dataset.save(replace(data, **long), folder / "data/au6.traj")
    return folder


def _children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


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


def test_unknown_experiments_name_the_close_ones():
    with pytest.raises(ReproductionError, match="table4/eq2"):
        select(["table4/eq22"])
    assert select(["table4/eq[23]"]) == ["table4/eq3", "table4/eq2"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "tabel4/eq2"], "table4/eq2"),
        (["--workers", "0"], "--workers"),
        (["--seeds", "-1"], "seeds are whole numbers from 0 to 4294967295, not -1"),
        (["--seeds", "0", "4294967296"], "not 4294967296"),
        ([], "needs 2500; the data has 400"),
    ],
)
def test_bad_arguments_and_data_are_one_sentence(folder, arguments, says):
    status, _, err = script("03_energy_models.py", *arguments, folder=folder)
    assert status == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and says in err


def test_quick_never_goes_where_full_runs_are(folder):
    arguments = ("--quick", "--only", "table5/eq9-9000")
    status, _, err = script("03_energy_models.py", *arguments, folder=folder)
    assert status == 2 and "another of the numbered scripts" in err
    status, _, err = script("03_energy_models.py", "--quick", folder=folder)
    assert status == 2 and "quick/data/au6.traj: no such file" in err


def test_foreign_data_is_not_overwritten(folder):
    (folder / "data/au6.json").write_text("{}")
    before = (folder / "data/au6.traj").read_bytes()
    status, _, err = script("01_generate_data.py", folder=folder)
    assert status == 2 and "not made by scripts/01" in err and err.count("\n") == 1
    (folder / "data/au6.json").write_text("3")
    status, _, err = script("01_generate_data.py", folder=folder)
    assert status == 2 and "JSON object" in err
    assert (folder / "data/au6.traj").read_bytes() == before


@pytest.mark.parametrize(
    "arguments", [("--seed", "-1"), ("--seed", str(2**32)), ("--temperature", "1e9")]
)
def test_odd_dynamics_is_one_sentence(tmp_path, arguments):
    small = ("--name", "au6", "--steps", "500")
    status, _, err = script("01_generate_data.py", *small, *arguments, folder=tmp_path)
    assert status == 2 and err.startswith("error: ") and err.count("\n") == 1


def test_missing_data_says_which_script_makes_it(tmp_path):
    status, _, err = script("03_energy_models.py", folder=tmp_path)
    assert status == 2 and "01_generate_data.py" in err and err.count("\n") == 1


def test_data_of_other_settings_is_not_overwritten(tmp_path):
    small = ("--name", "au6", "--steps", "500")
    assert script("01_generate_data.py", *small, folder=tmp_path)[0] == 0
    before = (tmp_path / "data/au6.traj").read_bytes()
    status, _, err = script("01_generate_data.py", *small[:3], "600", folder=tmp_path)
    assert status == 2 and "steps = 500, not 600" in err
    status, out, _ = script("01_generate_data.py", *small, folder=tmp_path)
    assert status == 0 and "is there already" in out
    assert (tmp_path / "data/au6.traj").read_bytes() == before


def test_a_failed_experiment_makes_the_exit_status_1(folder):
    """The report script names it, too, after all others."""
    Store(folder / "runs").write_failure("table4/eq2", 3, "the loss is not finite")
    status, out, _ = script("08_report.py", folder=folder)
    assert status == 1 and "table4/eq2 seed 3: the loss is not finite" in out


def test_a_failure_of_no_row_is_named_and_no_more(folder):
    """Of a seed that no row has, and of a row that was: nothing tries them again by itself."""
    kept = Store(folder / "runs")
    kept.write_failure("table4/eq2", 7, "the loss is not finite")
    kept.write_failure("table4/gone", 0, "no such model")
    status, out, _ = script("08_report.py", folder=folder)
    assert status == 0
    assert "failed, but of no row: table4/eq2 seed 7: the loss is not finite" in out
    assert "failed, but of no row: table4/gone seed 0: no such model" in out


def test_failures_of_rows_that_are_left_out_are_forgotten(folder):
    """AMP=stored: nothing tries Amp's rows again."""
    kept = Store(folder / "runs")
    kept.write_failure("table1/behler-5-5", 0, "Amp is not installed")
    kept.write_failure("table4/eq2", 0, "no memory")
    script("02_behler_baseline.py", "--amp", "stored", folder=folder)
    assert list(kept.failures()) == [("table4/eq2", 0)]


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
