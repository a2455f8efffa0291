"""Error metrics, the same for every model, and statistics of their spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

NOT_RUN = "not run yet"
SIGNIFICANCE = 0.05

UNITS = {
    "energy_rmse": "eV",
    "energy_mae": "eV",
    "energy_max": "eV",
    "energy_bias": "eV",
    "energy_slope": "",
    "force_rmse": "eV/Å",
    "force_mae": "eV/Å",
    "force_max": "eV/Å",
    "energy_rmse_late": "eV",
    "force_rmse_late": "eV/Å",
    "net_force_rms": "eV/Å",
    # the models in NVE dynamics
    "picoseconds": "ps",
    "drift_own": "meV/atom",
    "drift_emt": "meV/atom",
    "wander_own": "meV/atom",
    "wander_emt": "meV/atom",
    "ms_a_step": "ms",
    # minima
    "same_minimum": "",
    "minimum_energy_error": "meV",
    "minimum_rms_displacement": "Å",
    "calls_model": "",
    "calls_emt": "",
    "seconds_model": "s",
    "seconds_emt": "s",
    # vibrations
    "frequency_max_error": "1/cm",
    "frequency_rmse": "1/cm",
    # uncertainty
    "force_std": "eV/Å",
    "error_to_std": "",
    "rank_correlation": "",
    # models of one size on others
    **{
        f"{name}_{metric}": unit
        for name in ("au13", "au20", "au55")
        for metric, unit in (
            ("energy_rmse", "eV/atom"),
            ("force_rmse", "eV/Å"),
            ("force_rms", "eV/Å"),
        )
    },
    "lattice_constant": "Å",
    "bulk_modulus": "GPa",
    "vacancy_energy": "eV",
    "surface_energy_111": "J/m^2",
    "surface_energy_100": "J/m^2",
    # Amp beside its Keras twin: largest differences
    "twin_energy_difference": "eV",
    "twin_force_difference": "eV/Å",
    "best_step": "",
    # what the MLPs learned: fractions of a variance, except
    "components_99": "",
    "components_999": "",
    "directions_99": "",
    "directions_999": "",
    "response_1": "eV",
    "response_2": "eV",
    "response_3": "eV",
    "one_function_rmse": "eV",
    **{
        f"{name}_unexplained{by}": ""
        for name in ("f", "h", "rest")
        for by in ("", "_before", "_g2")
    },
    "response_unexplained_emt": "",
    "response_unexplained_g2": "",
    "g2_unexplained": "",
    "g2_unexplained_before": "",
    "g2_unexplained_inverse": "",
    "g2_unexplained_distance": "",
    "atom_unexplained": "",
    "outer_unexplained": "",
    "pair_unexplained_best": "",
    "pair_unexplained_linear": "",
    "pair_unexplained_h": "",
    "pair_unexplained_fh": "",
    "pair_unexplained_g2": "",
    # correlation between samples
    "coordinates_next_correlation": "",
    "coordinates_correlation_time": "ps",
    "coordinates_correlation_time_error": "ps",
    "coordinates_independent_samples": "",
    "distances_next_correlation": "",
    "distances_correlation_time": "ps",
    "distances_correlation_time_error": "ps",
    "distances_independent_samples": "",
    "energy_next_correlation": "",
    "energy_correlation_time": "ps",
    "energy_correlation_time_error": "ps",
    "energy_independent_samples": "",
    "train_seconds": "s",
    "analysis_seconds": "s",
    "compile_seconds": "s",
    "parameters": "",
    # length of the training, in the unit that the optimiser counts
    "epochs": "",
    "steps": "",
    "iterations": "",
    "loss_evaluations": "",
    "evaluations": "",
}


def errors(kind: str, predicted: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """RMSE, MAE and largest error of predictions; for energies also the systematic error.

    ``energy_bias`` is the mean error, eV; ``energy_slope`` the slope of the regression line of
    the error on the reference: -0.1 if one tenth of every deviation from the mean is missed.

    Args:
        kind: "energy" (n,), eV of the whole system, over samples; or "force" (n, N, 3), eV/Å,
            over samples, atoms and components.
        predicted, reference: of the same shape.

    Returns:
        {metric: value}, the names beginning with ``kind``.

    Raises:
        ValueError: the shapes differ (broadcasting would silently give a wrong number).
    """
    predicted, reference = np.asarray(predicted, float), np.asarray(reference, float)
    if predicted.shape != reference.shape:
        raise ValueError(f"predictions {predicted.shape} do not fit references {reference.shape}")
    off = predicted - reference
    found = {
        f"{kind}_rmse": float(np.sqrt((off**2).mean())),
        f"{kind}_mae": float(np.abs(off).mean()),
        f"{kind}_max": float(np.abs(off).max()),
    }
    if kind == "energy":
        about = reference - reference.mean()
        square = float(about @ about)
        found["energy_bias"] = float(off.mean())
        found["energy_slope"] = float(about @ off) / square if square else 0.0
    return found


@dataclass(frozen=True)
class Spread:
    """Statistics of one metric over seeds.

    Attributes:
        n: number of seeds.
        mean: over seeds.
        std: sample standard deviation; NaN for one seed.
        lowest, highest: value over seeds.
    """

    n: int
    mean: float
    std: float
    lowest: float
    highest: float

    def bounds(self, confidence: float = 1 - SIGNIFICANCE) -> tuple[float, float]:
        """Lower and upper bound of the mean, each one-sided with this confidence; NaN for one."""
        half = float(stats.t.ppf(confidence, self.n - 1)) * self.std / self.n**0.5
        return self.mean - half, self.mean + half


def spread(values) -> Spread:
    """Compute the spread of some values. Raises ValueError if there are none."""
    values = np.asarray(list(values), float)
    n = len(values)
    if n == 0:
        raise ValueError("no values to take the spread of")
    std = float(values.std(ddof=1)) if n > 1 else float("nan")
    return Spread(n, float(values.mean()), std, float(values.min()), float(values.max()))


class LogRatio(NamedTuple):
    """Estimate of ln(a / b): mean, standard error, and degrees of freedom of the latter."""

    mean: float
    error: float
    freedom: float

    def bounds(self, confidence: float = 1 - SIGNIFICANCE) -> tuple[float, float]:
        """Lower and upper bound of a / b, each one-sided with this confidence."""
        half = stats.t.ppf(confidence, self.freedom) * self.error if self.error else 0.0
        return float(np.exp(self.mean - half)), float(np.exp(self.mean + half))


def log_ratio(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Estimate the ratio of two rows' values, a over b, on a logarithmic scale.

    Logarithms suit positive values whose spread grows with their size. The standard error is
    Welch's. A single value is treated as a further draw from the other side's distribution
    (Crawford and Howell, Clin. Neuropsychol. 12, 482, 1998).

    Returns:
        The estimate; None if both sides have only one value.
    """
    logs = [
        np.log(np.maximum(np.asarray(values, float), np.finfo(float).tiny)) for values in (a, b)
    ]
    sizes = np.array([len(values) for values in logs])
    if (sizes == 1).all():
        return None
    if (sizes == 1).any():
        n = sizes.max()
        variance = logs[int(np.argmax(sizes))].var(ddof=1) * (1 + 1 / n)
        freedom = n - 1.0
    else:
        parts = np.array([values.var(ddof=1) for values in logs]) / sizes
        variance = parts.sum()
        freedom = variance**2 / (parts**2 / (sizes - 1)).sum() if variance else 1.0
    return LogRatio(float(logs[0].mean() - logs[1].mean()), float(variance**0.5), float(freedom))


