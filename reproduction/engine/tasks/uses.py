"""What the uses of trained models share: finding the models, and the octahedron to start from."""

from pathlib import Path

import asap3
import numpy as np
from ase import Atoms

from data_gen.structures import build_structure
from keras_models.calculator import KerasCalculator
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError


def model_path(job: Job, seed: int) -> Path:
    """The trained model of the experiment that the job's options name.

    Raises:
        ReproductionError: it has not been trained.
    """
    name = job.experiment.models_of
    path = job.runs / name / f"seed{seed}" / "model.keras"
    if not path.is_file():
        raise ReproductionError(f"needs the model of {name}, seed {seed}: run that first")
    return path


def calculator(job: Job, seed: int) -> KerasCalculator:
    """The trained model of one seed in ASE."""
    return KerasCalculator(model_path(job, seed), elements=["Au"])


def ensemble(job: Job) -> KerasCalculator:
    """The trained models of the seeds in the option ``ensemble``."""
    seeds = job.experiment.options["ensemble"]
    return KerasCalculator([model_path(job, seed) for seed in seeds], elements=["Au"])


def gold(positions: np.ndarray, calc) -> Atoms:
    """Six gold atoms in the data's box, with a calculator."""
    atoms = build_structure("au6-octahedron")
    atoms.positions = positions
    atoms.calc = calc
    return atoms


def emt() -> asap3.EMT:
    """The potential that the data come from."""
    return asap3.EMT()
