"""Comparison of the functions that MLPs learned with EMT's and Behler's (sections 4.1 and 4.6).

Eq. 2 and EMT have the same form, E_i = outer(s_i) with sums s_i = own + sum_{j != i} inner(r_ij)
(:mod:`analysis.atom_models`). An invertible linear map of the inner functions can be undone by the
outer one. So the functions themselves cannot be compared, only the space that they span, and in
that space only the directions to which the outer function responds. These are determined
independently of the choice of map: the sums are transformed to unit covariance; the eigenvectors
of the outer function's mean squared gradient are the directions, and the square roots of its
eigenvalues the response of E_i to each, in eV.

Atom energies, however, can be compared: a total energy that is a sum of symmetric functions of
each atom's distances determines these functions up to a constant. For if such functions B_i add up
to zero for independent distances, only B_1 contains both r_12 and r_13; so its mixed derivative is
zero, and B_1 is a sum of functions of one distance; as these add up to zero, they are constants.
(The 15 distances of six atoms obey three relations; the actual agreement of energies is measured.)

All averages are over the training part, in which every pair i < j of every frame counts once. They
say nothing about distances that do not occur there (below 2.2 Å), and little about rare ones.
"Unexplained" is the residual variance of the best fit divided by the total variance, 1 - R^2.

Shapes: n frames of N atoms, m = n N(N-1)/2 pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import minimize_scalar

from analysis.atom_models import AtomModel, emt_model, eq2_model, eq3_pair_energy
from analysis.distances import Pairs
from analysis.emt import EmtFunctions
from analysis.pair_floor import DEGREE, PairFloor, clamped_knots
from keras_models.backend import keras
from keras_models.symmetry_functions import CUTOFF, default_symmetry_functions

EMT_DIRECTIONS = 2
GRID = 300
SIGMA_BINS = 40
# Directions with less than this fraction of the largest variance are due to rounding.
SMALLEST_VARIANCE = 1e-12
# Radial etas in Amp's convention, to be divided by the squared cutoff.
ETAS = np.array([g["eta"] for g in default_symmetry_functions(["Au"]) if g["type"] == "G2"])
# EMT's functions in the comparison; see Reference.functions.
FUNCTIONS = ("f", "h", "rest")


def g2(r: np.ndarray) -> np.ndarray:
    """Behler's radial functions for one neighbour, exp(-eta r^2/Rc^2) fc(r): (m,) Å -> (m, 4).

    These are Amp's four defaults; unlike in Eq. 1, eta is divided by Rc^2.
    """
    fc = np.where(r < CUTOFF, 0.5 * (1.0 + np.cos(np.pi * r / CUTOFF)), 0.0)
    return np.exp(-ETAS * (r[:, None] / CUTOFF) ** 2) * fc[:, None]


def linear_fit(targets: np.ndarray, by: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit targets (m, t) by least squares as a linear function of ``by`` (m, k) plus a constant.

    Returns:
        The fitted function, (any, k) -> (any, t).
    """
    centre, middle = by.mean(axis=0), targets.mean(axis=0)
    found, *_ = np.linalg.lstsq(by - centre, targets - middle, rcond=None)
    return lambda other: middle + (other - centre) @ found


def unexplained(targets: np.ndarray, by: np.ndarray) -> np.ndarray:
    """1 - R^2 of the linear fit of targets (m, t) by ``by`` (m, k) and a constant: (t,)."""
    targets = targets - targets.mean(axis=0)
    rest = targets - linear_fit(targets, by)(by)
    return (rest**2).mean(axis=0) / (targets**2).mean(axis=0)


def unexplained_but_for_shift(values: np.ndarray, other: np.ndarray) -> float:
    """1 - R^2 if only a constant shift is fitted: Var(values - other) / Var(values)."""
    return float((values - other).var() / values.var())


def how_many(shares: np.ndarray, wanted: float) -> int:
    """How many of the largest shares add up to the wanted fraction (0 to 1) of their sum."""
    shares = np.sort(shares)[::-1]
    return int(np.searchsorted(np.cumsum(shares) / shares.sum(), wanted) + 1)


