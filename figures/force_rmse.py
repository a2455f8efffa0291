"""Table 5 as a figure: test RMSE of F on Au6, beside models whose forces are gradients."""

from pathlib import Path

from figures.rmse import draw_rmse
from figures.rows import parts, wrapped
from figures.style import in_style
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import TRIVIAL


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from metrics.csv; returns the files, none if no row has been run."""
    models = [e for e in EXPERIMENTS.values() if e.task != TRIVIAL]
    table5 = [e for e in models if e.table == "table5"]
    report = [e for e in table5 if e.id.startswith("table5/")]
    groups = {
        "The report's models, its settings": report,
        "Ours, F learned directly": [e for e in table5 if e not in report],
        "Ours, models with F = -dE/dX, trained on": [e for e in models if e.table == "gradient"],
    }
    shown = {heading: [(wrapped(e, 36), e.id) for e in rows] for heading, rows in groups.items()}
    return draw_rmse(
        results,
        "force_rmse",
        {**shown, "What costs nothing": [("Zero F", "beyond/trivial-table5")]},
        "test RMSE of F / (eV/Å)",
        f"Table 5 drawn: RMSE of F on Au$_6${parts(results, 'au6')}",
        "",
        "force_rmse",
    )
