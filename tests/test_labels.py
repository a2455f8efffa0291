"""Labels under odd names, of odd shapes, in odd units, or left behind by a calculator."""

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from test_reading import F, dimer, written

from data_gen.errors import DataError
from data_gen.inspection import inspect
from data_gen.reading import read_frames

BARE = "there are no forces: energies alone can be learned, and the model's forces are not compared"


def columns(path, name, count):
    """Two frames with an array of so many columns, as extended XYZ."""
    text = ""
    for k in range(2):
        text += f"2\nProperties=species:S:1:pos:R:3:{name}:R:{count} energy={-1.0 - k}\n"
        for x in (0.0, 2.5 + 0.1 * k):
            text += f"Au 0 0 {x} {' '.join('0.5' for _ in range(count))}\n"
    path.write_text(text)
    return path


def test_arrays_that_may_be_forces_are_named_where_none_is_found(tmp_path):
    info = {"REF_energy": -1.0}
    momenta = {"my_force": F, "charges": F[:, 0], "momenta": F}
    path = written(tmp_path / "a.xyz", (info, momenta, {}))
    (note,) = read_frames(path).notes
    assert note == f"{BARE}; if my_force are forces, name them (--forces-key)"
    assert read_frames(path, forces_key="my_force").forces_key == "my_force"
    (note,) = read_frames(written(tmp_path / "b.xyz", (info, {"charges": F[:, 0]}, {}))).notes
    assert note == BARE


def test_forces_of_another_shape_are_refused_by_name(tmp_path):
    path = columns(tmp_path / "a.xyz", "forces", 4)
    told = r"a.xyz: in frame 0 forces has 4 columns, not three for each atom"
    with pytest.raises(DataError, match=told):
        read_frames(path)
    with pytest.raises(DataError, match=r"no forces named forces \(forces has 4 columns\)"):
        read_frames(path, forces_key="forces")
    # Of a name that is not taken nothing is said; a number for a frame is no array of forces.
    other = columns(tmp_path / "b.xyz", "colours", 4)
    assert read_frames(other).notes == (BARE,)
    largest = written(tmp_path / "c.xyz", ({"energy": -1.0, "force": 0.01}, {}, {}))
    assert not read_frames(largest).frames.with_forces.any()
    # Whichever frame it is.
    good = written(tmp_path / "d.xyz", ({}, {}, {"energy": -1.0, "forces": F}))
    with pytest.raises(DataError, match=r"a.xyz: in frame 0 forces has 4 columns"):
        read_frames([good, path])


def test_forces_belong_to_the_energy_of_their_frame(tmp_path):
    """Of files of different origin; also where each has what is left of another calculation."""
    ours = written(tmp_path / "a.xyz", *3 * [({}, {}, {"energy": -2.0, "forces": F})])
    theirs = written(tmp_path / "b.xyz", *2 * [({"REF_energy": -1.0}, {"REF_forces": 2 * F}, {})])
    rest = ({"REF_energy": -1.0}, {"REF_forces": 2 * F, "force": 3 * F}, {})
    free = ({}, {"force": 3 * F}, {"free_energy": -2.0, "forces": F})
    both = written(tmp_path / "c.xyz", rest, free)
    for files, factors in (([ours, theirs], [1, 1, 1, 2, 2]), ([both, ours], [2, 1, 1, 1, 1])):
        reading = read_frames(files)
        for force, factor in zip(reading.frames.forces, factors, strict=True):
            np.testing.assert_array_equal(force, factor * F)
    assert read_frames([ours, theirs]).forces_key == "forces, REF_forces"
    # Forces of one energy alone leave the others' frames without.
    bare = written(tmp_path / "d.xyz", ({"REF_energy": -1.0}, {"my_force": F}, {}))
    reading = read_frames([ours, bare])
    assert reading.frames.with_forces.tolist() == [True] * 3 + [False]
    assert (
        reading.notes[-1]
        == "forces are missing in 1 of 4 frames, the first of them frame 0 of d.xyz"
        and reading.forces_key == "forces"
    )
    # What a calculator left behind in some files is not taken there.
    stale = ({"REF_energy": -1.0}, {}, {"forces": 0 * F})
    reading = read_frames([ours, written(tmp_path / "e.xyz", stale)])
    assert reading.frames.with_forces.tolist() == [True] * 3 + [False]
    assert "forces, which are 0 in all frames with REF_energy, are not taken (--forces-key)" in (
        reading.notes
    )


CP2K = """2
 i = {k:8}, time = {t:12.3f}, E = {e:20.10f}
  Au 0.0 0.0 0.0
  Au 0.0 0.0 2.{k}
"""


