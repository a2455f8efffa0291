"""Task "edge_ensemble": mean and spread of the models of another row, on edge lists."""

import numpy as np

from analysis.uncertainty import calibration, frame_rms
from keras_models.prediction import StructurePredictor
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.trained import model_path


def run(job: Job) -> list[RunResult]:
    """Predict both parts by the models of the seeds in the option ``ensemble``."""
    members = job.experiment.options["ensemble"]
    found = {"train": [], "test": []}
    for k, member in enumerate(members):
        predictor = StructurePredictor.load(model_path(job, member))
        for split, part in (("train", job.train), ("test", job.test)):
            energies, forces, _ = predictor(part.structures())
            found[split].append((energies, np.array(forces)))
        job.report((k + 1) / len(members), f"model {k + 1} of {len(members)}")
    energies, forces = (
        {split: np.array([one[kind] for one in each]) for split, each in found.items()}
        for kind in range(2)
    )
    spread = frame_rms(forces["test"].std(axis=0, ddof=1))
    error = frame_rms(forces["test"].mean(axis=0) - job.test.forces)
    predictions = {
        kind: tuple(each[split].mean(axis=0) for split in ("train", "test"))
        for kind, each in (("energy", energies), ("force", forces))
    }
    metrics = {("test", name): value for name, value in calibration(error, spread).items()}
    return [
        RunResult(seed, predictions, metrics, {}, {"ended": f"{len(members)} models"})
        for seed in job.seeds
    ]
