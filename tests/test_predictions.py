"""results/predictions/: what its files say they are, they are."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS
from reproduction.show import predictions as keep
from reproduction.show import standing
from reproduction.show.evidence import Metrics
from reproduction.show.metrics import errors

RESULTS = ROOT / "results"
METRICS = Metrics.read(RESULTS)
FILES = {path.name: path for path in sorted((RESULTS / "predictions").iterdir())}
ROWS = [name for name in EXPERIMENTS if keep.file_name(name) in FILES]
NAMES = {f"{kind}_{split}" for kind in ("energy", "force") for split in ("train", "test")}


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of a file, without the project's reader: a stranger has NumPy alone."""
    with np.load(FILES[name], allow_pickle=False) as stored:
        return dict(stored)


def test_every_file_is_a_row_or_a_reference_that_a_row_names():
    named = {str(load(keep.file_name(row))["reference"]) for row in ROWS}
    assert ROWS and set(FILES) == {keep.file_name(row) for row in ROWS} | named


@pytest.mark.parametrize("row", ROWS)
def test_a_rows_file_holds_predictions_that_give_its_errors(row):
    """Not errors: those would be as far off as the reference is from zero.

    Else a figure, too, and the number beside it would be of different runs.
    """
    predicted = load(keep.file_name(row))
    true = load(str(predicted.pop("reference")))
    assert predicted.keys() <= NAMES
    for name, array in predicted.items():
        kind, split = name.split("_")
        assert len(array) == len(true[f"{name}_frames"])
        found = errors(kind, array, true[name])
        if split == "test" and len(array) == EXPERIMENTS[row].split[1]:
            stated = METRICS.values(row, split, f"{kind}_rmse")[keep.SEED]
            # Ten times finer than any table shows it.
            assert found[f"{kind}_rmse"] == pytest.approx(stated, rel=1e-5), name
        else:
            # A few of the frames: none is more off than the worst of all.
            worst = METRICS.values(row, split, f"{kind}_max")[keep.SEED]
            assert found[f"{kind}_max"] <= worst * (1 + 1e-4), name


def test_a_file_that_is_written_again_is_read_again(tmp_path):
    """And what was read of it is nobody's to change."""
    row = "table4/eq2"
    own = FILES[keep.file_name(row)]
    for path in (own, FILES[str(load(own.name)["reference"])]):
        (tmp_path / "predictions").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "predictions")
    first = keep.read_predictions(tmp_path, row)
    first.predicted["energy"]["test"] += 1.0
    with pytest.raises(ValueError, match="read-only"):
        first.frames["energy"]["test"] += 1
    arrays = load(own.name)
    again = keep.read_predictions(tmp_path, row).predicted["energy"]["test"]
    np.testing.assert_array_equal(again, arrays["energy_test"])
    arrays["energy_test"] += 2.0
    keep._write(tmp_path / "predictions" / own.name, **arrays)
    again = keep.read_predictions(tmp_path, row).predicted["energy"]["test"]
    np.testing.assert_array_equal(again, arrays["energy_test"])


def test_numbers_of_other_runs_are_named_and_forces_of_some_frames_are_not():
    said = []
    standing.compare(RESULTS, METRICS, ROWS, said.append)
    assert said == []
    row = "table4/eq2"
    other = [replace(v, value=2 * v.value) for v in METRICS.rows if v.experiment == row]
    standing.compare(RESULTS, Metrics(other), [row], said.append)
    assert len(said) == 1 and said[0].startswith(f"{row}: its stored predictions are from another")


@pytest.mark.parametrize("row", ROWS)
def test_references_are_of_the_frames_that_they_name(row):
    """As results/data/ has the trajectory's energies, and as the row's split has its frames."""
    experiment = EXPERIMENTS[row]
    true = load(str(load(keep.file_name(row))["reference"]))
    assert true.keys() == NAMES | {f"{name}_frames" for name in NAMES}
    energies = keep.read_trajectory(RESULTS, experiment.dataset).energies[: experiment.frames]
    n_train, n_test = experiment.split
    n = len(energies)
    step = n // (n_train + n_test)
    train, test = {
        "time": (np.arange(n_train), np.arange(n - n_test, n)),
        "test first": (n_test + np.arange(n_train), np.arange(n_test)),
        "every fifth block": (
            np.flatnonzero(np.arange(n) // 100 % 5 != 4),
            np.flatnonzero(np.arange(n) // 100 % 5 == 4),
        ),
        "strides": (step * np.arange(n_train), step * (n_train + np.arange(n_test))),
    }[experiment.partition]
    for kind, stride in keep.TRAIN_STRIDE.items():
        # Of 20,000 frames, and of more than 30,000 components, a tenth of the forces; past the
        # report's tables, of more than 10,000.
        few = row.startswith("beyond/") and not experiment.all_forces
        most = 10_000 if few else 30_000
        components = n_test * true["force_test"][0].size
        every = {"train": 1 + 9 * (n_train == 20_000), "test": 1 + 9 * (components > most)}
        if kind == "energy":
            every = {"train": 1, "test": 1}
        frames = {split: true[f"{kind}_{split}_frames"] for split in ("train", "test")}
        np.testing.assert_array_equal(frames["train"], train[:: every["train"] * stride])
        np.testing.assert_array_equal(frames["test"], test[:: every["test"]])
        if kind == "energy":
            for split, of in frames.items():
                np.testing.assert_allclose(true[f"{kind}_{split}"], energies[of], rtol=1e-6)


def test_the_readmes_reader_reads_predictions(monkeypatch):
    """Three lines, as they stand there; their error is metrics.csv's."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n([^`]*?results/predictions/.*?)```", text, flags=re.S)
    assert len(list(filter(None, code.splitlines()))) == 3
    monkeypatch.chdir(ROOT)
    found: dict = {}
    exec(code, found)
    assert found["off"].shape == (500,)
    stated = METRICS.values("table4/eq2", "test", "energy_rmse")[keep.SEED]
    assert np.sqrt((found["off"] ** 2).mean()) == pytest.approx(stated, rel=1e-6)
