"""`make audit` of whole results: a seed, a file or an origin that is missing or false is said."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_results import array, edit, rewrite

from checks.audit import errors, references, rows
from reproduction.engine.provenance import ROOT

RESULTS = ROOT / "results"
AMP, SEVERAL = "table1/behler-10-10-10", "beyond/eq2-trajectories"


@pytest.fixture
def numbers():
    return errors.read_numbers(RESULTS / "metrics.csv")


@pytest.fixture
def origins(tmp_path):
    """Faults of the committed provenance with something changed."""
    about = json.loads((RESULTS / "provenance.json").read_text(encoding="utf-8"))

    def of(change) -> list[str]:
        change(about)
        (tmp_path / "provenance.json").write_text(json.dumps(about))
        return rows.wrong_origins(tmp_path)[1]

    return of


def test_committed_results_are_whole(numbers):
    for total, faults in (
        rows.wrong_seeds(numbers),
        rows.missing_files(RESULTS, numbers),
        rows.wrong_origins(RESULTS),
    ):
        assert faults == [] and total > 400


def test_a_dropped_seed_is_said(numbers):
    """The worst one left out makes a better mean."""
    for seeds in (seeds for (row, *_), seeds in numbers.items() if row == AMP):
        del seeds[3]
    faults = rows.wrong_seeds(numbers)[1]
    assert faults and all("of seeds 0, 1, 2, 4, not of 0, 1, 2, 3, 4" in x for x in faults)


def test_a_number_of_fewer_seeds_than_others_is_said(numbers):
    del numbers[AMP, "test", "energy_rmse"][3]
    (fault,) = rows.wrong_seeds(numbers)[1]
    assert fault.startswith(f"{AMP}: test energy_rmse of seeds")


@pytest.mark.parametrize(
    ("metric", "change", "said"),
    [
        ("vacancy_energy", {}, False),
        ("vacancy_energy", {7: 0.7}, True),
        ("au13_energy_rmse", {}, True),
    ],
)
def test_only_a_crystal_without_a_minimum_may_lack_its_numbers(numbers, metric, change, said):
    row = "beyond/transfer-mix-linear"
    del numbers[row, "", metric][0]
    numbers[row, "", metric] |= change
    assert [fault.split(" of ")[0] for fault in rows.wrong_seeds(numbers)[1]] == (
        [f"{row}: {metric}"] if said else []
    )


def test_rows_without_numbers_and_unknown_ones_are_said(numbers):
    for key in [key for key in numbers if key[0] == AMP]:
        del numbers[key]
    numbers["table9/eq2", "test", "energy_rmse"] = {0: 1.0}
    assert rows.wrong_seeds(numbers)[1] == [
        "table9/eq2: there is no such row",
        f"{AMP}: no numbers of seeds none, not of 0, 1, 2, 3, 4",
    ]


@pytest.mark.parametrize(
    ("folder", "row"),
    [("predictions", AMP), ("predictions", "table5/eq9-9000"), ("curves", "table4/eq2")],
)
def test_a_deleted_file_of_arrays_is_said(numbers, monkeypatch, folder, row):
    """Without it, the row's errors would no longer be recomputed."""

    def files(path: Path, known) -> dict[str, Path]:
        found = errors.files(path, known)
        if path.name == folder:
            del found[row]
        return found

    monkeypatch.setattr(rows, "files", files)
    assert rows.missing_files(RESULTS, numbers)[1] == [f"{row}: no file in {folder}/"]


def test_a_missing_or_impossible_origin_is_said(origins):
    assert origins(lambda about: about.pop("table1/behler-5-5")) == [
        "table1/behler-5-5: provenance of seeds none"
    ]
    assert origins(lambda about: about[AMP].pop("3")) == [
        "table1/behler-5-5: provenance of seeds none",
        f"{AMP}: provenance of seeds 0, 1, 2, 4",
    ]
    last = origins(lambda about: about[AMP]["0"].update(commit="today", code_sha256="0" * 63))[-2:]
    assert last == [f"{AMP} seed 0: code_sha256 is {'0' * 63}", f"{AMP} seed 0: commit is today"]
    assert f"{AMP} seed 1: run_sha256 is None" in origins(lambda a: a[AMP]["1"].pop("run_sha256"))


