"""Frames of two elements as a user may bring them, and settings of a short training on them."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from pair_potential import TINY, labelled, structure

from fitting.config import Config

MODEL = {"widths": (5,), "options": {**TINY, "rounds": 1}}
TRAINING = {"steps": 8, "batch_size": 16}


def frames_of_two_elements(count: int):
    """Clusters of 3 to 6 atoms and a small cell, in turn."""
    rng = np.random.default_rng(3)
    cells = [k % 3 == 0 for k in range(count)]
    return labelled([structure(rng, 4 if c else 3 + k % 4, c) for k, c in enumerate(cells)])


def atoms_of(frames, k: int) -> Atoms:
    s = frames.structures[k]
    atoms = Atoms(numbers=s.numbers, positions=s.positions, cell=s.cell, pbc=s.pbc)
    atoms.info["config_type"] = ("cell", "cluster", "cluster")[k % 3]
    atoms.calc = SinglePointCalculator(atoms, energy=frames.energies[k], forces=frames.forces[k])
    return atoms


def own_file(folder: Path) -> Path:
    """An isolated atom, 59 clusters and cells of two elements."""
    frames = frames_of_two_elements(60)
    path = folder / "mine.extxyz"
    alone = Atoms("Au")
    alone.calc = SinglePointCalculator(alone, energy=-1002.0, forces=np.zeros((1, 3)))
    write(path, [alone, *(atoms_of(frames, k) for k in range(1, 60))])
    return path


def own_config(path: Path) -> Config:
    """A training of one seed on it, of few steps."""
    return Config(files=(str(path),), seeds=(3,), minutes=None, model=MODEL, training=TRAINING)
