"""The checksum of this repository's tasks: a move changes nothing, other code in use does."""

import inspect
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from keras_models.settings import AdamSettings
from reproduction.engine.code import checksum, statements
from reproduction.engine.provenance import ROOT, code_checksum
from reproduction.engine.source import Repository
from reproduction.engine.tasks import module_name, perform
from reproduction.engine.tasks.common import Job
from reproduction.sections import EXPERIMENTS

TASKS = "reproduction.engine.tasks"


@pytest.fixture
def checkout(tmp_path):
    """The packages of this repository in another place."""
    for path in ROOT.glob("*/__init__.py"):
        name = path.parent.name
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def real_tasks():
    """Names of the modules that have a function run."""
    files = (ROOT / TASKS.replace(".", "/")).glob("*.py")
    return {path.stem for path in files if "\ndef run(" in path.read_text(encoding="utf-8")}


def rewrite(folder, patterns, pattern, new):
    """Replace a pattern in all files of this repository; how often it was there."""
    n = 0
    for path in [path for each in patterns for path in folder.glob(each)]:
        text, here = re.subn(pattern, new, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        n += here
    return n


def really_changed(folder):
    """Tasks whose checksum is not that of this repository."""
    repository = Repository(folder, TASKS)
    return {
        task
        for task in real_tasks()
        if checksum(f"{TASKS}.{task}", repository) != code_checksum(task)
    }


def test_a_constant_changes_what_is_trained_with_it(checkout):
    """Adam's, and Amp's, which trains in another process."""
    where = ["amp_baseline/*.py"]
    assert rewrite(checkout, where, r"(?m)^FORCE_FRAMES = 10\b", "FORCE_FRAMES = 11") == 1
    assert really_changed(checkout) == {"amp"}
    assert rewrite(checkout, ["keras_models/optimise/adam.py"], r"\b0\.999\b", "0.998") == 1
    changed = really_changed(checkout) - {"amp"}
    assert {"energy", "force", "graph"} <= changed
    assert not {"correlation", "neighbours", "pair_floor"} & changed


def test_a_module_of_this_repository_may_be_renamed(checkout):
    (checkout / "data_gen/dataset.py").rename(checkout / "data_gen/renamed.py")
    assert rewrite(checkout, ["**/*.py"], r"\bdata_gen\.dataset\b", "data_gen.renamed") > 10
    assert really_changed(checkout) == set()


def test_figures_tables_and_what_runs_the_tasks_do_not_count(checkout):
    around = ["figures/**/*.py", "reproduction/*.py", "reproduction/s*/**/*.py"]
    around += ["reproduction/engine/*.py"]
    assert rewrite(checkout, around, r"(?s).+", "CHANGED = True") > 20
    assert really_changed(checkout) == set()


def functions_called(run):
    """(file, line) of the definition of every function of this repository that ``run`` calls."""
    called, root = set(), f"{ROOT}/"

    def note(frame, event, _):
        code = frame.f_code
        # Bodies of modules and classes run on import.
        function = code.co_flags & inspect.CO_OPTIMIZED
        if function and code.co_filename.startswith(root):
            called.add((Path(code.co_filename), code.co_firstlineno))

    # Called for calls alone, as it returns no function for the lines.
    before = sys.gettrace()
    sys.settrace(note)
    try:
        run()
    finally:
        sys.settrace(before)
    return called


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize(
    ("row", "options"),
    [("table4/eq2", {}), ("beyond/nve-eq2-gradient", {"steps": 50})],
)
def test_all_code_that_runs_counts(au6, tmp_path, row, options):
    """A trained model is built from names; a saved one is opened by the names in its file."""
    experiment = EXPERIMENTS[row]
    if experiment.training:
        experiment = replace(experiment, training=AdamSettings(epochs=2))
    else:
        experiment = replace(experiment, options=options, models_of="eq2-gradient")
        shutil.copytree(ROOT / "results/models", tmp_path / "models")
        for path in (tmp_path / "models").glob("*/*.keras"):
            path.with_suffix("").mkdir()
            path.rename(path.with_suffix("") / "model.keras")
    parts = au6.split(60, 20)
    job = Job(
        experiment, (0,), *parts, "", tmp_path / "c.npz", tmp_path / "models", lambda *_: None
    )
    called = functions_called(lambda: perform(job))
    repository = Repository(ROOT, TASKS)
    counted = {}
    for s in statements(module_name(experiment.task), repository):
        first = min([s.node.lineno, *(d.lineno for d in s.decorators)])
        counted.setdefault(s.module.path, []).append(range(first, s.node.end_lineno + 1))
    for path, line in called:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if ".venv" in path.parts:
            continue
        if repository.counts(name) and not name.startswith(("tests.", TASKS + ".__init__")):
            assert any(line in lines for lines in counted.get(path, ())), (path, line)
    assert len(called) > 20
