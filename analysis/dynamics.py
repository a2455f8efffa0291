"""Dynamics at constant energy on a potential: does the energy stay constant?

The energy is followed twice: by the potential that moves the atoms, and by a reference at the same
positions, which also exists where the potential gives forces alone; each plus the kinetic energy.
"""

import time
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from analysis.progress import Progress, silent

TIMESTEP_FS = 1.0
TEMPERATURE_K = 1000.0  # of the first velocities
RECORD = 50  # steps between two recorded energies
# Outside these distances between two atoms a cluster has collapsed or fallen apart.
CLOSEST_A, FARTHEST_A = 1.5, 15.0


@dataclass(frozen=True)
class NveRun:
    """Total energies along a run, one every :data:`RECORD` steps, the start among them.

    Attributes:
        own: (k,) eV, by the potential itself; empty where it has no energy.
        reference: (k,) eV, by the reference.
        n_atoms: N.
        ended: "all steps done", or when the run left what is physical.
        seconds: spent in the steps.
    """

    own: np.ndarray
    reference: np.ndarray
    n_atoms: int
    ended: str
    seconds: float

    @property
    def steps(self) -> int:
        """Steps between the first and the last recorded energy."""
        return (len(self.reference) - 1) * RECORD

    @property
    def picoseconds(self) -> float:
        """Their time."""
        return self.steps * TIMESTEP_FS / 1000


def run_nve(
    start: Atoms, potential, reference, steps: int, seed: int = 0, progress: Progress = silent
) -> NveRun:
    """Velocity Verlet at 1 fs from ``start``, which stays as it is.

    First velocities are Maxwell-Boltzmann's at 1,000 K, brought to rest at the centre of mass and
    scaled to the kinetic energy that they had. A run ends early when two atoms come nearer than
    1.5 Å or part by more than 15 Å.

    Args:
        start: a cluster.
        potential: ASE calculator that moves the atoms; an attribute ``has_energy`` that is False
            says that it gives forces alone.
        reference: ASE calculator that judges.
        steps: to run, as many as are full recording intervals.
        seed: of the first velocities.
        progress: told after every recording.
    """
    atoms, judged = start.copy(), start.copy()
    atoms.calc, judged.calc = potential, reference
    thermalize_momenta(atoms, TEMPERATURE_K, rng=np.random.default_rng(seed))
    Stationary(atoms)
    verlet = VelocityVerlet(atoms, TIMESTEP_FS * units.fs)
    own, true, ended, spent = [], [], "all steps done", 0.0
    for done in range(0, steps + 1, RECORD):
        if done:
            begin = time.perf_counter()
            verlet.run(RECORD)
            spent += time.perf_counter() - begin
        elapsed = done * TIMESTEP_FS / 1000
        distances = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        # Written so that NaN does not pass.
        if not (distances.min() > CLOSEST_A and distances.max() < FARTHEST_A):
            ended = f"unphysical after {elapsed:.2f} ps"
            break
        judged.positions = atoms.positions
        kinetic = atoms.get_kinetic_energy()
        true.append(judged.get_potential_energy() + kinetic)
        if getattr(potential, "has_energy", True):
            own.append(atoms.get_potential_energy() + kinetic)
        progress(done / steps, f"{elapsed:.1f} ps")
    return NveRun(np.array(own), np.array(true), len(atoms), ended, spent)


def drift_and_wander(energies: np.ndarray, n_atoms: int) -> tuple[float, float]:
    """How far a total energy moves, by trend and at most: (k,) eV -> two numbers, meV per atom.

    The drift is the slope of a straight line through all energies, times the time between the
    first and the last. The wander is the largest distance from the first.
    """
    off = 1000 * (energies - energies[0]) / n_atoms
    slope = np.polyfit(np.arange(len(off)), off, 1)[0]
    return slope * (len(off) - 1), np.abs(off).max()
