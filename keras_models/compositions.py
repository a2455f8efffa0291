"""Which energies the compositions of a training leave open.

Constants c_s that are added for each atom of element s change the energy per atom of a frame by
sum_s x_s c_s, where x_s is the element's share of the atoms. Where that is zero for all frames of
a training, nothing in it says what these constants are: with frames of Cu8Au8 alone, one may be
added for each Cu and subtracted for each Au. The energy of another ratio of elements is then open
by as much, whatever the model; differences between structures of one composition are not, nor are
forces. Isolated atoms do not count: they say what a reference energy is, not what an atom gains
among others.

Shapes: S elements, Z independent sets of constants.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols

from data_gen.frames import Structure, composition, is_isolated

# Shares, and singular values relative to the largest, that are zero but for rounding.
ZERO = 1e-6


def left_open(
    structures: Sequence[Structure],
    elements: Sequence[str],
    before: Sequence[Mapping[str, float]] | None = None,
) -> list[dict[str, float]]:
    """Sets of constants that change no energy of some structures.

    Args:
        structures: of a training.
        elements: symbols of all elements that the model knows.
        before: what an earlier training of the same model left open; None without one.

    Returns:
        {symbol: c_s}, orthonormal; none where the compositions determine all, or where no
        structure has several atoms.
    """
    numbers = [s.numbers for s in structures if not is_isolated(s)]
    if not numbers:
        return [dict(x) for x in before or ()]
    rows = composition(numbers, elements)
    rows /= rows.sum(axis=1, keepdims=True)
    if before is not None:
        known = matrix(before, elements)
        rows = np.concatenate([rows, np.eye(len(elements)) - known.T @ known])
    # Of many frames, all that counts is in the triangular factor.
    _, values, directions = np.linalg.svd(np.linalg.qr(rows, mode="r"))
    rank = int((values > ZERO * values[0]).sum())
    return [dict(zip(elements, one.tolist(), strict=True)) for one in directions[rank:]]


def matrix(constants: Sequence[Mapping[str, float]], elements: Sequence[str]) -> np.ndarray:
    """Sets of constants as an array, (Z, S)."""
    return np.array([[one[e] for e in elements] for one in constants]).reshape(-1, len(elements))


def is_open(
    structure: Structure,
    constants: Sequence[Mapping[str, float]],
    isolated: Collection[str] = (),
) -> bool:
    """Whether such constants change the energy of a structure.

    Args:
        structure: Atoms are structures, too.
        constants: as :func:`left_open` gives them.
        isolated: elements whose energy of an isolated atom is known.
    """
    if not constants:
        return False
    numbers = np.asarray(structure.numbers)
    if len(numbers) == 1 and chemical_symbols[numbers[0]] in isolated and is_isolated(structure):
        return False
    counts = np.bincount(numbers)
    shares = {chemical_symbols[z]: counts[z] / len(numbers) for z in np.flatnonzero(counts)}
    return any(
        abs(sum(share * one.get(e, 0.0) for e, share in shares.items())) > ZERO for one in constants
    )
