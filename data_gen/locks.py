"""Folders that one program at a time may work in.

The system keeps the locks for as long as the program lives: one that is killed leaves none.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


class Held(Exception):
    """Another program holds the folder."""


@contextlib.contextmanager
def held(folder: Path, name: str = ".lock", wait: bool = False) -> Iterator[None]:
    """Hold a folder until the block ends.

    Args:
        folder: made where it is missing.
        name: of the file in it that stands for the lock; it stays.
        wait: for another one to let go of it, however long that takes.

    Raises:
        Held: another one holds it, and waiting was not asked for.
        OSError: the folder cannot be written to.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(folder) / name)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise Held(f"{folder}: another program is working here") from None
    try:
        yield
    finally:
        lock.release()
