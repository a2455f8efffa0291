"""What the tasks do to data and results beside training."""

from dataclasses import replace

import asap3
import numpy as np
import pytest

from data_gen.structures import build_structure
from keras_models.rotations import random_turns, turned, turned_copies
from reproduction.engine.tasks import amp, behler
from reproduction.engine.tasks.common import Job
from reproduction.errors import Interrupted
from reproduction.sections import EXPERIMENTS
from reproduction.show.gather import _keep_curves, _late


def test_unfinished_amp_training_is_taken_up_with_its_checkpoint_alone(au6, tmp_path, monkeypatch):
    """Of other settings, or with the checkpoint gone as by --fresh, it begins anew."""
    found = []

    def stopped(train, test, settings, seed, folder, report, functions):
        found.append((folder / "state.npz").is_file())
        folder.mkdir(exist_ok=True)
        (folder / "state.npz").touch()
        raise Interrupted

    monkeypatch.setattr(amp, "train", stopped)
    experiment = EXPERIMENTS["table1/behler-5-5"].at_quick_size()
    checkpoint = tmp_path / ".checkpoint-0.npz"

    def begin(data="data"):
        parts = au6[:40], au6[40:50]
        job = Job(experiment, (0,), *parts, data, checkpoint, tmp_path, lambda *_: None)
        with pytest.raises(Interrupted):
            amp.run(job)

    begin(), begin(), begin("other data"), checkpoint.unlink(), begin("other data")
    assert found == [False, True, False, False]


def test_features_of_one_job_are_not_anothers(au6):
    """The twin's fingerprints are kept from seed to seed of the same frames."""
    experiment, last = EXPERIMENTS["beyond/twin-5-5"].at_quick_size(), behler.LastFeatures()

    def features(experiment, first):
        parts = au6[first : first + 40], au6[50:60]
        job = Job(experiment, (0,), *parts, "data", None, None, lambda *_: None)
        return behler.features_of(job, last)[0]

    one = features(experiment, 0)
    assert features(experiment, 0) is one
    other = features(replace(experiment, partition="random"), 5)
    assert other.shape == one.shape == (40, 6, 8) and not np.allclose(other, one)


def test_turned_copies_are_data_of_the_same_potential(au6):
    """EMT at the turned positions gives the turned forces: both turned alike, each frame anew."""
    part = au6[:4]
    positions, forces = turned_copies(part.positions, part.forces, 3)
    assert len(positions) == len(forces) == 12
    np.testing.assert_array_equal(positions[:4], part.positions)
    assert not np.allclose(positions[4:8], positions[8:])
    atoms = build_structure("au6-octahedron")
    atoms.cell[:] = np.eye(3) * 200
    for x, f in zip(positions, forces, strict=True):
        atoms.positions = x
        atoms.calc = asap3.EMT()
        np.testing.assert_allclose(atoms.get_forces(), f, atol=1e-9)


def test_turns_are_rotations_and_reproducible():
    turns = random_turns(5, seed=3)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), [np.eye(3)] * 5, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_array_equal(turns, random_turns(5, seed=3))
    x = np.arange(30.0).reshape(5, 2, 3)
    np.testing.assert_allclose(turned(x, turns)[4, 1], turns[4] @ x[4, 1])


def test_late_error_is_the_median_of_the_last_quarter():
    curve = np.stack([np.zeros(8), [9, 9, 9, 9, 9, 9, 1, 4]], axis=1)
    arrays = {"curve_epochs": np.arange(1, 9) * 10, "curve_energy": curve}
    found = [{"split": "test", "metric": "energy_rmse_late", "value": 2.5}]
    assert _late(arrays) == found
    assert _late({"losses": curve}) == []


def test_curves_of_unlike_length_are_kept_one_by_one(tmp_path):
    class Runs:
        def __init__(self, lengths):
            self.lengths = lengths

        def arrays(self, _, seed):
            return {"total_energy_emt": np.arange(self.lengths[seed]), "losses": np.ones(3)}

    experiment = EXPERIMENTS["beyond/nve-eq2-gradient"]
    path = tmp_path / "curves/beyond-nve-eq2-gradient.npz"
    _keep_curves(tmp_path, experiment, Runs([4, 4]), {0: {}, 1: {}})
    with np.load(path) as kept:
        assert {name: array.shape for name, array in kept.items()} == {"total_energy_emt": (2, 4)}
    _keep_curves(tmp_path, experiment, Runs([4, 2]), {0: {}, 1: {}})
    with np.load(path) as kept:
        assert kept["total_energy_emt_seed1"].tolist() == [0.0, 1.0]
