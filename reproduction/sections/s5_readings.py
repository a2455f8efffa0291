"""Section 5: Table 5 with each reading of its unprinted inputs.

The equations are printed with vectors alone. Section 4.4 and appendix B speak of standardised
features, of which C2 = 1/R is one, for all models. Here each reading has the report's epochs;
:mod:`reproduction.sections.unprinted` compares them with the printed numbers.
"""

from reproduction.engine.experiment import FIVE_SEEDS, THREE_SEEDS
from reproduction.sections.s5_forces import CHOSEN, PRINTED_ROWS, READINGS, lanes_of, row, row_of
from reproduction.sections.trivial import with_trivial
from reproduction.show.metrics import with_spread
from reproduction.show.reported import reported
from reproduction.show.tables import Evidence, Table

METRIC, SPLITS = "force_rmse", ("train", "test")

# By id, since a reading without outer vectors shares the rows of "vectors".
_ROWS = {
    row_of(model, epochs, reading): row(
        row_of(model, epochs, reading),
        model,
        epochs,
        f"Eq. {model[2:]}, {READINGS[reading][0]}",
        lanes_of(model),
        reading,
        table="inputs",
        seeds=THREE_SEEDS if model == "eq9" else FIVE_SEEDS,
    )
    for reading in READINGS
    if reading != CHOSEN
    for model, epochs in PRINTED_ROWS
    if row_of(model, epochs, reading).endswith(f"-{reading}")
}
ROWS = with_trivial(*_ROWS.values())


def inputs(evidence: Evidence) -> Table:
    """Table 5's errors with each reading of the inputs: training / test."""
    printed = reported()
    shown = [f"table5/{model}-{epochs}" for model, epochs in PRINTED_ROWS]

    rows = [("printed", *(" / ".join(printed[row, s, METRIC] for s in SPLITS) for row in shown))]
    for reading, (label, _) in READINGS.items():
        cells = []
        for model, epochs in PRINTED_ROWS:
            row = row_of(model, epochs, reading)
            found = (with_spread(evidence.spread(row, split, METRIC)) for split in SPLITS)
            cells.append(" / ".join(found))
        rows.append((f"{label} (Table 5's)" if reading == CHOSEN else label, *cells))
    return Table(
        "inputs",
        "Table 5 with other inputs: RMSE of F on Au6, training / test, eV/Å",
        ("inputs", *(f"Eq. {model[2:]}, {epochs:,} epochs" for model, epochs in PRINTED_ROWS)),
        tuple(rows),
        "Mean ± standard deviation over five seeds, three for Eq. 9 where it is not Table 5's. "
        "v = x_j - x_i, r = |v|; vectors are scaled by one number, 1/r is standardised, and zero "
        "for i = j.",
    )


TABLES = (inputs,)
CLAIMS = ()
