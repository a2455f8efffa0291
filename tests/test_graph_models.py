"""The contract of the graph networks: what E(X) must and must not depend on."""

import functools
import subprocess
import sys

import numpy as np
import pytest
from conftest import cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from twins import energy as twins
from twins import graph as twins_graph

from data_gen.dataset import Statistics
from keras_models import graph
from keras_models.backend import tf
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

STATISTICS = Statistics(0.27, 0.14, 5.5, 0.28, 0.97, 1.8)
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
VARIANTS = {
    "raw": ("graph_network", {"centre": False}),
    "centred": ("graph_network", {"centre": True}),
    "distances-1": ("distance_graph_network", {"steps": 1}),
    "distances-2": ("distance_graph_network", {"steps": 2}),
    "distances-3": ("distance_graph_network", {"steps": 3}),
}


@functools.cache
def build(variant, dtype="float64", seed=0, **more):
    """A model with random biases: Keras starts with zeros, which hide what forgets them."""
    name, options = VARIANTS[variant]
    with precision(dtype):
        model = build_seeded(lambda: getattr(graph, name)(STATISTICS, **options, **more), seed)
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(params=VARIANTS)
def model(request):
    return build(request.param)


def _equal(model, x, moved, dtype):
    before, after = predict(model, np.stack([x, moved]))[:, 0]
    assert after == pytest.approx(before, abs=TOLERANCE[dtype] * max(1.0, abs(before)))


