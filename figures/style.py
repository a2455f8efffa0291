"""One style for all figures: readable in print and by colour-blind readers."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

# Okabe and Ito's colours, and a line style each, so that colour is never the only difference.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), "-")

plt.rcParams.update(
    {
        "figure.figsize": (7.0, 4.2),
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "svg.hashsalt": "figures",
    }
)


def save(figure, folder: Path, name: str) -> list[Path]:
    """Write name.svg and name.png; without a date, so that the same results give the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=160)
    plt.close(figure)
    return paths
