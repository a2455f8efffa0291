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


def feature(positions, i, j, statistics):
    """Standardised 1/r_ij, where the diagonal's 1/r is 0."""
    if i == j:
        inverse = 0.0
    else:
        inverse = 1.0 / math.sqrt(sum((positions[i][a] - positions[j][a]) ** 2 for a in range(3)))
    return (inverse - statistics.inverse_distance_mean) / statistics.inverse_distance_std


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
