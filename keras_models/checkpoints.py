"""Unfinished work on disk: arrays under a stamp that says what they are of."""

import time
import zipfile
from pathlib import Path

import numpy as np

from data_gen.files import replacing

EVERY_SECONDS = 10.0


class Checkpoint:
    """A file that training writes now and then and goes on from.

    Args:
        path: .npz file.
        stamp: identity that a checkpoint must match to be resumed, such as all settings as text.
        every: seconds between writings.
    """

    def __init__(self, path: Path, stamp: str, every: float = EVERY_SECONDS) -> None:
        self.path, self.stamp, self.every = Path(path), stamp, every
        self._last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays that were kept, or None."""
        return load_arrays(self.path, self.stamp)

    def save(self, **arrays) -> None:
        """Write, whole or not at all."""
        save_arrays(self.path, self.stamp, **arrays)
        self._last = time.monotonic()

    def due(self) -> bool:
        """It is time to write again."""
        return time.monotonic() - self._last > self.every


def save_arrays(path: Path, stamp: str, **arrays: np.ndarray) -> None:
    """Write a checkpoint, whole or not at all; ``stamp`` says what it is of."""
    with replacing(path) as scratch:
        np.savez(scratch, stamp=np.array(stamp), **arrays)


def load_arrays(path: Path, stamp: str) -> dict[str, np.ndarray] | None:
    """A checkpoint's arrays, or None where there is none of this stamp that can be read."""
    try:
        with np.load(path) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return arrays if str(arrays.pop("stamp", "")) == stamp else None
