"""Runs of second-order training: on energies and forces, and with energies left open."""

from dataclasses import replace

import numpy as np
from small_runs import ignore

from keras_models.settings import QuasiNewtonSettings
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import Store
from reproduction.sections import EXPERIMENTS


def test_an_energys_gradient_learns_the_forces(au6, tmp_path):
    experiment = replace(
        EXPERIMENTS["beyond/eq2-gradient"],
        split=(300, 100),
        training=QuasiNewtonSettings(((4, 60), (1, 10))),
    )
    kept = Store(tmp_path / "runs")
    assert do(Work(experiment, (0,)), au6, kept, ignore) == {}
    run_json, arrays = kept.read(experiment.id, 0), kept.arrays(experiment.id, 0)
    values = {(m["split"], m["metric"]): m["value"] for m in run_json["metrics"]}
    assert values["", "iterations"] == 70
    assert values["", "evaluations"] >= 72
    off = arrays["force_train"] - au6[:300].forces
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
