"""Made-up numbers of rows, and the verdicts that rules come to with them."""

import numpy as np
from scipy import stats

from reproduction.sections import EXPERIMENTS
from reproduction.show.claims import Claim, verdict
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.rules import Key, energy

# Five seeds about 15 % apart, as Table 4's are; their mean logarithm is 0.
SEEDS = np.exp(0.15 * stats.zscore(stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9]), ddof=1))


def evidence_of(means: dict[Key, float], spread=SEEDS) -> Evidence:
    """Made-up numbers: each mean times each of the spread's factors, a seed each."""
    values = (
        Value(*key[:1], k, *key[1:], mean * factor)
        for key, mean in means.items()
        for k, factor in enumerate(spread)
    )
    return Evidence(Metrics(values), EXPERIMENTS)


def status(claim: Claim, means: dict[Key, float], spread=SEEDS) -> str:
    return verdict(claim, evidence_of(means, spread)).status


def of(*checks) -> Claim:
    return Claim(0, "made-up", "0", "words", "rule", "it were not made up", checks)


A, B = energy("table4/eq2"), energy("table4/eq4")
