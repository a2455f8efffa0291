"""The contract of trained models: energy is conserved, two atoms have one minimum, cells relax."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.md.nptberendsen import NPTBerendsen
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.neighborlist import neighbor_list
from ase.optimize import BFGS

from data_gen.frames import Frames
from keras_models.calculator import KerasCalculator
from keras_models.fit_edges import EdgeFitSettings, fit_edges
from keras_models.settings import EdgeSettings

# Trained for seconds, small: what holds must not need an accurate model.
ROUNDS = "linear Eq. 4, order 3, two rounds"
SMALL = {"cutoff": 5.0, "polynomials": 6, "channels": 6, "order": 2}
# By Adam alone, Eq. 2 becomes another model with every other rounding.
STAGES = {"eq2_neighbours": ((1, 60),), "eq3_neighbours": ((1, 60),)}
# A sum over pairs can't be right for two atoms, clusters and crystals at once.
FRAMES = {"eq3_neighbours": {"pairs": 0, "clusters": 0}}
MODELS = {
    "linear Eq. 4": ("linear_eq4", (12, 8), SMALL),
    ROUNDS: ("linear_eq4", (12, 8), {**SMALL, "order": 3, "rounds": 2}),
    "Eq. 2": ("eq2_neighbours", ((8, 10, 1), (1, 10, 8)), {"cutoff": 5.0}),
    "Eq. 3": ("eq3_neighbours", ((8, 10, 1), (1, 10, 8)), {"cutoff": 5.0}),
}
SHORTEST = 2.1  # Å, of the pairs
STEPS, STEP_FS = 1000, 2.0
# 0.1 meV an atom in 100 ps, in eV/ps.
DRIFT = 1e-4 / 100.0


def training(pairs: int = 15, clusters: int = 16) -> Frames:
    """Gold by EMT: pairs, crystals and clusters, compressed, stretched and shaken.

    With cells of four atoms, which move as one with their images, or without clusters, it depends
    on the seed whether two rounds learn a crystal that stays one.
    """
    rng = np.random.default_rng(0)
    frames = [Atoms("Au2", [(0, 0, 0), (0, 0, r)]) for r in np.linspace(SHORTEST, 4.9, pairs)]
    for a in np.linspace(3.75, 4.5, 20):
        frames.append(shaken(bulk("Au", "fcc", a=a).repeat(2), rng))
    for a in np.linspace(3.75, 4.5, clusters):
        frames.append(shaken(cut(bulk("Au", "fcc", a=a, cubic=True).repeat(3), rng), rng))
    for atoms in frames:
        atoms.calc = EMT()
    return Frames.from_atoms([frames[k] for k in rng.permutation(len(frames))])


def cut(crystal: Atoms, rng) -> Atoms:
    """The 3 to 8 atoms that are nearest to a point near the middle."""
    middle = crystal.positions.mean(axis=0) + rng.normal(size=3)
    nearest = np.argsort(np.linalg.norm(crystal.positions - middle, axis=1))[: rng.integers(3, 9)]
    return Atoms(crystal.symbols[nearest], crystal.positions[nearest])


def shaken(atoms: Atoms, rng) -> Atoms:
    """Moved by 0.05 to 0.25 Å an axis, no two atoms closer than the shortest distance."""
    while True:
        moved = atoms.copy()
        moved.rattle(rng.uniform(0.05, 0.25), rng=rng)
        if not len(neighbor_list("d", moved, SHORTEST)):
            return moved


@pytest.fixture(scope="module", params=MODELS)
def calculator(request):
    name, widths, options = MODELS[request.param]
    stages = STAGES.get(name, ())
    # All frames in each batch, so that one shape is compiled.
    steps = EdgeSettings(
        100 if stages else 600,
        batch_size=64,
        learning_rate=1e-2,
        warm_up=20,
        average=0.95,
        validation=0.0,
        stages=stages,
    )
    frames = training(**FRAMES.get(name, {}))
    fitted = fit_edges(frames, EdgeFitSettings(name, steps, widths, None, options))
    return KerasCalculator(fitted.model, references=fitted.references)


# Eq. 3, of pairs alone, can't bind two atoms as much as EMT does and the crystal as little.
@pytest.mark.parametrize("calculator", sorted(set(MODELS) - {"Eq. 3"}), indirect=True)
@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_two_atoms_have_one_minimum_and_repel_inside(calculator):
    r = np.linspace(0.5, 6.0, 221)
    atoms, found = Atoms("Au2", positions=np.zeros((2, 3))), []
    atoms.calc = calculator
    for distance in r:
        atoms.positions[1, 0] = distance
        found.append((atoms.get_potential_energy(), atoms.get_forces()[1, 0]))
    energies, forces = np.transpose(found)
    energies -= energies[-1]
    lowest, slopes = energies.argmin(), np.diff(energies)
    assert 2.2 < r[lowest] < 2.5 and energies[lowest] < -4.0  # EMT: 2.3 Å, -5.1 eV
    # In float32, a curve that has come to 0 is not quite flat. A hump on the way is no minimum.
    signs = np.sign(slopes[np.abs(slopes) > 1e-5])
    assert (slopes[:lowest] < 0).all() and (np.diff(signs) > 0).sum() == 1
    assert (forces[: lowest - 1] > 0).all() and energies[0] > 100.0


@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_an_atom_pushed_into_another_of_a_crystal_is_pushed_back(calculator):
    """From the shortest distance of training to where the repulsion of nuclei is complete."""
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    atoms.calc = calculator
    home, other = atoms.positions[0].copy(), atoms.positions[1]
    way = (other - home) / np.linalg.norm(other - home)
    energies, back = [], []
    for distance in SHORTEST * np.linspace(1.0, 0.2, 33):
        atoms.positions[0] = other - distance * way
        energies.append(atoms.get_potential_energy())
        back.append(-atoms.get_forces()[0] @ way)
    assert min(back) > 1.0 and (np.diff(energies) > 0).all() and energies[-1] - energies[0] > 100.0


@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_energy_is_conserved(calculator):
    """2 ps of a crystal from 300 K; the drift at the rate that is allowed in 100 ps."""
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    atoms.calc = calculator
    thermalize_momenta(atoms, 300, rng=np.random.default_rng(1))
    energies, kinetic = [], []
    dynamics = VelocityVerlet(atoms, STEP_FS * units.fs)
    dynamics.attach(lambda: energies.append(atoms.get_total_energy()))
    dynamics.attach(lambda: kinetic.append(atoms.get_kinetic_energy()))
    dynamics.run(STEPS)
    energies, kinetic = np.array(energies) / len(atoms), np.array(kinetic) / len(atoms)
    drift = np.polyfit(STEP_FS * 1e-3 * np.arange(STEPS + 1), energies, 1)[0]
    assert abs(drift) < DRIFT and np.ptp(energies) < 1e-4 and np.ptp(kinetic) > 5e-3
    # It is still the crystal.
    assert kinetic[STEPS // 2 :].mean() == pytest.approx(1.5 * 150 * units.kB, rel=0.4)


@pytest.mark.filterwarnings("ignore::keras_models.calculator.ExtrapolationWarning")
def test_a_compressed_crystal_comes_to_its_volume_at_constant_pressure(calculator):
    """1 ps of dynamics at no pressure, from 8 % too small, ends at the volume of lowest energy."""
    still = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    still.calc = calculator
    BFGS(FrechetCellFilter(still), logfile=None).run(fmax=0.01, steps=50)
    atoms = still.copy()
    atoms.set_cell(atoms.cell * 0.92 ** (1 / 3), scale_atoms=True)
    atoms.calc = calculator
    thermalize_momenta(atoms, 100, rng=np.random.default_rng(1))
    before = -atoms.get_stress()[:3].mean() / units.GPa
    NPTBerendsen(
        atoms,
        STEP_FS * units.fs,
        temperature_K=100,
        pressure_au=0.0,
        taut=100 * units.fs,
        taup=200 * units.fs,
        compressibility_au=1 / (170 * units.GPa),
    ).run(500)
    after = -atoms.get_stress(include_ideal_gas=True)[:3].mean() / units.GPa
    assert before > 5.0 and abs(after) < 1.0
    assert atoms.get_volume() == pytest.approx(still.get_volume(), rel=0.02)
