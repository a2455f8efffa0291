"""Files that are written whole or not at all."""

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A scratch path beside a file, which takes the file's place when the block ends well.

    When it does not, the file stays as it was and the scratch file is removed. The scratch name
    is hidden, has the file's suffix after ".tmp", and is no one else's. Folders are made.

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
    """Write UTF-8 text whole or not at all."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Checksum of a file's bytes. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(folder: Path) -> None:
    """Remove the scratch files below a folder that killed programs left.

    For one who holds the folder alone: another's would be removed under its hands.
    """
    for path in Path(folder).rglob(".*.tmp.*"):
        path.unlink(missing_ok=True)
