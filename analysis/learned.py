"""What the MLPs learned, next to EMT's own functions and to Behler's (sections 4.1 and 4.6).

Eq. 2 and EMT have one form, E_i = outer(s_i) of sums s_i = own + sum_{j != i} inner(r_ij)
(:mod:`analysis.atom_models`). An invertible linear map of the inner functions can be undone by the
outer one, so that the functions themselves cannot be compared, only what they span; and of that
only the directions which the outer function reacts to. Those are found here free of the choice of
map: sums are brought to unit covariance, and the eigenvectors of the outer function's mean squared
slope give the directions, the square roots of its eigenvalues what E_i moves along each, in eV.

Atom energies, however, can be compared: a sum of symmetric functions of each atom's own
distances determines them up to a constant. For if such B_i add up to zero, with independent
distances, then only B_1 contains r_12 and r_13 both, so that its mixed derivative is zero and B_1
is a sum of functions of one distance; adding up to zero, these are constants. (The 15 distances of
six atoms obey three relations; how well energies agree is measured.)

All is weighted by the training part: every pair i < j of every frame counts once. Nothing is said
of distances that do not occur there (below 2.2 Å), and little of rare ones. "Unexplained" is the
variance left by the best fit over the total variance, 1 - R^2.

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
# Directions of less than this share of the largest variance are rounding.
SMALLEST_VARIANCE = 1e-12
# Amp's radial etas, to be divided by the squared cutoff.
ETAS = np.array([g["eta"] for g in default_symmetry_functions(["Au"]) if g["type"] == "G2"])
# EMT's functions as they are compared: see Reference.functions.
FUNCTIONS = ("f", "h", "rest")


def g2(r: np.ndarray) -> np.ndarray:
    """Behler's radial functions of one neighbour, exp(-eta r^2/Rc^2) fc(r): (m,) Å -> (m, 4).

    Amp's four defaults, which divide eta by Rc^2 where Eq. 1 does not.
    """
    fc = np.where(r < CUTOFF, 0.5 * (1.0 + np.cos(np.pi * r / CUTOFF)), 0.0)
    return np.exp(-ETAS * (r[:, None] / CUTOFF) ** 2) * fc[:, None]


def linear_fit(targets: np.ndarray, by: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Least-squares map from ``by`` (m, k) and a constant to targets (m, t).

    Returns:
        A function of (any, k) that gives (any, t).
    """
    centre, middle = by.mean(axis=0), targets.mean(axis=0)
    found, *_ = np.linalg.lstsq(by - centre, targets - middle, rcond=None)
    return lambda other: middle + (other - centre) @ found


def unexplained(targets: np.ndarray, by: np.ndarray) -> np.ndarray:
    """1 - R^2 of targets (m, t) by least squares on a constant and ``by`` (m, k): (t,)."""
    targets = targets - targets.mean(axis=0)
    rest = targets - linear_fit(targets, by)(by)
    return (rest**2).mean(axis=0) / (targets**2).mean(axis=0)


def unexplained_but_for_shift(values: np.ndarray, other: np.ndarray) -> float:
    """Var(values - other) / Var(values): as 1 - R^2, but a constant shift alone is fitted."""
    return float((values - other).var() / values.var())


def how_many(shares: np.ndarray, wanted: float) -> int:
    """How many of the largest shares add up to the wanted part of their sum, 0 to 1."""
    shares = np.sort(shares)[::-1]
    return int(np.searchsorted(np.cumsum(shares) / shares.sum(), wanted) + 1)


@dataclass(frozen=True)
class Directions:
    """What an outer function sees and what it reacts to, largest first.

    Attributes:
        variances: of the sums along their principal components (d,), in the model's own basis.
        responses: mean squared change of E_i along each direction (k,), eV^2, to first order for
            a change by the direction's standard deviation.
        vectors: (k, d), directions times inner functions; its sums over neighbours have unit
            covariance.
    """

    variances: np.ndarray
    responses: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, model: AtomModel, pairs: Pairs) -> "Directions":
        """A model's directions on the pairs' frames."""
        sums = model.own + pairs.sums(model.inner(pairs.r))
        _, slopes = model.outer(sums)
        variances, components = np.linalg.eigh(np.atleast_2d(np.cov(sums.T)))
        kept = variances > SMALLEST_VARIANCE * variances.max()
        root = components[:, kept] * np.sqrt(variances[kept])
        along = slopes @ root
        responses, turn = np.linalg.eigh(along.T @ along / len(along))
        vectors = (components[:, kept] / np.sqrt(variances[kept])) @ turn
        # A direction has no sign of its own: let most of it be positive.
        vectors = vectors * np.where(model.inner(pairs.r).mean(axis=0) @ vectors < 0, -1.0, 1.0)
        return cls(
            np.maximum(variances[::-1], 0.0),
            np.maximum(responses[::-1], 0.0),
            vectors.T[::-1],
        )

    def metrics(self) -> dict[str, float]:
        """How many matter, and how much the first three do (eV)."""
        responses = {f"response_{k + 1}": np.sqrt(a) for k, a in enumerate(self.responses[:3])}
        return {
            "components_99": how_many(self.variances, 0.99),
            "components_999": how_many(self.variances, 0.999),
            "directions_99": how_many(self.responses, 0.99),
            "directions_999": how_many(self.responses, 0.999),
            **responses,
        }


