"""Trained models in ASE."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from conftest import STATISTICS, cluster

from keras_models import catalogue
from keras_models.calculator import KerasCalculator
from keras_models.prediction import predict
from keras_models.saving import read_about, save_model

# What models that were never saved do not say.
AU6 = {"elements": "Au", "atoms": 6}


def build(seed=0, name="eq2", dtype="float64", statistics=STATISTICS, activation=None, **options):
    return catalogue.build(name, statistics, None, activation, options, seed, dtype)


@pytest.fixture
def smooth():
    return build(activation="swish2")


@pytest.fixture
def atoms(rng):
    return Atoms("Au6", positions=cluster(rng, 6) + 10.0)


@pytest.fixture
def saved(smooth, tmp_path):
    save_model(smooth, tmp_path / "m.keras", ["Au"], atoms=6, experiment="a test")
    return tmp_path / "m.keras"


def test_energy_and_forces_are_the_models(smooth, atoms):
    atoms.calc = KerasCalculator(smooth, **AU6)
    assert atoms.get_potential_energy() == pytest.approx(
        predict(smooth, atoms.positions[None])[0, 0]
    )
    numerical = calculate_numerical_forces(atoms, eps=1e-4)
    np.testing.assert_allclose(atoms.get_forces(), numerical, atol=1e-6)
    assert atoms.calc.results["free_energy"] == atoms.get_potential_energy()


def test_opens_a_saved_model_that_knows_its_elements(saved, smooth, atoms):
    assert read_about(saved) == {"elements": ["Au"], "experiment": "a test", "atoms": 6}
    atoms.calc = KerasCalculator(str(saved))  # in float64, as it was built
    assert atoms.get_potential_energy() == pytest.approx(
        predict(smooth, atoms.positions[None])[0, 0]
    )


def test_ensemble_gives_mean_and_spread(atoms):
    models = [build(seed, activation="swish2") for seed in range(3)]
    atoms.calc = KerasCalculator(models, **AU6)
    each = []
    for model in models:
        one = Atoms("Au6", positions=atoms.positions, calculator=KerasCalculator(model, **AU6))
        each.append((one.get_potential_energy(), one.get_forces()))
    energies, forces = (np.array(part) for part in zip(*each, strict=True))
    assert atoms.get_potential_energy() == pytest.approx(energies.mean())
    np.testing.assert_allclose(atoms.get_forces(), forces.mean(axis=0), atol=1e-10)
    assert atoms.calc.get_property("energy_std", atoms) == pytest.approx(energies.std(ddof=1))
    np.testing.assert_allclose(
        atoms.calc.get_property("forces_std", atoms), forces.std(axis=0, ddof=1), atol=1e-10
    )


def test_one_model_has_no_spread(smooth, atoms):
    with pytest.raises(PropertyNotImplementedError, match="no spread"):
        KerasCalculator(smooth, **AU6).get_property("energy_std", atoms)


@pytest.mark.parametrize("name", ["eq6", "eq9"])
def test_force_models_have_forces_and_no_energy(name, atoms):
    model = build(name=name)
    atoms.calc = KerasCalculator(model, **AU6)
    centred = atoms.positions - atoms.positions.mean(axis=0)
    np.testing.assert_allclose(atoms.get_forces(), predict(model, centred[None])[0], atol=1e-10)
    with pytest.raises(PropertyNotImplementedError, match="no energy to ask for"):
        atoms.get_potential_energy()


def test_a_far_away_origin_does_not_cost_digits(atoms):
    model = build(dtype="float32", activation="swish2")
    atoms.calc = KerasCalculator(model, **AU6)
    near = atoms.get_potential_energy()
    atoms.positions += 1e4
    assert atoms.get_potential_energy() == pytest.approx(near, abs=1e-5)


@pytest.mark.parametrize("mean", [5.5, -2e4])
def test_coordinates_stay_where_they_are_for_a_model_that_cares(atoms, mean):
    """The report's network on raw coordinates, whatever its mean energy."""
    statistics = replace(STATISTICS, energy_mean=mean)
    model = build(name="graph_network", centre=False, statistics=statistics)
    atoms.calc = KerasCalculator(model, **AU6)
    expected = predict(model, atoms.positions[None])[0, 0]
    assert atoms.get_potential_energy() == pytest.approx(expected, rel=1e-12)


def test_closest_approach_is_a_tenth_of_an_angstrom(smooth):
    for distance, refused in ((0.09, True), (0.11, False)):
        atoms = Atoms("Au2", positions=[[0, 0, 0], [0, 0, distance]])
        atoms.calc = KerasCalculator(smooth, "Au", atoms=2)
        if refused:
            with pytest.raises(CalculatorSetupError, match="on one point"):
                atoms.get_forces()
        else:
            atoms.get_forces()


def test_asks_no_more_than_it_was_taught(smooth, rng, tmp_path):
    calc = KerasCalculator(smooth, "Au", atoms=3)
    x = cluster(rng, 3)
    same = x.copy()
    same[2] = same[0]
    for atoms, says in (
        (Atoms(), "no atoms"),
        (Atoms("Au2", positions=x[:2]), "trained on 3 atoms and says nothing of 2"),
        (Atoms("Au2Pt", positions=x), "does not know Pt"),
        (Atoms("Au3", positions=x, cell=[20] * 3, pbc=[True, False, False]), "periodic"),
        (Atoms("Au3", positions=x * np.nan), "not finite"),
        (Atoms("Au3", positions=same), "atoms 0 and 2 are on one point"),
    ):
        atoms.calc = calc
        with pytest.raises(CalculatorSetupError, match=says):
            atoms.get_forces()


def test_models_that_do_not_fit_are_refused(smooth, tmp_path):
    with pytest.raises(CalculatorSetupError, match="which elements"):
        KerasCalculator(smooth)
    with pytest.raises(CalculatorSetupError, match="number of atoms of its training"):
        KerasCalculator(smooth, "Au")
    with pytest.raises(CalculatorSetupError, match="cannot tell Au, Pt apart"):
        KerasCalculator(smooth, ["Au", "Pt"], atoms=6)
    with pytest.raises(CalculatorSetupError, match="no model"):
        KerasCalculator([])
    others = [
        build(name="eq5", activation="swish2"),
        build(activation="relu"),
        build(activation="swish2", dtype="float32"),
        build(activation="swish2", statistics=replace(STATISTICS, energy_mean=-3.0)),
    ]
    for other in others:
        with pytest.raises(CalculatorSetupError, match="must be one equation"):
            KerasCalculator([smooth, other], **AU6)
    for wrong in (None, 5, [None]):
        with pytest.raises(CalculatorSetupError, match=r"no model|path or a Keras model"):
            KerasCalculator(wrong, "Au")
    with pytest.raises(CalculatorSetupError, match="there is no file"):
        KerasCalculator(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("not a model")
    with pytest.raises(CalculatorSetupError, match="not a saved model"):
        KerasCalculator(tmp_path / "text.keras")


def test_dynamics_conserves_energy_and_optimisers_run(smooth, atoms):
    """A smooth energy and its exact gradient: total energy stays, whatever was learned."""
    atoms.calc = KerasCalculator(smooth, **AU6)
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.5).run(50)
    assert atoms.get_total_energy() == pytest.approx(start, abs=1e-4)
    before = atoms.get_potential_energy()
    BFGS(atoms, logfile=None).run(fmax=1e-9, steps=3)
    assert atoms.get_potential_energy() < before - 1e-3
