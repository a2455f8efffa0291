"""Eq. 10 and 11: graph networks for energies, with message passing on the complete graph of atoms.

Each builder returns a functional model from positions (B, N, 3) in Å to energies (B, 1) in eV,
for any number of atoms N. N(v), the neighbours of atom v, are all other atoms; E is standardised
with the training part's statistics, as in :mod:`keras_models.energy`.
"""

from data_gen.dataset import Statistics
from keras_models import features
from keras_models.backend import K, keras, register, tf
from keras_models.layers import Affine, apply, mlp
from keras_models.pairs import natom, pair_indices
from keras_models.sums import sum_over_last_atom


def _model(positions, h, readout_widths, activation, statistics, name):
    """A model with the output of Eq. 11, E = sum_v MLP(h_v), in eV; h is (B, N, W)."""
    atom = mlp(h, readout_widths, activation, "readout_mlp")
    total = apply(sum_over_last_atom, atom, "sum_over_v")
    energy = Affine(statistics.energy_std, statistics.energy_mean, name="energy")(total)
    return keras.Model(positions, energy, name=name)


def graph_network(
    statistics: Statistics,
    widths,
    activation,
    centre: bool = True,
) -> keras.Model:
    """Eq. 10 and 11, the report's graph network on coordinates.

    h_v^0 = x_v, m_v^(t+1) = sum over w in N(v) of concat(h_v^t, h_w^t),
    h_v^(t+1) = Dense(m_v^(t+1)); E = sum_v MLP(h_v).

    The energy depends on the molecule's orientation and, without centring, on its position.

    Args:
        statistics: of the training part.
        widths: of the readout MLP, then input and output widths of each message's Dense layer, the
            last message first. The input width is twice the output width of the layer before.
        activation: of the messages' Dense layers (not specified in the report) and of the
            readout's hidden layers.
        centre: whether each molecule's centroid is subtracted from its coordinates. In both cases
            they are divided by the root mean square of the centred coordinates in the training
            part.

    Raises:
        ValueError: widths do not fit each other.
    """
    readout_widths, *message_widths = widths
    positions = features.positions_input()
    x = apply(features.centred, positions, "centred") if centre else positions
    # Differences over all pairs have twice the variance of centred coordinates.
    h = Affine(2**0.5 / statistics.displacement_rms, 0.0, name="scaled_positions")(x)
    for t, (wide, width) in enumerate(reversed(message_widths), start=1):
        m = apply(concat_messages, h, f"messages_{t}")
        name = f"message_dense_{t}"
        if m.shape[-1] != wide:
            raise ValueError(f"{name}: the input is {m.shape[-1]} wide, not {wide}")
        h = keras.layers.Dense(width, activation=activation, name=name)(m)
    return _model(positions, h, readout_widths, activation, statistics, "graph_network")


def distance_graph_network(
    statistics: Statistics,
    widths,
    activation,
    steps: int = 2,
) -> keras.Model:
    """Message passing on distances, a kind of network that the report had no time to try.

    h_v^0 = 1, m_v^(t+1) = sum over w in N(v) of h_w^t * MLP_t(1/r_vw),
    h_v^(t+1) = h_v^t + MLP_t(m_v^(t+1)); E = sum_v MLP(h_v).

    The products are element-wise. It is a small version of SchNet (arXiv:1706.08566): each step has
    a filter MLP of the distance and an update MLP. It has the features and invariances of Eq. 2;
    with one step it is Eq. 2 except for the i = j terms, the skip connection and the MLP between
    them. With a smooth activation the energy is twice differentiable.

    Args:
        statistics: of the training part.
        widths: of the readout, update and filter MLPs.
        activation: of all hidden layers.
        steps: number of message-passing steps, each with its own weights.

    Raises:
        ValueError: widths do not fit each other, or there is not at least one step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps of message passing: at least one is needed")
    readout_widths, update_widths, filter_widths = widths
    positions = features.positions_input()
    r = apply(features.unique_distances, positions, "distances")
    c2 = apply(features.inverse, r, "inverse_distances")
    std, mean = statistics.inverse_distance_std, statistics.inverse_distance_mean
    c2 = Affine(1.0 / std, -mean / std, name="standardised_c2")(c2)
    c2 = apply(features.with_feature_axis, c2, "pair_features")
    h = apply(ones_per_atom, positions, "ones")
    for t in range(1, steps + 1):
        g = mlp(c2, filter_widths, activation, f"filter_mlp_{t}")
        m = apply(filtered_messages, [h, g], f"messages_{t}")
        update = mlp(m, update_widths, activation, f"update_mlp_{t}")
        h = keras.layers.Add(name=f"states_{t}")([h, update])
    return _model(positions, h, readout_widths, activation, statistics, "distance_graph_network")


@register
def ones_per_atom(positions):
    """Initial state of every atom, 1. (B, N, 3) -> (B, N, 1)."""
    return K.ones_like(positions[:, :, :1])


@register
def concat_messages(h):
    """Messages of Eq. 10 on the complete graph: m_v = sum over w != v of concat(h_v, h_w).

    (B, N, W) -> (B, N, 2W). The sum over w != v is computed as the sum over all w minus v's term.
    """
    others = K.sum(h, axis=1, keepdims=True) - h
    return K.concatenate([tf.cast(natom(h) - 1, h.dtype) * h, others], axis=-1)


@register
def filtered_messages(inputs):
    """Messages with filters, m_v = sum over w != v of h_w * g_vw.

    h (B, N, W or 1), and g (B, P, W) for pairs i < j -> (B, N, W).
    """
    h, g = inputs
    i, j = pair_indices(natom(h))
    # Both directions of each pair; one-hot products, as the gradient of a gather is a slow scatter.
    to = tf.one_hot(tf.concat([i, j], 0), natom(h), dtype=h.dtype)
    sender = tf.one_hot(tf.concat([j, i], 0), natom(h), dtype=h.dtype)
    messages = K.concatenate([g, g], axis=1) * tf.einsum("pn,bnw->bpw", sender, h)
    return tf.einsum("pn,bpw->bnw", to, messages)
