"""Figure 4: test RMSE of E on Au6, of the report's models and ours of the same tables."""

from pathlib import Path

from figures.rmse import draw_rmse
from figures.rows import parts, wrapped
from figures.style import in_style
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import TRIVIAL

# The models of the report's Figure 4, in the order of its text.
REPORTED = {
    "table1/behler-5-5": "Behler (5, 5)",
    "table1/behler-10-10-10": "Behler (10, 10, 10)",
    "table1/behler-50-25-10-10": "Behler (50, 25, 10, 10)",
    "table4/eq3": "Eq. 3",
    "table4/eq2": "Eq. 2",
    "table4/eq4": "Eq. 4",
    "table4/eq5": "Eq. 5",
    "section6/gnn": "Graph network, Eq. 10-11",
}


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from metrics.csv; returns the files, none if no row has been run."""
    groups = {
        "The report's models, its settings": [(v, k) for k, v in REPORTED.items()],
        "Ours, trained on E": _rows("table1", "table4", "section6"),
        "Ours, models with F = -dE/dX, trained on": _rows("gradient"),
        "Ours, over neighbours, of any number of atoms": _rows("au6"),
        "What costs nothing": [("Mean of training E", "beyond/trivial-table4")],
    }
    return draw_rmse(
        results,
        "energy_rmse",
        groups,
        "test RMSE of E / eV per cluster",
        f"Figure 4: RMSE of E on Au$_6${parts(results, 'au6')}",
        "The report's bar for its reference 13 (DFT, Au$_{50}$) is left out: its text does not "
        "print the value.",
        "figure4_energy_rmse",
    )


def _rows(*tables: str) -> list[tuple[str, str]]:
    """Labels and ids of the registry's models in some tables, without the report's own."""
    return [
        (wrapped(e, 36), e.id)
        for e in EXPERIMENTS.values()
        if e.table in tables and e.id not in REPORTED and e.task != TRIVIAL
    ]
