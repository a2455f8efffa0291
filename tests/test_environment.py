"""The packages are those that the locks say, and the Dockerfile does what the README says."""

import ast
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LISTS = sorted(
    path
    for folder in ("", "amp_baseline", "scripts", "workflow")
    for path in (ROOT / folder).glob("*requirements.txt")
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def pins(path: Path) -> dict[str, str]:
    """Versions of a list or lock by the package's canonical name; anything but == raises."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = re.sub(r"(^| )#.*", "", line).removesuffix("\\").strip()
        if line and not line.startswith("--hash="):
            wanted = Requirement(line)
            (one,) = wanted.specifier
            assert one.operator == "==" and not one.version.endswith("*"), line
            found[canonicalize_name(wanted.name)] = one.version
    return found


def test_lists_are_found():
    assert {"requirements.txt", "amp_baseline/requirements.txt"} <= set(map(relative, LISTS))


@pytest.mark.parametrize("path", LISTS, ids=relative)
def test_locks_are_of_the_lists(path):
    """After a change of a list, `make lock` has been run."""
    locked = pins(path.with_suffix(".lock"))
    assert {name: locked.get(name) for name in pins(path)} == pins(path)


@pytest.mark.parametrize("path", LISTS, ids=relative)
def test_locks_have_checksums_and_name_no_place(path):
    """Where packages come from is the reader's own setting."""
    text = path.with_suffix(".lock").read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert len(blocks) == len(pins(path.with_suffix(".lock")))
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


def test_packages_are_those_of_the_lock():
    """A version that is not the locked one would make `same seed, same bits` another's."""
    locked = pins(ROOT / "requirements.lock") | pins(ROOT / "amp_baseline/requirements.lock")
    found = {}
    for name in locked:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    assert found == locked


def test_what_setup_py_asks_for_is_locked():
    locked = pins(ROOT / "requirements.lock")
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    (asked,) = (
        k.value
        for node in ast.walk(tree)
        for k in getattr(node, "keywords", ())
        if k.arg == "install_requires"
    )
    wanted = [Requirement(one) for one in ast.literal_eval(asked)]
    assert len(wanted) > 5
    for one in wanted:
        assert locked[canonicalize_name(one.name)] in one.specifier, one


# Dockerfile


def steps() -> list[str]:
    """Instructions of the Dockerfile, a line each, without comments."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_another_checkouts_environment_is_left_alone(tmp_path):
    """Set-up through a link would make it import the packages of this one."""
    checkout, other = tmp_path / "checkout", tmp_path / "other/.venv"
    other.mkdir(parents=True)
    for name in ("scripts/setup.sh", "scripts/python311.sh", "requirements.lock", "setup.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    shutil.copytree(ROOT / "amp_baseline", checkout / "amp_baseline")
    (checkout / ".venv").symlink_to(other)
    # Nothing to install with, in case that it goes on.
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "/bin/true"}
    command = ["sh", str(checkout / "scripts/setup.sh")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "error: .venv is a link" in done.stderr
    assert not list(other.iterdir())


def test_dockerfile_is_good_for_the_linter():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfile_does_what_the_readme_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    packages = re.search(r"`apt-get install ([^`]+)`", readme)[1].split()
    (installed,) = (one for one in steps() if "apt-get install" in one)
    assert set(packages) <= set(installed.split())
    make = [one.removeprefix("RUN ") for one in steps() if one.startswith("RUN make")]
    assert " && ".join(make).split(" && ") == ["make setup", "make test", "make quick"]
    assert steps()[0].startswith("FROM debian:bookworm")  # whose Python is 3.11


def test_docker_leaves_out_what_is_made_here():
    """Another machine's packages, data or runs would be taken for the image's own."""
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert ".venv*" in left_out and ".git" in left_out
    for name in ("data", "runs", "quick", "dist"):
        assert f"/{name}/" in ignored and name in left_out


def test_without_a_browser_the_checks_before_a_merge_fail(tmp_path):
    """`make test` goes on and says what is skipped."""
    for name in ("mktemp", "rm"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")  # no root, who would install it
    (tmp_path / "id").chmod(0o755)

    def call(*arguments):
        command = [shutil.which("sh"), ROOT / "scripts/browser.sh", *arguments]
        environment = {"PATH": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    optional, needed = call(), call("needed")
    assert optional.returncode == 0 and "the browser test is skipped" in optional.stderr
    assert needed.returncode == 1 and needed.stderr.startswith("no Chromium; on Debian")
    (tmp_path / "chromium").symlink_to("/bin/true")
    assert call("needed").returncode == 0
    commands = (ROOT / ".ci/run").read_text().splitlines()
    assert "set -eu" in commands and commands.index("scripts/browser.sh needed") < commands.index(
        "make test"
    )
