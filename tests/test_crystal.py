"""Properties of a crystal: those of EMT by other ways, and potentials that have none."""

import asap3
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from analysis import crystal
from analysis.crystal import crystal_properties


class Repulsive(Calculator):
    """E = 1 / V: a crystal that only wants to be larger."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 1.0 / atoms.cell.volume, "forces": np.zeros((len(atoms), 3))}


@pytest.fixture(scope="module")
def found():
    return crystal_properties("Au", asap3.EMT())


def emt(atoms):
    atoms.calc = asap3.EMT()
    return atoms


def test_the_crystal_has_no_stress_at_its_lattice_constant(found):
    pressed = emt(bulk("Au", a=found["lattice_constant"], cubic=True).repeat(3)).get_stress()
    assert np.abs(pressed[:3] / units.GPa).max() < 0.05  # of 174 GPa


def test_the_bulk_modulus_is_the_slope_of_the_pressure(found):
    a, h = found["lattice_constant"], 1e-3

    def pressure(factor):
        atoms = emt(bulk("Au", a=a * factor, cubic=True).repeat(3))
        return -atoms.get_stress()[:3].mean() / units.GPa

    slope = (pressure(1 - h) - pressure(1 + h)) / (6 * h)  # -V dp/dV, V ~ a^3
    assert found["bulk_modulus"] == pytest.approx(slope, rel=0.02)


def test_the_vacancy_and_the_surfaces_cost_less_than_before_relaxation(found):
    a = found["lattice_constant"]
    box = emt(bulk("Au", a=a, cubic=True).repeat(3))
    per_atom = box.get_potential_energy() / len(box)
    del box[50]  # any of them
    rigid = emt(box).get_potential_energy() - 107 * per_atom
    assert 0.9 * rigid < found["vacancy_energy"] < rigid
    for name, build in (("111", crystal.fcc111), ("100", crystal.fcc100)):
        # More layers, as the energy of a surface does not depend on their number.
        slab = emt(build("Au", (4, 4, 9), a=a, vacuum=12.0))
        rigid = slab.get_potential_energy() - len(slab) * per_atom
        rigid /= 2 * slab.cell[0, 0] * slab.cell[1, 1]
        cost = found[f"surface_energy_{name}"] * units.J / units.m**2
        assert 0.9 * rigid < cost < rigid
    assert found["surface_energy_111"] < found["surface_energy_100"]


def test_a_potential_without_a_minimum_has_no_crystal():
    assert crystal_properties("Au", Repulsive()) == {}


def test_what_does_not_come_to_rest_is_missing(monkeypatch):
    monkeypatch.setattr(crystal, "STEPS", 0)
    assert set(crystal_properties("Au", asap3.EMT())) == {"lattice_constant", "bulk_modulus"}
