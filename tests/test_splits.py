"""Which frames train and test: in time order, test first, by strides, at random, in blocks."""

from itertools import pairwise

import numpy as np
import pytest

from data_gen import splits
from data_gen.errors import DataError
from data_gen.splits import GAP_FRAMES, IN_TIME_ORDER, PARTITIONS, RANDOM_SEED, folds

SPLIT = (320, 80)


def frames(data, part, split=SPLIT):
    return [
        tuple(side.metadata["frames"].tolist() for side in fold)
        for fold in folds(data, part, split)
    ]


def test_time_order_is_the_data_s_own_split(au6):
    ((train, test),) = folds(au6, "time", SPLIT)
    for mine, own in zip((train, test), au6.split(*SPLIT), strict=True):
        assert mine.checksum() == own.checksum()


def test_the_test_part_may_come_first(au6):
    """The start of the trajectory is tested; frames that no part needs are those at the end."""
    assert frames(au6, "test first") == [(list(range(80, 400)), list(range(80)))]
    assert frames(au6, "test first", (200, 50)) == [(list(range(50, 250)), list(range(50)))]
    # As the rows on 250 frames have it: the first ones of a longer trajectory.
    assert frames(au6[:250], "test first", (200, 50)) == frames(au6, "test first", (200, 50))


def test_strides_go_over_the_whole_trajectory(au6):
    ((train, test),) = frames(au6, "strides", (32, 8))
    assert train + test == list(range(0, 400, 10)) and len(test) == 8
    assert frames(au6, "strides", (320, 80)) == frames(au6, "time", (320, 80))
    # Where they do not divide the trajectory, its end is left out.
    ((train, test),) = frames(au6, "strides", (100, 50))
    assert train + test == list(range(0, 300, 2))


def test_sets_by_strides_are_contained_in_larger_ones(au6):
    """Each part in its larger counterpart: the report's sizes, 1:10:100, on 400 frames."""
    sizes = ((4, 1), (32, 8), (320, 80))
    found = [frames(au6, "strides", size)[0] for size in sizes]
    for small, large in pairwise(found):
        assert all(set(few) <= set(many) for few, many in zip(small, large, strict=True))


@pytest.mark.parametrize("part", IN_TIME_ORDER)
def test_parts_in_time_order_are_one_fold_and_share_no_frame(au6, part, monkeypatch):
    monkeypatch.setattr(splits, "BLOCK_FRAMES", 10)
    ((train, test),) = frames(au6[:250], part, (200, 50))
    assert (len(train), len(test)) == (200, 50) and not set(train) & set(test)
    for one in (train, test):
        assert one == sorted(one)
    if part != "every fifth block":
        assert max(train) < min(test) or max(test) < min(train)


def test_every_fifth_block_is_tested_and_all_else_is_trained_on(au6, monkeypatch):
    monkeypatch.setattr(splits, "BLOCK_FRAMES", 30)
    # Of 13 blocks and ten frames, the fifth and the tenth.
    ((train, test),) = frames(au6, "every fifth block", (340, 60))
    assert test == [*range(120, 150), *range(270, 300)]
    assert sorted(train + test) == list(range(400))
    with pytest.raises(DataError, match="340 are for training and 60 for testing, not 320 and 80"):
        folds(au6, "every fifth block", SPLIT)


def test_random_parts_have_the_sizes_and_share_no_frame(au6):
    ((train, test),) = frames(au6, "random")
    assert (len(train), len(test)) == SPLIT
    assert sorted(train + test) == list(range(400))
    assert frames(au6, "random") == [(train, test)]
    # Most test frames have a training frame beside them: that is what flatters.
    beside = [k for k in test if {k - 1, k + 1} & set(train)]
    assert len(beside) > 0.9 * len(test)


def test_blocks_are_tested_once_each_far_from_what_trained(au6):
    found = frames(au6, "blocked")
    assert [test for _, test in found] == [list(range(k, k + 80)) for k in range(0, 400, 80)]
    for train, test in found:
        assert min(abs(a - b) for a in train for b in test) == GAP_FRAMES + 1
        gaps = (test[0] > 0) + (test[-1] < 399)
        assert len(train) == 320 - gaps * GAP_FRAMES


def test_parts_are_the_frames_that_they_say(au6, monkeypatch):
    monkeypatch.setattr(splits, "BLOCK_FRAMES", 80)
    for part in PARTITIONS:
        for fold in folds(au6, part, SPLIT):
            for side in fold:
                np.testing.assert_array_equal(side.energies, au6.energies[side.metadata["frames"]])
                np.testing.assert_array_equal(
                    side.positions, au6.positions[side.metadata["frames"]]
                )


@pytest.mark.parametrize("part", PARTITIONS)
def test_too_few_frames_are_refused(au6, part):
    with pytest.raises(DataError, match="needs 401"):
        folds(au6, part, (320, 81))


def test_more_frames_than_the_parts_need(au6):
    """In time order the middle is left out, in blocks the end; at random all take part."""
    ((train, test),) = frames(au6, "time", (200, 50))
    assert (train, test) == (list(range(200)), list(range(350, 400)))
    # 210 frames and blocks of 40: five of them, and ten frames that no block tests.
    blocked = frames(au6, "blocked", (170, 40))
    assert [test[0] for _, test in blocked] == [0, 40, 80, 120, 160]
    assert blocked[-1][0] == list(range(140)) and blocked[0][0] == list(range(60, 210))
    ((train, test),) = frames(au6, "random", (200, 50))
    assert not set(train) & set(test) and max(train + test) > 390
    order = np.random.default_rng(RANDOM_SEED).permutation(400)
    assert train == sorted(order[:200].tolist()) and test == sorted(order[350:].tolist())
