"""Access to the trained models of another experiment, as files or as ASE calculators."""

from pathlib import Path

import asap3
from ase.data import chemical_symbols

from keras_models.calculator import KerasCalculator
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError


def model_path(job: Job, seed: int) -> Path:
    """File of one seed's trained model of the job's ``models_of`` experiment.

    Raises:
        ReproductionError: the model has not been trained.
    """
    name = job.experiment.models_of
    path = job.runs / name / f"seed{seed}" / "model.keras"
    if not path.is_file():
        raise ReproductionError(f"needs the model of {name}, seed {seed}: run that first")
    return path


def elements(job: Job) -> list[str]:
    """Symbols of the elements in the job's data."""
    return [chemical_symbols[z] for z in sorted(set(job.train.numbers.tolist()))]


def trained_on(job: Job) -> dict:
    """Elements and number of atoms of the job's data, for models that do not say them."""
    return {"elements": elements(job), "atoms": len(job.train.numbers)}


def calculator(job: Job, seed: int) -> KerasCalculator:
    """ASE calculator for the trained model of one seed. Raises as :func:`model_path`."""
    return KerasCalculator(model_path(job, seed), **trained_on(job))


def ensemble(job: Job) -> KerasCalculator:
    """ASE calculator for the ensemble of the models of several seeds, the option ``ensemble``.

    Raises as :func:`model_path`.
    """
    seeds = job.experiment.options["ensemble"]
    return KerasCalculator([model_path(job, seed) for seed in seeds], **trained_on(job))


def emt() -> asap3.EMT:
    """ASE calculator for EMT, the potential that generated the data."""
    return asap3.EMT()
