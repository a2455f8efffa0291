"""Slow twin of Eq. 4 in linear time: explicit sums over neighbours, pairs and triples of them.

Shares no code with the model. Weights come as {layer name: weights}, constants of layers as
{layer name: configuration}.
"""

import itertools
import math

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree


def layers_of(model):
    """Weights and configurations of a model's layers, by name."""
    weights = {x.name: [np.asarray(w, float) for w in x.get_weights()] for x in model.layers}
    return weights, {x.name: x.get_config() for x in model.layers}


def neighbours(structure, i, cutoff, images=4):
    """(j, distance, direction) of all neighbours of atom i, images by brute force."""
    ranges = [range(-images, images + 1) if p else range(1) for p in structure.pbc]
    found = []
    for n in itertools.product(*ranges):
        for j, x in enumerate(structure.positions):
            if j == i and not any(n):
                continue
            v = x + np.array(n) @ np.array(structure.cell) - structure.positions[i]
            r = np.linalg.norm(v)
            if r < cutoff:
                found.append((j, r, v / r))
    return found


def swish2(x):
    return x / (1.0 + np.exp(-2.0 * x))


def mlp(x, w, name):
    k = 1
    while f"{name}_hidden_{k}" in w:
        kernel, bias = w[f"{name}_hidden_{k}"]
        x, k = swish2(x @ kernel + bias), k + 1
    kernel, *bias = w[f"{name}_output"]
    return x @ kernel + (bias[0] if bias else 0.0)


def of_atom(x, z, w, name, elements, way):
    """Output of an atom's network: shared with the element as input, or its element's outputs."""
    kind = elements.index(z)
    if way == "input":
        return mlp(np.concatenate([x, np.eye(len(elements))[kind]]), w, name)
    return np.split(mlp(x, w, name), len(elements))[kind]


def held(r, b):
    """Distance for the network: the integral of its slope 3 t^2 - 2 t^3, by quadrature."""
    if r >= b:
        return r
    a = b / 2.0
    nodes, weights = np.polynomial.legendre.leggauss(8)
    start = max(r, a)
    t = ((b - start) * (nodes + 1.0) / 2.0 + start - a) / (b - a)
    return b - (weights * (3.0 * t**2 - 2.0 * t**3)).sum() * (b - start) / 2.0


def radial(r, c):
    """f_c T_n(x), by the cosine."""
    rc, d = c["cutoff"], c["scale"]
    x = 1.0 - 2.0 * r * (rc + d) / (rc * (r + d))
    angle = math.acos(max(-1.0, min(1.0, x)))
    f = (1.0 - (r / rc) ** 2) ** 3
    return np.array([f * math.cos(n * angle) for n in range(c["polynomials"])])


def zbl(r, zi, zj, b):
    """Switched ZBL energy of a pair, eV."""
    x = r * (zi**0.23 + zj**0.23) / (0.8854 * Bohr)
    terms = ((0.18175, 3.1998), (0.50986, 0.94229), (0.28022, 0.4029), (0.02817, 0.20162))
    t = min(max((r - b / 2.0) / (b / 2.0), 0.0), 1.0)
    return (
        (1.0 - 10.0 * t**3 + 15.0 * t**4 - 6.0 * t**5)
        * (Hartree * Bohr)
        * zi
        * zj
        / r
        * sum(c * math.exp(-d * x) for c, d in terms)
    )


def scaled_channels(near, values, c, name):
    """Each neighbour's terms in the channels of l = 0, 1, 2, divided by the channels' sizes."""
    names = [f"{name}_{degree}_scaled" for degree in range(3)]
    std = [np.array(c[n]["std"]) for n in names if n in c]  # order 1 has no other degree than 0
    return [[q / s for q in values] for s in std], [u for _, _, u in near]


def invariants(near, values, w, c, suffix, name, order):
    """All invariants of an atom, from its neighbours' terms (Q,) in each channel."""
    terms, u = scaled_channels(near, values, c, name)
    n = range(len(near))

    def mixed(degree, layer):
        kernel = w[f"{layer}{suffix}"][0]
        return [q @ kernel for q in terms[degree]]

    zero = np.zeros(w[f"mix_order_1{suffix}"][0].shape[1])
    found = [sum(mixed(0, "mix_order_1"), zero)]
    if order >= 2:
        legendre = (lambda x: 1.0, lambda x: x, lambda x: x**2 - 1.0 / 3.0)
        for degree, p in enumerate(legendre):
            a, b = (mixed(degree, f"mix_order_2_{degree}{f}") for f in "uv")
            found.append(sum((a[j] * b[k] * p(u[j] @ u[k]) for j in n for k in n), zero))
    if order >= 3:
        v, m, t = (mixed(d, f"mix_order_3_{f}") for d, f in ((1, "v"), (2, "m"), (1, "w")))
        a, b, d = (mixed(2, f"mix_order_3_{f}") for f in "npr")
        one, two = zero, zero
        for j, k, l in itertools.product(n, n, n):  # noqa: E741
            jk, kl, lj = u[j] @ u[k], u[k] @ u[l], u[l] @ u[j]
            one = one + v[j] * m[k] * t[l] * (jk * kl - lj / 3.0)
            trace = jk * kl * lj - (jk**2 + kl**2 + lj**2) / 3.0 + 2.0 / 9.0
            two = two + a[j] * b[k] * d[l] * trace
        found += [one, two]
    return found


