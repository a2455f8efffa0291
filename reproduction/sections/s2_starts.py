"""Section 2: rows of Tables 1, 4, 5 and section 6 on clusters cut from gold in other ways.

The report prints neither the lattice constant nor which six atoms are carved out. Each start has a
trajectory of its own, and rows of short training on it. The octahedron at ASE's constant, 4.08 Å,
is that of all other rows.
"""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections import s3_behler, s4_energy, s5_forces, s6_graph
from reproduction.sections.names import EQ2, EQ3, EQ4, EQ5, GRAPH, PAIR_FLOOR, SMALL
from reproduction.sections.s2_data import AU6, AU6_RELAXED, AU6_STARTS
from reproduction.sections.trivial import baseline, with_trivial
from reproduction.show.evidence import TRIVIAL
from reproduction.show.metrics import with_spread
from reproduction.show.reported import reported
from reproduction.show.tables import Evidence, Table

# {start: label}, by the name of its trajectory.
LABELS = {
    AU6.name: "octahedron, 4.08 Å (ASE's)",
    "au6-4.056": "octahedron, 4.056 Å (EMT's own)",
    "au6-4.02": "octahedron, 4.02 Å",
    "au6-3.98": "octahedron, 3.98 Å",
    "au6-11-bonds-a": "first piece with 11 bonds",
    "au6-11-bonds-b": "second piece with 11 bonds",
    AU6_RELAXED.name: "octahedron, relaxed",
}
_BASE = [
    row
    for section in (s3_behler, s4_energy, s5_forces, s6_graph)
    for row in section.ROWS
    if row.id
    in (
        *(SMALL, EQ2, EQ3, EQ4, EQ5, GRAPH, PAIR_FLOOR),
        *("table5/eq6-200", "table5/eq7-200", "table5/eq8-1200"),
    )
]
# Rows of the report that every start has.
COMPARED = tuple(row.id for row in _BASE if row.id != PAIR_FLOOR)
PAIRS = "best pair-only model"


def on_start(row: str, start: str) -> str:
    """Id of the row that repeats a row of the report's tables on a start's trajectory."""
    return row if start == AU6.name else f"beyond/{row.split('/')[1]}-{start}"


def _on_start(row: Experiment, source) -> Experiment:
    return replace(
        row,
        id=on_start(row.id, source.name),
        table="starts",
        label=f"{row.label}, {LABELS[source.name]}",
        data=source,
        # Amp takes a minute for each.
        seeds=row.seeds[:3] if row.task == "amp" else row.seeds,
        shipped=False,
        quick=False,
    )


_ROWS = with_trivial(*(_on_start(row, source) for source in AU6_STARTS for row in _BASE))
ROWS = (
    *_ROWS,
    # Its energies spread less than the errors that the report prints.
    baseline(
        "starts",
        replace(_ROWS[0], data=AU6_RELAXED),
        f"starts-{AU6_RELAXED.name}",
        f"Mean of training E, zero F, {AU6_RELAXED.name}",
    ),
)


def _baseline_of(evidence: Evidence, start: str) -> str:
    """Id of the trivial baseline on a start's trajectory, split as in the report."""
    key = _BASE[0].frames_key[1:]
    return next(
        one.id
        for one in evidence.experiments.values()
        if one.task == TRIVIAL
        and one.sources == (one.data,)
        and one.data.name == start
        and one.frames_key[1:] == key
    )


def starts(evidence: Evidence) -> Table:
    """Table of the start's effect on the errors of each model, training / test."""
    printed = reported()
    by_id = {row.id: row for row in _BASE}
    shown = [*COMPARED[:1], PAIR_FLOOR, *COMPARED[1:]]

    def metric(row):
        return f"{'force' if by_id[row].task == 'force' else 'energy'}_rmse"

    def name(row):
        if row == PAIR_FLOOR:
            return PAIRS
        return f"Behler {by_id[row].label}" if row == SMALL else by_id[row].label.split(",")[0]

    cells = [
        " / ".join(printed.get((row, s, metric(row)), "-") for s in ("train", "test"))
        for row in shown
    ]
    rows = [("printed", "", *(c if c != "- / -" else "" for c in cells))]
    for start, label in LABELS.items():
        spread = evidence.spread(_baseline_of(evidence, start), "train", "energy_rmse")
        cells = []
        for row in shown:
            id = on_start(row, start)
            both = [evidence.spread(id, split, metric(row)) for split in ("train", "test")]
            missing = start == AU6_RELAXED.name
            cells.append("-" if missing else " / ".join(map(with_spread, both)))
        rows.append((label, with_spread(spread), *cells))
    return Table(
        "starts",
        "Other starts of Au6: RMSE, training / test, eV (Eq. 6 to 8: eV/Å)",
        ("start", "spread of E, eV", *map(name, shown)),
        tuple(rows),
        "Mean ± standard deviation over seeds; spread of E: standard deviation over the training "
        "part. The second piece with 11 bonds loses an atom. Relaxed, the cluster's energies "
        "spread less than the errors that the report prints for Eq. 3 and section 6.",
    )


TABLES = (starts,)
CLAIMS = ()
