"""Task "amp": Behler-Parrinello models trained with Amp, verified by Keras twins (section 3)."""

import shutil
from pathlib import Path

import numpy as np

from amp_baseline.potential import AmpPotential
from amp_baseline.training import AmpRun, train
from keras_models.behler import from_amp
from keras_models.catalogue import function_set
from keras_models.checkpoints import Checkpoint
from keras_models.problems import behler_predictions
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.errors import ReproductionError

# The implementations sum in different orders; a larger difference means that one is wrong.
SAME = 1e-6  # eV and eV/Å
CURVE_POINTS = 200


def run(job: Job) -> list[RunResult]:
    """Train with Amp and predict energies with it; predict forces with its Keras twin.

    Options: ``functions``, the name of a set of symmetry functions; without it, Amp's own default.
    """
    return [_one(job, seed) for seed in job.seeds]


def _one(job: Job, seed: int) -> RunResult:
    folder = job.checkpoint.with_name(f".amp-seed{seed}")
    # The checkpoint only identifies the folder; without it (--fresh) Amp starts from scratch.
    checkpoint = Checkpoint(job.checkpoint, job.stamp())
    if checkpoint.load() is None:
        shutil.rmtree(folder, ignore_errors=True)
        checkpoint.save()
    settings, named = job.experiment.training, job.experiment.options.get("functions")
    functions = named and function_set(job.train, named)
    made = train(job.train, job.test, settings, seed, folder, job.report, functions)
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
        # Amp logs the energy RMSE per atom; here it is that of the whole system.
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
    """The same potential in Keras, its forces, and its largest differences from Amp.

    Amp's Python code takes a quarter of a second for the forces of ten atoms, so Amp computes
    only those of some frames, for comparison, and the twin those of all.
    """
    model = from_amp(AmpPotential(Path(made.potential)).parameters())
    found = behler_predictions(model, (job.train, job.test))
    energies, forces = found["energy"], found["force"]
    off_e = max(abs(e - a).max() for e, a in zip(energies, made.energies, strict=True))
    off_f = max(
        abs(f[k] - a).max() for f, k, a in zip(forces, made.force_frames, made.forces, strict=True)
    )
    if not max(off_e, off_f) < SAME:
        raise ReproductionError(
            f"Amp and its Keras twin differ by {off_e:.3g} eV and {off_f:.3g} eV/Å: one is wrong"
        )
    return model, forces, (off_e, off_f)
