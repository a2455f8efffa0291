"""A row's numbers, predictions, curves and models are of the same runs, whatever was run."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from data_gen.dataset import Dataset, save
from data_gen.files import sha256
from reproduction.engine.provenance import provenance
from reproduction.engine.store import RunResult, Store
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show import predictions, standing
from reproduction.show.evidence import Evidence, Metrics, read_provenance
from reproduction.show.gather import gather
from reproduction.show.metrics import errors
from reproduction.show.stale import SETTINGS, settings_checksum

ROOT = Path(__file__).parent.parent
SPLIT = (250, 100)
# Shipped: its models are kept for users.
ROW = replace(EXPERIMENTS["beyond/eq2-gradient"], split=SPLIT, seeds=(0, 1, 2))
OTHER = replace(EXPERIMENTS["table4/eq3"], split=SPLIT, seeds=(0, 1))


class Model:
    """Stands in for a trained one; its file says which."""

    def __init__(self, text):
        self.text = text


@pytest.fixture(autouse=True)
def small_models(monkeypatch):
    def write(model, path, *_, **__):
        shutil.make_archive(str(path), "zip", ROOT / ".ci")
        os.replace(f"{path}.zip", path)
        with open(path, "ab") as file:
            file.write(model.text.encode())

    monkeypatch.setattr("reproduction.engine.store.save_model", write)


def run(store, experiment, data: Dataset, seed: int, off: float, model=True, curves=None) -> None:
    """A finished run that is wrong by ``off``, more or less."""
    rng = np.random.default_rng(seed)
    (parts,) = experiment.folds(data)
    equal = {"curve_epochs": np.arange(4), "curve_energy": np.full((4, 2), off)}
    about = {
        "experiment": experiment.id,
        "seed": seed,
        "elements": ["Au"],
        "atoms": 6,
        "settings": experiment.settings(),
        "data_sha256": data.checksum(),
        "code_sha256": "some code",
        "metrics": [],
        "ended": "",
        "seconds_of_group": 0.0,
        "threads": 1,
        "provenance": {**provenance(), "commit": str(off)},
    }
    energies = tuple(p.energies + off * rng.standard_normal(len(p)) for p in parts)
    made = Model(f"{off}, seed {seed}") if model else None
    result = RunResult(seed, {"energy": energies}, {}, curves or equal, model=made)
    store.write(experiment.id, result, about)


@pytest.fixture
def whole(au6, tmp_path):
    """A store and a results folder of all seeds of two rows; what gathering them again says."""
    store, folder = Store(tmp_path / "runs"), tmp_path / "results"
    for row in (ROW, OTHER):
        for seed in row.seeds:
            run(store, row, au6, seed, 0.1)
    said = []
    assert gather(store, [ROW, OTHER], {"au6": au6}, folder, said.append)[1] == [ROW.id, OTHER.id]
    assert said == []
    return store, folder


def again(store, folder, data, rows=(ROW, OTHER)):
    said = []
    _, fresh = gather(store, rows, {"au6": data}, folder, said.append)
    consistent(store, folder, fresh)
    return fresh, said


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def consistent(store, folder, fresh):
    """All that is stored of a new row is of the runs that are there, by their checksums."""
    metrics, about = Metrics.read(folder), read_provenance(folder)
    for name in fresh:
        seeds = sorted(int(k) for k in about[name])
        runs = {seed: store.read(name, seed) for seed in seeds}
        assert {seed: run["sha256"] for seed, run in runs.items()} == {
            int(k): v["run_sha256"] for k, v in about[name].items()
        }
        for seed, run in runs.items():
            assert about[name][str(seed)][SETTINGS] == settings_checksum(run["settings"])
        assert sorted({r.seed for r in metrics.rows if r.experiment == name}) == seeds
        kept = predictions.read_predictions(folder, name)
        assert (kept is not None) == (0 in runs)
        if kept:
            found = errors(
                "energy", kept.predicted["energy"]["test"], kept.reference["energy"]["test"]
            )
            stated = metrics.values(name, "test", "energy_rmse")[0]
            assert found["energy_rmse"] == pytest.approx(stated, rel=1e-5)
        with np.load(folder / "curves" / predictions.file_name(name)) as curves:
            assert len(curves["curve_energy"]) == len(seeds)
        if name == ROW.id:
            models = {p.name: sha256(p) for p in (folder / "models/eq2-gradient").iterdir()}
            wanted = {f"seed{k}.keras": run["files"].get("model.keras") for k, run in runs.items()}
            assert models == {k: v for k, v in wanted.items() if v}


def test_all_that_is_stored_is_of_the_runs(whole, au6):
    store, folder = whole
    consistent(store, folder, [ROW.id, OTHER.id])
    before = contents(folder)
    assert again(store, folder, au6) == ([ROW.id, OTHER.id], [])
    assert contents(folder) == before


def test_no_run_is_replaced_while_results_are_gathered(whole, au6):
    store, folder = whole
    gathering = threading.Thread(target=gather, args=(store, [ROW], {"au6": au6}, folder))
    with store.still():
        gathering.start()
        gathering.join(0.5)
        assert gathering.is_alive()
    gathering.join(20)
    assert not gathering.is_alive()


def test_a_part_of_the_seeds_replaces_nothing(whole, au6, tmp_path):
    """As in a fresh clone, where results are committed and runs are not."""
    _, folder = whole
    before = contents(folder)
    fresh_clone = Store(tmp_path / "other")
    run(fresh_clone, ROW, au6, 0, 0.5)
    found, said = again(fresh_clone, folder, au6)
    assert found == [] and contents(folder) == before
    assert said == [
        f"{ROW.id}: stored numbers, predictions, curves and models remain until all its seeds are "
        "there; seeds 1, 2 not run"
    ]


def test_all_seeds_replace_everything_together(whole, au6, tmp_path):
    _, folder = whole
    fresh_clone = Store(tmp_path / "other")
    for seed in ROW.seeds:
        run(fresh_clone, ROW, au6, seed, 0.5, model=seed < 2)
    assert again(fresh_clone, folder, au6) == ([ROW.id], [])
    spread = Metrics.read(folder).spread(ROW.id, "test", "energy_rmse")
    assert spread.n == 3 and spread.mean == pytest.approx(0.5, rel=0.2)
    assert Metrics.read(folder).spread(OTHER.id, "test", "energy_rmse").mean < 0.2


def test_a_row_that_had_nothing_says_of_which_seeds_it_is(whole, au6, tmp_path):
    store, folder = Store(tmp_path / "other"), tmp_path / "elsewhere"
    run(store, ROW, au6, 1, 0.5)
    assert again(store, folder, au6) == (
        [ROW.id],
        [f"{ROW.id}: only seed 1; seeds 0, 2 not run"],
    )
    run(store, ROW, au6, 2, 0.5)
    assert again(store, folder, au6)[0] == [ROW.id]
    # And never of fewer than it was.
    shutil.rmtree(store.run_folder(ROW.id, 1))
    found, said = again(store, folder, au6)
    assert found == [] and len(said) == 1 and "seeds 0, 1 not run" in said[0]


def test_files_of_other_runs_go_with_the_numbers_that_they_were_of(whole, au6, tmp_path):
    """Stored without its lines, as after a metrics.csv that was lost."""
    _, folder = whole
    (folder / "metrics.csv").unlink()
    store = Store(tmp_path / "other")
    run(store, ROW, au6, 1, 0.5)
    found, said = again(store, folder, au6)
    assert found == [ROW.id]
    assert not list((folder / "predictions").glob("*.npz"))
    assert [p.name for p in (folder / "models/eq2-gradient").iterdir()] == ["seed1.keras"]
    named = [folder / kind / "table4-eq3.npz" for kind in ("curves", "predictions")]
    assert said[1:] == [f"{path}: removed, as its row has no numbers" for path in named]


def test_seeds_beside_the_rows_are_named_and_in_no_mean(whole, au6):
    store, folder = whole
    before = contents(folder)
    run(store, OTHER, au6, 7, 9.0)
    fresh, said = again(store, folder, au6)
    assert fresh == [ROW.id, OTHER.id] and contents(folder) == before
    assert said == [f"{OTHER.id}: seed 7 not in the row's list: only in runs/, not in any mean"]


def test_what_is_stored_of_seeds_beside_the_rows_is_left_out(whole, au6, tmp_path):
    """As after a change of a row's list: numbers, curves and models, of equal length or not."""
    store, folder = whole
    before = contents(folder)
    more = [replace(row, seeds=(*row.seeds, 7)) for row in (ROW, OTHER)]
    run(store, more[0], au6, 7, 9.0)
    longer = {"curve_epochs": np.arange(6), "curve_energy": np.full((6, 2), 9.0)}
    run(store, more[1], au6, 7, 9.0, curves=longer)
    gather(store, more, {"au6": au6}, folder)
    with np.load(folder / "curves/table4-eq3.npz") as curves:
        assert curves["curve_energy_seed7"].shape == (6, 2)
    empty = Store(tmp_path / "other")
    fresh, said = again(empty, folder, au6)
    assert fresh == [] and said == [
        f"{name}: stored numbers of seed 7, not in the row's list, are left out"
        for name in (ROW.id, OTHER.id)
    ]
    after = contents(folder)
    assert set(after) == set(before)
    same = {path for path in after if after[path] == before[path]}
    assert set(after) - same == {folder / "curves/table4-eq3.npz"}  # its arrays' names remain
    with np.load(folder / "curves/table4-eq3.npz") as curves:
        assert {n: a.shape for n, a in curves.items() if "epochs" not in n} == {
            f"curve_energy_seed{seed}": (4, 2) for seed in OTHER.seeds
        }
    assert again(empty, folder, au6) == ([], [])


