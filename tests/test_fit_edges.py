"""Training on edge lists by fit_edges(): what is learned, from what, and what must not matter."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from ase.data import chemical_symbols
from conftest import graphs_alone
from pair_potential import CUTOFF, SHIFTS, SHORT, TINY, labelled, settings, structure

from data_gen.frames import Frames, Structure, composition
from keras_models import catalogue, load_model
from keras_models.backend import tf
from keras_models.building import flat_weights
from keras_models.checkpoints import Checkpoint
from keras_models.edge_data import (
    EdgeData,
    batches_from,
)
from keras_models.errors import Diverged
from keras_models.fit_edges import EdgeFitSettings, divided, fit_edges
from keras_models.optimise import edge_adam
from keras_models.optimise.edge_adam import SHAPES, EdgeLoop
from keras_models.prediction import StructurePredictor
from keras_models.reference import reference_energies
from keras_models.settings import EdgeSettings


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Clusters of 3 to 6 atoms and a small cell, in turn, of two elements."""
    rng = np.random.default_rng(3)
    return labelled([structure(rng, 4 if k % 3 == 0 else 3 + k % 4, k % 3 == 0) for k in range(40)])


@pytest.fixture(scope="module")
def whole(frames, tmp_path_factory):
    """A short training without interruption, and its checkpoint after five steps."""
    path, copy = (tmp_path_factory.mktemp("whole") / name for name in ("c.npz", "copy.npz"))

    def keep(fraction, text):
        if text == "step 6/8":  # what a kill -9 in the sixth step would leave behind
            shutil.copy(path, copy)

    with pytest.MonkeyPatch.context() as patch:
        step = 0

        def due(self):
            nonlocal step
            step += 1
            return step == 5

        patch.setattr(Checkpoint, "due", due)
        return fit_edges(frames, settings(), 0, path, "code", keep), copy


def assert_same_bits(one, other):
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.references == other.references and one.counts == other.counts
    for name, curve in one.curves.items():
        np.testing.assert_array_equal(curve, other.curves[name])


def loop_of(frames, training=SHORT, size=8):
    """A loop in float64 with a model whose linear term is not 0, as Keras would begin."""
    model = catalogue.build(
        "linear_eq4", frames, (5,), None, {**TINY, "order": 2}, seed=0, dtype="float64"
    )
    rng = np.random.default_rng(0)
    theta = flat_weights(model) + 0.1 * rng.standard_normal(model.count_params())
    loop = EdgeLoop(model, EdgeData(frames, CUTOFF, SHIFTS), None, training, size, 0)
    return loop, tf.constant(theta)


def test_a_pair_potential_is_learned_from_clusters_and_cells(frames, tmp_path):
    training = EdgeSettings(
        400,
        batch_size=8,
        learning_rate=5e-2,
        warm_up=20,
        average=0.95,
        validation=0.2,
        solve_last_layer=False,
    )
    fitted = fit_edges(frames, settings(training, polynomials=6))
    # Without constants of its own, the model would not get below half of the first errors.
    for name in ("energy_per_atom", "force"):
        curve = fitted.curves[f"curve_{name}"]
        assert curve.shape == (55, 2) and curve[-1].max() < 0.1 * curve[0].min()
    counts = fitted.counts
    assert counts["frames"] == 32 and counts["validation_frames"] == 8
    assert counts["compilations"] == counts["shapes"] + 1 <= 8
    assert max(fitted.info["padding"]) <= 0.2
    assert fitted.seconds["train"] > 0 and fitted.seconds["compile"] > 0
    # What is saved is what was measured: an average of the weights.
    fitted.save(tmp_path / "m.keras")
    # With ranges of sums over each of two elements, and over both.
    ranges = load_model(tmp_path / "m.keras").get_layer("sums_0_scaled").ranges
    assert {len(x) for x in ranges.values()} == {3 * 6}
    block = frames[32:]
    energies, forces, _ = StructurePredictor.load(tmp_path / "m.keras")(block.structures)
    np.testing.assert_array_equal(energies, fitted.predictor()(block.structures)[0])
    off = (energies - block.energies) / block.sizes
    point = fitted.curves["curve_steps"].tolist().index(counts["chosen_step"])
    last = [fitted.curves[f"curve_{name}"][point, 1] for name in ("energy_per_atom", "force")]
    assert last[0] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)
    off = np.concatenate(forces) - np.concatenate(block.forces)
    assert last[1] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)


