"""Slow twins of the graph networks, in plain loops as :mod:`twins.energy`: positions -> energy."""

import math

from twins.energy import add, dense, feature, mlp


def others(x, v):
    return [w for w in range(len(x)) if w != v]


def graph_network(x, w, s, act, centre):
    centroid = [sum(atom[a] for atom in x) / len(x) if centre else 0.0 for a in range(3)]
    # The root mean square of centred coordinates in the training part.
    scale = s.displacement_rms / math.sqrt(2.0)
    h = [[(atom[a] - centroid[a]) / scale for a in range(3)] for atom in x]
    for t in (1, 2):
        messages = [add(h[v] + h[u] for u in others(x, v)) for v in range(len(x))]
        h = [dense(m, *w[f"message_dense_{t}"], act) for m in messages]
    total = sum(mlp(state, w, "readout_mlp", act)[0] for state in h)
    return s.energy_mean + s.energy_std * total


def distance_graph_network(x, w, s, act, steps):
    width = len(w["filter_mlp_1_output"][1])
    h = [[1.0] * width for _ in x]
    for t in range(1, steps + 1):
        new = []
        for v in range(len(x)):
            messages = []
            for u in others(x, v):
                g = mlp([feature(x, v, u, s)], w, f"filter_mlp_{t}", act)
                messages.append([a * b for a, b in zip(h[u], g, strict=True)])
            new.append(add([h[v], mlp(add(messages), w, f"update_mlp_{t}", act)]))
        h = new
    total = sum(mlp(state, w, "readout_mlp", act)[0] for state in h)
    return s.energy_mean + s.energy_std * total
