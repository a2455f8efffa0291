"""Edge lists: what is in them, and how they are padded."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from contract.models import shaken

from keras_models.batch import tensors_of
from keras_models.edges import bucket, edge_batches, edge_list, join, join_padded
from keras_models.neighbours import VerletList, edges


def test_an_edge_list_is_all_directed_pairs_of_the_library(rng):
    """Neighbour lists themselves are compared with ASE's in the contract of batches."""
    structures = [shaken(name, rng) for name in ("cluster", "skew", "atom")]
    batch = join([edge_list(s, 5.0) for s in structures], 5.0)
    start = 0
    for k, s in enumerate(structures):
        i, j, shifts = edges(s, 5.0)
        mine = batch.sample[batch.rows] == k
        np.testing.assert_array_equal(batch.rows[mine], i + start)
        np.testing.assert_array_equal(batch.other[mine], j + start)
        # Its atoms are in the cell.
        vectors = batch.positions[j + start] - batch.positions[i + start] + batch.shifts[mine]
        np.testing.assert_allclose(vectors, s.positions[j] - s.positions[i] + shifts, atol=1e-12)
        start += len(s)
    pairs = set(zip(batch.rows, batch.other, map(tuple, np.round(batch.shifts, 6)), strict=True))
    assert len(pairs) == len(batch.rows) and len(batch.numbers) == start
    back = {(j, i, tuple(0.0 - np.array(shift))) for i, j, shift in pairs}
    assert back == {(i, j, tuple(0.0 + np.array(shift))) for i, j, shift in pairs}


def test_batches_are_the_structures_in_order_and_of_one_number_of_structures(rng):
    structures = [shaken(name, rng) for name in ("cluster", "slab", "atom", "skew", "cluster")]
    found = list(edge_batches(structures, 5.0, 2))
    assert [b.sizes.tolist() for b in found] == [[6, 10, 0], [1, 2, 0], [6, 0, 0]]
    assert sum((b.numbers > 0).sum() for b in found) == sum(map(len, structures))
    # Of large ones, fewer: no more atoms together than 16, but one structure at least.
    for atoms, sizes in ((16, [[6, 10], [1, 2, 6]]), (9, [[6], [10], [1, 2, 6]]), (1, None)):
        found = [b.sizes for b in edge_batches(structures, 5.0, 3, atoms)]
        assert {len(b) for b in found} == {4}
        expected = sizes or [[len(s)] for s in structures]
        assert [b[b > 0].tolist() for b in found] == expected
    assert list(edge_batches([], 5.0, 3)) == []


def test_sizes_of_padded_batches_are_few():
    sizes = sorted({bucket(n) for n in range(1, 100_000)})
    assert all(bucket(n) >= n for n in range(1, 1000)) and sizes[:5] == [1, 2, 3, 4, 5]
    assert all(b <= max(1.2 * a, a + 1) for a, b in itertools.pairwise(sizes)) and len(sizes) < 70


@pytest.mark.parametrize("slots", [1, 7])
def test_a_padded_edge_list(rng, slots):
    structures = [shaken(name, rng) for name in ("cluster", "slab", "skew", "atom", "atom")]
    parts = [edge_list(s, 5.0, slots) for s in structures]
    batch = join_padded(parts, 5.0, samples=8)
    exact = join(parts, 5.0)
    assert batch.sizes.tolist() == [*(len(s) for s in structures), 0, 0, 0, 0]
    atoms, rows = len(exact.numbers), len(exact.rows)
    pairs = slots * rows
    for name in exact._fields:
        many = len(getattr(exact, name))
        np.testing.assert_array_equal(getattr(batch, name)[:many], getattr(exact, name))
    assert len(batch.numbers) == bucket(atoms + 1) and len(batch.rows) == bucket(rows)
    assert not batch.numbers[atoms:].any() and set(batch.sample[atoms:]) == {8}
    assert len(batch.other) == len(batch.shifts) == slots * len(batch.rows)
    assert (batch.rows[rows:] >= atoms).all() and (np.diff(batch.rows) >= 0).all()
    np.testing.assert_array_equal(np.repeat(batch.rows[rows:], slots), batch.other[pairs:])
    np.testing.assert_array_equal(np.linalg.norm(batch.shifts[pairs:], axis=1), 5.0)
    for shape in (
        {"atoms": atoms - 1},
        {"rows": rows - 1},
        {"samples": 4},
        {"rows": rows + 1},
        {"atoms": atoms + 1},
    ):
        with pytest.raises(ValueError, match=r"do not fit|need a padding"):
            join(parts, 5.0, **shape)


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_a_distant_origin_or_image_costs_a_batch_no_digits_in_float32(name, rng):
    """With such batches models are standardised, trained and evaluated."""
    vectors, positions = [], []
    for away in (0, 10_000):
        structure = shaken(name, np.random.default_rng(1))
        cells = rng.integers(-away, away + 1, (len(structure.numbers), 3)) * structure.pbc
        structure.positions += 1.5 * away + cells @ np.array(structure.cell)
        (batch,) = edge_batches([structure], 5.0, 1)
        inputs = tensors_of(batch, "float32")
        x, shifts = (inputs[name].numpy() for name in ("positions", "shifts"))
        assert max(abs(x).max(), abs(shifts).max()) < 100
        slots = len(batch.other) // len(batch.rows)
        found = x[batch.other] - x[np.repeat(batch.rows, slots)] + shifts
        pairs = np.column_stack([np.repeat(batch.rows, slots), batch.other, np.round(found, 1)])
        vectors.append(found[np.lexsort(pairs.T)])
        positions.append(x)
    np.testing.assert_allclose(vectors[1], vectors[0], atol=2e-5)
    if not any(structure.pbc):
        np.testing.assert_allclose(positions[1], positions[0], atol=1e-6)


