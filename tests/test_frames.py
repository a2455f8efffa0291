"""Labelled structures that differ in size, composition and cell."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from data_gen.dataset import Dataset
from data_gen.errors import DataError
from data_gen.frames import Frames, Structure


def labelled(atoms):
    atoms.calc = EMT()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


@pytest.fixture
def three():
    dimer = Atoms("AuPt", positions=[[0, 0, 0], [0, 0, 2.6]])
    return [labelled(a) for a in (dimer, bulk("Cu"), bulk("Au", cubic=True))]


def test_frames_of_any_size_composition_and_cell(three):
    frames = Frames.from_atoms(three, "three")
    assert len(frames) == 3 and frames.sizes.tolist() == [2, 1, 4]
    assert frames.elements == ["Au", "Cu", "Pt"] and frames.metadata == {"source": "three"}
    for k, atoms in enumerate(three):
        s = frames.structures[k]
        np.testing.assert_array_equal(s.positions, atoms.positions)
        np.testing.assert_array_equal(s.numbers, atoms.numbers)
        np.testing.assert_array_equal(s.cell, atoms.cell)
        np.testing.assert_array_equal(s.pbc, atoms.pbc)
        assert frames.energies[k] == atoms.get_potential_energy()
        np.testing.assert_array_equal(frames.forces[k], atoms.get_forces())
    # What is moved later moves nothing here.
    before = frames.structures[0].positions.copy()
    three[0].positions += 1.0
    np.testing.assert_array_equal(frames.structures[0].positions, before)


def test_some_frames_in_the_order_asked_for(three):
    frames = Frames.from_atoms(three)
    for chosen, expected in ((slice(1, None), [1, 2]), ([2, 0], [2, 0]), (slice(None, 1), [0])):
        some = frames[chosen]
        assert some.energies.tolist() == frames.energies[expected].tolist()
        assert some.sizes.tolist() == frames.sizes[expected].tolist()
        assert [len(f) for f in some.forces] == some.sizes.tolist()


def test_frames_of_frames_are_not_checked_again(three, monkeypatch):
    """Slices of thousands of frames would take seconds each."""
    frames = Frames.from_atoms(three)
    monkeypatch.setattr("data_gen.frames._are_ordinary", lambda *_: 1 / 0)
    assert len(frames[1:]) == 2 and frames[[2]][:1].sizes.tolist() == [4]
    with pytest.raises(ZeroDivisionError):
        Frames(frames.structures, frames.energies, frames.forces)
    with pytest.raises(DataError, match="0 structures"):
        frames[:0]


def test_cells_that_cannot_be_are_refused(three):
    frames = Frames.from_atoms(three)
    thin = np.array([[4.0, 0, 0], [0, 4.0, 0], [4.0, 4.0, 1e-5]])
    for cell in (np.zeros((3, 3)), np.diag([4.0, 4.0, 0]), np.ones((3, 3)), thin):
        structures = (*frames.structures[:2], frames.structures[2]._replace(cell=cell))
        with pytest.raises(DataError, match=r"frame 2: .*: give its cell, or set pbc to F"):
            Frames(structures, frames.energies, frames.forces)
    # A left-handed cell is a cell, as are vectors along which nothing is periodic.
    left = frames.structures[2]._replace(cell=frames.structures[2].cell[[1, 0, 2]])
    free = frames.structures[2]._replace(cell=np.ones((3, 3)), pbc=np.zeros(3, bool))
    for one in (left, free):
        assert len(Frames((one,), frames.energies[2:], frames.forces[2:])) == 1


def test_a_dataset_is_frames_as_well(au6):
    frames = Frames.of(au6[:5])
    assert isinstance(au6, Dataset) and len(frames) == 5 and set(frames.sizes) == {6}
    np.testing.assert_array_equal(np.stack(frames.forces), au6.forces[:5])
    np.testing.assert_array_equal([s.positions for s in frames.structures], au6.positions[:5])


def test_what_is_wrong_is_said_and_where(three):
    bare = Atoms("Au")
    with pytest.raises(DataError, match="file: frame 1 has no energy or no forces"):
        Frames.from_atoms([three[0], bare], "file")
    with pytest.raises(DataError, match="no frames"):
        Frames.from_atoms([])
    frames = Frames.from_atoms(three)

    def changed(k, **changes):
        structures = list(frames.structures)
        structures[k] = structures[k]._replace(**changes)
        return Frames(tuple(structures), frames.energies, frames.forces)

    for k, changes, says in (
        (0, {"positions": np.full((2, 3), np.nan)}, "positions are not finite .* in frame 0"),
        (1, {"cell": np.full((3, 3), np.inf)}, "cell are not finite .* in frame 1"),
        (0, {"positions": np.zeros((2, 3))}, "atoms 0 and 1 of frame 0 are on one point"),
        (2, {"positions": np.zeros((3, 3))}, "frame 2: 4 atoms with positions"),
    ):
        with pytest.raises(DataError, match=says):
            changed(k, **changes)
    # On one point by an image.
    shifted = frames.structures[2].positions.copy()
    shifted[1] = shifted[0] + frames.structures[2].cell[0] + [0, 0, 0.05]
    with pytest.raises(DataError, match="atoms 0 and 1 of frame 2"):
        changed(2, positions=shifted)
    with pytest.raises(DataError, match=r"energies are not finite .* in frame 2"):
        Frames(frames.structures, np.array([1, 2, np.nan]), frames.forces)
    with pytest.raises(DataError, match="2 arrays of forces"):
        Frames(frames.structures, frames.energies, frames.forces[:2])
    one = Structure(np.zeros((1, 3)), np.array([79]), np.zeros((3, 3)), np.zeros(3, bool))
    assert len(Frames((one,), np.zeros(1), (np.zeros((1, 3)),))) == 1


def test_forces_may_be_missing_where_that_is_said(three):
    energy = three[1].get_potential_energy()
    three[1].calc = SinglePointCalculator(three[1], energy=energy)
    with pytest.raises(DataError, match="file: frame 1 has no energy or no forces"):
        Frames.from_atoms(three, "file")
    frames = Frames.from_atoms(three, missing_forces=True)
    assert frames.with_forces.tolist() == [True, False, True]
    assert np.isnan(frames.forces[1]).all() and frames.energies[1] == energy
    np.testing.assert_array_equal(frames.forces[2], three[2].get_forces())
    assert frames[1:].with_forces.tolist() == [False, True]
    # Energies are always needed, and forces that are NaN in part are an error.
    with pytest.raises(DataError, match="file: frame 0 has no energy or no forces"):
        Frames.from_atoms([Atoms("Au")], "file", missing_forces=True)
    partly = [f.copy() for f in frames.forces]
    partly[0][0, 0] = np.nan
    with pytest.raises(DataError, match=r"forces are not finite .* in frame 0"):
        Frames(frames.structures, frames.energies, tuple(partly))
    nan = np.full((1, 3), np.nan)
    three[1].calc = SinglePointCalculator(three[1], energy=energy, forces=nan)
    with pytest.raises(DataError, match=r"file: forces are not finite .* in frame 1"):
        Frames.from_atoms(three, "file")
