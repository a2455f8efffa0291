"""Frames that a user leaves out, such as one whose calculation did not converge: ``md.traj@37``."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from data_gen.errors import DataError
from data_gen.reading import Opened
from fitting.errors import FittingError

# A file, and numbers of frames in it, as warnings name them.
FORM = re.compile(r"(?P<file>.+)@(?P<frames>\d+(?:,\d+)*)")


def parts(entry: str) -> tuple[str, str]:
    """File and numbers of an entry: "md.traj@37,112" is ("md.traj", "37,112").

    Raises:
        FittingError: it has another form.
    """
    form = FORM.fullmatch(entry)
    if not form:
        raise FittingError(f"leave_out names frames as md.traj@37 or md.traj@37,112: {entry!r}")
    return form["file"], form["frames"]


def renamed(entry: str, change: Callable[[str], str]) -> str:
    """An entry with a function applied to its file."""
    file, frames = parts(entry)
    return f"{change(file)}@{frames}"


def by_file(entries: Sequence[str]) -> dict[str, tuple[str, set[int]]]:
    """Frames that are left out, by the absolute path of their file, with the path as given.

    Args:
        entries: files with numbers of frames, from 0: ("md.traj@37", "slabs.extxyz@0,12").

    Raises:
        FittingError: an entry has another form.
    """
    found: dict[str, tuple[str, set[int]]] = {}
    for entry in entries:
        file, numbers = parts(entry)
        _, frames = found.setdefault(os.path.abspath(file), (file, set()))
        frames |= {int(k) for k in numbers.split(",")}
    return found


def refuse_other_files(entries: Sequence[str], files: Sequence[str | os.PathLike]) -> None:
    """Raises FittingError if frames are to be left out of a file that is not read.

    Args:
        entries: see :func:`by_file`.
        files: without slices.
    """
    read = {os.path.abspath(file) for file in files}
    for path, (given, _) in by_file(entries).items():
        if path not in read:
            raise FittingError(f"leave_out names frames of {given}, which is not among the files")


def without(
    opened: Opened, entries: Sequence[str], beside: Sequence[Path] = ()
) -> tuple[Opened, tuple[str, ...]]:
    """The files without the frames that are left out, before anything is made of these.

    Args:
        opened: files.
        entries: see :func:`by_file`; those of other files do not count.
        beside: files, without slices, that are read elsewhere as well: a frame that is not in a
            slice here may be in one there.

    Returns:
        The files, and for each of which frames are left out what these are, in a sentence.

    Raises:
        DataError: a file has no such frame, or its slice has not; or no frame remains.
    """
    left_out, kept, said = by_file(entries), [], {}
    elsewhere = {os.path.abspath(name) for name in beside}
    there: dict[str, set[int]] = {}
    for file in opened.files:
        there.setdefault(os.path.abspath(file.path), set()).update(file.indices)
    for file in opened.files:
        path = os.path.abspath(file.path)
        _, frames = left_out.get(path, ("", set()))
        if path in elsewhere:
            frames &= there[path]
        if missing := sorted(frames - there[path]):
            raise DataError(
                f"{file.path}: there is no frame {missing[0]} to leave out, or it is not among "
                "those that are read"
            )
        if frames:
            named = ", ".join(map(str, sorted(frames)))
            which = f"frame {named} is" if len(frames) == 1 else f"frames {named} are"
            said[path] = f"{which} left out of {os.path.basename(path)}, as asked for"
        here = [n for n, k in enumerate(file.indices) if k not in frames]
        kept.append(
            file._replace(
                frames=[file.frames[n] for n in here], indices=[file.indices[n] for n in here]
            )
        )
    if not any(file.frames for file in kept):
        raise DataError("all frames are left out")
    return replace(opened, files=tuple(kept)), tuple(said.values())