def pairs_within(structure, cutoff, found):
    """Sorted (i, j, vector) of those pairs of a list that are within a cutoff."""
    i, j, shifts = found
    vectors = structure.positions[j] - structure.positions[i] + shifts
    inside = np.linalg.norm(vectors, axis=1) < cutoff
    rows = zip(i[inside].tolist(), j[inside].tolist(), np.round(vectors[inside], 8), strict=True)
    return sorted((a, b, *v.tolist()) for a, b, v in rows)


@pytest.mark.parametrize("name", ["cluster", "slab", "skew"])
def test_a_list_with_a_skin_lacks_no_pair(name, rng):
    """While atoms move, however far: against a list of its own for each configuration."""
    atoms, neighbours = shaken(name, rng), VerletList(5.0, 0.4)
    made = []
    for _ in range(40):
        atoms.positions += rng.normal(0, 0.04, atoms.positions.shape)
        made.append(neighbours.update(atoms))
        expected = pairs_within(atoms, 5.0, edges(atoms, 5.0))
        assert pairs_within(atoms, 5.0, neighbours.edges) == expected
    assert 1 < sum(made) < 30 and neighbours.made == sum(made)


def test_two_atoms_that_approach_each_other_are_seen_in_time():
    """The worst case of the skin: each moves half of it, straight towards the other."""
    atoms = Atoms("Au2", positions=[[0.0, 0, 0], [5.39, 0, 0]])
    neighbours = VerletList(5.0, 0.4)
    assert neighbours.update(atoms) and len(neighbours.edges[0]) == 2
    apart = Atoms("Au2", positions=[[0.0, 0, 0], [5.41, 0, 0]])
    assert neighbours.update(apart.copy() + Atoms("Au")) and neighbours.update(apart)
    assert len(neighbours.edges[0]) == 0
    apart.positions[:, 0] = 0.199, 5.211
    assert not neighbours.update(apart)
    apart.positions[:, 0] = 0.201, 5.209
    assert neighbours.update(apart) and len(neighbours.edges[0]) == 2
    # By small steps, too: what counts is the way since the list was made, not the last step.
    steps = [neighbours.update(apart) for apart.positions[0, 0] in 0.201 + 0.05 * np.arange(1, 6)]
    assert steps == [False, False, False, False, True]


def test_a_list_is_made_anew_when_anything_but_positions_changes(rng):
    atoms, neighbours = shaken("skew", rng), VerletList(5.0, 0.4)
    assert neighbours.update(atoms) and not neighbours.update(atoms)
    for change in (
        lambda a: a.set_cell(1.0001 * np.array(a.cell)),
        lambda a: a.set_pbc([True, True, False]),
        lambda a: a.set_atomic_numbers(a.numbers[::-1]),
        lambda a: a.append("Au"),
    ):
        change(atoms)
        assert neighbours.update(atoms) and not neighbours.update(atoms)
    atoms.positions[0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        neighbours.update(atoms)
    atoms.positions[0] = 0.1
    assert neighbours.update(atoms)


def test_without_a_skin_a_list_is_made_for_each_configuration(rng):
    atoms, neighbours = shaken("cluster", rng), VerletList(5.0, 0.0)
    assert neighbours.update(atoms) and not neighbours.update(atoms)
    atoms.positions[3, 1] += 1e-12
    assert neighbours.update(atoms)
