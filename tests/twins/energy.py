"""Slow twins: the report's equations once more, in plain loops over NumPy, sharing no code.

Weights come as a dict from layer name to (kernel, bias). Distances in Å, energies in eV.
"""

import math

import numpy as np

ACTIVATIONS = {
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x / (1.0 + math.exp(-x)),
    "tanh": math.tanh,
    "linear": lambda x: x,
}


def weights_of(model):
    """{layer name: (kernel, bias)} of a Keras model's dense layers, in float64."""
    return {
        layer.name: tuple(np.asarray(w, float) for w in layer.get_weights())
        for layer in model.layers
        if layer.get_weights()
    }


def dense(x, kernel, bias, activation):
    out = []
    for column in range(kernel.shape[1]):
        total = bias[column]
        for row in range(kernel.shape[0]):
            total += x[row] * kernel[row, column]
        out.append(ACTIVATIONS[activation](total))
    return out


def mlp(x, weights, name, activation):
    k = 1
    while f"{name}_hidden_{k}" in weights:
        x = dense(x, *weights[f"{name}_hidden_{k}"], activation)
        k += 1
    return dense(x, *weights[f"{name}_output"], "linear")


def add(vectors):
    return [sum(parts) for parts in zip(*vectors, strict=True)]


def distance(positions, i, j):
    return math.sqrt(sum((positions[i][a] - positions[j][a]) ** 2 for a in range(3)))


def feature(positions, i, j, statistics):
    """Standardised 1/r_ij, where the diagonal's 1/r is 0."""
    inverse = 0.0 if i == j else 1.0 / distance(positions, i, j)
    return (inverse - statistics.inverse_distance_mean) / statistics.inverse_distance_std


def prepared(kind, positions, i, j, numbers):
    """A pair's feature by one of appendix B's treatments; None where it is not in the sums.

    ``numbers`` are those of the training part that the treatment needs.
    """
    if i == j and kind == "no-diagonal":
        return None
    if i == j and kind == "zero-diagonal":
        return 0.0
    r = distance(positions, i, j)
    if kind == "distances":
        return (r - numbers["r_mean"]) / numbers["r_std"]
    inverse = 0.0 if i == j else 1.0 / r
    if kind.startswith("unit-range"):
        return (inverse - numbers["c2_min"]) / (numbers["c2_max"] - numbers["c2_min"])
    return (inverse - numbers["c2_mean"]) / numbers["c2_std"]


def in_ev(kind, output, numbers):
    """The network's output in eV."""
    if kind == "unit-range-all":
        return numbers["e_min"] + (numbers["e_max"] - numbers["e_min"]) * output
    return numbers["e_mean"] + numbers["e_std"] * output


def eq2_prepared(kind, x, w, numbers, act):
    return in_ev(kind, sum(v[0] for v in _atoms_prepared(kind, x, w, numbers, act)), numbers)


def eq5_prepared(kind, x, w, numbers, act):
    total = mlp(add(_atoms_prepared(kind, x, w, numbers, act)), w, "total_mlp", act)[0]
    return in_ev(kind, total, numbers)


def _atoms_prepared(kind, x, w, numbers, act):
    out = []
    for i in range(len(x)):
        features = [prepared(kind, x, i, j, numbers) for j in range(len(x))]
        terms = [mlp([c], w, "pair_mlp", act) for c in features if c is not None]
        out.append(mlp(add(terms), w, "atom_mlp", act))
    return out


def eq3_prepared(kind, x, w, numbers, act):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            c = prepared(kind, x, i, j, numbers)
            if c is not None:
                total += mlp(mlp([c], w, "inner_mlp", act), w, "outer_mlp", act)[0]
    return in_ev(kind, total, numbers)


def eq4_prepared(kind, x, w, numbers, act):
    atoms = range(len(x))
    total = 0.0
    for i in atoms:
        pairs = [[0.0] * 10]
        for j in atoms:
            if prepared(kind, x, i, j, numbers) is None:
                continue
            triplets = [[0.0] * 10]
            for k in atoms:
                three = [prepared(kind, x, *ab, numbers) for ab in ((i, j), (i, k), (j, k))]
                if None not in three:
                    triplets.append(mlp(three, w, "triplet_mlp", act))
            pairs.append(mlp(add(triplets), w, "pair_mlp", act))
        total += mlp(add(pairs), w, "atom_mlp", act)[0]
    return in_ev(kind, total, numbers)


def eq2(x, w, s, act):
    atoms = range(len(x))
    total = 0.0
    for i in atoms:
        environment = add(mlp([feature(x, i, j, s)], w, "pair_mlp", act) for j in atoms)
        total += mlp(environment, w, "atom_mlp", act)[0]
    return s.energy_mean + s.energy_std * total


def eq3(x, w, s, act):
    atoms = range(len(x))
    total = 0.0
    for i in atoms:
        for j in atoms:
            inner = mlp([feature(x, i, j, s)], w, "inner_mlp", act)
            total += mlp(inner, w, "outer_mlp", act)[0]
    return s.energy_mean + s.energy_std * total


def eq4(x, w, s, act):
    atoms = range(len(x))
    total = 0.0
    for i in atoms:
        pairs = []
        for j in atoms:
            triplets = []
            for k in atoms:
                three = [feature(x, i, j, s), feature(x, i, k, s), feature(x, j, k, s)]
                triplets.append(mlp(three, w, "triplet_mlp", act))
            pairs.append(mlp(add(triplets), w, "pair_mlp", act))
        total += mlp(add(pairs), w, "atom_mlp", act)[0]
    return s.energy_mean + s.energy_std * total


def eq5(x, w, s, act):
    atoms = range(len(x))
    outer = []
    for i in atoms:
        environment = add(mlp([feature(x, i, j, s)], w, "pair_mlp", act) for j in atoms)
        outer.append(mlp(environment, w, "atom_mlp", act))
    return s.energy_mean + s.energy_std * mlp(add(outer), w, "total_mlp", act)[0]
