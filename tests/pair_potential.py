"""Frames whose energies and forces are a smooth pair potential's, and settings of a small model."""

import numpy as np
from ase.data import chemical_symbols
from conftest import cluster

from data_gen.frames import Frames, Structure
from keras_models.fit_edges import EdgeFitSettings
from keras_models.neighbours import edges
from keras_models.settings import EdgeSettings

CUTOFF = 4.0
SHIFTS = {"Pt": -700.25, "Au": -1000.5}  # eV
SHORT = EdgeSettings(8, batch_size=16, warm_up=2, validation=0.2, solve_last_layer=False)
TINY = {"cutoff": CUTOFF, "polynomials": 3, "channels": 2, "order": 1, "repulsion": False}


def settings(training=SHORT, dtype="float32", **options):
    return EdgeFitSettings("linear_eq4", training, (5,), None, {**TINY, **options}, dtype)


def pair_potential(s: Structure) -> tuple[float, np.ndarray]:
    """Energy and forces of smooth pairs, sum of (1 - (r/4)^2)^3 (r - 2)^2 - 1 times the same."""
    i, j, shifts = edges(s, CUTOFF)
    vectors = s.positions[j] - s.positions[i] + shifts
    r = np.linalg.norm(vectors, axis=1)
    cut, well = 1.0 - (r / CUTOFF) ** 2, (r - 2.0) ** 2 - 1.0
    slope = 2.0 * cut**3 * (r - 2.0) - 6.0 * r / CUTOFF**2 * cut**2 * well
    forces = np.zeros_like(s.positions)
    np.add.at(forces, i, slope[:, None] * vectors / r[:, None])
    shift = sum(SHIFTS[chemical_symbols[z]] for z in s.numbers)
    return 0.5 * (cut**3 * well).sum() + shift, forces


def labelled(structures) -> Frames:
    found = [pair_potential(s) for s in structures]
    return Frames(tuple(structures), np.array([e for e, _ in found]), tuple(f for _, f in found))


def structure(rng, atoms: int, periodic: bool) -> Structure:
    positions = cluster(rng, atoms, 1.7)
    cell, pbc = np.zeros((3, 3)), np.zeros(3, bool)
    if periodic:  # a cell smaller than the cutoff
        corners = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
        positions = 1.9 * corners[:atoms] + rng.normal(0, 0.15, (atoms, 3))
        cell, pbc = np.diag([3.8, 3.8, 3.8]), np.ones(3, bool)
    return Structure(positions, rng.choice([78, 79], atoms), cell, pbc)
