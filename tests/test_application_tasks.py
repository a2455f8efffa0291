"""Tasks that use trained models, with potentials whose faults are known in the models' place."""

from dataclasses import replace

import numpy as np
import pytest
from ase import units

from analysis.dynamics import drift_and_wander
from reproduction.engine.tasks import minima, nve, trained, uncertainty, vibrations
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from tests.potentials import Off, Pushes, Scaled


def job(name, au6, tmp_path, **options):
    experiment = EXPERIMENTS[name]
    experiment = replace(experiment, options={**experiment.options, **options})
    train, test = au6.split(300, 100)
    return Job(experiment, (0,), train, test, "", tmp_path / "c", tmp_path, lambda *_: None)


def values(results):
    return {metric: value for (_, metric), value in results[0].metrics.items()}


@pytest.fixture
def doubled(monkeypatch):
    """Twice EMT in a model's place."""
    for module in (minima, nve, vibrations):
        monkeypatch.setattr(module, "calculator", lambda job, seed: Scaled(factor=2.0))


def test_nve_row_is_drift_and_wander_of_its_curves(au6, tmp_path, doubled):
    results = nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=500))
    found = values(results)
    assert found["picoseconds"] == 0.5 and found["ms_a_step"] > 0
    for name in ("own", "emt"):
        energies = results[0].arrays[f"total_energy_{name}"]
        drift, wander = drift_and_wander(energies, 6)
        assert (found[f"drift_{name}"], found[f"wander_{name}"]) == (drift, wander)
    potential = results[0].arrays["total_energy_own"] - results[0].arrays["total_energy_emt"]
    assert potential[0] == pytest.approx(au6.energies[300])  # the test part's first frame


def test_nve_row_of_what_emt_does_not_know_starts_as_it_says(au6, tmp_path, doubled):
    warm, cold = (
        nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=500, of_emt=False, **more))[0]
        for more in ({}, {"temperature_K": 0.0})
    )
    assert not any(name.endswith("_emt") for _, name in warm.metrics)
    assert values([cold])["picoseconds"] == 0.5
    kinetic = [r.arrays["total_energy_own"][0] - 2.0 * au6.energies[300] for r in (warm, cold)]
    assert kinetic[0] == pytest.approx(1.5 * 6 * 1000 * units.kB, rel=0.5)
    assert kinetic[1] == pytest.approx(0.0, abs=1e-9)


def test_nve_row_keeps_fixed_what_is_fixed_in_training(au6, tmp_path, doubled):
    positions = au6.positions[300] + 0.01 * (au6.positions - au6.positions[300])
    positions[:, :2] = au6.positions[300, :2]
    still, seen = replace(au6, positions=positions), []
    one = job("beyond/nve-eq2-gradient", still, tmp_path, steps=500)
    original = nve.run_nve

    def spy(start, *args, **more):
        seen.append(start)
        return original(start, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nve, "run_nve", spy)
        nve.run(one)
        nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=500))
    fixed, free = seen
    assert fixed.constraints[0].index.tolist() == [0, 1] and not free.constraints


def test_nve_row_without_an_energy_says_nothing_of_it(au6, tmp_path, monkeypatch):
    monkeypatch.setattr(nve, "calculator", lambda job, seed: Pushes())
    (result,) = nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=500))
    assert result.info["ended"].startswith("unphysical after")
    assert not any(name.endswith("_own") for _, name in result.metrics)


def test_minima_row_is_in_mev_and_calls_a_start(au6, tmp_path, doubled):
    results = minima.run(job("beyond/minima", au6, tmp_path, frames=3))
    found, energies = values(results), results[0].arrays["minimum_energies"]
    assert found["same_minimum"] == 1.0
    assert found["minimum_energy_error"] == pytest.approx(
        1000 * np.sqrt((energies[:, 0] ** 2).mean()), rel=1e-3
    )
    assert found["minimum_rms_displacement"] < 0.02
    assert found["calls_emt"] > 5 and found["calls_model"] > 5
    assert results[0].info["ended"] == "3 of 3 converged on the model"


def test_vibrations_row_is_off_by_the_model_s_frequencies(au6, tmp_path, doubled):
    results = vibrations.run(job("beyond/vibrations", au6, tmp_path))
    emt, model = (results[0].arrays[f"frequencies_{name}"] for name in ("emt", "model"))
    np.testing.assert_allclose(model, 2**0.5 * emt, rtol=2e-3)
    off = (2**0.5 - 1) * emt
    found = values(results)
    assert found["frequency_max_error"] == pytest.approx(off.max(), rel=0.02)
    assert found["frequency_rmse"] == pytest.approx(np.sqrt((off**2).mean()), rel=0.02)
    assert results[0].info["ended"] == "12 modes"


def test_vibrations_row_is_none_where_a_model_has_no_minimum(au6, tmp_path, monkeypatch):
    """Frequencies halfway to one would be of no state; other seeds go on."""

    class Hill(Pushes):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] = -0.5 * (self.results["forces"] ** 2).sum()

    models = [Hill(), Scaled(factor=2.0)]
    monkeypatch.setattr(vibrations, "STARTS", 2)
    monkeypatch.setattr(vibrations, "calculator", lambda job, seed: models[seed])
    row = replace(job("beyond/vibrations", au6, tmp_path), seeds=(0, 1))
    failed, found = vibrations.run(row)
    assert str(failed) == "seed 0: no minimum (forces below 0.0001 eV/Å) is reached in 1,000 steps"
    assert isinstance(failed, ReproductionError) and found.info["ended"] == "12 modes"


def test_uncertainty_row_starts_at_its_temperature(au6, tmp_path, monkeypatch):
    monkeypatch.setattr(uncertainty, "STEPS", 500)
    monkeypatch.setattr(uncertainty, "ensemble", lambda job: Off())
    made = []

    def recorded(settings):
        made.append((settings, run_dynamics(settings)))
        return made[0][1]

    run_dynamics = uncertainty.run_dynamics
    monkeypatch.setattr(uncertainty, "run_dynamics", recorded)
    results = uncertainty.run(job("beyond/uncertainty-600", au6, tmp_path))
    settings, hot = made[0]
    assert (settings.temperature_K, settings.seed) == (600.0, 100)
    found, size = values(results), 0.1 * np.arange(1, len(hot) + 1)
    assert found["energy_rmse"] == pytest.approx(1.0)
    assert found["force_rmse"] == pytest.approx(np.sqrt((size**2).mean()))
    assert found["error_to_std"] == pytest.approx(2.0)
    assert found["rank_correlation"] == pytest.approx(1.0)
    np.testing.assert_allclose(results[0].arrays["frame_force_error"], size)


def test_a_model_that_is_not_there_is_named(au6, tmp_path):
    with pytest.raises(ReproductionError, match="beyond/eq2-gradient, seed 0: run that first"):
        trained.calculator(job("beyond/minima", au6, tmp_path), 0)


def test_a_model_gets_the_elements_of_the_data(au6, tmp_path):
    mixed = replace(job("beyond/minima", au6, tmp_path))
    train = replace(mixed.train, numbers=np.array([79, 78, 79, 79, 78, 79]))
    assert trained.elements(replace(mixed, train=train)) == ["Pt", "Au"]