def without_forces(frames, k):
    forces = list(frames.forces)
    forces[k] = np.full_like(forces[k], np.nan)
    return Frames(frames.structures, frames.energies, tuple(forces))


def test_missing_forces_change_no_bit_of_the_gradient_of_others(frames):
    """Beside a frame without forces, the gradient of forces is that beside padding."""
    loop, theta = loop_of(without_forces(frames, 1))
    shape = (12, 300, 6)
    weights = tf.constant([0.0, 1.0], tf.float64)
    _, squares, alone = loop.gradient(theta, weights, *loop.train.batch([0], shape, "float64"))
    batch = loop.train.batch([0, 1], shape, "float64")
    _, beside, gradient = loop.gradient(theta, weights, *batch)
    np.testing.assert_array_equal(gradient, alone)
    assert beside[1] == squares[1] > 0 and np.abs(alone).max() > 0
    assert beside[0] != squares[0]  # its energy is learned
    # A frame counts as much in the gradient of forces whatever else lacks forces.
    complete, _ = loop_of(frames)
    share = loop.train.components / complete.train.components
    scale = loop.train.force_mean_square / complete.train.force_mean_square
    assert complete.weights_at(1, 2)[1] == pytest.approx(share * scale * loop.weights_at(1, 2)[1])


@pytest.mark.usefixtures("without_xla")
def test_energies_alone_are_trained_on(frames):
    nothing = tuple(np.full_like(f, np.nan) for f in frames.forces)
    fitted = fit_edges(
        Frames(frames.structures, frames.energies, nothing), settings(replace(SHORT, steps=3))
    )
    assert np.isnan(fitted.curves["curve_force"]).all()
    assert np.isfinite(fitted.curves["curve_energy_per_atom"]).all()
    assert all(np.isfinite(w).all() for w in fitted.model.get_weights())


def test_padding_changes_no_gradient(frames):
    loop, theta = loop_of(frames)
    chosen = np.array([0, 3, 7, 10])
    need = loop.train.counts[chosen].sum(axis=0)
    weights = tf.constant([2.0, 1.0], tf.float64)
    found = [
        loop.gradient(theta, weights, *loop.train.batch(chosen, shape, "float64"))
        for shape in ((*need, 4), (need[0] + 1, need[1] + 90, 5), (need[0] + 30, need[1] + 9, 40))
    ]
    for loss, squares, gradient in found[1:]:
        assert float(loss) == pytest.approx(float(found[0][0]), rel=1e-12)
        np.testing.assert_allclose(squares, found[0][1], rtol=1e-12)
        np.testing.assert_allclose(gradient, found[0][2], rtol=1e-9, atol=1e-12)


def test_gradient_is_the_slope_of_the_loss_of_energies_and_forces(frames):
    """The loss by its formula, from predictions of whole structures; its slope by differences."""
    loop, theta = loop_of(frames)
    chosen, step = np.array([1, 2, 6]), 5
    weights = tf.constant(loop.weights_at(step, 3), tf.float64)
    inputs, labels = loop.batch(chosen)
    loss, _, gradient = loop.gradient(theta, weights, inputs, labels)
    some = frames[chosen]
    model_energies, model_forces, constants = (x.numpy() for x in loop.outputs(theta, inputs))
    assert np.abs(constants).min() > 1e-3
    elements = np.array([[78, 79]]).T  # as their symbols are sorted: Au, Pt
    counts = [(s.numbers == elements[::-1]).sum(axis=1) for s in some.structures]
    references = [sum(SHIFTS[chemical_symbols[z]] for z in s.numbers) for s in some.structures]
    off = (model_energies[:3] + counts @ constants + references - some.energies) / some.sizes
    known = np.concatenate(some.forces)
    force_off = model_forces[: len(known)] - known
    everything = np.concatenate(frames.forces)
    per_frame = everything.size / len(frames)
    expected = loop.settings.energy_weight_at(step) * (off**2).sum()
    expected += (force_off**2).sum() / per_frame
    expected /= 3 * np.mean(everything**2)
    assert float(loss) == pytest.approx(expected, rel=1e-10)
    along = np.random.default_rng(0).standard_normal(len(theta))
    ends = [float(loop.loss(theta + h * along, weights, inputs, labels)[0]) for h in (-1e-5, 1e-5)]
    assert gradient.numpy() @ along == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-6)


