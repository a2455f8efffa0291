"""Errors of predicted energies and forces, of all frames and by element, size and other labels.

dE = (E_predicted - E) / N of a frame of N atoms, eV/atom; dF: of force components, eV/Å, of frames
whose forces are known. Beside every error stands the one of what costs nothing: energies from the
composition alone, and no forces.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from data_gen.frames import Frames

ENERGY, FORCE = "energy_per_atom", "force"
UNITS = {ENERGY: "eV/atom", FORCE: "eV/Å"}
NAMES = {ENERGY: "E", FORCE: "F"}
# More sizes than this are put together in ranges of about equally many frames.
SIZES = 8
# Of more labels than this, such as one for each frame, the less frequent ones are one.
GROUPS = 50


@dataclass(frozen=True)
class Errors:
    """Errors of one quantity on some of the frames.

    Attributes:
        part: "train", "validation", "test", "known", "new" or "all".
        group: "all", "element", "size", or the kind of another label, such as "config_type".
        name: the element, size or label; "" for all.
        quantity: :data:`ENERGY` or :data:`FORCE`.
        count: number of frames, or force components.
        rmse, mae, largest: root mean square, mean and largest of the absolute errors.
        bias: mean error.
        baseline: RMSE of the baseline.
    """

    part: str
    group: str
    name: str
    quantity: str
    count: int
    rmse: float
    mae: float
    largest: float
    bias: float
    baseline: float

    @property
    def unit(self) -> str:
        """Of the errors."""
        return UNITS[self.quantity]


def of_frames(
    frames: Frames, energies: np.ndarray, forces: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of each frame: dE (n,), and the RMS of its dF (n,), NaN without known forces."""
    rms = [np.sqrt(np.mean((f - true) ** 2)) for f, true in zip(forces, frames.forces, strict=True)]
    return (energies - frames.energies) / frames.sizes, np.array(rms)


def sizes_of(frames: Frames) -> list[str]:
    """Number of atoms of each frame, or its range ("9-14") where there are many numbers."""
    sizes = frames.sizes
    if len(np.unique(sizes)) <= SIZES:
        return [str(n) for n in sizes]
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, SIZES + 1)[1:], method="higher"))
    which = np.searchsorted(edges, sizes)
    low, high = ([f(sizes[which == k]) for k in range(len(edges))] for f in (np.min, np.max))
    return [f"{low[k]}-{high[k]}" if low[k] < high[k] else str(low[k]) for k in which]


def errors(
    part: str,
    frames: Frames,
    energies: np.ndarray,
    forces: Sequence[np.ndarray],
    baseline: np.ndarray,
    labels: Mapping[str, Sequence[str]] | None = None,
) -> list[Errors]:
    """Errors on all frames, by element, by size and by labels, where there are several of them.

    Args:
        part: name of the part that the frames are.
        frames: with the true values.
        energies: (n,), predicted, eV.
        forces: n arrays (N, 3), predicted, eV/Å.
        baseline: (n,), energies that cost nothing, eV.
        labels: {kind: label of each frame}, such as "config_type".
    """
    off = (energies - frames.energies) / frames.sizes
    base = (baseline - frames.energies) / frames.sizes
    known = frames.with_forces
    at = np.repeat(np.arange(len(frames)), frames.sizes)
    symbols = np.array([chemical_symbols[z] for s in frames.structures for z in s.numbers])
    true = np.concatenate(frames.forces)
    force_off = np.concatenate(list(forces)) - true
    found = []
    for group, name, chosen in _groups(frames, labels or {}):
        own = (group, name)
        found.append(_errors(part, own, ENERGY, off[chosen], base[chosen]))
        atoms = (chosen & known)[at]
        if atoms.any():
            found.append(_errors(part, own, FORCE, force_off[atoms], -true[atoms]))
    if len(frames.elements) > 1:
        for element in frames.elements:
            atoms = (symbols == element) & known[at]
            if atoms.any():
                own = ("element", element)
                found.append(_errors(part, own, FORCE, force_off[atoms], -true[atoms]))
    return found


def _groups(frames: Frames, labels: Mapping) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind of a group, its name, and which frames are in it."""
    yield "all", "", np.ones(len(frames), bool)
    for kind, given in {"size": sizes_of(frames), **labels}.items():
        given = np.array(few_names([str(one) for one in given]))
        order = np.argsort(frames.sizes, kind="stable") if kind == "size" else slice(None)
        names = list(dict.fromkeys(given[order]))
        if len(names) > 1:
            for name in names:
                yield kind, str(name), given == name


def few_names(given: Sequence[str]) -> list[str]:
    """Labels of frames, with the less frequent ones as one if there are more than :data:`GROUPS`.

    As many as frames would be a table that nobody reads, and as many passes over all frames.
    """
    counts = Counter(given)
    if len(counts) <= GROUPS:
        return list(given)
    kept = {name for name, _ in counts.most_common(GROUPS - 1)}
    rest = f"{len(counts) - len(kept):,} others"
    return [name if name in kept else rest for name in given]


def _errors(part: str, own: tuple[str, str], quantity: str, off, base) -> Errors:
    off, size = off.ravel(), np.abs(off.ravel())
    return Errors(
        part,
        *own,
        quantity,
        len(off),
        float(np.sqrt(np.mean(off**2))),
        float(size.mean()),
        float(size.max()),
        float(off.mean()),
        float(np.sqrt(np.mean(base**2))),
    )
