"""The report's headline with either default set of Amp's: Behler's model beside Eq. 2 to 5."""

from pathlib import Path

from figures.rmse import draw_rmse
from figures.rows import parts
from figures.style import in_style
from reproduction.sections.names import EQ2, EQ3, EQ4, EQ5, LARGE, MIDDLE, SMALL
from reproduction.sections.s3_behler import TWIN_OF
from reproduction.sections.s3_functions import older

SHAPES = {SMALL: "(5, 5)", MIDDLE: "(10, 10, 10)", LARGE: "(50, 25, 10, 10)"}


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from metrics.csv; returns the files, none if no row has been run."""
    twins = [(f"{label}, twin", TWIN_OF[row]) for row, label in SHAPES.items()]
    groups = {
        "Behler, default functions of Amp 1.0.1": [
            *((label, row) for row, label in SHAPES.items()),
            *twins,
        ],
        "Behler, default functions of Amp 0.6.1": [
            *((SHAPES[row], older(row)) for row in (SMALL, MIDDLE)),
            *((label, older(row)) for label, row in twins),
        ],
        "Manybody expansion, the report's epochs": [
            (f"Eq. {k}", row) for k, row in ((3, EQ3), (2, EQ2), (4, EQ4), (5, EQ5))
        ],
    }
    return draw_rmse(
        results,
        "energy_rmse",
        groups,
        "test RMSE of E / eV per cluster",
        f"Behler's model with two default sets of functions{parts(results, 'au6')}",
        "",
        "functions",
    )
