"""Forces as gradients: finite differences, symmetry, training, and the quasi-Newton method."""

import numpy as np
import pytest
from conftest import STATISTICS, cluster
from scipy.optimize import rosen, rosen_der
from scipy.spatial.transform import Rotation

from keras_models import catalogue
from keras_models.backend import K, keras, tf
from keras_models.building import flat_weights, set_flat_weights
from keras_models.errors import Diverged
from keras_models.gradient import gradient_objective
from keras_models.initialise import pair_features, spread_over_scales
from keras_models.layers import swish2
from keras_models.objective import FullBatch
from keras_models.optimise import ssbroyden
from keras_models.optimise.ssbroyden import (
    InverseHessian,
    QuasiNewtonState,
    line_search,
    minimise,
)
from keras_models.optimise.stages import run_stages
from keras_models.prediction import EnergyForcePredictor, predict
from keras_models.settings import QuasiNewtonSettings

ENERGIES = ("eq2", "eq3", "eq4", "eq5", "distance_graph_network")


def build(name, seed=0, activation="swish2", statistics=STATISTICS):
    return catalogue.build(name, statistics, None, activation, {}, seed, "float64")


@pytest.fixture(scope="module", params=ENERGIES)
def model(request):
    return build(request.param)


@pytest.mark.usefixtures("without_xla")
def test_forces_are_finite_differences_of_the_energy(model, rng):
    x = cluster(rng, 6)
    _, forces = EnergyForcePredictor(model)(x[None])
    step = 1e-4
    shifts = step * np.eye(18).reshape(18, 6, 3)
    # Fourth order, so that the step's own error is far below the tolerance.
    plus, minus, plus2, minus2 = (
        predict(model, x + k * shifts)[:, 0] for k in (1.0, -1.0, 2.0, -2.0)
    )
    slope = (8 * (plus - minus) - (plus2 - minus2)) / (12 * step)
    scale = np.abs(forces).max()
    np.testing.assert_allclose(-slope.reshape(6, 3), forces[0], atol=1e-6 * scale)


@pytest.mark.usefixtures("without_xla")
def test_forces_sum_to_zero_and_turn_with_the_molecule(model, rng):
    x = cluster(rng, 6)
    turn = Rotation.random(random_state=1).as_matrix()
    order = rng.permutation(6)
    _, forces = EnergyForcePredictor(model)(np.stack([x, (x @ turn.T + [3.0, -1.0, 2.0])[order]]))
    scale = np.abs(forces).max()
    assert scale > 1e-3
    np.testing.assert_allclose(forces.sum(axis=1), 0, atol=1e-11 * scale)
    np.testing.assert_allclose(forces[1], (forces[0] @ turn.T)[order], atol=1e-10 * scale)


@pytest.mark.usefixtures("without_xla")
def test_no_torque_on_the_whole(model, rng):
    x = cluster(rng, 5)
    _, forces = EnergyForcePredictor(model)(x[None])
    torque = np.cross(x, forces[0]).sum(axis=0)
    np.testing.assert_allclose(torque, 0, atol=1e-10 * np.abs(forces).max())


def test_chunks_do_not_change_predictions(rng):
    model = build("eq2")
    x = np.stack([cluster(rng, 6) for _ in range(7)])
    whole, parts = (EnergyForcePredictor(model, chunk)(x) for chunk in (100, 3))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("chunk", [7, 10, 64])
def test_gradient_of_the_force_loss_is_right(au6, chunk):
    """Second derivatives, against finite differences of the loss and a loss in NumPy."""
    model = build("eq2")
    part = au6[:20]
    objective = gradient_objective(model, part.energies, part.forces, 0.7, 1.3)
    batch = FullBatch(objective, part.positions, chunk)
    theta = flat_weights(model)
    loss, gradient = batch(theta)
    energies, forces = EnergyForcePredictor(model)(part.positions)
    by_hand = 0.7 * np.mean((energies - part.energies) ** 2)
    by_hand += 1.3 * np.mean((forces - part.forces) ** 2)
    assert loss == pytest.approx(by_hand, rel=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(3):
        d = rng.standard_normal(theta.shape)
        d /= np.linalg.norm(d)
        h = 1e-3
        f = [batch(theta + k * h * d)[0] for k in (1, -1, 2, -2)]
        slope = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h)
        assert gradient @ d == pytest.approx(slope, rel=1e-6, abs=1e-8 * np.linalg.norm(gradient))


