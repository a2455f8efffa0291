"""Second-order training on edge lists: its loss, its stages, interruptions, and what is kept."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import graphs_alone
from pair_potential import SHORT, TINY, labelled, structure

from data_gen.frames import Frames
from keras_models.backend import tf
from keras_models.building import flat_weights
from keras_models.errors import TooManyWeights
from keras_models.fit_edges import EdgeFitSettings, fit_edges
from keras_models.optimise import edge_newton
from keras_models.optimise.edge_newton import AllFrames
from keras_models.settings import EdgeSettings

WIDTHS = ((3, 6, 1), (1, 6, 3))
STAGES = ((3, 20), (1, 40))
TRAINING = replace(SHORT, steps=4, warm_up=1, stages=STAGES)


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(5)
    found = [structure(rng, 3 + k % 3, k % 3 == 0) for k in range(30)]
    return labelled([s._replace(numbers=np.full(len(s.numbers), 79)) for s in found])


def settings(training: EdgeSettings = TRAINING, **more) -> EdgeFitSettings:
    options = {"cutoff": TINY["cutoff"]}
    return EdgeFitSettings("eq2_neighbours", training, WIDTHS, options=options, **more)


@pytest.fixture(scope="module")
def run(frames):
    """A training, with its loop and all states of its second order."""
    kept, patch = [], pytest.MonkeyPatch()
    original = edge_newton.train_second_order

    def spied(loop, state, tell):
        kept.append(loop)
        return original(loop, state, tell)

    patch.setattr("keras_models.fit_edges.train_second_order", spied)
    with graphs_alone():
        yield fit_edges(frames, settings(), seed=3), kept[0]
    patch.undo()


def test_errors_become_much_lower_than_adam_left_them(run):
    fitted, _ = run
    assert fitted.model.dtype == "float64"
    steps = fitted.curves["curve_steps"]
    assert (np.diff(steps) > 0).all() and steps[-1] == 4 + fitted.counts["iterations"]
    later = steps > 4
    force = fitted.curves["curve_force"]
    assert np.isnan(force[later, 0]).all() and np.isfinite(force[later, 1]).all()
    assert force[later, 1].min() < 0.5 * force[~later, 1].min()
    assert fitted.counts["evaluations"] >= fitted.counts["iterations"] > 0


def test_the_best_weights_on_the_validation_block_are_kept(run, frames):
    fitted, loop = run
    errors = loop.errors(tf.constant(flat_weights(fitted.model)))
    at = fitted.curves["curve_steps"].tolist().index(fitted.counts["chosen_step"])
    curve = np.stack([fitted.curves[f"curve_{n}"][:, 1] for n in ("energy_per_atom", "force")], 1)
    np.testing.assert_allclose(errors, curve[at], rtol=1e-10)
    scores = [loop.score(point) for point in curve]
    assert scores[at] == min(scores)


def test_its_loss_is_that_of_the_last_step_over_frames_of_the_stride(run):
    """Loss and gradient of ten frames, beside those of each frame alone; and by differences."""
    fitted, loop = run
    theta = flat_weights(fitted.model) + 0.01
    function = AllFrames(loop, 3)
    loss, gradient = function(theta)
    chosen = range(0, len(loop.train), 3)
    weights = tf.constant(loop.weights_at(loop.settings.steps, len(chosen)), "float64")
    parts = [loop.gradient(tf.constant(theta), weights, *loop.batch([k])) for k in chosen]
    assert loss == pytest.approx(sum(float(p[0]) for p in parts), rel=1e-12)
    np.testing.assert_allclose(gradient, sum(p[2].numpy() for p in parts), rtol=1e-8, atol=1e-12)
    direction = np.random.default_rng(0).standard_normal(len(theta))
    h = 1e-6
    up, down = (function(theta + s * h * direction)[0] for s in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(gradient @ direction, rel=1e-5)


class Stop(Exception):
    pass


@pytest.mark.parametrize("at", ["iteration 7/60", "iteration 20/60"])
def test_an_interruption_changes_no_bit(run, frames, tmp_path, at):
    def stop(fraction, text):
        if text == at:
            raise Stop

    path = tmp_path / "unfinished.npz"
    with pytest.raises(Stop):
        fit_edges(frames, settings(), 3, path, report=stop)
    texts = []
    again = fit_edges(frames, settings(), 3, path, report=lambda _, text: texts.append(text))
    assert at not in texts  # it went on from there
    assert not any(text.startswith("step") for text in texts)
    np.testing.assert_array_equal(flat_weights(again.model), flat_weights(run[0].model))
    for name, curve in run[0].curves.items():
        np.testing.assert_array_equal(again.curves[name], curve)
    assert again.counts["evaluations"] >= run[0].counts["evaluations"]


def test_without_a_validation_block_the_last_weights_are_kept(frames):
    training = replace(TRAINING, validation=0.0, stages=((1, 3),))
    fitted = fit_edges(frames, settings(training), 3)
    assert fitted.counts["chosen_step"] == 4 + fitted.counts["iterations"] == 7


def test_float32_and_stages_of_nothing_are_refused():
    with pytest.raises(ValueError, match="need float64, not float32"):
        settings(dtype="float32")
    for stages in (((1, 0),), ((0, 3),), ((3,),)):
        with pytest.raises(ValueError, match="stages are pairs"):
            EdgeSettings(10, warm_up=1, stages=stages)
    # As JSON has them.
    assert EdgeSettings(10, warm_up=1, stages=[[2, 3]]).stages == ((2, 3),)
    assert EdgeSettings(10, warm_up=1, stages=((2, 300),)).quick().stages == ((1, 15),)
    assert not EdgeSettings(10, warm_up=1).quick().stages


def test_a_model_too_large_for_its_square_is_refused_before_any_step(frames, monkeypatch):
    monkeypatch.setattr(edge_newton, "MOST_WEIGHTS", 62)
    texts = []
    with pytest.raises(TooManyWeights, match="for 63 weights, at most 62 are taken"):
        fit_edges(frames, settings(), report=lambda _, text: texts.append(text))
    assert texts == ["building"]