@dataclass(frozen=True)
class Directions:
    """Directions in the space of a model's sums, and the outer function's responses to them.

    Attributes:
        variances: (d,), of the sums along their principal components, in the model's own basis,
            in descending order.
        responses: (k,), eV^2, in descending order: mean squared change of E_i, to first order,
            for a change of one standard deviation along each direction.
        vectors: (k, d), the directions as combinations of the inner functions, whose sums over
            neighbours have unit covariance.
    """

    variances: np.ndarray
    responses: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, model: AtomModel, pairs: Pairs) -> "Directions":
        """Determine a model's directions, averaged over the frames of the pairs."""
        sums = model.own + pairs.sums(model.inner(pairs.r))
        _, slopes = model.outer(sums)
        variances, components = np.linalg.eigh(np.atleast_2d(np.cov(sums.T)))
        kept = variances > SMALLEST_VARIANCE * variances.max()
        root = components[:, kept] * np.sqrt(variances[kept])
        along = slopes @ root
        responses, turn = np.linalg.eigh(along.T @ along / len(along))
        vectors = (components[:, kept] / np.sqrt(variances[kept])) @ turn
        # The sign of a direction is arbitrary; its mean is made positive.
        vectors = vectors * np.where(model.inner(pairs.r).mean(axis=0) @ vectors < 0, -1.0, 1.0)
        return cls(
            np.maximum(variances[::-1], 0.0),
            np.maximum(responses[::-1], 0.0),
            vectors.T[::-1],
        )

    def metrics(self) -> dict[str, float]:
        """Numbers of important components and directions, and the first three responses (eV)."""
        responses = {f"response_{k + 1}": np.sqrt(a) for k, a in enumerate(self.responses[:3])}
        return {
            "components_99": how_many(self.variances, 0.99),
            "components_999": how_many(self.variances, 0.999),
            "directions_99": how_many(self.responses, 0.99),
            "directions_999": how_many(self.responses, 0.999),
            **responses,
        }


class Reference:
    """EMT on a training part, the reference for learned functions.

    Attributes:
        emt: its functions.
        pairs: of the frames.
        energies: (n,) eV, of the frames.
        functions: (m, 3) on the pairs: f, h, and the residual of h when fitted by f and a
            constant. f and h are nearly proportional; the residual is what distinguishes them.
        atom_energies, sigma, pair_sums: (n N,) for the atoms.
        bent: function of sigma: g minus its linear fit on the data. As g - a sigma and h + a f
            are the same potential, the linear part of g has no meaning.
        grid: (GRID,) Å, over the range of training distances.
        bins: (SIGMA_BINS + 1,), edges of bins of sigma, from its 0.1 % to its 99.9 % quantile.
    """

    def __init__(self, positions: np.ndarray, energies: np.ndarray, emt: EmtFunctions) -> None:
        self.emt, self.energies, self.pairs = emt, energies, Pairs(positions)
        r = self.pairs.r
        self.grid = np.linspace(r.min(), r.max(), GRID)
        self._h_by_f = linear_fit(emt.h(r)[:, None], emt.f(r)[:, None])
        self._floor = PairFloor.fit(positions, energies)
        self.functions = self.at(r)
        self.sigma, self.pair_sums = self.pairs.sums(self.functions[:, :2]).T
        self.atom_energies = emt.g(self.sigma) + self.pair_sums
        line = np.polynomial.Polynomial.fit(self.sigma, emt.g(self.sigma), 1)
        self.bent = lambda sigma: emt.g(sigma) - line(sigma)
        self.bins = np.linspace(*np.quantile(self.sigma, [0.001, 0.999]), SIGMA_BINS + 1)

    def at(self, r: np.ndarray) -> np.ndarray:
        """f, h and the residual of h, as in ``functions``: (m,) Å -> (m, 3)."""
        f, h = self.emt.f(r), self.emt.h(r)
        return np.stack([f, h, h - self._h_by_f(f[:, None])[:, 0]], axis=1)

    def binned(self, values: np.ndarray) -> np.ndarray:
        """Mean of an atom quantity (n N,) in each bin of sigma; NaN for empty bins."""
        where = np.digitize(self.sigma, self.bins) - 1
        inside = (where >= 0) & (where < SIGMA_BINS)
        count = np.bincount(where[inside], minlength=SIGMA_BINS)
        total = np.bincount(where[inside], values[inside], minlength=SIGMA_BINS)
        return np.divide(total, count, out=np.full(SIGMA_BINS, np.nan), where=count > 0)

    def best_pair_energy(self, r: np.ndarray) -> np.ndarray:
        """Pair energy fitted to the frames' energies by least squares: (m,) Å -> (m,) eV."""
        return self._floor.pair_energy(r)

    def linear_pair_energy(self, r: np.ndarray) -> np.ndarray:
        """EMT as a pair potential, linearised in sigma at its mean: (m,) Å -> (m,) eV.

        2 h(r) + 2 g'(sigma) f(r), up to a constant.
        """
        slope = self.emt.g_slope(self.sigma.mean())
        return 2.0 * (self.emt.h(r) + slope * self.emt.f(r))


