"""Predicted against true E, and F, of the models of some tables: as in Figure 3."""

from pathlib import Path

import numpy as np

from figures.rows import wrapped
from figures.style import SMALL, TEST, TRAIN, axis_name, grid, in_style, missing, save, with_unit
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import TRIVIAL, Metrics
from reproduction.show.metrics import NOT_RUN, UNITS
from reproduction.show.outliers import worst_kept
from reproduction.show.predictions import SEED, TRAIN_STRIDE, Predictions, read_predictions

# Tables whose rows predict each kind, without the one of rows that differ only in their frames.
TABLES = {
    "energy": ("table1", "table2", "table3", "table4", "section6", "gradient"),
    "force": ("table3", "table5", "gradient"),
}
SYMBOL = {"energy": "E", "force": "F"}
FORMULA = {"au6": "Au$_6$", "pt8au2": "Pt$_8$Au$_2$", "pt8au2-hot": "Pt$_8$Au$_2$ hot"}
COLUMNS = 4
NOT_KEPT = "predictions\nnot kept"
# Points of both parts are drawn alternately, so that neither hides the other.
TURNS = 10


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from predictions/, figures for E and F of each dataset; returns the files, if any."""
    metrics = Metrics.read(results)
    paths = []
    for kind, tables in TABLES.items():
        rows = [
            e
            for e in EXPERIMENTS.values()
            if e.table in tables and e.task not in ("correlation", TRIVIAL)
        ]
        for dataset in dict.fromkeys(e.dataset for e in rows):
            own = {e.id: read_predictions(results, e.id) for e in rows if e.dataset == dataset}
            if any(p and kind in p.predicted for p in own.values()):
                paths += _draw(results, metrics, kind, dataset, own)
    return paths


def _draw(
    results: Path, metrics: Metrics, kind: str, dataset: str, rows: dict[str, Predictions | None]
) -> list[Path]:
    figure, panels = grid(len(rows), COLUMNS, 1.95, head=1.0)
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
    figure.suptitle(
        f"{SYMBOL[kind]} predicted and true, {FORMULA.get(dataset, dataset)}, seed {SEED}\n"
        f"{legend(kind)}\n"
        "bottom right: RMSE over all frames of each part",
        fontsize=9,
    )
    return save(figure, results / "figures", f"parity_{kind}_{dataset}", svg=False)


def legend(kind: str) -> str:
    """Text that explains the points in a panel."""
    return (
        f"all test frames (red crosses), every {TRAIN_STRIDE[kind]}th training frame (blue dots); "
        "triangles lie\nbeyond the panel; circle and text: the test frame that is most off, "
        "frames count from 0"
    )


def scatter(axes, predictions: Predictions, kind: str, size: float, fontsize: float = 6.5) -> None:
    """Draw all predicted against true values, the diagonal, and the worst test frame."""
    true, predicted = predictions.reference[kind], predictions.predicted[kind]
    everything = np.concatenate([values.ravel() for values in true.values()])
    pad = 0.06 * np.ptp(everything)
    low, high = everything.min() - pad, everything.max() + pad
    looks = {
        "test": {"marker": "x", "s": 2 * size, "color": TEST, "linewidths": 0.4},
        "train": {"marker": ".", "s": 3 * size, "color": TRAIN, "linewidths": 0},
    }
    for turn in range(TURNS):
        for split, look in looks.items():
            x, y = (values[split].ravel()[turn::TURNS] for values in (true, predicted))
            axes.scatter(x, y, rasterized=True, label=None if turn else split, **look)
    for split, look in looks.items():
        x, y = (values[split].ravel() for values in (true, predicted))
        for marker, edge, beyond in (("^", high, y > high), ("v", low, y < low)):
            edges = np.full(int(beyond.sum()), edge)
            style = look | {"marker": marker, "s": 6 * size, "linewidths": 0}
            axes.scatter(x[beyond], edges, clip_on=False, zorder=3, **style)
    axes.plot([low, high], [low, high], color="black", linewidth=0.5, zorder=0)
    _worst(axes, predictions, kind, (low, high), size, fontsize)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=4)
    axes.set_yticks(axes.get_xticks())
    axes.set(xlim=(low, high), ylim=(low, high))


def _worst(axes, predictions: Predictions, kind: str, limits, size: float, fontsize) -> None:
    """Mark the largest error of the worst test frame by a circle, and name the frame."""
    found = worst_kept(predictions, kind)
    k = int(np.flatnonzero(predictions.frames[kind]["test"] == found.frame)[0])
    x, y = (
        values[kind]["test"][k].ravel() for values in (predictions.reference, predictions.predicted)
    )
    one = np.abs(y - x).argmax()
    look = {"s": 12 * size, "facecolors": "none", "edgecolors": "black", "linewidths": 0.7}
    axes.scatter(x[one], np.clip(y[one], *limits), clip_on=False, zorder=4, **look)
    off = with_unit(found.largest, UNITS[f"{kind}_rmse"])
    text = f"frame {found.frame}:\n{off} off"
    axes.text(0.03, 0.97, text, transform=axes.transAxes, fontsize=fontsize, va="top")


def errors_beside(axes, metrics: Metrics, row: str, kind: str, fontsize: float = 6.5) -> None:
    """Write seed 0's errors (RMSE) from metrics.csv into a panel."""
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
