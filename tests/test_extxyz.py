"""Extended XYZ that ASE would read in part, without a word, or refuse without the reason."""

import numpy as np
import pytest

from data_gen.errors import DataError
from data_gen.reading import read_frames

BOX = 'Lattice="9 0 0 0 9 0 0 0 9" pbc="T T T" energy=-1.0'


def frame(comment="energy=-1.0", rows=("Au 0 0 0", "Au 0 0 2.5")):
    return "\n".join([str(len(rows)), comment, *rows, ""])


def refused(tmp_path, text, name="a.xyz"):
    """What is said of a file, without its name."""
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(DataError) as told:
        read_frames(tmp_path / name)
    assert str(told.value).startswith(f"{tmp_path}/a.xyz: ") and "\n" not in str(told.value)
    return str(told.value).removeprefix(f"{tmp_path}/a.xyz: ")


def test_frames_after_a_blank_line_are_not_lost_in_silence(tmp_path):
    """ASE reads the first two of these four."""
    two = frame() * 2
    told = "a blank line after frame 1, where ASE stops; there is more from line 11 on"
    assert told in refused(tmp_path, f"{two}\n \n{two}")
    assert "at the beginning" in refused(tmp_path, f"\n{two}")
    # Of what is not asked for nothing is said, and white space at the end is none of it.
    (tmp_path / "b.xyz").write_text(f"{two}\n{two}")
    assert len(read_frames(f"{tmp_path}/b.xyz@:2")) == 2
    with pytest.raises(DataError, match="after frame 1"):
        read_frames(f"{tmp_path}/b.xyz@:3")
    (tmp_path / "c.xyz").write_text(f"{two}\n  \n\n")
    assert len(read_frames(tmp_path / "c.xyz")) == 2


@pytest.mark.parametrize("name", ["lattice", "LATTICE", "cell", "Cell"])
def test_a_cell_of_another_name_is_refused(tmp_path, name):
    """A crystal would be read as a cluster."""
    text = frame() + frame(BOX.replace("Lattice", name))
    told = refused(tmp_path, text)
    assert told == f"{name}= in frame 1 (line 6) is no cell to ASE: write Lattice= instead"
    # A word is no cell, nor is a second one beside that which ASE takes.
    for comment in (f"energy=-1.0 {name}=fcc", f'{BOX} {name}="1 2 3 4 5 6 7 8 9"'):
        (tmp_path / "b.xyz").write_text(frame(comment))
        reading = read_frames(tmp_path / "b.xyz")
        assert np.any(reading.frames.structures[0].pbc) == ("Lattice" in comment)


def test_columns_without_a_name_are_refused_where_they_may_be_forces(tmp_path):
    rows = ("Au 0 0 0 0.1 0.2 0.3", "Au 0 0 2.5 -0.1 -0.2 -0.3")
    plain = "species:S:1:pos:R:3"
    told = refused(tmp_path, frame() + frame(rows=rows))
    assert told == (
        "the atoms of frame 1 (line 6) have 3 columns without a name, which ASE leaves out: name "
        f"them in the comment lines, forces as Properties={plain}:forces:R:3"
    )
    told = refused(
        tmp_path, frame(f"Properties={plain}:q:R:1 energy=-1.0", [f"{r} 1" for r in rows])
    )
    assert "have 3 columns without" in told and f"{plain}:q:R:1:forces:R:3" in told
    named = frame(f"energy=-1.0 Properties={plain}:forces:R:3", rows)
    # What is named is read; a charge or words are no forces.
    for text in (
        named,
        frame(rows=("Au 0 0 0 1", "Au 0 0 2.5 1")),
        frame(rows=("Au 0 0 0 a b c",)),
    ):
        (tmp_path / "b.xyz").write_text(text)
        assert read_frames(tmp_path / "b.xyz").frames.with_forces[0] == ("forces" in text)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('stress="1 2 3 4 5 6"', "stress in frame 1 (line 6) has 6 numbers, and ASE reads nine: "),
        ("virial={1,2,3}", "virial in frame 1 (line 6) has 3 numbers"),
        ('Lattice="9 9 9"', "Lattice in frame 1 (line 6) has 3 numbers"),
    ],
)
def test_matrices_that_are_none_are_named(tmp_path, entry, told):
    """It was called incomplete."""
    said = refused(tmp_path, frame() + frame(f"energy=-1.0 {entry}"))
    assert said.startswith(told) and ("is not used" in said) == ("Lattice" not in entry)
    if "stress" in entry:
        name = said.split("call it ")[1].split(",")[0]
        (tmp_path / "b.xyz").write_text(frame(f"energy=-1.0 {entry.replace('stress', name)}"))
        assert "stress" in read_frames(tmp_path / "b.xyz").notes[-1]


def test_kinds_of_an_element_are_named(tmp_path):
    for label, element in (("Fe1", "Fe"), ("O_w", "O"), ("C-3", "C")):
        said = refused(tmp_path, frame(rows=(f"{label} 0 0 0", "Au 0 0 2.5")))
        assert said.startswith(f"{label} is no element: write {element}, and")
    assert "is it complete" in refused(tmp_path, frame(rows=("Foo 0 0 0",)))


def test_keys_are_read_as_ase_does(tmp_path):
    """With blanks, in quotes, in brackets; what stands in another key's value is none."""
    row = "Properties=species:S:1:pos:R:3:forces:R:3"
    rows = ("Au 0 0 0 0.1 0.2 0.3", "Au 0 0 2.5 -0.1 -0.2 -0.3")
    for comment, notes in (
        ('Lattice = "9 0 0 0 9 0 0 0 9" pbc = "T T T" energy = -1.0 ' + row, 0),
        ("Lattice={9 0 0 0 9 0 0 0 9} energy=-1.0 " + row, 1),
        ('config_type="slab, stress = 5 GPa, lattice=fcc" energy=-1.0 ' + row, 0),
        (f'energy=-1.0 "Properties"={row.partition("=")[2]}', 0),
    ):
        (tmp_path / "b.xyz").write_text(frame(comment, rows))
        reading = read_frames(tmp_path / "b.xyz")
        assert reading.frames.with_forces.all(), comment
        assert sum("Lattice without pbc" in note for note in reading.notes) == notes, comment
    said = refused(tmp_path, frame(f"energy=-1.0 {row.lower()}", rows))
    assert said == "properties= in frame 0 (line 2) is no key to ASE: write Properties= instead"


def test_frames_that_a_slice_leaves_out_may_be_as_they_like(tmp_path):
    bad, good = frame(BOX.replace("Lattice", "lattice")), frame()
    (tmp_path / "a.xyz").write_text(bad + good + bad + good)
    for chosen, count in (("1:2", 1), ("1::2", 2), ("3:", 1)):
        assert len(read_frames(f"{tmp_path}/a.xyz@{chosen}")) == count
    for chosen in ("::2", "1:", ":1"):
        with pytest.raises(DataError, match=r"lattice= in frame [02]"):
            read_frames(f"{tmp_path}/a.xyz@{chosen}")
