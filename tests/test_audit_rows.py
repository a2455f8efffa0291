"""`make audit` of whole results: a seed, a file or an origin that is missing or false is said."""

import json
from pathlib import Path

import pytest

from checks.audit import errors, rows
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


def test_other_data_of_one_row_are_said(origins):
    (fault,) = origins(lambda about: about[AMP]["2"].update(data_sha256="e" * 64))
    assert fault.startswith("data of au6 differ: ") and f"{AMP} seed 2" in fault


def test_seeds_of_several_trajectories_count_for_their_own(origins):
    (fault,) = origins(lambda about: about[SEVERAL]["3"].update(data_sha256="e" * 64))
    assert fault.startswith("data of au6-seed") and f"{SEVERAL} seed 3" in fault
