"""Training a model by fit(): what it gives, how it is taken up again, and what it refuses."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from conftest import cluster, graphs_alone

from data_gen.dataset import Dataset, Statistics
from keras_models import catalogue
from keras_models.checkpoints import Checkpoint
from keras_models.errors import Diverged
from keras_models.fit import FitSettings, fit
from keras_models.optimise import stages
from keras_models.prediction import predict
from keras_models.settings import AdamSettings, QuasiNewtonSettings

ADAM, NEWTON = AdamSettings(6, batch_size=8), QuasiNewtonSettings(((2, 10), (1, 6)))
SMALL = ((4, 1), (1, 6, 4))
PAIRS = [{"type": "G2", "element": "Au", "eta": eta, "offset": 0.0} for eta in (0.05, 4.0)]
ROUTES = {
    "adam": FitSettings("eq2", ADAM, SMALL, lanes=2),
    "second order": FitSettings("eq2", NEWTON, SMALL),
}
# What a report is told after a step of each route.
STEP = {"adam": "epoch {}/6", "second order": "iteration {}/16"}
# Errors are measured after 5, 10, 15 and 16 iterations.
SEGMENT = 5


class Stop(Exception):
    """What a report raises to end training."""


class Listener:
    """A report that keeps what it is told of steps, and raises at some of them, each once."""

    def __init__(self, *stops):
        self.told, self.stops = [], list(stops)

    def __call__(self, fraction, text):
        if text == "compiling":
            return
        self.told.append(text)
        if text in self.stops:
            self.stops.remove(text)
            raise Stop


@pytest.fixture(scope="module", autouse=True)
def short_segments_without_xla():
    """XLA's bits are compared in test_training.py, test_gradient.py and test_gradient_runs.py."""
    with pytest.MonkeyPatch.context() as patch, graphs_alone():
        patch.setattr(stages, "SEGMENT", SEGMENT)
        yield


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, Dataset]:
    """24 and 6 frames of four atoms that springs join."""
    rng = np.random.default_rng(0)
    positions = np.stack([cluster(rng, 4) for _ in range(30)])
    vectors = positions[:, :, None] - positions[:, None]
    distances = np.linalg.norm(vectors, axis=-1) + np.eye(4)
    stretch = (distances - 3.0) * (1.0 - np.eye(4))
    data = Dataset(
        positions,
        np.full(4, 79),
        (stretch**2).sum(axis=(1, 2)) / 4,
        -((stretch / distances)[..., None] * vectors).sum(axis=2),
        np.zeros((3, 3)),
        np.zeros(3, bool),
    )
    return data.split(24, 6)


@pytest.fixture(scope="module")
def whole(parts):
    """Both seeds by both routes, in one call each and without interruption."""
    return {name: fit(*parts, settings, (0, 1)) for name, settings in ROUTES.items()}


@pytest.fixture(scope="module")
def torn(parts, tmp_path_factory):
    """Checkpoints of seed 0 after three steps; their stamp is "these data"."""
    paths = {}
    for name, settings in ROUTES.items():
        paths[name] = tmp_path_factory.mktemp("torn") / "c.npz"
        with pytest.raises(Stop):
            stop = Listener(STEP[name].format(3))
            fit(*parts, settings, (0,), paths[name], "these data", stop)
    return paths


def assert_same_bits(one, other):
    """Weights, predictions and errors along the way; durations differ."""
    assert one.seed == other.seed and one.ended == other.ended
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.predictions.keys() == other.predictions.keys()
    for name, predicted in one.predictions.items():
        for a, b in zip(predicted, other.predictions[name], strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.curves.keys() == other.curves.keys()
    for name in one.curves.keys() - {"curve_seconds"}:
        np.testing.assert_array_equal(one.curves[name], other.curves[name])


@pytest.mark.parametrize(
    ("name", "counts", "points", "dtype"),
    [
        ("adam", {"epochs": 6}, 6, "float32"),
        ("second order", {"iterations": 16}, 4, "float64"),
    ],
)
def test_a_model_is_trained_on_any_dataset(whole, parts, name, counts, points, dtype):
    for seed, fitted in enumerate(whole[name]):
        assert fitted.seed == seed and list(fitted.predictions) == ["energy"]
        errors = fitted.curves["curve_energy"]
        assert errors.shape == (points, 2) and errors[-1, 0] < errors[0, 0]
        for k, part in enumerate(parts):
            predicted = fitted.predictions["energy"][k]
            np.testing.assert_array_equal(predicted, predict(fitted.model, part.positions)[:, 0])
            off = predicted - part.energies
            assert errors[-1, k] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-5)
        assert fitted.model.inputs[0].dtype == dtype
        counts["parameters"] = fitted.model.count_params()
        assert fitted.counts.items() >= counts.items()
        assert fitted.info["statistics"] == asdict(Statistics.of(parts[0]))


@pytest.mark.parametrize("name", ROUTES)
def test_a_seed_is_the_same_alone_and_without_a_test_part(whole, parts, name):
    """The test part chooses nothing; by Adam an absent seed is stood in for.

    Without XLA a lane's bits depend on its place; with it they are compared in test_runs.py.
    """
    (alone,) = fit(parts[0], None, ROUTES[name], (1,))
    beside = whole[name][1]
    close = {"rtol": 1e-4, "atol": 1e-6} if name == "adam" else {"rtol": 0}
    for a, b in zip(alone.model.get_weights(), beside.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **close)
    (predicted,) = alone.predictions["energy"]
    np.testing.assert_allclose(predicted, beside.predictions["energy"][0], **close)
    errors, test_errors = alone.curves["curve_energy"].T
    np.testing.assert_allclose(errors, beside.curves["curve_energy"][:, 0], **close)
    assert np.isnan(test_errors).all()


