"""Slow twins of Eq. 6 to 9, in plain loops as :mod:`twins.energy`: positions -> one force an atom.

Concatenations are made and MLPs summed as the equations are written, nothing is split or moved.
An argument o holds the builders' options ``vectors`` and ``c2``.
"""

import math

from twins.energy import add, mlp


def vector(x, start, end, s, vectors, c2="none"):
    """x_end - x_start as the networks see it, with 1/r standardised after it if asked for."""
    v = [x[end][a] - x[start][a] for a in range(3)]
    r = math.sqrt(sum(c * c for c in v))
    # 1/r has mean square mean^2 + std^2, a third of it for each component.
    square = (s.inverse_distance_mean**2 + s.inverse_distance_std**2) / 3.0
    if start == end:
        scaled = [0.0, 0.0, 0.0]
    elif vectors == "raw":
        scaled = [c / s.displacement_rms for c in v]
    elif vectors == "inverse_square":
        scaled = [c / r**2 / math.sqrt(square) for c in v]
    else:
        scaled = [c / r**3 / square / math.sqrt(3.0) for c in v]
    if c2 == "none":
        return scaled
    mean, std = s.inverse_distance_mean, s.inverse_distance_std
    return [*scaled, 0.0 if start == end else (1.0 / r - mean) / std]


def inner(x, start, end, s, o):
    """What an environment is made of."""
    return vector(x, start, end, s, o["vectors"], "all" if o["c2"] == "all" else "none")


def outer(x, start, end, s, o):
    """What stands beside an environment."""
    return vector(x, start, end, s, o["vectors"], o["c2"])


def environment(x, i, w, s, act, o):
    """sum_j MLP(x_j - x_i)."""
    return add(mlp(inner(x, i, j, s, o), w, "pair_mlp", act) for j in range(len(x)))


def scaled(force, s):
    return [s.force_rms * component for component in force]


def eq6(x, w, s, act, o):
    forces = []
    for i in range(len(x)):
        atom = mlp(environment(x, i, w, s, act, o), w, "atom_mlp", act)
        forces.append(scaled(mlp(atom, w, "force_mlp", act), s))
    return forces


def eq7(x, w, s, act, o):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            found = []
            for j in atoms:
                both = inner(x, k, i, s, o) + inner(x, k, j, s, o)
                found.append(mlp(both, w, "triplet_mlp", act))
            terms.append(mlp(mlp(add(found), w, "pair_mlp", act), w, "force_mlp", act))
        forces.append(scaled(add(terms), s))
    return forces


def eq7_as_printed(x, w, s, act, o):
    terms = []
    for i in range(len(x)):
        atom = mlp(environment(x, i, w, s, act, o), w, "atom_mlp", act)
        terms.append(mlp(atom, w, "force_mlp", act))
    return [scaled(add(terms), s) for _ in x]


def eq8(x, w, s, act, o):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            both = outer(x, k, i, s, o) + environment(x, i, w, s, act, o)
            terms.append(mlp(both, w, "atom_mlp", act))
        forces.append(scaled(mlp(add(terms), w, "force_mlp", act), s))
    return forces


def eq9(x, w, s, act, o):
    atoms, forces = range(len(x)), []
    for k in atoms:
        terms = []
        for i in atoms:
            atom = mlp(environment(x, i, w, s, act, o), w, "atom_mlp", act)
            terms.append(mlp(outer(x, k, i, s, o) + atom, w, "force_mlp", act))
        forces.append(scaled(add(terms), s))
    return forces
