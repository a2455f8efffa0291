"""Eq. 1 in Keras: against plain loops, against Amp, against itself."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import CalculatorSetupError
from ase.calculators.fd import calculate_numerical_forces
from ase.data import chemical_symbols
from twins.behler import fingerprint

from data_gen.structures import build_structure
from keras_models import behler, load_model
from keras_models.backend import tf
from keras_models.building import build_seeded, flat_weights, precision
from keras_models.calculator import KerasCalculator
from keras_models.objective import FullBatch
from keras_models.prediction import EnergyForcePredictor, predict
from keras_models.saving import save_model
from keras_models.symmetry_functions import (
    SymmetryFunctions,
    default_symmetry_functions,
    fingerprints,
    fingerprints_and_gradients,
    most_neighbours,
    shifted_symmetry_functions,
)

CUTOFF = 6.5


def shaken(name, rng, size=0.1):
    """(positions, numbers, cell, pbc) of a structure with displaced atoms."""
    if name == "cluster":
        atoms = build_structure("au6-octahedron")
    elif name == "slab":
        atoms = build_structure("pt8au2-slab")
    else:  # one atom of each element in a skew cell much smaller than the cutoff
        atoms = bulk("Pt", "fcc", a=3.9) + Atoms("Au", positions=[[1.95, 1.95, 3.9]])
        atoms.set_cell([[0.2, 2.9, 2.6], [2.7, 0.0, 2.8], [2.9, 2.7, 0.1]])
        atoms.pbc = True
    x = atoms.positions + rng.normal(0, size, atoms.positions.shape)
    return x, atoms.numbers, np.array(atoms.cell), atoms.pbc


def symbols_of(numbers):
    return sorted({chemical_symbols[z] for z in numbers})


def few(elements):
    """One function of each kind, for tests that any will do for: the default set compiles long."""
    pair = [elements[0], elements[-1]]
    return [
        {"type": "G2", "element": elements[-1], "eta": 0.2, "offset": 0.0},
        {"type": "G4", "elements": pair, "eta": 0.005, "zeta": 4.0, "gamma": 1.0},
    ]


def layer_for(numbers, cell, pbc, functions=None, **options):
    functions = few(symbols_of(numbers)) if functions is None else functions
    return SymmetryFunctions(numbers, cell, pbc, functions, CUTOFF, dtype="float64", **options)


def model_for(numbers, cell, pbc, seed=0, **options):
    """A small network with ranges that scale typical fingerprints to order one."""
    elements = symbols_of(numbers)
    ranges = {e: np.tile([0.0, 3.0], (2, 1)) for e in elements}
    with precision("float64"):
        return build_seeded(
            lambda: behler.behler(numbers, cell, pbc, ranges, (5, 4), few(elements), **options),
            seed,
        )


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_fingerprints_are_those_of_plain_loops(name, rng):
    x, numbers, cell, pbc = shaken(name, rng)
    functions = default_symmetry_functions(symbols_of(numbers))
    layer = layer_for(numbers, cell, pbc, functions)
    found = fingerprints(layer, x[None])[0]
    for i in range(len(x)):
        slow = fingerprint(x, numbers, cell, pbc, i, layer.functions, CUTOFF)
        np.testing.assert_allclose(found[i], slow, rtol=1e-12, atol=1e-12)


def test_other_parameters_than_the_default(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    functions = [
        {"type": "G2", "element": "Pt", "eta": 3.0, "offset": 2.5},
        {"type": "G4", "elements": ["Au", "Pt"], "eta": 0.3, "zeta": 2.5, "gamma": -1.0},
        {"type": "G4", "elements": ["Pt", "Pt"], "eta": 0.1, "zeta": 3.0, "gamma": 1.0},
        {"type": "G2", "element": "Cu", "eta": 3.0, "offset": 0.0},
    ]
    found = fingerprints(layer_for(numbers, cell, pbc, functions), x[None])[0]
    slow = [fingerprint(x, numbers, cell, pbc, i, functions, CUTOFF) for i in range(len(x))]
    np.testing.assert_allclose(found, slow, rtol=1e-12, atol=1e-12)
    assert (found[:, 3] == 0.0).all()  # an element that is not there


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_derivatives_are_the_gradient(name, rng):
    x, numbers, cell, pbc = shaken(name, rng)
    layer = layer_for(numbers, cell, pbc, default_symmetry_functions(symbols_of(numbers)))
    both = fingerprints_and_gradients(layer, x[None])[0]
    np.testing.assert_allclose(both[..., 0], fingerprints(layer, x[None])[0], rtol=1e-13)
    step = 1e-5
    for m, axis in ((0, 0), (len(x) - 1, 2), (1, 1)):
        ends = np.stack([x, x])
        ends[0, m, axis] += step
        ends[1, m, axis] -= step
        up, down = fingerprints(layer, ends)
        np.testing.assert_allclose(both[..., 1 + 3 * m + axis], (up - down) / (2 * step), atol=1e-8)


def test_room_for_fewer_neighbours_is_the_same_or_nan(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    full = layer_for(numbers, cell, pbc)
    most = most_neighbours(full, x[None])
    exact = layer_for(numbers, cell, pbc, room=most)
    short = layer_for(numbers, cell, pbc, room=most - 1)
    for function in (fingerprints, fingerprints_and_gradients):
        wanted = function(full, x[None])
        np.testing.assert_allclose(function(exact, x[None]), wanted, rtol=1e-12, atol=1e-13)
    assert np.isnan(fingerprints(short, x[None])).any(axis=(1, 2)).all()
    assert np.isnan(fingerprints_and_gradients(short, x[None])[..., 0]).any()


def test_too_little_room_gives_no_wrong_forces(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc)
    most = most_neighbours(model.get_layer("symmetry_functions"), x[None])
    energies, forces = EnergyForcePredictor(behler.with_room(model, most - 1))(x[None])
    assert np.isnan(energies).all() and np.isnan(forces).any(axis=(1, 2)).all()


def test_nothing_depends_on_which_image_an_atom_is_in(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    layer = layer_for(numbers, cell, pbc)
    moved = x + rng.integers(-3, 4, (len(x), 3)) * [1, 1, 0] @ cell
    np.testing.assert_allclose(
        fingerprints(layer, moved[None]), fingerprints(layer, x[None]), atol=1e-11
    )


def test_energy_is_invariant(rng):
    x, numbers, cell, pbc = shaken("cluster", rng)
    model = model_for(numbers, cell, pbc)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(x))
    same = np.stack([x, x @ q, x[order], x + np.array([5.0, -3.0, 2.0])])
    found = predict(model, same)[:, 0]
    assert np.ptp(found) < 1e-10
    assert abs(predict(model, x[None] * 1.02)[0, 0] - found[0]) > 1e-4


def test_swapping_atoms_counts_between_elements_alone(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc)
    alike, unlike = x.copy(), x.copy()
    alike[[4, 5]] = alike[[5, 4]]
    unlike[[4, 9]] = unlike[[9, 4]]
    found = predict(model, np.stack([x, alike, unlike]))[:, 0]
    assert abs(found[1] - found[0]) < 1e-11 and abs(found[2] - found[0]) > 1e-3


@pytest.mark.parametrize("output", ["tanh", None])
def test_from_fingerprints_as_from_positions(output, rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc, output_activation=output)
    layer, network = model.get_layer("symmetry_functions"), behler.network(model)
    features = fingerprints_and_gradients(layer, x[None])
    weights = [tf.convert_to_tensor(v) for v in network.trainable_variables]
    energies, forces = behler.network_energy_and_forces(network, weights, tf.constant(features))
    wanted = EnergyForcePredictor(model)(x[None])
    np.testing.assert_allclose(energies, wanted[0], rtol=1e-12)
    np.testing.assert_allclose(forces, wanted[1], atol=1e-11)
    # No Newton: forces of a periodic system add up to zero as well.
    assert abs(forces.numpy().sum(axis=1)).max() < 1e-11


def test_gradient_of_the_loss_is_right(rng):
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc)
    network = behler.network(model)
    x = np.stack([x, x + rng.normal(0, 0.05, x.shape)])
    features = fingerprints_and_gradients(model.get_layer("symmetry_functions"), x)
    targets = rng.normal(size=2), rng.normal(size=x.shape)
    for objective, z in (
        (behler.fingerprint_objective(network, *targets, 0.3, 0.7), features),
        (behler.fingerprint_objective(network, targets[0], None, 1.0, 0.0), features[..., 0]),
    ):
        batch, theta = FullBatch(objective, z), flat_weights(network)
        _, gradient = batch(theta)
        for k in rng.choice(len(theta), 12, replace=False):
            step = np.zeros_like(theta)
            step[k] = 1e-5
            slope = (batch(theta + step)[0] - batch(theta - step)[0]) / 2e-5
            assert slope == pytest.approx(gradient[k], rel=1e-5, abs=1e-8)


def test_repeated_cell_has_repeated_energy(rng):
    """The weights are carried to twice the atoms in twice the cell."""
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc)
    twice = behler.for_structure(model, np.tile(numbers, 2), cell * [[1], [2], [1]], pbc)
    both = np.concatenate([x, x + cell[1]])
    one, two = EnergyForcePredictor(model)(x[None]), EnergyForcePredictor(twice)(both[None])
    assert two[0][0] == pytest.approx(2 * one[0][0], rel=1e-12)
    np.testing.assert_allclose(two[1][0], np.tile(one[1][0], (2, 1)), atol=1e-11)


def test_calculator_knows_elements_images_and_other_cells(rng, tmp_path):
    x, numbers, cell, pbc = shaken("slab", rng)
    model = model_for(numbers, cell, pbc)
    save_model(model, tmp_path / "m.keras", ["Au", "Pt"])
    again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(predict(again, x[None]), predict(model, x[None]))
    atoms = Atoms(numbers, positions=x, cell=cell, pbc=pbc)
    atoms.calc = KerasCalculator(tmp_path / "m.keras")
    energy = atoms.get_potential_energy()
    assert energy == pytest.approx(predict(model, x[None])[0, 0], rel=1e-12)
    numerical = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[4, 9])
    np.testing.assert_allclose(atoms.get_forces()[[4, 9]], numerical, atol=1e-6)
    large = atoms.repeat((1, 2, 1))
    large.calc = atoms.calc
    assert large.get_potential_energy() == pytest.approx(2 * energy, rel=1e-12)
    other = Atoms("CuPt", positions=[[0, 0, 0], [2.5, 0, 0]])
    other.calc = atoms.calc
    with pytest.raises(CalculatorSetupError, match="does not know Cu"):
        other.get_potential_energy()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="G5"):
        layer_for([79, 79], np.eye(3), (False,) * 3, [{"type": "G5"}])
    with pytest.raises(ValueError, match="no length"):
        layer_for([79, 79], np.zeros((3, 3)), (True, False, False))
    with pytest.raises(ValueError, match="no range of fingerprints for Pt"):
        behler.behler([78], np.eye(3), (False,) * 3, {"Au": np.zeros((8, 2))}, (5,))


def test_many_samples_as_one_by_one(rng):
    """Chunks, the last of them filled up, and the compiled function: the same numbers."""
    x, numbers, cell, pbc = shaken("cluster", rng)
    layer = layer_for(numbers, cell, pbc)
    many = x + rng.normal(0, 0.1, (7, *x.shape))
    told = []
    for function in (fingerprints, fingerprints_and_gradients):
        one_by_one = np.concatenate([function(layer, m[None]) for m in many])
        np.testing.assert_allclose(function(layer, many, chunk=3), one_by_one, atol=1e-13)
    fingerprints_and_gradients(layer, many, 3, lambda *counts: told.append(counts))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_finer_functions_cover_the_neighbour_shells(rng):
    """At every distance of neighbours one of them changes; angular ones as in plain loops."""
    x, numbers, cell, pbc = shaken("slab", rng)
    functions = shifted_symmetry_functions(["Pt", "Au"])
    assert len(functions) == 2 * 16 + 3 * 8
    found = fingerprints(layer_for(numbers, cell, pbc, functions), x[None])[0]
    for i in (0, 9):
        slow = fingerprint(x, numbers, cell, pbc, i, functions, CUTOFF)
        np.testing.assert_allclose(found[i], slow, rtol=1e-10, atol=1e-12)
    pair = [layer_for([79, 79], np.eye(3), (False,) * 3, functions)] * 2
    for r in (2.2, 3.0, 4.1, 5.5):
        ends = np.array([[[0, 0, 0], [0, 0, r + d]] for d in (-0.05, 0.05)])
        low, high = fingerprints(pair[0], ends)[:, 0]
        assert abs(high - low).max() > 0.01
