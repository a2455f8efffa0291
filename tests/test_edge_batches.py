"""Batches of edge lists and their padded shapes, and schedules and settings of a training."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pair_potential import SHORT

from keras_models import edge_data
from keras_models.edge_data import (
    PADDING,
    batches_from,
    batches_of_epoch,
    choose_shapes,
    fit_shape,
    frames_per_batch,
)
from keras_models.settings import EdgeSettings


def test_schedules_begin_and_end_where_they_should():
    s = EdgeSettings(1100, warm_up=100, learning_rate=0.5, energy_weight=3.0, energy_rise=100.0)
    assert [s.rate(t) for t in (1, 50, 100, 101)] == pytest.approx([0.005, 0.25, 0.5, 0.5])
    assert [s.rate(t) for t in (351, 601, 1101)] == pytest.approx(
        [0.5 * (2 + 2**0.5) / 4, 0.25, 0.0], abs=1e-12
    )
    assert [s.energy_weight_at(t) for t in (1, 101, 601, 1101)] == pytest.approx([3, 3, 30, 300])
    assert [s.decay(t) for t in (1, 8, 10**6)] == pytest.approx([2 / 11, 0.5, 0.999])
    assert EdgeSettings(5, warm_up=0).rate(1) == 3e-3
    assert replace(s, steps=100_000, warm_up=10_000).quick().warm_up == 2


@pytest.mark.parametrize("size", [1, 3, 32, 100])
def test_batches_hold_every_frame_once_and_are_alike(rng, size):
    counts = np.stack([rng.integers(1, 50, 100), rng.integers(0, 3000, 100)], axis=1)
    batches = batches_of_epoch(counts, size, 3, 1)
    assert sorted(np.concatenate(batches)) == list(range(100))
    lengths = [len(b) for b in batches]
    assert max(lengths) <= size and max(lengths) - min(lengths) <= 1
    assert len(batches) == math.ceil(100 / size)
    if size == 32:
        pairs = np.array([counts[b, 1].sum() for b in batches])
        assert np.ptp(pairs) < 0.15 * pairs.mean()
    # A training may begin anywhere, as after an interruption.
    every, few = (list(batches_from(counts, size, 3, k, 150)) for k in (0, 103))
    for a, b in zip(every[103:], few, strict=True):
        np.testing.assert_array_equal(a, b)
    limited = frames_per_batch(counts, size, 300)
    atoms = [counts[b, 0].sum() for e in range(9) for b in batches_of_epoch(counts, limited, 0, e)]
    assert max(atoms) <= 300 and (limited == size or limited > 5)


def test_batches_of_all_frames_are_sought_from_the_atoms_that_they_may_have(rng, monkeypatch):
    """Each try is a sort: from all frames on, it would take minutes."""
    tried = []
    original = edge_data._strata
    monkeypatch.setattr(
        edge_data, "_strata", lambda *args: tried.append(args[1]) or original(*args)
    )
    counts = np.stack([rng.integers(1, 4, 500), rng.integers(0, 90, 500)], axis=1)
    size = frames_per_batch(counts, len(counts), 40)
    assert tried[0] == 40 and tried == [*range(40, size - 1, -1)]
    atoms, larger = (
        max(counts[b, 0].sum() for b in batches_of_epoch(counts, k, 0, 0)) for k in (size, 41)
    )
    assert atoms <= 40 < larger


def test_few_shapes_hold_batches_of_all_sizes(rng):
    needs = rng.integers(10, 900, (500, 1)) * [1, 30] + rng.integers(0, 100, (500, 2))
    best = []
    for most in (1, 3, 7):
        shapes = choose_shapes(needs, most)
        assert len(shapes) <= most
        padded = np.array([fit_shape(shapes, need) for need in needs])
        assert (padded[:, 0] > needs[:, 0]).all() and (padded[:, 1] >= needs[:, 1]).all()
        best.append((1 - needs.sum(axis=0) / padded.sum(axis=0)).max())
    assert best[0] > best[1] > best[2] and best[2] < 0.2
    assert len(choose_shapes(needs // 900 + 500, 7)) == 1
    assert choose_shapes(np.array([[1, 0]]), 7) == [(2, 1)]
    # No division of three kinds of batches is better than one shape for each.
    kinds = np.array([[9, 10], [9, 200], [50, 1000]])
    assert choose_shapes(np.repeat(kinds, 50, axis=0), 7) == [(10, 10), (10, 200), (51, 1000)]
    with pytest.raises(ValueError, match="no shape for 51 atoms and 1 rows"):
        fit_shape([(51, 1000)], (51, 1))
    assert 0 < PADDING <= 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"batch_atoms": 0},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"warm_up": 8},
        {"warm_up": -1},
        {"clip": 0.0},
        {"weight_decay": -0.1},
        {"weight_decay": math.nan},
        {"weight_decay": 1e3, "learning_rate": 0.01},
        {"average": 1.0},
        {"energy_rise": 0.0},
        {"energy_weight": -1.0},
        {"energy_weight": math.nan},
        {"energy_weight": 0.0, "force_weight": 0.0},
        {"validation": 1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        replace(SHORT, **wrong)
