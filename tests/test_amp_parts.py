"""What goes with Amp without running it: its presence, its log, and a cheaper optimiser."""

import importlib.util

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from amp_baseline import AmpError, log
from amp_baseline.optimiser import bfgs
from amp_baseline.potential import backend


def test_without_amp_or_its_fortran_module(monkeypatch):
    found = {"amp": True, "amp.fmodules": None}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found.get(name))
    assert backend() == "python"
    found["amp.fmodules"] = True
    assert backend() == "fortran"
    found["amp"] = None
    with pytest.raises(AmpError, match="make setup"):
        backend()


LOG = """Step   Time   Loss (SSD)   EnergyRMSE     MaxResid    ForceRMSE     MaxResid
===== =================== ============ ============ ============ ============ ============
    1 2026-01-01T00:00:00   2.2488e+00 1.7886e-02 - 3.8982e-02 C 5.2259e-01 - 3.2584e+00 C
    2 2026-01-01T00:00:01   1.2488e+00 1.2886e-02 - 3.8982e-02 C 4.2259e-01 - 3.2584e+00 C
...optimization successful. 35.3 s
    1 2026-01-01T00:00:02   9.9e-01 1.1e-02 - 3.8982e-02 C
    2 2026-01-01T00:00:03   9.8e-01 1.0e-02 - 3.89"""


def test_log_is_read_to_where_it_ends():
    """Energies alone or with forces, after a resume, and cut off in a line."""
    np.testing.assert_array_equal(
        log.parse(LOG),
        [[2.2488, 0.017886, 0.52259], [1.2488, 0.012886, 0.42259], [0.99, 0.011, np.nan]],
    )
    assert log.parse("").shape == (0, 3)


def test_cheaper_update_makes_the_steps_of_scipy():
    """The same evaluations of Rosenbrock's function in 12 dimensions, up to rounding."""
    paths = {"scipy": [], "ours": []}

    def function(name):
        def both(x):
            paths[name].append(x.copy())
            return rosen(x), rosen_der(x)

        return both

    x0 = np.linspace(-1.0, 2.0, 12)
    minimize(function("scipy"), x0, jac=True, method="BFGS", options={"gtol": 1e-6})
    found = bfgs(function("ours"), x0, options={"gtol": 1e-6})
    assert found.success and np.allclose(found.x, 1.0, atol=1e-5)
    first = 40
    np.testing.assert_allclose(paths["ours"][:first], paths["scipy"][:first], rtol=1e-6)
    assert len(paths["ours"]) == pytest.approx(len(paths["scipy"]), rel=0.1)
