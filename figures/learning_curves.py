"""RMSE against epoch, of the rows of Tables 4 and 5 and section 6."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import NullLocator

from figures.rows import parts, wrapped
from figures.style import LINES, SMALL, TEST, TRAIN, axis_name, grid, in_style, missing, save
from reproduction.sections import EXPERIMENTS
from reproduction.show.metrics import NOT_RUN, UNITS
from reproduction.show.predictions import file_name
from reproduction.show.reported import reported

TABLES = {"energy": ("table4", "section6"), "force": ("table5",)}
SYMBOL = {"energy": "E", "force": "F"}
COLUMNS = 4
# Smallest ratio of the limits of a panel.
NARROWEST = 2.0


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from curves/, one figure for E and one for F; returns the files, if any."""
    paths = []
    for kind, tables in TABLES.items():
        # Without rows that are not trained iteratively, such as the pair floor.
        rows = [e.id for e in EXPERIMENTS.values() if e.table in tables and e.training]
        curves = {row: _read(results, row, kind) for row in rows}
        if any(curves.values()):
            paths += _draw(results, kind, curves)
    return paths


def _read(results: Path, row: str, kind: str):
    """Read epochs (points,) and RMSE (seeds, points, train and test); None if they are missing."""
    path = results / "curves" / file_name(row)
    if not path.is_file():
        return None
    with np.load(path) as stored:
        names = ("curve_epochs", f"curve_{kind}")
        if not all(name in stored for name in names):
            return None
        epochs, curve = (stored[name] for name in names)
    return epochs[0], curve


def _draw(results: Path, kind: str, curves: dict) -> list[Path]:
    printed = reported()
    figure, panels = grid(len(curves), COLUMNS, 1.45, head=0.9)
    handles = {}
    seeds = set()
    for axes, (row, found) in zip(panels, curves.items(), strict=True):
        axes.set_title(wrapped(EXPERIMENTS[row], 24), fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        if found is None:
            missing(axes, NOT_RUN)
            continue
        epochs, curve = found
        seeds.add(len(curve))
        for k, (split, colour) in enumerate((("train", TRAIN), ("test", TEST))):
            one = curve[:, :, k]
            handles[split] = axes.plot(
                epochs, np.median(one, axis=0), color=colour, linestyle=LINES[k], linewidth=1.0
            )[0]
            axes.fill_between(
                epochs, one.min(axis=0), one.max(axis=0), color=colour, alpha=0.2, linewidth=0
            )
        value = printed.get((row, "test", f"{kind}_rmse"))
        if value:
            handles["test, the report's value"] = axes.axhline(
                float(value), color="black", linestyle=":", linewidth=1.0
            )
        shown = [curve, float(value or curve[0, -1, 1])]
        shown = np.concatenate([np.ravel(part) for part in shown])
        _log_axis(axes, 0.9 * shown.min(), 1.1 * shown.max())
        axes.set_xlim(0, epochs[-1])
        axes.locator_params(axis="x", nbins=4)
    for axes in panels[-COLUMNS:]:
        axes.set_xlabel("epoch", fontsize=SMALL)
    count = " or ".join(map(str, sorted(seeds)))
    symbol, unit = SYMBOL[kind], UNITS[f"{kind}_rmse"]
    figure.suptitle(
        f"RMSE of {symbol} along the training, Au$_6$: median and range of {count} seeds"
        f"{parts(results, 'au6')}",
        fontsize=9,
    )
    figure.supylabel(axis_name(f"RMSE of {symbol}", unit), fontsize=9)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, fontsize=8)
    return save(figure, results / "figures", f"learning_curves_{kind}", svg=False)


def _log_axis(axes, low: float, high: float) -> None:
    """Set up a log axis with readable numbers, even if it spans less than a decade."""
    # A narrow range would magnify the noise of a model that does not learn.
    middle = (low * high) ** 0.5
    low, high = min(low, middle / NARROWEST**0.5), max(high, middle * NARROWEST**0.5)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    steps = (
        (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
        if high < 3 * low
        else (1, 2, 3, 5)
        if high < 10 * low
        else (1, 2, 5)
        if high < 50 * low
        else (1, 3)
    )
    marks = [m * 10.0**k for k in range(-7, 3) for m in steps]
    inside = [mark for mark in marks if low <= mark <= high]
    axes.set_yticks(inside, [f"{mark:g}" for mark in inside])
    axes.yaxis.set_minor_locator(NullLocator())
