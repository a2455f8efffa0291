"""Figures of a training or an evaluation: parity of E and F, learning curves, uncertainty."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from figures.style import (
    COLOURS,
    GREY,
    LINES,
    TEST,
    TRAIN,
    axis_name,
    in_style,
    save,
    subplots,
)
from fitting.evaluation import Evaluation
from fitting.metrics import ENERGY, FORCE, UNITS
from fitting.show import KNOWN, NEW, milli

SYMBOLS = {ENERGY: "E per atom", FORCE: "F"}
# Of values; errors are in thousandths of UNITS.
AXES = {ENERGY: "eV", FORCE: "eV/Å"}
LOOKS = {
    "train": {"color": TRAIN, "marker": "."},
    "validation": {"color": COLOURS[2], "marker": "+"},
    "test": {"color": TEST, "marker": "x"},
    "all": {"color": TEST, "marker": "x"},
    KNOWN: {"color": TRAIN, "marker": "."},
    NEW: {"color": TEST, "marker": "x"},
}
# Points drawn of a part; more only cover each other.
POINTS = 5000
PANEL = (4.2, 4.2)


@in_style()
def draw(
    folder: Path, parts: Sequence[Evaluation], curves: Mapping[int, Mapping[str, np.ndarray]]
) -> list[Path]:
    """Draw all figures that there are data for; returns their files.

    Args:
        folder: for the files.
        parts: evaluations of the parts of the data.
        curves: arrays of :class:`~keras_models.fit_edges.EdgeFitted` of each seed; also
            "chosen_step", 0 for a model to begin with that is kept; and "solved", the errors (2,)
            on the validation block once the last layer was solved, NaN if it was not.
    """
    found = [_parity(folder, parts, quantity) for quantity in UNITS]
    found += [_curves(folder, curves, quantity) for quantity in UNITS]
    found.append(_uncertainty(folder, parts[-1]))
    return [path for path in found if path]


def values(of: Evaluation, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values: E per atom (n,), or all known force components in one array.

    Energies are relative to those of the composition alone, lest these hide all differences.
    """
    frames = of.frames
    if quantity == ENERGY:
        both = (frames.energies, of.energies)
        return tuple((energies - of.baseline) / frames.sizes for energies in both)
    known = np.flatnonzero(frames.with_forces)
    if not len(known):
        return np.zeros(0), np.zeros(0)
    pairs = [(frames.forces[k].ravel(), of.forces[k].ravel()) for k in known]
    true, predicted = (np.concatenate(x) for x in zip(*pairs, strict=True))
    return true, predicted


