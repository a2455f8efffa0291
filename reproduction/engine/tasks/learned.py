"""What the MLPs learned, next to EMT's own functions and to Behler's (sections 4.1 and 4.6).

Eq. 2 and EMT have one form: atom energies E_i = outer(s_i) of sums s_i = own + sum_{j != i}
inner(r_ij); EMT's inner functions are (f, h), its outer one is g(sigma) + eta of their sums.
An invertible linear map of the inner functions can be undone by the outer one, so that the
functions themselves cannot be compared, only what they span; and of that only the directions which
the outer function reacts to. Those are found here free of the choice of map: sums are brought to
unit covariance, and the eigenvectors of the outer function's mean squared slope give the
directions, the square roots of its eigenvalues what E_i moves along each, in eV.

Atom energies, however, can be compared: a sum of symmetric functions of each atom's own
distances determines them up to a constant. For if such B_i add up to zero, with independent
distances, then only B_1 contains r_12 and r_13 both, so that its mixed derivative is zero and B_1
is a sum of functions of one distance; adding up to zero, these are constants. (The 15 distances of
six atoms obey three relations; how well energies agree is measured.)

All is weighted by the training part: every pair i < j of every frame counts once. Nothing is said
of distances that do not occur there (below 2.2 Å), and little of rare ones. "Unexplained" is the
variance left by the best fit over the total variance, 1 - R^2.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import minimize_scalar

from analysis.emt import EmtFunctions
from keras_models import load_model
from keras_models.backend import K, keras, tf
from keras_models.training import build_seeded
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.pair_floor import DEGREE, PairFloor, pair_distances
from reproduction.engine.tasks.uses import model_path

EMT_DIRECTIONS = 2
GRID = 300
SIGMA_BINS = 40
# Directions of less than this share of the largest variance are rounding.
SMALLEST_VARIANCE = 1e-12
# Amp's default radial functions: it divides eta by Rc^2, which Eq. 1 does not.
G2_CUTOFF_A = 6.5
G2_ETAS = np.logspace(np.log10(0.05), np.log10(5.0), 4)


@dataclass(frozen=True)
class AtomModel:
    """E_i = outer(s_i), s_i = own + sum_{j != i} inner(r_ij), with d inner functions.

    Attributes:
        inner: (m,) Å -> (m, d).
        own: (d,), the i = j term.
        outer: (m, d) -> energies (m,) in eV and their slopes (m, d).
    """

    inner: Callable[[np.ndarray], np.ndarray]
    own: np.ndarray
    outer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def emt_model(emt: EmtFunctions) -> AtomModel:
    """EMT in the form of Eq. 2, with two inner functions."""

    def outer(s):
        slopes = np.stack([emt.g_slope(s[:, 0]), np.ones(len(s))], axis=1)
        return emt.g(s[:, 0]) + s[:, 1], slopes

    return AtomModel(lambda r: np.stack([emt.f(r), emt.h(r)], axis=1), np.zeros(2), outer)


def eq2_model(model: keras.Model, n_atoms: int) -> AtomModel:
    """A model that :func:`keras_models.energy.eq2` built, taken apart."""
    in_ev = model.get_layer("energy")

    def outer(s):
        s = tf.constant(s)
        with tf.GradientTape() as tape:
            tape.watch(s)
            energies = mlp_alone(model, "atom_mlp", s)[:, 0] * in_ev.scale
        slopes = tape.gradient(energies, s)
        return energies.numpy() + in_ev.offset / n_atoms, slopes.numpy()

    return AtomModel(
        lambda r: mlp_alone(model, "pair_mlp", _c2(model, 1.0 / r)).numpy(),
        mlp_alone(model, "pair_mlp", _c2(model, np.zeros(1))).numpy()[0],
        outer,
    )


def eq3_pair_energy(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The energy of a pair (both orders) by a model of Eq. 3: (m,) Å -> (m,) eV."""

    def pair(r):
        inner = mlp_alone(model, "inner_mlp", _c2(model, 1.0 / r))
        values = mlp_alone(model, "outer_mlp", inner).numpy()[:, 0]
        return 2.0 * model.get_layer("energy").scale * values

    return pair


def _c2(model: keras.Model, inverse_distances: np.ndarray):
    """1/r as the model's MLP takes it: (m,) 1/Å -> (m, 1) tensor."""
    layer = model.get_layer("standardised_c2")
    return tf.constant((inverse_distances * layer.scale + layer.offset)[:, None])


def mlp_alone(model: keras.Model, prefix: str, x):
    """One MLP of a model by itself, in float64 whatever the model has: (m, in) -> (m, out)."""
    for layer in model.layers:
        if layer.name.startswith(f"{prefix}_"):
            kernel, bias = (K.cast(w, "float64") for w in (layer.kernel, layer.bias))
            x = layer.activation(K.matmul(x, kernel) + bias)
    return x


