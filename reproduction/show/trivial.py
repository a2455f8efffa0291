"""Comparison of errors with the trivial baseline: the mean training energy, forces of zero."""

import numpy as np

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import Spread, spread
from reproduction.show.rules import Key, ends_text, part, printed, unit


def log_ratio_to_trivial(evidence: Evidence, key: Key) -> Spread | None:
    """Spread over seeds of ln(error / the trivial baseline's), of the values of verdicts.

    None if the key is not that of an RMSE, or one of the two is missing.
    """
    if key.metric not in ("energy_rmse", "force_rmse"):
        return None
    values, trivial = evidence.judged(*key).values(), evidence.trivial(*key)
    if not values or not trivial:
        return None
    return spread(np.log(np.fromiter(values, float) / np.asarray(trivial)))


def beats_trivial(evidence: Evidence, key: Key) -> bool | None:
    """Whether a row's error is below the trivial baseline's, with 95 % confidence over seeds.

    None if there is nothing to compare, see :func:`log_ratio_to_trivial`.
    """
    logs = log_ratio_to_trivial(evidence, key)
    if logs is None:
        return None
    return logs.mean < 0 if logs.n == 1 else logs.bounds()[1] < 0


def never_beats_trivial(evidence: Evidence, key: Key) -> bool:
    """Whether a row's error is at or above the trivial baseline's, with 95 % confidence over seeds.

    False if there is nothing to compare.
    """
    logs = log_ratio_to_trivial(evidence, key)
    if logs is None:
        return False
    return logs.mean >= 0 if logs.n == 1 else logs.bounds()[0] >= 0


def printed_beats_trivial(evidence: Evidence, key: Key) -> bool:
    """Whether the number that the report prints is below the trivial baseline; true if none known.

    Some are not: a model that overfits may well be worse than the mean.
    """
    trivial = evidence.trivial(*key)
    return not trivial or printed(key) < spread(trivial).mean


def no_better(evidence: Evidence, key: Key) -> str:
    """Remark that a row is not shown to beat the trivial baseline; empty if it is, or none known.

    With the bounds of their ratio, if several seeds give them.
    """
    if beats_trivial(evidence, key) is not False:
        return ""
    trivial = spread(evidence.trivial(*key)).mean
    what = "the mean of training" if key.metric == "energy_rmse" else "zero forces"
    logs = log_ratio_to_trivial(evidence, key)
    of_it = f"; {ends_text(*np.exp(logs.bounds()), 1.0)} times" if logs.n > 1 else ""
    return (
        f"{evidence.called(key.experiment)} is not shown to beat {what} "
        f"({trivial:.3g}{unit(key)}{part(key)}{of_it})"
    )
