"""Section 4: Table 4 with other settings of Adam's training, which the report does not print.

One setting of Table 4's rows is changed at a time; :mod:`reproduction.sections.unprinted` compares
the outcome with the printed numbers. The epochs, which are printed, stay.
"""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections.s4_energy import EQ2_ROW, EQ3_ROW, EQ4_ROW, EQ5_ROW
from reproduction.sections.trivial import with_trivial
from reproduction.show.metrics import with_spread
from reproduction.show.reported import reported
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table

METRIC, SPLITS = "energy_rmse", ("train", "test")
PRINTED_ROWS = (EQ3_ROW, EQ2_ROW, EQ4_ROW, EQ5_ROW)
OWN = "own"
# {reading: (label, what it changes: of the training, or of the row)}
READINGS = {
    OWN: ("ReLU, rate 1e-3, batches of 32", {}),
    "tanh": ("tanh", {"activation": "tanh"}),
    "rate-3e-4": ("rate 3e-4", {"learning_rate": 3e-4}),
    "rate-3e-3": ("rate 3e-3", {"learning_rate": 3e-3}),
    "batch-16": ("batches of 16", {"batch_size": 16}),
    "batch-64": ("batches of 64", {"batch_size": 64}),
}


def row_of(row: str, reading: str) -> str:
    """Id of the row that repeats one of Table 4's with a reading."""
    return row if reading == OWN else f"beyond/{row.split('/')[1]}-{reading}"


def _read(row: Experiment, reading: str) -> Experiment:
    label, changes = READINGS[reading]
    changes = dict(changes)
    activation = changes.pop("activation", row.activation)
    return replace(
        row,
        id=row_of(row.id, reading),
        table="adam",
        label=f"{row.label}, {label}",
        activation=activation,
        training=replace(row.training, **changes),
        quick=False,
    )


ROWS = with_trivial(
    *(_read(row, reading) for reading in READINGS if reading != OWN for row in PRINTED_ROWS)
)


def adam(evidence: Evidence) -> Table:
    """Table 4's errors with each reading of Adam's settings: training / test."""
    printed = reported()
    numbers = (" / ".join(printed[row.id, s, METRIC] for s in SPLITS) for row in PRINTED_ROWS)
    rows = [("printed", *numbers)]
    for reading, (label, _) in READINGS.items():
        cells = []
        for row in PRINTED_ROWS:
            found = (evidence.spread(row_of(row.id, reading), split, METRIC) for split in SPLITS)
            cells.append(" / ".join(map(with_spread, found)))
        rows.append((f"{label} (Table 4's)" if reading == OWN else label, *cells))
    trivial = " / ".join(with_spread(evidence.spread(ROWS[0].id, s, METRIC)) for s in SPLITS)
    rows.append(("mean of training E", *[trivial] * len(PRINTED_ROWS)))
    return Table(
        "adam",
        "Table 4 with other settings of Adam: RMSE of E on Au6, training / test, eV",
        ("setting", *(row.label for row in PRINTED_ROWS)),
        tuple(rows),
        f"{SPREAD_NOTE} One setting is changed at a time; epochs are the report's.",
    )


TABLES = (adam,)
CLAIMS = ()
