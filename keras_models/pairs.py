"""Unique pairs of atoms: index tables, and matrices that map from atoms to pairs and back.

Shapes: N atoms, P = N(N-1)/2 pairs i < j, row by row. N may be unknown when a graph is traced; if
it is known, the index tables become constants.
"""

import numpy as np

from keras_models.backend import tf


def natom(x):
    """Number of atoms, the length of axis 1: an int if known, else a scalar tensor."""
    return x.shape[1] if x.shape[1] is not None else tf.shape(x)[1]


def pair_indices(n):
    """Indices (i, j), i < j, of the n(n-1)/2 pairs, row by row; n an int or a scalar tensor."""
    if isinstance(n, int):
        return np.triu_indices(n, 1)
    # The same order in closed form: XLA needs shapes that follow from n alone.
    pairs = n * (n - 1) // 2
    k = tf.cast(tf.range(pairs), tf.float64)
    width = tf.cast(2 * n - 1, tf.float64)
    i = tf.floor((width - tf.sqrt(width * width - 8.0 * k)) / 2.0)
    # Rounding in the square root can be off by one row at a row's last or first pair.
    i = tf.where(i * (width - i) / 2.0 > k, i - 1.0, i)
    i = tf.where((i + 1.0) * (width - i - 1.0) / 2.0 <= k, i + 1.0, i)
    j = k - i * (width - i) / 2.0 + i + 1.0
    return tf.cast(i, tf.int32), tf.cast(j, tf.int32)


def natom_of_pairs(x):
    """Number of atoms N if axis 1 has P = N(N-1)/2 pairs: an int if known, else a scalar tensor."""
    pairs = x.shape[1] if x.shape[1] is not None else tf.shape(x)[1]
    if isinstance(pairs, int):
        return round((1 + (1 + 8 * pairs) ** 0.5) / 2)
    # Rounding to an integer removes the square root's rounding error.
    return tf.cast(
        tf.round((1.0 + tf.sqrt(1.0 + 8.0 * tf.cast(pairs, tf.float64))) / 2.0), tf.int32
    )


def signed_incidence(n, dtype):
    """Matrix (P, N) with +1 at i and -1 at j of each pair; maps positions to x_i - x_j."""
    i, j = pair_indices(n)
    return tf.one_hot(i, n, dtype=dtype) - tf.one_hot(j, n, dtype=dtype)


def incidence(n, dtype):
    """Matrix (P, N) with 1 at both atoms of each pair; its transpose sums pairs onto atoms."""
    i, j = pair_indices(n)
    return tf.one_hot(i, n, dtype=dtype) + tf.one_hot(j, n, dtype=dtype)