def test_predictions_of_another_run_than_the_numbers_are_named(whole, au6, tmp_path):
    """As an interrupted gathering, or one of version 0.1.0, left them."""
    _, folder = whole
    other = Store(tmp_path / "other")
    run(other, OTHER, au6, 0, 0.5)
    predictions.write_predictions(folder, OTHER, other, au6)
    _, said = again(Store(tmp_path / "empty"), folder, au6)
    assert len(said) == 1 and said[0].startswith(
        f"{OTHER.id}: its stored predictions are from another"
    )


def test_runs_of_other_settings_and_data_are_told_apart(whole, au6):
    store, folder = whole
    run(store, replace(OTHER, split=(200, 100)), au6, 1, 0.5)
    run(store, ROW, au6[1:], 2, 0.5)
    before = contents(folder)
    fresh, said = again(store, folder, au6)
    assert fresh == [] and contents(folder) == before
    assert said[0].endswith("until all its seeds are there; seed 2 on other data")
    assert said[1].endswith("until all its seeds are there; seed 1 with other settings")


def test_data_are_drawn_where_no_row_is_of_others(whole, au6, tmp_path):
    _, folder = whole
    drawn = folder / "data/au6.npz"
    before = drawn.read_bytes()
    other, store = au6[1:], Store(tmp_path / "other")
    fresh, said = again(store, folder, other)
    assert fresh == [] and drawn.read_bytes() == before
    assert said == [f"{drawn} remains as stored: 2 rows are based on other data than data/au6.traj"]
    for seed in OTHER.seeds:
        run(store, OTHER, other, seed, 0.5)
    fresh, said = again(store, folder, other)
    assert fresh == [OTHER.id] and drawn.read_bytes() == before and "1 row is" in said[0]
    for seed in ROW.seeds:
        run(store, ROW, other, seed, 0.5)
    assert again(store, folder, other) == ([ROW.id, OTHER.id], [])
    assert drawn.read_bytes() != before


