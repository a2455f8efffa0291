"""Slow twins of Eq. 6 to 9, in plain loops as :mod:`twins.energy`: positions -> one force an atom.

Concatenations are made and MLPs summed as the equations are written, nothing is split or moved.
"""

import math

from twins.energy import add, mlp


def vector(x, start, end, s, vectors):
    """x_end - x_start as the networks see it."""
    v = [x[end][a] - x[start][a] for a in range(3)]
    if vectors == "raw":
        return [c / s.displacement_rms for c in v]
    # 1/r has mean square mean^2 + std^2, a third of it for each component.
    rms = math.sqrt((s.inverse_distance_mean**2 + s.inverse_distance_std**2) / 3.0)
    r2 = sum(c * c for c in v)
    return [c / r2 / rms if start != end else 0.0 for c in v]


def environment(x, i, w, s, act, vectors):
    """sum_j MLP(x_j - x_i)."""
    return add(mlp(vector(x, i, j, s, vectors), w, "pair_mlp", act) for j in range(len(x)))


def scaled(force, s):
    return [s.force_rms * component for component in force]


def eq6(x, w, s, act, vectors):
    forces = []
    for i in range(len(x)):
        atom = mlp(environment(x, i, w, s, act, vectors), w, "atom_mlp", act)
        forces.append(scaled(mlp(atom, w, "force_mlp", act), s))
    return forces


def eq7(x, w, s, act, vectors):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            inner = []
            for j in atoms:
                both = vector(x, k, i, s, vectors) + vector(x, k, j, s, vectors)
                inner.append(mlp(both, w, "triplet_mlp", act))
            terms.append(mlp(mlp(add(inner), w, "pair_mlp", act), w, "force_mlp", act))
        forces.append(scaled(add(terms), s))
    return forces


def eq7_as_printed(x, w, s, act, vectors):
    terms = []
    for i in range(len(x)):
        atom = mlp(environment(x, i, w, s, act, vectors), w, "atom_mlp", act)
        terms.append(mlp(atom, w, "force_mlp", act))
    return [scaled(add(terms), s) for _ in x]


def eq8(x, w, s, act, vectors):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            both = vector(x, k, i, s, vectors) + environment(x, i, w, s, act, vectors)
            terms.append(mlp(both, w, "atom_mlp", act))
        forces.append(scaled(mlp(add(terms), w, "force_mlp", act), s))
    return forces


def eq9(x, w, s, act, vectors):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            atom = mlp(environment(x, i, w, s, act, vectors), w, "atom_mlp", act)
            terms.append(mlp(vector(x, k, i, s, vectors) + atom, w, "force_mlp", act))
        forces.append(scaled(add(terms), s))
    return forces
