"""Section 3: the Behler-Parrinello model by Amp, each run checked by its Keras twin."""

import shutil
from pathlib import Path

import numpy as np

from amp_baseline.potential import AmpPotential
from amp_baseline.training import AmpRun, train
from data_gen.dataset import Dataset
from keras_models.behler import from_amp, most_neighbours
from keras_models.gradient import EnergyForcePredictor
from reproduction.engine.store import RunResult, load_arrays, save_arrays
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError

# The two implementations add in another order; more than this is another function.
SAME = 1e-6  # eV and eV/Å
CURVE_POINTS = 200


def run(job: Job) -> list[RunResult]:
    """Amp trains and predicts energies; forces of all frames are its twin's."""
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int) -> RunResult:
    folder = job.checkpoint.with_name(f".amp-seed{seed}")
    # The checkpoint only says what the folder is of; without it (--fresh) nothing is taken up.
    if load_arrays(job.checkpoint, job.stamp()) is None:
        shutil.rmtree(folder, ignore_errors=True)
        save_arrays(job.checkpoint, job.stamp())
    made = train(job.train, job.test, job.experiment.training, seed, folder, job.report)
    text = made.potential.read_text()
    job.report(0.99, "forces by the twin")
    model, forces, differences = _twin(job, made)
    history = made.history[
        np.unique(np.linspace(0, len(made.history) - 1, CURVE_POINTS).astype(int))
    ]
    shutil.rmtree(folder)
    return RunResult(
        seed,
        {"energy": made.energies, "force": forces},
        {
            ("", "train_seconds"): made.seconds,
            ("", "parameters"): model.count_params(),
            ("", "loss_evaluations"): made.steps,
            ("", "best_step"): made.best_step,
            ("", "twin_energy_difference"): differences[0],
            ("", "twin_force_difference"): differences[1],
        },
        # Per atom in Amp's log, of the whole system here.
        {"curve_train_energy": history[:, 1] * len(job.train.numbers), "curve_loss": history[:, 0]},
        {
            "ended": made.ended,
            "amp": "Fortran module" if made.fortran else "Python code",
            "resumed": made.resumed,
            "potential": text,
        },
        model,
    )


def _twin(job: Job, made: AmpRun):
    """The same potential in Keras, its forces, and how far it is from Amp where Amp was asked.

    Amp's Python takes a quarter of a second for the forces of ten atoms: it is asked for some
    frames, and the twin for all.
    """
    data: Dataset = job.train
    parameters = AmpPotential(Path(made.potential)).parameters()
    model = from_amp(parameters, data.numbers, data.cell, data.pbc)
    layer = model.get_layer("symmetry_functions")
    parts = (job.train, job.test)
    # Exactly enough room for these frames; the model that is kept has room for any.
    layer.room = max(most_neighbours(layer, part.positions) for part in parts)
    predictor = EnergyForcePredictor(model, chunk=20)
    energies, forces = zip(*(predictor(part.positions) for part in parts), strict=True)
    layer.room = None
    off_e = max(abs(e - a).max() for e, a in zip(energies, made.energies, strict=True))
    off_f = max(
        abs(f[k] - a).max() for f, k, a in zip(forces, made.force_frames, made.forces, strict=True)
    )
    if not max(off_e, off_f) < SAME:
        raise ReproductionError(
            f"Amp and its Keras twin differ by {off_e:.3g} eV and {off_f:.3g} eV/Å: one is wrong"
        )
    return model, forces, (off_e, off_f)
