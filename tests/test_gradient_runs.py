"""Runs of second-order training: stopped, taken up, and with energies left open."""

from dataclasses import replace

import numpy as np
import pytest
from small_runs import ignore

from keras_models.settings import QuasiNewtonSettings
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import Store
from reproduction.errors import Interrupted
from reproduction.sections import EXPERIMENTS


def test_gradient_training_stops_and_goes_on_to_the_same_bits(au6, tmp_path):
    """Two stages, interrupted within each."""
    experiment = replace(
        EXPERIMENTS["beyond/eq2-gradient"],
        split=(300, 100),
        training=QuasiNewtonSettings(((4, 60), (1, 10))),
    )
    whole, torn = Store(tmp_path / "whole"), Store(tmp_path / "torn")
    assert do(Work(experiment, (0,)), au6, whole, ignore) == {}
    for stop in (0.3, 0.95):

        def report(fraction, text, stop=stop):
            if fraction >= stop and text != "compiling":
                raise Interrupted

        with pytest.raises(Interrupted):
            do(Work(experiment, (0,)), au6, torn, report)
    assert do(Work(experiment, (0,)), au6, torn, ignore) == {}
    a, b = (s.arrays(experiment.id, 0) for s in (whole, torn))
    for name in ("energy_test", "force_test"):
        np.testing.assert_array_equal(a[name], b[name])
    run_json = whole.read(experiment.id, 0)
    values = {(m["split"], m["metric"]): m["value"] for m in run_json["metrics"]}
    assert values["", "iterations"] == 70
    off = a["force_train"] - au6[:300].forces
    assert np.sqrt((off**2).mean()) < 0.3  # eV/Å; the data's spread is 1


def test_a_constant_is_found_where_forces_alone_are_trained(au6, tmp_path):
    experiment = replace(
        EXPERIMENTS["beyond/eq2-force-only"],
        split=(300, 100),
        training=QuasiNewtonSettings(((2, 30),)),
    )
    kept = Store(tmp_path / "runs")
    assert do(Work(experiment, (0,)), au6, kept, ignore) == {}
    arrays = kept.arrays(experiment.id, 0)
    off = arrays["energy_train"] - au6[:300].energies
    assert abs(off.mean()) < 1e-9 and "curve_energy" not in arrays
