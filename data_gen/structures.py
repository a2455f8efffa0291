"""Starting structures, by name: how a molecule is made, apart from how it is moved."""

import difflib

from ase import Atoms
from ase.build import add_adsorbate, fcc110
from ase.cluster import Octahedron
from ase.constraints import FixAtoms

from data_gen.errors import DataError

# asap3 refuses a zero cell: a cluster sits in a box much wider than EMT's cutoff of about 6 Å.
VACUUM = 20.0
SLAB_VACUUM = 10.0  # Å on each side of a slab, along which it is not periodic


def au6_octahedron() -> Atoms:
    """Six atoms carved out of fcc gold: the octahedron, unrelaxed (report, section 2).

    The lattice constant is the one that ASE ships (4.08 Å). The atoms are centred in a
    non-periodic box with ``VACUUM`` Å on each side.
    """
    atoms = Octahedron("Au", 2)
    # A cluster object carries crystal bookkeeping that trajectories do not need.
    atoms = Atoms(atoms.numbers, positions=atoms.positions)
    atoms.center(vacuum=VACUUM)
    return atoms


def pt8au2_slab(height: float | None = None) -> Atoms:
    """Two gold atoms on Pt(110), periodic in the surface plane (report, section 3.4).

    fcc110, two layers of 2 x 2 platinum atoms at ASE's lattice constant (3.92 Å), the lower layer
    fixed; gold in two of the four hollow sites, diagonally, where the next layer's atoms of the
    crystal would be. The cell of 7.84 x 5.54 Å is smaller than twice EMT's cutoff: atoms meet
    their own images. Another ``height`` of the gold above the upper layer (Å) starts with more
    energy.
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
    """The same with the gold 1.8 Å above the upper layer: it starts with 1.9 eV more."""
    return pt8au2_slab(1.8)


STRUCTURES = {
    "au6-octahedron": au6_octahedron,
    "pt8au2-slab": pt8au2_slab,
    "pt8au2-slab-high": pt8au2_slab_high,
}


def build_structure(name: str) -> Atoms:
    """Make the named structure. Raises :class:`DataError` for a name that does not exist."""
    try:
        return STRUCTURES[name]()
    except KeyError:
        close = difflib.get_close_matches(name, STRUCTURES, n=3, cutoff=0.3) or sorted(STRUCTURES)
        raise DataError(f"no structure {name!r}; there is {', '.join(close)}") from None
