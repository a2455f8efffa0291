"""Eq. 1 in Keras: against plain loops, against Amp, against itself."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from contract.models import batch_for, shaken
from twins.behler import fingerprint

from data_gen.frames import Structure
from keras_models import behler, load_model
from keras_models.backend import tf
from keras_models.building import build_seeded, flat_weights, precision, set_flat_weights
from keras_models.calculator import KerasCalculator
from keras_models.objective import FullBatch
from keras_models.prediction import EnergyForcePredictor
from keras_models.saving import save_model
from keras_models.symmetry_functions import (
    SymmetryFunctions,
    default_symmetry_functions,
    fingerprints,
    fingerprints_and_gradients,
    shifted_symmetry_functions,
)

CUTOFF = 6.5


def elements_of(atoms):
    return sorted(set(atoms.symbols))


def moved(atoms, x):
    """The same atoms at each of several positions (n, N, 3)."""
    return [Structure(one, atoms.numbers, np.array(atoms.cell), atoms.pbc) for one in x]


def few(elements):
    """One function of each kind, for tests that any will do for: the default set compiles long."""
    pair = [elements[0], elements[-1]]
    return [
        {"type": "G2", "element": elements[-1], "eta": 0.2, "offset": 0.0},
        {"type": "G4", "elements": pair, "eta": 0.005, "zeta": 4.0, "gamma": 1.0},
    ]


def layer_for(functions):
    return SymmetryFunctions(functions, CUTOFF, dtype="float64")


def model_for(elements, seed=0, **options):
    """A small network with ranges that scale typical fingerprints to order one."""
    ranges = {e: np.tile([0.0, 3.0], (2, 1)) for e in elements}
    with precision("float64"):
        return build_seeded(lambda: behler.behler(ranges, (5, 4), few(elements), **options), seed)


def slow_fingerprints(atoms, functions, indices=None):
    cell = np.array(atoms.cell)
    return [
        fingerprint(atoms.positions, atoms.numbers, cell, atoms.pbc, i, functions, CUTOFF)
        for i in (range(len(atoms)) if indices is None else indices)
    ]


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_fingerprints_are_those_of_plain_loops(name, rng):
    atoms = shaken(name, rng)
    layer = layer_for(default_symmetry_functions(elements_of(atoms)))
    found = fingerprints(layer, [atoms])[0]
    slow = slow_fingerprints(atoms, layer.functions)
    np.testing.assert_allclose(found, slow, rtol=1e-12, atol=1e-12)


def test_other_parameters_than_the_default(rng):
    atoms = shaken("slab", rng)
    functions = [
        {"type": "G2", "element": "Pt", "eta": 3.0, "offset": 2.5},
        {"type": "G4", "elements": ["Au", "Pt"], "eta": 0.3, "zeta": 2.5, "gamma": -1.0},
        {"type": "G4", "elements": ["Pt", "Pt"], "eta": 0.1, "zeta": 3.0, "gamma": 1.0},
        {"type": "G2", "element": "Cu", "eta": 3.0, "offset": 0.0},
    ]
    found = fingerprints(layer_for(functions), [atoms])[0]
    np.testing.assert_allclose(found, slow_fingerprints(atoms, functions), rtol=1e-12, atol=1e-12)
    assert (found[:, 3] == 0.0).all()  # an element that is not there


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_derivatives_are_the_gradient(name, rng):
    atoms = shaken(name, rng)
    x = atoms.positions
    layer = layer_for(default_symmetry_functions(elements_of(atoms)))
    both = fingerprints_and_gradients(layer, [atoms])[0]
    np.testing.assert_allclose(both[..., 0], fingerprints(layer, [atoms])[0], rtol=1e-13)
    step = 1e-5
    for m, axis in ((0, 0), (len(x) - 1, 2), (1, 1)):
        ends = np.stack([x, x])
        ends[0, m, axis] += step
        ends[1, m, axis] -= step
        up, down = fingerprints(layer, moved(atoms, ends))
        np.testing.assert_allclose(both[..., 1 + 3 * m + axis], (up - down) / (2 * step), atol=1e-8)


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("output", ["tanh", None])
def test_from_fingerprints_as_from_positions(output, rng):
    atoms = shaken("slab", rng)
    model = model_for(elements_of(atoms), output_activation=output)
    layer, network = model.get_layer("symmetry_functions"), behler.network(model)
    features = tf.constant(fingerprints_and_gradients(layer, [atoms]))
    weights = [tf.convert_to_tensor(v) for v in network.trainable_variables]
    energies, forces = behler.network_energies_and_forces(network, weights, features, atoms.numbers)
    wanted = EnergyForcePredictor(model).of([atoms])
    np.testing.assert_allclose(energies, wanted[0], rtol=1e-12)
    np.testing.assert_allclose(forces, wanted[1], atol=1e-11)
    # No Newton: forces of a periodic system add up to zero as well.
    assert abs(forces.numpy().sum(axis=1)).max() < 1e-11


def test_gradient_of_the_loss_is_right(rng):
    atoms = shaken("slab", rng)
    model = model_for(elements_of(atoms))
    network = behler.network(model)
    x = np.stack([atoms.positions, atoms.positions + rng.normal(0, 0.05, atoms.positions.shape)])
    layer = model.get_layer("symmetry_functions")
    features = fingerprints_and_gradients(layer, moved(atoms, x))
    numbers, targets = atoms.numbers, (rng.normal(size=2), rng.normal(size=x.shape))
    for objective, z in (
        (behler.fingerprint_objective(network, numbers, *targets, 0.3, 0.7), features),
        (
            behler.fingerprint_objective(network, numbers, targets[0], None, 1.0, 0.0),
            features[..., 0],
        ),
    ):
        batch, theta = FullBatch(objective, z), flat_weights(network)
        _, gradient = batch(theta)
        for k in rng.choice(len(theta), 12, replace=False):
            step = np.zeros_like(theta)
            step[k] = 1e-5
            slope = (batch(theta + step)[0] - batch(theta - step)[0]) / 2e-5
            assert slope == pytest.approx(gradient[k], rel=1e-5, abs=1e-8)


def test_a_trained_model_is_saved_whole(rng, tmp_path):
    """Its trained part is a layer of it: taking it out by surgery broke saving."""
    atoms = shaken("slab", rng)
    model = model_for(elements_of(atoms))
    network = behler.network(model)
    set_flat_weights(network, flat_weights(network) + 0.1)
    x = batch_for(model, [atoms])
    wanted = model(x).numpy()
    save_model(model, tmp_path / "m.keras", ["Au", "Pt"])
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras")(x), wanted)
    assert np.abs(wanted - model_for(elements_of(atoms))(x)).max() > 1e-3


@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_calculator_knows_elements_images_and_other_cells(rng, tmp_path):
    atoms = shaken("slab", rng)
    model = model_for(elements_of(atoms))
    save_model(model, tmp_path / "m.keras", ["Au", "Pt"])
    wanted = float(model(batch_for(model, [atoms])))
    atoms.calc = KerasCalculator(tmp_path / "m.keras", limit=np.inf)
    energy = atoms.get_potential_energy()
    assert energy == pytest.approx(wanted, rel=1e-12)
    numerical = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[4, 9])
    np.testing.assert_allclose(atoms.get_forces()[[4, 9]], numerical, atol=1e-6)
    large = atoms.repeat((1, 2, 1))
    large.calc = atoms.calc
    assert large.get_potential_energy() == pytest.approx(2 * energy, rel=1e-12)
    # Denser than at first: more neighbours than there were slots.
    dense = atoms.copy()
    dense.set_cell(np.array(atoms.cell) * [[0.7], [0.7], [1.0]], scale_atoms=True)
    wanted = float(model(batch_for(model, [dense])))
    dense.calc = atoms.calc
    assert dense.get_potential_energy() == pytest.approx(wanted, rel=1e-12)
    for wrong, says in (
        (Atoms("CuPt", positions=[[0, 0, 0], [2.5, 0, 0]]), "does not know Cu"),
        (Atoms("AuPt", positions=[[0, 0, 0], [2.5, 0, 0]], pbc=True), "no length"),
    ):
        wrong.calc = atoms.calc
        with pytest.raises(CalculatorSetupError, match=says):
            wrong.get_potential_energy()


@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_calculator_has_stress_and_energies_of_atoms(rng):
    """The mean of an ensemble's, in any cell with a volume; another cell compiles nothing."""
    slab, crystal = shaken("slab", rng), shaken("skew", rng)
    models = [model_for(["Au", "Pt"], seed) for seed in (0, 1)]
    calculator = KerasCalculator(models, ["Au", "Pt"], limit=np.inf)
    slab = slab[[*range(10), 0]]  # a size that is padded
    slab.positions[-1, 2] += 4.0
    for atoms in (slab, crystal):
        atoms.calc, atoms.constraints = calculator, []
        stress = atoms.get_stress()
        numerical = calculate_numerical_stress(atoms, eps=1e-5)
        np.testing.assert_allclose(stress, numerical, atol=1e-6 * np.abs(stress).max())
        assert np.abs(stress[:3]).min() > 1e-5
        energies = atoms.get_potential_energies()
        assert energies.shape == (len(atoms),) and np.ptp(energies) > 1e-3
        assert energies.sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    compiled = calculator.potential.compiled.count
    crystal.set_cell(np.array(crystal.cell) * 1.0001, scale_atoms=True)
    assert not np.array_equal(crystal.get_stress(), stress)
    assert calculator.potential.compiled.count == compiled
    cluster = shaken("cluster", rng)
    cluster.calc, cluster.cell = calculator, None
    with pytest.raises(PropertyNotImplementedError, match="no volume"):
        cluster.get_stress()


