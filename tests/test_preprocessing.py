"""Appendix B: each treatment of the data against a slow twin, and the contract of its models."""

import numpy as np
import pytest
from conftest import cluster
from scipy.spatial.transform import Rotation
from twins import energy as twins

from data_gen.dataset import Statistics
from keras_models import catalogue, load_model
from keras_models.backend import keras, tf
from keras_models.features import Preprocessing
from keras_models.prediction import predict
from reproduction.sections import EXPERIMENTS

MODELS = ("eq2", "eq3", "eq4", "eq5")
# All that the registry runs.
KINDS = sorted(
    {
        e.options["preprocessing"]
        for e in EXPERIMENTS.values()
        if e.table == "appendix-b" and e.training
    }
)
EVERY = [(name, kind) for name in MODELS for kind in KINDS]
# Each treatment once on pairs, and the one that triplets treat in a layer of their own.
FEW = [*(("eq2", kind) for kind in KINDS), ("eq4", "no-diagonal")]


@pytest.fixture(scope="module")
def train(au6):
    return au6[:300]


MADE = {}


def build(name, kind, train, dtype="float64", **options):
    """A model that several tests share: they leave its weights as they are."""
    key = (name, kind, dtype, *sorted(options.items()))
    if key not in MADE:
        MADE[key] = build_anew(name, kind, train, dtype, **options)
    return MADE[key]


def build_anew(name, kind, train, dtype="float64", **options):
    activation = options.pop("activation", None)
    options["preprocessing"] = kind
    model = catalogue.build(name, train, None, activation, options, 0, dtype)
    # Keras starts with zero biases: without these, leaving out a term could go unnoticed.
    noise = np.random.default_rng(1)
    model.set_weights([w + 0.1 * noise.standard_normal(w.shape) for w in model.get_weights()])
    return model


def numbers_of(train):
    """What the twins need, in loops over pairs."""
    c2, r = [], []
    for x in train.positions:
        for i in range(len(x)):
            for j in range(len(x)):
                r.append(twins.distance(x, i, j))
                c2.append(0.0 if i == j else 1.0 / r[-1])
    found = {}
    for name, values in (("c2", c2), ("r", r), ("e", train.energies.tolist())):
        mean = sum(values) / len(values)
        found[f"{name}_mean"] = mean
        found[f"{name}_std"] = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
        found[f"{name}_min"], found[f"{name}_max"] = min(values), max(values)
    return found


@pytest.fixture(scope="module")
def numbers(train):
    return numbers_of(train)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_equals_its_slow_twin(name, kind, train, numbers, rng):
    """The numbers, too, are the twin's own: from the training part, by loops."""
    model = build(name, kind, train)
    twin = getattr(twins, f"{name}_prepared")
    for n_atoms in (2, 6):
        x = cluster(rng, n_atoms)
        expected = twin(kind, x.tolist(), twins.weights_of(model), numbers, "relu")
        assert predict(model, x[None])[0, 0] == pytest.approx(expected, rel=1e-10)


@pytest.fixture(scope="module")
def standardised(train):
    """Models of their own, as they get weights of others."""
    return {name: build_anew(name, "standardised", train) for name in MODELS}


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_treatments_are_other_functions(name, kind, train, standardised, rng):
    """The twins would agree, too, if an option reached neither."""
    x = cluster(rng, 6)[None]
    model, standard = build(name, kind, train), standardised[name]
    standard.set_weights(model.get_weights())
    assert abs(predict(model, x) - predict(standard, x)).item() > 1e-3


