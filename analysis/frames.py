"""Frames of a dataset as ASE atoms, to be moved, relaxed or predicted."""

import numpy as np
from ase import Atoms

from data_gen.dataset import Dataset


def atoms_at(data: Dataset, positions: np.ndarray, calculator=None) -> Atoms:
    """Atoms of the data's elements in the data's cell, at (N, 3) Å."""
    atoms = Atoms(data.numbers, positions=positions, cell=data.cell, pbc=data.pbc)
    atoms.calc = calculator
    return atoms


def evenly_chosen(data: Dataset, n: int) -> list[Atoms]:
    """n frames at even distances, the first and the last among them, without a calculator."""
    return [atoms_at(data, data.positions[k]) for k in np.linspace(0, len(data) - 1, n).astype(int)]