def test_energies_of_cp2k_are_hartree_and_refused(tmp_path):
    path = tmp_path / "gold-pos-1.xyz"
    path.write_text("".join(CP2K.format(k=k, t=0.5 * k, e=-66.1 - 0.01 * k) for k in range(3)))
    for key in ("E", None):
        with pytest.raises(DataError, match=r"CP2K, in Hartree: multiply it by 27.2114") as told:
            read_frames(path, key)
        assert str(path) in str(told.value)
        words = (r"forces are in ...-frc-1.xyz, in Hartree/bohr (times 51.4221)", "Lattice=")
        assert all(word in str(told.value) for word in words)
    assert round(units.Hartree, 4) == 27.2114 and round(units.Hartree / units.Bohr, 4) == 51.4221
    # An E of anybody else is taken.
    other = written(tmp_path / "a.xyz", ({"E": -1.0, "i": 3}, {"forces": F}, {}))
    assert read_frames(other, "E").frames.energies.tolist() == [-1.0]


def test_what_a_calculator_left_behind_is_not_preferred(tmp_path):
    """Its forces are 0, and its energy is another than that which has a name of its own."""
    stale = {"energy": 29.5, "forces": 0 * F}
    ours = ({"REF_energy": -1.0}, {"REF_forces": F})
    reading = read_frames(written(tmp_path / "a.xyz", *2 * [(*ours, stale)]))
    assert (reading.energy_key, reading.forces_key) == ("REF_energy", "REF_forces")
    assert reading.frames.energies.tolist() == [-1.0, -1.0]
    assert reading.notes[0] == (
        "REF_energy is taken, not energy, whose forces are 0 in all frames, as where a calculator "
        "was not asked"
    )
    # No forces rather than those of the other energies.
    bare = read_frames(written(tmp_path / "b.xyz", *2 * [({"REF_energy": -1.0}, {}, stale)]))
    assert bare.frames.energies.tolist() == [-1.0, -1.0] and bare.forces_key == ""
    assert bare.notes[-1] == BARE
    # Where a single frame has forces, they are calculated.
    mixed = [(*ours, stale), (*ours, {"energy": 28.0, "forces": F})]
    assert read_frames(written(tmp_path / "c.xyz", *mixed)).energy_key == "energy"
    # Alone, and on request, they are what there is.
    alone = written(tmp_path / "d.xyz", ({}, {}, stale))
    assert read_frames(alone).forces_key == "forces"
    free = written(tmp_path / "e.xyz", ({}, {}, {"free_energy": -1.0, "forces": 0 * F}))
    assert read_frames([free, tmp_path / "d.xyz"]).frames.with_forces.all()
    assert read_frames(tmp_path / "a.xyz", "energy").frames.energies.tolist() == [29.5, 29.5]


def test_forces_are_those_of_the_energies_where_an_isolated_atom_has_none(tmp_path):
    """The usual layout of files for MACE, in which forces of another method are left, too."""
    ours, theirs = {"REF_energy": -1.0}, {"energy": -2.0, "forces": 3 * F}
    frames = []
    for k in range(4):
        frames.append(dimer(k, **theirs))
        frames[-1].new_array("REF_forces", F)
    frames.append(Atoms("Au"))
    frames[-1].calc = SinglePointCalculator(frames[-1], energy=-2.0, forces=np.zeros((1, 3)))
    for atoms in frames:
        atoms.info.update(ours)
        ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz", append=True)
    reading = read_frames(tmp_path / "a.xyz", "REF_energy")
    assert (reading.energy_key, reading.forces_key) == ("REF_energy", "REF_forces")
    assert reading.frames.with_forces.tolist() == [True] * 4 + [False] and reading.warnings == ()
    for forces in reading.frames.forces[:4]:
        np.testing.assert_array_equal(forces, F)
    # Where only the atom has them, others are taken, with a warning.
    alone = Atoms("Au", info=ours)
    alone.new_array("REF_forces", np.zeros((1, 3)))
    rest = written(tmp_path / "b.xyz", *2 * [(ours, {"dft_forces": F}, {})])
    ase.io.write(rest, alone, format="extxyz", append=True)
    reading = read_frames(rest)
    assert reading.forces_key == "dft_forces" and reading.warnings == (
        "dft_forces are taken with REF_energy, whose own forces only 1 of 3 frames have: are both "
        "of one calculation? (--forces-key)",
    )
    assert inspect(reading).warnings[0] == reading.warnings[0]
    assert not read_frames(rest, forces_key="dft_forces").warnings


