"""Starting structures of the dynamics, by name."""

import difflib

from ase import Atoms
from ase.build import add_adsorbate, fcc110
from ase.cluster import Octahedron
from ase.constraints import FixAtoms

from data_gen.errors import DataError

# asap3 does not accept a zero cell; the box is much wider than EMT's cutoff of about 6 Å.
VACUUM = 20.0
SLAB_VACUUM = 10.0  # Å on each side of a slab, which is not periodic in that direction


def au6_octahedron() -> Atoms:
    """The Au6 octahedron, cut out of fcc gold and unrelaxed (report, section 2).

    The lattice constant is ASE's (4.08 Å). The atoms are centred in a non-periodic box with
    ``VACUUM`` Å on each side.
    """
    atoms = Octahedron("Au", 2)
    # As plain Atoms, without the crystallographic data of ASE's cluster class.
    atoms = Atoms(atoms.numbers, positions=atoms.positions)
    atoms.center(vacuum=VACUUM)
    return atoms


def pt8au2_slab(height: float | None = None) -> Atoms:
    """Two gold atoms on Pt(110), periodic in the surface plane (report, section 3.4).

    Two layers of 2 x 2 platinum atoms at ASE's lattice constant (3.92 Å), the lower layer fixed.
    The gold atoms are in two diagonally opposite ones of the four hollow sites, where atoms of the
    next crystal layer would be. The cell of 7.84 x 5.54 Å is smaller than twice EMT's cutoff, so
    atoms interact with their own images.

    Args:
        height: of the gold above the upper layer, Å; by default the spacing of the layers. Other
            heights start with a higher energy.
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


STRUCTURES = {
    "au6-octahedron": au6_octahedron,
    "pt8au2-slab": pt8au2_slab,
    "pt8au2-slab-high": pt8au2_slab_high,
}


def build_structure(name: str) -> Atoms:
    """Build a structure by its name. Raises :class:`DataError` if there is no such name."""
    try:
        return STRUCTURES[name]()
    except KeyError:
        close = difflib.get_close_matches(name, STRUCTURES, n=3, cutoff=0.3) or sorted(STRUCTURES)
        raise DataError(f"no structure {name!r}; there is {', '.join(close)}") from None
