"""Structures that people bring to a calculator: answered rightly, or refused with the reason."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.calculator import CalculatorSetupError
from ase.calculators.emt import EMT
from ase.io import read
from conftest import STATISTICS
from contract.models import build, training

from data_gen.dataset import Dataset
from keras_models import catalogue
from keras_models.calculator import ExtrapolationWarning, KerasCalculator
from keras_models.fit import FitSettings, fit
from keras_models.prediction import StructurePredictor
from keras_models.settings import AdamSettings
from reproduction.engine.provenance import ROOT

CASES = Path(__file__).parent / "cases"
SHIPPED = ROOT / "results/models"


def case(name):
    return read(CASES / f"{name}.xyz")


def given(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    return atoms


@pytest.fixture(scope="module")
def eq2():
    """The ensemble that is shipped, opened by its folder."""
    return KerasCalculator(SHIPPED / "eq2-gradient")


@pytest.fixture(scope="module")
def extensive():
    return KerasCalculator(build("eq2_neighbours"))


@pytest.mark.parametrize("name", ["au13", "au55", "two_au6_30A"])
def test_shipped_eq2_refuses_another_number_of_atoms(eq2, name):
    atoms = case(name)
    with pytest.raises(CalculatorSetupError, match=f"trained on 6 .* nothing of {len(atoms)}: its"):
        given(atoms, eq2).get_potential_energy()


def test_shipped_eq2_is_right_where_it_was_trained(eq2):
    atoms = case("two_au6_30A")[:6]
    exact = given(atoms, EMT()).get_potential_energy()
    assert given(atoms, eq2).get_potential_energy() == pytest.approx(exact, abs=1e-3)
    assert eq2.get_property("energy_std", atoms) < 1e-3


@pytest.mark.usefixtures("without_xla")
def test_shipped_behler_model_refuses_what_is_far_outside_its_training():
    """Au13 at once; two Au6 and what else is near the training with no word."""
    calculator = KerasCalculator(SHIPPED / "behler-au6-shifted/seed0.keras")
    with pytest.raises(CalculatorSetupError, match=r"13 of 13 atoms .* 30 % .* beyond limit=1"):
        given(case("au13"), calculator).get_potential_energy()
    assert calculator.extrapolation.largest == pytest.approx(2.15, abs=0.01)
    bold = KerasCalculator(SHIPPED / "behler-au6-shifted/seed0.keras", limit=3)
    bold.potential = calculator.potential  # compiled already
    exact = given(case("au13"), EMT()).get_potential_energy()
    with pytest.warns(ExtrapolationWarning, match="is a guess"):
        guess = given(case("au13"), bold).get_potential_energy()
    assert abs(guess - exact) > 20  # eV: without the limit, an answer that is no answer
    two = case("two_au6_30A")
    exact = given(two, EMT()).get_potential_energy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = given(two, calculator).get_potential_energy()
    assert found == pytest.approx(exact, abs=1e-3) and calculator.extrapolation.largest < 0.01


def test_two_clusters_far_apart_are_the_sum_of_both(extensive):
    two = case("two_au6_30A")
    parts = [given(two[k : k + 6], extensive).get_potential_energy() for k in (0, 6)]
    assert given(two, extensive).get_potential_energy() == pytest.approx(sum(parts), abs=1e-9)
    assert abs(parts[0]) > 1e-3


def test_silver_is_refused_whatever_the_argument_says(eq2, extensive):
    atoms = case("ag6")
    for calculator, known in ((eq2, "Au"), (extensive, "Au, Pt")):
        with pytest.raises(CalculatorSetupError, match=f"trained on {known} and does not know Ag"):
            given(atoms, calculator).get_potential_energy()
    for model in (
        SHIPPED / "eq2-gradient/seed0.keras",
        SHIPPED / "behler-au6-shifted/seed0.keras",
        build("behler"),
        build("eq2_neighbours"),
    ):
        with pytest.raises(CalculatorSetupError, match=r"trained on Au.* elements=\(Ag\) cannot"):
            KerasCalculator(model, elements="Ag")
    with pytest.raises(CalculatorSetupError, match="trained on 6 atoms, not 13"):
        KerasCalculator(SHIPPED / "eq2-gradient/seed0.keras", atoms=13)
    # Naming what they are is no contradiction, nor is any order.
    assert KerasCalculator(build("behler"), elements=["Pt", "Au"]).elements == {"Au", "Pt"}


def test_energies_of_millions_of_eV_are_right_or_refused():
    frames = read(CASES / "all_electron_total.xyz", ":")
    references = {"Au": frames[0].get_potential_energy() / 6, "Pt": -5e5}
    model = build("eq2_neighbours", "float32")
    calculator = KerasCalculator(model, references=references)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        found = np.array([given(a, calculator).get_potential_energy() for a in frames])
    # What float32 has to say is a few eV.
    small = StructurePredictor(model)(frames)[0]
    np.testing.assert_allclose(found - 6 * references["Au"], small, rtol=0, atol=5e-6)
    assert np.ptp(small) > 1e-2 and np.abs(small).max() < 10 and found.max() < -3e6
    # The mean energy is a number of float32 inside this one.
    old = catalogue.build("eq2", replace(STATISTICS, energy_mean=found.mean()), seed=0)
    with pytest.raises(CalculatorSetupError, match=r"steps of 0\.25 eV at -3\.1\d+e\+06 eV: train"):
        given(frames[0], KerasCalculator(old, "Au", atoms=6)).get_potential_energy()


def as_dataset(frames, numbers=None):
    numbers = frames[0].numbers if numbers is None else numbers
    return Dataset(
        np.stack([a.positions for a in frames]),
        numbers,
        np.array([a.get_potential_energy() for a in frames]),
        np.stack([a.get_forces() for a in frames]),
        np.array(frames[0].cell),
        frames[0].pbc,
    )


def test_training_refuses_what_the_model_would_not_see():
    lattice = as_dataset(read(CASES / "lattice_no_pbc.xyz", ":"))
    alloy = as_dataset(read(CASES / "all_electron_total.xyz", ":"), np.array([79] * 5 + [78]))
    large = as_dataset(read(CASES / "all_electron_total.xyz", ":"))
    settings = FitSettings("eq2", AdamSettings(1))
    for data, says in (
        (lattice, "eq2 does not see periodic images"),
        (alloy, "does not see which atom is of which element"),
        (large, r"steps of 0\.25 eV .* use float64"),
    ):
        with pytest.raises(ValueError, match=says):
            fit(data, None, settings)


def test_a_lattice_without_pbc_is_periodic_throughout(eq2, extensive):
    """As ASE reads it: refused without images, and by images of 24 Å the same cluster."""
    atoms = case("lattice_no_pbc")
    assert atoms.pbc.all()
    with pytest.raises(CalculatorSetupError, match=r"no periodic images: set atoms.pbc = False"):
        given(atoms, eq2).get_potential_energy()
    alone = atoms.copy()
    alone.pbc = False
    a, b = (given(x, extensive).get_potential_energy() for x in (atoms, alone))
    assert a == pytest.approx(b, abs=1e-10) and training().elements == ["Au", "Pt"]
