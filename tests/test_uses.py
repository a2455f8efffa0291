"""The uses of trained models, with EMT itself in the model's place: nothing may be wrong then."""

from dataclasses import replace

import asap3
import numpy as np
import pytest

from reproduction.engine.tasks import minima, nve, uncertainty, uses, vibrations
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS


class Emt(asap3.EMT):
    """EMT with what the tasks ask of a model."""

    has_energy = True


def job(name, au6, tmp_path, **options):
    experiment = EXPERIMENTS[name]
    experiment = replace(experiment, options={**experiment.options, **options})
    train, test = au6.split(300, 100)
    return Job(experiment, (0,), train, test, "", tmp_path / "c", tmp_path, lambda *_: None)


@pytest.fixture
def emt_as_model(monkeypatch):
    for module in (minima, nve, vibrations):
        monkeypatch.setattr(module, "calculator", lambda job, seed: Emt())


def values(results):
    return {metric: value for (_, metric), value in results[0].metrics.items()}


def test_nve_with_emt_conserves_energy(au6, tmp_path, emt_as_model):
    found = values(nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=2000)))
    assert found["picoseconds"] == 2.0
    assert found["wander_own"] == found["wander_emt"] < 1.0
    # The slope of a line through the total energy, times the time.
    total = nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=2000))[0]
    total = 1000 * total.arrays["total_energy_own"] / 6
    t = np.arange(len(total)) * 0.05
    slope = ((t - t.mean()) * total).sum() / ((t - t.mean()) ** 2).sum()
    assert found["drift_own"] == pytest.approx(slope * 2.0, rel=1e-6, abs=1e-9)
    assert abs(found["drift_own"]) < 0.5


def test_nve_ends_when_the_cluster_explodes(au6, tmp_path, monkeypatch):
    class Pushes(Emt):
        def get_forces(self, atoms=None, **_):
            return 50.0 * (atoms.positions - atoms.positions.mean(axis=0))

    monkeypatch.setattr(nve, "calculator", lambda job, seed: Pushes())
    result = nve.run(job("beyond/nve-eq2-gradient", au6, tmp_path, steps=2000))[0]
    assert result.info["ended"].startswith("unphysical after")
    assert result.metrics["", "picoseconds"] < 2.0


def test_minima_of_emt_are_emt_s(au6, tmp_path, emt_as_model):
    found = values(minima.run(job("beyond/minima", au6, tmp_path, frames=4)))
    assert found["same_minimum"] == 1.0
    assert found["minimum_energy_error"] == pytest.approx(0, abs=1e-6)
    assert found["minimum_rms_displacement"] == pytest.approx(0, abs=1e-6)
    assert found["calls_model"] == found["calls_emt"] > 5


def test_a_minimum_of_another_potential_is_not_the_same(au6, tmp_path, monkeypatch):
    class Wider(Emt):
        """EMT of a larger molecule: minima of another size."""

        def get_forces(self, atoms=None, **_):
            small = atoms.copy()
            small.positions *= 0.9
            small.calc = asap3.EMT()
            return 0.9 * small.get_forces()

    monkeypatch.setattr(minima, "calculator", lambda job, seed: Wider())
    assert values(minima.run(job("beyond/minima", au6, tmp_path, frames=2)))["same_minimum"] == 0.0


def test_frequencies_of_emt_are_emt_s(au6, tmp_path, emt_as_model):
    result = vibrations.run(job("beyond/vibrations", au6, tmp_path))[0]
    assert len(result.arrays["frequencies_emt"]) == 12
    assert result.arrays["frequencies_emt"].min() > 5  # a minimum: no imaginary mode
    assert values([result])["frequency_max_error"] < 0.1


def test_uncertainty_by_hand(au6, tmp_path, monkeypatch):
    """A model that is EMT but for a known error, and knows it."""

    class Off(Emt):
        def get_forces(self, atoms=None, **_):
            self.results = {"forces_std": np.full((6, 3), 0.05)}
            return super().get_forces(atoms) + 0.1

    monkeypatch.setattr(uncertainty, "ensemble", lambda job: Off())
    small = uncertainty.DynamicsSettings
    monkeypatch.setattr(
        uncertainty, "DynamicsSettings", lambda steps, **kw: small(steps=1000, **kw)
    )
    found = values(uncertainty.run(job("beyond/uncertainty-600", au6, tmp_path)))
    assert found["force_rmse"] == pytest.approx(0.1, abs=1e-6)
    assert found["force_std"] == pytest.approx(0.05)
    assert found["error_to_std"] == pytest.approx(2.0, rel=1e-4)


def test_a_model_that_is_not_there_is_named(au6, tmp_path):
    with pytest.raises(ReproductionError, match="beyond/eq2-gradient, seed 0: run that first"):
        uses.calculator(job("beyond/minima", au6, tmp_path), 0)
