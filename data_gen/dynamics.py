"""Molecular dynamics with the EMT potential, which generates the datasets."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import asap3
import numpy as np
from ase import units
from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from data_gen.dataset import Dataset
from data_gen.errors import DataError
from data_gen.structures import build_structure


@dataclass(frozen=True)
class DynamicsSettings:
    """Settings of an NVE run; the defaults are those of the report's section 2.

    Attributes:
        structure: name in :data:`data_gen.structures.STRUCTURES`.
        temperature_K: of the Maxwell-Boltzmann distribution of the initial velocities.
        timestep_fs: of velocity Verlet.
        steps: ``steps // stride`` frames are recorded, the start included, so that the last stride
            of time steps is not run.
        stride: number of steps between recorded frames.
        seed: of the initial velocities.
        remove_rotation: remove the total angular momentum from the initial velocities. The report
            does not specify this. Centre-of-mass motion is removed unless atoms are fixed.
        max_drift_eV: largest accepted |E_total(t) - E_total(0)|.
        max_distance_A: largest accepted distance between two atoms; beyond it the cluster has
            come apart.
        max_displacement_A: largest accepted displacement of an atom from its start; None for no
            limit. Half a nearest-neighbour distance ensures that no two atoms of a slab have
            changed places.
    """

    structure: str = "au6-octahedron"
    temperature_K: float = 300.0
    timestep_fs: float = 1.0
    steps: int = 125_000
    stride: int = 50
    seed: int = 0
    remove_rotation: bool = False
    max_drift_eV: float = 0.01
    max_distance_A: float = 12.0
    max_displacement_A: float | None = None

    def __post_init__(self) -> None:
        if self.stride < 1 or self.steps < self.stride:
            raise DataError(
                f"steps ({self.steps}) must be at least one stride ({self.stride}), "
                "and both positive"
            )
        if not self.timestep_fs > 0 or not self.temperature_K >= 0 or self.seed < 0:
            raise DataError("the time step must be positive, and temperature and seed not negative")


def run_dynamics(
    settings: DynamicsSettings, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """Run velocity Verlet with asap3's EMT and record a frame every ``stride`` steps.

    Args:
        settings: what to run.
        progress: called with (frames so far, total frames).

    Returns:
        The frames. ``metadata["dynamics"]`` contains the settings, the largest drift of the total
        energy (eV), the largest distance between two atoms and the largest displacement (Å).
        Forces are EMT's without constraints, also on fixed atoms.

    Raises:
        DataError: a limit in the settings, on energy drift, distance or displacement, is exceeded.
    """
    atoms = build_structure(settings.structure)
    atoms.calc = asap3.EMT()
    thermalize_momenta(atoms, settings.temperature_K, rng=np.random.default_rng(settings.seed))
    # With fixed atoms the system cannot drift.
    if not atoms.constraints:
        Stationary(atoms)
    if settings.remove_rotation:
        ZeroRotation(atoms)

    n_frames = settings.steps // settings.stride
    positions = np.empty((n_frames, len(atoms), 3))
    energies = np.empty(n_frames)
    forces = np.empty_like(positions)
    total = np.empty(n_frames)
    start = atoms.positions.copy()
    drift = distance = displacement = 0.0
    verlet = VelocityVerlet(atoms, settings.timestep_fs * units.fs)
    for frame in range(n_frames):
        if frame:
            verlet.run(settings.stride)
        positions[frame] = atoms.positions
        energies[frame] = atoms.get_potential_energy()
        forces[frame] = atoms.get_forces(apply_constraint=False)
        total[frame] = energies[frame] + atoms.get_kinetic_energy()
        # Checked in every frame, as EMT gets ever slower on atoms that fly apart.
        drift = float(np.maximum(drift, abs(total[frame] - total[0])))
        distance = float(np.maximum(distance, atoms.get_all_distances().max()))
        moved = np.linalg.norm(atoms.positions - start, axis=1)
        displacement = float(np.maximum(displacement, moved.max()))
        _check(settings, drift, distance, displacement)
        if progress and (frame % 50 == 49 or frame + 1 == n_frames):
            progress(frame + 1, n_frames)
    return Dataset(
        positions=positions,
        numbers=atoms.numbers.copy(),
        energies=energies,
        forces=forces,
        cell=np.array(atoms.cell),
        pbc=np.array(atoms.pbc),
        metadata={
            "dynamics": {
                **asdict(settings),
                "potential": "asap3.EMT",
                "integrator": "velocity Verlet (NVE)",
                "energy_drift_eV": drift,
                "largest_distance_A": distance,
                "largest_displacement_A": displacement,
            }
        },
    )


def _check(settings: DynamicsSettings, drift: float, distance: float, displacement: float) -> None:
    """Raise :class:`DataError` if a limit in the settings is exceeded."""
    # "not <=" also catches NaN, which np.maximum propagates and max() could drop.
    if not drift <= settings.max_drift_eV:
        raise DataError(
            f"the total energy drifted by {drift:.4g} eV (accepted: {settings.max_drift_eV}); "
            "take a shorter time step or a lower temperature"
        )
    if not distance <= settings.max_distance_A:
        raise DataError(
            f"two atoms are {distance:.4g} Å apart (accepted: {settings.max_distance_A}): "
            "the cluster has come apart"
        )
    if settings.max_displacement_A is not None and not displacement <= settings.max_displacement_A:
        raise DataError(
            f"an atom is {displacement:.4g} Å from where it started (accepted: "
            f"{settings.max_displacement_A}): the slab is no longer what it was; take another seed "
            "or a lower temperature"
        )