def test_each_seed_of_a_row_may_have_a_trajectory_of_its_own(au6, tmp_path):
    """A run on another seed's trajectory does not count, and the first one's is drawn."""
    row = EXPERIMENTS["beyond/eq3-trajectories"]
    row = replace(row, trajectories=row.trajectories[:2], split=SPLIT, seeds=(0, 1))
    data = {"au6": au6, "au6-seed1": au6[1:]}
    store, folder, said = Store(tmp_path / "runs"), tmp_path / "results", []
    for seed, one in enumerate(data.values()):
        run(store, row.of_seed(seed), one, seed, 0.1)
    assert gather(store, [row], data, folder, said.append)[1] == [row.id] and said == []
    assert [p.name for p in (folder / "data").iterdir()] == ["au6.npz"]
    assert len(Metrics.read(folder).values(row.id, "test", "energy_rmse")) == 2
    before = contents(folder)
    assert gather(store, [row], {"au6": au6}, folder, said.append)[1] == [] and said == []
    run(store, row.of_seed(0), au6, 1, 0.5)
    assert gather(store, [row], data, folder, said.append)[1] == []
    assert said[0].endswith("until all its seeds are there; seed 1 on other data")
    assert contents(folder) == before


@pytest.mark.parametrize("kind", ["curves", "predictions"])
def test_a_stored_file_that_cannot_be_read_stops_nothing(whole, au6, tmp_path, kind):
    store, folder = whole
    path = folder / kind / "table4-eq3.npz"
    before = path.read_bytes()
    path.write_bytes(before[:-100])
    found, said = again(Store(tmp_path / "other"), folder, au6)
    assert found == [] and not path.exists()
    assert len(said) == 1 and said[0].startswith(f"{path}: cannot be read")
    assert again(store, folder, au6) == ([ROW.id, OTHER.id], [])
    assert path.read_bytes() == before


