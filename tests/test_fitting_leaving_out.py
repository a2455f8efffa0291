"""Frames that are left out: those named and no others, of the file named, before they are read."""

from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from test_fitting_data import dimers, written

from data_gen.errors import DataError
from fitting import evaluating
from fitting.config import Config, read_config, write_config
from fitting.data import load
from fitting.errors import FittingError
from fitting.leaving_out import by_file


def numbers(data) -> set[str]:
    """Names of all frames of a training's data."""
    parts = (data.train, data.validation, data.test)
    return {name for part in parts if part for name in part.names}


def test_the_frames_named_are_left_out_and_no_others(tmp_path):
    config = written(tmp_path, a=dimers(40), b=dimers(20, seed=1))
    whole = numbers(load(config))
    a, b = config.files
    data = load(Config(files=config.files, leave_out=(f"{a}@7,31", f"{b}@0")))
    assert whole - numbers(data) == {"a.extxyz, frame 7", "a.extxyz, frame 31", "b.extxyz, frame 0"}
    told = "\n".join(data.seen)
    assert "frames 7, 31 are left out of a.extxyz" in told
    assert "frame 0 is left out of b.extxyz" in told


def test_numbers_are_of_the_file_also_where_a_slice_of_it_is_read(tmp_path):
    (a,) = written(tmp_path, a=dimers(60)).files
    data = load(Config(files=(f"{a}@10::2",), leave_out=(f"{a}@12",)))
    assert "a.extxyz, frame 12" not in numbers(data) and "a.extxyz, frame 14" in numbers(data)
    # The same file twice: one of the slices has the frame.
    data = load(Config(files=(f"{a}@:30", f"{a}@30:"), leave_out=(f"{a}@45,3",)))
    assert len(numbers(data)) == 58


@pytest.mark.parametrize(("which", "leave_out"), [("@::2", "3"), ("", "60")])
def test_a_frame_that_is_not_read_cannot_be_left_out(tmp_path, which, leave_out):
    """A wrong number would leave the bad frame in without a word."""
    (a,) = written(tmp_path, a=dimers(60)).files
    with pytest.raises(DataError, match=f"there is no frame {leave_out} to leave out"):
        load(Config(files=(a + which,), leave_out=(f"{a}@{leave_out}",)))


def test_a_frame_of_a_slice_to_train_on_need_not_be_in_that_to_test_on(tmp_path):
    (a,) = written(tmp_path, a=dimers(60)).files
    own = Config(files=(f"{a}@:40",), test=(f"{a}@40:",), leave_out=(f"{a}@37,55",))
    data = load(own)
    assert len(numbers(data)) == 58 and not numbers(data) & {
        "a.extxyz, frame 37",
        "a.extxyz, frame 55",
    }
    told = "\n".join(data.seen)
    assert "frame 37 is left out" in told and "frame 55 is left out" in told


def test_a_file_that_is_not_read_is_refused(tmp_path):
    (a,) = written(tmp_path, a=dimers(12)).files
    with pytest.raises(FittingError, match=r"b\.extxyz, which is not among the files"):
        load(Config(files=(a,), leave_out=(str(tmp_path / "b.extxyz@3"),)))
    with pytest.raises(FittingError, match="not among the files"):
        evaluating.evaluate_files(tmp_path, [a], tmp_path / "out", left_out=["b.extxyz@3"])


@pytest.mark.parametrize("entry", ["a.xyz", "a.xyz@", "a.xyz@::2", "a.xyz@-1", "@3", "a.xyz@1,"])
def test_an_entry_names_a_file_and_frames(entry):
    with pytest.raises(FittingError, match="leave_out names frames as"):
        Config(files=("a.xyz",), leave_out=(entry,))


def test_all_frames_cannot_be_left_out(tmp_path):
    (a,) = written(tmp_path, a=dimers(3)).files
    with pytest.raises(DataError, match="all frames are left out"):
        load(Config(files=(a,), leave_out=(f"{a}@0,1,2",)))


def test_a_frame_without_labels_is_left_out_before_these_are_read(tmp_path):
    """Otherwise one failed calculation would keep a file from being read at all."""
    frames = dimers(30)
    frames[4].calc.results["energy"] = np.nan
    (a,) = written(tmp_path, a=frames).files
    with pytest.raises(DataError, match="not finite"):
        load(Config(files=(a,)))
    assert len(numbers(load(Config(files=(a,), leave_out=(f"{a}@4",))))) == 29


def test_frames_to_test_on_are_left_out_too(tmp_path):
    a, b = written(tmp_path, a=dimers(30), b=dimers(20, seed=1)).files
    data = load(Config(files=(a,), test=(b,), leave_out=(f"{b}@5", f"{a}@6")))
    assert len(data.test.names) == 19 and "b.extxyz, frame 5" not in data.test.names
    assert len(data.trained) == 29


def test_settings_find_their_files_from_another_folder(tmp_path, monkeypatch):
    written(tmp_path, a=dimers(30))
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    write_config(Config(files=("a.extxyz",), leave_out=("a.extxyz@2",)), tmp_path / "out/c.json")
    monkeypatch.chdir(tmp_path / "out")
    again = read_config(tmp_path / "out/c.json")
    assert len(numbers(load(again))) == 29


def test_it_is_said_how_where_a_warning_names_a_frame_alone(tmp_path):
    frames = dimers(30)
    (a,) = written(tmp_path, a=frames).files
    assert "--leave-out" not in "\n".join(load(Config(files=(a,))).seen)
    frames[11].calc.results["energy"] += 50.0
    (a,) = written(tmp_path, a=frames).files
    assert "--leave-out FILE@N" in "\n".join(load(Config(files=(a,))).seen)
    assert "--leave-out" not in "\n".join(load(Config(files=(a,), leave_out=(f"{a}@11",))).seen)


def test_a_file_may_be_named_in_several_entries():
    (found,) = by_file(["x.xyz@3", "./x.xyz@4,3"]).values()
    assert found == ("x.xyz", {3, 4})


def test_evaluation_counts_the_other_frames_alone(tmp_path, monkeypatch):
    (a,) = written(tmp_path, a=dimers(12)).files
    seen = []
    monkeypatch.setattr(evaluating, "inspect", lambda reading: seen.append(reading) or 1 / 0)
    (tmp_path / "model").mkdir()
    with pytest.raises(ZeroDivisionError):
        evaluating.evaluate_files(tmp_path / "model", [a], tmp_path / "out", left_out=[f"{a}@0"])
    energies = [one.get_potential_energy() for one in read(a, ":")]
    np.testing.assert_array_equal(seen[0].frames.energies, energies[1:])


def test_a_frame_with_a_ghost_atom_is_left_out_before_it_is_refused(tmp_path):
    (a,) = written(tmp_path, a=dimers(12)).files
    lines = Path(a).read_text().splitlines()
    lines[3 * 4 + 2] = f"X {lines[3 * 4 + 2].split(maxsplit=1)[1]}"
    Path(a).write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"frame 3 has atoms of no element"):
        load(Config(files=(a,)))
    assert "a.extxyz, frame 3" not in numbers(load(Config(files=(a,), leave_out=(f"{a}@3",))))
