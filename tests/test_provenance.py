"""The checksum of a task's code: a move changes nothing, a change of what is used does."""

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
FILES = {
    f"{TASKS}.a": """
import numpy as np
from models import equations, layers
from models.fit import train as fit
from reproduction.engine.store import Result

def run(job):
    builder = getattr(equations, job.model)
    return Result(fit(builder, layers.SIZE), np.mean)
""",
    f"{TASKS}.b": """
from models import saved

def run(job):
    return saved.read(job.path)
""",
    f"{TASKS}.c": """
from importlib import import_module

def run(job):
    return import_module(f"plugins.{job.name}"), "models.child"
""",
    f"{TASKS}.d": """
from models.catalogue import TABLE

def run(job):
    return TABLE[job.name](job)
""",
    "reproduction.engine.store": "class Result: pass",
    "models.equations": """
from models import layers

WIDTH = 20

def eq2(x):
    return layers.dense(WIDTH)

def eq3(x):
    return _part(x)

def _part(x):
    return -x
""",
    "models.layers": """
import keras

SIZE, OTHER = 3, 4

@keras.saving.register_keras_serializable("models")
def activation(x):
    return x * 2

def dense(width):
    return width + 1

def unused():
    return 7
""",
    "models.fit": """
import models.settings
from models import backend

class Loop:
    RATE = models.settings.RATE

    def step(self, dense):
        def inner():
            return dense + self.RATE
        return inner

def train(builder, size, rate=0.1):
    return Loop().step(size)
""",
    "models.settings": "RATE = 0.001\nUNUSED = 5",
    "models.backend": """
import os

def quietly():
    os.environ["A"] = "1"

quietly()
""",
    "models.saved": """
def read(path):
    from keras.saving import load_model

    from models import layers  # it registers

    return load_model(path)
""",
    "models.child": """
def main():
    return 1

if __name__ == "__main__":
    main()
""",
    "models.catalogue": """
TABLE = {}

def entered(function):
    TABLE[function.__name__] = function
    return function

@entered
def one(job):
    return 1
""",
    "plugins.x": "X = 1",
    "plugins.y": "Y = 2",
}


def sums(folder, files, tasks="abcd"):
    for name, text in files.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    repository = Repository(folder, TASKS)
    return {task: checksum(f"{TASKS}.{task}", repository) for task in tasks}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return sums(tmp_path_factory.mktemp("before"), FILES)


def changed(folder, before, changes):
    """Tasks whose checksum changes with (module, old text, new text)."""
    files = dict(FILES)
    for module, old, new in changes:
        assert old in files.get(module, "")
        files[module] = files.get(module, "").replace(old, new)
    after = sums(folder, files)
    return "".join(task for task in after if after[task] != before[task])


