"""Beyond the report: F = -dE/dX with the report's energy models, trained on E and F together."""

import csv
from dataclasses import replace
from pathlib import Path

from keras_models.settings import AdamSettings, QuasiNewtonSettings
from reproduction.engine.experiment import Experiment
from reproduction.sections.names import GRADIENT
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import LONGER, WIDTHS
from reproduction.sections.s6_graph import ON_DISTANCES
from reproduction.sections.trivial import with_trivial
from reproduction.show.metrics import with_spread
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table, rmse_table, seconds_text

ELSEWHERE = Path(__file__).parents[1] / "elsewhere.csv"


def _row(name: str, label: str, model: str = "eq2", **changes) -> Experiment:
    """A row with the report's widths, and equal weights of E and F in eV^2 and (eV/Å)^2."""
    own = Experiment(
        f"beyond/{name}",
        "gradient",
        label,
        "gradient",
        AU6,
        model,
        widths=WIDTHS.get(model),
        activation="swish2",
        options={"form": "fast"},
        training=QuasiNewtonSettings(((4, 1200), (1, 1000))),
        loss_weights=(1.0, 1.0),
        assumed=("data", "features", "gradient"),
    )
    return replace(own, **changes)


def _stages(first: int, second: int) -> QuasiNewtonSettings:
    """Settings with two stages: iterations on every fourth frame, and then on all frames."""
    return QuasiNewtonSettings(((4, first), (1, second)))


ROWS = with_trivial(
    _row("eq2-gradient", "Eq. 2, E and F", shipped=True, quick=True),
    _row("eq2-energy-only", "Eq. 2, E alone", loss_weights=(1.0, 0.0)),
    _row("eq2-force-only", "Eq. 2, F alone", loss_weights=(0.0, 1.0)),
    _row("eq2-gradient-adam", "Eq. 2, E and F, Adam alone", training=LONGER, lanes=5),
    _row("eq3-gradient", "Eq. 3, E and F", "eq3", training=_stages(600, 300), quick=True),
    _row("eq4-gradient", "Eq. 4, E and F", "eq4", training=_stages(800, 100), quick=True),
    _row("eq5-gradient", "Eq. 5, E and F", "eq5", training=_stages(800, 400), quick=True),
    _row(
        "distance-graph-gradient",
        "Message passing on distances, E and F, Adam alone",
        training=AdamSettings(300, learning_rate=3e-3, decay="cosine"),
        quick=True,
        **ON_DISTANCES,
    ),
)


def gradient(evidence: Evidence) -> Table:
    """Table of energy models trained on E and F."""
    kinds = {"energy_rmse": "E, ", "force_rmse": "F, "}
    title = "F = -dE/dX: RMSE of E (meV per cluster) and F (meV/Å) on Au6"
    note = (
        f"{SPREAD_NOTE} Iterations are quasi-Newton's, the first part of them on every fourth "
        "frame; epochs are Adam's."
    )
    count = "iterations or epochs"
    return rmse_table(evidence, "gradient", title, kinds, note, scale=1000.0, count=count)


def elsewhere(evidence: Evidence) -> Table:
    """Table of other packages on the same system and split, as measured once, and our best row."""
    with open(ELSEWHERE, newline="", encoding="utf-8") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    best = [evidence.spread(GRADIENT, "test", name) for name in ("energy_rmse", "force_rmse")]
    time = seconds_text(evidence.spread(GRADIENT, "", "train_seconds"))
    ours = ("**Eq. 2, E and F, here**", *(with_spread(s, 1000.0) for s in best), time)
    return Table(
        "elsewhere",
        "Au6, the report's 2,000 training frames, its 500 test frames",
        ("model", "E, test, meV", "F, test, meV/Å", "training seconds, one core"),
        (("The report's best (Eq. 4; Eq. 9)", "9", "120", "hours"), *rows, ours),
        "The other packages were measured once, on one core, by throw-away scripts with the "
        "settings named, on a trajectory of this kind; they are not run again by this repository.",
    )


TABLES = (gradient, elsewhere)
CLAIMS = ()