def test_other_data_of_one_row_are_said(origins):
    (fault,) = origins(lambda about: about[AMP]["2"].update(data_sha256="e" * 64))
    assert fault.startswith("data of au6 differ: ") and f"{AMP} seed 2" in fault


def test_seeds_of_several_trajectories_count_for_their_own(origins):
    (fault,) = origins(lambda about: about[SEVERAL]["3"].update(data_sha256="e" * 64))
    assert fault.startswith("data of au6-seed") and f"{SEVERAL} seed 3" in fault


def test_runs_of_other_settings_or_of_another_seed_again_are_said(origins):
    new = "beyond/eq2-frames-250"
    (fault,) = origins(lambda about: about[new]["1"].update(settings_sha256="a" * 64))
    assert fault == f"{new} seed 1: it is of other settings than the row has"
    last = origins(lambda about: about[new]["2"].update(run_sha256=about[new]["0"]["run_sha256"]))
    assert f"{new} seed 2: the run of {new} seed 0 again" in last


def test_errors_that_belong_to_an_rmse_are_asked_for(numbers, tmp_path):
    """Without its largest error, a row would lose its note on the frame that makes it."""
    path = tmp_path / "metrics.csv"
    path.write_text((RESULTS / "metrics.csv").read_text(encoding="utf-8"))
    assert rows.incomplete(path, numbers)[1] == []
    for key in ((AMP, "test", "energy_max"), ("table4/eq2", "test", "energy_rmse_late")):
        del numbers[key]
    edit(
        path,
        f"{AMP},3,test,energy_rmse,",
        f"{AMP},3,test,energy_rmse,1,meV\n{AMP},9,x,energy_rmse,",
    )
    assert rows.incomplete(path, numbers)[1] == [
        "energy_rmse in meV",
        f"{AMP}: no test energy_max",
        "table4/eq2: no test energy_rmse_late",
    ]


def test_a_seed_that_is_another_one_is_said(numbers):
    assert rows.repeated_seeds(numbers)[1] == []
    values = numbers[SEVERAL, "test", "energy_rmse"]
    values[3] = values[1]
    assert rows.repeated_seeds(numbers)[1] == [
        f"{SEVERAL}: two seeds have the same test energy_rmse"
    ]


@pytest.fixture
def arrays(tmp_path):
    """A copy of some stored arrays that may be changed, and what the audit says of them."""
    for name in ("predictions", "data"):
        shutil.copytree(RESULTS / name, tmp_path / name)
    return tmp_path


def test_predictions_of_other_frames_are_said(arrays, numbers):
    """Training frames in place of test frames: their errors are smaller."""
    path = arrays / "predictions/table4-eq2.npz"
    reference = path.with_name(str(array(path, "reference")))
    train = {f"energy_test{x}": array(reference, f"energy_train{x}") for x in ("", "_frames")}
    rewrite(reference, **train)
    faults = references.wrong_frames(arrays, numbers)[1]
    assert "table4/eq2: energy_test is not of the frames of its test part" in faults
    (fault,) = references.wrong_names(arrays)[1]
    assert fault.startswith(f"{reference.name}: its contents have the checksum")


def test_predictions_of_one_quantity_alone_are_said(arrays, numbers):
    path = arrays / "predictions/beyond-eq2-gradient.npz"
    with np.load(path) as stored:
        left = {name: x for name, x in stored.items() if not name.startswith("force")}
    np.savez(path, **left)
    assert references.wrong_frames(arrays, numbers)[1] == [
        f"beyond/eq2-gradient: no predictions of force_{split}" for split in ("test", "train")
    ]


@pytest.mark.parametrize("name", ["energy_test", "force_train"])
def test_published_data_are_those_of_their_file(arrays, name):
    assert references.unlike_published(arrays) == (4, [])
    (path,) = (arrays / "predictions").glob("reference-au12-*.npz")
    rewrite(path, **{name: array(path, name) + 1e-3})
    assert references.unlike_published(arrays)[1] == [
        f"{path.name}: {name} is not that of au12_dft.extxyz.xz"
    ]
