"""What is wrong with extended XYZ that ASE reads without a word, or refuses without the reason.

A frame is a line with its number of atoms, a comment line of keys and values, a line for each atom,
and up to three further lines that begin with VEC.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from data_gen.errors import DataError

# A key with its value, which may be in quotes or brackets.
_VALUE = r"""\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^\]]*)\]|(\S+))"""
CELL = re.compile(rf"(?<!\S)(lattice|cell){_VALUE}", re.IGNORECASE)
MATRIX = re.compile(rf"(?<!\S)(Lattice|stress|virial){_VALUE}")
COLUMNS = re.compile(r"(?<!\S)Properties\s*=\s*[\"']?([^\s\"']+)")
# Columns without a name: of forces there are so many.
FORCES = 3
POSITIONS = "species:S:1:pos:R:3"


class Head(NamedTuple):
    """The beginning of a frame.

    Attributes:
        line: number of its first line, from 1.
        comment: its second line.
        row: the line of its first atom; empty if there is none.
    """

    line: int
    comment: str = ""
    row: str = ""


def check(path: Path, lines: Iterable[str], most: float = float("inf")) -> list[str]:
    """Look at the frames of a file, in its text.

    Args:
        path: of the file, for messages.
        lines: of its text.
        most: number of frames that are read.

    Returns:
        What a user should know, in sentences.

    Raises:
        DataError: frames would be lost, a cell or columns of forces not be taken, or a matrix is
            not of nine numbers; the message says where, and what to write.
    """
    open_boxes = 0
    for k, head in enumerate(_heads(path, lines, most)):
        where = f"frame {k} (line {head.line + 1})"
        _check_matrices(path, where, head.comment)
        if "Lattice=" not in head.comment:
            _check_cell(path, where, head.comment)
        elif "pbc=" not in head.comment:
            open_boxes += 1
        _check_columns(path, where, head)
    if not open_boxes:
        return []
    return [
        f"{path}: Lattice without pbc (frames: {open_boxes}) is read as periodic, as ASE does; "
        'write pbc="F F F" into the file if it is not'
    ]


def _heads(path: Path, lines: Iterable[str], most: float) -> Iterator[Head]:
    """The frames that ASE finds: it stops at the first blank line between frames."""
    numbered, found = enumerate(lines, 1), 0
    for number, line in numbered:
        if line.lstrip().startswith("VEC"):
            continue
        if found == most:
            return
        if not line.strip():
            break
        try:
            atoms = int(line)
        except ValueError:
            return  # ASE says that this is no number of atoms.
        found += 1
        yield Head(number, *(text for _, text in islice(numbered, 2 if atoms else 1)))
        deque(islice(numbered, max(0, atoms - 1)), maxlen=0)
    for number, line in numbered:
        if line.strip():
            after = f"after frame {found - 1}" if found else "at the beginning"
            raise DataError(
                f"{path}: a blank line {after}, where ASE stops; there is more from line {number} "
                "on: delete the blank lines between frames"
            )


def _check_matrices(path: Path, where: str, comment: str) -> None:
    for name, *values in MATRIX.findall(comment):
        count = len(re.findall(r"[^\s,]+", "".join(values)))
        if count != 9:
            other = "" if name == "Lattice" else f", or call it {name}_{count}, as it is not used"
            raise DataError(
                f"{path}: {name} in {where} has {count} number{'s' * (count != 1)}, and ASE reads "
                f"nine: write a matrix{other}"
            )


def _check_cell(path: Path, where: str, comment: str) -> None:
    for name, *values in CELL.findall(comment):
        if len(re.findall(r"[^\s,]+", "".join(values))) == 9:
            raise DataError(f"{path}: {name}= in {where} is no cell to ASE: write Lattice= instead")


def _check_columns(path: Path, where: str, head: Head) -> None:
    if "=" not in head.comment:
        return  # Without any key the frame has no energy, which is told.
    named = COLUMNS.search(head.comment)
    properties = named[1] if named else POSITIONS
    try:
        count = sum(int(n) for n in properties.split(":")[2::3])
    except ValueError:
        return
    more = head.row.split()[count:]
    if "force" not in properties.lower() and len(more) >= FORCES and all(map(_is_number, more)):
        raise DataError(
            f"{path}: the atoms of {where} have {len(more)} columns without a name, which ASE "
            f"leaves out: name them in the comment lines, forces as Properties={properties}"
            ":forces:R:3"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
