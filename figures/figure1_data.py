"""Figure 1: the data. Frames of each trajectory, and its energy along time."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from ase.neighborlist import neighbor_list
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from figures.style import TEST, TRAIN, WIDTH, in_style, save
from reproduction.sections.s2_data import AU6, PT8AU2, PT8AU2_HOT
from reproduction.show.predictions import Trajectory, read_trajectory

# Rotated a little, so that no atom of an octahedron hides another.
VIEW = np.array([[0.89, -0.41, 0.19], [0.24, 0.80, 0.55], [-0.38, -0.44, 0.81]])
# Slabs are viewed obliquely from above, with a copy along each periodic direction.
SLAB_VIEW = np.array([[0.97, 0.26, 0.0], [-0.16, 0.58, 0.80], [0.21, -0.77, 0.60]])
# Largest length of a bond, in units of the sum of the covalent radii.
BOND = 1.25
# Trajectories of the report's tables, and the hot slab.
SOURCES = tuple(source.name for source in (AU6, PT8AU2, PT8AU2_HOT))


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from data/<name>.npz, for all of SOURCES that are there; returns the files, if any."""
    found = {name: read_trajectory(results, name) for name in SOURCES}
    found = {name: trajectory for name, trajectory in found.items() if trajectory}
    if not found:
        return []
    figure = Figure(figsize=(WIDTH, 3.6 * len(found)))
    parts = figure.subfigures(len(found), 1, squeeze=False)[:, 0]
    for part, (name, trajectory) in zip(parts, found.items(), strict=True):
        _panels(part, trajectory, "Figure 1: " if part is parts[0] else "", name)
    return save(figure, results / "figures", "figure1_data", svg=False)


def _panels(figure, data: Trajectory, head: str, dataset: str) -> None:
    """Draw the panels of a dataset: molecules above, energies below."""
    n = len(data.energies)
    known = np.isfinite(data.interval_ps)
    interval, unit = (data.interval_ps, "ps") if known else (1, "frames")
    # Slabs take more room, and change less.
    shown = np.arange(len(data.frames))
    shown = shown[[0, len(shown) // 2, -1]] if data.pbc.any() else shown
    panels = figure.subplot_mosaic(
        [[str(k) for k in shown], ["E"] * len(shown)],
        height_ratios=[1.0, 2.1],
    )
    molecules = [_molecule(data, k) for k in shown]
    frames = data.frames[shown]
    wide, high = (max(np.abs(m[0][:, k]).max() for m in molecules) + 1.0 for k in (0, 1))
    for k, frame, molecule in zip(shown, frames, molecules, strict=True):
        axes = panels[str(k)]
        _balls(axes, *molecule)
        axes.set(xlim=(-wide, wide), ylim=(-high, high), aspect="equal")
        axes.set_axis_off()
        axes.set_title(f"{frame * interval:.1f} {unit}" if known else f"frame {frame}", fontsize=8)
    axes = panels["E"]
    time = np.arange(n) * interval
    m = min(data.n_train, n)
    for part, colour in ((slice(0, m), TRAIN), (slice(m, n), TEST)):
        # A thin line alone: with many frames, additional points would give a solid band.
        axes.plot(time[part], data.energies[part], color=colour, linewidth=0.35, rasterized=True)
    axes.plot(
        time[frames],
        data.energies[frames],
        "o",
        color="black",
        markersize=3.5,
        clip_on=False,
    )
    span = np.ptp(data.energies)
    axes.set_ylim(data.energies.min() - 0.05 * span, data.energies.max() + 0.22 * span)
    axes.set_xlim(0, n * interval)
    if m < n:
        axes.axvline(m * interval, color="black", linewidth=1, linestyle="--")
        _above(axes, m / 2 * interval, f"training: frames 0 to {m - 1:,}", TRAIN)
        _above(axes, (m + n) / 2 * interval, f"test: {n - m:,} frames", TEST)
    axes.set_xlabel(f"time / {unit}" if known else "frame")
    axes.set_ylabel("E / eV")
    apart = f", one every {1000 * data.interval_ps:.0f} fs" if known else ""
    # "pt8au2-hot": another trajectory of the same atoms.
    name = " ".join([_formula(data), *dataset.split("-")[1:]])
    name += ", periodic (images pale)" if data.pbc.any() else ""
    figure.suptitle(
        f"{head}{name}: {n:,} frames{apart}; dots: the frames drawn",
        fontsize=10,
    )


def _above(axes, x: float, text: str, colour: str) -> None:
    axes.text(
        x, 0.98, text, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8.5
    ).set_color(colour)


def _formula(data: Trajectory) -> str:
    counted = Atoms(numbers=data.numbers).symbols.formula.count()
    return "".join(f"{s}$_{{{k}}}$" for s, k in sorted(counted.items(), key=lambda c: -c[1]))


def _molecule(data: Trajectory, k: int):
    """Frame k as viewed: positions (N, 3) with depth last, numbers, bonds, mask of own atoms.

    Periodic systems are shown with copies, which are not own atoms.
    """
    atoms = Atoms(data.numbers, data.positions[k], cell=data.cell, pbc=data.pbc)
    n = len(atoms)
    if data.pbc.any():
        atoms = atoms.repeat([2 if p else 1 for p in data.pbc])
    atoms.pbc = False
    limits = {
        (a, b): BOND * (covalent_radii[a] + covalent_radii[b])
        for a in set(data.numbers.tolist())
        for b in set(data.numbers.tolist())
    }
    i, j = neighbor_list("ij", atoms, limits)
    seen = (atoms.positions - atoms.positions.mean(axis=0)) @ (
        SLAB_VIEW if data.pbc.any() else VIEW
    ).T
    return seen, atoms.numbers, np.stack([i, j])[:, i < j], np.arange(len(atoms)) < n


def _balls(axes, x, numbers, bonds, own) -> None:
    """Draw circles and sticks from back to front; distant atoms and images are paler."""
    near = (x[:, 2] - x[:, 2].min()) / max(np.ptp(x[:, 2]), 1e-9)
    strength = (0.55 + 0.45 * near) * np.where(own, 1.0, 0.45)
    for i, j in bonds.T:
        pale = min(strength[i], strength[j])
        colour = 1 - pale * (1 - np.array([0.35, 0.35, 0.35]))
        axes.plot(*x[[i, j], :2].T, color=colour, linewidth=1.6, zorder=min(x[i, 2], x[j, 2]))
    for k in np.argsort(x[:, 2]):
        colour = 1 - strength[k] * (1 - jmol_colors[numbers[k]])
        edge = 1 - strength[k] * np.ones(3)
        axes.add_patch(
            Circle(
                x[k, :2],
                0.62 * covalent_radii[numbers[k]],
                facecolor=colour,
                edgecolor=edge,
                linewidth=0.6,
                zorder=x[k, 2] + 0.01,
            )
        )
