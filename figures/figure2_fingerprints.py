"""Figure 2: Behler's symmetry functions, with the parameters that Amp really used."""

import json
from pathlib import Path

import numpy as np

from figures.style import COLOURS, LINES, WIDTH, in_style, save, subplots


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from symmetry-functions.json; returns the files, none if the data are missing."""
    path = results / "symmetry-functions.json"
    if not path.is_file():
        return []
    stored = json.loads(path.read_text())
    cutoff = stored["cutoff"]
    element, functions = next(iter(stored["functions"].items()))
    figure, (left, right) = subplots(1, 2, figsize=(WIDTH, 3.4))
    r = np.linspace(0.0, cutoff * 1.05, 300)
    within = np.where(r < cutoff, 0.5 * (1.0 + np.cos(np.pi * r / cutoff)), 0.0)
    radial = [f for f in functions if f["type"] == "G2"]
    for f, colour, line in zip(radial, COLOURS, LINES, strict=False):
        bell = np.exp(-f["eta"] / cutoff**2 * (r - f["offset"]) ** 2)
        label = f"η = {f['eta']:.3g} / $R_c^2$ = {f['eta'] / cutoff**2:.4f} Å$^{{-2}}$"
        left.plot(r, bell * within, color=colour, linestyle=line, label=label)
    left.plot(r, within, color="0.6", linewidth=0.8, label="$f_c$ alone")
    left.set_xlabel("$r_{ij}$ / Å")
    left.set_ylabel("a neighbour's part of $G^{rad}_i$")
    left.legend(fontsize=7)
    angle = np.linspace(0.0, 180.0, 300)
    angular = [f for f in functions if f["type"] == "G4"]
    for f, colour, line in zip(angular, COLOURS, LINES, strict=False):
        shape = (1.0 + f["gamma"] * np.cos(np.radians(angle))) ** f["zeta"]
        label = f"ζ = {f['zeta']:g}, λ = {f['gamma']:+g}"
        right.plot(
            angle, 2.0 ** (1.0 - f["zeta"]) * shape, color=colour, linestyle=line, label=label
        )
    right.set_xlabel("angle at atom i, θ / degrees")
    right.set_ylabel("angular factor of $G^{angle}_i$")
    right.set_xticks([0, 60, 120, 180])
    right.legend(fontsize=7)
    etas = ", ".join(sorted({f"{f['eta']:g}" for f in angular}))
    figure.suptitle(
        f"Figure 2: the {len(functions)} symmetry functions of Amp's default set for {element}, "
        f"$R_c$ = {cutoff:g} Å (angular: η = {etas} / $R_c^2$)",
        fontsize=9,
    )
    return save(figure, results / "figures", "figure2_fingerprints")
