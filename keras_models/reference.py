"""Reference energies of the elements: what is subtracted from energies before training.

E = sum_i e_element(i) + E_model. The first sum is thousands of eV in data of density functional
theory, where float32 has steps of 1 meV: it is computed and added in float64, outside the model.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols

from data_gen.frames import composition


def reference_energies(
    numbers: Sequence[np.ndarray],
    energies: np.ndarray,
    isolated: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Energy of an atom of each element, eV, by least squares on energies per atom, in float64.

    Of all solutions of min sum_n ((E_n - sum_s count_ns e_s) / N_n)^2 it is the one of smallest
    norm, so that one composition alone, or a single frame, gives an answer, too.

    Args:
        numbers: atomic numbers (N_n,) of each structure.
        energies: (n,), eV, of the structures.
        isolated: {symbol: eV} of elements whose energy is known, to be taken as they are.

    Raises:
        ValueError: the lengths differ, there is no structure, or an energy is not finite.
    """
    isolated = dict(isolated or {})
    energies = np.asarray(energies, float)
    if not len(numbers) or energies.shape != (len(numbers),):
        raise ValueError(f"{len(numbers)} structures with energies {energies.shape}")
    if not np.isfinite(energies).all():
        raise ValueError("energies are not finite (NaN or infinite)")
    elements = sorted({chemical_symbols[z] for one in numbers for z in np.unique(one)})
    counts = composition(numbers, elements)
    known = np.array([e in isolated for e in elements])
    rest = energies - counts[:, known] @ np.array([isolated[e] for e in elements if e in isolated])
    sizes = counts.sum(axis=1)
    fitted = np.linalg.lstsq(counts[:, ~known] / sizes[:, None], rest / sizes, rcond=None)[0]
    free = [e for e in elements if e not in isolated]
    return {**isolated, **dict(zip(free, fitted.tolist(), strict=True))}


def sums_of_references(
    numbers: Sequence[np.ndarray], references: Mapping[str, float]
) -> np.ndarray:
    """Sum of the reference energies of each structure's atoms, (n,) eV.

    Raises:
        ValueError: an element has no reference energy.
    """
    missing = {chemical_symbols[z] for one in numbers for z in np.unique(one)} - set(references)
    if missing:
        raise ValueError(f"no reference energy of {', '.join(sorted(missing))}")
    elements = sorted(references)
    return composition(numbers, elements) @ np.array([references[e] for e in elements], float)