def _turn(seed, mirror):
    return Rotation.random(random_state=seed % 2**31).as_matrix() * (-1 if mirror else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", ["distances-1", "distances-2"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(2, 7), mirror=st.booleans())
def test_distance_network_is_invariant(variant, dtype, seed, n_atoms, mirror):
    """Translation, rotation, reflection and permutation change nothing."""
    rng = np.random.default_rng(seed)
    x = cluster(rng, n_atoms)
    moved = x[rng.permutation(n_atoms)] @ _turn(seed, mirror).T + rng.uniform(-5, 5, 3)
    _equal(build(variant, dtype), x, moved, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", ["raw", "centred"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(2, 7))
def test_the_reports_network_knows_permutations(variant, dtype, seed, n_atoms):
    """... and translations, when centred."""
    rng = np.random.default_rng(seed)
    x = cluster(rng, n_atoms)
    shift = rng.uniform(-5, 5, 3) if variant == "centred" else 0.0
    _equal(build(variant, dtype), x, x[rng.permutation(n_atoms)] + shift, dtype)


@pytest.mark.parametrize("variant", ["raw", "centred"])
def test_the_reports_network_does_not_know_rotations(variant, rng):
    model, x = build(variant), cluster(rng, 6)
    energies = predict(model, np.stack([x, x @ _turn(1, False).T, x + 0.5]))[:, 0]
    assert abs(energies[1] - energies[0]) > 1e-2
    assert (abs(energies[2] - energies[0]) > 1e-2) == (variant == "raw")


@pytest.mark.parametrize("variant", ["distances-1", "distances-2"])
def test_energy_depends_on_the_shape(variant, rng):
    """The invariances above would hold for a constant, too."""
    x = cluster(rng, 6)
    energies = predict(build(variant), np.stack([x, 1.05 * x]))[:, 0]
    assert abs(energies[1] - energies[0]) > 1e-3


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("n_atoms", [2, 5, 6])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_its_slow_twin(variant, n_atoms, activation, rng):
    model = build(variant, activation=activation)
    name, options = VARIANTS[variant]
    x, weights = cluster(rng, n_atoms), twins.weights_of(model)
    twin = getattr(twins_graph, name)(x.tolist(), weights, STATISTICS, activation, **options)
    assert predict(model, x[None])[0, 0] == pytest.approx(twin, rel=1e-11)


def test_parameter_counts_follow_from_the_widths():
    dense = [(6, 12), (24, 6), (6, 12), (12, 1)]
    assert build("centred").count_params() == sum(a * b + b for a, b in dense) == 331
    step = [(1, 50), (50, 20), (20, 50), (50, 20)]
    dense = [*step, *step, (20, 50), (50, 1)]
    assert build("distances-2").count_params() == sum(a * b + b for a, b in dense) == 7481


def test_coordinates_are_scaled_to_one(au6):
    """The centred coordinates that the first message sees."""
    x = au6.positions - au6.positions.mean(axis=1, keepdims=True)
    scale = Statistics.of(au6).displacement_rms / np.sqrt(2)
    assert np.sqrt(np.mean((x / scale) ** 2)) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("variant", ["centred", "distances-2"])
def test_smooth_activation_makes_the_energy_twice_differentiable(variant, rng):
    model = build(variant, activation="silu")
    x = cluster(rng, 4)[None]
    with tf.GradientTape() as outer:
        position = tf.constant(x)
        outer.watch(position)
        with tf.GradientTape() as inner:
            inner.watch(position)
            energy = model(position)
        gradient = inner.gradient(energy, position)
    hessian = outer.jacobian(gradient, position).numpy().reshape(12, 12)
    np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-12 * np.abs(hessian).max())
    step = rng.standard_normal(x.shape)
    energies = [predict(model, x + k * 1e-3 * step)[0, 0] for k in (-1, 0, 1)]
    slope = (energies[2] - energies[0]) / 2e-3
    assert (gradient.numpy() * step).sum() == pytest.approx(slope, rel=1e-4)
    curvature = (energies[2] - 2 * energies[1] + energies[0]) / 1e-6
    assert step.ravel() @ hessian @ step.ravel() == pytest.approx(curvature, rel=1e-3)


def test_batch_equals_single(model, rng):
    x = np.stack([cluster(rng, 6) for _ in range(7)])
    single = np.concatenate([predict(model, one[None]) for one in x])
    np.testing.assert_allclose(predict(model, x, chunk=3), single, rtol=1e-12)


@pytest.mark.parametrize("variant", ["raw", "distances-2"])
def test_xla_and_plain_agree_when_the_number_of_atoms_is_open(variant, rng):
    model = build(variant)
    compiled = tf.function(
        lambda x: model(x),
        jit_compile=True,
        input_signature=[tf.TensorSpec((None, None, 3), tf.float64)],
    )
    for n_atoms in (2, 5):
        x = cluster(rng, n_atoms)[None]
        np.testing.assert_allclose(compiled(x), predict(model, x), rtol=1e-12)


def test_saved_models_open_in_a_fresh_process(rng, tmp_path):
    """In Keras's safe mode, with the same output."""
    x = cluster(rng, 6)[None]
    np.save(tmp_path / "x.npy", x)
    for variant in VARIANTS:
        build(variant).save(tmp_path / f"{variant}.keras")
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
    for variant in VARIANTS:
        expected = build(variant)(x)
        np.testing.assert_array_equal(np.load(tmp_path / f"{variant}.npy"), expected)


@pytest.mark.parametrize("name", ["graph_network", "distance_graph_network"])
def test_learning_happens(name, au6, statistics):
    """In two lanes, in the compiled loop."""
    part = au6[:300]
    models = [build_seeded(lambda: getattr(graph, name)(statistics), seed) for seed in (0, 1)]
    objective = direct_objective(models[0], part.energies[:, None], statistics.energy_std)
    loop = EpochLoop(objective, part.positions, AdamSettings(epochs=80, learning_rate=3e-3))
    state = TrainingState.start([flat_weights(m) for m in models], 1)
    state = train(loop, state, (0, 1), curve_points=1)
    assert (state.losses[-1] < 0.8 * state.losses[0]).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="message_dense_2: the input is 24 wide, not 12"):
        graph.graph_network(STATISTICS, widths=((6, 12, 1), (12, 6), (6, 12)))
    with pytest.raises(ValueError, match="update_mlp_1: the input is 20 wide, not 10"):
        graph.distance_graph_network(STATISTICS, ((20, 50, 1), (10, 50, 20), (1, 50, 20)))
    with pytest.raises(ValueError, match="at least one"):
        graph.distance_graph_network(STATISTICS, steps=0)
