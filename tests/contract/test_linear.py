"""The contract of models of neighbours, beyond that of every model: virials, elements, boundaries.

What is asked of every model, and of every model of images and elements, is in test_contract.py and
test_batches.py.
"""

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from contract.models import CUTOFF, batch_for, build, on_edges, shaken, training
from contract.models import VARIANTS as ALL
from scipy.spatial.transform import Rotation
from twins import energy_neighbours as twin_of_pairs
from twins import linear_eq4 as twin

from data_gen.frames import Structure
from keras_models.backend import tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.edges import edge_list, join, join_padded, takes_edges
from keras_models.linear_eq4 import lone_energies
from keras_models.prediction import StructurePredictor
from keras_models.virial import energies_forces_and_virials, of_slots, stress_of

VARIANTS = {v: options for v, (name, options) in ALL.items() if name == "linear_eq4"}
of_eq4 = pytest.mark.parametrize("variant", VARIANTS)
# All layers and both treatments of elements are in the first two.
RICHEST = ("linear_eq4-round2", "linear_eq4-round3-input")
richest = pytest.mark.parametrize("variant", RICHEST)
every = pytest.mark.parametrize("variant", [*RICHEST, "eq2_neighbours", "eq3_neighbours"])
with_behler = pytest.mark.parametrize(
    "variant", [*RICHEST, "eq2_neighbours", "eq3_neighbours", "behler"]
)


def respond(variant, structures, dtype="float64", padded=False):
    """Energies (n,), forces (A, 3) and virials (n, 3, 3) of one batch, not compiled."""
    model = build(variant, dtype)
    weights = [v.value for v in model.trainable_variables]
    if not takes_edges(model):
        found = of_slots(model, weights, batch_for(model, structures, room=padded))
        return tuple(part.numpy() for part in found)
    parts = [edge_list(s, CUTOFF) for s in structures]
    batch = join_padded(parts, CUTOFF) if padded else join(parts, CUTOFF)
    found = energies_forces_and_virials(model, weights, tensors_of(batch, dtype))
    return tuple(part.numpy() for part in found)


def close_pair(rng):
    """A cluster with two atoms inside the repulsion."""
    atoms = shaken("cluster", rng)
    shortest = build("linear_eq4-order3").get_layer("repulsion").shortest[0][0]
    along = atoms.positions[1] - atoms.positions[0]
    atoms.positions[1] = atoms.positions[0] + 0.8 * shortest * along / np.linalg.norm(along)
    return atoms


@pytest.fixture
def structures(rng):
    """A cluster, a slab, a skew cell smaller than the cutoff, one atom, and a pair too close."""
    found = [*(shaken(name, rng) for name in ("cluster", "slab", "skew", "atom")), close_pair(rng)]
    for atoms in (found[0], found[-1]):
        atoms.numbers[1:3] = 78
    return found


@of_eq4
def test_equals_its_slow_twin(variant, structures):
    """Explicit pairs and triples of neighbours, images by brute force."""
    options = {"order": 3, "rounds": 1, "elements": "outputs", **VARIANTS[variant]}
    layers = twin.layers_of(build(variant))
    # Without the slab, whose triples are too many for loops.
    chosen = [s for s in structures if len(s) < 10]
    if options["order"] == 3:
        # The skew cell has 100 neighbours: a million triples.
        chosen = [s for s in chosen if not s.pbc.any()]
    expected = [
        twin.energy(s, *layers, options["order"], options["rounds"], options["elements"])
        for s in chosen
    ]
    found = respond(variant, chosen)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    assert np.abs(np.diff(found)).min() > 1e-3


@pytest.mark.parametrize(("variant", "equation"), [("eq2_neighbours", 2), ("eq3_neighbours", 3)])
def test_pair_models_equal_their_slow_twin(variant, equation, structures):
    way = ALL[variant][1]["elements"]
    weights, constants = twin.layers_of(build(variant))
    expected = [twin_of_pairs.energy(s, weights, constants, equation, way) for s in structures]
    found = respond(variant, structures)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    assert np.abs(np.diff(found)).min() > 1e-3


