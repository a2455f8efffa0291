"""Calculator, predictor and saving of models on edge lists: cells, stress, references, a skin."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.calculators.calculator import CalculatorSetupError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from conftest import STATISTICS, graphs_alone
from contract.models import CUTOFF, build, shaken, training

from keras_models import catalogue
from keras_models.calculator import KerasCalculator
from keras_models.prediction import EnergyForcePredictor, StructurePredictor
from keras_models.saving import read_about, save_model
from keras_models.virial import atom_energies_of

# Untrained models on whatever structures: most are outside what they were standardised for.
pytestmark = pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")

# Sums of tenths and thousands of eV: digits that a float32 or a short decimal number loses.
REFERENCES = {"Au": -19357.123456789012, "Pt": 0.1 + 0.2}


@pytest.fixture(scope="module")
def model():
    return build("eq2_neighbours")


@pytest.fixture(scope="module")
def calculator(model):
    """One for all tests, as each compiles for its own."""
    return KerasCalculator(model, references=REFERENCES)


@pytest.fixture
def traced(model, without_xla):
    """Of structures whose shapes no other test has, each of which would be compiled."""
    return KerasCalculator(model, references=REFERENCES)


@pytest.fixture(scope="module")
def bare(model):
    """Without the thousands of eV, which cost numerical derivatives digits."""
    return KerasCalculator(model)


@pytest.fixture(scope="module")
def predictor(model):
    """Not compiled, unlike the calculator."""
    with graphs_alone():
        return StructurePredictor(model, REFERENCES, chunk=1)


def given(atoms, calculator):
    atoms = atoms.copy()
    atoms.set_constraint()
    atoms.calc = calculator
    return atoms


@pytest.mark.parametrize("name", ["cluster", "slab", "skew", "atom"])
def test_energy_forces_and_stress_are_the_models(name, calculator, predictor, rng):
    atoms = given(shaken(name, rng), calculator)
    (energy,), (forces,), (virial,) = predictor([atoms])
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=0, abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-10)
    energies = atoms.get_potential_energies()
    assert energies.shape == (len(atoms),)
    assert energies.sum() == pytest.approx(energy, rel=0, abs=1e-9)
    if atoms.cell.rank < 3:
        with pytest.raises(PropertyNotImplementedError, match="no volume"):
            atoms.get_stress()
        assert atoms.get_potential_energy() == pytest.approx(energy, rel=0, abs=1e-9)
    else:
        np.testing.assert_allclose(
            atoms.get_stress(voigt=False) * -atoms.get_volume(), virial, atol=1e-9
        )


def test_an_atom_without_neighbours_has_its_reference_energy(calculator):
    for symbol, energy in REFERENCES.items():
        for cell, pbc in ((None, False), ([20.0] * 3, True)):
            atoms = given(Atoms(symbol, cell=cell, pbc=pbc), calculator)
            assert atoms.get_potential_energy() == energy
            np.testing.assert_array_equal(atoms.get_forces(), 0)


def test_numerical_forces_and_stress(bare, rng):
    atoms = given(shaken("skew", rng), bare)
    stress = atoms.get_stress()
    np.testing.assert_allclose(
        stress, calculate_numerical_stress(atoms, eps=1e-5), atol=1e-6 * np.abs(stress).max()
    )
    np.testing.assert_allclose(
        atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-6
    )
    assert np.abs(stress).min() > 1e-5
    # The same crystal in a left-handed cell.
    left = atoms.copy()
    left.set_cell(np.array(atoms.cell)[[1, 0, 2]])
    left.calc = atoms.calc
    assert left.cell.handedness == -atoms.cell.handedness
    np.testing.assert_allclose(left.get_stress(), stress, atol=1e-12)


def test_half_periodic_cells(traced, rng):
    """A wire in a cell of one vector: as a long piece of it in a box, but for the ends."""
    wire = Atoms("AuPt", positions=[[0, 0, 0], [0, 0.3, 2.6]], cell=[0, 0, 5.2], pbc=[0, 0, 1])
    (one, both) = (given(a, traced) for a in (wire, wire.repeat((1, 1, 2))))
    assert both.get_potential_energy() == pytest.approx(2 * one.get_potential_energy(), abs=1e-9)
    with pytest.raises(PropertyNotImplementedError, match="no volume"):
        one.get_stress()


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("variant", ["eq2_neighbours", "linear_eq4-round3-input"])
def test_a_trajectory_with_a_skin_is_that_without(variant, rng):
    """Of several rounds, too, whose messages would come from beyond the cutoff."""
    model = build(variant)
    with_skin, without = KerasCalculator(model, skin=1.0), KerasCalculator(model, skin=0.0)
    atoms, steps = shaken("skew", rng), 16
    velocity = rng.normal(0, 0.05, (len(atoms), 3))
    for _ in range(steps):
        atoms.positions += velocity + rng.normal(0, 0.01, velocity.shape)
        a, b = given(atoms, with_skin), given(atoms, without)
        assert a.get_potential_energy() == pytest.approx(b.get_potential_energy(), abs=1e-11)
        np.testing.assert_allclose(a.get_forces(), b.get_forces(), atol=1e-10)
        np.testing.assert_allclose(a.get_stress(), b.get_stress(), atol=1e-11)
    assert without.neighbour_lists == steps and 2 <= with_skin.neighbour_lists <= steps // 2
    # Another cell, or an atom that is put back into it, needs a new list.
    made = with_skin.neighbour_lists
    a.get_forces()
    a.set_cell(1.001 * np.array(a.cell), scale_atoms=False)
    b.set_cell(a.cell)
    a.get_forces()
    assert with_skin.neighbour_lists == made + 1
    for one in (a, b):
        one.positions[0] += 3 * np.array(one.cell)[1]
    np.testing.assert_allclose(a.get_forces(), b.get_forces(), atol=1e-10)
    assert with_skin.neighbour_lists == made + 2


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("cells", [1, 2, 3])
def test_cells_of_like_size_and_other_compositions_compile_few_functions(cells, rng):
    """As in constant-pressure dynamics of an alloy, 1.5 % to either side of its cell."""
    calculator = KerasCalculator(build("linear_eq4-order1"))
    crystal, energies = bulk("Au", "fcc", a=4.1, cubic=True).repeat(cells), []
    for size in rng.permutation(np.linspace(0.985, 1.015, 11)):
        atoms = crystal.copy()
        atoms.set_cell(size * np.array(crystal.cell), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.numbers[rng.random(len(atoms)) < 0.3] = 78
        energies.append(given(atoms, calculator).get_potential_energy())
    assert len(set(energies)) == 11 and calculator.potential.compiled.count <= 4


def test_each_change_of_a_structure_is_seen(calculator, rng):
    """And kept: what the calculator was asked about last are its atoms."""
    atoms = given(shaken("slab", rng), calculator)
    energies = [atoms.get_potential_energy()]
    lists = calculator.neighbour_lists
    assert atoms.get_potential_energy() == energies[0] and calculator.check_state(atoms) == []
    for change in (
        lambda: atoms.positions.__setitem__((0, 0), atoms.positions[0, 0] + 1e-3),
        lambda: atoms.numbers.__setitem__([0, -1], atoms.numbers[[-1, 0]]),
        lambda: atoms.set_cell(1.01 * np.array(atoms.cell)),
        lambda: atoms.set_pbc([True, False, False]),
    ):
        change()
        assert len(calculator.check_state(atoms)) == 1
        energies.append(atoms.get_potential_energy())
        assert calculator.atoms == atoms and calculator.atoms is not atoms
    assert len(set(energies)) == 5 and calculator.neighbour_lists == lists + 3


def test_a_cell_is_relaxed(bare):
    """By a model that has learned nothing: its energy falls, whatever it is."""
    atoms = given(bulk("Au", "fcc", a=4.2, cubic=True), bare)
    atoms.rattle(0.05, seed=0)
    start, volume = atoms.get_potential_energy(), atoms.get_volume()
    BFGS(FrechetCellFilter(atoms), logfile=None, maxstep=0.05).run(fmax=1e-6, steps=4)
    assert len(atoms) == 4 and atoms.get_potential_energy() < start - 1e-4
    assert abs(atoms.get_volume() - volume) > 1e-3


def test_float32_does_not_lose_digits_to_references_origin_or_size(rng):
    """The difference of two energies in a sum of millions of eV is the work of the forces."""
    calculator = KerasCalculator(build("eq2_neighbours", "float32"), references=REFERENCES)
    atoms = given(make_supercell(bulk("Au", "fcc", a=4.1, cubic=True), 3 * np.eye(3)), calculator)
    atoms.rattle(0.1, seed=1)
    step, energies, forces = np.array([0.02, 0.0, 0.01]), [], []
    for _ in range(2):
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
        atoms.positions[0] += step
    work = (forces[0] + forces[1])[0] @ step / 2
    assert abs(work) > 1e-2 and energies[0] < -2e6
    assert energies[1] - energies[0] == pytest.approx(-work, abs=5e-4)
    atoms.positions += 3e3
    there = atoms.get_forces()
    atoms.positions -= 3e3
    np.testing.assert_allclose(there, atoms.get_forces(), atol=1e-3)


@pytest.mark.usefixtures("without_xla")
def test_ensemble_gives_mean_and_spread(rng, model, bare):
    """Of models whose standardisations differ, as they depend on the first weights."""
    assert model.get_config() != build("eq2_neighbours", seed=1).get_config()
    models = [model, build("eq2_neighbours", seed=1)]
    atoms = given(shaken("skew", rng), KerasCalculator(models))
    each = [given(atoms, c) for c in (bare, KerasCalculator(models[1]))]
    for name in ("energy", "forces", "stress", "energies"):
        parts = [a.calc.get_property(name, a) for a in each]
        np.testing.assert_allclose(
            atoms.calc.get_property(name, atoms), np.mean(parts, axis=0), atol=1e-10
        )
        if name in ("energy", "forces"):
            std = np.std(parts, axis=0, ddof=1)
            assert np.max(std) > 1e-3
            found = atoms.calc.get_property(f"{name}_std", atoms)
            np.testing.assert_allclose(found, std, atol=1e-10)
    with pytest.raises(CalculatorSetupError, match="same elements"):
        KerasCalculator([model, build("eq2_neighbours", "float32")])


def test_reference_energies_are_saved_to_the_last_bit(model, rng, tmp_path):
    path, folder = tmp_path / "m.keras", str(tmp_path)
    save_model(model, path, ["Pt", "Au"], {**REFERENCES, "Cu": np.nan}, seed=3)
    assert read_about(path) == {"elements": ["Au", "Pt"], "references": REFERENCES, "seed": 3}
    atoms = shaken("skew", rng)
    wanted = StructurePredictor(model, REFERENCES, chunk=1)([atoms])
    np.savez(tmp_path / "x.npz", x=atoms.positions, z=atoms.numbers, cell=np.array(atoms.cell))
    code = (
        "import sys, numpy as np; from ase import Atoms\n"
        "from keras_models.prediction import StructurePredictor\n"
        "from keras_models.calculator import KerasCalculator\n"
        "d = np.load(sys.argv[1] + '/x.npz')\n"
        "atoms = Atoms(d['z'], positions=d['x'], cell=d['cell'], pbc=True)\n"
        "path = sys.argv[1] + '/m.keras'\n"
        "e, f, v = StructurePredictor.load(path, chunk=1)([atoms])\n"
        "atoms.calc = KerasCalculator(path)\n"
        "np.savez(sys.argv[1] + '/y.npz', e=e, f=f[0], v=v, c=atoms.get_potential_energy())"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    found = np.load(tmp_path / "y.npz")
    np.testing.assert_array_equal(found["e"], wanted[0])
    np.testing.assert_array_equal(found["f"], wanted[1][0])
    np.testing.assert_array_equal(found["v"], wanted[2])
    assert found["c"] == pytest.approx(wanted[0][0], rel=0, abs=1e-9)
    for bad in ({"Au": 1.0}, {"Au": 1.0, "Pt": np.inf}):
        with pytest.raises(ValueError, match=r"reference energy of Pt"):
            save_model(model, path, ["Pt", "Au"], bad)


def test_structures_without_an_answer_are_refused(traced, predictor, model, rng):
    x = np.array([[0.0, 0, 0], [2.5, 0, 0]])
    nan = x * np.nan
    flat = [[5.0, 0, 0], [0, 5, 0], [5, 5, 1e-9]]
    cases = (
        (Atoms("CuPt", x), "trained on Au, Pt and does not know Cu", "no reference energy of Cu"),
        (Atoms("Au2", nan), "positions are not finite", "positions are not finite"),
        (Atoms("Au2", x, cell=[np.nan, 5, 5]), "vectors are not finite", "vectors are not finite"),
        (Atoms("Au2", x, pbc=True), "no length along a periodic", "no length along a periodic"),
        (Atoms("Au2", x, cell=[5, 5, 0], pbc=True), "no length along", "no length along"),
        (Atoms("Au2", x, cell=flat, pbc=True), "cell is flat", "cell is flat"),
        (Atoms("Au2", x, cell=[5, 5, 1e-7], pbc=True), "cell is flat", "cell is flat"),
        (Atoms("Au2", 0.03 * x), "atoms 0 and 1 are on one point", None),
        (Atoms("Au2", 0 * x), "atoms 0 and 1 are on one point", None),
        (Atoms("Au2", 1.97 * x, cell=[5, 9, 9], pbc=True), "atoms 0 and 1 are on one point", None),
        (Atoms("Au", cell=[9, 9, 0.09], pbc=True), "atoms 0 and 0 are on one point", None),
        (Atoms(), "no atoms", None),
    )
    for atoms, of_calculator, of_predictor in cases:
        with pytest.raises(CalculatorSetupError, match=of_calculator):
            given(atoms, traced).get_forces()
        if of_predictor:
            with pytest.raises(ValueError, match=of_predictor):
                predictor([atoms])
    # A flat cell that no one repeats does not matter; and nothing is left of what was refused.
    energy = given(Atoms("Au2", x), traced).get_potential_energy()
    plane = [[5.0, 0, 0], [0, 5, 0], [5, 5, 0]]
    slab = [True, True, False]
    for cell, pbc in ((flat, False), (plane, False), (flat, slab), (plane, slab)):
        atoms = given(Atoms("Au2", x, cell=cell, pbc=pbc), traced)
        found = atoms.get_potential_energy()
        assert (found == pytest.approx(energy, abs=1e-9)) is (pbc is False)
        with pytest.raises(PropertyNotImplementedError, match="no volume"):
            atoms.get_stress()
        # Of this structure itself nothing is forgotten.
        assert atoms.calc.extrapolation is not None and "energy" in atoms.calc.results


def test_a_refused_structure_is_not_answered_with_the_last_one_s_numbers(calculator, rng):
    good, bad = given(shaken("cluster", rng), calculator), Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]])
    good.get_potential_energy()
    assert calculator.extrapolation is not None
    for ask in (calculator.calculate, lambda atoms: calculator.get_property("energy", atoms)):
        with pytest.raises(CalculatorSetupError, match="does not know Cu"):
            ask(bad)
        assert calculator.extrapolation is None and not calculator.results


def test_arguments_that_do_not_fit_are_refused(model):
    old = catalogue.build("eq2", STATISTICS)
    for models, arguments, says in (
        (model, {"skin": -0.1}, "at least 0 Å"),
        (model, {"skin": np.nan}, "at least 0 Å"),
        (model, {"references": {"Au": 1.0}}, "no reference energy of Pt"),
        (model, {"elements": ["Au", "Cu"]}, "trained on Au, Pt"),
        (old, {"elements": "Au", "references": {"Au": 1.0}}, "no references"),
    ):
        with pytest.raises(CalculatorSetupError, match=says):
            KerasCalculator(models, **arguments)
    with pytest.raises(ValueError, match="does not take edge lists"):
        StructurePredictor(old)
    with pytest.raises(ValueError, match="no energies of atoms"):
        atom_energies_of(old)
    assert "stress" not in KerasCalculator(old, "Au", atoms=6).implemented_properties


def test_models_of_one_cutoff_and_other_layers_are_no_ensemble(model):
    """Their shapes would else meet in TensorFlow, and in some only where atoms are many."""
    widths = ((4, 7, 1), (1, 5, 4))
    wider = catalogue.build(
        "eq2_neighbours", training(), widths, None, {"cutoff": CUTOFF}, 0, "float64"
    )
    says = r"models 1 and 3 differ in layer atom_mlp_hidden_1, layer atom_mlp_output$"
    with pytest.raises(CalculatorSetupError, match=says):
        KerasCalculator([model, model, wider])
    with pytest.raises(CalculatorSetupError, match=r"1 and 2 differ in layer .* and \d+ more"):
        KerasCalculator([model, build("eq3_neighbours")])


def test_references_are_those_of_the_file_and_of_all_models_or_none(model, tmp_path):
    path = tmp_path / "m.keras"
    save_model(model, path, list(REFERENCES), REFERENCES)
    for other in ({**REFERENCES, "Au": 1.0}, {"Au": REFERENCES["Au"]}, {}):
        with pytest.raises(CalculatorSetupError, match="references= cannot change"):
            KerasCalculator(path, references=other)
    with pytest.raises(CalculatorSetupError, match="only some models"):
        KerasCalculator([path, model])
    calculator = KerasCalculator([path, model], references={**REFERENCES, "Cu": 2.0})
    assert calculator.ensemble.references[0] == REFERENCES


@pytest.mark.usefixtures("without_xla")
def test_predicted_in_chunks_with_references_and_without(model, rng):
    """By the one predictor for all models, too, which knows no references."""
    chosen = [shaken(name, rng) for name in ("cluster", "skew", "atom")]
    with_references = StructurePredictor(model, REFERENCES, chunk=2)(chosen)
    energies, forces = EnergyForcePredictor(model, chunk=2).of(chosen)
    added = [sum(REFERENCES[e] for e in atoms.symbols) for atoms in chosen]
    np.testing.assert_allclose(with_references[0], energies + added, rtol=0, atol=1e-9)
    for a, b in zip(with_references[1], forces, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("without_xla")
def test_predictions_that_are_none_are_nan_throughout_and_no_other_structure_s(model):
    """An unknown element, and two atoms on one point, each with a pair out of reach."""
    x = np.array([[0.0, 0, 0], [2.5, 0, 0], [20, 0, 0], [22.5, 0, 0]])
    same = x.copy()
    same[1] = same[0]
    structures = [Atoms("Au4", x), Atoms("CuAu3", x), Atoms("Au4", same), Atoms("Au4", x)]
    for k, found in enumerate(zip(*StructurePredictor(model, chunk=4)(structures), strict=True)):
        for part in found:
            assert np.isfinite(part).all() if k in (0, 3) else np.isnan(part).all()
