"""Slow twin of Eq. 1's symmetry functions, in plain loops, in the report's own convention."""

import itertools
import math

import numpy as np
from ase.data import chemical_symbols

SYMBOL = dict(enumerate(chemical_symbols))


def neighbours(positions, numbers, cell, pbc, i, cutoff):
    """(symbol, vector) of all atoms within the cutoff of atom i, images by brute force."""
    ranges = [range(-4, 5) if p else range(1) for p in pbc]
    found = []
    for n in itertools.product(*ranges):
        for j in range(len(positions)):
            if j == i and not any(n):
                continue
            v = positions[j] + np.array(n) @ cell - positions[i]
            if np.linalg.norm(v) < cutoff:
                found.append((SYMBOL[numbers[j]], v))
    return found


def cut(r, cutoff):
    return 0.5 * (1.0 + math.cos(math.pi * r / cutoff)) if r < cutoff else 0.0


def fingerprint(positions, numbers, cell, pbc, i, functions, cutoff):
    """Eq. 1's G of atom i, each pair of neighbours once; etas as in the report, in 1/Å^2."""
    near = neighbours(positions, numbers, cell, pbc, i, cutoff)
    values = []
    for f in functions:
        eta = f["eta"] / cutoff**2
        total = 0.0
        if f["type"] == "G2":
            for symbol, v in near:
                r = np.linalg.norm(v)
                if symbol == f["element"]:
                    total += math.exp(-eta * (r - f["offset"]) ** 2) * cut(r, cutoff)
        else:
            for (a, va), (b, vb) in itertools.combinations(near, 2):
                if sorted((a, b)) != sorted(f["elements"]):
                    continue
                ra, rb, rab = (np.linalg.norm(v) for v in (va, vb, va - vb))
                angle = (1.0 + f["gamma"] * (va @ vb) / ra / rb) ** f["zeta"]
                bell = math.exp(-eta * (ra**2 + rb**2 + rab**2))
                total += angle * bell * cut(ra, cutoff) * cut(rb, cutoff) * cut(rab, cutoff)
            total *= 2.0 ** (1.0 - f["zeta"])
        values.append(total)
    return values