@with_behler
def test_turned_mirrored_moved_and_renumbered(variant, rng):
    atoms = shaken("slab", rng)
    moved = []
    for turn in (Rotation.random(random_state=1).as_matrix(), -np.eye(3)):
        order = rng.permutation(len(atoms))
        other = atoms[order]
        other.positions = other.positions @ turn.T + rng.uniform(-5, 5, 3)
        other.cell = np.array(other.cell) @ turn.T
        moved.append((other, order, turn))
    (e, *others), forces, virials = respond(variant, [atoms, *(m[0] for m in moved)])
    forces = forces.reshape(-1, len(atoms), 3)
    for k, (_, order, turn) in enumerate(moved):
        assert others[k] == pytest.approx(e, abs=1e-10)
        np.testing.assert_allclose(forces[k + 1], forces[0][order] @ turn.T, atol=1e-10)
        np.testing.assert_allclose(virials[k + 1], turn @ virials[0] @ turn.T, atol=1e-9)
    assert np.abs(forces).max() > 1e-2 and np.abs(virials).max() > 1e-2


def slope(function, step=1e-4):
    """Derivative at 0 by differences of fourth order."""
    ends = [function(k * step) for k in (-2, -1, 1, 2)]
    return (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)


@with_behler
@pytest.mark.parametrize("name", ["slab", "skew", "close pair"])
def test_forces_and_stress_are_finite_differences(variant, name, rng):
    atoms = close_pair(rng) if name == "close pair" else shaken(name, rng)
    _, forces, (virial,) = respond(variant, [atoms])
    np.testing.assert_allclose(virial, virial.T, atol=1e-10 * max(1, np.abs(virial).max()))

    def energy(positions, cell):
        moved = Structure(positions, atoms.numbers, cell, atoms.pbc)
        return respond(variant, [moved])[0][0]

    cell = np.array(atoms.cell)
    direction = rng.standard_normal(forces.shape)
    found = slope(lambda h: energy(atoms.positions + h * direction, cell))
    assert -(forces * direction).sum() == pytest.approx(found, rel=1e-6)
    strain = rng.standard_normal((3, 3))

    def strained(h):
        turn = np.eye(3) + h * strain
        return energy(atoms.positions @ turn, cell @ turn)

    found = slope(strained, 3e-5)
    assert -(virial * strain).sum() == pytest.approx(found, rel=1e-6)
    if atoms.pbc.all():
        voigt = stress_of(virial, cell)
        for k, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            assert voigt[k] == pytest.approx(-virial[a, b] / atoms.get_volume())


