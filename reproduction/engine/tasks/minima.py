"""Geometry optimisation on a trained model (the report's section 5.1 asks for it)."""

import time

import numpy as np
from ase.build.rotate import minimize_rotation_and_translation
from ase.optimize import BFGS

from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.uses import calculator, emt, gold

FMAX, MOST_STEPS = 0.001, 500
# Two structures are one minimum when their energies and sorted distances agree this well.
SAME_EV, SAME_A = 1e-3, 0.02


def run(job: Job) -> list:
    """BFGS from evenly chosen test frames, on the model and on EMT itself."""
    frames = np.linspace(0, len(job.test) - 1, job.experiment.options["frames"]).astype(int)
    starts = job.test.positions[frames]
    return [_one(job, seed, starts) for seed in job.seeds]


def _one(job: Job, seed: int, starts: np.ndarray) -> RunResult:
    begin = time.perf_counter()
    by_emt = _relax_all(job, starts, emt(), 0.0)
    by_model = _relax_all(job, starts, calculator(job, seed), 0.5)
    same, off, moved = [], [], []
    energies = np.zeros((len(starts), 2))
    for k, (a, b) in enumerate(zip(by_emt["atoms"], by_model["atoms"], strict=True)):
        # The model's minimum is judged by EMT's energy there, too.
        energies[k] = a.get_potential_energy(), gold(b.positions, emt()).get_potential_energy()
        one = abs(np.diff(energies[k])[0]) < SAME_EV and _distances_agree(a, b)
        same.append(one)
        if one:
            off.append(b.get_potential_energy() - energies[k, 0])
            moved.append(_rms_displacement(a, b))
    return RunResult(
        seed,
        {},
        {
            ("", "same_minimum"): float(np.mean(same)),
            **_at_the_same_minimum(off, moved),
            ("", "calls_model"): by_model["calls"] / len(starts),
            ("", "calls_emt"): by_emt["calls"] / len(starts),
            ("", "seconds_model"): by_model["seconds"],
            ("", "seconds_emt"): by_emt["seconds"],
            ("", "analysis_seconds"): time.perf_counter() - begin,
        },
        {"minimum_energies": energies},
        {"ended": f"{by_model['converged']} of {len(starts)} converged on the model"},
    )


def _at_the_same_minimum(off: list[float], moved: list[float]) -> dict:
    """Energy and position errors where both found one minimum; nothing where they never did."""
    if not off:
        return {}
    return {
        ("", "minimum_energy_error"): 1000 * float(np.sqrt(np.mean(np.square(off)))),
        ("", "minimum_rms_displacement"): float(np.mean(moved)),
    }


def _relax_all(job: Job, starts: np.ndarray, calc, done: float) -> dict:
    """Minima from all starts, with calls of the calculator and seconds."""
    found = {"atoms": [], "calls": 0, "converged": 0}
    gold(starts[0], calc).get_forces()  # compiles
    begin = time.perf_counter()
    for k, x in enumerate(starts):
        atoms = gold(x, calc)
        optimiser = BFGS(atoms, logfile=None)
        found["converged"] += bool(optimiser.run(fmax=FMAX, steps=MOST_STEPS))
        found["calls"] += optimiser.nsteps + 1
        relaxed = atoms.copy()
        relaxed.calc = calc
        found["atoms"].append(relaxed)
        job.report(done + 0.5 * (k + 1) / len(starts), f"minimum {k + 1}/{len(starts)}")
    found["seconds"] = time.perf_counter() - begin
    return found


def _sorted_distances(atoms) -> np.ndarray:
    return np.sort(atoms.get_all_distances()[np.triu_indices(len(atoms), 1)])


def _distances_agree(a, b) -> bool:
    return bool(np.abs(_sorted_distances(a) - _sorted_distances(b)).max() < SAME_A)


def _rms_displacement(a, b) -> float:
    """Å, after the best translation and rotation; atoms keep their numbers."""
    moved = b.copy()
    minimize_rotation_and_translation(a, moved)
    return float(np.sqrt(((moved.positions - a.positions) ** 2).sum(axis=1).mean()))
