"""Unprinted settings: how far each reading is from the report's numbers, seed by seed."""

from pathlib import Path

import numpy as np

from figures.style import COLOURS, GREY, SMALL, TEST, WIDTH, in_style, save, subplots
from reproduction.sections import EXPERIMENTS
from reproduction.sections.unprinted import BY_RULE, SETTINGS
from reproduction.show.evidence import Evidence
from reproduction.show.readings import Setting, distances

ROW_INCHES = 0.27
SPLITS = {"train": COLOURS[0], "test": TEST}


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from metrics.csv; returns the files, none if no setting has two readings."""
    evidence = Evidence.read(results, EXPERIMENTS)
    found = {s.name: distances(evidence, s) for s in SETTINGS}
    shown = [s for s in SETTINGS if len(found[s.name]) > 1]
    if not shown:
        return []
    sizes = [len(found[s.name]) + 1 for s in shown]
    figure, panels = subplots(
        len(shown),
        1,
        figsize=(WIDTH, 1.2 + ROW_INCHES * sum(sizes) + 0.25 * len(sizes)),
        height_ratios=sizes,
        sharex=True,
        squeeze=False,
    )
    for axes, setting in zip(panels[:, 0], shown, strict=True):
        _panel(axes, setting, found[setting.name])
    panels[-1, 0].set_xlabel("sum of squared ln(here / printed) over the setting's numbers")
    handles = [
        panels[0, 0].errorbar([], [], xerr=[], fmt="o", color=c, markersize=5, capsize=2.5)
        for c in SPLITS.values()
    ]
    figure.legend(
        handles,
        ["training errors", "test errors"],
        loc="outside lower center",
        ncols=2,
        fontsize=8,
        title="Mean ± standard deviation over seeds. Bold: the reading that our tables have,\n"
        f"chosen by training errors ({', '.join(s.label.split(':')[0] for s in BY_RULE)}, the "
        "first panel) or assumed.",
    )
    figure.legends[-1].get_title().set_fontsize(8)
    figure.suptitle("What the report left unprinted: readings and its numbers", fontsize=10)
    # So many points and labels: three times the size as SVG.
    return save(figure, results / "figures", "unprinted", svg=False)


def _panel(axes, setting: Setting, found) -> None:
    """Draw one setting's readings, a line each."""
    readings = [r for r in setting.readings if r.name in found]
    for y, reading in enumerate(readings):
        axes.axhline(y, color="#E0E0E0", linewidth=0.6, zorder=0)
        for split, colour in SPLITS.items():
            s = getattr(found[reading.name], split)
            # On a log axis, a bar longer than the mean would have no end.
            low = 0.0 if np.isnan(s.std) else min(s.std, 0.9 * s.mean)
            high = 0.0 if np.isnan(s.std) else s.std
            place = y - 0.14 if split == "train" else y + 0.14
            axes.errorbar(
                s.mean,
                place,
                xerr=[[low], [high]],
                fmt="o",
                color=colour,
                markersize=5,
                capsize=2.5,
            )
    axes.set_yticks(range(len(readings)), [r.label for r in readings], fontsize=8)
    for label, reading in zip(axes.get_yticklabels(), readings, strict=True):
        label.set_fontweight("bold" if reading.name == setting.assumed else "normal")
    axes.set_ylim(len(readings) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#E0E0E0", linewidth=0.6)
    axes.set_axisbelow(True)
    numbers = found[readings[0].name].numbers
    axes.set_title(f"{setting.label} ({numbers} numbers)", fontsize=9, loc="left")
    axes.tick_params(axis="x", labelsize=SMALL, labelcolor=GREY)
