"""Task "edges": what a row's runs hold is what its models say."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import graphs_alone

from keras_models.prediction import StructurePredictor
from keras_models.settings import EdgeSettings
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import Store
from reproduction.engine.tasks import edge_ensemble, edges, transfer
from reproduction.engine.tasks.common import Job
from reproduction.sections import EXPERIMENTS

STEPS = EdgeSettings(4, batch_size=8, warm_up=1, validation=0.0)
ROW = replace(
    EXPERIMENTS["beyond/eq2-gradient"],
    id="beyond/edges",
    task="edges",
    model="eq2_neighbours",
    widths=None,
    activation=None,
    loss_weights=None,
    options={},
    training=STEPS,
    split=(60, 20),
    seeds=(0, 1),
)


@pytest.fixture(scope="module")
def store(au6, tmp_path_factory):
    found = Store(tmp_path_factory.mktemp("runs"))
    with graphs_alone():
        assert do(Work(ROW, ROW.seeds), au6[:80], found, lambda *_: None) == {}
    return found


@pytest.mark.usefixtures("without_xla")
def test_predictions_are_those_of_the_stored_model_with_its_references(store, au6):
    for seed in ROW.seeds:
        arrays = store.arrays(ROW.id, seed)
        predictor = StructurePredictor.load(store.run_folder(ROW.id, seed) / "model.keras")
        energies, forces, _ = predictor(au6[60:80].structures())
        np.testing.assert_allclose(arrays["energy_test"], energies, rtol=0, atol=1e-5)
        np.testing.assert_allclose(arrays["force_test"], forces, rtol=0, atol=1e-5)
        assert arrays["energy_train"].shape == (60,) and arrays["force_train"].shape == (60, 6, 3)


def test_each_seed_has_its_own_model_and_its_settings(store):
    first, second = (store.arrays(ROW.id, seed)["energy_test"] for seed in ROW.seeds)
    assert np.abs(first - second).max() > 1e-4
    run = store.read(ROW.id, 0)
    assert run["settings"]["training"]["steps"] == STEPS.steps
    assert run["counts"]["frames"] == 60
    assert {m["metric"] for m in run["metrics"]} >= {"steps", "parameters", "train_seconds"}
    assert not list(store.folder.rglob("*checkpoint*"))


@pytest.mark.usefixtures("without_xla")
def test_the_mean_of_several_models_and_their_spread(store, au6):
    row = replace(
        ROW, task="edge_ensemble", options={"ensemble": (0, 1)}, models_of=ROW.id, training=None
    )
    train, test = au6[:60], au6[60:80]
    work = Job(row, (0,), train, test, "", store.folder / "c", store.folder, lambda *_: None)
    (found,) = edge_ensemble.run(work)
    arrays = [store.arrays(ROW.id, seed) for seed in (0, 1)]
    for kind in ("energy", "force"):
        for split, part in zip(("train", "test"), found.predictions[kind], strict=True):
            mean = np.mean([one[f"{kind}_{split}"] for one in arrays], axis=0)
            np.testing.assert_allclose(part, mean, rtol=0, atol=1e-5)
    first, second = (one["force_test"] for one in arrays)
    spread = np.abs(first - second) / np.sqrt(2.0)  # the standard deviation of two numbers
    assert found.metrics["test", "force_std"] == pytest.approx(
        np.sqrt((spread**2).mean()), rel=1e-4
    )


def test_other_systems_are_trained_on_too_and_end_in_the_validation_block(au6, monkeypatch):
    made = {"au6-octahedron": au6[:20], "au6-relaxed": au6[20:50]}
    monkeypatch.setattr(edges, "run_dynamics", lambda s: made[s.structure])
    also = [{"structure": name} for name in made]
    row = replace(ROW, options={"cutoff": 5.0, "also": also})
    row = replace(row, training=replace(STEPS, validation=0.1))
    work = Job(row, (0,), au6[50:90], au6[:1], "", None, None, lambda *_: None)
    found = edges.training_part(work)
    parts = (au6[50:90], au6[:20], au6[20:50])
    assert len(found) == 90
    # A tenth of each system, 4, 2 and 3 frames, is the block of 9.
    block = np.concatenate([part.energies[-n:] for part, n in zip(parts, (4, 2, 3), strict=True)])
    np.testing.assert_array_equal(found.energies[-9:], block)
    np.testing.assert_array_equal(np.sort(found.energies), np.sort(au6.energies[:90]))
    assert edges.edge_settings(row).options == {"cutoff": 5.0}


def test_transfer_is_measured_per_atom_on_each_system(au6, tmp_path, monkeypatch):
    """A model that is off by 3 meV an atom and 0.2 eV/Å."""
    four = {name: getattr(au6, name)[:5, :4] for name in ("positions", "forces")}
    small = replace(au6[:5], numbers=au6.numbers[:4], **four)
    made = {"au6": au6[:10], "au4": small}
    monkeypatch.setattr(transfer, "run_dynamics", lambda s: made[s.structure])

    class Predictor:
        @classmethod
        def load(cls, path):
            return cls()

        def __call__(self, structures):
            (data,) = (d for d in made.values() if len(d) == len(structures))
            return data.energies + 0.003 * len(data.numbers), list(data.forces + 0.2), None

    monkeypatch.setattr(transfer, "StructurePredictor", Predictor)
    monkeypatch.setattr(transfer, "KerasCalculator", lambda path: None)
    monkeypatch.setattr(transfer, "crystal_properties", lambda *_: {"lattice_constant": 4.0})
    monkeypatch.setattr(transfer, "model_path", lambda job, seed: tmp_path)
    row = replace(ROW, options={"systems": {k: {"structure": k} for k in made}}, models_of="x")
    work = Job(row, (0,), au6[:1], au6[:1], "", None, None, lambda *_: None)
    found = {name: x for (_, name), x in transfer.run(work)[0].metrics.items()}
    for name in made:
        assert found[f"{name}_energy_rmse"] == pytest.approx(0.003)
        assert found[f"{name}_force_rmse"] == pytest.approx(0.2)
    assert found["lattice_constant"] == 4.0
    (emt,) = transfer.run(replace(work, experiment=replace(row, models_of="")))
    rms = np.sqrt((small.forces**2).mean())
    assert emt.metrics["", "au4_force_rms"] == pytest.approx(rms)
