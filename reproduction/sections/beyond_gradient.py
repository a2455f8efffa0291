"""Beyond the report: F = -dE/dX with the report's energy models, trained on E and F together."""

import csv
from dataclasses import replace
from pathlib import Path

from keras_models.settings import AdamSettings, QuasiNewtonSettings
from reproduction.engine.experiment import THREE_SEEDS, Experiment
from reproduction.errors import ReproductionError
from reproduction.sections.beyond_speed import calls
from reproduction.sections.names import GRADIENT
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import LONGER, WIDTHS
from reproduction.sections.s6_graph import ON_DISTANCES
from reproduction.sections.trivial import with_trivial
from reproduction.show.metrics import spread, with_spread
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


def _alike(rows: list[dict], column: str) -> str:
    """The value of a column, which must be the same in all rows."""
    found = {row[column] for row in rows}
    if len(found) > 1:
        raise ReproductionError(
            f"{ELSEWHERE.name}: {column} differs between rows that one table compares: "
            f"{', '.join(sorted(found))}"
        )
    return found.pop()


def _once(value: str | float, scale: float = 1.0) -> str:
    """Format a number of a single run, with as many digits as in all tables."""
    return with_spread(spread([float(value)]), scale)


def _pairs(beside: str) -> str:
    """Insert commas into names and versions: "torch 2.13.0, e3nn 0.4.4"."""
    words = beside.split()
    return ", ".join(map(" ".join, zip(words[::2], words[1::2], strict=True)))


def _passes(row: dict) -> tuple[str, ...]:
    """Length of a package's training; empty for a fit in closed form."""
    if not row["passes"]:
        return ()
    number, unit = row["passes"].split()
    return (f"{int(number):,} {unit}",)


def _note(rows: list[dict]) -> str:
    """Note on what was measured, on which frames and where, from elsewhere.csv."""
    versions = dict.fromkeys(
        f"{row['package']} {row['version']} ({_pairs(row['beside'])})" for row in rows
    )
    system, sha256 = (_alike(rows, f"trajectory{end}") for end in ("", "_sha256"))
    cores = "one core" if _alike(rows, "threads") == "1" else f"{_alike(rows, 'threads')} cores"
    dates = sorted(row["date"] for row in rows)
    dates = dates[0], dates[-1]
    return (
        f"Other packages: one run of each, so without a spread, with seed {_alike(rows, 'seed')}, "
        f"on {cores} of {_alike(rows, 'processor')}, {' to '.join(dict.fromkeys(dates))}, on the "
        f"trajectory {system} that our row has too (SHA-256 {sha256[:12]}…): "
        f"{', '.join(versions)}. Seconds are CPU seconds of the package's own training command, "
        "start and compilation included, and of a call of its ASE calculator; in our row they are "
        "of training alone, the call from the table of calculators' speed. Settings are the "
        "packages' own, with small widths; ACE's order and degree were chosen in a trial that had "
        "its test errors in view. `checks/peers` has them and measures all of it again, "
        f"`reproduction/{ELSEWHERE.name}` names them."
    )


def elsewhere(evidence: Evidence) -> Table:
    """Table of other packages on the same frames, measured by checks/peers, and our row."""
    with open(ELSEWHERE, newline="", encoding="utf-8") as file:
        measured = list(csv.DictReader(file))
    train, test = (int(_alike(measured, f"{part}_frames")) for part in ("train", "test"))
    rows = [
        (
            ", ".join((row["model"], *_passes(row))),
            row["package"],
            _once(row["energy_rmse_meV"]),
            _once(row["force_rmse_meV_A"]),
            f"{float(row['train_cpu_seconds']):.0f}",
            _once(row["call_cpu_seconds"], 1000.0),
        )
        for row in measured
    ]
    best = [evidence.spread(GRADIENT, "test", name) for name in ("energy_rmse", "force_rmse")]
    time = seconds_text(evidence.spread(GRADIENT, "", "train_seconds"))
    call = calls(evidence).get("Eq. 2")
    return Table(
        "elsewhere",
        f"Au6, the report's {train:,} training frames, its {test:,} test frames",
        ("model", "package", "E, test, meV", "F, test, meV/Å", "training, s", "a call, ms"),
        (
            ("The report's best (Eq. 4; Eq. 9)", "", "9", "120", "hours", ""),
            *rows,
            (
                "**Eq. 2, E and F, here**",
                "",
                *(with_spread(s, 1000.0) for s in best),
                time,
                _once(call) if call else "",
            ),
        ),
        _note(measured),
    )


TABLES = (gradient, elsewhere)
CLAIMS = ()
