"""What an error is, for every model, and how it spreads over seeds."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

UNITS = {
    "energy_rmse": "eV",
    "energy_mae": "eV",
    "energy_max": "eV",
    "force_rmse": "eV/Å",
    "force_mae": "eV/Å",
    "force_max": "eV/Å",
    "energy_rmse_late": "eV",
    "force_rmse_late": "eV/Å",
    "net_force_rms": "eV/Å",
    # uses of the models: NVE dynamics
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
    # Amp beside its Keras twin: largest differences
    "twin_energy_difference": "eV",
    "twin_force_difference": "eV/Å",
    "best_step": "",
    # what the MLPs learned: parts of a variance, but for
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
    "compile_seconds": "s",
    "parameters": "",
    "epochs": "",
    "evaluations": "",
}


def errors(kind: str, predicted: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """RMSE, MAE and largest error.

    Args:
        kind: "energy" (n,), eV of the whole system, over samples; or "force" (n, N, 3), eV/Å,
            over samples, atoms and components.
        predicted, reference: of the same shape.

    Raises:
        ValueError: shapes differ (broadcasting would give a wrong number silently).
    """
    predicted, reference = np.asarray(predicted, float), np.asarray(reference, float)
    if predicted.shape != reference.shape:
        raise ValueError(f"predictions {predicted.shape} do not fit references {reference.shape}")
    off = predicted - reference
    return {
        f"{kind}_rmse": float(np.sqrt((off**2).mean())),
        f"{kind}_mae": float(np.abs(off).mean()),
        f"{kind}_max": float(np.abs(off).max()),
    }


@dataclass(frozen=True)
class Spread:
    """Mean over seeds, sample standard deviation and 95 % confidence half-width of the mean.

    With one value, ``std`` and ``ci95`` are NaN: nothing is known of the spread.
    """

    n: int
    mean: float
    std: float
    ci95: float
    lowest: float
    highest: float


def spread(values) -> Spread:
    """Spread of one metric over seeds. Raises ValueError when there is no value."""
    values = np.asarray(list(values), float)
    n = len(values)
    if n == 0:
        raise ValueError("no values to take the spread of")
    std = float(values.std(ddof=1)) if n > 1 else float("nan")
    half = float(stats.t.ppf(0.975, n - 1) * std / np.sqrt(n)) if n > 1 else float("nan")
    return Spread(n, float(values.mean()), std, half, float(values.min()), float(values.max()))
