"""Amp in its own process, and beside its Keras twin."""

import importlib.util
import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from amp_baseline import AmpError, training
from amp_baseline.potential import AmpPotential, backend, read_descriptor
from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset
from data_gen.dynamics import DynamicsSettings, run_dynamics
from keras_models import behler, symmetry_functions
from keras_models.prediction import EnergyForcePredictor
from keras_models.symmetry_functions import default_symmetry_functions
from reproduction.engine.tasks import amp as amp_task
from reproduction.sections import EXPERIMENTS
from reproduction.sections.s3_functions import OLDER

needs_amp = pytest.mark.skipif(
    importlib.util.find_spec("amp") is None, reason="Amp is not installed: make setup"
)
SHORT = AmpSettings((4, 3), max_steps=15)
# Neither converges nor gives up in some seconds: SciPy's update is slow for so many weights.
LONG = AmpSettings((20, 20), energy_rmse=1e-9)


@pytest.fixture(scope="session")
def slab() -> Dataset:
    return run_dynamics(DynamicsSettings("pt8au2-slab", steps=1500))


@pytest.fixture(scope="session")
def clusters(au6) -> Dataset:
    return au6[::8]


@pytest.fixture(scope="session")
def trained(clusters, slab, tmp_path_factory):
    """Short trainings: of Au6 on energies, of the periodic slab on energies and forces."""
    found = {}
    for name, data, forces in (("au6", clusters, False), ("pt8au2", slab, True)):
        folder = tmp_path_factory.mktemp(name)
        n = len(data) - 5
        found[name] = (
            data,
            training.train(data[:n], data[n:], replace(SHORT, forces=forces), 0, folder),
        )
    return found


@needs_amp
@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("name", ["au6", "pt8au2"])
def test_amp_and_its_twin_are_the_same(trained, name):
    """Fingerprints to 1e-8; energies and forces, by Amp's trained weights, to 1e-6."""
    data, run = trained[name]
    potential = AmpPotential(run.potential)
    some = data[::9]
    twin = behler.from_amp(potential.parameters())
    layer = twin.get_layer("symmetry_functions")
    elements = sorted(potential.elements)
    assert layer.functions == [
        {**f, "elements": sorted(f["elements"])} if "elements" in f else f
        for f in symmetry_functions.default_symmetry_functions(elements)
    ]
    ours, theirs = (
        symmetry_functions.fingerprints(layer, some.structures()),
        potential.fingerprints(some),
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)
    energies, forces = potential.predict(some, True)
    found = EnergyForcePredictor(twin).of(some.structures())
    np.testing.assert_allclose(found[0], energies, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[1], forces, rtol=0, atol=1e-6)
    assert np.ptp(energies) > 1e-3 and abs(forces).max() > 1e-2  # not both nothing


@needs_amp
@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("name", ["au6", "pt8au2"])
def test_the_task_takes_its_forces_from_the_twin(trained, name):
    data, made = trained[name]
    n = len(data) - 5
    job = SimpleNamespace(train=data[:n], test=data[n:])
    model, forces, (off_e, off_f) = amp_task._twin(job, made)
    assert model.name == "behler" and [len(f) for f in forces] == [n, 5]
    assert max(off_e, off_f) < 1e-6


@needs_amp
@pytest.mark.usefixtures("without_xla")
def test_the_task_trains_with_the_functions_of_its_row(slab, tmp_path):
    """Those of Amp 0.6.1, in Amp and in the twin that checks it."""
    row = EXPERIMENTS["table3/250-5-5"]
    row = replace(row, options=OLDER, training=replace(SHORT, max_steps=3))
    done = amp_task.run(
        SimpleNamespace(
            experiment=row,
            seeds=(0,),
            train=slab[:20],
            test=slab[20:],
            checkpoint=tmp_path / "checkpoint.npz",
            stamp=lambda: "",
            report=lambda *_: None,
        )
    )[0]
    functions = done.model.get_layer("symmetry_functions").functions
    assert functions == default_symmetry_functions(("Au", "Pt"), (0.05, 4.0, 20.0, 80.0))
    stored = read_descriptor(done.info["potential"])["functions"]
    for element in ("Au", "Pt"):
        etas = [f["eta"] for f in stored[element] if f["type"] == "G2"]
        assert etas == [0.05, 0.05, 4.0, 4.0, 20.0, 20.0, 80.0, 80.0]


