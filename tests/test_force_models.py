"""The contract of the direct force models: what F(X) must and must not depend on."""

import functools
import itertools
import subprocess
import sys

import numpy as np
import pytest
from conftest import cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from twins import energy as twins
from twins import force as twins_force

from data_gen.dataset import Statistics
from keras_models import force, geometry
from keras_models.backend import K, keras, tf
from keras_models.layers import mlp, sum_of_mlp, sum_over_last_atom
from keras_models.settings import AdamSettings
from keras_models.training import (
    EpochLoop,
    TrainingState,
    build_seeded,
    direct_objective,
    flat_weights,
    precision,
    predict,
    train,
)

MODELS = ("eq6", "eq7", "eq7_as_printed", "eq8", "eq9")
VECTORS = ("inverse_square", "raw")
# Of typical size, so that no single test fits statistics of its own.
STATISTICS = Statistics(0.27, 0.14, 5.5, 0.28, 0.97, 1.8)
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}


@functools.cache
def build(name, dtype="float64", seed=0, **options):
    """A model with random biases: Keras starts with zeros, which hide what forgets them."""
    with precision(dtype):
        model = build_seeded(lambda: getattr(force, name)(STATISTICS, **options), seed)
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return build(request.param)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(2, 7))
def test_forces_follow_translation_and_permutation(name, vectors, dtype, seed, n_atoms):
    model = build(name, dtype, vectors=vectors)
    rng = np.random.default_rng(seed)
    x, order = cluster(rng, n_atoms), rng.permutation(n_atoms)
    before, after = predict(model, np.stack([x, x[order] + rng.uniform(-5, 5, 3)]))
    limit = TOLERANCE[dtype] * max(1.0, np.abs(before).max())
    np.testing.assert_allclose(after, before[order], rtol=0, atol=limit)


@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("name", MODELS)
def test_forces_do_not_turn_with_the_molecule(name, vectors, rng):
    """By the equations' design: a network that were equivariant would not be the report's."""
    model = build(name, vectors=vectors)
    x, turn = cluster(rng, 6), Rotation.from_euler("z", 30, degrees=True).as_matrix()
    before, after = predict(model, np.stack([x, x @ turn.T]))
    assert np.abs(after - before @ turn.T).max() > 1e-2


def test_net_force_is_not_zero(model, rng):
    """Nor does anything in the equations make the forces add up to zero."""
    assert np.abs(predict(model, cluster(rng, 6)[None]).sum(axis=1)).max() > 1e-2


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("n_atoms", [2, 5, 6])
@pytest.mark.parametrize("name", MODELS)
def test_equals_its_slow_twin(name, n_atoms, vectors, activation, rng):
    model = build(name, activation=activation, vectors=vectors)
    x, weights = cluster(rng, n_atoms), twins.weights_of(model)
    twin = np.array(
        getattr(twins_force, name)(x.tolist(), weights, STATISTICS, activation, vectors)
    )
    found = predict(model, x[None])[0]
    np.testing.assert_allclose(found, twin, rtol=0, atol=1e-11 * np.abs(twin).max())


@pytest.mark.parametrize(
    ("name", "count", "mlps"),
    [
        ("eq6", 1823, [(3, 20, 20), (20, 20, 20), (20, 20, 3)]),
        ("eq7", 1883, [(6, 20, 20), (20, 20, 20), (20, 20, 3)]),
        ("eq7_as_printed", 1823, [(3, 20, 20), (20, 20, 20), (20, 20, 3)]),
        ("eq8", 4643, [(3, 50, 20), (23, 50, 20), (20, 50, 3)]),
        ("eq9", 5483, [(3, 50, 20, 20), (20, 50, 20, 20), (23, 50, 3)]),
    ],
)
def test_parameter_counts_follow_from_table_5(name, count, mlps):
    layers = [pair for widths in mlps for pair in itertools.pairwise(widths)]
    assert count == sum(a * b + b for a, b in layers)
    assert build(name).count_params() == count


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_layers_are_moved_without_changing_the_mlp(activation, rng):
    """Split first layer and late output layer: same first weights, values, gradients."""

    def model(fast):
        keras.utils.set_random_seed(3)
        x, y = keras.Input((None, None, 4)), keras.Input((1, None, 2))
        if fast:
            out = sum_of_mlp((x, y), (6, 9, 8, 5), activation, "mlp", "sum")
        else:
            ones = K.ones_like(x[..., :1])
            both = K.concatenate([x, ones * y], axis=-1)
            out = sum_over_last_atom(mlp(both, (6, 9, 8, 5), activation, "mlp"))
        return keras.Model([x, y], out)

    with precision("float64"):
        fast, slow = model(True), model(False)
    for a, b in zip(fast.get_weights(), slow.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    biases = [w + 0.1 * rng.standard_normal(w.shape) for w in fast.get_weights()]
    data = [tf.constant(rng.standard_normal(s)) for s in ((7, 3, 3, 4), (7, 1, 3, 2))]
    outputs, gradients = [], []
    for m in (fast, slow):
        m.set_weights(biases)
        with tf.GradientTape() as tape:
            out = m(data)
            loss = tf.reduce_sum(out**2)
        outputs.append(out)
        gradients.append(tape.gradient(loss, m.trainable_variables))
    np.testing.assert_allclose(*outputs, rtol=1e-12, atol=1e-12)
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_eq7_as_printed_is_the_same_for_every_atom_and_no_better_than_zero(au6):
    """Any equal forces miss forces that add up to zero by at least these forces' size."""
    model = build("eq7_as_printed")
    forces = predict(model, au6.positions)
    assert np.abs(forces).max() > 1e-2
    np.testing.assert_array_equal(forces, np.broadcast_to(forces[:, :1], forces.shape))
    size = np.sqrt((au6.forces**2).mean())
    assert np.sqrt(((forces - au6.forces) ** 2).mean()) > size * (1 - 1e-9)


def test_statistics_scale_both_vectors_to_one(au6):
    """Against plain loops, and as what the networks see."""
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
    for vectors in VECTORS:
        with precision("float64"):
            model = force.eq6(found, vectors=vectors)
            seen = keras.Model(model.input, model.get_layer("scaled_vectors").output)
        a = predict(seen, part.positions)
        assert np.sqrt(np.mean(a**2)) == pytest.approx(1.0, rel=1e-12)
        assert not a[:, range(6), range(6)].any()


def test_the_two_vectors_are_two_models(rng):
    # The random biases differ by seed alone: these two have the same weights.
    one, other = (build("eq6", vectors=vectors) for vectors in VECTORS)
    np.testing.assert_array_equal(flat_weights(one), flat_weights(other))
    x = cluster(rng, 6)[None]
    assert np.abs(predict(one, x) - predict(other, x)).max() > 1e-2


@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_right_and_finite(name, vectors, rng):
    """Through the i = j vectors, too: against finite differences."""
    model = build(name, activation="silu", vectors=vectors)
    x, direction = cluster(rng, 4)[None], rng.standard_normal((1, 4, 3))
    with tf.GradientTape() as tape:
        position = tf.constant(x)
        tape.watch(position)
        total = tf.reduce_sum(model(position) * tf.constant(direction))
    gradient = tape.gradient(total, position).numpy()
    assert np.isfinite(gradient).all()
    step = rng.standard_normal(x.shape)
    ends = [(predict(model, x + sign * 1e-5 * step) * direction).sum() for sign in (1, -1)]
    assert (gradient * step).sum() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-8)


