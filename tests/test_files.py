"""A file is written whole or not at all."""

import threading

import pytest

from data_gen.files import replacing, write_text


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new/folder/a.txt"
    write_text(path, "é")
    write_text(path, "b")
    assert path.read_text() == "b" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_what_fails_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_scratch_file_is_hidden_and_keeps_the_suffix(tmp_path):
    """Writers that go by the suffix, such as NumPy and Keras, append none."""
    for name in ("a.npz", ".checkpoint-0.npz", "model.keras"):
        with replacing(tmp_path / name) as scratch:
            assert scratch.name.startswith(".") and not scratch.name.startswith("..")
            assert ".tmp." in scratch.name and scratch.suffix == (tmp_path / name).suffix
            scratch.touch()


def test_two_at_once_do_not_meet(tmp_path):
    path, both = tmp_path / "a.txt", threading.Barrier(2)

    def write(text):
        with replacing(path) as scratch:
            scratch.write_text(text)
            both.wait()
            assert scratch.read_text() == text

    threads = [threading.Thread(target=write, args=(text * 1000,)) for text in "xy"]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert path.read_text() in ("x" * 1000, "y" * 1000)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