def chosen(true: np.ndarray, predicted: np.ndarray, count: int = POINTS) -> np.ndarray:
    """Indices of the points to draw: evenly spaced ones, and the largest errors."""
    if len(true) <= count:
        return np.arange(len(true))
    even = np.linspace(0, len(true) - 1, count // 2).astype(int)
    largest = np.argsort(-np.abs(predicted - true), kind="stable")[: count // 2]
    return np.union1d(even, largest)


def _parity(folder: Path, parts: Sequence[Evaluation], quantity: str) -> Path | None:
    found = {of.part: values(of, quantity) for of in parts}
    found = {part: pair for part, pair in found.items() if len(pair[0])}
    if not found:
        return None
    figure, axes = subplots(figsize=PANEL)
    unit = UNITS[quantity]
    for part, (true, predicted) in found.items():
        k = chosen(true, predicted)
        rmse = np.sqrt(np.mean((predicted - true) ** 2))
        label = f"{part}: RMSE {milli(rmse, unit)}"
        axes.scatter(true[k], predicted[k], s=14, linewidths=0.7, label=label, **LOOKS[part])
    both = np.concatenate([x for pair in found.values() for x in pair])
    both = both[np.isfinite(both)]
    pad = 0.04 * (np.ptp(both) or 1.0)
    limits = (both.min() - pad, both.max() + pad)
    axes.plot(limits, limits, color="black", linewidth=0.6, zorder=0)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    symbol = "relative E per atom" if quantity == ENERGY else "F"
    axes.set_xlabel(axis_name(f"true {symbol}", AXES[quantity]))
    axes.set_ylabel(axis_name(f"predicted {symbol}", AXES[quantity]))
    axes.locator_params(nbins=5)
    axes.legend(loc="upper left", fontsize=8, handletextpad=0.2)
    return save(figure, folder, f"parity_{quantity}", svg=False)[0]


def _curves(
    folder: Path, curves: Mapping[int, Mapping[str, np.ndarray]], quantity: str
) -> Path | None:
    if not any(np.isfinite(c[f"curve_{quantity}"]).any() for c in curves.values()):
        return None
    figure, axes = subplots(figsize=PANEL)
    solved = "last layer solved"
    for k, (seed, curve) in enumerate(curves.items()):
        steps = curve["curve_steps"]
        for column, part in enumerate(("train", "validation")):
            y = 1000 * curve[f"curve_{quantity}"][:, column]
            if not np.isfinite(y).any():
                continue
            label = f"{part}, seed {seed}" if len(curves) > 1 else part
            look = {"color": LOOKS[part]["color"], "linestyle": LINES[k % len(LINES)]}
            axes.plot(steps, y, label=label, **look)
            if part == "validation" and curve.get("chosen_step"):
                at = np.searchsorted(steps, curve["chosen_step"])
                point = {"color": look["color"], "clip_on": False}
                axes.plot(steps[at], y[at], "o", markersize=7, **point)
                after = 1000 * curve["solved"][list(UNITS).index(quantity)]
                if np.isfinite(after):
                    axes.plot([steps[at]] * 2, [y[at], after], ":", linewidth=1, **point)
                    axes.plot(steps[at], after, "*", markersize=10, label=solved, **point)
                    solved = "_nolegend_"
    axes.set_yscale("log")
    _few_ticks(axes.yaxis)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.set_xlabel("step")
    axes.set_ylabel(axis_name(f"RMSE of {SYMBOLS[quantity]}", f"m{UNITS[quantity]}"))
    axes.legend(fontsize=8)
    return save(figure, folder, f"learning_{quantity}", svg=False)[0]


def _few_ticks(axis) -> None:
    """Ticks of a logarithmic axis as plain numbers: 1, 2, 5 of each decade if these are few."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
    axis.set_major_formatter(lambda x, _: f"{x:,.6g}")
    axis.set_minor_formatter(NullFormatter())


def _uncertainty(folder: Path, of: Evaluation) -> Path | None:
    """Errors of force components beside the ensemble's spread, in bins of equally many."""
    true, predicted = values(of, FORCE)
    if of.forces_std is None or len(true) < 20:
        return None
    known = np.flatnonzero(of.frames.with_forces)
    std = 1000 * np.concatenate([of.forces_std[k].ravel() for k in known])
    off = 1000 * np.abs(predicted - true)
    if not std.any():
        return None
    bins = np.array_split(np.argsort(std, kind="stable"), min(20, len(std) // 10))
    figure, axes = subplots(figsize=PANEL)
    # Not the largest errors beside them, which would look like too small a spread.
    k = np.unique(np.linspace(0, len(std) - 1, POINTS).astype(int))
    axes.scatter(std[k], off[k], s=4, linewidths=0, color=GREY, alpha=0.5, label="|error|")
    x, y = ([np.sqrt(np.mean(v[b] ** 2)) for b in bins] for v in (std, off))
    axes.plot(x, y, "o-", color=TEST, markersize=4, label="RMSE in bins")
    line = np.array([min(x), max(x)])
    axes.plot(line, line, color="black", linewidth=0.6, label="spread = RMSE")
    axes.set(xscale="log", yscale="log")
    axes.set_ylim(bottom=max(1e-3 * max(y), 1e-6))
    axes.set_xlim(left=max(1e-3 * max(x), 1e-6))
    for axis in (axes.xaxis, axes.yaxis):
        _few_ticks(axis)
    axes.set_xlabel(axis_name("spread of F over the models", f"m{UNITS[FORCE]}"))
    axes.set_ylabel(axis_name("error of F", f"m{UNITS[FORCE]}"))
    axes.legend(fontsize=8)
    return save(figure, folder, "uncertainty", svg=False)[0]
