"""Uncertainty of an ensemble of models: comparison of its spread with its error, frame by frame."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from analysis.frames import atoms_at
from analysis.progress import Progress, silent
from data_gen.dataset import Dataset

REPORT_FRAMES = 20


@dataclass(frozen=True)
class EnsemblePredictions:
    """Predictions of an ensemble for n frames.

    Attributes:
        energies: (n,) eV, mean over the models.
        forces: (n, N, 3) eV/Å, mean over the models.
        forces_std: (n, N, 3) eV/Å, standard deviation over the models.
    """

    energies: np.ndarray
    forces: np.ndarray
    forces_std: np.ndarray


def predict_frames(data: Dataset, calculator, progress: Progress = silent) -> EnsemblePredictions:
    """Predict all frames with an ensemble.

    Args:
        data: the frames.
        calculator: ASE calculator with the property "forces_std", such as
            :class:`keras_models.calculator.KerasCalculator` with several models.
        progress: called every 20 frames.
    """
    energies = np.empty(len(data))
    forces, spread = np.empty(data.forces.shape), np.empty(data.forces.shape)
    for k, x in enumerate(data.positions):
        atoms = atoms_at(data, x, calculator)
        forces[k] = atoms.get_forces()
        energies[k] = atoms.get_potential_energy()
        spread[k] = calculator.get_property("forces_std", atoms)
        if k % REPORT_FRAMES == 0:
            progress(k / len(data), f"frame {k}/{len(data)}")
    return EnsemblePredictions(energies, forces, spread)


def frame_rms(vectors: np.ndarray) -> np.ndarray:
    """Root mean square over atoms and components, for each frame: (n, N, 3) -> (n,)."""
    return np.sqrt((vectors**2).mean(axis=(1, 2)))


def calibration(error: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """Compare the frames' errors with their spreads.

    Args:
        error, std: (n,), error and spread of each frame, in the same unit.

    Returns:
        "force_std": root mean square of the spread, in that unit.
        "error_to_std": root mean square error divided by it, 1 if the spread equals the error;
            missing if a frame has no spread at all.
        "rank_correlation": Spearman's, 1 if the spread orders frames as the error does; missing
            if all frames have the same spread.
    """
    found = {"force_std": float(np.sqrt((std**2).mean()))}
    if std.min() > 0:
        found["error_to_std"] = float(np.sqrt((error**2).mean() / (std**2).mean()))
    if np.ptp(std) > 0:
        found["rank_correlation"] = float(spearmanr(error, std).statistic)
    return found
