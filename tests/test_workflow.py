"""The workflow's settings, and what its start script makes of paths; without Snakemake."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reproduction.engine.provenance import ROOT

WORKFLOW = ROOT / "workflow"


@pytest.fixture(scope="module")
def configuration():
    """workflow/configuration.py, which is of no package."""
    spec = importlib.util.spec_from_file_location("configuration", WORKFLOW / "configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.configuration


def test_settings_are_read_as_snakemake_gives_them(configuration):
    """Of the command line all but numbers are text; of a file they have types."""
    found = configuration({"quick": "true", "retries": 0, "folder": "/x", "sweep": "a/b.csv"})
    assert found.quick is True and found.retries == 0
    assert found.space == ["--folder", "/x", "--quick"]
    assert found.home == Path("/x/quick/sweeps/b") and found.data == Path("/x/quick/data")
    for off in ("false", "False", False):
        assert configuration({"quick": off}).quick is False
    assert configuration({}).home == Path(".") and configuration({}).space == ["--folder", "."]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"quick": "tru"}, "quick must be true or false, not tru"),
        ({"quick": 1}, "quick must be true or false"),
        ({"quik": "true"}, "no quik=; did you mean quick"),
        ({"retries": "x"}, "retries must be a whole number from 0, not x"),
        ({"retries": -1}, "retries must be a whole number"),
        ({"retries": 1.5}, "retries must be a whole number"),
        ({"most_memory_mb": 0}, "most_memory_mb must be a whole number from 1"),
        ({"sweep": None}, "sweep= has no value"),
        ({"only": {"table4/eq2": ""}}, "only= has no value that can be used"),
        ({"only": "table4/*", "sweep": "a.csv"}, "no meaning for a sweep"),
    ],
)
def test_settings_that_make_no_sense_are_named(configuration, given, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        configuration(given)


def test_all_wrong_settings_are_named_at_once(configuration):
    with pytest.raises(ValueError, match="quik") as caught:
        configuration({"quik": "true", "retries": "x", "quick": "perhaps"})
    assert len(str(caught.value).splitlines()) == 3


@pytest.fixture
def start(tmp_path):
    """Calls run.sh in a checkout of nothing else, whose Snakemake prints its arguments."""
    checkout, caller = tmp_path / "checkout", tmp_path / "caller"
    python = checkout / ".venv-workflow/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    (checkout / "workflow").mkdir()
    shutil.copy(WORKFLOW / "run.sh", checkout / "workflow")
    shutil.copytree(WORKFLOW / "profiles", checkout / "workflow/profiles")
    (checkout / "workflow/setup.sh").write_text("#!/bin/sh\n")
    for path in (python, checkout / "workflow/setup.sh"):
        path.chmod(0o755)
    caller.mkdir()

    def call(*arguments):
        command = [str(checkout / "workflow/run.sh"), *arguments]
        environment = {**os.environ, "PWD": str(caller)}
        return subprocess.run(
            command, cwd=caller, env=environment, capture_output=True, text=True, timeout=60
        )

    call.checkout, call.caller = checkout, caller
    return call


def test_paths_are_of_where_the_workflow_is_called(start):
    (start.caller / "mine").mkdir()
    shutil.copy(WORKFLOW / "profiles/local/config.yaml", start.caller / "mine")
    config = ("--config", "sweep=a b.csv", "folder=/x", "only=table4/* x", "quick=true")
    said = start("mine", "--cores", "2", *config).stdout.splitlines()
    assert said[0] == str(start.checkout)
    assert said[said.index("--profile") + 1] == str(start.caller / "mine")
    rest = said[said.index("--cores") :]
    assert rest == ["--cores", "2", "--config", f"sweep={start.caller}/a b.csv", *config[2:]]


def test_what_is_wrong_with_a_profile_is_said(start):
    assert "name a profile" in start().stderr
    done = start("locl")
    assert done.returncode == 2 and "there is no profile" in done.stderr
    profile = start.checkout / "workflow/profiles/slurm/config.yaml"
    profile.write_text(profile.read_text() + "config:\n  - container=docker://x\n")
    done = start("slurm", "--config", "quick=true")
    assert done.returncode == 2 and "put it into settings.yaml" in done.stderr
    assert start("local").returncode == 0


@pytest.mark.parametrize("profile", sorted((WORKFLOW / "profiles").iterdir()))
def test_settings_of_profiles_are_known_once_uncommented(configuration, profile):
    """Their examples are filled in by taking off "# "."""
    lines = (profile / "settings.yaml").read_text().splitlines()
    lines = [line.removeprefix("# ") for line in lines]
    pairs = [line.split(": ", 1) for line in lines if line.partition(": ")[0].isidentifier()]
    found = dict(pairs)
    assert len(found) == len(pairs) and found["retries"] == "2"
    assert configuration({**found, "retries": "3"}).retries == 3
    assert "configfile: settings.yaml" in (profile / "config.yaml").read_text().splitlines()


def test_the_container_s_python_is_where_the_image_has_it():
    dockerfile = (ROOT / "Dockerfile").read_text()
    folder = dockerfile.split("WORKDIR ")[1].split()[0]
    profile = (WORKFLOW / "profiles/slurm/settings.yaml").read_text()
    assert f"# python: {folder}/.venv/bin/python\n" in profile


def test_jobs_run_this_checkout_whatever_their_python_has_installed(tmp_path):
    """An image has the project as it was when the image was made."""
    installed = tmp_path / "reproduction/__init__.py"
    installed.parent.mkdir()
    installed.write_text("")
    python = tmp_path / "its own python"
    path = f"PYTHONPATH=${{PYTHONPATH:+$PYTHONPATH:}}{tmp_path}"
    python.write_text(f'#!/bin/sh\n{path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    checkout = tmp_path / "a checkout"
    checkout.symlink_to(ROOT)
    text = (WORKFLOW / "Snakefile").read_text(encoding="utf-8")
    names = {
        "workflow": SimpleNamespace(basedir=str(checkout / "workflow")),
        "CHOSEN": SimpleNamespace(python=str(python)),
        "Path": Path,
        "shlex": shlex,
    }
    for name in ("CHECKOUT", "BEFORE_OTHERS", "PYTHON"):
        exec(re.search(rf"^{name} = .*$", text, flags=re.M)[0], names)
    shells = re.findall(r"^    shell:\n +\"(\S+) ", text, flags=re.M)
    assert shells and set(shells) == {"{PYTHON}"}
    where = "import reproduction; print(reproduction.__file__)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for command, place in ((names["PYTHON"], checkout), (shlex.quote(str(python)), tmp_path)):
        said = subprocess.run(
            f"{command} -c {shlex.quote(where)}",
            shell=True,
            cwd=tmp_path.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert Path(said.stdout.strip()) == place / "reproduction/__init__.py"
