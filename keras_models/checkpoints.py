"""Checkpoint files: arrays with a stamp that identifies the training that they belong to."""

import time
import zipfile
from pathlib import Path

import numpy as np

from data_gen.files import replacing

EVERY_SECONDS = 10.0


class Checkpoint:
    """Checkpoint file of a training, from which it can resume.

    Args:
        path: .npz file.
        stamp: identity that a checkpoint must match to be resumed, such as all settings as text.
        every: seconds between checkpoints.
    """

    def __init__(self, path: Path, stamp: str, every: float = EVERY_SECONDS) -> None:
        self.path, self.stamp, self.every = Path(path), stamp, every
        self._last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """The stored arrays; None if there is no readable checkpoint with this stamp."""
        return load_arrays(self.path, self.stamp)

    def save(self, **arrays) -> None:
        """Write the checkpoint atomically."""
        save_arrays(self.path, self.stamp, **arrays)
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() - self._last > self.every


def save_arrays(path: Path, stamp: str, **arrays: np.ndarray) -> None:
    """Write arrays and the stamp that identifies them to a checkpoint atomically."""
    with replacing(path) as scratch:
        np.savez(scratch, stamp=np.array(stamp), **arrays)


def load_arrays(path: Path, stamp: str) -> dict[str, np.ndarray] | None:
    """Read a checkpoint's arrays; None if there is no readable checkpoint with this stamp."""
    try:
        with np.load(path) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return arrays if str(arrays.pop("stamp", "")) == stamp else None
