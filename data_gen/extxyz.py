"""What is wrong with extended XYZ that ASE reads without a word, or refuses without the reason.

A frame is a line with its number of atoms, a comment line of keys and values, a line for each atom,
and up to three further lines that begin with VEC.
"""

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from data_gen.errors import DataError
from data_gen.labels import is_number

# A key with its value, each of which may be in quotes, the value in brackets as well.
ENTRY = re.compile(
    r"""(?<!\S)["']?([^\s"'={}\[\]]+)["']?\s*=\s*"""
    r"""("[^"]*"|'[^']*'|\{[^}]*\}|\[\[.*?\]\s*\]|\[[^\]]*\]|\S+)"""
)
# Keys that ASE takes for matrices, and only if they are spelled so.
MATRICES = ("Lattice", "stress", "virial")
CELLS = ("lattice", "cell")
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


def check(path: Path, lines: Iterable[str], chosen: slice = slice(None)) -> list[str]:
    """Look at the frames of a file, in its text.

    Args:
        path: of the file, for messages.
        lines: of its text.
        chosen: frames that are read; those left out may be as they like.

    Returns:
        What a user should know, in sentences.

    Raises:
        DataError: frames would be lost, a cell or columns of forces not be taken, or a matrix is
            not of nine numbers; the message says where, and what to write.
    """
    open_boxes = 0
    stop = math.inf if chosen.stop is None or chosen.stop < 0 else chosen.stop
    # Counted from the end, the first one is not known before the end: all are looked at.
    first, step = max(0, chosen.start or 0), max(1, chosen.step or 1)
    for k, head in enumerate(_heads(path, lines, stop)):
        if k < first or (k - first) % step:
            continue
        where, entries = f"frame {k} (line {head.line + 1})", _entries(head.comment)
        _check_matrices(path, where, entries)
        if "Lattice" not in entries:
            _check_cell(path, where, entries)
        elif "pbc" not in entries:
            open_boxes += 1
        _check_columns(path, where, entries, head)
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


def _entries(comment: str) -> dict[str, str]:
    """Keys of a comment line with their values, without quotes and brackets."""
    return {key: value.strip("\"'{}[]") for key, value in ENTRY.findall(comment)}


def _count(value: str) -> int:
    return len(re.findall(r"[^\s,\[\]]+", value))


def _check_matrices(path: Path, where: str, entries: dict[str, str]) -> None:
    for name in entries.keys() & set(MATRICES):
        count = _count(entries[name])
        if count != 9:
            other = "" if name == "Lattice" else f", or call it {name}_{count}, as it is not used"
            raise DataError(
                f"{path}: {name} in {where} has {count} number{'s' * (count != 1)}, and ASE reads "
                f"nine: write a matrix{other}"
            )


def _check_cell(path: Path, where: str, entries: dict[str, str]) -> None:
    for name, value in entries.items():
        if name.lower() in CELLS and _count(value) == 9:
            raise DataError(f"{path}: {name}= in {where} is no cell to ASE: write Lattice= instead")


def _check_columns(path: Path, where: str, entries: dict[str, str], head: Head) -> None:
    if not entries:
        return  # Without any key the frame has no energy, which is told.
    other = next((name for name in entries if name.lower() == "properties"), "Properties")
    if other != "Properties":
        raise DataError(f"{path}: {other}= in {where} is no key to ASE: write Properties= instead")
    properties = entries.get("Properties", POSITIONS)
    try:
        count = sum(int(n) for n in properties.split(":")[2::3])
    except ValueError:
        return
    more = head.row.split()[count:]
    if "force" not in properties.lower() and len(more) >= FORCES and all(map(is_number, more)):
        raise DataError(
            f"{path}: the atoms of {where} have {len(more)} columns without a name, which ASE "
            f"leaves out: name them in the comment lines, forces as Properties={properties}"
            ":forces:R:3"
        )
