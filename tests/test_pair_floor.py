"""The best pair-only energy: exact where the truth is one, and the best where it is not."""

import numpy as np
import pytest

from analysis.distances import Pairs, pair_distances
from analysis.pair_floor import PairFloor, clamped_knots


def cubic(r):
    """A pair energy in the splines' span, eV."""
    return (r**3 - 9 * r) / 100


def test_pair_floor_finds_a_pair_potential_and_only_that(au6):
    """Exact where the truth is a sum over pairs in its span; EMT's is not."""
    x = au6.positions
    truth = 1.0 + cubic(pair_distances(x)).sum(axis=1)
    model = PairFloor.fit(x[:300], truth[:300])
    np.testing.assert_allclose(model.predict(x[:300]), truth[:300], atol=1e-8)
    emt = PairFloor.fit(x[:300], au6.energies[:300])
    assert np.std(emt.predict(x[:300]) - au6.energies[:300]) > 0.1


def test_no_pair_potential_is_better_on_the_training_part(au6):
    """The residual is orthogonal to every pair sum in the span, the constant among them."""
    x, energies = au6.positions[:300], au6.energies[:300]
    model = PairFloor.fit(x, energies)
    rest = model.predict(x) - energies
    assert rest.mean() == pytest.approx(0.0, abs=1e-9)
    for power in (1, 2, 3):
        direction = (pair_distances(x) ** power).sum(axis=1)
        assert abs(np.corrcoef(rest, direction)[0, 1]) < 1e-7
    # Every thirteenth knot alone: a part of the span.
    coarse = PairFloor.fit(x, energies, n_knots=4)
    assert np.std(coarse.predict(x) - energies) > np.std(rest)


def test_pair_energy_is_each_pair_s_share(au6):
    """Known but for a constant, which c and h share as they like."""
    x = au6.positions[:300]
    r = pair_distances(x)
    model = PairFloor.fit(x, 1.0 + cubic(r).sum(axis=1))
    np.testing.assert_allclose(
        model.constant + model.pair_energy(r).sum(axis=1), model.predict(x), atol=1e-9
    )
    well_known = np.linspace(2.5, 3.2, 20)
    off = model.pair_energy(well_known) - cubic(well_known)
    assert np.ptp(off) < 1e-6


def test_distances_out_of_range_count_as_its_ends(au6):
    x = au6.positions[:300]
    model = PairFloor.fit(x, au6.energies[:300])
    line = np.zeros((1, 6, 3))
    line[0, :, 0] = 100.0 * np.arange(6)
    ends = 15 * model.pair_energy(pair_distances(x).max())
    assert model.predict(line)[0] == pytest.approx(model.constant + ends)


def test_knots_by_hand():
    knots = clamped_knots(np.array([3.0, 1.0, 2.0]), 3)
    assert knots.tolist() == [1, 1, 1, 1, 2, 3, 3, 3, 3]


def test_pairs_are_summed_onto_both_of_their_atoms(rng):
    """Against two loops, for values of two components and frames that differ."""
    x = rng.standard_normal((3, 5, 3))
    pairs = Pairs(x)
    values = np.stack([pairs.r, pairs.r**2], axis=1)
    slow = np.zeros((3, 5, 2))
    for frame in range(3):
        for i in range(5):
            for j in range(5):
                r = np.sqrt(((x[frame, i] - x[frame, j]) ** 2).sum())
                slow[frame, i] += r, r**2
    np.testing.assert_allclose(pairs.sums(values), slow.reshape(15, 2), rtol=1e-12)
