"""The lowest error that any sum over pairs can have: E = c + sum_{i<j} h(r_ij) by least squares.

Eq. 3 has this form whatever its MLP is, so that the fit's RMSE on the training part bounds that of
every Eq. 3 model from below (but for what a spline with these knots cannot follow). h is a cubic
B-spline, linear in its coefficients: no optimiser can miss the minimum.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from analysis.distances import pair_distances

DEGREE = 3


def clamped_knots(values: np.ndarray, n_knots: int) -> np.ndarray:
    """Knots of a cubic B-spline over the range of ``values``: n_knots evenly, the ends repeated."""
    inner = np.linspace(values.min(), values.max(), n_knots)
    return np.concatenate([[inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE])


@dataclass(frozen=True)
class PairFloor:
    """A fitted pair-only energy.

    Attributes:
        knots: (K,) Å.
        coefficients: of the splines, (K - 4,) eV.
        constant: c in eV: the mean energy of the frames fitted.
    """

    knots: np.ndarray
    coefficients: np.ndarray
    constant: float

    @classmethod
    def fit(cls, positions: np.ndarray, energies: np.ndarray, n_knots: int = 40) -> "PairFloor":
        """Least squares on (n, N, 3) Å and (n,) eV, with ``n_knots`` knots over the range of r."""
        distances = pair_distances(positions)
        knots = clamped_knots(distances, n_knots)
        design = _design(distances, knots)
        centre = energies.mean()
        coefficients, *_ = np.linalg.lstsq(design, energies - centre, rcond=None)
        return cls(knots, coefficients, float(centre))

    def predict(self, positions: np.ndarray) -> np.ndarray:
        """E of frames, (n, N, 3) Å -> (n,) eV; r beyond the fitted range counts as its end."""
        return _design(pair_distances(positions), self.knots) @ self.coefficients + self.constant

    def pair_energy(self, r: np.ndarray) -> np.ndarray:
        """h(r), (m,) Å within the fitted range -> (m,) eV."""
        return BSpline(self.knots, self.coefficients, DEGREE)(r)


def _design(distances: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Each spline summed over each frame's pairs: (n, P) Å -> (n, K - 4).

    There is no column for c: the splines add up to 1, so that a constant lies in their span.
    """
    inside = np.clip(distances, knots[0], knots[-1])
    splines = BSpline.design_matrix(inside.ravel(), knots, DEGREE).toarray()
    return splines.reshape(*distances.shape, -1).sum(axis=1)
