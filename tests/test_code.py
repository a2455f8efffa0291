"""The checksum of a task's code, on made-up code: what changes it and what does not."""

import re

import pytest

from reproduction.engine.code import checksum
from reproduction.engine.source import Repository

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
