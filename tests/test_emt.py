"""EMT's f, g and h (section 4.1) put together again are asap3's EMT, digit by digit."""

import asap3
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from analysis.emt import EmtFunctions
from tests.conftest import cluster

GOLD = EmtFunctions.of("Au")


def asap(positions, symbol="Au"):
    """asap3's energy and forces of an isolated cluster."""
    atoms = Atoms(f"{symbol}{len(positions)}", positions=positions)
    atoms.center(vacuum=20.0)
    atoms.calc = asap3.EMT()
    return atoms.get_potential_energy(), atoms.get_forces()


def test_f_g_h_give_the_energies_and_forces_of_the_data(au6):
    part = au6[::4]
    energies, forces = GOLD.energies_and_forces(part.positions)
    np.testing.assert_allclose(energies, part.energies, rtol=0, atol=1e-11)
    np.testing.assert_allclose(forces, part.forces, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("symbol", "n_atoms"), [("Au", 2), ("Au", 11), ("Pt", 6), ("Al", 6)])
def test_other_sizes_and_metals(symbol, n_atoms, rng):
    positions = cluster(rng, n_atoms)
    energy, forces = asap(positions, symbol)
    found = EmtFunctions.of(symbol).energies_and_forces(positions[None])
    assert found[0][0] == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(found[1][0], forces, rtol=0, atol=1e-9)


def test_cutoff_is_asap_s_and_has_a_step():
    """Two atoms just inside and just outside of where asap3 ends its lists."""
    for r in (GOLD.end - 1e-6, GOLD.end + 1e-6):
        x = np.array([[0, 0, 0], [r, 0, 0]])
        energy, forces = asap(x)
        found = GOLD.energies_and_forces(x[None])
        assert found[0][0] == pytest.approx(energy, abs=1e-12)
        np.testing.assert_allclose(found[1][0], forces, rtol=0, atol=1e-9)
    assert GOLD.f(GOLD.end - 1e-6) > 0 == GOLD.f(GOLD.end + 1e-6) == GOLD.h(GOLD.end + 1e-6)


def test_zero_of_energy_is_the_crystal():
    """sigma = 1 in the fcc crystal at its own lattice constant; a lone atom is -E0 above it."""
    nearest = GOLD.nearest
    crystal = bulk("Au", "fcc", a=nearest * np.sqrt(2), cubic=True) * (6, 6, 6)
    r = crystal.get_distances(0, np.arange(1, len(crystal)), mic=True)
    # The fourth shell has a rest of f and h, which the definition of sigma = 1 leaves out.
    r = r[r < 1.9 * nearest]
    assert len(r) == 12 + 6 + 24
    assert GOLD.f(r).sum() == pytest.approx(1.0, abs=1e-12)
    assert GOLD.g(1.0) + GOLD.h(r).sum() == pytest.approx(0.0, abs=1e-12)
    assert GOLD.g(0.0) == pytest.approx(3.8)
    assert asap(np.zeros((1, 3)))[0] == pytest.approx(3.8)


@pytest.mark.parametrize("name", ["f", "g", "h"])
def test_derivatives(name):
    x = np.linspace(0.05, 1.2, 50) if name == "g" else np.linspace(2.2, 5.55, 50)
    function, slope = getattr(GOLD, name), getattr(GOLD, f"{name}_slope")
    numeric = (function(x + 1e-6) - function(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope(x), numeric, rtol=1e-6, atol=1e-8)


def test_atom_energies_are_asap_s_total_in_the_gauge_of_f():
    """g - a sigma and h + a f are the same potential: h alone means nothing."""
    x = cluster(np.random.default_rng(1), 6)[None]
    energies = GOLD.atom_energies(x)
    sigma, pairs = GOLD.sums(x)
    other = (GOLD.g(sigma) - 3.0 * sigma) + (pairs + 3.0 * sigma)
    np.testing.assert_allclose(energies, other, atol=1e-12)
    assert energies.sum() == pytest.approx(asap(x[0])[0], abs=1e-11)