def test_a_killed_training_is_resumed_to_the_same_bits(frames, whole):
    fitted, kept = whole
    told = []
    resumed = fit_edges(frames, settings(), 0, kept, "code", lambda _, text: told.append(text))
    assert [t for t in told if "step" in t] == ["step 6/8", "step 7/8", "step 8/8"]
    assert_same_bits(resumed, fitted)


@pytest.mark.usefixtures("without_xla")
def test_stopped_by_its_report_a_training_keeps_its_last_step(frames, whole, tmp_path):
    class Stop(Exception):
        pass

    def stop(fraction, text):
        told.append(text)
        if text in ("step 3/8", "step 4/8"):
            raise Stop

    path = shutil.copy(whole[1], tmp_path)
    # What another seed left is not resumed.
    for seed, first in ((1, 1), (1, 4)):
        told = []
        with pytest.raises(Stop):
            fit_edges(frames, settings(), seed, path, "code", stop)
        assert next(t for t in told if "step" in t) == f"step {first}/8"


def test_a_seed_repeats_and_another_differs(frames, whole):
    first = fit_edges(frames, settings(), 0)
    with graphs_alone():
        other = fit_edges(frames, settings(), 1)
    assert_same_bits(first, whole[0])
    # More than XLA's rounding.
    assert np.abs(flat_weights(first.model) - flat_weights(other.model)).max() > 1e-2
    counts = np.ones((20, 2), int)
    orders = [
        np.concatenate(list(batches_from(counts, 5, s, f, f + 4)))
        for s, f in ((0, 0), (0, 4), (1, 0))
    ]
    for one in orders[1:]:
        assert not np.array_equal(orders[0], one) and sorted(one) == list(range(20))


def test_shifts_of_elements_are_absorbed_by_reference_energies(frames):
    """Powers of two, so that no bit of the energies is lost in the test itself."""
    shifts = {"Pt": 4096.0, "Au": -512.0}
    more = np.array(
        [sum(shifts[chemical_symbols[z]] for z in s.numbers) for s in frames.structures]
    )
    shifted = Frames(frames.structures, frames.energies + more, frames.forces)
    numbers = [s.numbers for s in frames.structures]
    one, other = (reference_energies(numbers, data.energies) for data in (frames, shifted))
    for element, shift in shifts.items():
        assert other[element] - one[element] == pytest.approx(shift, abs=1e-8)
    targets = [EdgeData(d, CUTOFF, r) for d, r in ((frames, one), (shifted, other))]
    np.testing.assert_allclose(targets[1].energies, targets[0].energies, atol=1e-9)
    assert np.abs(targets[0].energies).max() < 1.0


