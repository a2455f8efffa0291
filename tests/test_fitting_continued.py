"""Training on another file that goes on from a folder of models: each seed from its own."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from own_data import frames_of_two_elements, own_config, own_file
from pair_potential import SHIFTS, TINY

from fitting import seeds, training
from fitting.data import load
from fitting.known import fingerprints
from keras_models import catalogue
from keras_models.building import flat_weights
from keras_models.saving import save_model


class Fitted:
    """A training that was not done; keeps what its model is saved with."""

    def __init__(self, saved):
        self.saved = saved
        self.curves, self.counts, self.seconds = {}, {}, {}
        self.info = {"isolated": [], "last_layer": None, "start": None}

    def save(self, path, **about):
        self.saved[path.stem] = about


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Two models, three seeds: weights to begin with, each training's start, what is saved."""
    weights, starts, saved = [], [], {}
    frames = frames_of_two_elements(20)
    for seed in range(2):
        model = catalogue.build("linear_eq4", frames, (5,), None, TINY, seed, "float32")
        about = {"isolated": ["Au"], "frames": [f"of-model-{seed}", "of-both"]}
        save_model(model, tmp_path / f"two/models/seed{seed}.keras", list(SHIFTS), SHIFTS, **about)
        weights.append(flat_weights(model))

    def fit(*_, start, **__):
        starts.append(start)
        return Fitted(saved)

    def run(jobs, *_):
        for job in jobs:
            job.function(*job.arguments, SimpleNamespace(say=print, report=print))

    monkeypatch.setattr(seeds, "fit_edges", fit)
    monkeypatch.setattr(seeds, "run", run)
    monkeypatch.setattr(training, "_conclude", lambda *_: None)
    config = replace(own_config(own_file(tmp_path)), model={}, seeds=(5, 6, 7))
    training.train(replace(config, continue_from=str(tmp_path / "two")), tmp_path / "more")
    return SimpleNamespace(weights=weights, starts=starts, saved=saved, config=config)


def test_each_seed_goes_on_from_a_model_of_its_own(begun):
    """In turn, where there are fewer; what they know of isolated atoms counts on."""
    found = [flat_weights(start.model) for start in begun.starts]
    for one, k in zip(found, (0, 1, 0), strict=True):
        np.testing.assert_array_equal(one, begun.weights[k])
    assert (found[0] != found[1]).any()
    assert [start.isolated for start in begun.starts] == [{"Au"}] * 3
    assert [start.references for start in begun.starts] == [SHIFTS] * 3


def test_frames_of_the_first_training_are_known_of_the_second(begun):
    """They chose the weights, too: tested on them, the model looks better than it is."""
    own = set(fingerprints(load(begun.config).trained))
    assert list(begun.saved) == ["seed5", "seed6", "seed7"]
    for about in begun.saved.values():
        assert set(about["frames"]) == own | {"of-model-0", "of-model-1", "of-both"}
        assert about["frames"] == sorted(set(about["frames"]))
