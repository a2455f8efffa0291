"""Slow twin of Eq. 2 and 3 over neighbours: explicit sums over atoms, neighbours and images."""

import numpy as np
from ase.data import atomic_numbers
from twins.linear_eq4 import held, mlp, neighbours, zbl


def selected(x, kind, kinds, w, name, way):
    """Output of an MLP for one kind: that kind's outputs, or the kind as an input."""
    if way == "input":
        return mlp(np.concatenate([x, np.eye(kinds)[kind]]), w, name)
    return np.split(mlp(x, w, name), kinds)[kind]


def energy(structure, w, c, equation, way):
    """Energy of a structure, eV, from weights and configurations of the model's layers."""
    elements = [atomic_numbers[e] for e in c["one_hot"]["elements"]]
    many, cutoff = len(elements), c["radial"]["cutoff"]
    z = np.asarray(structure.numbers).tolist()
    shortest, scale = np.array(c["held"]["shortest"]), c["atom_energies"]["scale"]
    c2, total = c["standardised_c2"], 0.0

    def of_atom(x, s):
        layer = c["environment_sum_over_j"]
        x = (x - np.array(layer["mean"])) / np.array(layer["std"])
        return selected(x, s, many, w, "atom_mlp", way)[0]

    for i, number in enumerate(z):
        s = elements.index(number)
        terms = []
        for j, r, _ in neighbours(structure, i, cutoff):
            t = elements.index(z[j])
            b = shortest[s, t]
            h = held(r, b)
            x = (np.array([1.0 / h]) - c2["mean"]) / np.array(c2["std"])
            kind, f_c = s * many + t, (1.0 - (h / cutoff) ** 2) ** 3
            if equation == 2:
                terms.append(f_c * selected(x, kind, many**2, w, "pair_mlp", way))
            else:
                x = selected(x, kind, many**2, w, "inner_mlp", way)
                terms.append(f_c * selected(x, kind, many**2, w, "outer_mlp", way)[0])
            total += 0.5 * zbl(r, number, z[j], b)
        if equation == 2 and terms:
            none = np.zeros(len(terms[0]))
            total += scale * (of_atom(sum(terms), s) - of_atom(none, s))
        elif terms:
            total += scale * sum(terms)
    return total