def test_swish2_is_what_it_says_and_saves(tmp_path, rng):
    x = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(swish2(K.convert_to_tensor(x)), x / (1 + np.exp(-2 * x)))
    model = build("eq2")
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    x = cluster(rng, 6)[None]
    np.testing.assert_array_equal(again(x), model(x))


def test_inverse_hessian_fulfils_the_secant_condition(rng):
    """H y = s after the update, H symmetric and positive, as for every member of the family."""
    n = 12
    a = rng.standard_normal((n, n))
    inverse = InverseHessian(a @ a.T + np.eye(n), 0.3)
    for _ in range(20):
        s = rng.standard_normal(n)
        y = s + 0.4 * rng.standard_normal(n)
        if y @ s <= 0:
            continue
        old = _full(inverse)
        g = rng.standard_normal(n)
        apply = inverse.update(s, y, old @ y, s @ np.linalg.solve(old, s))
        new = _full(inverse)
        np.testing.assert_allclose(new @ y, s, atol=1e-9 * np.abs(s).max())
        np.testing.assert_allclose(apply(old @ g, g), new @ g, atol=1e-8 * np.abs(new @ g).max())
        assert np.linalg.eigvalsh(new).min() > 0


def _full(inverse):
    lower = np.tril(inverse.matrix)
    return inverse.scale * (lower + np.tril(lower, -1).T)


@pytest.mark.parametrize("curvature", [0.2, 0.9, 1.0, 1.3, 4.0])
def test_update_equals_its_formula(rng, curvature):
    """The two rank-one updates are Broyden's family in self-scaled form, written out."""
    n = 6
    a = rng.standard_normal((n, n))
    inverse = InverseHessian(a @ a.T + np.eye(n), 1.0)
    h = _full(inverse)
    s = rng.standard_normal(n)
    y = curvature * np.linalg.solve(h, s) + 0.1 * rng.standard_normal(n)
    if y @ s < 0:
        y = curvature * np.linalg.solve(h, s) + 0.01 * s
    b_s = np.linalg.solve(h, s)
    inverse.update(s, y, h @ y, s @ b_s)
    new = _full(inverse)
    hy, ys = h @ y, y @ s
    v = np.sqrt(y @ hy) * (s / ys - hy / (y @ hy))
    base = h - np.outer(hy, hy) / (y @ hy)
    # Al-Baali's choice of the two factors, once more and in plain words.
    ratio_b, ratio_h = (s @ b_s) / ys, (y @ hy) / ys
    a = ratio_b * ratio_h - 1.0
    rho = min(1.0, ratio_h * (1.0 - np.sqrt(a / (1.0 + a))))
    theta = max((rho - 1.0) / a, min(1.0 / rho, (1.0 - ratio_b) / ratio_b))
    sigma = 1.0 + theta * a
    shrink, root = min(1.0, 1.0 / ratio_b), sigma ** (1.0 / (1.0 - n))
    tau = min(shrink * root, sigma) if theta <= 0 else shrink * min(root, 1.0 / theta)
    phi = (1.0 - theta) / sigma
    expected = (base + phi * np.outer(v, v)) / tau + np.outer(s, s) / ys
    np.testing.assert_allclose(new, expected, atol=1e-10 * np.abs(expected).max())


