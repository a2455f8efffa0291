"""A file is written whole or not at all."""

import ast
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_gen.files import replacing, sha256, sweep, write_text

ROOT = Path(__file__).parent.parent


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
    path, both = tmp_path / "a.txt", threading.Barrier(2, timeout=10)

    def write(text):
        with replacing(path) as scratch:
            scratch.write_text(text)
            both.wait()
            assert scratch.read_text() == text

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("x" * 1000, "y" * 1000)))
    assert path.read_text() in ("x" * 1000, "y" * 1000)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_scratch_files_are_swept_and_no_others(tmp_path):
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "b/a.npz") as scratch:
        kept = scratch.with_name("a.tmp.npz")
        kept.touch()
        (tmp_path / "b/.hidden.npz").touch()
        left = scratch.with_name(scratch.name.replace(".a.", ".c."))
        left.touch()
        raise KeyboardInterrupt
    sweep(tmp_path)
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [".hidden.npz", "a.tmp.npz"]


WRITE = {"write_text", "write_bytes", "savez", "savez_compressed", "savefig", "copyfile", "copy2"}
# What writes in another way that leaves nothing half-written, or into a folder of its own.
OTHERWISE = {
    "data_gen/dataset.py save": "a folder beside the files, then two renames",
    "data_gen/formats.py _unpacked": "a temporary folder",
    "data_gen/streams.py prepare_streams": "standard error, no file",
    "figures/style.py save": "a picture in memory",
    "reproduction/engine/store.py write": "a folder beside the run's, then one rename",
    "amp_baseline/process.py": "Amp's own folder, gone with the run",
    "amp_baseline/training.py": "Amp's own folder, gone with the run",
    "checks/dgl/keras_side.py": "handed from one process to the next",
    "checks/slurm/": "logs and settings in a folder that is made anew each time",
    "checks/workflow/": "the same",
    "checks/peers/": "logs and frames in runs/peers/, by environments without this project",
}


def writers(tree):
    """(function, line) of each call that writes a file outside a block of ``replacing``."""

    def is_write(node):
        if not isinstance(node, ast.Call):
            return False
        is_method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if is_method else getattr(node.func, "id", "")
        if name != "open":
            return is_method and name in WRITE
        # Of a path, open has the mode first, of a module, as the function, second.
        modes = [*node.args[:2], *(k.value for k in node.keywords if k.arg == "mode")]
        return any(
            isinstance(mode, ast.Constant) and re.fullmatch("r?[bt]*[wax+][bt+]*", str(mode.value))
            for mode in modes
        )

    def visit(node, function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.With) and any(
            isinstance(item.context_expr, ast.Call)
            and getattr(item.context_expr.func, "id", "") == "replacing"
            for item in node.items
        ):
            return
        if is_write(node):
            yield function, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    return list(visit(tree, ""))


def test_writers_are_found():
    text = """
def bad(path):
    path.write_text("a")
    open(path, "w")
    open(path, mode="ab")
    path.open("x", encoding="utf-8")
    path.open(mode="r+")
    gzip.open(path, "wt")

async def late(path):
    open(path, "w+b")

def good(path):
    with replacing(path) as scratch:
        scratch.write_text("a")
    open(path)
    path.open("rb")
    open("w.csv", mode="r")
"""
    assert writers(ast.parse(text)) == [*(("bad", k) for k in range(3, 9)), ("late", 11)]


def test_every_file_is_written_whole_or_not_at_all():
    folders = (
        "amp_baseline",
        "analysis",
        "checks",
        "data_gen",
        "figures",
        "fitting",
        "keras_models",
    )
    paths = [
        p for name in (*folders, "reproduction", "scripts") for p in ROOT.glob(f"{name}/**/*.py")
    ]
    found = {
        f"{path.relative_to(ROOT)} {function}"
        for path in paths
        for function, _ in writers(ast.parse(path.read_text()))
    }
    assert {name for name in found if not name.startswith(tuple(OTHERWISE))} == set()
    unused = {name for name in OTHERWISE if not any(one.startswith(name) for one in found)}
    assert unused == set()
