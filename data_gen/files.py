"""Atomic writing of files, checksums, and removal of leftover scratch files."""

import contextlib
import glob
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file atomically: yields a scratch path, which is renamed when the block ends.

    If the block raises an exception, the file stays unchanged and the scratch file is removed. The
    scratch name is hidden and unique, and ends with ".tmp" and the file's suffix. Missing folders
    are created.

    >>> with replacing(Path("numbers.csv")) as scratch:
    ...     scratch.write_text("1,2")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = "." + path.stem.removeprefix(".")
    scratch = path.with_name(f"{stem}.{uuid.uuid4().hex}.tmp{path.suffix}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to a file atomically."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal. Raises OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(folder: Path, stem: str = "", below: bool = True) -> None:
    """Remove scratch files that killed programs left in a folder.

    The caller must have locked the folder, lest files that another program is writing be removed.

    Args:
        folder: to look in.
        stem: of the files, if only theirs are removed, which are locked.
        below: whether folders in it are swept, too.
    """
    of = f"{glob.escape(stem)}.{'[0-9a-f]' * 32}" if stem else "*"
    look = Path(folder).rglob if below else Path(folder).glob
    for path in look(f".{of}.tmp.*"):
        path.unlink(missing_ok=True)