@needs_amp
def test_training_gives_predictions_and_how_it_ended(trained, clusters):
    _, run = trained["au6"]
    n = len(clusters) - 5
    assert run.ended == "stopped by the limit of steps" and run.steps == 15
    assert run.fortran == (backend() == "fortran")
    assert [len(e) for e in run.energies] == [n, 5] and len(run.history) == 15
    # Amp's log speaks per atom; the state of the lowest loss is what counts.
    rmse = np.sqrt(np.mean((run.energies[0] - clusters.energies[:n]) ** 2)) / 6
    assert rmse == pytest.approx(run.history[:, 1].min(), rel=1e-3)
    assert run.best_step == run.history[:, 0].argmin() + 1


@needs_amp
def test_forces_train(trained, slab):
    _, run = trained["pt8au2"]
    assert np.isfinite(run.history[:, 2]).all() and run.history[-1, 2] < run.history[0, 2]


@needs_amp
def test_writes_into_its_folder_alone(clusters, tmp_path):
    here = set(os.listdir("."))
    folder = tmp_path / "run"
    training.train(clusters[:20], clusters[20:25], replace(SHORT, max_steps=3), 0, folder)
    assert set(os.listdir(".")) == here and os.listdir(tmp_path) == ["run"]
    assert (folder / "amp-log.txt").is_file()


@needs_amp
def test_at_the_limit_the_best_so_far_is_kept(clusters, tmp_path):
    """The same number of evaluations on any processor, and the same weights."""
    runs = [
        training.train(clusters[:40], clusters[40:], replace(LONG, max_steps=25), 0, tmp_path / k)
        for k in "ab"
    ]
    for run in runs:
        assert run.ended == "stopped by the limit of steps" and run.steps == len(run.history) == 25
        assert run.best_step == 1 + run.history[:, 0].argmin()
    assert runs[0].potential.read_text() == runs[1].potential.read_text()


@needs_amp
def test_one_evaluation_is_a_result_and_none_is_refused(clusters, tmp_path):
    settings = replace(SHORT, max_steps=1)
    run = training.train(clusters[:40], clusters[40:], settings, 0, tmp_path)
    assert run.steps == run.best_step == 1 and np.isfinite(run.energies[0]).all()
    with pytest.raises(ValueError, match="at least one evaluation"):
        replace(SHORT, max_steps=0)


