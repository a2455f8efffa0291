"""Total energy along NVE dynamics, by models that have an energy and by models that do not."""

from pathlib import Path

import numpy as np

from analysis.dynamics import TEMPERATURE_K, TIMESTEP_FS
from data_gen.structures import build_structure
from figures.style import COLOURS, LINES, in_style, save, subplots
from reproduction.sections import EXPERIMENTS
from reproduction.sections.s2_data import AU6
from reproduction.show.evidence import Metrics

# Limits of the axis, meV per atom; what is beyond is cut off.
SHOWN = 1e-4, 1e4


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from curves/beyond-nve-*.npz; returns the files, none if there are no curves."""
    figure, axes = subplots()
    metrics = Metrics.read(results)
    drawn = 0
    for experiment in EXPERIMENTS.values():
        path = results / "curves" / f"{experiment.id.replace('/', '-')}.npz"
        # Of Au6 alone: from another temperature, or without EMT, it is another question.
        if experiment.table != "nve" or experiment.data != AU6 or not path.is_file():
            continue
        with np.load(path) as stored:
            curves = [
                series
                for name, array in stored.items()
                if name.startswith("total_energy_emt")
                for series in np.atleast_2d(array)
            ]
        lengths = metrics.values(experiment.id, "", "picoseconds")
        n_atoms = len(build_structure(experiment.data.origin.structure))
        for k, series in enumerate(curves):
            off = 1000 * np.abs(series[1:] - series[0]) / n_atoms
            axes.plot(
                np.linspace(0, lengths[k], len(series))[1:],
                off,
                color=COLOURS[drawn % len(COLOURS)],
                linestyle=LINES[drawn % len(LINES)],
                linewidth=0.8,
                label=f"{experiment.label} ({len(curves)} seeds)" if k == 0 else None,
            )
        drawn += 1
    if not drawn:
        return []
    axes.set_yscale("log")
    axes.set_ylim(*SHOWN)
    axes.set_xlabel("time / ps")
    axes.set_ylabel("|E(t) - E(0)|, EMT's energy, meV per atom")
    axes.set_title(
        f"NVE dynamics at {TIMESTEP_FS:g} fs from {TEMPERATURE_K:,.0f} K, one line per seed,\n"
        f"values from {SHOWN[0]:g} to {SHOWN[1]:,.0f} meV per atom",
        fontsize=10,
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return save(figure, results / "figures", "nve", svg=False)
