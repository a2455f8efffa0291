"""Which commit a run names: of this checkout or archive, and of the code that it began with."""

import json
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

from reproduction.engine import provenance, run_one, tasks
from reproduction.engine.checkout import NO_CHECKOUT, no_checkout
from reproduction.engine.provenance import commit_of, has_changes
from reproduction.engine.store import RunResult, Store
from reproduction.sections import EXPERIMENTS

NEEDS_GIT = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "outer"
    folder.mkdir()
    (folder / "a.py").write_text("before")
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "all")):
        subprocess.run(["git", "-C", folder, *author, *command], check=True, timeout=60)
    return folder


@NEEDS_GIT
def test_a_checkout_has_its_commit(checkout):
    assert not no_checkout(checkout) and len(commit_of(checkout)) == 40
    assert has_changes(checkout) is False


@NEEDS_GIT
def test_an_archive_inside_another_repository_has_its_own_commit(checkout):
    inner = checkout / "unpacked"
    inner.mkdir()
    assert "inside the checkout" in no_checkout(inner)
    assert commit_of(inner) == NO_CHECKOUT
    (inner / provenance.ARCHIVE).write_text(json.dumps({"commit": "f" * 40}))
    assert commit_of(inner) == "f" * 40
    assert has_changes(inner) is None


def test_without_git_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert no_checkout(tmp_path) == "git is not installed"
    assert commit_of(tmp_path) == NO_CHECKOUT and has_changes(tmp_path) is None


@NEEDS_GIT
def test_a_repository_of_somebody_else_is_refused_in_gits_words(checkout, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "dubious ownership" in no_checkout(checkout)
    assert has_changes(checkout) is None


def test_a_run_names_the_code_that_it_began_with(au6, tmp_path, monkeypatch):
    """A pull during a run of hours changes the files, not the code that trains."""
    now = SimpleNamespace(code="before")

    def perform(job):
        now.code = "after"
        return [RunResult(0, {}, {}, {}, {"ended": "all done"})]

    monkeypatch.setattr(tasks, "perform", perform)
    monkeypatch.setattr(run_one, "provenance", lambda: {"commit": now.code})
    monkeypatch.setattr(run_one, "code_checksum", lambda task: f"{task} {now.code}")
    row, store = replace(EXPERIMENTS["table4/eq3"], split=(300, 100)), Store(tmp_path)
    failures = run_one.do(run_one.Work(row, (0,)), au6, store, lambda *_: None)
    assert failures == {}
    run = store.read(row.id, 0)
    assert run["provenance"] == {"commit": "before"} and run["code_sha256"] == "energy before"
