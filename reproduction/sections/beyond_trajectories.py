"""Beyond the report: repetition of rows on five trajectories, with different initial weights.

In other rows all seeds share one trajectory, so their spread is only that of initial weights and
batch orders. Here each seed has its own trajectory, or shares it with one other seed, so the
spread includes that between trajectories. This matters because rounding alone makes trajectories
diverge from one processor to another. If a row was repeated here, verdicts are based on the
repetition.
"""

from dataclasses import replace

import numpy as np

from reproduction.engine.experiment import Experiment
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
from reproduction.show.metrics import with_spread
from reproduction.show.tables import Evidence, Table

# For claims that compare similar rows: two seeds per trajectory.
TEN_SEEDS = tuple(range(10))
TEN = (EQ2, EQ3, EQ4, EQ5, EQ2_LONGER, EQ3_LONGER, EQ4_LONGER, EQ5_LONGER)
FIVE = (
    PAIR_FLOOR,
    GRAPH,
    GRAPH_LONGER,
    DISTANCE_GRAPH,
    f"{DISTANCE_GRAPH}-longer",
    *(row.id for row in s5_forces.ROWS if row.table == "table5" and row.id.startswith("table5/")),
    "beyond/eq7-as-printed",
    *(row.id for row in appendix_a.ROWS),
    *(row.id for row in appendix_b.ROWS),
    GRADIENT,
)
_BEFORE = {
    row.id: row
    for section in (s4_energy, s5_forces, s6_graph, appendix_a, appendix_b, beyond_gradient)
    for row in section.ROWS
}


def over_trajectories(row: Experiment, seeds: tuple[int, ...]) -> Experiment:
    """The same row with seeds on different trajectories, in turn."""
    return replace(
        row,
        id=f"beyond/{row.id.split('/')[1]}-trajectories",
        table="trajectories",
        trajectories=AU6_TRAJECTORIES,
        repeats=row.id,
        seeds=seeds,
        # The seed selects the trajectory.
        deterministic=False,
        lanes=1,
        shipped=False,
        quick=row.id == EQ2,
    )


ROWS = (
    *(over_trajectories(_BEFORE[row], TEN_SEEDS) for row in TEN),
    *(over_trajectories(_BEFORE[row], tuple(range(len(AU6_TRAJECTORIES)))) for row in FIVE),
)


def trajectories(evidence: Evidence) -> Table:
    """Table of test errors on one trajectory and on five, for all rows that were repeated."""
    rows = []
    for row in ROWS:
        metric = f"{'force' if _BEFORE[row.repeats].task == 'force' else 'energy'}_rmse"
        one = evidence.spread(row.repeats, "test", metric)
        many = evidence.spread(row.id, "test", metric)
        ratios = [
            f"{float(f'{getattr(many, what) / getattr(one, what):.2g}'):,g}"
            if one and many and np.isfinite(getattr(one, what)) and getattr(one, what) > 0
            else "-"
            for what in ("mean", "std")
        ]
        cells = (with_spread(one), with_spread(many), *ratios, str(many.n) if many else "-")
        rows.append((evidence.called(row.repeats), metric[0].upper(), *cells))
    return Table(
        "trajectories",
        "Test RMSE (eV, eV/Å) on one trajectory and over five",
        (
            "model",
            "of",
            "one trajectory",
            "five trajectories",
            "five / one",
            "spread, five / one",
            "seeds, five",
        ),
        tuple(rows),
        "Mean ± standard deviation over seeds: of first weights alone on one trajectory, of "
        "trajectory and first weights over five.",
    )


TABLES = (trajectories,)
CLAIMS = ()
