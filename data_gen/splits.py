"""Partition of frames into training and test part: in time, test first, by strides, at random,
or blocked (appendix A)."""

from dataclasses import replace

import numpy as np

from data_gen.dataset import Dataset

RANDOM_SEED = 2019
# 20 frames, 1 ps, exceed the integrated correlation times of Au6: 3 frames for the energy, 4 for
# the sorted distances.
GAP_FRAMES = 20
# Parameters of each kind besides the sizes of the parts.
PARTITIONS = {
    "time": {},
    "test first": {},
    "strides": {},
    "random": {"seed": RANDOM_SEED},
    "blocked": {"gap": GAP_FRAMES},
}
# Kinds with a single fold, whose parts are each in the order of time and not mixed.
IN_TIME_ORDER = ("time", "test first", "strides")


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
            replacement with a fixed seed, the same for all models. "blocked": the first frames,
            as many as both parts have together, are divided into contiguous blocks of the size
            of the test part; each block in turn is the test part, and the training part is all
            other frames except :data:`GAP_FRAMES` on either side of it. An incomplete block at
            the end is only used for training.
        split: sizes of training and test part.

    Raises:
        DataError: there are fewer frames than the two parts need.
        KeyError: unknown kind of partition.
    """
    data.split(*split)
    kinds = {
        "time": _time,
        "test first": _test_first,
        "strides": _strides,
        "random": _random,
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


def _blocked(_: int, n_train: int, n_test: int) -> list[tuple[np.ndarray, np.ndarray]]:
    frames = np.arange(n_train + n_test)
    found = []
    for begin in range(0, len(frames) - n_test + 1, n_test):
        end = begin + n_test
        train = frames[(frames < begin - GAP_FRAMES) | (frames >= end + GAP_FRAMES)]
        found.append((train, frames[begin:end]))
    return found