class Reference:
    """EMT on a training part: what learned functions are held against.

    Attributes:
        emt: its functions.
        pairs: of the frames.
        energies: (n,) eV, the frames' labels.
        functions: (m, 3) on the pairs: f, h, and h's part that the best multiple of f and a
            constant leave. f and h are nearly proportional; that part is what tells them apart.
        atom_energies, sigma, pair_sums: (n N,) on the atoms.
        bent: function of sigma, g minus its best line on the data: g - a sigma and h + a f are
            the same potential, so that g's line means nothing.
        grid: (GRID,) Å over the training range.
        bins: (SIGMA_BINS + 1,), edges over all but the outermost thousandths of sigma.
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
        """f, h and h's part beyond f: (m,) Å -> (m, 3)."""
        f, h = self.emt.f(r), self.emt.h(r)
        return np.stack([f, h, h - self._h_by_f(f[:, None])[:, 0]], axis=1)

    def binned(self, values: np.ndarray) -> np.ndarray:
        """Mean of an atom quantity (n N,) in each bin of sigma; NaN where a bin is empty."""
        where = np.digitize(self.sigma, self.bins) - 1
        inside = (where >= 0) & (where < SIGMA_BINS)
        count = np.bincount(where[inside], minlength=SIGMA_BINS)
        total = np.bincount(where[inside], values[inside], minlength=SIGMA_BINS)
        return np.divide(total, count, out=np.full(SIGMA_BINS, np.nan), where=count > 0)

    def best_pair_energy(self, r: np.ndarray) -> np.ndarray:
        """The pair energy of least squares on the labels: (m,) Å -> (m,) eV."""
        return self._floor.pair_energy(r)

    def linear_pair_energy(self, r: np.ndarray) -> np.ndarray:
        """EMT as a pair potential, g replaced by its tangent at the mean sigma: (m,) Å -> (m,) eV.

        2 h(r) + 2 g'(sigma) f(r), but for a constant.
        """
        slope = self.emt.g_slope(self.sigma.mean())
        return 2.0 * (self.emt.h(r) + slope * self.emt.f(r))


def compare(model: AtomModel, reference: Reference) -> tuple[dict, dict]:
    """An atom model against EMT.

    Returns:
        metrics: those of :meth:`Directions.metrics`; "<name>_unexplained" of EMT's functions by the
            model's first two directions; "response_unexplained_emt" and "_g2", of all the model's
            directions, weighted by response, by (f, h) and by Behler's functions;
            "g2_unexplained", Behler's by the first two directions; "atom_unexplained" and
            "outer_unexplained", the variance of E_i(model) - E_i(EMT) over that of E_i(EMT) and of
            the bent part of g.
        curves: "curve_<name>", EMT's functions as the model's first two directions fit them, on
            the grid; "curve_outer", the bent part of g plus the model's error, in bins of sigma.
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
    """RMSE of E = sum_i G(sum_j (a f + b h)) with the best a, b and the best spline G, eV.

    What Eq. 2 could reach with one inner function out of EMT's two.

    Args:
        reference: has f and h on its frames.
        energies: (n,) eV, of the same frames.
        n_knots: of the spline.
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
    """EMT's own numbers, and what Behler's four functions make of its two.

    Returns:
        metrics: those of :func:`compare`, "<name>_unexplained_g2" and "one_function_rmse" (eV).
        curves: those of :func:`compare`; the grid and the bins' middles that all others are drawn
            over ("curve_r", "curve_sigma"), the density of r, Behler's functions, and the two
            pair energies of :class:`Reference`.
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
    """A trained Eq. 2 against EMT, and the same network before training.

    Returns:
        metrics and curves of :func:`compare` for the trained one; for the other
        "<name>_unexplained_before" and "curve_<name>_before". Of Behler's functions also
        "g2_unexplained_before", and by what costs nothing: "g2_unexplained_inverse" by 1/r and
        "g2_unexplained_distance" by r.
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
    """A trained Eq. 3's pair energy against the best one, EMT's and Behler's functions.

    Returns:
        metrics: "pair_unexplained_best", "_linear" and "_h", where a shift alone is free, by the
            two pair energies of :class:`Reference` and by 2 h; "_fh" and "_g2" by the best
            combination of (f, h) and of Behler's functions.
        curves: "curve_pair" on the grid, its mean over all pairs taken off.
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