def test_line_search_fulfils_strong_wolfe(rng):
    def f(x):
        return rosen(x), rosen_der(x)

    for first in (1e-6, 1e-3, 1.0, 100.0):
        x = rng.uniform(-1, 1, 5)
        f0, g0 = f(x)
        p = -g0
        step, x_new, f_new, g_new = line_search(f, x, f0, g0, p, first)
        np.testing.assert_allclose(x_new, x + step * p)
        assert f_new <= f0 + ssbroyden.SUFFICIENT_DECREASE * step * (g0 @ p)
        assert abs(g_new @ p) <= ssbroyden.CURVATURE * abs(g0 @ p)


def test_minimise_finds_rosenbrock_s_minimum():
    state = QuasiNewtonState.start(np.full(20, -1.2))
    state = minimise(lambda x: (rosen(x), rosen_der(x)), state, 2000)
    np.testing.assert_allclose(state.x, 1.0, atol=1e-6)
    assert state.iterations < 400 and state.evaluations < 800


def test_minimise_stops_where_nothing_goes_down():
    state = minimise(lambda x: (x @ x, 2 * x), QuasiNewtonState.start(np.zeros(3)), 10)
    assert state.stuck and state.iterations == 0


def test_stages_without_a_way_down_end_where_they_began():
    """A finite loss that no step lowers is no divergence; a loss of NaN is."""

    def run(loss):
        measured = []
        state = run_stages(
            ((2, 5), (1, 5)),
            QuasiNewtonState.start(np.ones(3)),
            0,
            lambda stride, state: lambda x: (loss, np.ones(3)),
            lambda state, stage: measured.append((stage, state.loss)),
            lambda state, stage: None,
        )
        return state, measured

    state, measured = run(3.0)
    assert measured == [(0, 3.0), (1, 3.0)] and state.iterations == 0
    with pytest.raises(Diverged, match="the loss is not finite"):
        run(np.nan)


def test_minimise_in_pieces_is_the_same(rng):
    """As a checkpoint takes it up, through arrays."""

    def f(x):
        return rosen(x), rosen_der(x)

    whole = minimise(f, QuasiNewtonState.start(np.full(8, -1.0)), 60)
    state = QuasiNewtonState.start(np.full(8, -1.0))
    for end in (1, 2, 17, 40, 60):
        state = minimise(f, state, end)
        state = QuasiNewtonState(**{k: np.array(v)[()] for k, v in vars(state).items()})
    np.testing.assert_array_equal(state.x, whole.x)
    assert state.iterations == whole.iterations == 60


def test_quasi_newton_learns_energies_and_forces(au6, statistics):
    """From the spread of the data to a few meV/Å within seconds, where Adam is far from it."""
    model = build("eq2", statistics=statistics)
    train = au6[:300:3]
    spread_over_scales(model, "pair_mlp", pair_features(train.positions, statistics), 0, (0.5, 15))
    objective = gradient_objective(model, train.energies, train.forces, 1.0, 1.0)
    state = QuasiNewtonState.start(flat_weights(model))
    state = minimise(FullBatch(objective, train.positions), state, 200)
    set_flat_weights(model, state.x)
    energies, forces = EnergyForcePredictor(model)(train.positions)
    assert np.sqrt(np.mean((energies - train.energies) ** 2)) < 0.005
    assert np.sqrt(np.mean((forces - train.forces) ** 2)) < 0.01


def test_spread_start_covers_the_data(au6, statistics):
    model = build("eq2", statistics=statistics)
    c = pair_features(au6.positions, statistics)
    spread_over_scales(model, "pair_mlp", c, 3, (0.5, 15.0))
    kernel, bias = model.get_layer("pair_mlp_hidden_1").get_weights()
    np.testing.assert_allclose(-bias / kernel[0], np.linspace(c.min(), c.max(), 50))
    np.testing.assert_allclose(np.sort(np.abs(kernel[0])), np.geomspace(0.5, 15.0, 50))
    inner = keras.Model(
        model.get_layer("pair_features").output, model.get_layer("pair_mlp_output").output
    )
    assert np.std(inner(tf.constant(c[None, :, None]))) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "wrong", [{"stages": ()}, {"stages": ((0, 5),)}, {"stages": ((1, 5),), "sharpness": (0, 1)}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        QuasiNewtonSettings(**wrong)
