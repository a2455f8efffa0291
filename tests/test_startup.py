"""A user's environment: no traceback, no changed figure, and no silent choice."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from keras_models import backend
from reproduction.engine.provenance import ROOT


def run(code, redirect="", **environment):
    """Exit status, output and errors of Python code in a process of its own."""
    command = f'exec "{sys.executable}" -c "$CODE" {redirect}'
    done = subprocess.run(
        ["sh", "-c", command],
        env={**os.environ, "CODE": code, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_without_standard_error_and_in_ascii():
    """A file that is opened afterwards must not become the standard error of libraries."""
    code = (
        "from keras_models.backend import tf\n"
        "import sys; number = open('/dev/null').fileno()\n"
        "print('1 Å', number > 2, tf.constant(2).numpy()); print('Å', file=sys.stderr)"
    )
    assert run(code, "2>&-", PYTHONIOENCODING="ascii") == (0, "1 ? True 2\n", "")


# 64 MB again and again: pages are cleared once.
IMPORTED = """
from keras_models.backend import keras, tf
import numpy as np, resource
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
first = faults(); np.ones(1 << 23); between = faults()
for _ in range(9): np.ones(1 << 23)
print(between - first > 9_000, faults() - between < 1_000)
from fitting.seeds import use_one_thread
use_one_thread()
threading = tf.config.threading
print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
print(keras.config.backend())
"""


@pytest.fixture(scope="module")
def imported():
    """What a process says that begins with another backend of Keras."""
    status, out, err = run(IMPORTED, KERAS_BACKEND="torch", NUMPY_MADVISE_HUGEPAGE="0")
    assert status == 0, err
    return out.splitlines(), err


def test_another_backend_of_keras_is_told(imported):
    (*_, backend), err = imported
    assert backend == "tensorflow"
    assert err == "keras_models: KERAS_BACKEND=torch is not used, but tensorflow\n"


def test_freed_memory_is_kept_for_the_next_array(imported):
    assert imported[0][0] == "True True"


def test_a_training_of_own_data_has_one_thread(imported):
    """Bits depend on it."""
    assert imported[0][1] == "1 1"


def test_keras_on_another_backend_already_is_refused(monkeypatch):
    other = SimpleNamespace(config=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(ImportError, match="imported on torch before: set KERAS_BACKEND=tensorflow"):
        backend._choose_backend()


def test_a_users_own_figures_are_left_alone(tmp_path):
    """In a notebook, of which a training or an evaluation is a cell."""
    code = (
        "import matplotlib.pyplot as plt; from matplotlib import rcParams\n"
        "plt.switch_backend('svg'); rcParams.update({'font.size': 20, 'lines.linewidth': 5})\n"
        "before, figure = dict(rcParams), plt.figure()\n"
        "import fitting.training\n"
        "from figures.style import in_style, save, subplots; from pathlib import Path\n"
        "with in_style(): drawn, axes = subplots(); assert rcParams['font.size'] == 10\n"
        f"save(drawn, Path({str(tmp_path)!r}), 'one')\n"
        "print(dict(rcParams) == before, plt.get_backend(), plt.get_fignums() == [figure.number])"
    )
    assert run(code)[1].split() == ["True", "svg", "True"]


def test_a_users_matplotlibrc_changes_no_figure(tmp_path):
    code = (
        "from figures.style import in_style; from matplotlib import rcParams\n"
        "with in_style():\n    for k in sorted(rcParams): print(k, rcParams[k])"
    )
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nlines.linewidth: 9\nfont.size: 30\n")
    plain, styled = run(code), run(code, MATPLOTLIBRC=str(tmp_path))
    assert plain == styled and plain[0] == 0 and "text.usetex False" in plain[1]
