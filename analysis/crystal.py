"""Properties of a crystal's bulk, a vacancy and surfaces, by any ASE calculator.

What a potential of small clusters says of a crystal is a test of its range, see
:func:`crystal_properties`.
"""

import numpy as np
from ase import Atoms, units
from ase.build import bulk, fcc100, fcc111
from ase.eos import EquationOfState
from ase.optimize import FIRE

from analysis.progress import Progress, silent

# Lattice constants, Å, among which the minimum is searched.
LATTICE = np.arange(3.4, 4.81, 0.05)
# Strains of the lattice constant, about the minimum, to which the equation of state is fitted.
STRAINS = np.linspace(-0.03, 0.03, 9)
# Cubic cells along each edge of the periodic box, and (atoms along each edge, layers) of a slab.
CELLS, SLAB = 3, (4, 4, 7)
VACUUM_A = 10.0
# Relaxation: largest force, eV/Å, and steps.
FMAX, STEPS = 0.01, 200


def crystal_properties(symbol: str, calculator, progress: Progress = silent) -> dict[str, float]:
    """Properties of an fcc element.

    Args:
        symbol: of the element.
        calculator: ASE calculator for periodic systems.
        progress: called between the parts.

    Returns:
        "lattice_constant" (Å) and "bulk_modulus" (GPa), by Birch and Murnaghan's equation of
        state; "vacancy_energy" (eV), of forming one among 108 atoms, relaxed; "surface_energy_111"
        and "surface_energy_100" (J/m^2), of relaxed slabs of seven layers. All are missing if
        there is no minimum of the energy between 3.4 and 4.8 Å; one alone if its atoms do not come
        to rest within :data:`STEPS` steps.
    """

    def energy(a: float) -> float:
        return _energy(bulk(symbol, a=a, cubic=True).repeat(CELLS), calculator)

    scanned = []
    for k, a in enumerate(LATTICE):
        scanned.append(energy(a))
        progress(0.3 * k / len(LATTICE), f"lattice constant {a:.2f} Å")
    lowest = int(np.argmin(scanned))
    if lowest in (0, len(LATTICE) - 1):
        return {}
    near = LATTICE[lowest] * (1.0 + STRAINS)
    volumes = (CELLS * near) ** 3
    try:
        volume, least, modulus = EquationOfState(
            volumes, [energy(a) for a in near], eos="birchmurnaghan"
        ).fit(warn=False)
    except (ValueError, RuntimeError):
        return {}
    a = volume ** (1 / 3) / CELLS
    per_atom = least / (4 * CELLS**3)
    found = {"lattice_constant": float(a), "bulk_modulus": float(modulus / units.GPa)}
    box = bulk(symbol, a=a, cubic=True).repeat(CELLS)
    del box[0]
    progress(0.4, "vacancy")
    if (rest := _relaxed(box, calculator)) is not None:
        found["vacancy_energy"] = rest - per_atom * len(box)
    for k, (name, build) in enumerate({"111": fcc111, "100": fcc100}.items()):
        slab = build(symbol, SLAB, a=a, vacuum=VACUUM_A)
        progress(0.6 + 0.2 * k, f"surface {name}")
        if (rest := _relaxed(slab, calculator)) is not None:
            area = 2 * np.linalg.norm(np.cross(*slab.cell[:2]))
            excess = (rest - per_atom * len(slab)) / area
            found[f"surface_energy_{name}"] = float(excess / (units.J / units.m**2))
    return found


def _energy(atoms: Atoms, calculator) -> float:
    atoms.calc = calculator
    return float(atoms.get_potential_energy())


def _relaxed(atoms: Atoms, calculator) -> float | None:
    """Energy of relaxed atoms, eV; None if they do not come to rest."""
    atoms.calc = calculator
    done = FIRE(atoms, logfile=None).run(fmax=FMAX, steps=STEPS)
    return float(atoms.get_potential_energy()) if done else None
