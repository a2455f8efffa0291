"""The contract of models that know elements and images: what a batch must not change."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from ase.neighborlist import neighbor_list
from conftest import cluster
from contract.models import VARIANTS, batch_for, build, entry, shaken

from keras_models import batch
from keras_models.backend import tf
from keras_models.batch import batch_of
from keras_models.gradient import energy_and_forces
from keras_models.neighbours import edges
from keras_models.prediction import EnergyForcePredictor

PERIODIC = [v for v in VARIANTS if entry(v).periodic]
# A model of each kind of batch, and one with all layers: that of two rounds is compiled in
# test_linear.py, the others have no layers of their own. Chunks, the last of them not full, of one
# shape and of two, and of all four structures.
COMPILED = (("behler", 3), ("eq2_neighbours", 3), ("linear_eq4-round3-input", 4))

NAMES = ("cluster", "slab", "skew", "atom")


@pytest.fixture
def structures(rng):
    return [shaken(name, rng) for name in NAMES]


def respond(variant, structures, room=False):
    """Energies (n,) and forces (A, 3) of one batch, not compiled."""
    model = build(variant)
    x = batch_for(model, structures, room)
    weights = [v.value for v in model.trainable_variables]
    return tuple(part.numpy() for part in energy_and_forces(model, weights, x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cutoff", [2.0, 6.5, 9.0])
def test_edges_are_those_of_ase(name, cutoff, rng):
    """A well-kept library against another, atoms outside the cell among them."""
    atoms = shaken(name, rng)
    atoms.positions += rng.integers(-2, 3, (len(atoms), 3)) * atoms.pbc @ np.array(atoms.cell)
    i, j, shifts = edges(atoms, cutoff)
    vectors = atoms.positions[j] - atoms.positions[i] + shifts
    other = neighbor_list("ijD", atoms, cutoff)
    ours, theirs = (
        sorted(zip(a.tolist(), b.tolist(), np.round(v, 9).tolist(), strict=True))
        for a, b, v in ((i, j, vectors), other)
    )
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal([x[:2] for x in ours], [x[:2] for x in theirs])
    np.testing.assert_allclose([x[2] for x in ours], [x[2] for x in theirs], atol=1e-8)


def test_what_edges_refuse():
    flat = Atoms("Au2", positions=[[0, 0, 0], [0, 0, 3]], cell=[5, 5, 0], pbc=True)
    with pytest.raises(ValueError, match="no length along a periodic direction"):
        edges(flat, 6.5)


def test_a_batch_is_filled_with_what_counts_for_nothing(structures):
    cutoff = 6.5
    need = max(np.bincount(edges(s, cutoff)[0], minlength=1).max() for s in structures)
    batch = batch_of(structures, cutoff, need + 3, 30, 6)
    assert batch.neighbours.shape == (30, need + 3) and batch.sizes.tolist() == [6, 10, 2, 1, 0, 0]
    atoms = batch.sizes.sum()
    assert batch.numbers[:atoms].all() and not batch.numbers[atoms:].any()
    lengths = np.linalg.norm(
        batch.positions[batch.neighbours] - batch.positions[:, None] + batch.shifts, axis=-1
    )
    found = (lengths < cutoff).sum(axis=1)
    assert found.sum() == sum(len(edges(s, cutoff)[0]) for s in structures) and found.max() == need
    for shape in ({"slots": need - 1}, {"atoms": 18}, {"samples": 3}):
        with pytest.raises(ValueError, match="do not fit"):
            batch_of(structures, cutoff, **shape)


def test_batches_search_the_neighbours_of_a_frame_once(structures, monkeypatch):
    searched = []
    monkeypatch.setattr(batch, "edges", lambda s, cutoff: searched.append(s) or edges(s, cutoff))
    found = list(batch.batches(structures, 6.5, 3))
    assert len(searched) == len(structures) and len({b.neighbours.shape for b in found}) == 1
    for one, part in zip(found, (structures[:3], structures[3:]), strict=True):
        wanted = batch_of(part, 6.5, one.neighbours.shape[1], len(one.numbers), 3)
        for a, b in zip(one, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("variant", PERIODIC)
def test_frames_of_any_size_together_as_alone(variant, structures):
    energies, forces = respond(variant, structures)
    alone = [respond(variant, [s]) for s in structures]
    np.testing.assert_allclose(energies, np.concatenate([e for e, _ in alone]), atol=1e-11)
    np.testing.assert_allclose(forces, np.concatenate([f for _, f in alone]), atol=1e-11)
    assert np.ptp(energies) > 1e-3 and np.abs(forces).max() > 1e-3
    filled = respond(variant, structures, room=True)
    np.testing.assert_allclose(filled[0][:4], energies, atol=1e-11)
    np.testing.assert_allclose(filled[1][:19], forces, atol=1e-11)


@pytest.mark.parametrize(("variant", "chunk"), COMPILED)
def test_in_chunks_of_compiled_shapes_as_together(variant, chunk, structures):
    energies, forces = respond(variant, structures)
    chunked = EnergyForcePredictor(build(variant), chunk).of(structures)
    np.testing.assert_allclose(chunked[0], energies, atol=1e-11)
    np.testing.assert_allclose(np.concatenate(chunked[1]), forces, atol=1e-11)


@pytest.mark.parametrize("variant", PERIODIC)
@pytest.mark.parametrize("name", ["slab", "skew"])
def test_a_periodic_cell_is_its_supercell_however_it_is_wrapped(variant, name, rng):
    atoms = shaken(name, rng)
    large = make_supercell(atoms, [[1, 1, 0], [0, 2, 0], [0, 0, 1]])
    away = atoms.copy()
    away.positions += rng.integers(-3, 4, (len(atoms), 3)) * atoms.pbc @ np.array(atoms.cell)
    (e, e_away), f = respond(variant, [atoms, away])
    n = len(atoms)
    assert e_away == pytest.approx(e, abs=1e-10)
    np.testing.assert_allclose(f[n:], f[:n], atol=1e-10)
    (e_large,), f_large = respond(variant, [large])
    assert e_large == pytest.approx(2 * e, abs=1e-10)
    np.testing.assert_allclose(f_large, np.tile(f[:n], (2, 1)), atol=1e-10)


@pytest.mark.parametrize("variant", PERIODIC)
def test_fragments_far_apart_add_up(variant, rng):
    x = cluster(rng, 5)
    one, ghost = Atoms("Au3Pt2", positions=x), Atoms("Pt", positions=[[40.0, 0, 0]])
    both = one + Atoms("Au3Pt2", positions=np.add(x[::-1], [0, 50, 0]))
    (e, e_both, e_with, e_ghost), forces = respond(
        variant, [one, both, one + ghost, Atoms("Pt", positions=[[0.0, 0, 0]])]
    )
    second = respond(variant, [Atoms("Au3Pt2", positions=x[::-1])])[0][0]
    assert e_both == pytest.approx(e + second, abs=1e-9)
    assert e_with == pytest.approx(e + e_ghost, abs=1e-9)
    np.testing.assert_allclose(forces[15:20], forces[:5], atol=1e-9)
    np.testing.assert_array_equal(forces[20], 0)


@pytest.mark.parametrize("variant", PERIODIC)
def test_swapping_atoms_counts_between_elements_alone(variant, rng):
    atoms = shaken("slab", rng)
    alike, unlike = atoms.copy(), atoms.copy()
    alike.positions[[4, 5]] = alike.positions[[5, 4]]
    unlike.positions[[4, 9]] = unlike.positions[[9, 4]]
    found = respond(variant, [atoms, alike, unlike])[0]
    assert abs(found[1] - found[0]) < 1e-11 and abs(found[2] - found[0]) > 1e-3


@pytest.mark.parametrize("variant", PERIODIC)
def test_another_cell_or_composition_compiles_nothing(variant, rng):
    """Both are inputs: what is compiled depends on the shape of the batch alone."""
    model, traced = build(variant), []

    @tf.function
    def compiled(x):
        traced.append(1)
        return model(x)

    atoms = shaken("slab", rng)
    other = atoms.copy()
    other.set_cell(np.array(atoms.cell) * 1.01, scale_atoms=True)
    other.numbers = other.numbers[::-1]
    batches = [batch_for(model, [a], room=True) for a in (atoms, other)]
    found = [compiled(batch).numpy()[0, 0] for batch in batches]
    assert len(traced) == 1 and abs(found[1] - found[0]) > 1e-3