@with_behler
def test_together_padded_and_compiled_as_alone(variant, structures):
    alone = [respond(variant, [s]) for s in structures]
    parts = [np.concatenate([a[k] for a in alone]) for k in range(3)]
    n, atoms = len(structures), sum(map(len, structures))
    for padded in (False, True):
        energies, forces, virials = respond(variant, structures, padded=padded)
        assert np.isfinite(forces).all() and np.isfinite(virials).all()
        np.testing.assert_allclose(energies[:n], parts[0], rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(forces[:atoms], parts[1], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(virials[:n], parts[2], rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(energies[n:], 0)
        np.testing.assert_array_equal(forces[atoms:], 0)
        np.testing.assert_array_equal(virials[n:], 0)


@pytest.mark.parametrize("variant", ["linear_eq4-round2", "eq2_neighbours"])
def test_one_compilation_for_cells_and_compositions_of_one_shape(variant, rng):
    atoms = shaken("slab", rng)
    other = atoms.copy()
    other.set_cell(np.array(atoms.cell) * 1.001, scale_atoms=True)
    other.numbers = other.numbers[::-1]
    chosen = [atoms, other, shaken("cluster", rng)]
    predictor = StructurePredictor(build(variant), {"Au": -1.5, "Pt": 2e4}, chunk=1)
    energies, forces, virials = predictor(chosen)
    assert predictor.compiled.experimental_get_tracing_count() == 2
    expected = respond(variant, chosen)
    references = [-1.5 * (s.numbers == 79).sum() + 2e4 * (s.numbers == 78).sum() for s in chosen]
    np.testing.assert_allclose(energies, expected[0] + references, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.concatenate(forces), expected[1], atol=1e-9)
    np.testing.assert_allclose(virials, expected[2], atol=1e-9)


@with_behler
def test_virials_of_a_supercell_however_it_is_wrapped(variant, rng):
    """The skew cell has heights of 1.6 Å, less than a third of the cutoff."""
    atoms = shaken("skew", rng)
    large = make_supercell(atoms, [[1, 1, 0], [0, 2, 0], [0, 0, 1]])
    away = atoms.copy()
    away.positions += rng.integers(-3, 4, (len(atoms), 3)) * atoms.pbc @ np.array(atoms.cell)
    (e, e_away, e_large), f, v = respond(variant, [atoms, away, large])
    n = len(atoms)
    assert e_away == pytest.approx(e, abs=1e-10) and e_large == pytest.approx(2 * e, abs=1e-10)
    np.testing.assert_allclose(f[n:], np.tile(f[:n], (3, 1)), atol=1e-10)
    np.testing.assert_allclose(v[1:], [v[0], 2 * v[0]], atol=1e-9)


@pytest.mark.parametrize("variant", ["linear_eq4-round2", "eq2_neighbours", "eq3_neighbours"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_atom_alone_has_exactly_its_reference_energy(variant, dtype):
    """Of every element, in a batch with others or not, compiled or not; a far ghost is alone."""
    lone = [Atoms(e) for e in ("Au", "Pt")]
    if dtype == "float32":  # as models are trained
        predictor = StructurePredictor(build(variant, dtype), {"Au": -3.25, "Pt": 7.5})
        assert predictor(lone)[0].tolist() == [-3.25, 7.5]
    pair = Atoms("AuPt", positions=[[0, 0, 0], [40.0, 0, 0]])
    for found in (respond(variant, [*lone, pair], dtype), respond(variant, lone, dtype)):
        for part in found:
            np.testing.assert_array_equal(part, 0)


@every
def test_nothing_jumps_where_an_atom_crosses_a_boundary(variant, rng):
    """The cutoff, where it joins a cluster or a single atom, and both ends of the repulsion.

    Energy, force and the force's slope on both sides differ by no more than the distance between
    the sides explains.
    """
    cluster, atom = shaken("cluster", rng), Atoms("Au", positions=np.zeros((1, 3)))
    b = build(variant).get_layer("repulsion").shortest[0][1]
    x = cluster.positions
    out = x[0] + CUTOFF * (x[0] - x.mean(0)) / np.linalg.norm(x[0] - x.mean(0))
    cases = [
        (cluster, x[0], CUTOFF, out - x[0]),
        *((atom, np.zeros(3), r, np.array([1.0, 0, 0])) for r in (CUTOFF, b, b / 2)),
    ]
    for base, origin, r, along in cases:
        along = along / np.linalg.norm(along)

        def at(distances, base=base, origin=origin, along=along):
            moved = [base + Atoms("Pt", positions=[origin + d * along]) for d in distances]
            energies, forces, _ = respond(variant, moved)
            last = np.cumsum([len(m) for m in moved]) - 1
            return energies, forces[last] @ along

        h = 4e-6
        energies, forces = at(r + h * np.array([-3, -1, 1, 3]))
        nearby_e, nearby_f = at(r + np.linspace(-0.5, 0.5, 9))
        size = np.abs(nearby_f).max()
        curvature = np.abs(np.diff(nearby_f)).max() / 0.125
        assert np.ptp(nearby_e) > 0 and curvature > 0
        assert abs(energies[2] - energies[1]) <= 3 * h * size
        assert abs(forces[2] - forces[1]) <= 10 * h * curvature
        slopes = (forces[1] - forces[0]) / (2 * h), (forces[3] - forces[2]) / (2 * h)
        assert abs(slopes[1] - slopes[0]) <= 1e-2 * curvature


def test_the_slope_of_forces_by_behlers_functions_jumps_at_their_cutoff():
    """Why that model is not asked: the second derivative of the cosine cutoff is not 0 there."""
    reach, h = cutoff_of(build("behler")), 1e-4

    def force(r):
        return respond("behler", [Atoms("Au2", positions=[[0, 0, 0], [r, 0, 0]])])[1][1, 0]

    inside, at, outside = (force(reach + k * h) for k in (-1, 0, 1))
    assert abs(at) < 1e-12 and outside == 0 and abs(inside) / h > 1e-3
    assert force(reach - h / 2) == pytest.approx(inside / 2, rel=1e-2)


def test_two_atoms_closer_than_ever_repel(rng):
    """Whatever the network: below half the shortest distance of training it hears of no change."""
    for variant in ("linear_eq4-round3-input", "eq2_neighbours", "eq3_neighbours"):
        b = build(variant).get_layer("repulsion").shortest[0][0]
        r = np.linspace(0.1, 0.5, 9) * b
        pairs = [Atoms("Au2", positions=[[0, 0, 0], [x, 0, 0]]) for x in r]
        energies, forces, _ = respond(variant, pairs)
        expected = [twin.zbl(x, 79, 79, b) for x in r]
        np.testing.assert_allclose(np.diff(energies), np.diff(expected), rtol=1e-6)
        assert (forces[1::2, 0] > 0).all()


def test_an_element_outside_training_gives_nan_and_no_other_structure_suffers(rng):
    one, strange = shaken("cluster", rng), shaken("cluster", rng)
    strange.numbers[2] = 29
    for variant in ("linear_eq4-round2", "eq2_neighbours", "eq3_neighbours"):
        energies = respond(variant, [one, strange, Atoms("Cu")])[0]
        assert np.isfinite(energies[0]) and np.isnan(energies[1:]).all()


@of_eq4
def test_the_standardisations_are_of_the_training_part(variant):
    """Before training, features have mean 0 and deviation 1, and forces their size in training."""
    model = on_edges(variant)
    parts = [edge_list(s, CUTOFF) for s in training().structures]
    x = tensors_of(join(parts, CUTOFF), "float64")
    rounds = VARIANTS[variant].get("rounds", 1)
    name = f"rounds_1_to_{rounds}" if rounds > 1 else "round_1"
    inner = type(model)(model.input, model.get_layer("with_lone_atoms").input[0])
    features = inner(x).numpy()
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-10)
    std = features.std(axis=0)
    assert std.max() <= 1 + 1e-9 and np.median(std) == pytest.approx(1), name
    weights = [v.value for v in model.trainable_variables]
    forces = energies_forces_and_virials(model, weights, x)[1].numpy()
    wanted = np.concatenate(training().forces)
    assert np.sqrt((forces**2).mean()) == pytest.approx(np.sqrt((wanted**2).mean()), rel=1e-6)


@every
def test_every_weight_learns_from_padded_energies_and_forces(variant, structures):
    model = build(variant)
    batch = join_padded([edge_list(s, CUTOFF) for s in structures], CUTOFF)
    x = tensors_of(batch, "float64")
    with tf.GradientTape() as tape:
        weights = [v.value for v in model.trainable_variables]
        tape.watch(weights)
        energies, forces, virials = energies_forces_and_virials(model, weights, x)
        loss = sum(tf.reduce_sum(part**2) for part in (energies, forces, virials))
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, weights), strict=True
    ):
        if "constants_of_elements" in variable.path:  # learned from lone_energies
            continue
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, variable.path


@pytest.mark.parametrize("variant", ["linear_eq4-round2", "eq2_neighbours", "eq3_neighbours"])
def test_what_atoms_alone_have_before_it_is_subtracted(variant, structures):
    """By any batch; the constants of Eq. 3's elements are in nothing else."""
    model = build(variant)
    weights = [v.value for v in model.trainable_variables]
    found = lone_energies(model)
    a, b = (found(weights, batch_for(model, [s])).numpy() for s in structures[:2])
    np.testing.assert_allclose(a, b, atol=1e-12)
    assert a.shape == (2,) and abs(a[0] - a[1]) > 1e-6
    if variant == "eq3_neighbours":
        scale = model.get_layer("atom_energies").scale
        constants = model.get_layer("constants_of_elements").get_weights()[0][:, 0]
        np.testing.assert_allclose(a, scale * constants)
