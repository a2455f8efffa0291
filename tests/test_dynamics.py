"""How data are made: EMT, the structures, the dynamics, and the script that runs them."""

import pickle
import runpy
from dataclasses import replace
from pathlib import Path

import asap3
import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc110
from ase.calculators.emt import EMT
from ase.lattice.compounds import B2
from ase.lattice.cubic import FaceCenteredCubic
from conftest import SHORT, frames_of

from data_gen.dataset import Dataset, load, save
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.errors import DataError
from data_gen.structures import GOLD_HEIGHTS, build_structure
from reproduction.errors import ReproductionError
from reproduction.sections.s2_data import PT8AU2_HEIGHTS

generate = runpy.run_path(str(Path(__file__).parent.parent / "scripts/01_generate_data.py"))["main"]
SLAB = DynamicsSettings("pt8au2-slab", steps=2000, max_displacement_A=1.385)


@pytest.fixture(scope="module")
def slab() -> Dataset:
    return run_dynamics(SLAB)


@pytest.mark.parametrize("key", ["Au", "Pt", "AuPt"])
def test_emt_gives_the_numbers_that_asap3_ships(key):
    """Total energy and forces against asap3's own stored reference, with its structures."""
    path = Path(asap3.__file__).parent / "test/testdata/SpecialEMT.pickle"
    reference = pickle.loads(path.read_bytes(), encoding="latin1")
    if key == "AuPt":
        atoms = B2(size=(4, 4, 4), symbol=("Au", "Pt"), latticeconstant=3.5, pbc=False)
    else:
        atoms = FaceCenteredCubic(size=(4, 4, 4), symbol=key, pbc=False)
    atoms.calc = asap3.EMT()
    assert len(atoms) == reference[f"{key}_n"]
    assert atoms.get_potential_energy() == pytest.approx(reference[f"{key}_e"].sum(), abs=1e-7)
    np.testing.assert_allclose(atoms.get_forces().ravel(), reference[f"{key}_f"], atol=1e-8)


def test_octahedron_is_cut_out_of_the_crystal():
    atoms = build_structure("au6-octahedron")
    assert atoms.get_chemical_formula() == "Au6" and not atoms.pbc.any()
    distances = np.sort(atoms.get_all_distances()[np.triu_indices(6, 1)])
    nearest = 4.08 / np.sqrt(2)
    np.testing.assert_allclose(distances, [nearest] * 12 + [4.08] * 3, rtol=1e-12)


def test_gold_is_where_the_next_layer_of_platinum_would_be():
    """Two Au in two of the third layer's four places, not in one row; the lowest layer fixed."""
    atoms = build_structure("pt8au2-slab")
    assert atoms.get_chemical_formula() == "Au2Pt8" and atoms.pbc.tolist() == [True, True, False]
    three = fcc110("Pt", size=(2, 2, 3))
    np.testing.assert_allclose(atoms.cell[:2], three.cell[:2], atol=1e-12)
    moved = atoms.positions[8:] + three.positions[0] - atoms.positions[0]
    three += Atoms("Au2", positions=moved)
    assert (atoms.numbers[8:] == 79).all()
    distances = three.get_all_distances(mic=True)
    np.testing.assert_allclose(
        np.sort(distances[12:, 8:12]), [[0, 2.77186, 3.92, 4.80100]] * 2, atol=1e-4
    )
    assert distances[12, 13] == pytest.approx(4.80100, abs=1e-4)  # the diagonal one
    low = np.isclose(atoms.positions[:, 2], atoms.positions[:, 2].min())
    (fixed,) = atoms.constraints
    assert sorted(fixed.index) == np.flatnonzero(low).tolist() and low.sum() == 4


