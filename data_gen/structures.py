"""Starting structures of the dynamics, by name."""

import difflib
from functools import partial

import asap3
import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc110
from ase.cluster import Icosahedron, Octahedron
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from data_gen.errors import DataError

# asap3 does not accept a zero cell; the box is much wider than EMT's cutoff of about 6 Å.
VACUUM = 20.0
SLAB_VACUUM = 10.0  # Å on each side of a slab, which is not periodic in that direction


# Å. ASE's for gold, and the one at which a crystal of asap3's EMT has no stress.
LATTICE_CONSTANT, EMT_LATTICE_CONSTANT = 4.08, 4.0559
# Pieces of six atoms of an fcc crystal, in units of half the lattice constant. Up to symmetry, one
# has 12 nearest-neighbour bonds, the octahedron, and these two have 11; all others have fewer.
ELEVEN_BONDS = (
    ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 2), (1, 2, 1)),
    ((0, 0, 0), (0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 2)),
)


def au6_octahedron(lattice_constant: float | None = None) -> Atoms:
    """The Au6 octahedron, cut out of fcc gold and unrelaxed (report, section 2).

    The atoms are centred in a non-periodic box with ``VACUUM`` Å on each side.

    Args:
        lattice_constant: Å; None for ASE's, 4.08.
    """
    atoms = Octahedron("Au", 2, latticeconstant=lattice_constant)
    # As plain Atoms, without the crystallographic data of ASE's cluster class.
    atoms = Atoms(atoms.numbers, positions=atoms.positions)
    atoms.center(vacuum=VACUUM)
    return atoms


def au6_piece(points) -> Atoms:
    """Six atoms of fcc gold, unrelaxed, at ASE's lattice constant, in the octahedron's box.

    Args:
        points: of the crystal, in units of half the lattice constant.
    """
    atoms = Atoms("Au6", positions=np.array(points) * LATTICE_CONSTANT / 2)
    atoms.center(vacuum=VACUUM)
    return atoms


def au6_relaxed() -> Atoms:
    """The octahedron, relaxed with EMT to 0.001 eV/Å."""
    atoms = au6_octahedron()
    atoms.calc = asap3.EMT()
    BFGS(atoms, logfile=None).run(fmax=0.001)
    atoms.calc = None
    return atoms


def gold(atoms: Atoms) -> Atoms:
    """A cluster, as plain atoms in the octahedron's box."""
    atoms = Atoms(atoms.numbers, positions=atoms.positions)
    atoms.center(vacuum=VACUUM)
    return atoms


def au_tetrahedron(layers: int) -> Atoms:
    """A tetrahedron of fcc gold with (111) faces, unrelaxed, of n (n + 1) (n + 2) / 6 atoms.

    Args:
        layers: n, atoms along an edge.
    """
    n = range(layers)
    steps = [(i, j, k) for i in n for j in n for k in n if i + j + k < layers]
    points = np.array(steps) @ np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return gold(Atoms(f"Au{len(points)}", positions=points * LATTICE_CONSTANT / 2))


def au32_crystal(lattice_constant: float) -> Atoms:
    """Fcc gold, 2 x 2 x 2 cubic cells, periodic.

    Args:
        lattice_constant: Å.
    """
    return bulk("Au", a=lattice_constant, cubic=True).repeat(2)


def pt8au2_slab(height: float | None = None) -> Atoms:
    """Two gold atoms on Pt(110), periodic in the surface plane (report, section 3.4).

    Two layers of 2 x 2 platinum atoms at ASE's lattice constant (3.92 Å), the lower layer fixed.
    The gold atoms are in two diagonally opposite ones of the four hollow sites, where atoms of the
    next crystal layer would be. The cell of 7.84 x 5.54 Å is smaller than twice EMT's cutoff, so
    atoms interact with their own images.

    Args:
        height: of the gold above the upper layer, Å; by default the spacing of the layers. Much
            higher, and much lower, the slab starts with more energy.
    """
    atoms = fcc110("Pt", size=(2, 2, 2))
    spacing = atoms.positions[:, 2].max() - atoms.positions[:, 2].min()
    for site in ((0, 0), (1, 1)):
        add_adsorbate(atoms, "Au", height or spacing, "hollow", offset=site)
    atoms.pbc = (True, True, False)
    atoms.center(vacuum=SLAB_VACUUM, axis=2)
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 2))
    return atoms


def pt8au2_slab_high() -> Atoms:
    """The slab of :func:`pt8au2_slab` with the gold at 1.8 Å, which adds 1.9 eV at the start."""
    return pt8au2_slab(1.8)


# Å above the upper layer: a place of the gold other than that of the crystal's next layer, 1.386 Å.
# From 0.7 Å or less, the gold leaves the slab during the run.
GOLD_HEIGHTS = (0.8, 0.9, 1.0, 1.1)

# Å, of crystals: EMT's own, and 3 % less and more.
CRYSTALS = (3.93, EMT_LATTICE_CONSTANT, 4.18)

STRUCTURES = {
    "au6-octahedron": au6_octahedron,
    "au6-octahedron-4.056": partial(au6_octahedron, EMT_LATTICE_CONSTANT),
    "au6-octahedron-4.02": partial(au6_octahedron, 4.02),
    "au6-octahedron-3.98": partial(au6_octahedron, 3.98),
    "au6-11-bonds-a": partial(au6_piece, ELEVEN_BONDS[0]),
    "au6-11-bonds-b": partial(au6_piece, ELEVEN_BONDS[1]),
    "au6-relaxed": au6_relaxed,
    **{f"au{n}-tetrahedron": partial(au_tetrahedron, k) for k, n in ((2, 4), (3, 10), (4, 20))},
    **{
        f"au{n}-icosahedron": partial(lambda k: gold(Icosahedron("Au", k)), k)
        for k, n in ((2, 13), (3, 55))
    },
    "au38-octahedron": lambda: gold(Octahedron("Au", 4, cutoff=1)),
    **{f"au32-crystal-{a:.3g}": partial(au32_crystal, a) for a in CRYSTALS},
    "pt8au2-slab": pt8au2_slab,
    "pt8au2-slab-high": pt8au2_slab_high,
    **{f"pt8au2-slab-{height}": partial(pt8au2_slab, height) for height in GOLD_HEIGHTS},
}


def build_structure(name: str) -> Atoms:
    """Build a structure by its name. Raises :class:`DataError` if there is no such name."""
    try:
        return STRUCTURES[name]()
    except KeyError:
        close = difflib.get_close_matches(name, STRUCTURES, n=3, cutoff=0.3) or sorted(STRUCTURES)
        raise DataError(f"no structure {name!r}; there is {', '.join(close)}") from None