def test_bad_input_is_refused(rng):
    with pytest.raises(ValueError, match="G5"):
        layer_for([{"type": "G5"}])
    mixed = [shaken("slab", rng), shaken("cluster", rng)]
    with pytest.raises(ValueError, match="one number of atoms"):
        fingerprints(layer_for(few(["Au"])), mixed)


def test_many_samples_as_one_by_one(rng):
    """Chunks, the last of them filled up, and the compiled function: the same numbers."""
    atoms = shaken("cluster", rng)
    layer = layer_for(few(elements_of(atoms)))
    many = moved(atoms, atoms.positions + rng.normal(0, 0.1, (7, 6, 3)))
    told = []
    for function in (fingerprints, fingerprints_and_gradients):
        one_by_one = np.concatenate([function(layer, [m]) for m in many])
        np.testing.assert_allclose(function(layer, many, chunk=3), one_by_one, atol=1e-13)
    fingerprints_and_gradients(layer, many, 3, lambda *counts: told.append(counts))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_finer_functions_cover_the_neighbour_shells(rng):
    """At every distance of neighbours one of them changes; angular ones as in plain loops."""
    atoms = shaken("slab", rng)
    functions = shifted_symmetry_functions(["Pt", "Au"])
    assert len(functions) == 2 * 16 + 3 * 8
    found = fingerprints(layer_for(functions), [atoms])[0]
    slow = slow_fingerprints(atoms, functions, (0, 9))
    np.testing.assert_allclose(found[[0, 9]], slow, rtol=1e-10, atol=1e-12)
    pair = Atoms("Au2")
    for r in (2.2, 3.0, 4.1, 5.5):
        ends = np.array([[[0, 0, 0], [0, 0, r + d]] for d in (-0.05, 0.05)])
        low, high = fingerprints(layer_for(functions), moved(pair, ends))[:, 0]
        assert abs(high - low).max() > 0.01