def test_slab_stays_whole_and_its_lower_layer_where_it_is(slab):
    moved = np.linalg.norm(slab.positions - slab.positions[0], axis=2)
    about = slab.metadata["dynamics"]
    assert about["largest_displacement_A"] < 1.385 and about["energy_drift_eV"] < 1e-3
    assert moved.max() <= about["largest_displacement_A"] and moved[:, 4:].max() > 0.1
    assert (moved[:, :4] == 0.0).all()


def test_slab_is_periodic_and_has_all_its_forces(slab, tmp_path):
    """ASE's EMT on a cell repeated beyond its cutoff; forces on fixed atoms are not zeroed."""
    assert slab.pbc.tolist() == [True, True, False]
    assert abs(slab.forces[1:, :4]).max() > 0.1
    assert abs(slab.forces.sum(axis=1)).max() < 1e-6  # of fixed atoms too
    for frame in frames_of(slab)[::13]:
        energy, forces = frame.get_potential_energy(), frame.get_forces()
        large = frame.repeat((2, 3, 1))
        large.calc = EMT(asap_cutoff=True)
        assert large.get_potential_energy() == pytest.approx(6 * energy, abs=1e-4)
        np.testing.assert_allclose(large.get_forces()[:10], forces, atol=1e-5)
    save(slab, tmp_path / "slab.traj")
    again = load(tmp_path / "slab.traj")
    np.testing.assert_array_equal(again.forces, slab.forces)
    np.testing.assert_array_equal(again.pbc, slab.pbc)


def test_slab_is_the_same_again(slab):
    assert run_dynamics(SLAB).checksum() == slab.checksum()


def test_atom_that_leaves_its_place_is_an_error():
    """The start with the gold high up is hotter, and without a limit is accepted."""
    settings = replace(SLAB, max_displacement_A=0.05)
    with pytest.raises(DataError, match=r"0\.\d+ Å from where it started .*: 0\.05"):
        run_dynamics(settings)
    high = DynamicsSettings("pt8au2-slab-high", steps=2000)
    assert run_dynamics(high).energies[0] > run_dynamics(replace(SLAB, steps=50)).energies[0] + 1.0


@pytest.mark.parametrize("height", GOLD_HEIGHTS)
def test_gold_starts_at_other_heights_above_the_layer(height):
    """Above the same sites; the dynamics goes on from there."""
    atoms, own = build_structure(f"pt8au2-slab-{height}"), build_structure("pt8au2-slab")
    z = atoms.positions[:, 2]
    np.testing.assert_allclose(z[8:] - z[4:8].max(), height, atol=1e-12)
    x, y = atoms.positions[:, :2].T
    np.testing.assert_allclose([x, y], own.positions[:, :2].T, atol=1e-12)
    source = PT8AU2_HEIGHTS[height]
    assert source.name == source.origin.structure == f"pt8au2-slab-{height}"
    short = run_dynamics(replace(source.origin, steps=500))
    np.testing.assert_array_equal(short.positions[0], atoms.positions)


def test_the_lower_the_gold_the_more_energy_at_the_start():
    starts = [replace(PT8AU2_HEIGHTS[height].origin, steps=50) for height in sorted(GOLD_HEIGHTS)]
    low, *_, high = energies = [float(run_dynamics(start).energies[0]) for start in starts]
    assert sorted(energies, reverse=True) == energies and low > high + 1.0


def test_unknown_structure_names_the_close_ones():
    with pytest.raises(DataError, match="au6-octahedron"):
        build_structure("au6-octohedron")


def test_frames_are_the_start_and_every_stride(short):
    """The first frame is the unrelaxed start of 6.197 eV; energies and forces are ASE's EMT's."""
    assert len(short) == 10
    np.testing.assert_array_equal(short.positions[0], build_structure("au6-octahedron").positions)
    assert short.energies[0] == pytest.approx(6.197, abs=1e-3)
    for frame in frames_of(short)[::3]:
        energy, forces = frame.get_potential_energy(), frame.get_forces()
        frame.calc = EMT(asap_cutoff=True)
        assert frame.get_potential_energy() == pytest.approx(energy, abs=1e-5)
        np.testing.assert_allclose(frame.get_forces(), forces, atol=1e-5)


