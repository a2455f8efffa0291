"""Autocovariance and number of independent samples of a trajectory (appendix A, Figure 5).

The report shows Cov(X_alpha, X_alpha+delta) without specifying over what it is averaged. Three
series are analysed here, each relative to its mean over all frames:

- the coordinates, averaged over atoms and components. They become uncorrelated if the cluster
  rotates, even if its shape does not change, and stay correlated if it does not rotate, even if
  its atoms vibrate;
- the distances of all pairs, sorted within each frame, averaged over pairs. They depend neither on
  the orientation of the cluster nor on the numbering of its atoms;
- the energy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.distances import sorted_distances
from data_gen.dataset import Dataset
from data_gen.errors import DataError

# Sokal's parameter c; an exponential decay is cut off at exp(-5), below 1 %.
WINDOW = 5.0


@dataclass(frozen=True)
class Correlation:
    """Autocovariance of a series, and its integrated autocorrelation time.

    Attributes:
        covariance: (n,), from :func:`autocovariance`.
        time, time_error: integrated autocorrelation time and its standard error, in frames.
        window: frames over which the time was integrated.
    """

    covariance: np.ndarray
    time: float
    time_error: float
    window: int

    @classmethod
    def of(cls, series: np.ndarray) -> "Correlation":
        """Analyse a series (n, ...) of n frames. Raises DataError as :func:`integrated_time`."""
        covariance = autocovariance(series)
        return cls(covariance, *integrated_time(covariance, len(series)))

    @property
    def next_frame(self) -> float:
        """Correlation between consecutive frames, C(1)/C(0)."""
        return self.covariance[1] / self.covariance[0]

    def independent_samples(self, frames: int) -> float:
        """Number of independent samples that n frames are worth for a mean: n / (2 tau)."""
        return frames / (2 * self.time)


def autocovariance(series: np.ndarray) -> np.ndarray:
    """Autocovariance C(delta) = Cov(s_alpha, s_alpha+delta), delta = 0 ... n-1.

    Averaged over the n - delta pairs of frames and over all further axes, each component relative
    to its mean over all frames.

    Args:
        series: (n,) or (n, ...).

    Returns:
        (n,), in the square of the series' unit.
    """
    n = len(series)
    off = series.reshape(n, -1) - series.reshape(n, -1).mean(axis=0)
    # By FFT, zero-padded to avoid wrap-around.
    power = np.abs(np.fft.rfft(off, 2 * n, axis=0)) ** 2
    sums = np.fft.irfft(power, 2 * n, axis=0)[:n].mean(axis=1)
    return sums / (n - np.arange(n))


def integrated_time(covariance: np.ndarray, n: int) -> tuple[float, float, int]:
    """Integrated autocorrelation time by Sokal's automatic window.

    tau = 1/2 + sum_{delta=1}^{M} C(delta)/C(0) with the smallest M >= 5 tau; a mean over n frames
    is as good as one over n / (2 tau) independent ones. See A. D. Sokal, Monte Carlo methods in
    statistical mechanics (Cargese lectures, 1996), section 3. The standard error,
    tau sqrt(2 (2M + 1)/n), is that of N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988),
    for a single series; it is an upper bound if the covariance is averaged over several.

    Args:
        covariance: from :func:`autocovariance`, or its beginning.
        n: number of frames that it comes from.

    Returns:
        tau, its standard error and the window M, all in frames.

    Raises:
        DataError: the series is too short compared with its correlation time, does not vary, or
            alternates so fast that tau is not positive.
    """
    if not covariance[0] > 0:
        raise DataError("a series that does not vary has no correlation time")
    tau = np.cumsum(covariance) / covariance[0] - 0.5
    closed = np.arange(len(tau)) >= WINDOW * tau
    if not closed.any():
        raise DataError(f"{n} frames are too few for a correlation time")
    window = int(np.argmax(closed))
    if not tau[window] > 0:
        raise DataError("the series swings too fast for its frames: no correlation time")
    found = float(tau[window])
    return found, found * float(np.sqrt(2 * (2 * window + 1) / n)), window


def series_of(parts: Sequence[Dataset]) -> dict[str, np.ndarray]:
    """Coordinates, distances and energy of consecutive parts of a trajectory, each (n, ...)."""
    return {
        "coordinates": np.concatenate([part.positions for part in parts]),
        "distances": np.concatenate(
            [sorted_distances(part.positions, part.cell, part.pbc) for part in parts]
        ),
        "energy": np.concatenate([part.energies for part in parts]),
    }


def frame_interval_ps(data: Dataset) -> float:
    """Time between frames of a trajectory that this project generated, ps.

    Raises:
        DataError: the metadata do not contain it.
    """
    dynamics = data.metadata.get("dynamics")
    if not dynamics:
        raise DataError("the data do not say how far apart in time their frames are")
    return dynamics["timestep_fs"] * dynamics["stride"] / 1000.0
