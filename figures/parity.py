"""Predicted against true E, and F, of every model: training blue, test red, as in Figure 3."""

from pathlib import Path

import numpy as np

from figures.rows import wrapped
from figures.style import GREY, SMALL, TEST, TRAIN, axis_name, grid, missing, save, with_unit
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import Metrics
from reproduction.show.metrics import NOT_RUN, UNITS
from reproduction.show.predictions import SEED, TRAIN_STRIDE, Predictions, read_predictions

# Tables whose rows predict each kind; rows that differ in their number of frames alone are left
# to the table of those.
TABLES = {
    "energy": ("table1", "table2", "table3", "table4", "section6", "gradient"),
    "force": ("table3", "table5", "gradient"),
}
SYMBOL = {"energy": "E", "force": "F"}
FORMULA = {"au6": "Au$_6$", "pt8au2": "Pt$_8$Au$_2$", "pt8au2-hot": "Pt$_8$Au$_2$ hot"}
COLUMNS = 5
# Of the test part, for forces: a panel of 9,000 points hides the others.
TEST_STRIDE = {"energy": 1, "force": 5}
NOT_KEPT = "predictions not kept"
# Points are drawn in turns, so that neither part hides the other.
TURNS = 10


def draw(results: Path) -> list[Path]:
    """From predictions/: a figure for E and for F of each dataset that has any."""
    metrics = Metrics.read(results)
    paths = []
    for kind, tables in TABLES.items():
        rows = [e for e in EXPERIMENTS.values() if e.table in tables and e.task != "correlation"]
        for dataset in dict.fromkeys(e.dataset for e in rows):
            own = {e.id: read_predictions(results, e.id) for e in rows if e.dataset == dataset}
            if any(p and kind in p.predicted for p in own.values()):
                paths += _draw(results, metrics, kind, dataset, own)
    return paths


def _draw(
    results: Path, metrics: Metrics, kind: str, dataset: str, rows: dict[str, Predictions | None]
) -> list[Path]:
    figure, panels = grid(len(rows), COLUMNS, 1.5)
    unit = UNITS[f"{kind}_rmse"]
    for axes, (row, predictions) in zip(panels, rows.items(), strict=True):
        axes.set_title(wrapped(EXPERIMENTS[row], 22), fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        if predictions is None or kind not in predictions.predicted:
            has_run = metrics.values(row, "test", f"{kind}_rmse")
            missing(axes, NOT_KEPT if has_run else NOT_RUN)
            axes.set_box_aspect(1)
            continue
        scatter(axes, predictions, kind, size=1.5)
        errors_beside(axes, metrics, row, kind)
    figure.supxlabel(axis_name(f"true {SYMBOL[kind]}", unit), fontsize=9)
    figure.supylabel(axis_name(f"predicted {SYMBOL[kind]}", unit), fontsize=9)
    test = {1: "all test frames", 5: "every 5th test frame"}[TEST_STRIDE[kind]]
    figure.suptitle(
        f"{SYMBOL[kind]} predicted and true, {FORMULA.get(dataset, dataset)}, seed {SEED}: {test} "
        f"(red crosses), every {TRAIN_STRIDE[kind]}th training frame (blue dots)\n"
        "in each panel RMSE over all frames of each part",
        fontsize=9,
    )
    return save(figure, results / "figures", f"parity_{kind}_{dataset}", svg=False)


def scatter(axes, predictions: Predictions, kind: str, size: float) -> None:
    """Predicted against true values with the diagonal; what lies outside is counted."""
    true, predicted = predictions.reference[kind], predictions.predicted[kind]
    everything = np.concatenate([values.ravel() for values in true.values()])
    pad = 0.06 * np.ptp(everything)
    low, high = everything.min() - pad, everything.max() + pad
    outside = 0
    looks = {
        "train": {"marker": ".", "s": 3 * size, "color": TRAIN, "linewidths": 0},
        "test": {"marker": "x", "s": 2 * size, "color": TEST, "linewidths": 0.4},
    }
    for turn in range(TURNS):
        for split, look in looks.items():
            some = slice(None, None, TEST_STRIDE[kind] if split == "test" else 1)
            x, y = (values[split][some].ravel()[turn::TURNS] for values in (true, predicted))
            outside += int(((y < low) | (y > high)).sum())
            label = None if turn else split
            axes.scatter(x, y, rasterized=True, label=label, **look)
    axes.plot([low, high], [low, high], color="black", linewidth=0.5, zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=4)
    axes.set_yticks(axes.get_xticks())
    axes.set(xlim=(low, high), ylim=(low, high))
    if outside:
        text = f"{outside} points\noutside"
        axes.text(0.04, 0.8, text, transform=axes.transAxes, fontsize=6.5, color=GREY, va="top")


def errors_beside(axes, metrics: Metrics, row: str, kind: str, fontsize: float = 6.5) -> None:
    """Seed 0's errors as metrics.csv has them."""
    unit = UNITS[f"{kind}_rmse"]
    lines = [
        f"{split} {with_unit(values[0], unit)}"
        for split in ("train", "test")
        if (values := metrics.values(row, split, f"{kind}_rmse"))
    ]
    axes.text(
        0.98,
        0.02,
        "\n".join(lines),
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=fontsize,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5},
    )