def g2(r: np.ndarray) -> np.ndarray:
    """Behler's radial functions exp(-eta r^2/Rc^2) fc(r), Amp's four: (m,) Å -> (m, 4)."""
    fc = np.where(r < G2_CUTOFF_A, 0.5 * (1.0 + np.cos(np.pi * r / G2_CUTOFF_A)), 0.0)
    return np.exp(-G2_ETAS * (r[:, None] / G2_CUTOFF_A) ** 2) * fc[:, None]


class Pairs:
    """All pairs i < j of a set of frames.

    Attributes:
        r: (m,) Å, frame by frame.
    """

    def __init__(self, positions: np.ndarray) -> None:
        n, n_atoms, _ = positions.shape
        self.r = pair_distances(positions).ravel()
        self.n_atoms = n_atoms
        i, j = np.triu_indices(n_atoms, 1)
        self._to_atoms = np.zeros((len(i), n_atoms))
        self._to_atoms[np.arange(len(i)), i] = self._to_atoms[np.arange(len(i)), j] = 1.0
        self._n = n

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum over each atom's neighbours: (m, d) -> (n N, d), atoms frame by frame."""
        parts = values.reshape(self._n, -1, values.shape[-1])
        return np.einsum("npd,pa->nad", parts, self._to_atoms).reshape(-1, values.shape[-1])


def unexplained(targets: np.ndarray, by: np.ndarray) -> np.ndarray:
    """1 - R^2 of targets (m, t) by least squares on a constant and ``by`` (m, k): (t,)."""
    targets = targets - targets.mean(axis=0)
    rest = targets - _fit(targets, by)(by)
    return (rest**2).mean(axis=0) / (targets**2).mean(axis=0)


