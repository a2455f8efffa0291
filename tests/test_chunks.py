"""Large structures in chunks: the same energies, forces and virials as at once."""

import copy
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from contract.models import CUTOFF, build, shaken
from scipy.spatial import cKDTree

from keras_models.chunks import in_chunks
from keras_models.neighbours import edges, into_cell
from keras_models.potential import AT_ONCE, AT_ONCE_IN_ROUNDS, EdgePotential
from keras_models.rounds import InRounds

# Two models of three rounds, and one of a single round whose energies are of pairs.
MODELS = {"three rounds": "linear_eq4-round3-input", "one round": "eq2_neighbours"}
REFERENCES = [{"Au": -1.5, "Pt": 2e2}, None]
PAIRS = 500


@pytest.fixture(scope="module", params=MODELS)
def both(request):
    """The same models at once and in chunks, however small the structure; not compiled."""
    models = [build(MODELS[request.param], seed=seed) for seed in range(2)]
    found = []
    for at_once in (10**9, 0):
        potential = EdgePotential(models, REFERENCES, at_once=at_once, pairs=PAIRS)
        potential.compiled = potential.compiled.make(models)
        potential.in_rounds = InRounds(models, lambda make, models: make(models))
        found.append(potential)
    return tuple(found)


def far_from_its_cell(atoms, rng):
    atoms.positions += rng.integers(-3, 4, (len(atoms), 3)) * atoms.pbc @ np.array(atoms.cell)
    return atoms


def structures(rng):
    """A slab, a skew cell of many chunks, one that is smaller than the cutoff, and lone atoms."""
    skew = shaken("skew", rng).repeat((3, 2, 2))
    skew.numbers[::3] = 78
    found = [shaken("slab", rng), skew, shaken("skew", rng)]
    found = [far_from_its_cell(atoms, rng) for atoms in found]
    return [*found, Atoms("AuPtAu", positions=[[0, 0, 0], [40, 0, 0], [42.5, 0, 0]])]


def test_the_same_as_at_once(both, rng):
    at_once, in_parts = both
    for atoms in structures(rng):
        wanted, found = at_once(atoms), in_parts(atoms)
        for name in ("energies", "atom_energies", "forces", "virials", "excess"):
            a, b = getattr(wanted, name), getattr(found, name)
            assert a.shape == b.shape, name
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-10 * max(1, np.abs(a).max()))
        assert found.closest[1] == pytest.approx(wanted.closest[1], abs=1e-12)
        assert found.closest[0]() == wanted.closest[0]()
        if len(atoms) == 24:
            assert len(in_parts.neighbours.edges) >= 3


def test_with_a_list_that_is_kept(both, rng):
    """Positions that moved less than half a skin, and more."""
    at_once, in_parts = both
    atoms = structures(rng)[1]
    in_parts(atoms)
    made = in_parts.neighbours.made
    atoms.positions += rng.uniform(-0.1, 0.1, atoms.positions.shape)
    np.testing.assert_allclose(in_parts(atoms).forces, at_once(atoms).forces, atol=1e-9)
    assert in_parts.neighbours.made == made
    atoms.rattle(0.4, seed=1)
    np.testing.assert_allclose(in_parts(atoms).forces, at_once(atoms).forces, atol=1e-8)
    assert in_parts.neighbours.made == made + 1


def test_float32_to_rounding_far_from_the_origin():
    """Energies of atoms are summed in float64, so that size costs no digits."""
    atoms = bulk("Au", "fcc", a=4.1, cubic=True).repeat((5, 5, 6))
    atoms.rattle(0.1, seed=0)
    atoms.positions += 500.0
    assert len(atoms) > AT_ONCE
    model = build("eq2_neighbours", "float32")
    exact = EdgePotential([model], [None], at_once=10**9)(atoms)
    potential = EdgePotential([model], [None])
    found = potential(atoms)
    assert len(potential.neighbours.edges) > 1
    assert found.energies[0] == pytest.approx(exact.energies[0], abs=1e-6 * len(atoms))
    size = np.abs(exact.forces).max()
    np.testing.assert_allclose(found.forces, exact.forces, atol=2e-5 * size)
    np.testing.assert_allclose(
        found.virials, exact.virials, atol=1e-5 * np.abs(exact.virials).max()
    )


