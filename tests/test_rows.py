"""Neighbour lists in rows: what is in them, how many slots they have, and sums over them."""

import numpy as np
import pytest
from contract.models import shaken

from keras_models.backend import tf
from keras_models.edges import edge_list
from keras_models.neighbours import edges
from keras_models.rows import (
    COST,
    centre_of,
    in_rows,
    of_atoms,
    slots_for,
    sum_of_products,
    sum_of_rows,
    vectors_of,
)

CUTOFF = 4.5
SLOTS = (1, 2, 5, 40)


@pytest.fixture(params=SLOTS)
def slots(request) -> int:
    return request.param


@pytest.fixture(params=["cluster", "slab", "skew", "atom"])
def structure(request, rng):
    return shaken(request.param, rng)


def test_rows_hold_each_pair_once_and_else_the_atom_itself_at_the_cutoff(structure, slots):
    i, j, shifts = edges(structure, CUTOFF)
    found = in_rows(i, j, shifts, len(structure), slots, CUTOFF)
    centre = np.repeat(found.rows, slots)
    assert len(found.other) == len(found.shifts) == len(centre)
    counts = np.bincount(i, minlength=len(structure))
    np.testing.assert_array_equal(
        np.bincount(found.rows, minlength=len(structure)), -(-counts // slots)
    )
    assert (np.diff(found.rows) >= 0).all()
    rest = (centre == found.other) & (found.shifts == [CUTOFF, 0, 0]).all(axis=1)
    assert rest.sum() == len(centre) - len(i)
    # The others are the list's pairs, in its order.
    for mine, wanted in ((centre, i), (found.other, j), (found.shifts, shifts)):
        np.testing.assert_array_equal(mine[~rest], wanted)


def test_sums_over_rows_are_sums_over_neighbours(structure, slots, rng):
    i, j, shifts = edges(structure, CUTOFF)
    n = len(structure)
    found = in_rows(i, j, shifts, n, slots, CUTOFF)
    rows, other = tf.constant(found.rows), tf.constant(found.other)
    nest = {"positions": tf.constant(structure.positions), "rows": rows, "other": other}
    vectors = vectors_of({**nest, "shifts": tf.constant(found.shifts)}).numpy()
    np.testing.assert_array_equal(centre_of(rows, other), np.repeat(found.rows, slots))
    real = structure.positions[j] - structure.positions[i] + shifts
    # Not near the cutoff: exactly there, lest something be added.
    left = np.linalg.norm(vectors, axis=1) == CUTOFF
    assert left.sum() == len(vectors) - len(i)
    np.testing.assert_allclose(vectors[~left], real, atol=1e-12)
    weight = np.where(left, 0.0, 1.0)
    x, y = rng.normal(size=(len(vectors), 3)), rng.normal(size=(len(vectors), 2))
    x *= weight[:, None]
    sums, products = np.zeros((n, 3)), np.zeros((n, 3, 2))
    for a, u, v in zip(np.repeat(found.rows, slots), x, y, strict=True):
        sums[a] += u
        products[a] += np.outer(u, v)
    np.testing.assert_allclose(sum_of_rows(tf.constant(x), rows, n), sums, atol=1e-12)
    got = of_atoms(sum_of_products(tf.constant(x), tf.constant(y), rows), rows, n)
    np.testing.assert_allclose(got, products, atol=1e-12)


def test_slots_cost_least_and_are_kept_while_they_cost_little_more():
    def cost(counts, slots):
        return sum(-(-n // slots) for n in counts) * (slots + COST)

    for counts in ([54] * 9, [11, 12, 12, 11, 3], [1, 80, 5, 5, 6, 5], [0, 2, 0]):
        chosen = slots_for(counts)
        assert cost(counts, chosen) == min(cost(counts, t) for t in range(1, 100))
        for before in range(1, 100):
            kept = slots_for(counts, before) == before
            assert kept == (cost(counts, before) <= 1.2 * cost(counts, chosen))
    # Nothing to choose by.
    assert (slots_for([]), slots_for([0, 0]), slots_for([0], 7)) == (1, 1, 7)


def test_a_training_has_rows_that_suit_it_and_loses_little():
    """All atoms of a crystal have as many neighbours, and one row."""
    atoms = shaken("skew", np.random.default_rng(0))
    i, *_ = edges(atoms, CUTOFF)
    counts = np.bincount(i)
    part = edge_list(atoms, CUTOFF, slots_for(counts))
    assert len(part.other) <= 1.2 * len(i) and len(part.rows) <= 2 * len(atoms)