def compare(model: AtomModel, reference: Reference) -> tuple[dict, dict]:
    """Compare an atom model with EMT.

    Returns:
        metrics: those of :meth:`Directions.metrics`; "<name>_unexplained" for EMT's functions,
            fitted by the model's first two directions; "response_unexplained_emt" and
            "response_unexplained_g2" for all of the model's directions, weighted by response,
            fitted by (f, h) and by Behler's functions; "g2_unexplained" for Behler's functions,
            fitted by the first two directions; "atom_unexplained" and "outer_unexplained", the
            variance of E_i(model) - E_i(EMT) divided by that of E_i(EMT) and of g without its
            linear part.
        curves: "curve_<name>", the fits of EMT's functions by the model's first two directions, on
            the grid; "curve_outer", g without its linear part plus the model's error, in bins of
            sigma.
    """
    pairs, two = reference.pairs, slice(EMT_DIRECTIONS)
    found = Directions.of(model, pairs)
    learned = model.inner(pairs.r) @ found.vectors.T
    on_grid = model.inner(reference.grid) @ found.vectors.T
    energies, _ = model.outer(model.own + pairs.sums(model.inner(pairs.r)))
    off = energies - reference.atom_energies
    share = found.responses / found.responses.sum()
    radial = g2(pairs.r)
    bent = reference.bent(reference.sigma)
    metrics = {
        **found.metrics(),
        **{
            f"{name}_unexplained": value
            for name, value in zip(
                FUNCTIONS, unexplained(reference.functions, learned[:, two]), strict=True
            )
        },
        "response_unexplained_emt": share @ unexplained(learned, reference.functions[:, :2]),
        "response_unexplained_g2": share @ unexplained(learned, radial),
        "g2_unexplained": unexplained(radial, learned[:, two]).mean(),
        "atom_unexplained": off.var() / reference.atom_energies.var(),
        "outer_unexplained": off.var() / bent.var(),
    }
    fitted = linear_fit(reference.functions, learned[:, two])(on_grid[:, two])
    curves = {f"curve_{name}": fitted[:, k] for k, name in enumerate(FUNCTIONS)}
    curves["curve_outer"] = reference.binned(bent + off - off.mean())
    return metrics, curves


def one_function_rmse(reference: Reference, energies: np.ndarray, n_knots: int = 30) -> float:
    """Lowest RMSE of Eq. 2 with a single inner function, a combination of EMT's two, in eV.

    E = sum_i G(sum_j (a f + b h)) with the best a, b and the best spline G.

    Args:
        reference: has f and h on its frames.
        energies: (n,) eV, of the same frames.
        n_knots: number of knots of the spline.
    """
    sums = np.stack([reference.sigma, reference.pair_sums], axis=1)
    variances, components = np.linalg.eigh(np.cov(sums.T))
    white = (sums - sums.mean(axis=0)) @ (components / np.sqrt(variances))

    def rmse(angle: float) -> float:
        u = white @ [np.cos(angle), np.sin(angle)]
        design = BSpline.design_matrix(u, clamped_knots(u, n_knots), DEGREE).toarray()
        design = design.reshape(len(energies), -1, design.shape[1]).sum(axis=1)
        found, *_ = np.linalg.lstsq(design, energies, rcond=None)
        return float(np.sqrt(np.mean((design @ found - energies) ** 2)))

    angles = np.linspace(0.0, np.pi, 90, endpoint=False)
    best = angles[np.argmin([rmse(angle) for angle in angles])]
    step = angles[1]
    return float(minimize_scalar(rmse, bounds=(best - step, best + step), method="bounded").fun)


