"""Recipes: what a row asks for is what its model is trained by.

Formulas have twins; a wrong loss scale, activation or number of steps passes those. Each test here
fails on one such fault.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from data_gen.dataset import Statistics
from keras_models import catalogue, fit, rotations
from keras_models.fit import FitSettings
from keras_models.optimise import adam
from keras_models.prediction import predict
from keras_models.settings import AdamSettings
from reproduction.engine.tasks import amp as amp_task
from reproduction.engine.tasks import force, graph
from reproduction.engine.tasks.common import Job, fit_settings
from reproduction.sections import EXPERIMENTS

pytestmark = pytest.mark.usefixtures("without_xla")
TRAINED = [e for e in EXPERIMENTS.values() if e.task in ("energy", "force", "graph", "gradient")]
# One of each combination of what builds a model.
BUILDS = list(
    {
        (e.model, e.widths, e.activation, str(e.options), isinstance(e.training, AdamSettings)): e
        for e in TRAINED
    }.values()
)


@pytest.fixture(scope="module")
def parts(au6):
    return au6[100:140], au6[140:150]


def problem_of(experiment, parts, seed=0):
    """The model of a row with its first weights, and what is minimised."""
    settings = fit_settings(experiment)
    entry = catalogue.find(settings.model)
    derived, options = fit._prepared(*parts, settings, entry, lambda *_: None, None)
    model = fit._build(entry, derived, settings, options, seed)
    return fit._problem_of(entry, settings)(entry, model, derived)


@pytest.fixture(scope="module")
def problems(parts):
    """{row: its problem} of :data:`BUILDS`, for tests that leave the models as they are."""
    return {experiment.id: problem_of(experiment, parts) for experiment in BUILDS}


@pytest.mark.parametrize("experiment", BUILDS, ids=lambda e: e.id)
def test_a_rows_model_has_its_widths_and_its_activation(experiment, problems):
    model = problems[experiment.id].model
    dense = [layer for layer in model.layers if hasattr(layer, "kernel")]
    output = [layer for layer in dense if layer.name.endswith("_output")]
    assert output and all(layer.activation.__name__ == "linear" for layer in output)
    hidden = [layer for layer in dense if layer not in output]
    assert hidden and {layer.activation.__name__ for layer in hidden} == {experiment.activation}
    # A weight matrix for each step between two widths that are written together.
    written = experiment.widths
    if experiment.task == "force":  # Table 5 leaves the input widths out
        sizes = sorted(layer.kernel.shape[1] for layer in dense)
        assert sizes == sorted(width for mlp in written for width in mlp)
    elif experiment.model == "distance_graph_network":
        # The readout once, update and filter in each step.
        per_step = [step for mlp in written[1:] for step in pairwise(mlp)]
        steps = [*pairwise(written[0]), *per_step * experiment.options["steps"]]
        assert sorted(tuple(layer.kernel.shape) for layer in dense) == sorted(steps)
    else:
        steps = [step for mlp in written for step in pairwise(mlp)]
        assert sorted(tuple(layer.kernel.shape) for layer in dense) == sorted(steps)


@pytest.mark.parametrize("experiment", BUILDS, ids=lambda e: e.id)
def test_a_rows_loss_is_scaled_as_it_says(experiment, parts, problems):
    """Standardised targets, or the weights of the row; by the training part."""
    train, _ = parts
    problem = problems[experiment.id]
    objective, _ = problem.objective()
    if experiment.loss_weights is not None:
        assert objective.weights == experiment.loss_weights
        return
    if experiment.task == "force":
        spread = np.sqrt((train.forces**2).mean())
    elif experiment.options.get("preprocessing") == "unit-range-all":
        spread = np.ptp(train.energies)
    else:
        spread = train.energies.std()
    assert objective.weights == pytest.approx((1 / spread**2,))
    # What the network itself gives is the standardised target: mean 0, spread 1 in its units.
    last = problem.model.layers[-1]
    assert last.scale == pytest.approx(spread)
    if experiment.task != "force" and experiment.options.get("preprocessing") != "unit-range-all":
        assert last.offset == pytest.approx(train.energies.mean())


def test_first_weights_follow_from_the_seed_alone(parts):
    row = EXPERIMENTS["table4/eq2"]
    a, b, c = (problem_of(row, parts, seed).model.get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    kernels = [k for k, w in enumerate(a) if w.ndim == 2]
    assert not any(np.array_equal(a[k], c[k]) for k in kernels)
    for k in kernels:  # Glorot's uniform distribution, Keras's own
        limit = np.sqrt(6 / sum(a[k].shape))
        assert 0.8 * limit < np.abs(a[k]).max() <= limit
    assert all(not a[k].any() for k in range(len(a)) if k not in kernels)


def test_gradient_rows_start_at_many_places_and_scales(parts):
    row = EXPERIMENTS["beyond/eq2-gradient"]
    problem = problem_of(row, parts)
    before = [w.copy() for w in problem.model.get_weights()]
    problem.start(0, row.training.sharpness)
    first = problem.model.get_layer("pair_mlp_hidden_1")
    w, b = (x.numpy() for x in (first.kernel, first.bias))
    steep = np.sort(np.abs(w[0]))
    np.testing.assert_allclose(steep, np.geomspace(0.5, 15.0, 50))
    statistics = Statistics.of(parts[0])
    i, j = np.triu_indices(6, 1)
    r = np.linalg.norm(parts[0].positions[:, i] - parts[0].positions[:, j], axis=-1)
    c = (1 / r - statistics.inverse_distance_mean) / statistics.inverse_distance_std
    np.testing.assert_allclose(np.sort(-b / w[0]), np.linspace(c.min(), c.max(), 50), rtol=1e-9)
    after = problem.model.get_weights()
    changed = [not np.array_equal(x, y) for x, y in zip(before, after, strict=True)]
    assert changed == [True] * 3 + [False] * (len(before) - 3)  # its output bias starts at 0


@pytest.mark.parametrize(("epochs", "batch"), [(3, 32), (2, 16)])
def test_epochs_are_passes_over_all_frames_in_batches(parts, monkeypatch, epochs, batch):
    """40 frames in batches of 32 are two steps an epoch; the compiling epoch does not count."""
    seen = []
    original = adam.EpochLoop.run_batches

    def counted(self, theta, m, v, epoch, indices, weights):
        seen.append((epoch, indices[..., 0, :][weights > 0], float(weights.sum())))
        return original(self, theta, m, v, epoch, indices, weights)

    monkeypatch.setattr(adam.EpochLoop, "run_batches", counted)
    settings = FitSettings("eq3", AdamSettings(epochs, batch_size=batch))
    (found,) = fit.fit(*parts, settings)
    compiling, *rest = seen
    assert [epoch for epoch, *_ in rest] == list(range(epochs)) and compiling[0] == 0
    for _, frames, count in rest:
        assert sorted(frames) == list(range(40)) and count == 40
    assert len(found.curves["losses"]) == found.counts["epochs"] == epochs


def test_a_second_of_training_is_one_seeds_share_without_compilation(parts, monkeypatch):
    """With a clock that ticks once a look, an epoch takes one tick, and compiling another."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(adam.time, "process_time", lambda: float(next(ticks)))
    settings = FitSettings("eq3", AdamSettings(4), lanes=2)
    pair = fit.fit(*parts, settings, seeds=(0, 1))
    assert [one.seconds for one in pair] == [{"train": 4 / 2, "compile": 1 / 2}] * 2