def test_zero_vectors_have_zero_gradient(rng):
    x = tf.constant(cluster(rng, 3)[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = geometry.over_squared_length(geometry.displacements(x))
        own = tf.reduce_sum(tf.einsum("biic->bic", a) ** 2 + tf.einsum("biic->bic", a))
    np.testing.assert_array_equal(tape.gradient(own, x), np.zeros((1, 3, 3)))


def test_batch_equals_single(model, rng):
    x = np.stack([cluster(rng, 6) for _ in range(7)])
    single = np.concatenate([predict(model, one[None]) for one in x])
    np.testing.assert_allclose(predict(model, x, chunk=3), single, rtol=0, atol=1e-12)


def test_xla_and_plain_agree_when_the_number_of_atoms_is_open(model, rng):
    compiled = tf.function(
        lambda x: model(x),
        jit_compile=True,
        input_signature=[tf.TensorSpec((None, None, 3), tf.float64)],
    )
    for n_atoms in (2, 5):
        x = cluster(rng, n_atoms)[None]
        np.testing.assert_allclose(compiled(x), predict(model, x), rtol=0, atol=1e-12)


def test_saved_models_open_in_a_fresh_process(rng, tmp_path):
    """In Keras's safe mode, with the same output."""
    x = cluster(rng, 6)[None]
    np.save(tmp_path / "x.npy", x)
    models = {f"{name}-{vectors}": (name, vectors) for name in MODELS for vectors in VECTORS}
    for file, (name, vectors) in models.items():
        build(name, activation="silu", vectors=vectors).save(tmp_path / f"{file}.keras")
    code = (
        "import pathlib, sys, numpy as np; from keras_models import load_model\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for path in folder.glob('*.keras'):\n"
        "    y = load_model(path)(np.load(folder / 'x.npy')).numpy()\n"
        "    np.save(path.with_suffix('.npy'), y)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for file, (name, vectors) in models.items():
        expected = build(name, activation="silu", vectors=vectors)(x)
        np.testing.assert_array_equal(np.load(tmp_path / f"{file}.npy"), expected)


@pytest.mark.parametrize("name", ["eq6", "eq7", "eq8", "eq9"])
def test_learning_happens(name, au6, statistics):
    """In two lanes, in the compiled loop."""
    part = au6[:300]
    models = [build_seeded(lambda: getattr(force, name)(statistics), seed) for seed in (0, 1)]
    objective = direct_objective(models[0], part.forces, statistics.force_rms)
    loop = EpochLoop(objective, part.positions, AdamSettings(epochs=80, learning_rate=3e-3))
    state = TrainingState.start([flat_weights(m) for m in models], 1)
    state = train(loop, state, (0, 1), curve_points=1)
    assert (state.losses[-1] < 0.8 * state.losses[0]).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='vectors="inverse": must be'):
        force.eq6(STATISTICS, vectors="inverse")
    with pytest.raises(ValueError, match="3 components, not 1"):
        force.eq9(STATISTICS, widths=((50, 1), (50, 20, 20), (50, 20, 20)))
    with pytest.raises(ValueError, match="no hidden layer"):
        force.eq8(STATISTICS, widths=((50, 3), (50, 20), (20,)))
    with pytest.raises(ValueError, match="is 6 wide, not 5"):
        mlp((keras.Input((2,)), keras.Input((4,))), (5, 8, 1), "relu", "mlp")