def _fit(targets: np.ndarray, by: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The least-squares map from ``by`` and a constant to targets."""
    centre, middle = by.mean(axis=0), targets.mean(axis=0)
    found, *_ = np.linalg.lstsq(by - centre, targets - middle, rcond=None)
    return lambda other: middle + (other - centre) @ found


def how_many(shares: np.ndarray, wanted: float) -> int:
    """How many of the largest add up to this part of the sum."""
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
        """On the pairs' frames."""
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
        functions: (m, 3) on the pairs: f, h, and h's part that the best multiple of f and a
            constant leave. f and h are nearly proportional; that part is what tells them apart.
        atom_energies, sigma, pair_sums: (n N,) on the atoms.
        bent: function of sigma, g minus its best line on the data: g - a sigma and h + a f are
            the same potential, so that g's line means nothing.
        grid: (GRID,) Å over the training range.
    """

    def __init__(self, positions: np.ndarray, emt: EmtFunctions) -> None:
        self.emt, self.pairs = emt, Pairs(positions)
        r = self.pairs.r
        self.grid = np.linspace(r.min(), r.max(), GRID)
        self._rest = _fit(emt.h(r)[:, None], emt.f(r)[:, None])
        self.functions = self.at(r)
        self.sigma, self.pair_sums = self.pairs.sums(self.functions[:, :2]).T
        self.atom_energies = emt.g(self.sigma) + self.pair_sums
        line = np.polynomial.Polynomial.fit(self.sigma, emt.g(self.sigma), 1)
        self.bent = lambda sigma: emt.g(sigma) - line(sigma)
        self.bins = np.linspace(*np.quantile(self.sigma, [0.001, 0.999]), SIGMA_BINS + 1)

    def at(self, r: np.ndarray) -> np.ndarray:
        """f, h and h's part beyond f: (m,) Å -> (m, 3)."""
        f, h = self.emt.f(r), self.emt.h(r)
        return np.stack([f, h, h - self._rest(f[:, None])[:, 0]], axis=1)

    def binned(self, values: np.ndarray) -> np.ndarray:
        """Mean of an atom quantity (n N,) in each bin of sigma; NaN where a bin is empty."""
        where = np.digitize(self.sigma, self.bins) - 1
        inside = (where >= 0) & (where < SIGMA_BINS)
        count = np.bincount(where[inside], minlength=SIGMA_BINS)
        total = np.bincount(where[inside], values[inside], minlength=SIGMA_BINS)
        return np.divide(total, count, out=np.full(SIGMA_BINS, np.nan), where=count > 0)


FUNCTIONS = ("f", "h", "rest")


def compare(model: AtomModel, reference: Reference) -> tuple[dict, dict, Directions]:
    """A model against EMT: metrics, curves, and the directions that were found."""
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
    fitted = _fit(reference.functions, learned[:, two])(on_grid[:, two])
    curves = {f"curve_{name}": fitted[:, k] for k, name in enumerate(FUNCTIONS)}
    curves["curve_outer"] = reference.binned(bent + off - off.mean())
    return metrics, curves, found


def one_function_rmse(reference: Reference, energies: np.ndarray, n_knots: int = 30) -> float:
    """RMSE of E = sum_i G(sum_j (a f + b h)) with the best a, b and the best spline G, eV.

    What Eq. 2 could reach with one inner function out of EMT's two.
    """
    sums = np.stack([reference.sigma, reference.pair_sums], axis=1)
    variances, components = np.linalg.eigh(np.cov(sums.T))
    white = (sums - sums.mean(axis=0)) @ (components / np.sqrt(variances))

    def rmse(angle: float) -> float:
        u = white @ [np.cos(angle), np.sin(angle)]
        inner = np.linspace(u.min(), u.max(), n_knots)
        knots = np.concatenate([[inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE])
        design = BSpline.design_matrix(u, knots, DEGREE).toarray()
        design = design.reshape(len(energies), -1, design.shape[1]).sum(axis=1)
        found, *_ = np.linalg.lstsq(design, energies, rcond=None)
        return float(np.sqrt(np.mean((design @ found - energies) ** 2)))

    angles = np.linspace(0.0, np.pi, 90, endpoint=False)
    best = angles[np.argmin([rmse(angle) for angle in angles])]
    step = angles[1]
    return float(minimize_scalar(rmse, bounds=(best - step, best + step), method="bounded").fun)


def pair_shift(values: np.ndarray, other: np.ndarray) -> float:
    """Unexplained part of a pair function by another, a constant shift alone being free."""
    return float((values - other).var() / values.var())


def run(job: Job) -> list[RunResult]:
    """The comparison for each seed's trained model, or of EMT with itself and with Behler's G."""
    reference = Reference(job.train.positions, EmtFunctions.of("Au"))
    what = {"emt": _emt, "eq2": _eq2, "eq3": _eq3}[job.experiment.model]
    results = []
    for k, seed in enumerate(job.seeds):
        begin = time.perf_counter()
        metrics, curves = what(job, seed, reference)
        metrics = {("train", name): float(value) for name, value in metrics.items()}
        metrics["", "analysis_seconds"] = time.perf_counter() - begin
        results.append(RunResult(seed, {}, metrics, curves, {"ended": "compared"}))
        job.report((k + 1) / len(job.seeds), "compared")
    return results


def _emt(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    """EMT's own numbers, and what Behler's four functions make of its two."""
    metrics, curves, _ = compare(emt_model(reference.emt), reference)
    r, grid, bins = reference.pairs.r, reference.grid, reference.bins
    by_g2 = unexplained(reference.functions, g2(r))
    fitted = _fit(reference.functions, g2(r))(g2(grid))
    for k, name in enumerate(FUNCTIONS):
        metrics[f"{name}_unexplained_g2"] = by_g2[k]
        curves[f"curve_{name}_g2"] = fitted[:, k]
    metrics["one_function_rmse"] = one_function_rmse(reference, job.train.energies)
    middles = (bins[1:] + bins[:-1]) / 2
    best, linear = _pair_references(job, reference)
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


def _eq2(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    """A trained Eq. 2, and the same network before training."""
    trained = load_model(model_path(job, seed))
    n_atoms = reference.pairs.n_atoms
    metrics, curves, _ = compare(eq2_model(trained, n_atoms), reference)
    before = build_seeded(lambda: keras.models.clone_model(trained), seed)
    other, other_curves, _ = compare(eq2_model(before, n_atoms), reference)
    for name in FUNCTIONS:
        metrics[f"{name}_unexplained_before"] = other[f"{name}_unexplained"]
        curves[f"curve_{name}_before"] = other_curves[f"curve_{name}"]
    return metrics, curves


def _eq3(job: Job, seed: int, reference: Reference) -> tuple[dict, dict]:
    """A trained Eq. 3's pair energy against the best one and EMT's."""
    pair = eq3_pair_energy(load_model(model_path(job, seed)))
    r = reference.pairs.r
    learned = pair(r)
    best, linear = _pair_references(job, reference)
    metrics = {
        "pair_unexplained_best": pair_shift(learned, best(r)),
        "pair_unexplained_linear": pair_shift(learned, linear(r)),
        "pair_unexplained_h": pair_shift(learned, 2.0 * reference.emt.h(r)),
        "pair_unexplained_fh": unexplained(learned[:, None], reference.functions[:, :2])[0],
        "pair_unexplained_g2": unexplained(learned[:, None], g2(r))[0],
    }
    return metrics, {"curve_pair": pair(reference.grid) - learned.mean()}


def _pair_references(job: Job, reference: Reference) -> tuple[Callable, Callable]:
    """Pair energies in eV: the best by least squares, and EMT's with g as its tangent.

    With g(sigma) replaced by its tangent at the mean sigma, EMT is the pair potential
    2 h(r) + 2 g'(sigma) f(r), but for a constant.
    """
    emt = reference.emt
    floor = PairFloor.fit(job.train.positions, job.train.energies)
    slope = emt.g_slope(reference.sigma.mean())
    best = BSpline(floor.knots, floor.coefficients, DEGREE)
    return best, lambda r: 2.0 * (emt.h(r) + slope * emt.f(r))
