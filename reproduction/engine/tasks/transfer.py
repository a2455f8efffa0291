"""Task "transfer": models of another row on clusters and crystals of other sizes than theirs."""

import time

import numpy as np

from analysis.crystal import crystal_properties
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.frames import Frames
from keras_models.calculator import KerasCalculator
from keras_models.prediction import StructurePredictor
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job, rmse
from reproduction.engine.tasks.trained import emt, model_path


def run(job: Job) -> list[RunResult]:
    """Evaluate each seed's model on EMT dynamics of other systems, and on the crystal.

    The option ``systems`` has {name: settings of the dynamics}. Without ``models_of``, EMT is in
    the model's place, and the forces themselves in that of their errors.
    """
    systems = {
        name: Frames.of(run_dynamics(DynamicsSettings(**settings)))
        for name, settings in job.experiment.options["systems"].items()
    }
    return [_one(job, seed, systems) for seed in job.seeds]


def _one(job: Job, seed: int, systems: dict[str, Frames]) -> RunResult:
    begin = time.process_time()
    if not job.experiment.models_of:
        metrics = {
            f"{name}_force_rms": rmse(np.concatenate(frames.forces))
            for name, frames in systems.items()
        }
        metrics |= crystal_properties("Au", emt(), job.report)
    else:
        path = model_path(job, seed)
        predictor, metrics = StructurePredictor.load(path), {}
        for name, frames in systems.items():
            energies, forces, _ = predictor(frames.structures)
            off = (energies - frames.energies) / frames.sizes
            metrics |= {
                f"{name}_energy_rmse": rmse(off),
                f"{name}_force_rmse": rmse(np.concatenate(forces) - np.concatenate(frames.forces)),
            }
        metrics |= crystal_properties("Au", KerasCalculator(path), job.report)
    seconds = {("", "analysis_seconds"): time.process_time() - begin}
    found = {("", name): value for name, value in metrics.items()}
    return RunResult(seed, {}, found | seconds, {}, {"ended": f"{len(systems)} systems"})
