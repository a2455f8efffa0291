"""Appendix A's "remembering and averaging": labels of the nearest frames in time or in shape."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.neighbours import in_shape, in_time, mean_of_nearest
from data_gen.splits import folds
from reproduction.engine.tasks import neighbours
from reproduction.engine.tasks.common import Job
from reproduction.sections import EXPERIMENTS

SPLIT = (320, 80)


def test_neighbours_by_hand():
    known, labels = np.array([[0.0], [1.0], [3.0], [9.0]]), np.array([1.0, 2.0, 4.0, 8.0])
    assert mean_of_nearest(known, labels, np.array([[2.2], [100.0]])).tolist() == [3.0, 6.0]
    # Of frames as near, the earlier; and a training frame is not its own neighbour.
    assert mean_of_nearest(known, labels, np.array([[2.0]])).tolist() == [3.0]
    assert mean_of_nearest(known, labels, known, itself=True).tolist() == [3.0, 2.5, 1.5, 3.0]


def test_near_is_by_all_coordinates():
    """Along the first alone, points 0 and 1 were the nearest; by the largest one, 1 and 2."""
    known = np.array([[0.0, 5.0], [3.0, 3.0], [4.0, 0.0], [5.0, 5.0]])
    labels = np.array([1.0, 2.0, 4.0, 8.0])
    assert mean_of_nearest(known, labels, np.array([[0.0, 0.0]])).tolist() == [3.0]
    known = np.array([[3.0, 3.0], [0.0, 4.1], [4.05, 0.0]])
    assert mean_of_nearest(known, labels[:3], np.array([[0.0, 0.0]])).tolist() == [3.0]


def test_neighbours_in_shape_know_turned_and_renumbered_frames(au6, rng):
    part = au6[:3]
    turned = replace(part, positions=part.positions[:, rng.permutation(6)][:, :, [1, 2, 0]] + 1)
    np.testing.assert_allclose(in_shape(part), in_shape(turned), atol=1e-12)
    assert in_shape(part).shape == (3, 15)


@pytest.mark.parametrize("way", ["time", "shape"])
def test_row_predicts_by_the_training_part_alone(au6, tmp_path, way):
    """Both parts, by a slow search; a training frame does not remember itself."""
    name = {"time": "neighbours-in-time", "shape": "neighbours"}[way]
    ((train, test),) = folds(au6, "random", SPLIT)
    row = EXPERIMENTS[f"appendix-a/{name}-random"]
    job = Job(row, (0,), train, test, "", tmp_path / "c", tmp_path, lambda *_: None)
    (result,) = neighbours.run(job)
    place = {"time": in_time, "shape": in_shape}[way]
    for part, predicted in zip((train, test), result.predictions["energy"], strict=True):
        assert len(predicted) == len(part)
        for k in range(0, len(part), 9):
            distances = np.linalg.norm(place(train) - place(part)[k], axis=1)
            if part is train:
                distances[k] = np.inf
            two = np.argsort(distances, kind="stable")[:2]
            assert predicted[k] == pytest.approx(train.energies[two].mean(), abs=1e-12)


def test_neighbours_in_time_average_the_frames_beside(au6):
    """Sample 2's label from samples 1 and 3, where those are in the training part."""
    ((train, test),) = folds(au6, "random", SPLIT)
    predicted = mean_of_nearest(in_time(train), train.energies, in_time(test))
    known, checked = set(train.metadata["frames"].tolist()), 0
    for k, e in zip(test.metadata["frames"].tolist(), predicted, strict=True):
        if {k - 1, k + 1} <= known:
            assert e == pytest.approx((au6.energies[k - 1] + au6.energies[k + 1]) / 2)
            checked += 1
    assert checked > 30


def test_frames_beside_say_more_than_the_nearest_beyond_a_gap(au6):
    """What appendix A warns of: a random split lets a memory in time look better."""
    rmse = {}
    for part in ("random", "blocked"):
        off = [
            mean_of_nearest(in_time(train), train.energies, in_time(test)) - test.energies
            for train, test in folds(au6, part, SPLIT)
        ]
        rmse[part] = np.sqrt((np.concatenate(off) ** 2).mean())
    assert rmse["random"] < 0.9 * rmse["blocked"]
