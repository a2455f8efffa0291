"""Partition of frames into training and test part: in time, test first, by strides, at random,
in blocks of which every fifth is for testing, or blocked (appendix A)."""

from dataclasses import replace

import numpy as np

from data_gen.dataset import Dataset
from data_gen.errors import DataError

RANDOM_SEED = 2019
# 20 frames, 1 ps, exceed the integrated correlation times of Au6: 3 frames for the energy, 4 for
# the sorted distances.
GAP_FRAMES = 20
# Frames of relaxations are near-duplicates of their neighbours, so that blocks are long.
BLOCK_FRAMES, FIFTH = 100, 5
# Parameters of each kind besides the sizes of the parts.
PARTITIONS = {
    "time": {},
    "test first": {},
    "strides": {},
    "random": {"seed": RANDOM_SEED},
    "every fifth block": {"block": BLOCK_FRAMES, "every": FIFTH},
    "blocked": {"gap": GAP_FRAMES},
}
# Kinds with a single fold, whose parts are each in the order of time and not drawn at random.
IN_TIME_ORDER = ("time", "test first", "strides", "every fifth block")


def folds(data: Dataset, partition: str, split: tuple[int, int]) -> list[tuple[Dataset, Dataset]]:
    """Training and test part of each fold: a single fold, or one per block for "blocked".

    The entry "frames" of the parts' metadata gives the numbers of their frames in the data.

    Args:
        data: all frames.
        partition: "time", the report's (section 3.2): the first frames for training, the last for
            testing. "test first": the first frames for testing, so that the start of the
            trajectory is tested, and those that follow them for training. "strides": of all
            frames, beginning with the first, as many as both parts have together are taken at
            the largest equal distance; the first of these are for training, the rest for
            testing. If the sizes divide each other, smaller sets are then contained in larger
            ones, and so are their test parts. "random": the same sizes, drawn without
            replacement with a fixed seed, the same for all models. "every fifth block": of blocks
            of :data:`BLOCK_FRAMES` frames every fifth is for testing, all others for training;
            the sizes must be those of all these frames. "blocked": the first frames,
            as many as both parts have together, are divided into contiguous blocks of the size
            of the test part; each block in turn is the test part, and the training part is all
            other frames except :data:`GAP_FRAMES` on either side of it. An incomplete block at
            the end is only used for training.
        split: sizes of training and test part.

    Raises:
        DataError: there are fewer frames than the two parts need, or the sizes are not those of
            the blocks.
        KeyError: unknown kind of partition.
    """
    data.split(*split)
    kinds = {
        "time": _time,
        "test first": _test_first,
        "strides": _strides,
        "random": _random,
        "every fifth block": _every_fifth_block,
        "blocked": _blocked,
    }
    frames = kinds[partition](len(data), *split)
    return [
        tuple(replace(data[k], metadata={**data.metadata, "frames": k}) for k in fold)
        for fold in frames
    ]


def _time(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frame numbers of training and test part, for each fold."""
    return [(np.arange(n_train), np.arange(n - n_test, n))]


def _test_first(_: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    frames = np.arange(n_train + n_test)
    return [(frames[n_test:], frames[:n_test])]


def _strides(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    both = n_train + n_test
    frames = np.arange(both) * (n // both)
    return [(frames[:n_train], frames[n_train:])]


def _random(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    order = np.random.default_rng(RANDOM_SEED).permutation(n)
    return [(np.sort(order[:n_train]), np.sort(order[n - n_test :]))]


def _every_fifth_block(n: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    frames = np.arange(n)
    tested = frames // BLOCK_FRAMES % FIFTH == FIFTH - 1
    train, test = frames[~tested], frames[tested]
    if (len(train), len(test)) != (n_train, n_test):
        raise DataError(
            f"of {n} frames in blocks of {BLOCK_FRAMES}, {len(train)} are for training and "
            f"{len(test)} for testing, not {n_train} and {n_test}"
        )
    return [(train, test)]


def _blocked(_: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    frames = np.arange(n_train + n_test)
    found = []
    for begin in range(0, len(frames) - n_test + 1, n_test):
        end = begin + n_test
        train = frames[(frames < begin - GAP_FRAMES) | (frames >= end + GAP_FRAMES)]
        found.append((train, frames[begin:end]))
    return found