@pytest.mark.usefixtures("without_xla")
def test_steps_are_adams_with_clipping_and_their_weights_are_averaged(frames):
    """Five steps against Kingma and Ba, arXiv:1412.6980, and Loshchilov and Hutter, in NumPy."""
    training = replace(SHORT, clip=0.05, average=0.3, learning_rate=0.01, weight_decay=5.0)
    loop, theta = loop_of(frames, training)
    arrays = [theta, tf.zeros_like(theta), tf.zeros_like(theta), theta]
    x, average = theta.numpy(), theta.numpy()
    m = v = np.zeros_like(x)
    clipped = 0
    for t, chosen in enumerate(loop.batches(0, 5), start=1):
        weights = tf.constant(loop.weights_at(t, len(chosen)), tf.float64)
        _, _, gradient = loop.gradient(tf.constant(x), weights, *loop.batch(chosen))
        arrays, _, _ = loop.step(arrays, t, chosen)
        norm = np.linalg.norm(gradient)
        clipped += norm > 0.05
        g = gradient.numpy() * min(1.0, 0.05 / norm)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        # As in Keras, epsilon is compared with the square root before its correction.
        root = math.sqrt(1 - 0.999**t)
        step = m / (1 - 0.9**t) / (np.sqrt(v) / root + 1e-7 / root)
        x = x - training.rate(t) * (step + 5.0 * x)
        d = min(0.3, (1 + t) / (10 + t))
        average = d * average + (1 - d) * x
    assert clipped
    np.testing.assert_allclose(arrays[0], x, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(arrays[3], average, rtol=1e-7, atol=1e-10)
    assert np.abs(x - average).max() > 1e-4


@pytest.mark.usefixtures("without_xla")
def test_an_isolated_atom_keeps_its_energy(frames):
    """Its element's reference energy is known; that of the other is fitted."""
    alone = Structure(np.zeros((1, 3)), np.array([78]), np.zeros((3, 3)), np.zeros(3, bool))
    data = Frames(
        (alone, *frames.structures),
        np.array([-700.0, *frames.energies]),
        (np.zeros((1, 3)), *frames.forces),
    )
    fitted = fit_edges(data, settings(dtype="float64"))
    assert fitted.references["Pt"] == -700.0 == fitted.predictor()([alone])[0][0]
    first = reference_energies(
        [s.numbers for s in data.structures[:33]], data.energies[:33], {"Pt": -700.0}
    )
    assert fitted.references["Au"] != first["Au"]
    off = fitted.predictor()(data.structures[33:])[0] - data.energies[33:]
    off = np.sqrt(np.mean((off / data.sizes[33:]) ** 2))
    assert fitted.curves["curve_energy_per_atom"][-1, 1] == pytest.approx(off, rel=1e-9)


@pytest.mark.usefixtures("without_xla")
def test_energies_without_a_weight_fit_in_the_end_but_for_isolated_atoms(frames, monkeypatch):
    """By the normal equations of least squares on E / N, of the part trained on, in float64.

    Nothing is compiled for it, nor forces computed.
    """
    alone = Structure(np.zeros((1, 3)), np.array([78]), np.zeros((3, 3)), np.zeros(3, bool))
    data = Frames(
        (alone, *frames.structures),
        np.array([-650.0, *frames.energies]),
        (np.zeros((1, 3)), *frames.forces),
    )
    training = replace(SHORT, steps=3, energy_weight=0.0)
    with monkeypatch.context() as patch:
        patch.setattr("keras_models.fit_edges.StructurePredictor", None)
        fitted = fit_edges(data, settings(training, dtype="float64"))
    first = divided(data, training.validation)[0]
    off = (first.energies - fitted.predictor()(first.structures)[0]) / first.sizes
    shares = composition([s.numbers for s in first.structures], ["Au", "Pt"])
    gold, platinum = (shares / first.sizes[:, None]).T @ off
    assert abs(gold) < 1e-9 < 1.0 < abs(platinum) and fitted.references["Pt"] == -650.0
    # Until then their constant was arbitrary.
    assert np.isnan(fitted.curves["curve_energy_per_atom"]).all()
    assert np.isfinite(fitted.curves["curve_force"]).all()


@pytest.mark.usefixtures("without_xla")
def test_a_single_frame_is_learned_without_a_validation_block(frames):
    one = frames[:1]
    fitted = fit_edges(one, settings(replace(SHORT, steps=40), dtype="float64"))
    assert fitted.counts["frames"] == 1 and fitted.counts["validation_frames"] == 0
    assert fitted.counts["chosen_step"] == 40 and np.isnan(fitted.curves["curve_force"][:, 1]).all()
    energies, (forces,), _ = fitted.predictor()(one.structures)
    scale = np.abs(one.forces[0]).max()
    assert np.abs(forces - one.forces[0]).max() < 0.9 * scale and np.isfinite(energies).all()


@pytest.mark.usefixtures("without_xla")
def test_a_ragged_set_compiles_at_most_eight_functions():
    """5 to 34 atoms in batches of one frame: every batch has a size of its own."""
    rng = np.random.default_rng(1)
    grid = 2.3 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    ragged = labelled(
        [
            Structure(
                grid[:k] + rng.normal(0, 0.1, (k, 3)),
                np.full(k, 79),
                np.zeros((3, 3)),
                np.zeros(3, bool),
            )
            for k in rng.permutation(np.arange(5, 35))
        ]
    )
    training = EdgeSettings(30, batch_size=1, warm_up=0, validation=0.1, solve_last_layer=False)
    fitted = fit_edges(ragged, settings(training, polynomials=2, channels=1))
    assert fitted.counts["compilations"] == fitted.counts["shapes"] + 1 <= SHAPES + 1
    assert fitted.counts["shapes"] > 2 and max(fitted.info["padding"]) <= 0.2


@pytest.mark.usefixtures("without_xla")
def test_the_validation_block_chooses_a_step_and_nothing_else(frames):
    """Other labels of its frames: the same steps, other errors, and the best of them is kept."""
    turned = Frames(
        frames.structures,
        frames.energies,
        (*frames.forces[:32], *(-10 * f for f in frames.forces[32:])),
    )
    large = settings(replace(SHORT, learning_rate=0.05))
    fits = [fit_edges(some, large) for some in (frames, turned)]
    for name in ("curve_energy_per_atom", "curve_force"):
        one, two = (fitted.curves[name] for fitted in fits)
        np.testing.assert_array_equal(one[:, 0], two[:, 0])
    assert (fits[0].curves["curve_force"][:, 1] != fits[1].curves["curve_force"][:, 1]).all()
    for fitted in fits:
        e, f = (fitted.curves[f"curve_{name}"][:, 1] for name in ("energy_per_atom", "force"))
        best = (SHORT.energy_weight_at(SHORT.steps) * e**2 + f**2).argmin()
        assert fitted.counts["chosen_step"] == fitted.curves["curve_steps"][best]
    assert fits[1].counts["chosen_step"] < fits[0].counts["chosen_step"] < SHORT.steps
    assert np.abs(flat_weights(fits[0].model) - flat_weights(fits[1].model)).max() > 0
    first, block = divided(frames, 0.25)
    np.testing.assert_array_equal(block.energies, frames.energies[30:])
    assert len(first) == 30 and divided(frames[:1], 0.5)[1] is None


@pytest.mark.usefixtures("without_xla")
def test_without_a_validation_block_the_last_average_is_kept(frames):
    fitted = fit_edges(frames[:8], settings(replace(SHORT, steps=3, validation=0.0)))
    assert fitted.counts["chosen_step"] == 3
    assert np.isnan(fitted.curves["curve_force"][:, 1]).all()


def test_bad_input_is_refused(frames):
    with pytest.raises(ValueError, match="eq2 does not take edge lists"):
        fit_edges(frames, EdgeFitSettings("eq2", SHORT))
    gold = [s._replace(numbers=np.full(len(s.numbers), 79)) for s in frames.structures[:36]]
    late = Frames((*gold, *frames.structures[36:]), frames.energies, frames.forces)
    with pytest.raises(ValueError, match=r"only the validation block \(the last 4 frames\) has Pt"):
        fit_edges(late, settings(replace(SHORT, validation=0.1)))
    silent = replace(SHORT, energy_weight=0.0, validation=0.0)
    with pytest.raises(ValueError, match="no frame has forces, and energies have no weight"):
        fit_edges(without_forces(frames[:1], 0), settings(silent))


@pytest.mark.usefixtures("without_xla")
def test_a_loss_that_is_not_finite_ends_training(frames, monkeypatch):
    monkeypatch.setattr(edge_adam.EdgeLoop, "compile", lambda self, arrays: None)
    with pytest.raises(Diverged, match=r"seed 0: the loss is not finite in step \d"):
        fit_edges(frames, settings(replace(SHORT, learning_rate=1e30, warm_up=0)))
