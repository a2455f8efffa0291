"""Neighbour lists where an atom has flown away, or the cell is wide and thin."""

import itertools
import os
import subprocess
import sys
import time

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.neighborlist import neighbor_list

from data_gen import vast
from data_gen.errors import DataError
from data_gen.neighbours import checked
from data_gen.reading import read_frames
from data_gen.vast import edges, search
from keras_models.neighbours import VerletList
from reproduction.engine.provenance import ROOT

# Each of them ended the process, took seconds, or is as vast and was fine.
VAST = {
    "far corner": Atoms("Au3", [(0, 0, 0), (2.7, 0, 0), (1700, 1700, 0)]),
    "sheet": Atoms("Au2", [(1, 0, 0), (1999, 1999, 0)], cell=[2000, 2000, 0], pbc=[1, 1, 0]),
    "thin crystal": Atoms("Au2", [(1, 0, 0), (1999, 1999, 0)], cell=[2000, 2000, 9], pbc=True),
    "wire": Atoms("Au2", [(1, 0, 0), (0, 1e4, 3e3)], cell=[4, 0, 0], pbc=[1, 0, 0]),
    "above a slab": Atoms("Au2", [(1, 1, 0), (-3, 9, 3e4)], cell=[10, 10, 10], pbc=[1, 1, 0]),
    "exploded": Atoms("Au3", [(0, 0, 0), (0, 0, 2), (1e9, -1e8, 1e7)]),
    "large": Atoms("Au2", [(0, 0, 0), (999, 999, 999)], cell=[1e3, 1e3, 1e3], pbc=True),
}
SEARCH = """
import sys
import numpy as np
from test_vast import VAST, seconds
np.savez(sys.argv[1], **{name: seconds(VAST[name]) for name in VAST})
"""


def seconds(structure):
    """Pairs and their multiples (E, 5), and below them the time of the search."""
    start = time.perf_counter()
    found = np.column_stack(search(*checked(structure), 5.0, in_order=True))
    return np.vstack([found, np.full(5, time.perf_counter() - start)])


def expected(structure, cutoff=5.0):
    """The sorted pairs of ASE."""
    i, j, multiples = neighbor_list("ijS", structure, cutoff)
    return sorted(np.column_stack([i, j, multiples]).tolist())


def test_no_extent_ends_or_delays_the_process(tmp_path):
    """In a process of its own, as a crash would end that of the tests."""
    command = [sys.executable, "-c", SEARCH, tmp_path / "found.npz"]
    path = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    assert subprocess.run(command, env=path, timeout=60).returncode == 0
    with np.load(tmp_path / "found.npz") as found:
        for name, structure in VAST.items():
            *pairs, took = found[name]
            assert sorted(map(list, pairs)) == expected(structure), name
            assert took[0] < 1.0, name


@pytest.mark.parametrize("pbc", [*itertools.product((False, True), repeat=3)], ids=str)
def test_trees_find_the_pairs_of_the_library(rng, pbc, monkeypatch):
    """Atoms outside of a skewed cell that is smaller than the cutoff along one side."""
    cell = np.diag([3.0, 7.0, 12.0]) + rng.uniform(-1, 1, (3, 3))
    atoms = Atoms("Au9", rng.uniform(-1, 2, (9, 3)) @ cell, cell=cell, pbc=pbc)
    by_library = search(*checked(atoms), 4.5, in_order=True)
    assert (np.diff(by_library[0]) >= 0).all()
    monkeypatch.setattr(vast, "_overflow", lambda _: True)
    found = np.column_stack(search(*checked(atoms), 4.5, in_order=True)).tolist()
    assert found == sorted(np.column_stack(by_library).tolist()) == expected(atoms, 4.5)
    i, j, shifts = edges(atoms, 4.5)
    assert (np.linalg.norm(atoms.positions[j] - atoms.positions[i] + shifts, axis=1) < 4.5).all()
    assert i.dtype == j.dtype == np.int64


def test_an_atom_that_flies_away_does_not_end_dynamics():
    """The list of a trajectory, with its skin."""
    atoms, moving = VAST["far corner"].copy(), VerletList(5.0)
    for atoms.positions[2] in ((0, 2.7, 0), (1700, 1700, 0), (1e9, 0, 0)):
        assert moving.update(atoms)
        assert len(moving.edges[0]) == len(expected(atoms, 5.5))


def test_ordinary_structures_are_searched_by_the_library(rng, monkeypatch):
    """With its order of pairs, on which the last bits of sums depend."""
    monkeypatch.setattr(vast, "_search_by_tree", None)
    wide, slab, wire = (0, 0, 0), (1, 1, 0), (1, 0, 0)
    for pbc, size in ((wide, (300, 300, 300)), (slab, (50, 50, 80)), (wire, (20, 30, 30))):
        cell = np.multiply(size, pbc)
        edges(Atoms("Au99", rng.uniform(0, size, (99, 3)), cell=cell, pbc=pbc), 5.0)
    edges(Atoms("Au99", rng.uniform(0, 200, (99, 3)), cell=[200, 200, 200], pbc=True), 5.0)
    edges(Atoms("Au", [(1e5, 1e5, 0)]), 5.0)
    edges(Atoms(), 5.0)


def test_a_file_with_a_frame_that_no_list_takes_is_refused(tmp_path):
    """Not all of what a training does with its frames goes by trees."""
    frames = [VAST["far corner"].copy() for _ in range(2)]
    frames[0].positions[2] = 0, 2.7, 0
    for atoms in frames:
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
    ase.io.write(tmp_path / "a.traj", frames)
    with pytest.raises(DataError, match=r"a.traj: the atoms of frame 1, within 1700 x 1700 x 0 Å"):
        read_frames(tmp_path / "a.traj")
    assert len(read_frames(f"{tmp_path}/a.traj@:1")) == 1
