"""Sections 4.1 and 4.6: the functions that the MLPs learned, compared with EMT's and Behler's."""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections.names import EQ2, EQ2_LONGER, EQ3, EQ3_LONGER, GRADIENT
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import EQ2_ROW, longer
from reproduction.sections.trivial import with_trivial
from reproduction.show.evidence import TRIVIAL
from reproduction.show.metrics import NOT_RUN, Spread, with_spread
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table, seconds_text


def _learned(models_of: str, label: str, model: str, **changes) -> Experiment:
    """A row that compares the functions of another row's trained models with EMT's."""
    own = Experiment(
        f"beyond/learned-{models_of.split('/')[1]}",
        "learned",
        label,
        "learned",
        AU6,
        model,
        models_of=models_of,
        assumed=("learned",),
    )
    return replace(own, **changes)


def _inner(n: int) -> Experiment:
    """A row of Eq. 2 with n inner functions; EMT itself has two."""
    return replace(
        longer(EQ2_ROW),
        id=f"beyond/eq2-inner-{n}",
        table="inner",
        label=f"Eq. 2, inner outputs: {n}",
        widths=((n, 50, 1), (1, 50, n)),
        assumed=(*EQ2_ROW.assumed, "learned"),
    )


EMT = "beyond/learned-emt"
ROWS = with_trivial(
    Experiment(
        EMT,
        "learned",
        "EMT itself",
        "learned",
        AU6,
        "emt",
        seeds=(0,),
        deterministic=True,
        assumed=("learned",),
        quick=True,
    ),
    _learned(EQ2, "Eq. 2", "eq2", quick=True),
    _learned(EQ2_LONGER, "Eq. 2, longer", "eq2"),
    # One seed: the models of the others are available, but not their runs.
    _learned(GRADIENT, "Eq. 2, E and F", "eq2", seeds=(0,)),
    _learned(EQ3, "Eq. 3", "eq3", quick=True),
    _learned(EQ3_LONGER, "Eq. 3, longer", "eq3"),
    *map(_inner, (1, 2, 3, 5)),
)

NUMBERS = {
    "principal components for 99 % of what the outer MLP sees": "components_99",
    "for 99.9 %": "components_999",
    "directions for 99 % of what it reacts to": "directions_99",
    "directions for 99.9 %": "directions_999",
}
ENERGIES = {
    "E_i moves along the first direction, meV": "response_1",
    "along the second": "response_2",
    "along the third": "response_3",
}
FRACTIONS = {
    "f, unexplained by the first two directions": "f_unexplained",
    "h, unexplained by them": "h_unexplained",
    "h beyond f, unexplained by them": "rest_unexplained",
    "f, before training": "f_unexplained_before",
    "h beyond f, before training": "rest_unexplained_before",
    "the directions, unexplained by EMT's f and h": "response_unexplained_emt",
    "atom energies, unexplained by EMT's": "atom_unexplained",
    "outer function beyond a line, unexplained by g": "outer_unexplained",
    "f, unexplained by Behler's four G": "f_unexplained_g2",
    "h beyond f, unexplained by Behler's four G": "rest_unexplained_g2",
    "the directions, unexplained by Behler's four G": "response_unexplained_g2",
    "Behler's four G, unexplained by the first two directions": "g2_unexplained",
    "the same, before training": "g2_unexplained_before",
    "Behler's four G, unexplained by 1/r alone": "g2_unexplained_inverse",
    "Behler's four G, unexplained by r alone": "g2_unexplained_distance",
    "pair energy, unexplained by the best one": "pair_unexplained_best",
    "pair energy, unexplained by EMT's with g as its tangent": "pair_unexplained_linear",
    "pair energy, unexplained by EMT's 2h": "pair_unexplained_h",
    "pair energy, unexplained by a f + b h": "pair_unexplained_fh",
    "pair energy, unexplained by Behler's four G": "pair_unexplained_g2",
}


def _fraction(s: Spread | None) -> str:
    """Format a fraction of a variance: the mean over seeds, and the largest value."""
    if s is None:
        return "-"
    if s.highest < 1e-12:  # rounding
        return "0"
    return _part(s.mean) + (f" (≤ {_part(s.highest)})" if s.n > 1 else "")


def _part(value: float) -> str:
    """Format a number with two digits; below a thousandth in scientific notation."""
    if value < 1e-3:
        return f"{value:.1e}"
    return f"{float(f'{value:.2g}'):,g}"


def _count(s: Spread | None) -> str:
    return with_spread(s) if s and s.std > 0 else f"{s.mean:.0f}" if s else "-"


def _in_mev(s: Spread | None) -> str:
    return with_spread(s, 1000.0) if s else "-"


def learned(evidence: Evidence) -> Table:
    """Table of what the MLPs learned, with one column per model."""
    experiments = evidence.rows_of("learned")
    found = [evidence.spread(e.id, "", "analysis_seconds") for e in experiments]
    rows = [("seeds", *(str(s.n) if s else NOT_RUN for s in found))]
    for metrics, show in ((NUMBERS, _count), (ENERGIES, _in_mev), (FRACTIONS, _fraction)):
        rows += [
            (label, *(show(evidence.spread(e.id, "train", metric)) for e in experiments))
            for label, metric in metrics.items()
        ]
    return Table(
        "learned",
        "What the MLPs learned, next to EMT's f, g, h and Behler's radial G",
        ("", *(e.label for e in experiments)),
        tuple(rows),
        "Unexplained: the part of the variance, 1 - R^2, that the best fit leaves over the "
        "training part's pairs (or atoms); the mean over seeds, and the largest; above 1 a "
        "constant does better. A linear map of the inner functions and a constant are free; "
        "for atom and pair energies only a constant is (and a, b, or the G's weights, where "
        "named). Directions are those of the inner functions' sums at unit covariance, in "
        "order of what E_i moves along one standard deviation. Before training: the same "
        "network with Keras's own initial weights.",
    )


def inner(evidence: Evidence) -> Table:
    """Table of Eq. 2's errors against the number of its inner functions."""
    rows = []
    for n in (1, 2, 3, 5, 20):
        name = EQ2_LONGER if n == 20 else f"beyond/eq2-inner-{n}"
        cells = [with_spread(evidence.spread(name, s, "energy_rmse")) for s in ("train", "test")]
        rows.append((str(n), *cells, seconds_text(evidence.spread(name, "", "train_seconds"))))
    for trivial in (e for e in evidence.rows_of("inner") if e.task == TRIVIAL):
        found = (evidence.spread(trivial.id, split, "energy_rmse") for split in ("train", "test"))
        rows.append(("none: " + trivial.label, *map(with_spread, found), ""))
    best = evidence.spread(EMT, "train", "one_function_rmse")
    floor = (
        f" One combination a f + b h of EMT's two functions in the place of both, with the best "
        f"a, b and outer function, leaves {with_spread(best)} eV in training."
    )
    return Table(
        "inner",
        "Eq. 2 with fewer inner functions: RMSE of E on Au6, eV (1,000 epochs, cosine decay)",
        ("inner functions", "train", "test", "seconds a seed"),
        tuple(rows),
        SPREAD_NOTE + (floor if best else ""),
    )


TABLES = (learned, inner)
CLAIMS = ()
