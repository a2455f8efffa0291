"""Locks that reserve a folder, or a part of it, for one program at a time.

The operating system releases a lock when the program ends, even if it is killed. On a cluster the
file system must pass locks on between nodes: NFS and most parallel ones do (for Lustre it is the
mount option "flock").
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


class Held(Exception):
    """Another program has locked the folder."""


@contextlib.contextmanager
def held(
    folder: Path, name: str = ".lock", wait: bool = False, shared: bool = False
) -> Iterator[None]:
    """Lock a folder until the block ends.

    Args:
        folder: created if it is missing.
        name: of the lock file in the folder; the file remains afterwards.
        wait: for another program to release the lock, without a time limit.
        shared: with others who share it; only one who does not is kept out, and keeps them out.

    Raises:
        Held: another program has locked the folder, and ``wait`` is false.
        OSError: the folder cannot be written to.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = _shared if shared else _alone
    with lock(Path(folder) / name, wait):
        yield


@contextlib.contextmanager
def _alone(path: Path, wait: bool) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise Held(f"{path.parent}: another program is working here") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _shared(path: Path, wait: bool) -> Iterator[None]:
    # The flock that filelock takes, which itself only has exclusive ones. Writable, as NFS asks.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Held(f"{path.parent}: another program is working here") from None
        yield
    finally:
        os.close(descriptor)
