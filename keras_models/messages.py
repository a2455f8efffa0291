"""Second sums over neighbours, of what the neighbours know: "coupling higher orders into lower".

The report's own trick once more, on top of the sums A_l of :mod:`keras_models.linear_eq4`: an MLP
of neighbour j's invariants gives three weights a, b, c for each of K channels, within -1 and 1, and
learned mixes of its A_1 and A_2 give a vector v_j and a symmetric traceless matrix M_j. With mixes
f, g, h of the radial functions, the sums over neighbours are

    B_0   f a_j            g (b v)_j . u        h u^T (c M)_j u
    B_1   f a_j u          g (b v)_j            h (c M)_j u
    B_2   f a_j (u u^T - 1/3)                   h (c M)_j

whose invariants are further inputs of the atom's MLP. The first column is REANN's idea (Zhang, Xia
and Jiang, Phys. Rev. Lett. 127, 156002 (2021)), where the weights are not bounded. The others, in
which directions travel, are those of equivariant message passing: PaiNN (Schütt, Unke and
Gastegger, arXiv:2102.03150) for vectors, TensorNet (Simeon and De Fabritiis, arXiv:2306.06482) for
matrices in Cartesian form.

Shapes: A atoms, P pairs, N radial functions, K channels.
"""

import numpy as np

from keras_models.backend import K, keras, register, tf
from keras_models.elements import atom_mlp
from keras_models.layers import apply

# Columns u_a u_b of the moments of l = 2.
PRODUCTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# (9, 6): from these columns to the entries of the matrix, less a third of the trace.
TO_MATRIX = np.array(
    [
        [float({a, b} == set(pair) and (a == b) == (pair[0] == pair[1])) for pair in PRODUCTS]
        for a in range(3)
        for b in range(3)
    ]
)
TO_MATRIX[::4, :3] -= 1.0 / 3.0
# Added to a squared length, whose root has no derivative at 0.
TINY = 1e-6


def moments(u):
    """Moments of directions: (P, 3) -> (P, 10), 1, u and the six products u_a u_b."""
    products = [u[:, a : a + 1] * u[:, b : b + 1] for a, b in PRODUCTS]
    return K.concatenate([K.ones_like(u[:, :1]), u, *products], axis=1)


def matrices(columns):
    """Symmetric matrices from six columns, without their trace: (A, 6, Q) -> (A, 3, 3, Q)."""
    entries = tf.einsum("ec,acq->aeq", tf.constant(TO_MATRIX, columns.dtype), columns)
    return K.reshape(entries, (-1, 3, 3, columns.shape[-1]))


@register
def bounded(xw):
    """w x / (1 + |x|): tensors x (A, ..., K) with lengths over "..." and weights w (A, K)."""
    x, w = xw
    axes = tuple(range(1, len(x.shape) - 1))
    x = x * K.reshape(w, (-1, *(1 for _ in axes), w.shape[-1]))
    return x / (1.0 + K.sqrt(K.sum(x * x, axis=axes, keepdims=True) + TINY))


@register
class MessageSums(keras.layers.Layer):
    """Layer for B_l of all atoms: (A, 1, 3K), (A, 3, 3K) and (A, 3, 3, 2K), l = 2 without trace.

    Inputs: f, g, h of the pairs (P, 3K), directions (P, 3), a (A, K), b v (A, 3, K) and c M
    (A, 3, 3, K) of the atoms, centre (P,) and other (P,).
    """

    def call(self, inputs):
        filters, u, a, v, m, centre, other = inputs
        atoms, k = tf.shape(a)[0], a.shape[-1]
        entries = K.reshape(m, (-1, 9, k))
        sent = tf.gather(K.concatenate([a[:, None], v, entries], axis=1), other)  # (P, 13, K)
        f, g, h = (filters[:, None, s * k : (s + 1) * k] for s in range(3))
        scalar, vector, matrix = f * sent[:, :1], g * sent[:, 1:4], h * sent[:, 4:]
        along = K.sum(K.reshape(matrix, (-1, 3, 3, k)) * u[:, None, :, None], axis=2)
        direction = u[:, :, None]
        terms = [
            scalar * moments(u)[:, :, None],
            K.sum(vector * direction, axis=1, keepdims=True),
            K.sum(along * direction, axis=1, keepdims=True),
            vector,
            along,
            matrix,
        ]
        sums = tf.math.unsorted_segment_sum(K.concatenate(terms, axis=1), centre, atoms)
        first, second = sums[:, :10], sums[:, 10:]
        return (
            K.concatenate([first[:, :1], second[:, :1], second[:, 1:2]], axis=-1),
            K.concatenate([first[:, 1:4], second[:, 2:5], second[:, 5:8]], axis=-1),
            K.concatenate([matrices(first[:, 4:]), K.reshape(second[:, 8:], (-1, 3, 3, k))], -1),
        )

    def compute_output_shape(self, input_shape):
        atoms, k = input_shape[2]
        return (atoms, 1, 3 * k), (atoms, 3, 3 * k), (atoms, 3, 3, 2 * k)


def message_sums(x, sums, radial, u, nest, one_hot, channels, hidden_layers, activation, way, k):
    """B_l of round k, see the module: (A, 1, 3K), (A, 3, 3K), (A, 3, 3, 2K).

    Args:
        x: invariants so far (A, W).
        sums: A_l of the round before: (A, 1, Q), (A, 3, Q), (A, 3, 3, Q).
        radial: radial functions (P, N).
        u: directions (P, 3).
        nest: the model's inputs, of which it takes "centre" and "other".
        one_hot: elements (A, S).
        channels: K.
        hidden_layers, activation, way: of the weights' MLP, see
            :func:`~keras_models.elements.atom_mlp`.
        k: number of the round, from 2.
    """
    weights = atom_mlp(x, one_hot, hidden_layers, 3 * channels, activation, way, f"weights_{k}")
    # Bounded, as errors outside the training part would otherwise grow from round to round.
    weights = keras.layers.Activation("tanh", name=f"bounded_weights_{k}")(weights)
    a, b, c = (
        apply(third, weights, f"weights_{k}_{name}")
        for name, third in (("a", first_third), ("b", second_third), ("c", last_third))
    )

    def mix(inputs, width, name):
        return keras.layers.Dense(
            width, use_bias=False, kernel_initializer="lecun_normal", name=f"{name}_{k}"
        )(inputs)

    v = apply(bounded, [mix(sums[1], channels, "mix_message_v"), b], f"message_v_{k}")
    m = apply(bounded, [mix(sums[2], channels, "mix_message_m"), c], f"message_m_{k}")
    filters = mix(radial, 3 * channels, "mix_radial")
    return MessageSums(name=f"sums_{k}")([filters, u, a, v, m, nest["centre"], nest["other"]])


@register
def first_third(x):
    """The first third of the last axis: (A, 3K) -> (A, K)."""
    return x[:, : x.shape[-1] // 3]


@register
def second_third(x):
    """The second third of the last axis: (A, 3K) -> (A, K)."""
    return x[:, x.shape[-1] // 3 : 2 * (x.shape[-1] // 3)]


@register
def last_third(x):
    """The last third of the last axis: (A, 3K) -> (A, K)."""
    return x[:, 2 * (x.shape[-1] // 3) :]