def job(experiment, parts, tmp_path):
    small = replace(experiment, training=AdamSettings(2), split=(40, 10), seeds=(0,), lanes=1)
    return Job(small, (0,), *parts, "data", tmp_path / "c.npz", tmp_path, lambda *_: None)


@pytest.mark.parametrize(
    ("name", "task", "metric"),
    [
        ("table5/eq6-200", force, "force_rmse"),
        ("section6/gnn", graph, "energy_rmse"),
        ("beyond/gnn-raw", graph, "energy_rmse"),
    ],
)
def test_turned_at_random_means_frames_and_forces_turned_alike(name, task, metric, parts, tmp_path):
    _, test = parts
    (result,) = task.run(job(EXPERIMENTS[name], parts, tmp_path))
    turns = rotations.random_turns(len(test), seed=0)
    # About the centroid for energies: a network on raw coordinates knows where the cluster is.
    centre = test.positions.mean(axis=1, keepdims=True) if task is graph else 0.0
    turned = np.stack([x @ t.T for x, t in zip(test.positions - centre, turns, strict=True)])
    predicted = predict(result.model, turned + centre)
    if task is graph:
        off = predicted[:, 0] - test.energies
    else:
        off = predicted - np.stack([f @ t.T for f, t in zip(test.forces, turns, strict=True)])
    assert result.metrics["rotated", metric] == pytest.approx(np.sqrt((off**2).mean()))
    unturned = predict(result.model, test.positions)
    assert not np.allclose(predicted, unturned)  # the fault to see would be no turn at all


def test_turned_copies_train_on_turned_frames(parts):
    row = EXPERIMENTS["beyond/eq6-copies"]
    problem = problem_of(row, parts)
    objective, positions = problem.objective()
    assert len(positions) == 5 * 40 and len(objective.targets[0]) == 5 * 40
    inner = positions - positions.mean(axis=1, keepdims=True)
    # Each copy has the energies' invariants of the first, and forces that turned with it.
    work = np.einsum("nia,nia->n", inner, objective.targets[0]).reshape(5, 40)
    np.testing.assert_allclose(work, np.repeat(work[:1], 5, axis=0), atol=1e-9)
    assert not np.allclose(positions[:40], positions[40:80])


def test_amp_is_asked_for_what_its_row_says(parts, tmp_path, monkeypatch):
    asked = []

    def stopped(train, test, settings, seed, folder, report, functions):
        asked.append((len(train), len(test), settings, seed, functions))
        raise KeyboardInterrupt

    monkeypatch.setattr(amp_task, "train", stopped)
    row = EXPERIMENTS["table3/2500-10-10-10"]
    args = (*parts, "data", tmp_path / "c.npz", tmp_path, lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        amp_task.run(Job(row, (0,), *args))
    assert asked == [(40, 10, row.training, 0, None)]
    assert row.training.forces and row.training.hidden_layers == (10, 10, 10)
