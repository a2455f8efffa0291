"""make archive: all that is committed, the same bytes again, and of a commit alone."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from types import SimpleNamespace

import pytest

from data_gen.files import sha256
from reproduction import archive
from reproduction.errors import ReproductionError

ROWS = {"t/a": SimpleNamespace(of_seed=lambda seed: SimpleNamespace(dataset=f"au6-{seed % 2}"))}
RUNS = {"0": {"data_sha256": "aa"}, "1": {"data_sha256": "bb"}, "2": {"data_sha256": "aa"}}
TIME = 1557532800
TOP = "neural-network-potentials-9.8.7"


def git(folder, *arguments):
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    when = os.environ | {"GIT_COMMITTER_DATE": f"{TIME} +0000"}
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True, timeout=60, env=when)


def made(folder, runs=RUNS, cff="version: 9.8.7\n"):
    """A checkout of a few files, of which one may be executed."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    (folder / "results").mkdir(parents=True)
    (folder / "results/provenance.json").write_text(json.dumps({"t/a": runs}))
    (folder / "CITATION.cff").write_text(cff)
    (folder / "model.keras").write_bytes(bytes(range(256)))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / ".gitignore").write_text("/dist/\n/runs/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "all")
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return made(tmp_path_factory.mktemp("archive") / "checkout")


def test_the_same_commit_gives_the_same_bytes(checkout, tmp_path):
    first = sha256(archive.write(checkout, tmp_path / "first", ROWS))
    # A clone with another name, times, rights and settings of git, and with files that git ignores.
    again = tmp_path / "other name"
    subprocess.run(["git", "clone", "--quiet", checkout, again], check=True, timeout=60)
    git(again, "config", "tar.umask", "0077")
    for path in again.glob("*.*"):
        os.utime(path, (1, 1))
    (again / "model.keras").chmod(0o600)
    (again / "runs").mkdir()
    (again / "runs/left.npz").touch()
    before = os.umask(0o077)
    try:
        assert sha256(archive.write(again, tmp_path / "second", ROWS)) == first
    finally:
        os.umask(before)


def test_it_has_what_is_committed_and_checksums(checkout, tmp_path):
    path = archive.write(checkout, tmp_path, ROWS)
    assert path.name == f"{TOP}.tar"
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        found = {m.name.removeprefix(f"{TOP}/"): tar.extractfile(m).read() for m in members}
    names = subprocess.check_output(["git", "-C", checkout, "ls-files"], text=True).split()
    assert list(found) == sorted([*names, "ARCHIVE.json", "SHA256SUMS"])
    for name in names:
        assert found[name] == (checkout / name).read_bytes()
    assert {m.mtime for m in members} == {TIME}
    modes = {m.name.removeprefix(f"{TOP}/"): m.mode for m in members}
    assert modes["run.sh"] == 0o755 and modes["model.keras"] == 0o644
    about = json.loads(found["ARCHIVE.json"])
    head = subprocess.check_output(["git", "-C", checkout, "rev-parse", "HEAD"], text=True).strip()
    assert (about["version"], about["commit"]) == ("9.8.7", head)
    assert about["data_sha256"] == {"au6-0": "aa", "au6-1": "bb"}
    sums = dict(line.split("  ")[::-1] for line in found["SHA256SUMS"].decode().splitlines())
    assert sums == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in found.items()
        if name != "SHA256SUMS"
    }


def refusal(folder):
    with pytest.raises(ReproductionError) as caught:
        archive.write(folder, folder / "dist", ROWS)
    assert not (folder / "dist").exists()
    return str(caught.value)


def test_a_tree_with_changes_is_refused(tmp_path):
    folder = made(tmp_path / "a")
    (folder / "CITATION.cff").write_text("version: 1\n")
    assert refusal(folder) == "not committed: CITATION.cff; the archive is of a commit"
    git(folder, "add", ".")
    (folder / "new.py").touch()
    assert "not committed: CITATION.cff and 1 more;" in refusal(folder)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"cff": "title: x\n"}, "CITATION.cff names no version"),
        (
            {"runs": RUNS | {"3": {"data_sha256": "cc"}}},
            "t/a, seed 3: its au6-1 is not that of others",
        ),
    ],
)
def test_what_cannot_be_cited_or_was_made_of_other_data_is_refused(tmp_path, settings, why):
    assert refusal(made(tmp_path / "a", **settings)) == why


def test_a_link_is_refused(tmp_path):
    folder = made(tmp_path / "a")
    (folder / "link").symlink_to("run.sh")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "link")
    assert refusal(folder) == "link is a link, which the archive has no place for"


def test_outside_a_checkout_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "is not a git checkout: fatal: not a git repository" in refusal(tmp_path)


def test_lines_end_as_committed_whatever_the_users_settings(tmp_path, monkeypatch):
    folder = made(tmp_path / "a")
    plain = archive.committed(folder)
    for k, (name, value) in enumerate((("core.autocrlf", "true"), ("core.eol", "crlf"))):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{k}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{k}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    assert archive.committed(folder) == plain
