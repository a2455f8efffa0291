"""The compiled loop against Keras's own fit, and what resuming must not change."""

import random

import numpy as np
import pytest
from conftest import STATISTICS

from keras_models import catalogue
from keras_models.backend import keras
from keras_models.building import flat_weights, precision, set_flat_weights
from keras_models.objective import direct_objective
from keras_models.optimise import adam
from keras_models.optimise.adam import EpochLoop, TrainingState, batch_order, train_epochs
from keras_models.prediction import predict
from keras_models.settings import AdamSettings


def setup(au6, statistics, name="eq2", seeds=(0,), dtype="float32", **changes):
    models = [catalogue.build(name, statistics, seed=seed, dtype=dtype) for seed in seeds]
    targets = au6.energies[:300, None]
    objective = direct_objective(models[0], targets, statistics.energy_std)
    settings = AdamSettings(**{"epochs": 3, **changes})
    test = (au6.positions[300:], (au6.energies[300:, None],))
    loop = EpochLoop(objective, au6.positions[:300], settings, test)
    return models, loop, TrainingState.start([flat_weights(m) for m in models], 1)


@pytest.mark.parametrize(("name", "decay"), [("eq2", "cosine"), ("eq4", "constant")])
def test_same_batches_same_weights_and_losses_as_keras_fit(
    au6, statistics, name, decay, monkeypatch
):
    """300 samples in batches of 32: the last batch of each epoch has 12.

    Keras keeps Adam's numbers in float32 even here; powers of two survive that.
    """
    epochs, rate = 3, 2.0**-9
    betas = {"beta_1": 1 - 2.0**-3, "beta_2": 1 - 2.0**-10, "epsilon": 2.0**-23}
    for constant, value in betas.items():
        monkeypatch.setattr(adam, constant.upper(), value)
    models, loop, state = setup(
        au6, statistics, name, dtype="float64", epochs=epochs, learning_rate=rate, decay=decay
    )
    model = models[0]
    start = model.get_weights()
    ours = train_epochs(loop, state, [7])

    model.set_weights(start)
    if decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, epochs * 10)
    with precision("float64"):  # else Keras takes the loss in float32
        model.compile(
            keras.optimizers.Adam(rate, **betas),
            "mse",
            loss_weights=1.0 / statistics.energy_std**2,
        )
        for epoch in range(epochs):
            order = batch_order(300, 32, 7, epoch)[0].ravel()[:300]
            positions, energies = au6.positions[order], au6.energies[order, None]
            history = model.fit(positions, energies, batch_size=32, shuffle=False, verbose=0)
            (theirs,) = history.history["loss"]
            assert ours.losses[epoch, 0] == pytest.approx(theirs, rel=1e-5)
    # A schedule of Keras's is computed in float32, whatever its numbers.
    atol = 1e-11 if decay == "constant" else 1e-8
    np.testing.assert_allclose(ours.theta[0], flat_weights(model), rtol=1e-9, atol=atol)


def test_a_seeded_model_leaves_the_caller_s_random_numbers_alone():
    found = []
    for build in (lambda: None, lambda: catalogue.build("eq2", STATISTICS, seed=0)):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        build()
        found.append((random.random(), np.random.random_sample()))  # noqa: NPY002
    assert found[0] == found[1]


def test_same_seed_same_bits_other_seed_other_bits(au6, statistics):
    _, loop, _ = setup(au6, statistics)
    thetas = []
    for seed in (0, 0, 1):
        _, _, state = setup(au6, statistics, seeds=(seed,))
        thetas.append(train_epochs(loop, state, [seed]).theta[0])
    assert np.array_equal(thetas[0], thetas[1])
    assert not np.array_equal(thetas[0], thetas[2])


def test_lanes_do_not_touch_each_other(au6, statistics):
    """A seed's bits are the same whatever is trained beside it."""
    _, loop, state = setup(au6, statistics, seeds=(0, 1, 2))
    together = train_epochs(loop, state, [0, 1, 2]).theta
    _, _, state = setup(au6, statistics, seeds=(5, 1, 0))
    others = train_epochs(loop, state, [5, 1, 0]).theta
    np.testing.assert_array_equal(together[0], others[2])
    np.testing.assert_array_equal(together[1], others[1])
    _, loop, state = setup(au6, statistics, seeds=(0,))
    np.testing.assert_allclose(
        train_epochs(loop, state, [0]).theta[0], together[0], rtol=2e-3, atol=2e-4
    )


def test_resumed_equals_uninterrupted(au6, statistics):
    class Stop(Exception):
        pass

    kept = None

    def stop_after_two(state):
        nonlocal kept
        kept = state
        if state.epoch == 2:
            raise Stop

    _, loop, state = setup(au6, statistics, epochs=5, decay="cosine")
    whole = train_epochs(loop, state, [0], curve_points=5)
    with pytest.raises(Stop):
        train_epochs(loop, state, [0], stop_after_two, curve_points=5)
    assert kept.epoch == 2
    # Compiled anew, as after a new start.
    _, loop, _ = setup(au6, statistics, epochs=5, decay="cosine")
    resumed = train_epochs(loop, kept, [0], curve_points=5)
    for name in ("theta", "first_moment", "second_moment", "losses", "curve", "curve_epochs"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))


def test_curve_is_the_error_of_the_weights_and_progress_is_told(au6, statistics):
    models, loop, state = setup(au6, statistics, epochs=4)
    told = []
    state = train_epochs(loop, state, [0], lambda state: told.append(state.epoch), curve_points=2)
    assert told == [1, 2, 3, 4]
    assert state.curve_epochs.tolist() == [2, 4]
    set_flat_weights(models[0], state.theta[0])
    for k, part in enumerate((au6[:300], au6[300:])):
        off = predict(models[0], part.positions)[:, 0] - part.energies
        assert state.curve[-1, 0, 0, k] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-4)


def test_learning_happens(au6, statistics):
    """From the spread of the data, 0.28 eV, to well below what a pair potential can do."""
    _, loop, state = setup(au6, statistics, epochs=600, learning_rate=3e-3, decay="cosine")
    state = train_epochs(loop, state, [0])
    assert state.curve[-1, 0, 0, 0] < 0.06
    assert state.losses[-1, 0] < 0.05


def test_a_loss_that_turns_nan_ends_training(au6, statistics):
    _, loop, state = setup(au6, statistics, epochs=50, learning_rate=1e30)
    state = train_epochs(loop, state, [0])
    assert state.epoch < 50
    assert not np.isfinite(state.losses[-1]).any()


@pytest.mark.parametrize("n", [1, 31, 32, 33, 100])
def test_batches_hold_every_sample_once(n):
    indices, weights = batch_order(n, 32, seed=3, epoch=1)
    assert sorted(indices[weights == 1.0]) == list(range(n))
    assert not np.array_equal(batch_order(100, 32, 3, 1)[0], batch_order(100, 32, 3, 2)[0])


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"epochs": -5}, {"batch_size": 0}, {"learning_rate": -1}, {"decay": "step"}],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        AdamSettings(**{"epochs": 1, **wrong})


def test_flat_weights_round_trip(statistics, rng):
    model = catalogue.build("eq2", statistics)
    theta = rng.standard_normal(2221).astype("float32")
    set_flat_weights(model, theta)
    np.testing.assert_array_equal(flat_weights(model), theta)
    with pytest.raises(ValueError, match="2221"):
        set_flat_weights(model, theta[:-1])