@pytest.mark.parametrize(("name", "kind"), FEW)
def test_energy_is_invariant(name, kind, train, rng):
    model = build(name, kind, train)
    x = cluster(rng, 6)
    turn = -Rotation.random(random_state=1).as_matrix()
    moved = x[rng.permutation(6)] @ turn.T + rng.uniform(-5, 5, 3)
    before, after = predict(model, np.stack([x, moved]))[:, 0]
    assert after == pytest.approx(before, abs=1e-11 * max(1.0, abs(before)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_the_fast_form_is_the_literal_one(name, kind, train, rng):
    unique, full = build(name, kind, train), build(name, kind, train, form="literal")
    for n_atoms in (2, 6):
        x = np.stack([cluster(rng, n_atoms) for _ in range(3)])
        np.testing.assert_allclose(predict(unique, x), predict(full, x), rtol=1e-12)


@pytest.mark.parametrize(("name", "kind"), FEW)
def test_saved_models_open_again(name, kind, train, rng, tmp_path):
    """In Keras's safe mode, in the precision that the rows are trained in."""
    model = build(name, kind, train, "float32")
    model.save(tmp_path / "model.keras")
    x = cluster(rng, 6)[None].astype("float32")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(x), model(x))


@pytest.mark.parametrize(
    ("name", "kind"),
    # One of each new layer: compiling is slow.
    [
        ("eq2", "no-diagonal"),
        ("eq2", "zero-diagonal"),
        ("eq2", "distances"),
        ("eq4", "no-diagonal"),
    ],
)
def test_xla_and_plain_agree_when_the_number_of_atoms_is_open(name, kind, train, rng):
    model = build(name, kind, train)
    spec = tf.TensorSpec((None, None, 3), tf.float64)
    compiled = tf.function(lambda x: model(x), jit_compile=True, input_signature=[spec])
    x = cluster(rng, 5)[None]
    np.testing.assert_allclose(compiled(x), predict(model, x), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"form": "literal"}])
def test_gradients_are_finite_and_add_up_to_zero(kind, options, train, rng):
    """No NaN from the 0 Å of the diagonal."""
    model = build("eq2", kind, train, activation="silu", **options)
    x = tf.constant(cluster(rng, 4)[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model(x))
    gradient = tape.gradient(total, x).numpy()
    assert np.isfinite(gradient).all() and abs(gradient).max() > 1e-3
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-11)


def test_features_lie_where_their_names_say(train):
    """What reaches the first MLP, on the training part."""
    found = {}
    for kind in ("standardised", *KINDS):
        model = build("eq2", kind, train)
        features = keras.Model(model.inputs, model.get_layer("pair_features").input)
        found[kind] = np.asarray(features(tf.constant(train.positions)))
    low, high = found["unit-range"].min(), found["unit-range"].max()
    assert (low, high) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert (found["unit-range"][:, 0] == 0.0).all()  # the diagonal's special meaning stays
    assert (found["zero-diagonal"][:, 0] == 0.0).all()
    assert found["standardised"][:, 0].max() < -1.0
    np.testing.assert_array_equal(found["zero-diagonal"][:, 1:], found["standardised"][:, 1:])
    np.testing.assert_array_equal(found["no-diagonal"], found["standardised"][:, 1:])
    # Mean 0 and deviation 1 over all i and j: the diagonal once for each atom, a pair twice.
    r = found["distances"]
    weights = np.array([6.0, *[2.0] * 15]) / 36
    assert (r @ weights).mean() == pytest.approx(0.0, abs=1e-12)
    assert ((r**2) @ weights).mean() == pytest.approx(1.0, rel=1e-12)


def test_normalised_energies_are_in_the_unit_range(train):
    p = Preprocessing.named("unit-range-all", train, Statistics.of(train))
    scaled = (train.energies - p.energy_shift) / p.energy_scale
    assert (scaled.min(), scaled.max()) == pytest.approx((0.0, 1.0))


def test_wrong_choices_are_refused(train):
    with pytest.raises(ValueError, match="no preprocessing 'tanh'"):
        Preprocessing.named("tanh", train, Statistics.of(train))
    with pytest.raises(ValueError, match="diagonal is"):
        Preprocessing(0.0, 1.0, 0.0, 1.0, diagonal="out")
    with pytest.raises(ValueError, match="positive"):
        Preprocessing(0.0, 0.0, 0.0, 1.0)
