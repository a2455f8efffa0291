"""Second sums over neighbours, of what the neighbours know: "coupling higher orders into lower".

The report's own trick once more, on top of the sums A_l of :mod:`keras_models.linear_eq4`: an MLP
of neighbour j's invariants gives two weights a, b for each of K channels, within -1 and 1, and
learned mixes of its A_1 give a vector v_j. With mixes f and g of the radial functions, the sums
over neighbours are

    B_0   f a_j            g (b v)_j . u
    B_1   f a_j u          g (b v)_j
    B_2   f a_j (u u^T - I/3)

whose invariants are further inputs of the atom's MLP. The first column is REANN's idea (Zhang, Xia
and Jiang, Phys. Rev. Lett. 127, 156002 (2021)), where the weights are not bounded. The other, in
which directions travel, is that of equivariant message passing (PaiNN, Schütt, Unke and Gastegger,
arXiv:2102.03150). Matrices could travel as well, but steps become much longer, for little.

Shapes: A atoms, P pairs in R rows (:mod:`keras_models.rows`), N radial functions, K channels.
"""

import numpy as np

from keras_models.backend import K, keras, register, tf
from keras_models.elements import atom_mlp
from keras_models.layers import apply
from keras_models.rows import by_rows, of_atoms, sum_of_products

# Columns u_a u_b of the moments of l = 2.
PRODUCTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# (9, 6): from these columns to the entries of the matrix, less a third of the trace.
TO_MATRIX = np.array(
    [[float({a, b} == set(pair)) for pair in PRODUCTS] for a in range(3) for b in range(3)]
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
    """b x / (1 + |b x|): vectors x (A, 3, K) and b (A, K), the second half of weights (A, 2K)."""
    x, weights = xw
    x = x * weights[:, None, x.shape[-1] :]
    return x / (1.0 + K.sqrt(K.sum(x * x, axis=1, keepdims=True) + TINY))


@register
class MessageSums(keras.layers.Layer):
    """Layer for B_l of all atoms: (A, 1, 2K), (A, 3, 2K), (A, 3, 3, K), l = 2 without trace.

    Inputs: f and g of the pairs (P, 2K), directions (P, 3), weights a and b (A, 2K) and bounded
    vectors b v (A, 3, K) of the atoms, rows (R,) and other (P,).
    """

    def call(self, inputs):
        filters, u, weights, v, rows, other = inputs
        k = v.shape[-1]
        sent = tf.gather(K.concatenate([weights[:, None, :k], v], axis=1), other)  # (P, 4, K)
        f, g, a, bv = filters[:, :k], filters[:, k:], sent[:, 0], sent[:, 1:]
        along = g * K.sum(bv * u[:, :, None], axis=1)
        terms = [
            sum_of_products(moments(u), f * a, rows),
            K.sum(by_rows(along, rows), axis=1)[:, None],
            K.sum(by_rows(g[:, None] * bv, rows), axis=1),
        ]
        sums = of_atoms(K.concatenate(terms, axis=1), rows, tf.shape(v)[0])
        return (
            K.concatenate([sums[:, :1], sums[:, 10:11]], axis=-1),
            K.concatenate([sums[:, 1:4], sums[:, 11:]], axis=-1),
            matrices(sums[:, 4:10]),
        )

    def compute_output_shape(self, input_shape):
        atoms, _, k = input_shape[3]
        return (atoms, 1, 2 * k), (atoms, 3, 2 * k), (atoms, 3, 3, k)


def message_sums(x, sums, radial, u, nest, one_hot, channels, hidden_layers, activation, way, k):
    """B_l of round k, see the module: (A, 1, 2K), (A, 3, 2K), (A, 3, 3, K).

    Args:
        x: invariants so far (A, W).
        sums: A_l of the round before: (A, 1, Q), (A, 3, Q), (A, 3, 3, Q).
        radial: radial functions (P, N).
        u: directions (P, 3).
        nest: the model's inputs, of which it takes "rows" and "other".
        one_hot: elements (A, S).
        channels: K.
        hidden_layers, activation, way: of the weights' MLP, see
            :func:`~keras_models.elements.atom_mlp`.
        k: number of the round, from 2.
    """

    def mix(inputs, width, name):
        return keras.layers.Dense(
            width, use_bias=False, kernel_initializer="lecun_normal", name=f"{name}_{k}"
        )(inputs)

    weights = atom_mlp(x, one_hot, hidden_layers, 2 * channels, activation, way, f"weights_{k}")
    # Bounded, as errors outside the training part would otherwise grow from round to round.
    weights = keras.layers.Activation("tanh", name=f"bounded_weights_{k}")(weights)
    v = apply(bounded, [mix(sums[1], channels, "mix_message"), weights], f"message_{k}")
    filters = mix(radial, 2 * channels, "mix_radial")
    return MessageSums(name=f"sums_{k}")([filters, u, weights, v, nest["rows"], nest["other"]])
