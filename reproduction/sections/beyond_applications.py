"""Beyond the report: dynamics, minima, vibrations and uncertainty with the trained models."""

from reproduction.engine.experiment import FIVE_SEEDS, THREE_SEEDS, Experiment
from reproduction.sections.names import ALLOY, EQ9, GRADIENT, ROUNDS3
from reproduction.sections.s2_data import AU6, AU12, PT8AU2
from reproduction.show.metrics import NOT_RUN, with_spread
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table


def _nve(
    models_of: str, label: str, quick: bool = False, data=AU6, options=(), **more
) -> Experiment:
    """A row with 100 ps of dynamics by another row's models."""
    return Experiment(
        f"beyond/nve-{models_of.split('/')[1]}",
        "nve",
        label,
        "nve",
        data,
        options={"steps": 100_000, **dict(options)},
        models_of=models_of,
        seeds=THREE_SEEDS,
        assumed=("applications",),
        quick=quick,
        quick_options={"steps": 500},
        **more,
    )


# Trained on frames from 300 K, or of relaxations: what is much hotter is outside of that.
COLD = {"temperature_K": 300.0}


ROWS = (
    _nve(GRADIENT, "Eq. 2, E and F", quick=True),
    _nve("beyond/eq2-gradient-adam", "Eq. 2, E and F, Adam alone (float32)"),
    _nve("beyond/distance-graph-gradient", "Message passing on distances, E and F (float32)"),
    _nve("beyond/au6-eq2", "Eq. 2 over neighbours"),
    _nve("beyond/au6-linear", "Eq. 4 in linear time"),
    _nve(
        ALLOY,
        "Eq. 4 in linear time, Pt8Au2, periodic, from 300 K (float32)",
        data=PT8AU2,
        options=COLD,
        frames=2500,
    ),
    _nve(
        ROUNDS3,
        "Eq. 4 in linear time, three rounds, Au12 by DFT, from 300 K (float32)",
        quick=True,
        data=AU12,
        options={**COLD, "of_emt": False},
        split=(2800, 657),
        partition="every fifth block",
    ),
    _nve("table5/eq8-1200", "Eq. 8, forces alone"),
    _nve(EQ9, "Eq. 9, forces alone"),
    Experiment(
        "beyond/minima",
        "minima",
        "Geometry optimisation from 100 test frames",
        "minima",
        AU6,
        options={"frames": 100},
        models_of=GRADIENT,
        assumed=("applications",),
        quick=True,
        quick_options={"frames": 2},
    ),
    Experiment(
        "beyond/vibrations",
        "minima",
        "Frequencies at the lowest minimum",
        "vibrations",
        AU6,
        models_of=GRADIENT,
        assumed=("applications",),
        quick=True,
    ),
    *(
        Experiment(
            f"beyond/uncertainty-{t}",
            "uncertainty",
            f"{t} K",
            "uncertainty",
            AU6,
            options={"temperature_K": float(t), "ensemble": FIVE_SEEDS},
            models_of=GRADIENT,
            assumed=("applications",),
            quick=t == 300,
            # A quick run trains only one seed; the same model twice tests that the code runs.
            quick_options={"ensemble": (0, 0)},
        )
        for t in (300, 600, 900, 1200, 1500)
    ),
)


def _plain(evidence: Evidence, name: str, title: str, columns: dict, note: str) -> Table:
    """Table with the number of seeds and a column for each (split, metric) of ``columns``."""
    rows = []
    for experiment in evidence.rows_of(name):
        found = [evidence.spread(experiment.id, *column) for column in columns.values()]
        seeds = next((str(s.n) for s in found if s), "-")
        cells = [with_spread(s) if s else (NOT_RUN if seeds == "-" else "-") for s in found]
        rows.append((experiment.label, seeds, *cells))
    return Table(name, title, ("", "seeds", *columns), tuple(rows), note)


def nve(evidence: Evidence) -> Table:
    """Table of constant-energy dynamics."""
    return _plain(
        evidence,
        "nve",
        "NVE dynamics, up to 100 ps at 1 fs, mostly from 1,000 K: total energy, meV per atom",
        {
            "ps reached": ("", "picoseconds"),
            "drift, model's own energy": ("", "drift_own"),
            "largest deviation, own": ("", "wander_own"),
            "largest deviation, EMT's energy": ("", "wander_emt"),
            "ms a step": ("", "ms_a_step"),
        },
        f"{SPREAD_NOTE} A run ends early when atoms collide or the cluster falls apart. Models of "
        "forces alone have no energy of their own; EMT's energy along their path stands in.",
    )


def minima(evidence: Evidence) -> Table:
    """Table of minima and vibrations with the gradient model."""
    wanted = (
        ("same minimum as EMT finds", "beyond/minima", "same_minimum"),
        ("energy there, RMSE, meV", "beyond/minima", "minimum_energy_error"),
        ("positions there, rms, Å", "beyond/minima", "minimum_rms_displacement"),
        ("calls an optimisation, model", "beyond/minima", "calls_model"),
        ("calls an optimisation, EMT", "beyond/minima", "calls_emt"),
        ("seconds for all, model", "beyond/minima", "seconds_model"),
        ("seconds for all, EMT (asap3)", "beyond/minima", "seconds_emt"),
        ("frequencies, RMSE, 1/cm", "beyond/vibrations", "frequency_rmse"),
        ("frequencies, largest error, 1/cm", "beyond/vibrations", "frequency_max_error"),
    )
    rows = []
    for label, experiment, metric in wanted:
        found = evidence.spread(experiment, "", metric)
        rows.append((label, str(found.n) if found else "-", with_spread(found)))
    return Table(
        "minima",
        "Geometry optimisation from 100 test frames, and vibrations, by Eq. 2 trained on E and F",
        ("", "seeds", "value"),
        tuple(rows),
        SPREAD_NOTE,
    )


def uncertainty(evidence: Evidence) -> Table:
    """Table of the ensemble's spread and its error at several temperatures."""
    return _plain(
        evidence,
        "uncertainty",
        "Five seeds of Eq. 2 as an ensemble, on EMT dynamics started at another temperature",
        {
            "E, RMSE, eV": ("test", "energy_rmse"),
            "F, RMSE, eV/Å": ("test", "force_rmse"),
            "F, spread of the ensemble": ("test", "force_std"),
            "error / spread": ("test", "error_to_std"),
            "rank correlation": ("test", "rank_correlation"),
        },
        "Rank correlation (Spearman) of error and spread, frame by frame; seeds are those of the "
        "dynamics, mean ± standard deviation.",
    )


TABLES = (nve, minima, uncertainty)
CLAIMS = ()
