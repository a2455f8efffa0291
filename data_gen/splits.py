"""Which frames train and which test: in time order, at random, or block by block (appendix A)."""

from dataclasses import replace

import numpy as np

from data_gen.dataset import Dataset

RANDOM_SEED = 2019
# Energies and sorted distances of Au6 forget their past within 20 frames, 1 ps: the integrated
# correlation time is 3 frames of the one and 4 of the other.
GAP_FRAMES = 20
# What each kind needs besides the sizes of the parts.
PARTITIONS = {"time": {}, "random": {"seed": RANDOM_SEED}, "blocked": {"gap": GAP_FRAMES}}


def folds(data: Dataset, partition: str, split: tuple[int, int]) -> list[tuple[Dataset, Dataset]]:
    """Training and test part of each fold: one fold, or for "blocked" one for each block.

    The parts' metadata say which "frames" of the data they are.

    Args:
        data: all frames.
        partition: "time" is the report's (section 3.2): the first frames train, the last test.
            "random" has the same sizes, drawn without replacement with a seed of its own, the
            same for all models. "blocked" cuts the first frames, as many as both parts together,
            into contiguous blocks as long as the test part; each in turn is tested, and trained on
            are all others but the :data:`GAP_FRAMES` nearest on either side of it. What is left
            over at the end, shorter than a block, is trained on alone.
        split: sizes of training and test part.

    Raises:
        DataError: there are fewer frames than the two parts need.
        KeyError: no such kind of partition.
    """
    data.split(*split)
    frames = {"time": _time, "random": _random, "blocked": _blocked}[partition](len(data), *split)
    return [
        tuple(replace(data[k], metadata={**data.metadata, "frames": k}) for k in fold)
        for fold in frames
    ]


def _time(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the frames of both parts, of the only fold."""
    return [(np.arange(n_train), np.arange(n - n_test, n))]


def _random(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    order = np.random.default_rng(RANDOM_SEED).permutation(n)
    return [(np.sort(order[:n_train]), np.sort(order[n - n_test :]))]


def _blocked(_: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    frames = np.arange(n_train + n_test)
    found = []
    for begin in range(0, len(frames) - n_test + 1, n_test):
        end = begin + n_test
        train = frames[(frames < begin - GAP_FRAMES) | (frames >= end + GAP_FRAMES)]
        found.append((train, frames[begin:end]))
    return found
