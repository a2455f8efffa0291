"""Eq. 10 and 11 in DGL, the library that the report used.

Implemented from the equations, independently of :mod:`keras_models.graph`, which sums the messages
in closed form. Here every edge carries its message.

Shapes: B molecules of N atoms in one batched graph of V = B N nodes and B N (N-1) edges; W is the
width of a state h.
"""

import functools
import os

import numpy as np

# Otherwise DGL prints a warning and writes a default to the user's home.
os.environ["DGLBACKEND"] = "pytorch"

import dgl
import torch
from dgl import function
from torch import nn


@functools.cache
def complete_graphs(molecules: int, atoms: int) -> dgl.DGLGraph:
    """Batch of complete graphs: N(v) are all other atoms of v's molecule, without edges v -> v."""
    sender, receiver = np.nonzero(~np.eye(atoms, dtype=bool))
    return dgl.batch([dgl.graph((sender, receiver), num_nodes=atoms)] * molecules)


def concat_message(edges):
    """Messages concat(h_v, h_w) on edges w -> v, (edges, 2W); DGL calls v dst and w src."""
    return {"message": torch.cat([edges.dst["h"], edges.src["h"]], dim=1)}


class MessagePassing(nn.Module):
    """Eq. 10: m_v = sum over w in N(v) of concat(h_v, h_w); h_v' = relu(Dense(m_v)).

    (V, W) -> (V, width), with Dense 2W -> width.
    """

    def __init__(self, wide: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(wide, width)

    def forward(self, graph, h):
        with graph.local_scope():
            graph.ndata["h"] = h
            graph.update_all(concat_message, function.sum("message", "m"))
            return torch.relu(self.dense(graph.ndata["m"]))


class GraphNetwork(nn.Module):
    """The report's network: message passing Dense 6 -> 12 and 24 -> 6, readout 6 -> 12 -> 1.

    h_v^0 = x_v; Eq. 10 twice; Eq. 11: E = sum_v MLP(h_v). Positions (B, N, 3) Å -> (B, 1) eV.

    Args:
        length: Å, by which the centred coordinates are divided.
        energy_mean, energy_std: eV, of the training part.
    """

    def __init__(self, length: float, energy_mean: float, energy_std: float) -> None:
        super().__init__()
        self.length, self.energy_mean, self.energy_std = length, energy_mean, energy_std
        self.message_passing = nn.ModuleList([MessagePassing(6, 12), MessagePassing(24, 6)])
        self.readout = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))

    def forward(self, positions):
        molecules, atoms, _ = positions.shape
        graph = complete_graphs(molecules, atoms)
        with graph.local_scope():
            graph.ndata["x"] = positions.reshape(-1, 3)
            centroid = dgl.broadcast_nodes(graph, dgl.mean_nodes(graph, "x"))
            h = (graph.ndata["x"] - centroid) / self.length
            for layer in self.message_passing:
                h = layer(graph, h)
            graph.ndata["e"] = self.readout(h)
            return self.energy_mean + self.energy_std * dgl.sum_nodes(graph, "e")