@pytest.mark.parametrize(("lanes", "seeds"), [(2, (0,)), (1, (0, 1))])
def test_a_seed_s_time_is_that_of_one_lane(parts, monkeypatch, lanes, seeds):
    def train_epochs(loop, state, *more):
        return replace(state, losses=np.ones((1, 2)), seconds=6.0, compile_seconds=4.0)

    monkeypatch.setattr("keras_models.fit.train_epochs", train_epochs)
    for fitted in fit(*parts, replace(ROUTES["adam"], lanes=lanes), seeds):
        assert fitted.seconds == {"train": 3.0, "compile": 2.0}


@pytest.mark.parametrize(
    ("name", "stop", "left"),
    [
        ("adam", 5, [6]),
        ("second order", 12, [13, 14, 15, 16]),  # of the second stage
    ],
)
def test_interrupted_and_resumed_is_uninterrupted(whole, parts, torn, tmp_path, name, stop, left):
    path = shutil.copy(torn[name], tmp_path)
    arguments = (*parts, ROUTES[name], (0,), path, "these data")
    listener = Listener(STEP[name].format(stop))
    with pytest.raises(Stop):
        fit(*arguments, listener)
    assert listener.told[0] == STEP[name].format(4)
    listener.told.clear()
    (resumed,) = fit(*arguments, listener)
    assert listener.told == [STEP[name].format(step) for step in left]
    assert_same_bits(resumed, whole[name][0])


@pytest.mark.parametrize("name", ROUTES)
def test_a_checkpoint_of_another_stamp_is_not_resumed(parts, torn, tmp_path, name):
    path = shutil.copy(torn[name], tmp_path)
    listener = Listener(*(STEP[name].format(k) for k in (1, 4)))
    with pytest.raises(Stop):
        fit(*parts, ROUTES[name], (0,), path, "other data", listener)
    assert listener.told == [STEP[name].format(1)]


def test_each_second_order_seed_has_its_own_checkpoint(whole, parts, tmp_path, monkeypatch):
    """Stopped in the second seed, at the end of a stage, where errors are measured, too."""
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    arguments = (*parts, ROUTES["second order"], (0, 1), tmp_path / "c.npz", "stamp")
    left = 2

    def stop_in_the_second_seed(fraction, text):
        nonlocal left
        left -= text == "iteration 10/16"
        if left == 0:
            raise Stop

    with pytest.raises(Stop):
        fit(*arguments, stop_in_the_second_seed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c-seed0.npz", "c-seed1.npz"]
    listener = Listener()
    resumed = fit(*arguments, listener)
    assert listener.told[0] == "iteration 11/16"  # the first seed was done
    for one, other in zip(resumed, whole["second order"], strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("name", ROUTES)
def test_a_seed_that_diverges_leaves_the_others_alone(whole, parts, monkeypatch, name):
    original = catalogue.build

    def build(*arguments):
        model = original(*arguments)
        if 0 in arguments[5:6]:  # the seed
            model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
        return model

    monkeypatch.setattr(catalogue, "build", build)
    diverged, other = fit(*parts, ROUTES[name], (0, 1))
    assert isinstance(diverged, Diverged)
    assert str(diverged).startswith("seed 0: the loss is not finite")
    assert_same_bits(other, whole[name][1])


@pytest.mark.parametrize(
    "settings",
    [
        FitSettings("eq2", AdamSettings(2, batch_size=8), SMALL),
        FitSettings("behler", QuasiNewtonSettings(((1, 2),)), (3,), options={"functions": PAIRS}),
    ],
    ids=["adam", "fingerprints"],
)
def test_forces_alone_leave_a_constant_to_the_mean_energy(parts, settings):
    (fitted,) = fit(*parts, replace(settings, loss_weights=(0.0, 1.0)))
    off = fitted.predictions["energy"][0] - parts[0].energies
    assert abs(off.mean()) < 1e-5 < 0.1 < off.std()
    # On the way it was arbitrary.
    assert {"curve_force"} == fitted.curves.keys() & {"curve_energy", "curve_force"}


def test_an_absurd_learning_rate_diverges(parts):
    settings = FitSettings("eq2", AdamSettings(3, batch_size=8, learning_rate=1e30), SMALL)
    (diverged,) = fit(*parts, settings)
    assert isinstance(diverged, Diverged) and str(diverged).endswith("in epoch 1")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "eq1"}, "no model 'eq1'; there is behler, eq2"),
        ({"widths": ((4, 1), (2, 4))}, "the input is 1 wide, not 2"),
        ({"options": {"preprocessing": "none"}}, "preprocessing"),
        ({"copies": 2}, "turned copies are for forces alone"),
        ({"copies": 2, "loss_weights": (0.0, 1.0)}, "turned copies are for forces alone"),
        ({"model": "eq6", "loss_weights": (1.0, 1.0)}, "eq6 gives forces"),
        ({"model": "eq6", "loss_weights": (1.0, 1.0), "training": NEWTON}, "eq6 gives forces"),
        ({"model": "behler", "training": NEWTON}, "second-order steps with loss weights"),
        ({"model": "behler", "loss_weights": (1.0, 1.0)}, "second-order steps with loss weights"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(parts, changes, says):
    with pytest.raises(ValueError, match=says):
        fit(*parts, FitSettings(**{"model": "eq2", "training": ADAM, **changes}))
