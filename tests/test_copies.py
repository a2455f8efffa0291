"""Calculators are copied, pickled, and handed to ASE's tools, with structures in any form."""

import copy
import pickle

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.calculator import CalculatorSetupError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB
from contract.models import build, shaken

from keras_models import potential
from keras_models.behler import behler
from keras_models.building import build_seeded, precision
from keras_models.calculator import KerasCalculator
from keras_models.saving import save_model

pytestmark = pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
AU6 = {"elements": "Au", "atoms": 6}


@pytest.fixture(scope="module")
def calculators():
    """An ensemble on positions, one on edge lists, and Behler's model."""
    small = small_behler()
    return {
        "positions": KerasCalculator([build("eq2-fast", seed=k) for k in (0, 1)], **AU6),
        "edges": KerasCalculator([build("eq2_neighbours", seed=k) for k in (0, 1)]),
        "slots": KerasCalculator([small, small], limit=np.inf),
    }


def small_behler():
    """A model with one function of each kind, as the default set takes long to compile."""
    functions = [
        {"type": "G2", "element": "Au", "eta": 0.2, "offset": 0.0},
        {"type": "G4", "elements": ["Au", "Au"], "eta": 0.005, "zeta": 4.0, "gamma": 1.0},
    ]
    ranges = {e: np.tile([0.0, 3.0], (2, 1)) for e in ("Au", "Pt")}
    with precision("float64"):
        return build_seeded(lambda: behler(ranges, (5, 4), functions), 0)


KINDS = ("positions", "edges", "slots")


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_a_calculator_that_has_answered_remember_structures_of_their_own(
    calculators, atoms, kind
):
    """Both wrote over one structure in place, and answered for the other's positions."""
    first = copy.copy(calculators[kind])
    here, there = atoms.copy(), atoms.copy()
    there.rattle(0.05, seed=1)
    here.calc = first
    of_here = here.get_potential_energy()
    second = copy.copy(first)
    assert second.results["energy"] == of_here
    there.calc = second
    of_there = there.get_potential_energy()
    assert of_there != of_here
    # As in replica exchange.
    here.positions, there.positions = there.positions.copy(), here.positions.copy()
    assert (here.get_potential_energy(), there.get_potential_energy()) == (of_there, of_here)
    assert second.potential.compiled is first.potential.compiled