def test_forces_of_another_calculation_are_not_mixed_in_and_many_that_are_lost_are_warned_of(
    tmp_path,
):
    ours = {"REF_energy": -1.0}

    def read(count, other, key=None):
        """Frames with own forces, and so many with others."""
        own = (ours, {"REF_forces": F}, {})
        frames = [*(22 - count) * [own], *count * [(ours, other, {})]]
        return read_frames(written(tmp_path / "a.xyz", *frames), forces_key=key)

    said = (
        "REF_forces are forces of REF_energy: {} of 22 frames have only others (dft_forces), which "
        "are not taken (--forces-key)"
    )
    lacking = "forces are missing in {} of 22 frames, the first of them frame {} of a.xyz"
    # Few of them are a note; a key that is said as the file has it can be given.
    few, many = read(2, {"dft_forces": F}), read(20, {"dft_forces": F})
    assert few.notes == (said.format(2), lacking.format(2, 20))
    assert few.warnings == ()
    assert many.forces_key == "REF_forces" and many.warnings == (said.format(20),)
    assert many.notes == (lacking.format(20, 2),)
    assert many.frames.with_forces.sum() == 2 and said.format(20) in inspect(many).warnings
    assert read(2, {"dft_forces": F}, "REF_forces").forces_key == few.forces_key
    # Also where a name is given; forces of 0, or none, are not lost.
    (warning,) = read(20, {"my_Force": F, "colours": F}, "REF_forces").warnings
    assert warning == (
        "forces are read from REF_forces alone: 20 of 22 frames have only others (my_Force), which "
        "are not taken (--forces-key)"
    )
    for none in ({}, {"forces": 0 * F}):
        assert not read(20, none, "REF_forces").warnings and not read(20, none).warnings
    # Energies of any name may have forces of several names.
    mixed = [({"my_energy": -1.0}, {name: F}, {}) for name in 3 * ["qm_forces"] + ["dft_forces"]]
    reading = read_frames(written(tmp_path / "b.xyz", *mixed), "my_energy")
    assert reading.warnings == (
        "qm_forces are those of most frames: 1 of 4 frames have only others (dft_forces), which "
        "are not taken (--forces-key)",
    )


def test_one_frame_with_the_usual_forces_does_not_hide_that_all_others_lose_theirs(tmp_path):
    usual, other = {"energy": -1.0, "forces": F}, ({"energy": -1.0}, {"dft_forces": F}, {})
    reading = read_frames(written(tmp_path / "a.xyz", ({}, {}, usual), *9 * [other]))
    assert reading.frames.with_forces.tolist() == [True] + 9 * [False]
    assert reading.warnings == (
        "forces are forces of energy: 9 of 10 frames have only others (dft_forces), which are not "
        "taken (--forces-key)",
    )


def test_columns_of_text_or_switches_are_no_forces(tmp_path):
    """They ended in a traceback."""
    tags = np.array([["a", "b", "c"]] * 2)
    labels = {"REF_energy": -1.0}
    for name, extra in (("tag", tags), ("mask", F > 0)):
        arrays = {"REF_forces": F, f"force_{name}": extra}
        reading = read_frames(written(tmp_path / f"{name}.xyz", (labels, arrays, {})))
        np.testing.assert_array_equal(reading.frames.forces[0], F)
        alone = written(tmp_path / "alone.xyz", (labels, {f"force_{name}": extra}, {}))
        assert read_frames(alone).notes == (BARE,)
    with pytest.raises(DataError, match=r"no forces named tag \(tag has no numbers\); .*only"):
        read_frames(written(tmp_path / "b.xyz", (labels, {"tag": tags}, {})), forces_key="tag")
    with pytest.raises(DataError, match=r"in frame 0 dft_forces has no numbers, not three"):
        read_frames(written(tmp_path / "c.xyz", (labels, {"dft_forces": tags}, {})))
    # So do lists of different lengths, which files in XYZ cannot have.
    ragged = dimer(0, energy=-1.0)
    ragged.info["force_pairs"] = ragged.info["bonds"] = [[0, 1], [1]]
    ase.io.write(tmp_path / "d.traj", ragged)
    assert read_frames(tmp_path / "d.traj").forces_key == ""
    with pytest.raises(DataError, match=r"frame 0 has energy: name the energies"):
        read_frames(tmp_path / "d.traj", "E0")


def test_energies_of_dynamics_are_potential_energies(tmp_path):
    info = {"total_energy": -1.0, "kinetic_energy": 2.0, "potential_energy": -3.0}
    reading = read_frames(written(tmp_path / "a.xyz", *2 * [(info, {"forces": F}, {})]))
    assert reading.energy_key == "potential_energy" and reading.forces_key == "forces"
    assert reading.frames.energies.tolist() == [-3.0, -3.0] and reading.warnings == ()
    del info["potential_energy"]
    moving = written(tmp_path / "b.xyz", *2 * [(info, {"forces": F}, {})])
    (warning,) = read_frames(moving).warnings
    assert warning.startswith("total_energy is taken in 2 frames that have a kinetic energy, too")
    del info["kinetic_energy"]
    assert not read_frames(written(tmp_path / "c.xyz", (info, {"forces": F}, {}))).warnings