def first_tensors(near, values, c):
    """Scaled A_l of an atom: (Q,), (3, Q), (3, 3, Q)."""
    std = [np.array(c[f"sums_{degree}_scaled"]["std"]) for degree in range(3)]
    found = [np.zeros((*(3,) * degree, len(std[degree]))) for degree in range(3)]
    for (_, _, u), q in zip(near, values, strict=True):
        found[0] += q / std[0]
        found[1] += np.multiply.outer(u, q / std[1])
        found[2] += np.multiply.outer(np.outer(u, u) - np.eye(3) / 3.0, q / std[2])
    return found


def message(k, tensors, weights, w):
    """What a neighbour sends in round k: a (K,) and b v (3, K), bounded."""
    a, b = np.split(np.tanh(weights), 2)
    v = np.tensordot(tensors[1], w[f"mix_message_{k}"][0], 1) * b
    return a, v / (1.0 + np.sqrt((v**2).sum(0) + 1e-6))


def again(k, near, functions, messages, w, c):
    """Scaled B_l of an atom in round k: (2K,), (3, 2K), (3, 3, K)."""
    std = [np.array(c[f"sums_{k}_{degree}_scaled"]["std"]) for degree in range(3)]
    found = [np.zeros((*(3,) * degree, len(std[degree]))) for degree in range(3)]
    for (j, _, u), values in zip(near, functions, strict=True):
        a, v = messages[j]
        f, g = np.split(values @ w[f"mix_radial_{k}"][0], 2)
        found[0] += np.concatenate([f * a, g * (u @ v)])
        found[1] += np.concatenate([np.multiply.outer(u, f * a), g * v], axis=-1)
        found[2] += np.multiply.outer(np.outer(u, u) - np.eye(3) / 3.0, f * a)
    return [x / size for x, size in zip(found, std, strict=True)]


def contractions(k, tensors, w, order):
    """Invariants of B_l, one entry after the other."""

    def mixed(degree, layer):
        return np.tensordot(tensors[degree], w[f"{layer}_{k}"][0], 1)

    found = [mixed(0, "mix_order_1")]
    if order >= 2:
        for degree in range(3):
            a, b = (mixed(degree, f"mix_order_2_{degree}{f}") for f in "uv")
            found.append((a * b).reshape(-1, a.shape[-1]).sum(0))
    if order >= 3:
        v, m, t = (mixed(d, f"mix_order_3_{f}") for d, f in ((1, "v"), (2, "m"), (1, "w")))
        n, p, r = (mixed(2, f"mix_order_3_{f}") for f in "npr")
        x = range(3)
        found.append(sum(v[a] * m[a, b] * t[b] for a in x for b in x))
        found.append(sum(n[a, b] * p[b, d] * r[d, a] for a in x for b in x for d in x))
    return found


KINDS = ("order_1", "order_2_0", "order_2_1", "order_2_2", "order_3_vmw", "order_3_npr")


def standardised(found, c, name):
    parts = []
    for kind, x in zip(KINDS, found, strict=False):
        layer = c[f"{name}_{kind}"]
        parts.append((x - np.array(layer["mean"])) / np.array(layer["std"]))
    return np.concatenate(parts)


def energy(structure, w, c, order, rounds, way):
    """Energy of a structure, eV."""
    elements = [atomic_numbers[e] for e in c["one_hot"]["elements"]]
    z = np.asarray(structure.numbers).tolist()
    shortest = np.array(c["held"]["shortest"])
    rows = [elements.index(number) for number in z]
    n_radial = c["radial"]["polynomials"]
    near = [neighbours(structure, i, c["radial"]["cutoff"]) for i in range(len(z))]
    functions = [
        [radial(held(r, shortest[rows[i], rows[j]]), c["radial"]) for j, r, _ in near[i]]
        for i in range(len(z))
    ]

    def in_block(j, values):
        whole = np.zeros((len(elements), n_radial))
        whole[rows[j]] = values
        return whole.ravel()

    features, tensors = [], []
    lone = standardised(invariants([], [], w, c, "", "sums", order), c, "round_1")
    for i in range(len(z)):
        values = [in_block(j, f) for (j, _, _), f in zip(near[i], functions[i], strict=True)]
        found = invariants(near[i], values, w, c, "", "sums", order)
        features.append(standardised(found, c, "round_1"))
        if rounds > 1:
            tensors.append(first_tensors(near[i], values, c))
    for k in range(2, rounds + 1):
        messages = [
            message(k, tensors[j], of_atom(features[j], z[j], w, f"weights_{k}", elements, way), w)
            for j in range(len(z))
        ]
        tensors = [again(k, near[i], functions[i], messages, w, c) for i in range(len(z))]
        nothing = [np.zeros_like(x) for x in tensors[0]]
        *more, empty = (
            standardised(contractions(k, x, w, order), c, f"round_{k}") for x in (*tensors, nothing)
        )
        lone = np.concatenate([lone, empty])
        features = [np.concatenate(both) for both in zip(features, more, strict=True)]

    def network(x, number):
        linear = x @ w["linear"][0][:, elements.index(number)]
        return of_atom(x, number, w, "atom_mlp", elements, way)[0] + linear

    total = 0.0
    for i, number in enumerate(z):
        scale = c["atom_energies"]["scale"]
        total += scale * (network(features[i], number) - network(lone, number))
        for j, r, _ in near[i]:
            total += 0.5 * zbl(r, number, z[j], shortest[rows[i], rows[j]])
    return total
