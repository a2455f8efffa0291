"""Training that begins with a trained model: the validation block decides what it was worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import graphs_alone
from pair_potential import SHORT, TINY, labelled, structure

from data_gen.frames import Frames
from keras_models.building import flat_weights
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import EdgeFitSettings, divided, fit_edges

pytestmark = pytest.mark.usefixtures("without_xla")
# Steps so long that all is lost in the first.
WILD = replace(SHORT, steps=4, warm_up=0, learning_rate=0.5)


def settings(training) -> EdgeFitSettings:
    return EdgeFitSettings("linear_eq4", training, (5,), options=TINY)


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(4)
    return labelled([structure(rng, 4 if k % 3 == 0 else 3 + k % 4, k % 3 == 0) for k in range(40)])


@pytest.fixture(scope="module")
def saved(frames, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "first.keras"
    with graphs_alone():
        fit_edges(frames, settings(replace(SHORT, steps=20))).save(path)
    return path


@pytest.fixture
def start(saved) -> Pretrained:
    return Pretrained.load(saved)


def test_the_model_to_begin_with_is_one_to_choose(frames, start, tmp_path):
    first = flat_weights(start.model)
    block = divided(frames, WILD.validation)[1]
    fitted = fit_edges(frames, settings(WILD), checkpoint=tmp_path / "c.npz", start=start)
    later = fitted.curves["curve_force"][:, 1]
    assert (later > 1.5 * fitted.info["start"][1]).all()
    assert fitted.counts["chosen_step"] == 0
    np.testing.assert_array_equal(flat_weights(fitted.model), first)
    energies, forces, _ = fitted.predictor()(block.structures)
    off = (
        (energies - block.energies) / block.sizes,
        np.concatenate([*forces]) - np.concatenate([*block.forces]),
    )
    found = [float(np.sqrt(np.mean(x**2))) for x in off]
    assert found == pytest.approx(fitted.info["start"], rel=1e-3)


def test_a_better_one_replaces_it(frames, start):
    first = flat_weights(start.model)
    fitted = fit_edges(frames, settings(replace(SHORT, steps=30)), start=start)
    assert fitted.counts["chosen_step"] > 0
    chosen = fitted.curves["curve_steps"].tolist().index(fitted.counts["chosen_step"])
    assert fitted.curves["curve_force"][chosen, 1] < fitted.info["start"][1]
    assert (flat_weights(fitted.model) != first).any()


def test_both_are_compared_with_their_last_layers_solved(frames, start):
    """The first one's is solved for the new frames; alone, what was trained would look better."""
    first = flat_weights(start.model)
    training = replace(WILD, solve_last_layer=True)
    fitted = fit_edges(frames, settings(training), start=start)
    said = fitted.info["last_layer"]
    assert fitted.counts["chosen_step"] == 0
    before, after = (
        WILD.energy_weight_at(WILD.steps) * e**2 + f**2 for e, f in (said["before"], said["after"])
    )
    assert said["before"] == fitted.info["start"] and after < before
    assert 0 < (flat_weights(fitted.model) != first).sum() < len(first)


def test_without_a_validation_block_the_training_counts(frames, start):
    first = flat_weights(start.model)
    fitted = fit_edges(frames, settings(replace(WILD, validation=0.0)), start=start)
    assert fitted.info["start"] == [None, None] and fitted.counts["chosen_step"] == 4
    assert (flat_weights(fitted.model) != first).any()
