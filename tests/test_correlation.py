"""Autocovariances and independent samples (appendix A), against slow sums and known series."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.correlation import (
    Correlation,
    autocovariance,
    frame_interval_ps,
    integrated_time,
    series_of,
)
from analysis.distances import sorted_distances
from data_gen.errors import DataError
from reproduction.engine.tasks import correlation
from reproduction.engine.tasks.common import Job
from reproduction.sections import EXPERIMENTS


def test_autocovariance_is_the_slow_sum(rng):
    series = rng.standard_normal((40, 3, 2)).cumsum(axis=0)
    mean = series.mean(axis=0)
    slow = np.zeros(40)
    for delta in range(40):
        products = [(series[a] - mean) * (series[a + delta] - mean) for a in range(40 - delta)]
        slow[delta] = np.mean(products)
    np.testing.assert_allclose(autocovariance(series), slow, atol=1e-10)


def test_integrated_time_of_an_exponential_by_hand():
    """rho = 0.8^delta: tau(M) = 1/2 + 4 (1 - 0.8^M), and 5 tau(M) first fits into M at 23."""
    tau, error, window = integrated_time(0.3 * 0.8 ** np.arange(200), 1000)
    assert window == 23
    assert tau == pytest.approx(0.5 + 4 * (1 - 0.8**23))
    assert error == pytest.approx(tau * np.sqrt(2 * 47 / 1000))
    # tau = 1 from a lag of 1 on: the window closes at 5, where it is just as long as 5 tau.
    assert integrated_time(np.array([1.0, 0.5, *np.zeros(20)]), 100)[::2] == (1.0, 5)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.95])
def test_integrated_time_of_an_autoregressive_series(phi, rng):
    """s_n = phi s_n-1 + noise has tau = (1 + phi) / (2 (1 - phi)), and the error bar says so."""
    n = 100_000
    noise, s = rng.standard_normal(n), np.empty(n)
    s[0] = noise[0] / np.sqrt(1 - phi**2)
    for k in range(1, n):
        s[k] = phi * s[k - 1] + noise[k]
    found = Correlation.of(s)
    exact = (1 + phi) / (2 * (1 - phi))
    assert abs(found.time - exact) < 3 * found.time_error + 0.01 * exact
    assert found.time_error < 0.1 * exact
    assert found.next_frame == pytest.approx(phi, abs=0.01)
    # The variance of the mean is C(0)/n_independent.
    assert found.independent_samples(n) == pytest.approx(n * (1 - phi) / (1 + phi), rel=0.15)


@pytest.mark.parametrize(
    ("series", "says"),
    [
        (np.ones(50), "does not vary"),
        (np.arange(50.0), "correlation time"),
        ((-1.0) ** np.arange(50), "too fast"),
    ],
)
def test_series_without_a_correlation_time(series, says):
    with pytest.raises(DataError, match=says):
        integrated_time(autocovariance(series)[: len(series) // 4], len(series))


def test_sorted_distances_know_neither_orientation_nor_names(au6, rng):
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    x = au6.positions[:5]
    other = x[:, rng.permutation(6)] @ turn
    np.testing.assert_allclose(sorted_distances(other), sorted_distances(x), atol=1e-9)
    triangle = np.array([[[0.0, 0, 0], [3, 0, 0], [0, 4, 0]]])
    assert sorted_distances(triangle).tolist() == [[3.0, 4.0, 5.0]]


def test_sorted_distances_are_to_the_nearest_image(au6):
    """Along the periodic directions alone."""
    cell, pbc = 9.0 * np.eye(3), np.array([True, True, False])
    x = au6.positions[:2]
    moved = x.copy()
    moved[:, 0] += cell[0]
    once = sorted_distances(x, cell, pbc)
    np.testing.assert_allclose(once, sorted_distances(moved, cell, pbc), atol=1e-9)
    pair = np.array([[[0.0, 0, 0], [8, 0, 0]], [[0, 0, 0], [0, 0, 8]]])
    np.testing.assert_allclose(sorted_distances(pair, cell, pbc), [[1.0], [8.0]])


def test_series_are_the_frames_of_both_parts_in_order(au6):
    series = series_of(au6.split(300, 100))
    np.testing.assert_array_equal(series["energy"], au6.energies)
    np.testing.assert_array_equal(series["coordinates"], au6.positions)
    np.testing.assert_array_equal(series["distances"], sorted_distances(au6.positions))
    slab = replace(au6[:2], cell=3.0 * np.eye(3), pbc=np.ones(3, bool), metadata={})
    assert series_of([slab])["distances"].max() <= 3.0 * 3**0.5 / 2
    with pytest.raises(DataError, match="how far apart"):
        frame_interval_ps(slab)


def test_correlation_row_is_in_picoseconds_and_of_each_part(au6, tmp_path):
    train, test = au6.split(300, 100)
    row = EXPERIMENTS["beyond/correlation-au6"]
    job = Job(row, (0,), train, test, "", tmp_path / "c", tmp_path, lambda *_: None)
    (result,) = correlation.run(job)
    assert result.arrays["covariance_energy"][0] == pytest.approx(au6.energies.var())
    for name in ("coordinates", "distances", "energy"):
        covariance = result.arrays[f"covariance_{name}"]
        assert len(covariance) == 200
        tau, error, window = integrated_time(covariance, 400)
        numbers = {
            split: result.metrics[split, f"{name}_independent_samples"]
            for split in ("", "train", "test")
        }
        # A frame every 50 steps of 1 fs.
        assert result.metrics["", f"{name}_correlation_time"] == pytest.approx(0.05 * tau)
        assert result.metrics["", f"{name}_correlation_time_error"] == pytest.approx(0.05 * error)
        assert result.info["windows_in_frames"][name] == window
        for split, frames in (("", 400), ("train", 300), ("test", 100)):
            assert numbers[split] == pytest.approx(frames / (2 * tau))
