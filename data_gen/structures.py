"""Starting structures, by name: how a molecule is made, apart from how it is moved."""

import difflib

from ase import Atoms
from ase.cluster import Octahedron

from data_gen.errors import DataError

# asap3 refuses a zero cell: a cluster sits in a box much wider than EMT's cutoff of about 6 Å.
VACUUM = 20.0


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


STRUCTURES = {"au6-octahedron": au6_octahedron}


def build_structure(name: str) -> Atoms:
    """Make the named structure. Raises :class:`DataError` for a name that does not exist."""
    try:
        return STRUCTURES[name]()
    except KeyError:
        close = difflib.get_close_matches(name, STRUCTURES, n=3, cutoff=0.3) or sorted(STRUCTURES)
        raise DataError(f"no structure {name!r}; there is {', '.join(close)}") from None
