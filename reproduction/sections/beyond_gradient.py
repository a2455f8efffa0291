"""Beyond the report: F = -dE/dX with the report's energy models, trained on E and F together."""

from dataclasses import replace

from keras_models.settings import AdamSettings, QuasiNewtonSettings
from reproduction.engine.experiment import THREE_SEEDS, Experiment
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import LONGER, WIDTHS
from reproduction.sections.s6_graph import ON_DISTANCES
from reproduction.sections.trivial import with_trivial
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table, rmse_table


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


def _other(model: str, *iterations: int) -> Experiment:
    """A row with another of the report's models."""
    return _row(
        f"{model}-gradient",
        f"Eq. {model[2:]}, E and F",
        model,
        training=_stages(*iterations),
        seeds=THREE_SEEDS,
        quick=True,
    )


ROWS = with_trivial(
    _row("eq2-gradient", "Eq. 2, E and F", shipped=True, quick=True),
    _row("eq2-energy-only", "Eq. 2, E alone", loss_weights=(1.0, 0.0), seeds=THREE_SEEDS),
    _row("eq2-force-only", "Eq. 2, F alone", loss_weights=(0.0, 1.0), seeds=THREE_SEEDS),
    _row("eq2-gradient-adam", "Eq. 2, E and F, Adam alone", training=LONGER, lanes=5),
    _other("eq3", 600, 300),
    _other("eq4", 800, 100),
    _other("eq5", 800, 400),
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


TABLES = (gradient,)
CLAIMS = ()