def test_stride_does_not_change_the_trajectory(short):
    fine = run_dynamics(DynamicsSettings(steps=500, stride=25))
    np.testing.assert_allclose(fine.positions[::2], short.positions, atol=1e-10)


def test_energy_is_conserved_and_stored(short):
    about = short.metadata["dynamics"]
    assert about["energy_drift_eV"] < 1e-3
    assert 4 < about["largest_distance_A"] < 8


def test_seed_and_temperature_and_rotation_matter(short):
    again = run_dynamics(SHORT)
    np.testing.assert_array_equal(again.positions, short.positions)
    for change in ({"seed": 1}, {"temperature_K": 600.0}, {"remove_rotation": True}):
        other = run_dynamics(DynamicsSettings(steps=500, **change))
        assert not np.allclose(other.positions[5], short.positions[5])


def test_rotation_removal_leaves_no_angular_momentum():
    """Seen in the first step: positions turn about the centre, or do not."""
    spins = []
    for remove in (False, True):
        data = run_dynamics(
            DynamicsSettings(steps=2, stride=1, timestep_fs=0.01, remove_rotation=remove)
        )
        centred = data.positions - data.positions.mean(axis=1, keepdims=True)
        spins.append(np.linalg.norm(np.cross(centred[0], centred[1] - centred[0]).sum(axis=0)))
    assert spins[1] < 1e-3 * spins[0]


def test_drift_and_evaporation_are_errors():
    with pytest.raises(DataError, match="drifted"):
        run_dynamics(DynamicsSettings(steps=500, timestep_fs=20.0))
    with pytest.raises(DataError, match="come apart"):
        run_dynamics(DynamicsSettings(steps=500, max_distance_A=4.0))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 10}, {"stride": 0}, {"timestep_fs": 0}])
def test_dynamics_settings_that_make_no_sense(wrong):
    with pytest.raises(DataError):
        DynamicsSettings(**wrong)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--output", "x"], "--output is for one dataset"),
        (["--steps", "500"], "--steps is for one dataset"),
        (["--seed", "0"], "--seed is for one dataset"),
        (["--temperature", "0"], "--temperature is for one dataset"),
        (["--structure", "au6-octahedron"], "--structure is for one dataset"),
        (["--remove-rotation"], "--remove-rotation is for one dataset"),
        (["--name", "au7"], "no dataset 'au7'"),
        (["--name", "au6", "--steps", "500", "--output", "pt8au2"], "file of another dataset"),
        (["--name", "au6", "--steps", "500", "--output", "../x"], "is not a file name"),
    ],
)
def test_arguments_that_do_not_go_together_make_nothing(tmp_path, arguments, says):
    with pytest.raises(ReproductionError, match=says):
        generate(["--quick", "--folder", str(tmp_path), *arguments])
    assert list(tmp_path.iterdir()) == []


def test_output_names_the_file_of_the_named_dataset(tmp_path, capsys):
    arguments = ["--folder", str(tmp_path), "--name", "au6", "--steps", "500"]
    assert generate([*arguments, "--output", "x"]) == 0
    assert generate([*arguments, "--output", "au6"]) == 0
    assert sorted(path.name for path in (tmp_path / "data").glob("*.traj")) == [
        "au6.traj",
        "x.traj",
    ]
    assert load(tmp_path / "data/x.traj").checksum() == run_dynamics(SHORT).checksum()


def test_nothing_is_made_where_one_dataset_cannot_be(tmp_path, short):
    """The last one's place is taken by a file of other settings."""
    save(short, tmp_path / "quick/data/pt8au2-hot.traj")
    with pytest.raises(ReproductionError, match="made with structure"):
        generate(["--quick", "--folder", str(tmp_path)])
    assert len(list((tmp_path / "quick/data").glob("*.traj"))) == 1
