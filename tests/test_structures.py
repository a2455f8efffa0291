"""Starting structures of the transfer's clusters and crystals."""

import numpy as np
import pytest

from data_gen.structures import CRYSTALS, build_structure

NEAREST = 4.08 / 2**0.5


def bonds(atoms):
    d = atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)]
    return int((d < 1.2 * NEAREST).sum()), float(d.min())


@pytest.mark.parametrize(
    ("name", "atoms", "neighbours"),
    [
        # Edges of a tetrahedron's tetrahedra; a truncated octahedron's 144 nearest neighbours.
        ("au4-tetrahedron", 4, 6),
        ("au10-tetrahedron", 10, 24),
        ("au20-tetrahedron", 20, 60),
        ("au38-octahedron", 38, 144),
        # 12 spokes and 30 edges; two shells.
        ("au13-icosahedron", 13, 42),
        ("au55-icosahedron", 55, 234),
    ],
)
def test_clusters_have_their_atoms_and_bonds(name, atoms, neighbours):
    found = build_structure(name)
    assert set(found.symbols) == {"Au"} and len(found) == atoms and not found.pbc.any()
    count, shortest = bonds(found)
    assert count == neighbours and shortest == pytest.approx(NEAREST, rel=0.06)


@pytest.mark.parametrize("constant", CRYSTALS)
def test_crystals_are_fcc_at_their_lattice_constant(constant):
    found = build_structure(f"au32-crystal-{constant:.3g}")
    assert len(found) == 32 and found.pbc.all()
    count, shortest = bonds(found)
    assert count == 32 * 12 // 2 and shortest == pytest.approx(constant / 2**0.5)
    np.testing.assert_allclose(found.cell.lengths(), 2 * constant)
