"""How much of a trajectory is new (appendix A): autocovariances, and independent samples.

The report draws Cov(X_alpha, X_alpha+delta) without saying of what it is the mean. Three series
are taken here, each about its mean over all frames:

- the coordinates: the mean over atoms and components. A cluster that turns as a whole loses this
  correlation though its shape stays; one that stays as it lies keeps it though its atoms vibrate;
- the distances of all pairs, sorted within each frame: the mean over them. They know neither the
  cluster's orientation nor which atom is which;
- the energy.
"""

import numpy as np
from ase.geometry import find_mic

from data_gen.dataset import Dataset
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError

# Sokal's c. An exponential decay is cut off at exp(-5), below 1 %.
WINDOW = 5.0


def autocovariance(series: np.ndarray) -> np.ndarray:
    """(n,) or (n, ...) -> (n,): Cov(s_alpha, s_alpha+delta), delta = 0 ... n-1.

    The mean over the n - delta pairs of frames and over all further axes, each component about
    its mean over all frames.
    """
    n = len(series)
    off = series.reshape(n, -1) - series.reshape(n, -1).mean(axis=0)
    # By FFT, zero-padded so that the end does not meet the start.
    power = np.abs(np.fft.rfft(off, 2 * n, axis=0)) ** 2
    sums = np.fft.irfft(power, 2 * n, axis=0)[:n].mean(axis=1)
    return sums / (n - np.arange(n))


def integrated_time(covariance: np.ndarray, n: int) -> tuple[float, float, int]:
    """Integrated autocorrelation time by Sokal's automatic window.

    tau = 1/2 + sum_{delta=1}^{M} C(delta)/C(0) with the smallest M >= 5 tau, so that a mean over n
    frames is as good as one over n / (2 tau) independent ones. A. D. Sokal, Monte
    Carlo methods in statistical mechanics (Cargese lectures, 1996), section 3. The standard error
    is that of N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988), for a single series: an
    upper bound where the covariance is a mean over several.

    Args:
        covariance: from :func:`autocovariance`.
        n: frames that it comes from.

    Returns:
        tau, its standard error and the window M, all in frames.

    Raises:
        ReproductionError: the frames end before the correlation does, or nothing varies.
    """
    if not covariance[0] > 0:
        raise ReproductionError("a series that does not vary has no correlation time")
    tau = np.cumsum(covariance) / covariance[0] - 0.5
    closed = np.arange(len(tau)) >= WINDOW * tau
    if not closed.any():
        raise ReproductionError(f"{n} frames are too few for a correlation time")
    window = int(np.argmax(closed))
    if not tau[window] > 0:
        raise ReproductionError("the series swings too fast for its frames: no correlation time")
    found = float(tau[window])
    return found, found * float(np.sqrt(2 * (2 * window + 1) / n)), window


def sorted_distances(data: Dataset) -> np.ndarray:
    """(n, P) Å: of all pairs i < j in rising order, nearest images where periodic."""
    i, j = np.triu_indices(len(data.numbers), 1)
    vectors = (data.positions[:, i] - data.positions[:, j]).reshape(-1, 3)
    if data.pbc.any():
        lengths = find_mic(vectors, data.cell, data.pbc)[1]
    else:
        lengths = np.linalg.norm(vectors, axis=-1)
    return np.sort(lengths.reshape(len(data), -1), axis=1)


def run(job: Job) -> list[RunResult]:
    """Training and test part as one series: nothing may lie between them. Nothing is random."""
    dynamics = job.train.metadata.get("dynamics")
    if not dynamics:
        raise ReproductionError("the data do not say how far apart in time their frames are")
    interval = dynamics["timestep_fs"] * dynamics["stride"] / 1000.0
    parts = (job.train, job.test)
    n = sum(map(len, parts))
    series = {
        "coordinates": np.concatenate([part.positions for part in parts]),
        "distances": np.concatenate([sorted_distances(part) for part in parts]),
        "energy": np.concatenate([part.energies for part in parts]),
    }
    metrics, windows = {}, {}
    arrays = {"covariance_interval_ps": np.array(interval), "covariance_samples": np.array(n)}
    for name, values in series.items():
        covariance = autocovariance(values)
        tau, error, windows[name] = integrated_time(covariance, n)
        metrics |= {
            ("", f"{name}_next_correlation"): covariance[1] / covariance[0],
            ("", f"{name}_correlation_time"): tau * interval,
            ("", f"{name}_correlation_time_error"): error * interval,
        }
        for split, frames in (("", n), ("train", len(job.train)), ("test", len(job.test))):
            metrics[split, f"{name}_independent_samples"] = frames / (2 * tau)
        # Beyond half the frames there is next to nothing to average over.
        arrays[f"covariance_{name}"] = covariance[: n // 2]
    info = {"ended": "solved", "windows_in_frames": windows}
    return [RunResult(seed, {}, metrics, arrays, info) for seed in job.seeds]
