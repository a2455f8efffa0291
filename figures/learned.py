"""What the MLPs learned: their functions next to EMT's f, g and h and to Behler's G."""

from pathlib import Path

import numpy as np

from figures.style import COLOURS, LINES, in_style, save, subplots
from reproduction.sections import EXPERIMENTS

EMT = "beyond/learned-emt"
EQ2 = ("beyond/learned-eq2", "beyond/learned-eq2-longer", "beyond/learned-eq2-gradient")
EQ3 = ("beyond/learned-eq3", "beyond/learned-eq3-longer")
BEFORE = "beyond/learned-eq2"
# Below the shortest distance in the data, pair energies are steep.
PAIR_RANGE_EV = (-0.25, 0.6)


def _curves(results: Path, name: str) -> dict[str, np.ndarray]:
    """Stored curves of an experiment, seeds first; empty if it has not been run."""
    path = results / "curves" / f"{name.replace('/', '-')}.npz"
    if not path.is_file():
        return {}
    with np.load(path) as stored:
        return dict(stored)


def _lines(axes, x, series, k: int, label: str, **style) -> None:
    """Draw one line per seed, in the k-th colour and line style, with one label."""
    style = {"color": COLOURS[k], "linestyle": LINES[k], "linewidth": 1.2} | style
    for y in series:
        axes.plot(x, y, label=label, **style)
        label = None


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from curves/beyond-learned-*.npz; no files without EMT's row or without any model's."""
    emt = _curves(results, EMT)
    eq2 = {name: c for name in EQ2 if (c := _curves(results, name))}
    eq3 = {name: c for name in EQ3 if (c := _curves(results, name))}
    if not emt or not (eq2 or eq3):
        return []
    emt = {name: array[0] for name, array in emt.items()}
    r = emt["curve_r"]
    figure, ((left, right), (outer, pair)) = subplots(2, 2, figsize=(9.0, 7.0))

    for k, g in enumerate(emt["curve_g2"]):
        left.plot(r, g, color="0.75", linewidth=0.8, label="Behler's four G" if k == 0 else None)
    for axes, name in ((left, "f"), (right, "rest")):
        emt_style = {"linewidth": 3.5, "alpha": 0.35}
        _lines(axes, r, [emt[f"curve_{name}"]], 5, "EMT", **emt_style)
        for k, (model, curves) in enumerate(eq2.items()):
            _lines(axes, r, curves[f"curve_{name}"], k, EXPERIMENTS[model].label)
        _lines(axes, r, [emt[f"curve_{name}_g2"]], 3, "best combination of the four G")
        if BEFORE in eq2:
            before = eq2[BEFORE][f"curve_{name}_before"]
            _lines(axes, r, before, 4, "Eq. 2 before training", linewidth=0.8)
    left.set_title("inner functions: EMT's f out of the two that matter", fontsize=10)
    left.set_ylabel("f")
    left.set_ylim(-0.1, 1.0)
    right.set_title("the same, h beyond f: what tells h from f", fontsize=10)
    right.set_ylabel("h beyond f / eV")
    top = 1.2 * np.abs(emt["curve_rest"]).max()
    right.set_ylim(-0.5 * top, top)

    sigma = emt["curve_sigma"]
    _lines(outer, sigma, [emt["curve_outer"]], 5, "EMT", linewidth=3.5, alpha=0.35)
    for k, (model, curves) in enumerate(eq2.items()):
        _lines(outer, sigma, curves["curve_outer"], k, EXPERIMENTS[model].label)
    outer.set_title("outer function: EMT's g beyond a line", fontsize=10)
    outer.set_xlabel("sigma")
    outer.set_ylabel("g beyond a line / eV")

    _lines(pair, r, [emt["curve_pair_best"]], 5, "best pair potential", linewidth=3.5, alpha=0.35)
    _lines(pair, r, [emt["curve_pair_linear"]], 3, "EMT, g as its tangent")
    for k, (model, curves) in enumerate(eq3.items()):
        _lines(pair, r, curves["curve_pair"], k, EXPERIMENTS[model].label)
    pair.set_title("Eq. 3: the energy of a pair", fontsize=10)
    pair.set_ylabel("pair energy / eV, mean 0")
    pair.set_ylim(*PAIR_RANGE_EV)

    for axes in (left, right, pair):
        axes.set_xlabel("r / Å")
        low, high = axes.get_ylim()
        density = emt["curve_density"] / emt["curve_density"].max()
        axes.fill_between(r, low, low + 0.2 * (high - low) * density, color="0.9", zorder=0)
        axes.set_ylim(low, high)
    for axes in (left, outer, pair):
        axes.legend(fontsize=8)
    figure.supxlabel("shaded: how often a distance occurs in training; a line a seed", fontsize=8)
    return save(figure, results / "figures", "learned")