def compare_emt(reference: Reference) -> tuple[dict, dict]:
    """Analyse EMT itself, and the fit of its two functions by Behler's four.

    Returns:
        metrics: those of :func:`compare`; "<name>_unexplained_g2" for EMT's functions, fitted by
            Behler's; "one_function_rmse" (eV).
        curves: those of :func:`compare`; "curve_r" and "curve_sigma", the grid and the centres of
            the bins, over which all others are drawn; the density of r; Behler's functions and
            the fits by them; the two pair energies of :class:`Reference`.
    """
    metrics, curves = compare(emt_model(reference.emt), reference)
    r, grid, bins = reference.pairs.r, reference.grid, reference.bins
    by_g2 = unexplained(reference.functions, g2(r))
    fitted = linear_fit(reference.functions, g2(r))(g2(grid))
    for k, name in enumerate(FUNCTIONS):
        metrics[f"{name}_unexplained_g2"] = by_g2[k]
        curves[f"curve_{name}_g2"] = fitted[:, k]
    metrics["one_function_rmse"] = one_function_rmse(reference, reference.energies)
    middles = (bins[1:] + bins[:-1]) / 2
    best, linear = reference.best_pair_energy, reference.linear_pair_energy
    curves |= {
        "curve_r": grid,
        "curve_density": np.histogram(r, bins=GRID, density=True)[0],
        "curve_g2": g2(grid).T,
        "curve_sigma": middles,
        "curve_outer": reference.bent(middles),
        "curve_pair_best": best(grid) - best(r).mean(),
        "curve_pair_linear": linear(grid) - linear(r).mean(),
    }
    return metrics, curves


def compare_eq2(
    trained: keras.Model, untrained: keras.Model, reference: Reference
) -> tuple[dict, dict]:
    """Compare an Eq. 2 network with EMT, before and after training.

    Returns:
        Metrics and curves: those of :func:`compare` for the trained network;
        "<name>_unexplained_before", "g2_unexplained_before" and "curve_<name>_before" for the
        untrained one; as a baseline, Behler's functions fitted by 1/r ("g2_unexplained_inverse")
        and by r ("g2_unexplained_distance").
    """
    n_atoms = reference.pairs.n_atoms
    metrics, curves = compare(eq2_model(trained, n_atoms), reference)
    before, curves_before = compare(eq2_model(untrained, n_atoms), reference)
    for name in FUNCTIONS:
        metrics[f"{name}_unexplained_before"] = before[f"{name}_unexplained"]
        curves[f"curve_{name}_before"] = curves_before[f"curve_{name}"]
    r = reference.pairs.r
    metrics["g2_unexplained_before"] = before["g2_unexplained"]
    for name, values in (("inverse", 1.0 / r), ("distance", r)):
        metrics[f"g2_unexplained_{name}"] = unexplained(g2(r), values[:, None]).mean()
    return metrics, curves


def compare_eq3(trained: keras.Model, reference: Reference) -> tuple[dict, dict]:
    """Compare a trained Eq. 3's pair energy with the best one, EMT's and Behler's functions.

    Returns:
        metrics: "pair_unexplained_best", "pair_unexplained_linear" and "pair_unexplained_h", with
            only a shift fitted, by the two pair energies of :class:`Reference` and by 2 h;
            "pair_unexplained_fh" and "pair_unexplained_g2" by the best linear combination of
            (f, h) and of Behler's functions.
        curves: "curve_pair" on the grid, minus its mean over all pairs.
    """
    pair = eq3_pair_energy(trained)
    r = reference.pairs.r
    learned = pair(r)
    by_shift = {
        "best": reference.best_pair_energy(r),
        "linear": reference.linear_pair_energy(r),
        "h": 2.0 * reference.emt.h(r),
    }
    metrics = {
        **{
            f"pair_unexplained_{name}": unexplained_but_for_shift(learned, other)
            for name, other in by_shift.items()
        },
        "pair_unexplained_fh": unexplained(learned[:, None], reference.functions[:, :2])[0],
        "pair_unexplained_g2": unexplained(learned[:, None], g2(r))[0],
    }
    return metrics, {"curve_pair": pair(reference.grid) - learned.mean()}