@needs_amp
def test_state_that_is_damaged_is_not_taken_up(clusters, tmp_path):
    settings = replace(SHORT, max_steps=3)
    training.train(clusters[:20], clusters[20:], settings, 0, tmp_path)
    whole = (tmp_path / "state.npz").read_bytes()
    (tmp_path / "state.npz").write_bytes(whole[: len(whole) // 2])
    run = training.train(clusters[:20], clusters[20:], settings, 0, tmp_path)
    assert run.steps == 3 and run.resumed == 0


@needs_amp
def test_what_is_left_after_training_is_done_again_alone(clusters, tmp_path):
    """Stopped while it predicts: trained it is already."""
    settings = replace(SHORT, max_steps=30)

    def stop(fraction, text):
        if text.startswith("predictions"):
            raise KeyboardInterrupt

    # Copies: enough for predictions to be under way when they are looked for.
    parts = clusters[:40], _repeated(clusters, 10)
    with pytest.raises(KeyboardInterrupt):
        training.train(*parts, settings, 0, tmp_path, stop)
    with np.load(tmp_path / "state.npz") as kept:
        assert str(kept["ended"]) == "stopped by the limit of steps"
        vector = kept["vector"]
    run = training.train(*parts, settings, 0, tmp_path)
    assert run.steps == len(run.history) == 30 and run.resumed == 0
    weights = AmpPotential(run.potential).parameters()["elements"]["Au"]["weights"]
    assert np.isin(np.concatenate([w.ravel() for w in weights]), vector).all()


@needs_amp
@pytest.mark.parametrize("when", ["fingerprints", "step"])
def test_process_that_another_ends_says_so(clusters, tmp_path, when):
    """SIGTERM, as from a system that shuts down; Ctrl-C is for the parent to decide about."""
    sent = []

    def end(fraction, text):
        if not sent and text.startswith(when):
            (child,) = _children()
            os.kill(child, signal.SIGINT)
            os.kill(child, signal.SIGTERM)
            sent.append(child)

    # Copies: enough for fingerprints to be under way for a while.
    some = clusters if when == "step" else _repeated(clusters, 40)
    with pytest.raises(AmpError, match=r"status 1: asked to stop \(SIGTERM\); its state is kept"):
        training.train(some[:-5], some[-5:], LONG, 0, tmp_path, end)
    assert (tmp_path / "state.npz").is_file() == (when == "step")


def _children() -> list[int]:
    """Amp's processes that this one has started."""
    found = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "amp_baseline.process"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(pid) for pid in found.stdout.split()]


def _repeated(data: Dataset, times: int) -> Dataset:
    return Dataset(
        np.tile(data.positions, (times, 1, 1)),
        data.numbers,
        np.tile(data.energies, times),
        np.tile(data.forces, (times, 1, 1)),
        data.cell,
        data.pbc,
    )


@needs_amp
def test_stopped_training_goes_on_where_it_was(clusters, tmp_path):
    """What ``report`` raises stops Amp, which keeps its state."""
    settings = replace(LONG, max_steps=5000)

    def stop(fraction, text):
        if text.startswith("step"):
            raise KeyboardInterrupt

    parts = clusters[:40], clusters[40:]
    with pytest.raises(KeyboardInterrupt):
        training.train(*parts, settings, 0, tmp_path, stop)
    with np.load(tmp_path / "state.npz") as kept:
        before, loss = int(kept["steps"]), float(kept["loss"])
    assert 0 < before < 5000
    run = training.train(*parts, replace(settings, max_steps=before + 20), 0, tmp_path)
    assert run.resumed == 1 and before < run.steps <= before + 20
    # It begins with the best weights that there were.
    assert run.history[before, 0] <= loss * (1 + 1e-3)


@needs_amp
def test_killed_process_is_an_error_that_says_so(clusters, tmp_path):
    seen = threading.Event()

    def kill(fraction, text):
        if not seen.is_set() and text.startswith("step"):
            seen.set()
            os.kill(_children()[-1], signal.SIGKILL)

    with pytest.raises(AmpError, match="killed by signal 9"):
        training.train(clusters[:40], clusters[40:], LONG, 0, tmp_path, kill)


@needs_amp
def test_process_ends_with_its_parent(clusters, tmp_path):
    """A parent that is killed leaves nothing running."""
    endless = replace(SHORT, max_steps=10**6)
    training._write_job(clusters[:40], clusters[40:], endless, 0, None, tmp_path)
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-m', "
        f"'amp_baseline.process', {str(tmp_path)!r}]); print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=training.ROOT
    )
    child = int(parent.stdout.readline())
    # Amp is at work, and no longer starting.
    for _ in range(300):
        if (tmp_path / "amp-log.txt").is_file():
            break
        time.sleep(0.1)
    else:
        pytest.fail("Amp did not start")
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}") or _is_zombie(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the process outlived its parent")


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@needs_amp
def test_unknown_element_is_refused(trained, slab):
    _, run = trained["au6"]
    with pytest.raises(AmpError, match="trained on Au and does not know Pt"):
        AmpPotential(run.potential).predict(slab[:1], False)


@needs_amp
def test_file_that_ends_early_is_refused(trained, tmp_path):
    _, run = trained["au6"]
    text = run.potential.read_text()
    (tmp_path / "half.amp").write_text(text[: len(text) // 2])
    with pytest.raises(AmpError, match=r"half.amp: not a potential that Amp saved, or not whole"):
        AmpPotential(tmp_path / "half.amp")


@needs_amp
def test_user_without_a_name(trained, monkeypatch):
    """As in a container that runs under any number: Amp asks for the name and has none."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    _, run = trained["au6"]
    assert AmpPotential(run.potential).elements == ["Au"]


@needs_amp
def test_equal_frames_are_predicted_one_by_one(trained, clusters):
    """Amp's hash would make one image of them."""
    _, run = trained["au6"]
    one, two = clusters[:1], clusters[3:4]
    twice = Dataset(
        np.concatenate([d.positions for d in (one, two, one)]),
        one.numbers,
        np.concatenate([d.energies for d in (one, two, one)]),
        np.concatenate([d.forces for d in (one, two, one)]),
        one.cell,
        one.pbc,
    )
    energies, _ = AmpPotential(run.potential).predict(twice, False)
    assert energies[0] == energies[2] != energies[1]


@needs_amp
def test_result_that_is_missing_is_an_error_with_what_was_said(tmp_path, clusters):
    """A folder whose data cannot be read: the process ends by itself, early."""
    good = training._write_job

    def bad(*arguments):
        good(*arguments)
        (tmp_path / "job.json").write_text(json.dumps({"settings": {}, "seed": -1}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_write_job", bad)
        with pytest.raises(AmpError, match=r"Amp's process ended with status 1: \S+"):
            training.train(clusters[:20], clusters[20:], SHORT, 0, tmp_path)
