"""Constant-energy dynamics with a potential, and how well it conserves the energy.

The total energy is computed in two ways: with the potential that moves the atoms, and with a
reference at the same positions, which also works for potentials that only give forces.
"""

import time
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculatorSetupError
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from analysis.progress import Progress, silent

TIMESTEP_FS = 1.0
TEMPERATURE_K = 1000.0  # of the initial velocities
RECORD = 50  # steps between two recorded energies
# With distances outside this range a cluster has collapsed or come apart.
CLOSEST_A, FARTHEST_A = 1.5, 15.0


@dataclass(frozen=True)
class NveRun:
    """Total energies along an NVE run, every :data:`RECORD` steps from the start.

    Attributes:
        own: (k,) eV, with the potential's energy; empty if it has none.
        reference: (k,) eV, with the reference's energy; empty without one.
        records: k.
        n_atoms: N.
        ended: "all steps done", or the time at which the structure became unphysical.
        seconds: processor time of the steps.
    """

    own: np.ndarray
    reference: np.ndarray
    records: int
    n_atoms: int
    ended: str
    seconds: float

    @property
    def steps(self) -> int:
        """Steps between the first and the last recorded energy."""
        return (self.records - 1) * RECORD

    @property
    def picoseconds(self) -> float:
        """Simulated time between the first and the last recorded energy."""
        return self.steps * TIMESTEP_FS / 1000


def run_nve(
    start: Atoms,
    potential,
    reference,
    steps: int,
    seed: int = 0,
    progress: Progress = silent,
    temperature_K: float = TEMPERATURE_K,
) -> NveRun:
    """Run velocity Verlet with a time step of 1 fs.

    The initial velocities are drawn from the Maxwell-Boltzmann distribution; the motion of the
    centre of mass, where nothing is fixed, is removed and the kinetic energy restored. The run ends
    early if two atoms are closer than 1.5 Å or farther apart than 15 Å, or where the potential has
    no answer.

    Args:
        start: a cluster, or a small cell; not changed. Its constraints hold.
        potential: ASE calculator that moves the atoms; if it has an attribute ``has_energy`` that
            is False, it only gives forces.
        reference: ASE calculator for the reference energies, or None.
        steps: number of steps, rounded down to full recording intervals.
        seed: of the initial velocities.
        progress: called at every recording.
        temperature_K: of the initial velocities.

    Raises:
        CalculatorSetupError: the potential refuses the start.
    """
    atoms, judged = start.copy(), start.copy()
    atoms.calc, judged.calc, records = potential, reference, 0
    thermalize_momenta(atoms, temperature_K, rng=np.random.default_rng(seed))
    if not atoms.constraints:
        Stationary(atoms)
    verlet = VelocityVerlet(atoms, TIMESTEP_FS * units.fs)
    own, true, ended, spent, answered = [], [], "all steps done", 0.0, True
    # A potential that refuses the start is an error.
    atoms.get_forces()
    for done in range(0, steps + 1, RECORD):
        if done:
            begin = time.process_time()
            # Refused on the way are NaN, atoms on one point, and what is far outside a training.
            try:
                verlet.run(RECORD)
            except CalculatorSetupError:
                answered = False
            spent += time.process_time() - begin
        elapsed = done * TIMESTEP_FS / 1000
        distances = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        # "not" also catches NaN.
        if not (answered and distances.min() > CLOSEST_A and distances.max() < FARTHEST_A):
            ended = f"unphysical after {elapsed:.2f} ps"
            break
        records += 1
        kinetic = atoms.get_kinetic_energy()
        if reference is not None:
            judged.positions = atoms.positions
            true.append(judged.get_potential_energy() + kinetic)
        if getattr(potential, "has_energy", True):
            own.append(atoms.get_potential_energy() + kinetic)
        progress(done / steps, f"{elapsed:.1f} ps")
    return NveRun(np.array(own), np.array(true), records, len(atoms), ended, spent)


def drift_and_wander(energies: np.ndarray, n_atoms: int) -> tuple[float, float]:
    """Drift and largest deviation of a total energy: (k,) eV -> two numbers, meV per atom.

    The drift is the slope of a straight line fitted to all energies, times the time between the
    first and the last. The wander is the largest absolute deviation from the first.
    """
    off = 1000 * (energies - energies[0]) / n_atoms
    slope = np.polyfit(np.arange(len(off)), off, 1)[0]
    return slope * (len(off) - 1), np.abs(off).max()