def test_only_numbers_of_a_frame_are_proposed_as_energies(tmp_path):
    atoms = dimer(0, energies=np.array([-0.5, -0.5]), forces=F)
    atoms.info.update(spin=3, name="x", ok=True)
    atoms.new_array("momenta", F)
    ase.io.write(tmp_path / "a.traj", atoms)
    with pytest.raises(DataError, match=r"frame 0 has spin: name the energies"):
        read_frames(tmp_path / "a.traj", "E")
    del atoms.info["spin"]
    ase.io.write(tmp_path / "a.traj", atoms)
    with pytest.raises(DataError, match=r"no number for all of it: write energy="):
        read_frames(tmp_path / "a.traj")


def test_a_folder_and_a_byte_order_mark_are_named(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"run: a folder: name the file in it, such as .*OUTCAR"):
        read_frames(tmp_path / "run")
    marked = written(tmp_path / "a.xyz", ({"energy": -1.0}, {"forces": F}, {}))
    marked.write_bytes(b"\xef\xbb\xbf" + marked.read_bytes())
    with pytest.raises(DataError, match=r"a.xyz: begins with a byte-order mark: save it as UTF-8"):
        read_frames(marked)


def test_the_folder_of_a_training_is_no_data(tmp_path):
    (tmp_path / "au12/models").mkdir(parents=True)
    (tmp_path / "au12/config.json").write_text("{}")
    with pytest.raises(DataError, match=r"au12: the folder of a training, not data: name the f"):
        read_frames(tmp_path / "au12")


def both(energy=(-1.0, -2.0), own=True, **info):
    """A frame with energies of two calculations, and forces of the second or of both."""
    arrays = {"REF_forces": F} | ({"forces": 2 * F} if own else {})
    return {"energy": energy[0], "REF_energy": energy[1], **info}, arrays, {}


def test_energies_that_have_forces_come_before_those_without(tmp_path):
    """Energy and forces of one calculation, though the other's energy is the more usual name."""
    reading = read_frames(written(tmp_path / "a.xyz", both(own=False), both(own=False)))
    assert (reading.energy_key, reading.forces_key) == ("REF_energy", "REF_forces")
    assert "REF_energy is taken, not energy, as REF_energy has forces of its own" in reading.notes
    assert reading.frames.energies.tolist() == [-2.0, -2.0] and not reading.warnings
    # With forces of its own, energy comes first as ever.
    reading = read_frames(written(tmp_path / "b.xyz", both(), both()))
    assert (reading.energy_key, reading.forces_key) == ("energy", "forces")


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        ({"forces_key": "REF_forces"}, "REF_forces are named as the forces of REF_energy"),
        (
            {"energy_key": "energy", "forces_key": "REF_forces"},
            "REF_forces are named as the forces",
        ),
        ({"energy_key": "total_energy"}, "forces are named as the forces of energy, but total"),
    ],
)
def test_forces_of_an_energy_that_is_not_taken_are_warned_of(tmp_path, keys, taken):
    frames = [both(total_energy=-3.0 - k) for k in range(2)]
    path = written(tmp_path / "a.xyz", *frames)
    (warning,) = (x for x in read_frames(path, **keys).warnings if "named as the forces" in x)
    assert warning.startswith(taken) and "differs from it in 2 of 2 frames" in warning
    # The same energy under two names is one calculation.
    same = written(tmp_path / "b.xyz", both((-1.0, -1.0), total_energy=-1.0))
    assert not any("named as the forces" in x for x in read_frames(same, **keys).warnings)


def test_of_two_spellings_energies_and_forces_are_of_the_same(tmp_path):
    """Labels kept with a capital, and a calculator's of another method written beside them."""
    info = {"Energy": -6.0, "energy": -5.0}
    path = written(tmp_path / "a.xyz", (info, {"Forces": 3 * F, "forces": F}, {}))
    reading = read_frames(path)
    assert (reading.energy_key, reading.forces_key) == ("energy", "forces")
    assert reading.frames.energies[0] == -5.0
    np.testing.assert_allclose(reading.frames.forces[0], F, atol=1e-7)
    path = written(tmp_path / "b.xyz", ({"Energy": -6.0}, {"Forces": 3 * F}, {}))
    assert read_frames(path).energy_key == "Energy"
