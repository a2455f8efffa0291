"""The last layer's exact solution: its equations against changes of the weights, and its use."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import graphs_alone
from pair_potential import SHORT, TINY, labelled, structure

from data_gen.frames import Frames
from keras_models import catalogue
from keras_models.backend import tf
from keras_models.building import coarse_step, flat_weights, set_flat_weights
from keras_models.edge_data import EdgeData
from keras_models.fit_edges import EdgeFitSettings, fit_edges
from keras_models.optimise import last_layer
from keras_models.optimise.edge_adam import EdgeLoop
from keras_models.optimise.last_layer import LastLayer, solve_last_layer
from keras_models.prediction import StructurePredictor
from keras_models.reference import reference_energies


@pytest.fixture(scope="module")
def frames() -> Frames:
    rng = np.random.default_rng(5)
    found = [structure(rng, 4 if k % 3 == 0 else 3 + k % 4, k % 3 == 0) for k in range(60)]
    return labelled(found)


def loop_of(frames, way, fixed=(), training=SHORT):
    options = {**TINY, "elements": way}
    model = catalogue.build("linear_eq4", frames, (5,), None, options, 0, "float64")
    rng = np.random.default_rng(0)
    set_flat_weights(model, flat_weights(model) + 0.1 * rng.standard_normal(model.count_params()))
    numbers = [s.numbers for s in frames.structures]
    references = reference_energies(numbers, frames.energies, {})
    first, block = (EdgeData(part, 4.0, references) for part in (frames[:48], frames[48:]))
    return model, EdgeLoop(model, first, block, training, 8, 0, fixed)


@pytest.fixture(scope="module", params=[("outputs", ()), ("input", ("Pt",))])
def found(request, frames):
    """A model, its loop, and what its last layer is for one batch and direction."""
    model, loop = loop_of(frames, *request.param)
    batches, shape = loop.whole(loop.train)
    inputs, labels = loop.train.batch(batches[0], shape, "float64")
    v = np.random.default_rng(1).standard_normal(labels.forces.shape)
    theta = flat_weights(model)
    with graphs_alone():
        last = LastLayer(model, loop)
        found = last.along(tf.constant(theta), inputs, tf.constant(v))
    values, slopes = (x.numpy() for x in found)
    return loop, last, theta, inputs, v, values, slopes


def test_they_are_all_linear_weights_and_no_others(found):
    _, last, theta, _, _, values, _ = found
    assert len(np.unique(last.places)) == len(last.places) == values.shape[1] - 1 < len(theta)


def test_energies_and_forces_are_linear_in_them_as_said(found):
    """A change of the weights, by the model itself: energies with constants, and v . F."""
    loop, last, theta, inputs, v, values, slopes = found
    step = np.random.default_rng(2).standard_normal(len(last.places))
    other = theta.copy()
    other[last.places] += step
    outputs = [[x.numpy() for x in loop.outputs(tf.constant(t), inputs)] for t in (theta, other)]
    (e0, f0, c0), (e1, f1, c1) = outputs
    numbers = inputs["numbers"].numpy()
    sample = inputs["sample"].numpy()
    counts = np.stack(
        [np.bincount(sample, numbers == z, len(e0)) for z in (79, 78)], axis=1
    )  # Au, Pt, in the order of the elements
    change = e1 - e0 + counts @ (c1 - c0)
    assert np.abs(change).max() > 0.1
    np.testing.assert_allclose(values[:, :-1] @ step, change, atol=1e-10)
    moved = np.bincount(sample, (v * (f1 - f0)).sum(axis=1), len(e0))
    assert np.abs(moved).max() > 0.1
    np.testing.assert_allclose(-slopes[:, :-1] @ step, moved, atol=1e-10)
    np.testing.assert_allclose(values[:, -1], e0, atol=1e-12)
    forced = np.bincount(sample, (v * f0).sum(axis=1), len(e0))
    np.testing.assert_allclose(-slopes[:, -1], forced, atol=1e-10)


def whole_loss(loop, theta) -> float:
    """The loss of all frames of training with the weights of the last step, spelt out."""
    energy, force = loop.weights_at(loop.settings.steps, len(loop.train))
    total = 0.0
    for frames in loop.whole(loop.train)[0]:
        inputs, labels = loop.batch(frames)
        weights = tf.constant((energy, force), "float64")
        total += float(loop.loss(tf.constant(theta), weights, inputs, labels)[0])
    return total


@pytest.mark.usefixtures("without_xla")
def test_the_solution_is_where_the_loss_of_training_has_its_minimum(frames, monkeypatch):
    """With many directions and hardly a ridge: steps in any direction lead up."""
    monkeypatch.setattr(last_layer, "RIDGES", (1e-12,))
    monkeypatch.setattr(last_layer, "ROWS", 10_000)
    monkeypatch.setattr(last_layer, "MOST", 300)
    model, loop = loop_of(frames, "outputs")
    scores = iter((2.0, 1.0))
    monkeypatch.setattr(loop, "score", lambda errors: next(scores))
    theta = flat_weights(model)
    solved, ridge, *_ = solve_last_layer(model, loop, theta)
    assert ridge == 1e-12
    before, after = whole_loss(loop, theta), whole_loss(loop, solved)
    assert after < 0.5 * before
    # On the way from the first weights it is neither short of the minimum nor beyond it, by 3 %.
    short, beyond = (whole_loss(loop, theta + t * (solved - theta)) for t in (0.9, 1.1))
    assert abs(beyond - short) < 0.6 * (short + beyond - 2 * after)
    places = LastLayer(model, loop).places
    rng = np.random.default_rng(4)
    for _ in range(5):
        step = np.zeros(len(theta))
        step[places] = 0.3 * rng.standard_normal(len(places))
        assert whole_loss(loop, solved + step) > after
        assert whole_loss(loop, solved - step) > after


@pytest.mark.usefixtures("without_xla")
def test_what_the_validation_block_speaks_against_is_not_done(frames, monkeypatch):
    model, loop = loop_of(frames, "outputs")
    theta = flat_weights(model)
    monkeypatch.setattr(loop, "score", lambda errors: 1.0)
    found = solve_last_layer(model, loop, theta)
    assert found.ridge is None and found.weights is theta and found.after is found.before
    monkeypatch.setattr(loop, "score", lambda errors: float("nan"))
    monkeypatch.setattr(last_layer, "_normal_equations", None)
    assert solve_last_layer(model, loop, theta).ridge is None


@pytest.mark.usefixtures("without_xla")
def test_the_ridge_is_the_largest_of_the_best_on_the_validation_block(frames, monkeypatch):
    """One that is hardly better, with weights many times as large, is not worth their noise."""
    monkeypatch.setattr(last_layer, "WORTH", 0.2)
    model, loop = loop_of(frames, "input")
    theta = flat_weights(model)
    places = LastLayer(model, loop).places
    theta[places] += 3.0 * np.random.default_rng(6).standard_normal(len(places))
    equations = last_layer._normal_equations(model, loop, theta, lambda *_: None)
    # The same for any ridge, and slow.
    monkeypatch.setattr(last_layer, "_normal_equations", lambda *_: equations)
    solved, ridge, before, after = solve_last_layer(model, loop, theta)

    def score(weights):
        return loop.score(loop.errors(tf.constant(weights)))

    assert ridge in last_layer.RIDGES and score(solved) < score(theta)
    for errors, weights in ((before, theta), (after, solved)):
        np.testing.assert_allclose(errors, loop.errors(tf.constant(weights)))
    others = {}
    for one in last_layer.RIDGES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(last_layer, "RIDGES", (one,))
            others[one] = score(solve_last_layer(model, loop, theta).weights)
    assert score(solved) == pytest.approx(others[ridge])
    assert ridge == max(one for one, x in others.items() if x <= 1.2 * min(others.values()))
    assert others[ridge] > min(others.values())


@pytest.mark.usefixtures("without_xla")
def test_a_feature_that_is_nearly_nowhere_keeps_its_weight(frames, monkeypatch):
    """Of 1e-18 in training and 1 in an atom alone, it got a weight of 1e33 eV."""
    model, loop = loop_of(frames, "outputs")
    theta = flat_weights(model)
    matrix, vector, places = last_layer._normal_equations(model, loop, theta, lambda *_: None)
    scale = np.ones(len(places))
    scale[2] = 1e-18
    faint = (scale[:, None] * matrix * scale, scale * vector, places)
    monkeypatch.setattr(last_layer, "_normal_equations", lambda *_: faint)
    solved, ridge, *_ = solve_last_layer(model, loop, theta)
    moved = np.abs(solved - theta)[places]
    assert ridge is not None and np.delete(moved, 2).max() > 1e-3
    assert moved[2] < 1e-9


@pytest.mark.usefixtures("without_xla")
def test_atoms_alone_must_have_energies_that_float32_can_subtract(frames, monkeypatch):
    """Their energies cancel on the validation block, whatever they are."""
    model, loop = loop_of(frames, "outputs")
    theta = flat_weights(model)
    monkeypatch.setattr(
        loop, "lone_energies", lambda w: {"Au": 0.0 if w is theta else 1e4, "Pt": 0.0}
    )
    equations = last_layer._normal_equations(model, loop, theta, lambda *_: None)
    monkeypatch.setattr(last_layer, "_normal_equations", lambda *_: equations)
    assert solve_last_layer(model, loop, theta).ridge is not None  # float64
    monkeypatch.setattr(last_layer, "coarse_step", lambda x, _: coarse_step(x, "float32"))
    assert solve_last_layer(model, loop, theta).ridge is None
    monkeypatch.setattr(loop, "lone_energies", lambda _: {"Au": float("nan")})
    assert solve_last_layer(model, loop, theta).ridge is None


@pytest.mark.usefixtures("without_xla")
def test_the_saved_model_is_the_solved_one(frames, tmp_path):
    """Its errors on the validation block, with its references, are those that were said."""
    training = replace(SHORT, steps=40, solve_last_layer=True)
    told = []
    fitted = fit_edges(
        frames,
        EdgeFitSettings("linear_eq4", training, (5,), None, TINY),
        report=lambda fraction, text: told.append((fraction, text)),
    )
    # After all steps it is not done yet: the last layer's batches are counted anew.
    last = [fraction for fraction, text in told if text.startswith("last layer")]
    assert told[-len(last) - 1] == (1.0, "step 40/40") and last[0] == 0.0 < last[-1] < 1.0
    said = fitted.info["last_layer"]
    assert said["ridge"] and said["after"] != said["before"]
    fitted.save(tmp_path / "m.keras")
    block = frames[48:]
    energies, forces, _ = StructurePredictor.load(tmp_path / "m.keras")(block.structures)
    off = (energies - block.energies) / block.sizes
    assert np.sqrt(np.mean(off**2)) == pytest.approx(said["after"][0], rel=1e-3)
    off = np.concatenate(forces) - np.concatenate(block.forces)
    assert np.sqrt(np.mean(off**2)) == pytest.approx(said["after"][1], rel=1e-3)


@pytest.mark.usefixtures("without_xla")
def test_a_model_without_such_a_layer_is_left_as_it_is(frames):
    training = replace(SHORT, steps=1, warm_up=0, solve_last_layer=True)
    fitted = fit_edges(frames, EdgeFitSettings("eq3_neighbours", training, options={"cutoff": 4.0}))
    assert fitted.info["last_layer"]["ridge"] is None