def compare(a: Sequence[float], b: Sequence[float]) -> int | None:
    """Test whether a is significantly lower or higher than b.

    Welch's t-test on :func:`log_ratio`, two-sided at 5 %. No significant difference does not mean
    equality, for which there is :func:`within`.

    Returns:
        -1 for lower, 1 for higher, 0 for no significant difference; None if both sides have only
        one value.
    """
    found = log_ratio(a, b)
    if found is None:
        return None
    if not found.error:
        return int(np.sign(found.mean))
    p = 2 * stats.t.sf(abs(found.mean) / found.error, found.freedom)
    return int(np.sign(found.mean)) if p < SIGNIFICANCE else 0


def within(a: Sequence[float], b: Sequence[float], factor: float) -> bool:
    """Whether a and b are shown to be equal within a factor.

    Two one-sided tests at 5 % (Schuirmann, J. Pharmacokinet. Biopharm. 15, 657, 1987).
    """
    found = log_ratio(a, b)
    if found is None:
        return False
    low, high = found.bounds()
    return low > 1 / factor and high < factor


def _exponent(value: float) -> int:
    """Exponent of ten in scientific notation; 0 for zero."""
    return int(f"{value:e}".split("e")[1])


def with_spread(s: Spread | None, scale: float = 1.0) -> str:
    """Format mean ± standard deviation with their significant digits; without spread, the mean.

    There are two digits of the mean, and more if needed to show one of the standard deviation; if
    the mean is smaller than that, two digits of the standard deviation. Thousands are rounded
    likewise: "170,000 ± 120,000". Numbers that need more than six decimals are in scientific
    notation.

    Args:
        s: the spread; None gives :data:`NOT_RUN`.
        scale: factor for both numbers.
    """
    if s is None:
        return NOT_RUN
    mean, std = scale * s.mean, scale * s.std
    if not std > 1e-9 * abs(mean):  # one seed, or rounding
        std = 0.0
    digits = 1 - _exponent(mean)
    if std > abs(mean):
        digits = 1 - _exponent(std)
    elif std:
        digits = max(digits, -_exponent(std))
    if digits > 6:
        return f"{mean:.1e}" + (f" ± {std:.1e}" if std else "")
    if max(abs(mean), std) < 1000:
        digits = max(digits, 0)
    texts = [f"{round(value, digits):,.{max(digits, 0)}f}" for value in (mean, std)]
    return " ± ".join(texts if std else texts[:1])