def test_what_is_committed_is_whole_and_of_the_same_runs(tmp_path):
    folder, said = tmp_path / "results", []
    shutil.copytree(ROOT / "results", folder)
    metrics = Metrics.read(folder)
    rows = [EXPERIMENTS[name] for name in sorted(metrics.experiments())]
    standing.remove_broken(folder, said.append)
    standing.remove_orphans(folder, rows, said.append)
    standing.compare(folder, metrics, metrics.experiments(), said.append)
    assert said == []


@pytest.mark.parametrize("text", ["{", "[]", '{"table4/eq3": 3}'])
def test_a_spoilt_provenance_is_one_sentence(whole, au6, text):
    store, folder = whole
    (folder / "provenance.json").write_text(text)
    for read in (lambda: again(store, folder, au6), lambda: Evidence.read(folder, {})):
        with pytest.raises(ReproductionError, match="delete it or take it from git"):
            read()


def test_the_report_says_which_rows_it_left_alone(au6, tmp_path):
    """The audit's own case: one seed of a row, then the report."""
    names = ("positions", "energies", "forces")
    long = replace(au6, **{name: np.concatenate([getattr(au6, name)] * 7) for name in names})
    row = EXPERIMENTS["table4/eq3"]
    data = replace(long, metadata={"dynamics": asdict(row.data.origin)})
    save(data, tmp_path / "data/au6.traj")
    full = Store(tmp_path / "full")
    for seed in row.seeds:
        run(full, row, data, seed, 0.1)
    results = tmp_path / "results"
    gather(full, EXPERIMENTS.values(), {"au6": data}, results)
    before = contents(results)
    run(Store(tmp_path / "runs"), row, data, 0, 0.5)
    run(Store(tmp_path / "runs"), row, data, 7, 0.5)
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/08_report.py", "--folder", tmp_path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    out = " ".join(done.stdout.split())
    assert "table4/eq3: stored numbers, predictions, curves and models remain" in out
    assert "seeds 1, 2, 3, 4 not run" in out
    assert "table4/eq3: seed 7 not in the row's list: only in runs/, not in any mean" in out
    after = contents(results)
    assert {path: after[path] for path in before} == before
    assert (
        json.loads((results / "provenance.json").read_text())["table4/eq3"]["0"]["commit"] == "0.1"
    )
