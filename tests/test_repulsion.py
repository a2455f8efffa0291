"""The short-range repulsion: its formula, where it begins, and how smoothly."""

import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from keras_models.backend import tf
from keras_models.repulsion import (
    COEFFICIENTS,
    HeldDistance,
    Repulsion,
    shortest_distances,
    zbl,
)

SHORTEST = [[2.4, 2.0], [2.0, 1.0]]
ELEMENTS = ["Au", "H"]


def pair(r, elements=("Au", "H"), layer=Repulsion):
    """A layer's values for pairs of atoms at distances r, in float64."""
    r = np.atleast_1d(r)
    numbers = np.tile(Atoms("".join(elements)).numbers, len(r)).astype(np.int32)
    # Each pair twice, as i -> j and j -> i.
    i = np.arange(2 * len(r), dtype=np.int32)
    inputs = [tf.constant(np.repeat(r, 2)), *map(tf.constant, (numbers, i, i ^ 1))]
    found = layer(ELEMENTS, SHORTEST, dtype="float64")(inputs).numpy()
    return found.reshape(len(r), 2)


def by_hand(r, zi, zj):
    """From the constants of nature: e^2 / (4 pi epsilon_0) in eV Å, and the Bohr radius in Å."""
    e, epsilon_0, bohr = 1.602176634e-19, 8.8541878128e-12, 0.529177210903
    a = 0.8854 * bohr / (zi**0.23 + zj**0.23)
    x = r / a
    phi = (
        0.18175 * math.exp(-3.1998 * x)
        + 0.50986 * math.exp(-0.94229 * x)
        + 0.28022 * math.exp(-0.40290 * x)
        + 0.02817 * math.exp(-0.20162 * x)
    )
    return e / (4.0 * math.pi * epsilon_0) * 1e10 * zi * zj / r * phi


@pytest.mark.parametrize(
    ("elements", "z", "b"),
    [(("Au", "Au"), (79, 79), 2.4), (("H", "Au"), (1, 79), 2.0), (("H", "H"), (1, 1), 1.0)],
)
def test_is_zbl_within_half_the_shortest_distance_and_nothing_beyond_it(elements, z, b):
    r = np.array([0.1, 0.3, 0.5]) * b
    expected = [by_hand(x, *z) for x in r]
    np.testing.assert_allclose(pair(r, elements).sum(axis=1), expected, rtol=1e-4)
    # Half for each atom of a pair, of unlike elements, too.
    np.testing.assert_allclose(*pair(r, elements).T)
    assert not pair(np.array([1.0, 1.2, 3.0]) * b, elements).any()


def test_of_bare_nuclei_at_the_shortest_distances():
    assert sum(COEFFICIENTS) == pytest.approx(1)
    r = tf.constant(1e-7, tf.float64)
    assert float(zbl(r, 79.0 * 79.0, 20.0)) * 1e-7 / 79**2 == pytest.approx(14.3996, rel=1e-4)


@pytest.mark.parametrize("layer", [Repulsion, HeldDistance])
@pytest.mark.parametrize("end", [1.0, 2.0])
def test_two_derivatives_are_continuous(layer, end):
    """At both ends of the switch, where a third one jumps."""
    h = 1e-3
    values = pair(end + h * np.arange(-4, 5), layer=layer)[:, 0]
    for order in (1, 2):
        slopes = np.diff(values, order) / h**order
        below, above = slopes[: 4 - order + 1], slopes[4:]
        inside = np.diff(pair(np.linspace(1.0, 2.0, 101), layer=layer)[:, 0], order) / 0.01**order
        assert abs(below[-1] - above[0]) < 0.05 * np.abs(inside).max()
    assert np.abs(np.diff(values, 1)).max() > 0


def test_repulsion_grows_as_atoms_approach():
    energies = pair(np.linspace(0.05, 2.0, 200)).sum(axis=1)
    assert (np.diff(energies) < 0).all()


def test_the_held_distance_is_that_of_training_and_never_far_below():
    r = np.linspace(0.01, 4.0, 400)
    held = pair(r, layer=HeldDistance)[:, 0]
    np.testing.assert_array_equal(held[r >= 2.0], r[r >= 2.0])
    np.testing.assert_allclose(held[r <= 1.0], 1.5, rtol=1e-12)
    assert (np.diff(held) >= -1e-12).all() and (np.diff(held) <= 0.01 + 1e-12).all()


def test_padding_and_its_gradient_are_zero():
    numbers, zero = tf.constant([0], tf.int32), tf.constant([0], tf.int32)
    r = tf.constant([6.0], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(r)
        found = Repulsion(ELEMENTS, SHORTEST, dtype="float64")([r, numbers, zero, zero])
    assert float(found[0, 0]) == 0 and float(tape.gradient(found, r)[0]) == 0


def test_shortest_distances_of_pairs_of_elements():
    dimer = Atoms("AuH", positions=[[0, 0, 0], [1.7, 0, 0]])
    crystal = bulk("Au", a=4.0)  # images of one atom at 2.83 Å
    found = shortest_distances([dimer, crystal], ["Au", "H", "Pt"], 5.0)
    gold = 4.0 / math.sqrt(2.0)
    # No two atoms of hydrogen and none of platinum: the shortest of all.
    expected = [[gold, 1.7, 1.7], [1.7, 1.7, 1.7], [1.7, 1.7, 1.7]]
    np.testing.assert_allclose(found, expected)
    # Two elements that never meet: the mean of their own.
    apart = [crystal, bulk("Cu", a=3.0)]
    found = shortest_distances(apart, ["Au", "Cu"], 5.0)
    assert found[0, 1] == found[1, 0] == pytest.approx((4.0 + 3.0) / 2 / math.sqrt(2.0))
    assert shortest_distances([Atoms("Au")], ["Au"], 5.0) == [[5.0]]


@pytest.mark.parametrize(("layer", "expected"), [(HeldDistance, 1.0), (Repulsion, 0.0)])
def test_the_slope_at_the_very_shortest_distance_is_that_beside_it(layer, expected):
    """The shortest pair of training is exactly there: at a tie, max and clip both have a slope."""
    r = tf.constant([2.0, np.nextafter(2.0, 0.0), np.nextafter(2.0, 3.0)], tf.float64)
    numbers = tf.constant([79, 1] * 3, tf.int32)
    with tf.GradientTape() as tape:
        tape.watch(r)
        i = tf.constant([0, 2, 4])
        total = tf.reduce_sum(layer(ELEMENTS, SHORTEST, dtype="float64")([r, numbers, i, i + 1]))
    np.testing.assert_allclose(tape.gradient(total, r), expected, atol=1e-12)
