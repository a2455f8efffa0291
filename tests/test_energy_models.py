"""The contract of every energy model: what E(X) must and must not depend on."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import STATISTICS, cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from twins import energy as twins

from keras_models import energy, load_model
from keras_models.backend import keras, tf
from keras_models.geometry import pair_indices
from keras_models.training import build_seeded, precision, predict
from reproduction.sections import EXPERIMENTS

# Every energy model that the registry runs is held to the contract.
MODELS = sorted({e.model for e in EXPERIMENTS.values() if e.task == "energy"})
PAIR_MODELS = ("eq2", "eq3", "eq5")
# Sums of some thousand products of order one.
TOLERANCE = {"float32": 3e-5, "float64": 1e-11}


def build(name, dtype="float64", seed=0, **options):
    with precision(dtype):
        return build_seeded(lambda: getattr(energy, name)(STATISTICS, **options), seed)


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return build(request.param)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(2, 7), mirror=st.booleans())
def test_energy_is_invariant(name, dtype, seed, n_atoms, mirror):
    """Translation, rotation, reflection and permutation change nothing."""
    model = _cached(name, dtype)
    rng = np.random.default_rng(seed)
    x = cluster(rng, n_atoms)
    turn = Rotation.random(random_state=seed % 2**31).as_matrix() * (-1 if mirror else 1)
    moved = x[rng.permutation(n_atoms)] @ turn.T + rng.uniform(-5, 5, 3)
    before, after = predict(model, np.stack([x, moved]))[:, 0]
    assert after == pytest.approx(before, abs=TOLERANCE[dtype] * max(1.0, abs(before)))


_models = {}


def _cached(name, dtype):
    if (name, dtype) not in _models:
        _models[name, dtype] = build(name, dtype)
    return _models[name, dtype]


def test_energy_depends_on_the_shape(model, rng):
    """The invariances above would hold for a constant, too."""
    x = cluster(rng, 6)
    assert abs(np.diff(predict(model, np.stack([x, 1.05 * x]))[:, 0])[0]) > 1e-3


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("n_atoms", [2, 6, 7])
@pytest.mark.parametrize("name", MODELS)
def test_equals_its_slow_twin(name, n_atoms, activation, rng):
    model = build(name, activation=activation)
    # Keras starts with zero biases: a twin that forgot them would pass.
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    x = cluster(rng, n_atoms)
    twin = getattr(twins, name)(x.tolist(), twins.weights_of(model), STATISTICS, activation)
    assert predict(model, x[None])[0, 0] == pytest.approx(twin, rel=1e-12)


@pytest.mark.parametrize("name", PAIR_MODELS)
def test_unique_pairs_are_the_same_function(name, rng):
    """Each pair once, against the report's full (N, N) tensors, with the same weights."""
    unique, full = build(name), build(name, unique_pairs=False)
    full.set_weights(unique.get_weights())
    x = np.stack([cluster(rng, 6) for _ in range(5)])
    np.testing.assert_allclose(predict(unique, x), predict(full, x), rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "count"), [("eq2", 2221), ("eq3", 2221), ("eq4", 2371), ("eq5", 4291)]
)
def test_parameter_counts_follow_from_table_4(name, count):
    widths = getattr(energy, f"{name.upper()}_WIDTHS")
    assert count == sum(a * h + h + h * b + b for a, h, b in widths)
    assert build(name).count_params() == count


def test_batch_equals_single(model, rng):
    x = np.stack([cluster(rng, 6) for _ in range(7)])
    single = np.concatenate([predict(model, one[None]) for one in x])
    np.testing.assert_allclose(predict(model, x, chunk=3), single, rtol=1e-12)


def test_xla_and_plain_agree_when_the_number_of_atoms_is_open(model, rng):
    compiled = tf.function(
        lambda x: model(x),
        jit_compile=True,
        input_signature=[tf.TensorSpec((None, None, 3), tf.float64)],
    )
    for n_atoms in (2, 5):
        x = cluster(rng, n_atoms)[None]
        np.testing.assert_allclose(compiled(x), predict(model, x), rtol=1e-12)


def test_saved_model_opens_in_a_fresh_process(model, rng, tmp_path):
    """In Keras's safe mode, with the same output."""
    x = cluster(rng, 6)[None]
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np; from keras_models import load_model\n"
        "model = load_model(sys.argv[1] + '/model.keras')\n"
        "np.save(sys.argv[1] + '/y.npy', model(np.load(sys.argv[1] + '/x.npy')).numpy())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing of TensorFlow's start-up reaches the user
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model(x).numpy())


def test_keras_itself_opens_a_saved_model(tmp_path, rng):
    model = build("eq2")
    model.save(tmp_path / "model.keras")
    x = cluster(rng, 6)[None]
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(x), model(x))


def test_distances_have_zero_gradient_on_the_diagonal(rng):
    """... and not NaN: in the full tensors, where the diagonal is 0 Å."""
    x = tf.constant(cluster(rng, 4)[None])
    for options in ({}, {"unique_pairs": False}):
        model = build("eq2", activation="silu", **options)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(model(x))
        gradient = tape.gradient(total, x).numpy()
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 55, 300])
def test_pair_indices_in_closed_form(n):
    closed = pair_indices(tf.constant(n))
    np.testing.assert_array_equal(np.stack(closed), np.stack(np.triu_indices(n, 1)))


def test_other_seed_other_weights():
    first, again, other = (build("eq2", seed=k).get_weights() for k in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="is 1 wide, not 2"):
        energy.eq2(STATISTICS, widths=((20, 50, 1), (2, 50, 20)))
    with pytest.raises(ValueError, match="is 19 wide, not 20"):
        energy.eq2(STATISTICS, widths=((20, 50, 1), (1, 50, 19)))
