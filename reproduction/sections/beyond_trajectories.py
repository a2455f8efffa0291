"""Beyond the report: repetition of rows on several trajectories, with different initial weights.

In other rows all seeds share one trajectory, so their spread is only that of initial weights and
batch orders. Here each seed has a trajectory of its own, so the spread includes that between
trajectories, and its values are independent. This matters because rounding alone makes
trajectories diverge from one processor to another. If a row was repeated here, verdicts are based
on the repetition.
"""

from dataclasses import replace

import numpy as np

from reproduction.engine.experiment import DataSource, Experiment
from reproduction.sections import (
    appendix_a,
    appendix_b,
    beyond_gradient,
    s4_energy,
    s5_forces,
    s6_graph,
)
from reproduction.sections.names import (
    DISTANCE_GRAPH,
    EQ2,
    EQ2_LONGER,
    EQ3,
    EQ3_LONGER,
    EQ4,
    EQ4_LONGER,
    EQ5,
    EQ5_LONGER,
    GRADIENT,
    GRAPH,
    GRAPH_LONGER,
    PAIR_FLOOR,
)
from reproduction.sections.s2_data import AU6_TRAJECTORIES
from reproduction.show.evidence import TRIVIAL
from reproduction.show.metrics import with_spread
from reproduction.show.tables import Evidence, Table

# On all twenty trajectories: rows that are alike, which claims compare, and their baselines. On
# ten, what they said of Eq. 2 and 4 depended on the processor; on five, what those of appendix B
# said, on whether rows were compared trajectory by trajectory.
ALL = (
    "beyond/trivial-table4",
    PAIR_FLOOR,
    EQ2,
    EQ3,
    EQ4,
    EQ5,
    *(row.id for row in appendix_b.ROWS),
)
# On the first ten, and on the first five.
TEN = (EQ2_LONGER, EQ3_LONGER, EQ4_LONGER, EQ5_LONGER)
FIVE = (
    GRAPH,
    GRAPH_LONGER,
    DISTANCE_GRAPH,
    f"{DISTANCE_GRAPH}-longer",
    *(row.id for row in s5_forces.ROWS if row.table == "table5" and row.id.startswith("table5/")),
    "beyond/eq7-as-printed",
    *(row.id for row in appendix_a.ROWS),
    GRADIENT,
)
# What models predict whose task is not that of E.
KINDS = {"force": "force"}
_BEFORE = {
    row.id: row
    for section in (s4_energy, s5_forces, s6_graph, appendix_a, appendix_b, beyond_gradient)
    for row in section.ROWS
}


def over_trajectories(row: Experiment, trajectories: tuple[DataSource, ...]) -> Experiment:
    """The same row with a seed on each of some trajectories."""
    return replace(
        row,
        id=f"beyond/{row.id.split('/')[1]}-trajectories",
        table="trajectories",
        trajectories=trajectories,
        repeats=row.id,
        seeds=tuple(range(len(trajectories))),
        # The seed selects the trajectory.
        deterministic=False,
        lanes=1,
        shipped=False,
        quick=row.id == EQ2,
    )


ROWS = (
    *(over_trajectories(_BEFORE[row], AU6_TRAJECTORIES) for row in ALL),
    *(over_trajectories(_BEFORE[row], AU6_TRAJECTORIES[:10]) for row in TEN),
    *(over_trajectories(_BEFORE[row], AU6_TRAJECTORIES[:5]) for row in FIVE),
)


def _row(evidence: Evidence, row: Experiment, kind: str) -> tuple[str, ...]:
    """A row's cells: its test error on one trajectory, on several, and their ratios."""
    one = evidence.spread(row.repeats, "test", f"{kind}_rmse")
    many = evidence.spread(row.id, "test", f"{kind}_rmse")
    ratios = [
        f"{float(f'{getattr(many, what) / getattr(one, what):.2g}'):,g}"
        if one and many and np.isfinite(getattr(one, what)) and getattr(one, what) > 0
        else "-"
        for what in ("mean", "std")
    ]
    cells = (with_spread(one), with_spread(many), *ratios, str(many.n) if many else "-")
    return evidence.called(row.repeats), kind[0].upper(), *cells


def trajectories(evidence: Evidence) -> Table:
    """Table of test errors on one trajectory and on several, for all rows that were repeated."""
    rows = []
    for row in ROWS:
        task = _BEFORE[row.repeats].task
        kinds = ("energy", "force") if task == TRIVIAL else (KINDS.get(task, "energy"),)
        rows += [_row(evidence, row, kind) for kind in kinds]
    return Table(
        "trajectories",
        "Test RMSE (eV, eV/Å) on one trajectory and over several",
        (
            "model",
            "of",
            "one trajectory",
            "several",
            "several / one",
            "spread, several / one",
            "trajectories",
        ),
        tuple(rows),
        "Mean ± standard deviation over seeds: of initial weights alone on one trajectory, of "
        "trajectory and initial weights over several.",
    )


TABLES = (trajectories,)
CLAIMS = ()
