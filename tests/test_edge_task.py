"""Task "edges": what a row's runs hold is what its models say."""

from dataclasses import replace

import numpy as np
import pytest

from keras_models.prediction import StructurePredictor
from keras_models.settings import EdgeSettings
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import Store
from reproduction.sections import EXPERIMENTS

STEPS = EdgeSettings(4, batch_size=8, warm_up=1, validation=0.0)
ROW = replace(
    EXPERIMENTS["beyond/eq2-gradient"],
    id="beyond/edges",
    task="edges",
    model="eq2_neighbours",
    widths=None,
    activation=None,
    loss_weights=None,
    options={},
    training=STEPS,
    split=(60, 20),
    seeds=(0, 1),
)


@pytest.fixture(scope="module")
def store(au6, tmp_path_factory):
    found = Store(tmp_path_factory.mktemp("runs"))
    assert do(Work(ROW, ROW.seeds), au6[:80], found, lambda *_: None) == {}
    return found


def test_predictions_are_those_of_the_stored_model_with_its_references(store, au6):
    for seed in ROW.seeds:
        arrays = store.arrays(ROW.id, seed)
        predictor = StructurePredictor.load(store.run_folder(ROW.id, seed) / "model.keras")
        energies, forces, _ = predictor(au6[60:80].structures())
        np.testing.assert_allclose(arrays["energy_test"], energies, rtol=0, atol=1e-5)
        np.testing.assert_allclose(arrays["force_test"], forces, rtol=0, atol=1e-5)
        assert arrays["energy_train"].shape == (60,) and arrays["force_train"].shape == (60, 6, 3)


def test_each_seed_has_its_own_model_and_its_settings(store):
    first, second = (store.arrays(ROW.id, seed)["energy_test"] for seed in ROW.seeds)
    assert np.abs(first - second).max() > 1e-4
    run = store.read(ROW.id, 0)
    assert run["settings"]["training"]["steps"] == STEPS.steps
    assert run["counts"]["frames"] == 60
    assert {m["metric"] for m in run["metrics"]} >= {"steps", "parameters", "train_seconds"}
    assert not list(store.folder.rglob("*checkpoint*"))
