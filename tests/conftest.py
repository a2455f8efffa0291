"""Data and small models that tests share."""

import gc
import os

# Before NumPy loads: tests run side by side, and a second thread of BLAS mostly waits, busily.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from data_gen import dataset
from data_gen.dataset import Dataset, Statistics
from data_gen.dynamics import DynamicsSettings, run_dynamics

# Of typical size, so that no single test fits statistics of its own.
STATISTICS = Statistics(0.27, 0.14, 5.5, 0.28, 0.97, 2.1)
SHORT = DynamicsSettings(steps=500)


def pytest_configure(config):
    """Imports and traces make so many objects that the search for garbage takes a tenth."""
    gc.set_threshold(50_000, 20, 20)


# Files with few tests that take long, which would be the last: a core would wait for them.
LONGEST = (
    "test_benchmarks",
    "test_figures",
    "test_chunks",
    "test_trained",
    "test_last_layer",
    "test_edge_newton",
    "test_fitting",
    "test_workers",
)


def pytest_collection_modifyitems(items):
    """Begin with them; `make test` hands out files in this order (--no-loadscope-reorder)."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_collection_finish(session):
    """Of what was imported and collected, nothing becomes garbage."""
    gc.collect()
    gc.freeze()


@contextmanager
def graphs_alone():
    """Functions that are made in it are traced, but not compiled by XLA, which takes longer.

    For what is tested about data, settings and files; XLA's numbers are compared elsewhere.
    """
    from keras_models.backend import tf

    original = tf.function
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf, "function", lambda function, jit_compile=None: original(function))
        # Grappler takes its time, too, and breaks the gradient of the distance graph network.
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        try:
            yield
        finally:
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def without_xla():
    with graphs_alone():
        yield


@pytest.fixture(scope="session")
def au6() -> Dataset:
    """400 frames of the report's trajectory (its start is too hot for its later frames)."""
    return run_dynamics(DynamicsSettings(steps=20_000))


@pytest.fixture
def short() -> Dataset:
    """Ten frames from the same start."""
    return run_dynamics(SHORT)


@pytest.fixture(scope="session")
def statistics(au6) -> Statistics:
    return Statistics.of(au6[:300])


@pytest.fixture
def folder(au6, tmp_path):
    """A folder with the shared data in it, as the scripts lay it out and as if they made it."""
    from small_runs import AS_MADE

    dataset.save(replace(au6, metadata=AS_MADE), tmp_path / "data/au6.traj")
    return tmp_path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def cluster(rng: np.random.Generator, n_atoms: int, closest: float = 2.0) -> np.ndarray:
    """Random positions (n_atoms, 3) Å, no two atoms nearer than ``closest``."""
    positions = [rng.uniform(-3, 3, 3)]
    while len(positions) < n_atoms:
        trial = rng.uniform(-3, 3, 3)
        if min(np.linalg.norm(trial - p) for p in positions) > closest:
            positions.append(trial)
    return np.array(positions)


def frames_of(data: Dataset) -> list[Atoms]:
    """Frames as ASE has them, with their energies and forces."""
    frames = []
    for x, e, f in zip(data.positions, data.energies, data.forces, strict=True):
        atoms = Atoms(data.numbers, positions=x, cell=data.cell, pbc=data.pbc)
        atoms.calc = SinglePointCalculator(atoms, energy=e, forces=f)
        frames.append(atoms)
    return frames


@pytest.fixture
def own_file(au6, tmp_path):
    """A file of the user's own, beside a sweep's CSV."""
    write(tmp_path / "own.extxyz", frames_of(au6[:60]))
    return "own.extxyz"