TO_MOVE = FILES["models.equations"][FILES["models.equations"].index("def _part") :]
SAME = {
    "comments and docstrings": [
        ("models.equations", "WIDTH = 20", '"""Of eq2."""\nWIDTH = 20  # nodes'),
        ("models.fit", "class Loop:\n", 'class Loop:\n    """It loops."""\n'),
        ("models.fit", "rate=0.1):\n", 'rate=0.1):\n    """It trains."""\n'),
    ],
    "what is not used": [
        ("models.settings", "UNUSED = 5", "UNUSED = 6"),
        ("models.layers", "return 7", "return 8"),
        ("reproduction.engine.store", "pass", "x = 1"),
    ],
    "an import under another name": [
        (f"{TASKS}.a", "import numpy as np", "import numpy as numbers"),
        (f"{TASKS}.a", "np.mean", "numbers.mean"),
        (f"{TASKS}.a", "import train as fit", "import train"),
        (f"{TASKS}.a", "Result(fit(", "Result(train("),
    ],
    "a name in place of a module's attribute": [
        (f"{TASKS}.a", "import numpy as np", "from numpy import mean"),
        (f"{TASKS}.a", "np.mean", "mean"),
        (
            f"{TASKS}.a",
            "import equations, layers",
            "import equations\nfrom models.layers import SIZE",
        ),
        (f"{TASKS}.a", "layers.SIZE", "SIZE"),
    ],
    "another order": [
        ("models.equations", TO_MOVE, ""),
        ("models.equations", "WIDTH = 20", f"{TO_MOVE}\nWIDTH = 20"),
    ],
    "a definition in another module": [
        ("models.equations", TO_MOVE, ""),
        ("models.equations", "import layers", "import layers\nfrom models.layers import _part"),
        ("models.layers", "def dense", f"{TO_MOVE}\ndef dense"),
    ],
    "a constant in another module": [
        ("models.settings", "RATE = 0.001", ""),
        ("models.backend", "import os", "import os\nRATE = 0.001"),
        ("models.fit", "import models.settings\n", ""),
        ("models.fit", "models.settings.RATE", "backend.RATE"),
    ],
    "through another module": [
        ("models.settings", "UNUSED = 5", "from models.layers import SIZE as S"),
        (f"{TASKS}.a", "layers.SIZE", "settings.S"),
        (f"{TASKS}.a", "import equations, layers", "import equations, settings"),
    ],
}
OTHER = {
    "a constant of a module looked up in": ("a", "models.equations", "WIDTH = 20", "WIDTH = 21"),
    "a private function there": ("a", "models.equations", "return -x", "return x"),
    "a function two imports away": ("a", "models.layers", "width + 1", "width + 2"),
    "a constant in a class": ("a", "models.settings", "RATE = 0.001", "RATE = 0.002"),
    "one of two targets": ("a", "models.layers", "SIZE, OTHER = 3, 4", "SIZE, OTHER = 5, 4"),
    "a default": ("a", "models.fit", "rate=0.1", "rate=0.2"),
    "an inner function": ("a", "models.fit", "dense + self", "dense - self"),
    "what runs on import": ("a", "models.backend", "\nquietly()", "\nquietly"),
    "what that calls": ("a", "models.backend", '"1"', '"2"'),
    "another function of another package": ("a", f"{TASKS}.a", "np.mean", "np.median"),
    "another package under the name": ("a", f"{TASKS}.a", "import numpy as np", "import jax as np"),
    "the same name for another function": (
        "a",
        "models.equations",
        "from models import layers",
        "from models import fit as layers",
    ),
    "a module looked up in": ("a", f"{TASKS}.a", "import equations,", "import child as equations,"),
    "what Keras finds by its name": ("b", "models.layers", "x * 2", "x * 3"),
    "what is imported inside": ("b", "models.saved", "from models import layers", "import layers"),
    "a plugin": ("c", "plugins.y", "Y = 2", "Y = 3"),
    "a module named in a string": ("c", "models.child", "return 1", "return 2"),
    "what such a module runs": ("c", "models.child", "    main()", "    main"),
    "what a decorator enters": ("d", "models.catalogue", "return 1", "return 2"),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_code_changes_no_checksum(tmp_path, before, name):
    assert changed(tmp_path, before, SAME[name]) == ""


def test_a_module_may_be_renamed(tmp_path, before):
    files = {
        re.sub(r"models\.equations$", "physics.forms", name): re.sub(
            r"from models import equations, layers",
            "from physics import forms\nfrom models import layers",
            text,
        ).replace("getattr(equations", "getattr(forms")
        for name, text in FILES.items()
    }
    assert "physics.forms" in files and sums(tmp_path, files) == before


@pytest.mark.parametrize("name", OTHER)
def test_what_is_used_is_seen_where_it_is_used_alone(tmp_path, before, name):
    task, *change = OTHER[name]
    assert changed(tmp_path, before, [change]) == task


def test_functions_of_one_name_are_told_apart(tmp_path):
    """The same two are used, each in the other's place."""
    files = {
        "m.a": "def f():\n    return 1",
        "m.b": "def f():\n    return 2",
        f"{TASKS}.t": "from m import a, b\n\ndef run(job):\n    return a.f() - b.f()",
    }
    first = sums(tmp_path / "1", files, "t")
    files[f"{TASKS}.t"] = files[f"{TASKS}.t"].replace("a.f() - b.f()", "b.f() - a.f()")
    assert sums(tmp_path / "2", files, "t") != first


def test_a_module_looked_up_in_is_told_from_another(tmp_path):
    """Both are looked up in, each in the other's place."""
    files = {
        "m.a": "def f():\n    return 1",
        "m.b": "def f():\n    return 2",
        f"{TASKS}.t": "from m import a, b\n\ndef run(job):\n    return g(a, 1) - g(b, 2)"
        "\n\ndef g(where, n):\n    return getattr(where, n)",
    }
    first = sums(tmp_path / "1", files, "t")
    files[f"{TASKS}.t"] = files[f"{TASKS}.t"].replace("g(a, 1) - g(b, 2)", "g(b, 1) - g(a, 2)")
    assert sums(tmp_path / "2", files, "t") != first


def test_what_a_module_looked_up_in_has_from_another_counts(tmp_path):
    files = {
        "m.a": "from m.b import f",
        "m.b": "def f():\n    return 1",
        f"{TASKS}.t": "from m import a\n\ndef run(job):\n    return getattr(a, job.name)",
    }
    first = sums(tmp_path / "1", files, "t")
    files["m.b"] = files["m.b"].replace("1", "2")
    assert sums(tmp_path / "2", files, "t") != first


def test_what_runs_the_tasks_may_move(tmp_path):
    """Names from there count, their modules do not."""
    files = {
        "reproduction.errors": "class Wrong(Exception): pass",
        f"{TASKS}.t": "from reproduction.errors import Wrong\n\ndef run(job):\n    raise Wrong",
    }
    first = sums(tmp_path / "1", files, "t")
    moved = {name.replace(".errors", ".engine.wrong"): text for name, text in files.items()}
    moved[f"{TASKS}.t"] = moved[f"{TASKS}.t"].replace(".errors", ".engine.wrong")
    assert sums(tmp_path / "2", moved, "t") == first


def test_what_cannot_be_followed_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="star imports"):
        sums(tmp_path / "1", {f"{TASKS}.t": "from m import *\n\ndef run(job): pass"}, "t")
    with pytest.raises(ValueError, match="no function run"):
        sums(tmp_path / "2", {f"{TASKS}.t": "x = 1"}, "t")


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


def test_a_constant_of_adam_changes_what_adam_trains(checkout):
    assert rewrite(checkout, ["keras_models/**/*.py"], r"\b0\.999\b", "0.998") == 1
    changed = really_changed(checkout)
    assert {"energy", "force", "graph"} <= changed
    assert not {"correlation", "neighbours", "pair_floor", "amp"} & changed


def test_amp_trains_in_another_process_whose_code_counts(checkout):
    where = ["amp_baseline/*.py"]
    assert rewrite(checkout, where, r"(?m)^FORCE_FRAMES = 10\b", "FORCE_FRAMES = 11") == 1
    assert really_changed(checkout) == {"amp"}


def test_a_module_of_this_repository_may_be_renamed(checkout):
    (checkout / "data_gen/dataset.py").rename(checkout / "data_gen/frames.py")
    assert rewrite(checkout, ["**/*.py"], r"\bdata_gen\.dataset\b", "data_gen.frames") > 10
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
        if event != "call":
            return
        code = frame.f_code
        # Bodies of modules and classes run on import.
        function = code.co_flags & inspect.CO_OPTIMIZED
        if function and code.co_filename.startswith(root):
            called.add((Path(code.co_filename), code.co_firstlineno))

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return called


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