def test_a_list_that_was_not_taken_over_is_forgotten(calculators, atoms, monkeypatch):
    """After Ctrl-C in between, inputs were the last structure's, and the list seemed valid."""
    calculator = copy.copy(calculators["edges"])
    other = atoms.copy()
    atoms.positions[0] += 20.0  # without the pairs that the other has
    atoms.calc, other.calc = calculator, copy.copy(calculator)
    expected = other.get_potential_energy()
    assert abs(atoms.get_potential_energy() - expected) > 1e-3
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(potential, "into_cell", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        other.calc = calculator
        other.get_potential_energy()
    assert other.get_potential_energy() == expected


def test_an_argument_that_there_is_not_is_refused(calculators):
    """A limit that is spelt wrongly would be no limit."""
    with pytest.raises(TypeError, match="limt"):
        KerasCalculator(build("eq2_neighbours"), limt=0.1)
    with pytest.raises(CalculatorSetupError, match="atoms is a number"):
        KerasCalculator(build("eq2_neighbours"), atoms=bulk("Au"))
    with pytest.raises(CalculatorSetupError, match="new calculator with limit"):
        calculators["edges"].set(limit=0.1)


@pytest.fixture
def atoms(rng):
    return shaken("cluster", rng)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_share_what_is_compiled_and_nothing_else(calculators, atoms, kind):
    first = calculators[kind]
    atoms.calc = first
    forces = atoms.get_forces()
    many = first.potential.compiled.count
    other = copy.deepcopy(atoms)
    other.calc = copy.deepcopy(first)
    other.positions[0] += 0.1
    assert np.abs(other.get_forces() - forces).max() > 1e-3
    assert other.calc.potential.compiled.count == many
    np.testing.assert_array_equal(first.results["forces"], forces)
    assert first.get_property("forces_std", atoms).shape == forces.shape


@pytest.mark.parametrize("kind", KINDS)
def test_pickled_after_a_call_it_says_the_same(calculators, atoms, kind):
    atoms.calc = calculators[kind]
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    again = pickle.loads(pickle.dumps(atoms.calc))
    again.reset()
    atoms.calc = again
    assert atoms.get_potential_energy() == energy
    np.testing.assert_array_equal(atoms.get_forces(), forces)
    assert again.potential.compiled.count == 1


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_for_ase(calculators, atoms, kind):
    atoms.calc = calculators[kind]
    energy = atoms.get_potential_energy()
    assert atoms.calc.export_properties()["energy"] == energy
    assert SinglePointCalculator(atoms, **atoms.calc.results).results["free_energy"] == energy
    assert set(atoms.calc.results) <= set(atoms.calc.implemented_properties)
    assert atoms.calc.get_property("energy_std", atoms) >= 0


def test_a_band_of_copies(calculators, atoms):
    """As ASE's tutorial has it, with a calculator of its own for each image."""
    images = [atoms.copy() for _ in range(4)]
    images[-1].positions[0] += 0.5
    for image in images:
        image.calc = copy.deepcopy(calculators["edges"])
    band = NEB(images)
    band.interpolate()
    assert np.isfinite(band.get_forces()).all() and np.ptp(band.energies) > 1e-4


def test_folders_and_patterns_are_ensembles(tmp_path, atoms):
    models = [build("eq2-fast", seed=k) for k in (0, 1)]
    for k, model in enumerate(models):
        save_model(model, tmp_path / f"seed{k}.keras", ["Au"], atoms=6)
    (tmp_path / "page.html").write_text("no model")
    (tmp_path / f".seed2.{32 * '0'}.tmp.keras").write_text("being written, or left by a kill")
    wanted = KerasCalculator(models, **AU6)
    for given in (tmp_path, str(tmp_path), str(tmp_path / "seed*.keras")):
        found = KerasCalculator(given)
        assert found.size == 2
    atoms.calc = found
    assert atoms.get_potential_energy() == wanted.get_potential_energy(atoms)
    assert KerasCalculator([tmp_path / "seed0.keras", *models[:0]]).size == 1
    for nothing in (tmp_path / "none*.keras", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        (tmp_path / "empty/.seed0.tmp.keras").touch()
        with pytest.raises(CalculatorSetupError, match=r"no model \(\*\.keras\) is there"):
            KerasCalculator(nothing)
    # Models of one equation, but of other clusters.
    save_model(models[1], tmp_path / "seed1.keras", ["Au"], atoms=13)
    with pytest.raises(CalculatorSetupError, match="same elements and atoms"):
        KerasCalculator(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wrapped_or_not_shifted_or_renumbered(dtype):
    """In float32, too: an atom that has wandered through a thousand cells costs no digits."""
    rng = np.random.default_rng(1)
    calculator = KerasCalculator(build("eq2_neighbours", dtype))
    atoms = make_supercell(bulk("Au", "fcc", a=4.1, cubic=True), np.diag([2, 2, 1]))
    atoms.numbers[::5] = 78
    atoms.rattle(0.1, rng=rng)
    atoms.calc = calculator
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    tolerance = {"float32": 2e-5, "float64": 1e-9}[dtype]
    away = atoms.copy()
    away.positions += rng.integers(-1000, 1000, (len(atoms), 3)) @ np.array(atoms.cell)
    shifted = atoms.copy()
    shifted.positions += [0.3, -7.1, 1.9]
    order = rng.permutation(len(atoms))
    for other, back in ((away, None), (shifted, None), (atoms[order], order)):
        other.calc = calculator
        assert other.get_potential_energy() == pytest.approx(energy, abs=tolerance)
        wanted = forces if back is None else forces[back]
        np.testing.assert_allclose(other.get_forces(), wanted, atol=tolerance)
        np.testing.assert_allclose(other.get_stress(), stress, atol=tolerance)
    assert np.abs(forces).max() > 1e-2


def test_behlers_model_compiles_for_sizes_alone_and_searches_once(rng, monkeypatch):
    """Five cells and three compositions, as in constant-pressure dynamics of an alloy."""
    searches, edges = [], potential.edges
    monkeypatch.setattr(potential, "edges", lambda *a: searches.append(1) or edges(*a))
    calculator = KerasCalculator(small_behler(), limit=np.inf)
    slab, found = shaken("slab", rng), []
    for k, size in enumerate((0.96, 1.0, 0.98, 1.02, 1.04)):  # the densest first
        for turn in (0, 3, 7)[: 1 + 2 * (k == 0)]:
            atoms = slab.copy()
            atoms.set_cell(size * np.array(slab.cell), scale_atoms=True)
            atoms.numbers = np.roll(atoms.numbers, turn)
            atoms.calc = calculator
            found.append(atoms.get_potential_energy())
    assert calculator.potential.compiled.count == 1 and len(searches) == 7
    assert np.abs(np.diff(found)).min() > 1e-6
