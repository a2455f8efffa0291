"""The best pair potential, E = c + sum_{i<j} h(r_ij), fitted by least squares.

Eq. 3 has this form whatever its MLP is, so the fit's RMSE on the training part is a lower bound
for every Eq. 3 model (except for details that a spline with these knots cannot represent). h is a
cubic B-spline and linear in its coefficients, so the fit finds the global minimum.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from analysis.distances import pair_distances

DEGREE = 3


def clamped_knots(values: np.ndarray, n_knots: int) -> np.ndarray:
    """Knots of a cubic B-spline: n_knots evenly spaced over the values' range, ends repeated."""
    inner = np.linspace(values.min(), values.max(), n_knots)
    return np.concatenate([[inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE])


@dataclass(frozen=True)
class PairFloor:
    """A pair potential, fitted to energies.

    Attributes:
        knots: (K,) Å.
        coefficients: (K - 4,) eV, of the splines.
        constant: c in eV, the mean energy of the fitted frames.
    """

    knots: np.ndarray
    coefficients: np.ndarray
    constant: float

    @classmethod
    def fit(cls, positions: np.ndarray, energies: np.ndarray, n_knots: int = 40) -> "PairFloor":
        """Fit by least squares.

        Args:
            positions: (n, N, 3), Å.
            energies: (n,), eV.
            n_knots: number of knots over the range of distances.
        """
        distances = pair_distances(positions)
        knots = clamped_knots(distances, n_knots)
        design = _design(distances, knots)
        centre = energies.mean()
        coefficients, *_ = np.linalg.lstsq(design, energies - centre, rcond=None)
        return cls(knots, coefficients, float(centre))

    def predict(self, positions: np.ndarray) -> np.ndarray:
        """Predict energies, (n, N, 3) Å -> (n,) eV; distances are clipped to the fitted range."""
        return _design(pair_distances(positions), self.knots) @ self.coefficients + self.constant

    def pair_energy(self, r: np.ndarray) -> np.ndarray:
        """Pair energy h(r), (m,) Å within the fitted range -> (m,) eV."""
        return BSpline(self.knots, self.coefficients, DEGREE)(r)


def _design(distances: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Sum of each spline over each frame's pairs: (n, P) Å -> (n, K - 4).

    There is no column for c: the splines add up to 1, so a constant is in their span.
    """
    inside = np.clip(distances, knots[0], knots[-1])
    splines = BSpline.design_matrix(inside.ravel(), knots, DEGREE).toarray()
    return splines.reshape(*distances.shape, -1).sum(axis=1)
