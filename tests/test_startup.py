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


def test_another_backend_of_keras_is_told():
    code = "from keras_models.backend import keras; print(keras.config.backend())"
    status, out, err = run(code, KERAS_BACKEND="torch")
    assert (status, out) == (0, "tensorflow\n")
    assert err == "keras_models: KERAS_BACKEND=torch is not used, but tensorflow\n"


def test_keras_on_another_backend_already_is_refused(monkeypatch):
    other = SimpleNamespace(config=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(ImportError, match="imported on torch before: set KERAS_BACKEND=tensorflow"):
        backend._choose_backend()


def test_a_users_matplotlibrc_changes_no_figure(tmp_path):
    code = "from figures.style import plt\nfor k in sorted(plt.rcParams): print(k, plt.rcParams[k])"
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nlines.linewidth: 9\nfont.size: 30\n")
    plain, styled = run(code), run(code, MATPLOTLIBRC=str(tmp_path))
    assert plain == styled and plain[0] == 0 and "text.usetex False" in plain[1]


def test_freed_memory_is_kept_for_the_next_array():
    """64 MB again and again: pages are cleared once."""
    code = (
        "import keras_models.backend, numpy as np, resource\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "first = faults(); np.ones(1 << 23); between = faults()\n"
        "for _ in range(9): np.ones(1 << 23)\n"
        "print(between - first > 9_000, faults() - between < 1_000)"
    )
    assert run(code, NUMPY_MADVISE_HUGEPAGE="0")[1] == "True True\n"
