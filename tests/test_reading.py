"""Reading of anybody's files: formats, slices, names of labels, and what is said of them."""

import bz2
import gzip
import lzma

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from data_gen.errors import DataError
from data_gen.frames import is_isolated
from data_gen.reading import read_frames

ENERGIES = np.array([-1.5, -2.25, -3.0, -4.125, -5.5])


def dimer(k, **results):
    atoms = Atoms("AuPt", positions=[[0, 0, 0], [0, 0, 2.5 + 0.05 * k]])
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def forces(k):
    return np.array([[0.1, 0.2, k], [-0.1, -0.2, -k]], float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same five frames in several formats."""
    folder = tmp_path_factory.mktemp("frames")
    frames = [dimer(k, energy=e, forces=forces(k)) for k, e in enumerate(ENERGIES)]
    for name in ("a.xyz", "a.traj", "a.db", "a.json"):
        ase.io.write(folder / name, frames)
        plain = (folder / name).read_bytes()
        for suffix, module in ((".gz", gzip), (".bz2", bz2), (".xz", lzma)):
            (folder / f"{name}{suffix}").write_bytes(module.compress(plain))
    return folder


SUFFIXES = ("", ".gz", ".bz2", ".xz")
SLICES = {
    "": [0, 1, 2, 3, 4],
    "@:": [0, 1, 2, 3, 4],
    "@1::2": [1, 3],
    "@-2:": [3, 4],
    "@::-2": [4, 2, 0],
    "@:3": [0, 1, 2],
    "@2": [2],
    "@-1": [4],
}


@pytest.mark.parametrize("name", ["a.xyz", "a.traj", "a.db", "a.json"])
def test_formats_compressed_or_not_and_slices_of_them(folder, name):
    for suffix in SUFFIXES:
        for chosen, expected in SLICES.items():
            if suffix and chosen not in ("", "@1::2"):
                continue
            reading = read_frames(f"{folder / name}{suffix}{chosen}")
            assert reading.frames.energies.tolist() == ENERGIES[expected].tolist()
            for f, k in zip(reading.frames.forces, expected, strict=True):
                np.testing.assert_array_equal(f, forces(k))
            assert [one.index for one in reading.origins] == expected
            assert {one.path for one in reading.origins} == {folder / f"{name}{suffix}"}
            assert reading.notes == ()


def test_several_files_in_the_order_given(folder):
    reading = read_frames([folder / "a.traj", f"{folder}/a.xyz.gz@3:", folder / "a.db"])
    assert len(reading) == 12 and reading.frames.energies[5:7].tolist() == [-4.125, -5.5]
    assert [str(reading.origins[k]) for k in (4, 5, 7)] == [
        f"{folder}/a.traj, frame 4",
        f"{folder}/a.xyz.gz, frame 3",
        f"{folder}/a.db, frame 0",
    ]


def test_what_cannot_be_read_is_said_in_one_sentence(folder, tmp_path):
    (tmp_path / "empty.xyz").touch()
    (tmp_path / "cut.traj").write_bytes((folder / "a.traj").read_bytes()[:700])
    (tmp_path / "cut.xyz.gz").write_bytes((folder / "a.xyz.gz").read_bytes()[:90])
    (tmp_path / "cut.json").write_bytes((folder / "a.json").read_bytes()[:700])
    (tmp_path / "odd.xyz").write_text("\n".join((folder / "a.xyz").read_text().split("\n")[:-2]))
    for name, says in (
        (tmp_path / "none.xyz", "no such file"),
        (tmp_path / "empty.xyz", "the file is empty"),
        (tmp_path / "cut.traj", "cannot be read, is it complete"),
        (tmp_path / "cut.xyz.gz", "cannot be read, is it complete"),
        (tmp_path / "cut.json", "cannot be read|not a format"),
        (tmp_path / "odd.xyz", "cannot be read, is it complete"),
        (f"{folder}/a.xyz@7", "there is no frame 7: it has 5, from 0"),
        (f"{folder}/a.traj@-6", "there is no frame -6: it has 5, from 0"),
        (f"{folder}/a.traj@9:", "no frames"),
        (f"{folder}/a.xyz@half", "@half is neither a number nor a slice"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            read_frames([folder / "a.xyz", name])
        assert "\n" not in str(caught.value) and str(name).split("@")[0] in str(caught.value)
    with pytest.raises(DataError, match="no files"):
        read_frames([])


OUTPUT = " DBCSR| CPU Multiplication driver XSMM\n\n CP2K| version string: CP2K version 2024.1\n"
POSCAR = "x\n1.0\n 5 0 0\n 0 5 0\n 0 0 5\nAu\n1\nDirect\n0 0 0\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("run.out", OUTPUT, "an output of CP2K, which ASE does not read: write extended XYZ"),
        ("pw.out", "x\n", "no frames, read as Quantum espresso out file"),
        ("POSCAR", POSCAR, "POSCAR/CONTCAR, a format without energies: give OUTCAR or vasprun.xml"),
        ("a.XDATCAR.xz", POSCAR, "read as VASP XDATCAR file, a format without energies"),
        ("a.pdb", "ATOM\n", "read as Protein Data Bank, a format without energies: give extended"),
        ("ML_ABN", " 1.0 Version\n", "no format of ASE: .* by mlff write-extxyz of pymlff"),
        ("rmd17.npz", "PK", "arrays of NumPy, .* times 0.0433641"),
        ("OUTCAR", "x\n", r"is it complete\? \(as VASP OUTCAR file, "),
    ],
    ids=lambda value: value if len(value) < 13 else "",
)
def test_of_a_format_that_does_not_do_it_is_said_what_does(tmp_path, name, text, told):
    """It was called incomplete, or asked for what the format cannot hold."""
    data = text.encode()
    (tmp_path / name).write_bytes(lzma.compress(data) if name.endswith(".xz") else data)
    with pytest.raises(DataError, match=told) as caught:
        read_frames(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ") and "\n" not in str(caught.value)
    assert round(units.kcal / units.mol, 7) == 0.0433641


def test_a_name_with_an_at_sign_is_a_name(folder, tmp_path):
    (tmp_path / "run@300K.xyz").write_bytes((folder / "a.xyz").read_bytes())
    assert len(read_frames(tmp_path / "run@300K.xyz")) == 5
    assert len(read_frames(f"{tmp_path}/run@300K.xyz@:2")) == 2


def test_keys_and_data_of_a_database_are_labels_too(tmp_path):
    with ase.db.connect(tmp_path / "rows.db") as rows:
        for k, e in enumerate(ENERGIES):
            kind = "stretched" if k > 2 else "compressed"
            data = {"dft_forces": forces(k)}
            rows.write(dimer(k), dft_energy=e, config_type=kind, data=data)
    reading = read_frames(tmp_path / "rows.db")
    assert (reading.energy_key, reading.forces_key) == ("dft_energy", "dft_forces")
    assert reading.frames.energies.tolist() == ENERGIES.tolist()
    np.testing.assert_array_equal(reading.frames.forces[4], forces(4))
    assert reading.config_types == (*3 * ("compressed",), *2 * ("stretched",))
    selected = read_frames(f"{tmp_path}/rows.db@config_type=stretched")
    assert selected.frames.energies.tolist() == ENERGIES[3:].tolist()
    # Numbers of frames are of the database, whatever is selected.
    assert [one.index for one in selected.origins] == [3, 4]


@pytest.mark.parametrize("name", ["OUTCAR_600K.extxyz", "POSCAR_md.XYZ", "vasprun.xml.xyz"])
def test_extended_xyz_is_known_by_its_ending(folder, tmp_path, name):
    """ASE takes what has OUTCAR in its name for one."""
    (tmp_path / name).write_bytes((folder / "a.xyz").read_bytes())
    assert read_frames(tmp_path / name).frames.energies.tolist() == ENERGIES.tolist()


def written(path, *frames):
    """Frames as extended XYZ, from (info, arrays, results of a calculation)."""
    made = []
    for k, (info, arrays, results) in enumerate(frames):
        atoms = dimer(k, **results)
        atoms.info.update(info)
        for name, values in arrays.items():
            atoms.new_array(name, values)
        made.append(atoms)
    ase.io.write(path, made, format="extxyz")
    return path


F = forces(1)
BOTH = {"energy": -2.0, "forces": 2 * F}
# Information, arrays, results; the keys and the energy that are taken of them.
PREFERRED = [
    ({"REF_energy": -1.0}, {"REF_forces": F}, {}, "REF_energy", "REF_forces", -1.0),
    ({"dft_energy": -1.0}, {"force": F}, {}, "dft_energy", "force", -1.0),
    ({"DFT_Energy": -1.0}, {"DFT_Forces": F}, {}, "DFT_Energy", "DFT_Forces", -1.0),
    ({"REF_energy": -1.0}, {"REF_forces": F}, BOTH, "energy", "forces", -2.0),
    ({"total_energy": -1.0, "QM_energy": -2.0}, {}, {}, "QM_energy", "", -2.0),
    ({"my_energy": -1.0, "REF_energy": -2.0}, {"my_forces": F}, {}, "REF_energy", "", -2.0),
    ({}, {}, {"free_energy": -1.0, "forces": F}, "free_energy", "forces", -1.0),
    ({"REF_energy": 5}, {"REF_forces": F}, {}, "REF_energy", "REF_forces", 5.0),
]  # fmt: skip


@pytest.mark.parametrize("case", PREFERRED, ids=lambda case: f"{case[3]}-{case[4]}")
def test_labels_by_order_of_preference(tmp_path, case):
    info, arrays, results, energy_key, forces_key, energy = case
    reading = read_frames(written(tmp_path / "a.xyz", (info, arrays, results)))
    assert (reading.energy_key, reading.forces_key) == (energy_key, forces_key)
    assert reading.frames.energies.tolist() == [energy]
    assert reading.frames.with_forces.tolist() == [bool(forces_key)]


def test_labels_by_name(tmp_path):
    info = {"my_energy": -1.0, "energy_of_it": "low", "spin": 3}
    path = written(tmp_path / "a.xyz", (info, {"pull": F}, {"energy": -2.0, "forces": 2 * F}))
    reading = read_frames(path, "my_energy", "pull")
    assert (reading.energy_key, reading.forces_key) == ("my_energy", "pull")
    assert reading.frames.energies.tolist() == [-1.0]
    np.testing.assert_array_equal(reading.frames.forces[0], F)
    with pytest.raises(DataError, match=r"no energy named E0 .* has my_energy, .*spin"):
        read_frames(path, energy_key="E0")
    with pytest.raises(DataError, match=r"no forces named push; .* are forces, pull"):
        read_frames(path, forces_key="push")
    # Forces belong to the energies that are asked for, if there are such.
    path = written(tmp_path / "c.xyz", ({"REF_energy": -1.0}, {"REF_forces": F}, BOTH))
    assert read_frames(path, "REF_energy").forces_key == "REF_forces"
    # A free energy does not replace what is asked for.
    both = written(tmp_path / "b.xyz", ({}, {}, {"energy": -2.0, "free_energy": -2.5}))
    assert read_frames(both).frames.energies.tolist() == [-2.5]
    assert read_frames(both, energy_key="energy").frames.energies.tolist() == [-2.0]


def test_without_a_name_that_is_known_the_names_are_listed(tmp_path):
    path = written(tmp_path / "a.xyz", ({"E_pbe": -1.0, "spin": 3}, {"pull": F}, {}))
    with pytest.raises(DataError, match=r"frame 0 has E_pbe, spin: name .*--energy-key"):
        read_frames(path)


def test_a_name_without_a_number_is_no_energy(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nenergy REF_energy=-2.0\nAu 0 0 0\n")
    assert read_frames(tmp_path / "a.xyz").frames.energies.tolist() == [-2.0]
    (tmp_path / "a.xyz").write_text("1\nenergy\nAu 0 0 0\n")
    with pytest.raises(DataError, match="frame 0 has energy=True, which is not a number"):
        read_frames(tmp_path / "a.xyz")


def test_choices_are_said(tmp_path):
    results = {"energy": -2.0, "free_energy": -2.25, "forces": F, "stress": np.zeros(6)}
    path = written(
        tmp_path / "a.xyz",
        ({"REF_energy": -1.0, "dft_virial": np.eye(3)}, {}, results),
        ({}, {}, {"energy": -2.0, "free_energy": -2.0}),
    )
    reading = read_frames(path)
    assert reading.frames.energies.tolist() == [-2.25, -2.0]
    assert set(reading.notes) == {
        "free_energy is taken, not energy, which differs in 1 of 2 frames, by up to 0.25 eV: "
        "forces are its derivative",
        "free_energy is taken, not REF_energy, which differs in 1 of 2 frames, by up to 1.25 eV: "
        "forces are its derivative",
        f"forces are missing in 1 of 2 frames, the first of them frame 1 of {path.name}",
        "stress or virial, in 1 of 2 frames, is neither trained on nor compared",
    }


@pytest.mark.parametrize(("free", "differ"), [(-2.25, True), (-2.0, False)])
def test_free_energies_beside_others_are_doubted_where_they_differ(tmp_path, free, differ):
    """Of OUTCARs beside files that have the energy at zero width alone."""
    both = written(
        tmp_path / "a.xyz", *2 * [({}, {}, {"energy": -2.0, "free_energy": free, "forces": F})]
    )
    one = written(tmp_path / "b.xyz", *3 * [({}, {}, {"energy": -2.0, "forces": F})])
    reading = read_frames([both, one])
    found = [x for x in reading.warnings if "several kinds" in x]
    assert bool(found) == differ and not any("no name is in all" in x for x in reading.notes)
    if differ:
        assert "free_energy in 2, energy in 3, which differ by up to 0.25 eV" in found[0]
        assert "(--energy-key energy)" in found[0]
    # A name that not all have would be refused.
    alone = written(tmp_path / "c.xyz", *2 * [({}, {}, {"free_energy": free, "forces": F})])
    (said,) = (x for x in read_frames([alone, one]).warnings if "several kinds" in x)
    assert "--energy-key" not in said and said.endswith("can be compared; leave the others out")
    third = written(tmp_path / "d.xyz", *3 * [({"REF_energy": -7.0}, {}, {})])
    mixed = read_frames([both, one, third])
    assert any("several" in x for x in (*mixed.notes, *mixed.warnings))
    named = read_frames([both, one], "energy")
    assert not any("several kinds" in x for x in named.warnings)
    assert named.frames.energies.tolist() == 5 * [-2.0]


def test_files_may_have_labels_of_different_names(tmp_path):
    ours = written(tmp_path / "a.xyz", *3 * [({}, {}, {"energy": -2.0, "forces": F})])
    theirs = written(tmp_path / "b.xyz", *2 * [({"REF_energy": -1.0}, {}, {})])
    reading = read_frames([ours, theirs])
    assert reading.frames.energies.tolist() == [-2.0, -2.0, -2.0, -1.0, -1.0]
    assert reading.energy_key == "energy, REF_energy"
    assert "energies have several names" in reading.notes[0]
    assert "energy in 3, REF_energy in 2" in reading.notes[0]
    # One name for all is preferred to the first of each.
    mixed = written(
        tmp_path / "c.xyz",
        ({"REF_energy": -1.0}, {}, {"energy": -2.0}),
        ({"REF_energy": -1.5}, {}, {}),
    )
    assert read_frames(mixed).frames.energies.tolist() == [-1.0, -1.5]


def test_frames_that_lack_an_energy_are_counted(tmp_path):
    path = written(tmp_path / "a.xyz", ({"REF_energy": -1.0}, {}, {}), *2 * [({"spin": 1}, {}, {})])
    with pytest.raises(DataError, match="no energy in 2 of 3 frames; frame 1 has spin: name"):
        read_frames(path)


def test_the_file_and_its_frame_are_named(folder, tmp_path):
    def bad(positions=((0, 0, 0), (0, 0, 2.5)), formula="AuPt", energy=-1.0, forces=F, **cell):
        atoms = Atoms(formula, positions=positions, **cell)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        return atoms

    for frame, says in (
        (
            bad(positions=[[0, 0, 0], [0, 0, 0.05]]),
            r"b.traj: atoms 0 and 1 of frame 2 are on",
        ),
        (
            bad(cell=[9, 9, 0], pbc=True),
            r"b.traj: frame 2: the cell .*: give its cell, or set",
        ),
        (bad(formula="AuX"), r"b.traj: frame 2 has atoms of no element \(X\)"),
        (bad(energy=np.nan), r"b.traj: energies are not finite .* in frame 2"),
        (bad(forces=F * np.nan), r"b.traj: forces are not finite .* in frame 2"),
    ):
        good = [dimer(k, energy=-1.0, forces=F) for k in range(2)]
        ase.io.write(tmp_path / "b.traj", [*good, frame])
        with pytest.raises(DataError, match=says):
            read_frames([folder / "a.xyz", f"{tmp_path}/b.traj@1:"])


def test_boxes_that_say_nothing_of_periodicity_are_counted(tmp_path):
    box = 'Lattice="9 0 0 0 9 0 0 0 9"'
    atom = "Au 0 0 0\n"
    text = "".join(f"1\n{box} energy=0.5{pbc}\n{atom}" for pbc in ("", ' pbc="F F F"', ""))
    (tmp_path / "a.xyz").write_text(text)
    (note,) = [n for n in read_frames(tmp_path / "a.xyz").notes if "Lattice" in n]
    assert f"{tmp_path}/a.xyz: Lattice without pbc (frames: 2)" in note


def test_atoms_on_their_own(tmp_path):
    def atom(symbol, energy, box=None, **info):
        atoms = Atoms(symbol, cell=box, pbc=box is not None, info=info)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=np.zeros((1, 3)))
        return atoms

    crystal = bulk("Cu")
    crystal.calc = SinglePointCalculator(crystal, energy=-4.0, forces=np.zeros((1, 3)))
    frames = [
        atom("Au", -0.5, config_type="IsolatedAtom"),
        atom("Pt", -0.75, [12, 12, 12]),
        atom("Pt", -0.25, [12, 12, 12]),
        atom("Ag", -0.1, [9, 12, 12], config_type="isolated_atom"),
        crystal,
    ]
    ase.io.write(tmp_path / "a.traj", frames)
    reading = read_frames(tmp_path / "a.traj")
    assert reading.isolated == {"Au": -0.5, "Pt": -0.75} and len(reading) == 5
    assert [is_isolated(s) for s in reading.frames.structures] == [True, True, True, False, False]
