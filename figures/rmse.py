"""Shared code of Figure 4 and its counterpart for forces: errors by model on a log axis."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from figures.style import COLOURS, GREY, SMALL, TEST, WIDTH, save, subplots
from reproduction.show.evidence import Metrics
from reproduction.show.metrics import NOT_RUN, spread
from reproduction.show.reported import reported

ROW_INCHES = 0.25


def draw_rmse(
    results: Path,
    metric: str,
    groups: Mapping[str, Sequence[tuple[str, str]]],
    axis: str,
    title: str,
    note: str,
    name: str,
) -> list[Path]:
    """Draw mean ± standard deviation over seeds, each seed, and the report's value, by row.

    Args:
        results: folder with metrics.csv.
        metric: of the test part.
        groups: {heading: [(label, experiment id)]}.
        axis: name of the quantity, with its unit.
        title, note: above and below the figure.
        name: of the files.

    Returns:
        The files; none if no row has been run.
    """
    metrics, printed = Metrics.read(results), reported()
    found = {
        row: metrics.values(row, "test", metric) for rows in groups.values() for _, row in rows
    }
    printed = {
        row: float(printed[row, "test", metric])
        for row in found
        if (row, "test", metric) in printed
    }
    everything = [value for values in found.values() for value in values]
    if not everything:
        return []
    left = 0.5 * min([*everything, *printed.values()])
    right = 2.0 * max([*everything, *printed.values()])
    lines = sum(1 + len(rows) for rows in groups.values())
    figure, axes = subplots(figsize=(WIDTH, 1.35 + ROW_INCHES * lines))
    y, ticks, labels = 0, [], []
    for heading, rows in groups.items():
        axes.text(left, y, heading, weight="bold", va="center", fontsize=9)
        y += 1
        for label, row in rows:
            ticks.append(y)
            labels.append(label)
            axes.axhline(y, color="#E0E0E0", linewidth=0.6, zorder=0)
            if row in printed:
                axes.plot(printed[row], y, **_REPORT)
            if found[row]:
                _one(axes, y, found[row], left)
            beside = len(found[row]) or NOT_RUN
            axes.text(1.01, y, beside, transform=axes.get_yaxis_transform(), **_COUNT)
            y += 1
    axes.text(1.01, 0, "seeds", transform=axes.get_yaxis_transform(), **_COUNT)
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.grid(axis="x", color="#E0E0E0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(axis)
    figure.suptitle(title, fontsize=10)
    handles = [
        axes.errorbar([], [], xerr=[], fmt="o", color=TEST, markersize=5, capsize=2.5),
        axes.plot([], [], ".", color=COLOURS[0], markersize=4)[0],
        axes.plot([], [], **_REPORT)[0],
    ]
    names = ["mean ± standard deviation over seeds", "a seed", "the report's value"]
    # The note is the legend's title, as separate text would overlap with the legend.
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, title=note)
    figure.legends[-1].get_title().set_fontsize(8)
    return save(figure, results / "figures", name)


_COUNT = {"va": "center", "fontsize": SMALL, "color": GREY}
# A line on top of everything, visible even on a mean that it coincides with.
_REPORT = {
    "marker": "|",
    "linestyle": "",
    "color": "black",
    "markersize": 12,
    "markeredgewidth": 2.0,
    "zorder": 5,
}


def _one(axes, y: float, values: Sequence[float], left: float) -> None:
    """Draw one row's mean, spread and seeds."""
    s = spread(values)
    # The seeds are slightly below the mean, so that neither hides the other.
    axes.plot(values, np.full(len(values), y + 0.22), ".", color=COLOURS[0], markersize=4)
    # On a log axis, a standard deviation larger than the mean extends to the end of the axis.
    below = min(s.std, s.mean - left) if s.n > 1 else 0.0
    bars = [[below], [s.std if s.n > 1 else 0.0]]
    axes.errorbar(s.mean, y - 0.1, xerr=bars, fmt="o", color=TEST, markersize=5, capsize=2.5)
