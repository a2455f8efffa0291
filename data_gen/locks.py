"""Locks that reserve a folder for one program at a time.

The operating system releases a lock when the program ends, even if it is killed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


class Held(Exception):
    """Another program has locked the folder."""


@contextlib.contextmanager
def held(folder: Path, name: str = ".lock", wait: bool = False) -> Iterator[None]:
    """Lock a folder until the block ends.

    Args:
        folder: created if it is missing.
        name: of the lock file in the folder; the file remains afterwards.
        wait: for another program to release the lock, without a time limit.

    Raises:
        Held: another program has locked the folder, and ``wait`` is false.
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
