"""Training that begins with a trained model: the validation block decides what it was worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import graphs_alone
from pair_potential import CUTOFF, SHORT, TINY, labelled, structure

from data_gen.frames import Frames, Structure
from keras_models import catalogue
from keras_models.backend import keras
from keras_models.batch import tensors_of
from keras_models.building import flat_weights
from keras_models.edges import edge_list, join_padded
from keras_models.extrapolation import OUTSIDE, WARN, excess_of
from keras_models.fine_tuning import Pretrained, have_place
from keras_models.fit_edges import EdgeFitSettings, divided, fit_edges
from keras_models.saving import save_model

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


def with_an_atom(frames: Frames, energy: float) -> Frames:
    """The frames after an isolated atom of gold."""
    alone = Structure(np.zeros((1, 3)), np.array([79]), np.zeros((3, 3)), np.zeros(3, bool))
    return Frames.joined([Frames((alone,), np.array([energy]), (np.zeros((1, 3)),)), frames])


def test_an_isolated_atom_without_a_place_in_the_model_is_left_out(frames, saved):
    """With its energy as the reference, all others would be off, and no weight could mend it."""
    fits = [
        fit_edges(some, settings(replace(SHORT, steps=3)), start=Pretrained.load(saved))
        for some in (frames, with_an_atom(frames, -1010.0))
    ]
    one, two = fits
    assert one.info["start"] == two.info["start"] and two.info["isolated"] == []
    assert one.references == two.references and one.counts == two.counts
    np.testing.assert_array_equal(flat_weights(one.model), flat_weights(two.model))
    only = with_an_atom(frames, -1010.0)[[0, 0, 0]]
    with pytest.raises(ValueError, match="isolated atoms of which the model to begin with has no"):
        fit_edges(only, settings(WILD), start=Pretrained.load(saved))


def test_the_energy_of_an_isolated_atom_is_saved_as_that_and_goes_on(frames, start, tmp_path):
    """The newest one, as before: another setting of the same code shifts all energies with it."""
    start = replace(start, isolated=frozenset(["Au"]))
    more = with_an_atom(frames, -1010.5)
    fit_edges(more, settings(replace(SHORT, steps=3)), start=start).save(tmp_path / "next.keras")
    again = Pretrained.load(tmp_path / "next.keras")
    assert again.isolated == {"Au"} and again.references["Au"] == -1010.5
    assert have_place(more, again.isolated).all() and not have_place(more, ())[0]


@pytest.fixture(scope="module")
def near(frames) -> Frames:
    """The structures at 0.8 of their distances, without Pt beside Au in any of them."""
    one = [
        s._replace(
            positions=0.8 * s.positions, cell=0.8 * s.cell, numbers=np.full_like(s.numbers, z)
        )
        for s, z in zip(frames.structures, np.resize([78, 79], len(frames)), strict=True)
    ]
    return labelled(one)


def batch_of(structures):
    return tensors_of(join_padded([edge_list(s, CUTOFF) for s in structures], CUTOFF), "float64")


def largest_excess(model, structures) -> float:
    ask = keras.Model(model.input, excess_of(model))
    return float(np.asarray(ask(batch_of(structures))).max())


def test_frames_at_shorter_distances_are_inside_the_training_then(frames, near, tmp_path):
    """Without repulsion among them; the first ones still are, with energies that are the same."""
    options = {**TINY, "repulsion": True}
    model = catalogue.build("linear_eq4", frames, (5,), None, options, 0, "float64")
    save_model(model, tmp_path / "first.keras", ["Au", "Pt"], {"Au": -1000.5, "Pt": -700.25})
    first, start = (Pretrained.load(tmp_path / "first.keras") for _ in range(2))
    assert largest_excess(model, near.structures) > WARN
    one = EdgeFitSettings("linear_eq4", WILD, (5,), options=options, dtype="float64")
    fitted = fit_edges(near, replace(one, training=replace(WILD, learning_rate=1e-9)), start=start)
    before, now = (np.array(m.get_layer("held").shortest) for m in (first.model, fitted.model))
    assert (np.diag(now) < np.diag(before)).all() and now[0, 1] == before[0, 1]
    assert fitted.model.get_layer("repulsion").shortest == now.tolist()
    trained = divided(near, WILD.validation)[0].structures
    fitted.save(tmp_path / "second.keras")
    again = Pretrained.load(tmp_path / "second.keras").model
    for structures in (trained, frames.structures):
        assert largest_excess(again, structures) < OUTSIDE
    core = keras.Model(again.input, again.get_layer("repulsion").output)
    assert not np.asarray(core(batch_of(trained))).any()
    # What came closer is said with both distances, once.
    closer = first.come_closer(near)
    assert list(closer) == [("Au", "Au"), ("Pt", "Pt")]
    assert closer["Au", "Au"][0] == before[0, 0] > closer["Au", "Au"][1] >= 0.8 * 1.6
    assert first.come_closer(near) == first.come_closer(frames) == {}
    batch = batch_of(frames.structures)
    np.testing.assert_array_equal(*(np.asarray(m(batch)) for m in (model, first.model)))
    first.widen(near)
    np.testing.assert_array_equal(*(np.asarray(m(batch)) for m in (model, first.model)))
