"""Edge lists: what is in them, and how they are padded."""

import itertools

import numpy as np
import pytest
from contract.models import shaken

from keras_models.edges import bucket, edge_batches, edge_list, join, join_padded
from keras_models.neighbours import edges


def test_an_edge_list_is_all_directed_pairs_of_the_library(rng):
    """Neighbour lists themselves are compared with ASE's in the contract of batches."""
    structures = [shaken(name, rng) for name in ("cluster", "skew", "atom")]
    batch = join([edge_list(s, 5.0) for s in structures], 5.0)
    start = 0
    for k, s in enumerate(structures):
        i, j, shifts = edges(s, 5.0)
        mine = batch.sample[batch.centre] == k
        np.testing.assert_array_equal(batch.centre[mine], i + start)
        np.testing.assert_array_equal(batch.other[mine], j + start)
        np.testing.assert_array_equal(batch.shifts[mine], shifts)
        start += len(s)
    pairs = set(zip(batch.centre, batch.other, map(tuple, np.round(batch.shifts, 6)), strict=True))
    assert len(pairs) == len(batch.centre) and len(batch.numbers) == start
    back = {(j, i, tuple(0.0 - np.array(shift))) for i, j, shift in pairs}
    assert back == {(i, j, tuple(0.0 + np.array(shift))) for i, j, shift in pairs}


def test_batches_are_the_structures_in_order_and_of_one_number_of_structures(rng):
    structures = [shaken(name, rng) for name in ("cluster", "slab", "atom", "skew", "cluster")]
    found = list(edge_batches(structures, 5.0, 2))
    assert [b.sizes.tolist() for b in found] == [[6, 10, 0], [1, 2, 0], [6, 0, 0]]
    assert sum((b.numbers > 0).sum() for b in found) == sum(map(len, structures))


def test_sizes_of_padded_batches_are_few():
    sizes = sorted({bucket(n) for n in range(1, 100_000)})
    assert all(bucket(n) >= n for n in range(1, 1000)) and sizes[:5] == [1, 2, 3, 4, 5]
    assert all(b <= max(1.2 * a, a + 1) for a, b in itertools.pairwise(sizes)) and len(sizes) < 70


def test_a_padded_edge_list(rng):
    structures = [shaken(name, rng) for name in ("cluster", "slab", "skew", "atom", "atom")]
    parts = [edge_list(s, 5.0) for s in structures]
    batch = join_padded(parts, 5.0, samples=8)
    exact = join(parts, 5.0)
    assert batch.sizes.tolist() == [*(len(s) for s in structures), 0, 0, 0, 0]
    atoms, pairs = len(exact.numbers), len(exact.centre)
    for name in exact._fields:
        many = len(getattr(exact, name))
        np.testing.assert_array_equal(getattr(batch, name)[:many], getattr(exact, name))
    assert len(batch.numbers) == bucket(atoms + 1) and len(batch.centre) == bucket(pairs)
    assert not batch.numbers[atoms:].any() and set(batch.sample[atoms:]) == {8}
    assert (batch.centre[pairs:] >= atoms).all() and (np.diff(batch.centre) >= 0).all()
    np.testing.assert_array_equal(batch.centre[pairs:], batch.other[pairs:])
    np.testing.assert_array_equal(np.linalg.norm(batch.shifts[pairs:], axis=1), 5.0)
    for shape in (
        {"atoms": atoms - 1},
        {"pairs": pairs - 1},
        {"samples": 4},
        {"pairs": pairs + 1},
        {"atoms": atoms + 1},
    ):
        with pytest.raises(ValueError, match=r"do not fit|need a padding"):
            join(parts, 5.0, **shape)
