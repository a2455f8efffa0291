"""Errors and their spread: by hand, and comparisons against SciPy's tests."""

import math

import numpy as np
import pytest
from scipy import stats

from reproduction.show.metrics import compare, errors, within


def test_compare_is_welch_on_logarithms(rng):
    for _ in range(50):
        a = np.exp(rng.normal(0.0, 0.5, rng.integers(2, 7)))
        b = np.exp(rng.normal(rng.uniform(-2, 2), 0.2, rng.integers(2, 7)))
        p = stats.ttest_ind(np.log(a), np.log(b), equal_var=False).pvalue
        expected = int(np.sign(np.log(a).mean() - np.log(b).mean())) if p < 0.05 else 0
        assert compare(a, b) == expected == -compare(b, a)


def test_compare_without_spread():
    assert compare([1.0], [2.0]) is None
    assert compare([1.0, 1.0], [2.0, 2.0]) == -1
    assert compare([1.0, 1.0], [1.0, 1.0]) == 0
    # Crawford and Howell: t = (log 2) / (0.1 sqrt(1 + 1/3)) = 6.0 with 2 degrees of freedom.
    assert compare([2.0], np.exp([-0.1, 0.0, 0.1])) == 1
    # 4.0 is not beyond the 4.30 that 5 % ask for.
    assert compare([math.exp(4.0 * 0.1 * math.sqrt(4 / 3))], np.exp([-0.1, 0.0, 0.1])) == 0


def test_equal_within_a_factor_is_two_one_sided_tests(rng):
    """Against SciPy's own, each at 5 %."""
    for _ in range(50):
        a = np.exp(rng.normal(0.0, 0.2, rng.integers(2, 9)))
        b = np.exp(rng.normal(rng.uniform(-0.5, 0.5), 0.1, rng.integers(2, 9)))
        sides = (
            stats.ttest_ind(np.log(a), np.log(b) + shift, equal_var=False, alternative=side).pvalue
            for shift, side in ((math.log(1.5), "less"), (-math.log(1.5), "greater"))
        )
        assert within(a, b, 1.5) == (max(sides) < 0.05) == within(b, a, 1.5)
    assert not within([1.0], [1.0], 1.5)


def test_systematic_errors():
    reference = np.array([1.0, 2.0, 3.0, 4.0])
    found = errors("energy", 0.5 + 0.9 * reference, reference)
    assert found["energy_bias"] == pytest.approx(0.5 - 0.1 * 2.5)
    assert found["energy_slope"] == pytest.approx(-0.1)
    assert errors("energy", reference[:1], reference[:1])["energy_slope"] == 0.0
    assert "force_bias" not in errors("force", reference, reference)
