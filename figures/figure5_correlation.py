"""Figure 5: correlation between samples of the trajectory, and how many of them are independent."""

from pathlib import Path

import numpy as np

from figures.style import COLOURS, LINES, in_style, save, subplots
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import Metrics
from reproduction.show.predictions import file_name

ROW = "beyond/correlation-au6"
SERIES = {
    "coordinates": "coordinates, mean over atoms and components",
    "distances": "sorted distances, mean over pairs",
    "energy": "energy",
}
# In units of the longest correlation time; beyond this there is only noise.
SHOWN = 8


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from curves/ and metrics.csv; returns the files, none if the row has not been run."""
    path = results / "curves" / file_name(ROW)
    if not path.is_file():
        return []
    with np.load(path) as stored:
        arrays = {name: array[0] for name, array in stored.items()}
    metrics = Metrics.read(results)

    def value(name: str, split: str = "") -> float:
        found = metrics.spread(ROW, split, name)
        return found.mean if found else float("nan")

    interval = float(arrays["covariance_interval_ps"])
    longest = max(value(f"{name}_correlation_time") for name in SERIES)
    figure, (axes, first) = subplots(1, 2, width_ratios=[2.1, 1], figsize=(7.0, 4.3))
    n = int(arrays["covariance_samples"])
    for k, (name, called) in enumerate(SERIES.items()):
        covariance = arrays[f"covariance_{name}"]
        lag = np.arange(len(covariance)) * interval
        tau, error = value(f"{name}_correlation_time"), value(f"{name}_correlation_time_error")
        line = {"color": COLOURS[k], "linestyle": LINES[k], "linewidth": 1.2}
        samples = value(f"{name}_independent_samples")
        label = f"{called}: $\\tau$ = {tau:.2f} ± {error:.2f} ps, {samples:.0f} independent samples"
        axes.plot(lag, covariance / covariance[0], label=label, **line)
        first.plot(np.arange(21), covariance[:21] / covariance[0], **line)
        first.plot(np.arange(21), covariance[:21] / covariance[0], ".", color=COLOURS[k])
    axes.set_xlim(0, min(SHOWN * longest, lag[-1]) if np.isfinite(longest) else lag[-1])
    axes.set_xlabel("$\\delta$ as time / ps")
    axes.set_ylabel("Cov(s$_\\alpha$, s$_{\\alpha+\\delta}$) / Var(s)")
    first.set_xlabel("$\\delta$ / samples")
    first.set_title("its beginning", fontsize=9)
    first.set_xticks([0, 5, 10, 15, 20])
    for each in (axes, first):
        each.axhline(0, color="black", linewidth=0.6)
    axes.set_title(
        f"Figure 5: covariance of {n:,} samples, {1000 * interval:.0f} fs apart "
        f"({EXPERIMENTS[ROW].dataset})",
        fontsize=10,
    )
    figure.legend(
        loc="outside lower left",
        fontsize=8,
        title=f"$\\tau$: integrated correlation time, Sokal's window of 5$\\tau$. {n:,} samples of "
        f"{n * interval:g} ps are worth {n * interval:g} ps / 2$\\tau$ independent ones:",
        title_fontsize=8,
        alignment="left",
    )
    return save(figure, results / "figures", "figure5_correlation")