def test_chunks_are_complete_compact_and_of_one_shape(rng):
    atoms = far_from_its_cell(bulk("Au", "fcc", a=4.1, cubic=True).repeat((5, 6, 7)), rng)
    atoms.numbers[::7] = 78
    divided = in_chunks(atoms, CUTOFF, 5000)
    chunks, n = list(divided.chunks), len(atoms)
    own, local, rows, slots = divided.shape
    pairs = rows * slots
    x = atoms.positions + into_cell(atoms)
    found, owned, boxes = [], [], []
    for c in chunks:
        assert (len(c.numbers), len(c.atoms), len(c.rows)) == divided.shape[:3]
        assert len(c.other) == len(c.shifts) == pairs and len(c.kinds) == local
        real = c.atoms[:own] < n
        assert not real[-1] and (c.numbers[~real] == 0).all()
        owned += c.atoms[:own][real].tolist()
        known = c.atoms < n
        np.testing.assert_array_equal(c.elements[c.kinds[known]], atoms.numbers[c.atoms[known]])
        np.testing.assert_array_equal(c.numbers[real], atoms.numbers[c.atoms[:own][real]])
        assert (np.diff(c.rows) >= 0).all() and c.rows.max() < own
        centre = np.repeat(c.rows, slots)
        i, j = c.atoms[centre], c.atoms[c.other]
        padding = (i == n) | ((centre == c.other) & (np.linalg.norm(c.shifts, axis=1) == CUTOFF))
        np.testing.assert_allclose(np.linalg.norm(c.shifts[padding], axis=1), CUTOFF)
        assert (centre[padding] == c.other[padding]).all() and padding.mean() < 0.25
        i, j, s = i[~padding], j[~padding], c.shifts[~padding]
        found.append(np.column_stack([i, j, x[j] - x[i] + s]))
        # Beside the box around a ball of as many atoms.
        mine = c.atoms[:own][real]
        radius = (3 * len(mine) * atoms.get_volume() / n / (4 * np.pi)) ** (1 / 3)
        tree = cKDTree(x[mine])
        boxes.append(np.prod(tree.maxes - tree.mins) / (2 * radius) ** 3)
    assert max(boxes) < 2
    assert sorted(owned) == list(range(n)) and len(chunks) > 5
    i, j, shifts = edges(atoms, CUTOFF)
    wanted = np.column_stack([i, j, atoms.positions[j] - atoms.positions[i] + shifts])
    found = np.concatenate(found)
    for array in (wanted, found):
        array[:] = array[np.lexsort(np.round(array, 6).T[::-1])]
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    # A shape is kept while it holds all and is not too large.
    assert in_chunks(atoms, CUTOFF, 5000, divided.shape).shape == divided.shape
    larger = (*(4 * k for k in divided.shape[:3]), slots)
    assert in_chunks(atoms, CUTOFF, 5000, larger).shape == divided.shape


def test_one_function_for_all_sizes_and_none_of_them_in_a_copy():
    model = build("eq2_neighbours", "float32")
    potential = EdgePotential([model], [None], pairs=4000)
    for cells in ((4, 8, 6), (8, 8, 6)):
        atoms = bulk("Au", "fcc", a=4.1, cubic=True).repeat(cells)
        forces = potential(atoms).forces
    assert potential.in_rounds.count == 1
    assert copy.deepcopy(potential).in_rounds.count == 1
    other = pickle.loads(pickle.dumps(potential))
    np.testing.assert_allclose(other(atoms).forces, forces, atol=1e-6)


def test_compiled_with_rounds_as_at_once():
    """What is asked of more than some thousand atoms: messages go from chunk to chunk."""
    model = build("linear_eq4-round2")
    atoms = bulk("Au", "fcc", a=4.1, cubic=True).repeat((3, 3, 2))
    atoms.numbers[::5] = 78
    atoms.rattle(0.1, seed=0)
    whole = EdgePotential([model], [None])(atoms)
    potential = EdgePotential([model], [None], at_once=0, pairs=1500)
    found = potential(atoms)
    # A function for the sums and messages of each round, and for what goes back.
    count = potential.in_rounds.count
    assert len(potential.neighbours.edges) > 2 and count > 1
    for name in ("energies", "forces", "virials"):
        a, b = getattr(whole, name), getattr(found, name)
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-10 * np.abs(a).max())
    atoms.positions[0, 0] += 0.3  # a new list, of the same shape
    potential(atoms)
    assert potential.neighbours.made == 2 and potential.in_rounds.count == count


def test_refused_in_chunks_as_at_once(both):
    potential = both[1]
    atoms = bulk("Au", "fcc", a=4.1, cubic=True)
    for change, says in (
        ({"positions": atoms.positions * np.nan}, "positions are not finite"),
        ({"cell": [4.0, 0.0, 4.0]}, "no length along a periodic"),
        ({"numbers": [79, 79, 79, 29]}, "no reference energy of Cu"),
    ):
        other = atoms.copy()
        for name, value in change.items():
            other.set_cell(value) if name == "cell" else other.set_array(name, np.array(value))
        with pytest.raises(ValueError, match=says):
            potential(other)


def test_structures_of_several_rounds_are_divided_later():
    few, many = (build(f"linear_eq4-{name}") for name in ("order1", "round2"))
    assert EdgePotential([few], [None]).at_once == AT_ONCE
    assert EdgePotential([many], [None]).at_once == AT_ONCE_IN_ROUNDS
    assert EdgePotential([many], [None], at_once=0).at_once == 0
