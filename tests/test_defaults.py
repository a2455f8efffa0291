"""Settings that are chosen from the data."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from data_gen.frames import Frames, Structure
from keras_models.defaults import (
    CUTOFFS,
    FRAMES,
    REACH,
    SMALLEST_RATE,
    WEIGHT_DECAY,
    default_settings,
    repeats,
)


def frames(*atoms):
    """Frames without energies and forces."""
    return Frames(
        tuple(Structure(a.positions, a.numbers, np.array(a.cell), a.pbc) for a in atoms),
        np.zeros(len(atoms)),
        tuple(np.zeros((len(a), 3)) for a in atoms),
    )


def options(*atoms):
    return default_settings(frames(*atoms)).options


def test_the_cutoff_follows_the_distance_of_nearest_neighbours():
    gold = bulk("Au", a=4.0 * np.sqrt(2), cubic=True)  # nearest neighbours 4 Å apart
    silicon = bulk("Si", a=5.43, cubic=True)
    assert options(gold)["cutoff"] == CUTOFFS[1]
    assert options(silicon)["cutoff"] == pytest.approx(2.3 * 5.43 * np.sqrt(3) / 4, abs=0.05)
    # Bonds of hydrogen are short, but molecules reach as far as others.
    assert options(molecule("CH3CH2OH"))["cutoff"] == CUTOFFS[0]
    pair = Atoms("Au2", [(0, 0, 0), (0, 0, 2.5)])
    assert options(pair)["cutoff"] == pytest.approx(2.7 * 2.5, abs=0.05)


def test_atoms_without_neighbours_get_the_longest_cutoff():
    assert options(Atoms("Au"))["cutoff"] == CUTOFFS[1]
    assert options(Atoms("Au2", [(0, 0, 0), (0, 0, REACH + 1)]))["cutoff"] == CUTOFFS[1]


def test_crystals_and_clusters_are_told_apart_by_most_frames():
    crystal, cluster = bulk("Ni", cubic=True), molecule("CH4")
    for most, other, periodic in ((crystal, cluster, True), (cluster, crystal, False)):
        found = default_settings(frames(most, most, other))
        assert found.options["rounds"] == (1 if periodic else 3)
        assert found.training.energy_rise == (100.0 if periodic else 10.0)
        assert found.training.weight_decay == (0.0 if periodic else WEIGHT_DECAY)


def test_a_molecule_in_a_periodic_cell_is_none_of_a_crystal(rng):
    """Wrapped at the faces of the cell, too; but a wire, a slab and a liquid are."""
    box = molecule("CH3CH2OH")
    box.cell, box.pbc = [15.0, 14.0, 13.0], True
    wrapped = box.copy()
    wrapped.wrap()
    assert np.ptp(wrapped.positions, axis=0).max() > 10
    two = wrapped + Atoms("Au2", [(7, 7, 6), (7, 7, 8.5)])
    lone = wrapped + Atoms("Au", [(7, 7, 6)])
    wire = Atoms("Au4", [(0, 0, 2.7 * k) for k in range(4)], cell=[20, 20, 10.8], pbc=(0, 0, 1))
    liquid = Atoms("Ar64", rng.uniform(0, 14, (64, 3)), cell=[14] * 3, pbc=True)
    slab = fcc111("Au", (3, 3, 3), vacuum=8, periodic=True)
    slab.positions += rng.normal(0, 0.05, slab.positions.shape)
    open_slab = slab.copy()
    open_slab.pbc = False
    found = [repeats(s) for s in frames(box, wrapped, two, lone, open_slab).structures]
    assert found == [False] * 5
    assert all(repeats(s) for s in frames(bulk("Au"), slab, wire, liquid).structures)
    assert options(wrapped) == options(molecule("CH3CH2OH"))


def test_large_frames_come_in_small_batches_with_a_smaller_rate():
    small = default_settings(frames(molecule("CH4"))).training
    middle = default_settings(frames(bulk("Ni", cubic=True).repeat((2, 1, 1)))).training
    large = default_settings(frames(bulk("Ni", cubic=True).repeat(4))).training
    assert small.batch_size == FRAMES and large.batch_size == 1
    assert 1 < middle.batch_size < FRAMES
    assert large.learning_rate == SMALLEST_RATE < middle.learning_rate < small.learning_rate


def test_short_trainings_warm_up_faster():
    assert default_settings(frames(molecule("CH4")), steps=40).training.warm_up == 10
