"""Beyond the report: decrease of errors with the number of training frames."""

from dataclasses import replace

from keras_models.settings import AdamSettings
from reproduction.sections.names import EQ2_LONGER
from reproduction.sections.s4_energy import EQ2_ROW, longer
from reproduction.sections.s5_forces import row as force_row
from reproduction.sections.trivial import with_trivial
from reproduction.show.evidence import TRIVIAL
from reproduction.show.metrics import with_spread
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table

FRAMES = (250, 500, 1000)


def _epochs(n: int) -> int:
    """Epochs on n frames that have as many steps as 1,000 epochs on all 2,000."""
    return 1000 * 2000 // n


_TRAINED = tuple(
    experiment
    for n in FRAMES
    for experiment in (
        replace(
            longer(EQ2_ROW),
            id=f"beyond/eq2-frames-{n}",
            table="frames",
            label=f"Eq. 2 on E, {n} frames",
            split=(n, 500),
            training=AdamSettings(_epochs(n), learning_rate=3e-3, decay="cosine"),
        ),
        force_row(
            f"beyond/eq9-frames-{n}",
            "eq9",
            _epochs(n),
            f"Eq. 9 on F, {n} frames",
            table="frames",
            split=(n, 500),
        ),
    )
)
ROWS = with_trivial(*_TRAINED)


def frames(evidence: Evidence) -> Table:
    """Table of errors against the number of training frames."""
    rows = []
    for n in (*FRAMES, 2000):
        cells = [f"{n:,}"]
        for model, metric in (("eq2", "energy_rmse"), ("eq9", "force_rmse")):
            whole = {"eq2": EQ2_LONGER, "eq9": "beyond/eq9-1000"}[model]
            name = whole if n == 2000 else f"beyond/{model}-frames-{n}"
            cells += [with_spread(evidence.spread(name, s, metric)) for s in ("train", "test")]
        rows.append(tuple(cells))
    for trivial in (e for e in evidence.rows_of("frames") if e.task == TRIVIAL):
        keys = [(s, m) for m in ("energy_rmse", "force_rmse") for s in ("train", "test")]
        cells = (with_spread(evidence.spread(trivial.id, split, metric)) for split, metric in keys)
        rows.append((trivial.label, *cells))
    return Table(
        "frames",
        "Training frames, equal numbers of steps: RMSE of E by Eq. 2 (eV) and of F by Eq. 9 with "
        "vectors alone (eV/Å)",
        ("frames", "Eq. 2, train", "Eq. 2, test", "Eq. 9, train", "Eq. 9, test"),
        tuple(rows),
        SPREAD_NOTE,
    )


TABLES = (frames,)
CLAIMS = ()
