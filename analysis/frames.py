"""Conversion of frames of a dataset to ASE atoms."""

import numpy as np
from ase import Atoms

from data_gen.dataset import Dataset


def atoms_at(data: Dataset, positions: np.ndarray, calculator=None) -> Atoms:
    """The dataset's system at given positions (N, 3) Å, as ASE atoms."""
    atoms = Atoms(data.numbers, positions=positions, cell=data.cell, pbc=data.pbc)
    atoms.calc = calculator
    return atoms


def evenly_chosen(data: Dataset, n: int) -> list[Atoms]:
    """n evenly spaced frames, including the first and the last, without a calculator."""
    return [atoms_at(data, data.positions[k]) for k in np.linspace(0, len(data) - 1, n).astype(int)]
