"""Signs that energies under one name were not computed in the same way.

Another code, functional, pseudopotential or cutoff moves the energies of all frames of a
composition by about the same amount, often by more than these differ among each other.
"""

import itertools
from typing import NamedTuple

import numpy as np
from ase.symbols import Symbols

from data_gen.distances import Distances
from data_gen.frames import is_isolated
from data_gen.reading import Reading

# Energies are in groups where there is nothing between for so much, eV per atom, and for so many
# times the spread within each. A group has so many frames, and this share of its composition's.
GAP, TIMES = 0.25, 10.0
FEWEST, SHARE = 4, 0.1
# Nearest neighbours of the groups are about as far: else they are other structures, as dissociated.
ALIKE = 1.1


class Step(NamedTuple):
    """Two groups of frames of one composition whose energies are apart.

    Attributes:
        lower, upper: numbers of the frames.
        apart: difference of their median energies, eV per atom.
        spread: the larger standard deviation within them, eV per atom.
    """

    lower: np.ndarray
    upper: np.ndarray
    apart: float
    spread: float


def warn_of_levels(reading: Reading, distances: Distances) -> list[str]:
    """That the energies of some compositions are in groups, in a sentence with the largest step."""
    frames = reading.frames
    compositions: dict[bytes, list[int]] = {}
    for k, s in enumerate(frames.structures):
        if not is_isolated(s):
            kind = np.sort(s.numbers).tobytes() + np.asarray(s.pbc, bool).tobytes()
            compositions.setdefault(kind, []).append(k)
    per_atom = frames.energies / frames.sizes
    found = [
        max(steps, key=lambda step: step.apart)
        for members in compositions.values()
        if (steps := _steps(np.array(members), per_atom, distances.typical))
    ]
    if not found:
        return []
    one = max(found, key=lambda step: step.apart)
    formula = Symbols(frames.structures[one.lower[0]].numbers).get_chemical_formula()
    groups = (f"{len(group)} frames like {reading.origins[group.min()]}" for group in one[:2])
    others = f"; also those of {len(found) - 1} other compositions" if found[1:] else ""
    return [
        f"energies of {formula} are in groups that are {one.apart:.3g} eV/atom apart, with a "
        f"spread of {one.spread:.2g} within: {' and '.join(groups)}{others}: were all computed in "
        "the same way (code, functional, pseudopotentials), or are they of different phases?"
    ]


def _steps(members: np.ndarray, per_atom: np.ndarray, typical: np.ndarray) -> list[Step]:
    """Steps between groups of frames of one composition, by rising energy."""
    order = members[np.argsort(per_atom[members], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(per_atom[order]) > GAP) + 1)
    groups = [g for g in groups if len(g) >= max(FEWEST, SHARE * len(members))]
    found = []
    for lower, upper in itertools.pairwise(groups):
        gap = per_atom[upper[0]] - per_atom[lower[-1]]
        spread = max(per_atom[lower].std(), per_atom[upper].std())
        near, far = sorted(np.median(typical[group]) for group in (lower, upper))
        if gap > TIMES * spread and far <= ALIKE * near:
            apart = np.median(per_atom[upper]) - np.median(per_atom[lower])
            found.append(Step(lower, upper, float(apart), float(spread)))
    return found
