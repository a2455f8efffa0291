"""What goes into the first MLP: scales, diagonals, and the tables of pairs behind it."""

import numpy as np
import pytest
from conftest import STATISTICS, cluster

from data_gen.dataset import Statistics, inverse_distances
from keras_models import catalogue, features
from keras_models.backend import keras, tf
from keras_models.fit import FitSettings, fit
from keras_models.pairs import pair_indices
from keras_models.prediction import predict
from keras_models.settings import AdamSettings


@pytest.mark.parametrize("n", [1, 2, 3, 6, 55, 300])
def test_pair_indices_in_closed_form(n):
    closed = pair_indices(tf.constant(n))
    np.testing.assert_array_equal(np.stack(closed), np.stack(np.triu_indices(n, 1)))


def test_statistics_scale_both_vectors_to_one(au6):
    """Against plain loops, and as what the networks see; v / r^3 by its mean length."""
    part = au6[:20]
    found = Statistics.of(part)
    raw, inverse_square = [], []
    for x in part.positions:
        for i in range(len(x)):
            for j in range(len(x)):
                v = x[j] - x[i]
                raw.append(v)
                inverse_square.append(v / (v @ v) if i != j else v)
    for rms, vectors in (
        (found.displacement_rms, raw),
        (found.inverse_displacement_rms, inverse_square),
    ):
        assert rms == pytest.approx(np.sqrt(np.mean(np.square(vectors))), rel=1e-12)
    for vectors in ("raw", "inverse_square"):
        model = catalogue.build("eq6", found, options={"vectors": vectors}, dtype="float64")
        seen = keras.Model(model.input, model.get_layer("scaled_vectors").output)
        a = predict(seen, part.positions)
        assert np.sqrt(np.mean(a**2)) == pytest.approx(1.0, rel=1e-12)
        assert not a[:, range(6), range(6)].any()
    model = catalogue.build("eq6", found, options={"vectors": "inverse_cube"}, dtype="float64")
    seen = keras.Model(model.input, model.get_layer("scaled_vectors").output)
    a = predict(seen, part.positions)
    assert np.linalg.norm(a, axis=-1).mean() == pytest.approx(3**0.5, rel=1e-12)
    assert not a[:, range(6), range(6)].any()


def test_the_scalar_beside_the_vectors_is_appendix_bs(au6):
    """Standardised over all i and j, and zero for i = j, whatever the vectors."""
    part = au6[:20]
    found = Statistics.of(part)
    c2 = inverse_distances(part.positions)
    expected = (c2 - c2.mean()) / c2.std()
    expected[:, range(6), range(6)] = 0.0
    for vectors in ("raw", "inverse_square", "inverse_cube"):
        options = {"vectors": vectors, "c2": "all"}
        model = catalogue.build("eq6", found, options=options, dtype="float64")
        seen = keras.Model(model.input, model.get_layer("vectors_and_c2").output)
        alone = keras.Model(model.input, model.get_layer("scaled_vectors").output)
        a = predict(seen, part.positions)
        np.testing.assert_allclose(a[..., 3], expected, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(a[..., :3], predict(alone, part.positions))


def test_coordinates_are_scaled_to_one(au6):
    """The centred coordinates that the graph network's first message sees."""
    model = catalogue.build("graph_network", Statistics.of(au6), dtype="float64")
    seen = keras.Model(model.input, model.get_layer("scaled_positions").output)
    x = predict(seen, au6.positions)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(x.mean(axis=1), 0, atol=1e-12)


def test_zero_vectors_have_zero_gradient(rng):
    x = tf.constant(cluster(rng, 3)[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = features.over_squared_length(features.displacements(x))
        own = tf.reduce_sum(tf.einsum("biic->bic", a) ** 2 + tf.einsum("biic->bic", a))
    np.testing.assert_array_equal(tape.gradient(own, x), np.zeros((1, 3, 3)))


def test_eq7_as_printed_is_the_same_for_every_atom_and_no_better_than_zero(au6, rng):
    """Any equal forces miss forces that add up to zero by at least these forces' size."""
    model = catalogue.build("eq7_as_printed", STATISTICS, dtype="float64", seed=0)
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    forces = predict(model, au6.positions)
    assert np.abs(forces).max() > 1e-2
    np.testing.assert_array_equal(forces, np.broadcast_to(forces[:, :1], forces.shape))
    size = np.sqrt((au6.forces**2).mean())
    assert np.sqrt(((forces - au6.forces) ** 2).mean()) > size * (1 - 1e-9)


@pytest.mark.parametrize("name", ["eq9", "graph_network"])
def test_learning_happens(name, au6):
    settings = FitSettings(name, AdamSettings(epochs=80, learning_rate=3e-3))
    (found,) = fit(au6[:300], None, settings)
    losses = found.curves["losses"]
    assert losses[-1] < 0.8 * losses[0]
