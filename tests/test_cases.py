"""Files that people bring (tests/cases): what is read from each, or why it is refused."""

from pathlib import Path

import ase.io
import numpy as np
import pytest

from data_gen.dataset import Statistics, load
from data_gen.errors import DataError
from data_gen.inspection import inspect
from data_gen.reading import read_frames

CASES = Path(__file__).parent / "cases"
# Energies of the six frames, eV, and of their first atom's forces in the first, eV/Å.
ENERGIES = [5.77323816, 4.72165524, 7.18876670, 6.37467636, 6.35195052, 5.91171236]
FORCE = [3.10208077, 0.14949060, 0.17321361]
ALL_ELECTRON = -3117035.47676184


@pytest.fixture(scope="module")
def read():
    """The reading of a case and what was found in it, once each."""
    kept = {}

    def of(name):
        if name not in kept:
            reading = read_frames(CASES / name)
            kept[name] = reading, inspect(reading)
        return kept[name]

    return of


# Name: keys of the labels, and words of the notes, warnings and refusal ("" for none).
READ = {
    "plain.extxyz": ("energy", "forces", "", "", ""),
    "crlf.xyz": ("energy", "forces", "", "", ""),
    "move_mask.xyz": ("energy", "forces", "", "", ""),
    "own_json_list.xyz": ("energy", "forces", "", "", ""),
    "frames.json": ("energy", "forces", "", "", ""),
    "npt_cells.xyz": ("energy", "forces", "", "", ""),
    "ref_keys.extxyz": ("REF_energy", "REF_forces", "", "", ""),
    "free_energy_differs.xyz": ("free_energy", "forces", "by up to 0.00715 eV", "", ""),
    "vasprun.xml": ("free_energy", "forces", "by up to 0.031 eV", "", ""),
    "lattice_no_pbc.xyz": ("energy", "forces", "Lattice without pbc (frames: 6)", "", ""),
}


@pytest.mark.parametrize("name", READ)
def test_the_six_frames_are_read(read, name):
    energy_key, forces_key, note, warning, refusal = READ[name]
    reading, inspection = read(name)
    assert (reading.energy_key, reading.forces_key) == (energy_key, forces_key)
    np.testing.assert_allclose(reading.frames.energies, ENERGIES, rtol=0, atol=5e-9)
    assert reading.frames.energies.dtype == np.float64
    assert set(reading.frames.sizes) == {6} and reading.frames.elements == ["Au"]
    assert reading.frames.with_forces.all() and reading.isolated == {}
    # Of an atom that move_mask.xyz fixes.
    np.testing.assert_allclose(reading.frames.forces[0][0], FORCE, rtol=0, atol=5e-9)
    for found, expected in ((reading.notes, note), (inspection.warnings, warning)):
        assert len(found) == bool(expected) and all(expected in one for one in found)
    assert inspection.refusal == refusal


def test_boundary_conditions_are_the_files(read):
    def periodic(name):
        return {tuple(s.pbc.tolist()) for s in read(name)[0].frames.structures}

    assert periodic("plain.extxyz") == periodic("frames.json") == {(False,) * 3}
    assert periodic("lattice_no_pbc.xyz") == periodic("npt_cells.xyz") == {(True,) * 3}
    cells = [s.cell[0, 0] for s in read("npt_cells.xyz")[0].frames.structures]
    assert len(set(cells)) == 6 and cells[0] == 12.001411


REFUSED = {
    "dump.lammpstrj": "a LAMMPS dump has no elements and no energies; write",
    "none_energy.xyz": "no energy in any of 6 frames; frame 0 has energy=None, which is not a num",
    "bare_comment_energy.xyz": "has the number 5.77323816 without a name .*: write energy=5.773",
    "old_pickle.traj": "old format of ASE 3.8 and before; convert it with python -m ase.io.traj",
    "nan_force.xyz": "forces are not finite .* in frame 4",
    "au13.xyz": "no energy in the only frame; frame 0 has no keys at all: write energy=",
    "own_json_list.json": "not a format that ASE can read",
    "README.md": "no frames",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_in_one_sentence(name):
    with pytest.raises(DataError, match=REFUSED[name]) as caught:
        read_frames(CASES / name)
    message = str(caught.value)
    assert message.startswith(f"{CASES / name}: ") and "\n" not in message


def test_digits_of_large_energies_are_kept(read):
    reading, inspection = read("all_electron_total.xyz")
    off = reading.frames.energies - np.array(ENERGIES)
    np.testing.assert_allclose(off, ALL_ELECTRON - ENERGIES[0], rtol=0, atol=2e-8)
    assert inspection.warnings == () and inspection.refusal == ""
    assert inspection.spread == pytest.approx(read("plain.extxyz")[1].spread, abs=1e-8)


def test_one_frame_six_times_is_refused_for_training(read):
    _, inspection = read("duplicates.xyz")
    assert inspection.copies == 5 and "copies of other frames, 5 of 6" in inspection.warnings[0]
    with pytest.raises(DataError, match="nothing to learn from 6 copies of one frame"):
        inspection.require_trainable()
    with pytest.raises(DataError, match="same energy"):
        Statistics.of(load(CASES / "duplicates.xyz"))


def test_an_outlier_is_named_with_its_frame(read):
    _, inspection = read("energy_outlier.xyz")
    (warning,) = inspection.warnings
    assert "energy_outlier.xyz, frame 3 is +250.2 eV off" in warning
    assert "238 times the spread" in warning and inspection.refusal == ""


def test_sizes_may_differ_and_an_isolated_atom_is_a_reference(read):
    assert sorted(set(read("mixed_sizes.xyz")[0].frames.sizes)) == [5, 6]
    reading, inspection = read("isolated_atom_first.xyz")
    assert reading.frames.sizes.tolist() == [1] + 6 * [6] and reading.isolated == {"Au": 3.8}
    assert reading.config_types == ("IsolatedAtom", *6 * ("md",))
    for _, found in (read("mixed_sizes.xyz"), (reading, inspection)):
        assert found.warnings == () and found.refusal == ""


@pytest.mark.parametrize("name", ["plain.extxyz", "own_json_list.xyz", "frames.json"])
def test_datasets_of_one_system_are_read_the_same_way(name):
    data = load(CASES / name)
    np.testing.assert_allclose(data.energies, ENERGIES, rtol=0, atol=5e-9)
    assert data.metadata == {"source": str(CASES / name)}


def test_a_dataset_takes_the_free_energy_and_other_names_too():
    for name in ("vasprun.xml", "free_energy_differs.xyz", "ref_keys.extxyz"):
        np.testing.assert_allclose(load(CASES / name).energies, ENERGIES, rtol=0, atol=5e-9)


def test_each_case_is_described_and_tested():
    about = (CASES / "README.md").read_text()
    names = {path.name for path in CASES.iterdir()} - {"README.md"}
    assert all(name in about for name in names)
    with_energies = names - {"au55.xyz", "two_au6_30A.xyz", "ag6.xyz"}
    source = Path(__file__).read_text()
    assert all(f'"{name}"' in source for name in with_energies)
    # The cases without energies are for calculators: ASE reads them.
    for name in ("au55.xyz", "two_au6_30A.xyz", "ag6.xyz"):
        assert ase.io.read(CASES / name).calc is None
