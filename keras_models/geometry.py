"""Positions -> the tensors of the report's appendix B, as registered functions.

Shapes: B samples, N atoms, P = N(N-1)/2 pairs i < j. Every function works for any N; with N
known when a graph is traced, index tables become constants.

Two layouts of the same pair features are used:

* *all pairs*, (B, N, N): the report's tensors R and C2, each pair twice and the diagonal.
* *unique pairs*, (B, 1 + P): entry 0 is the diagonal's common value, then r_ij for i < j. As R is
  symmetric with a constant diagonal nothing is lost, and an MLP behind it does 1 + P instead of
  N^2 evaluations (16 instead of 36 for six atoms).
"""

import numpy as np

from keras_models.backend import K, keras, tf

PACKAGE = "keras_models"


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


def natom(x):
    """The length of axis 1: an int where it is known, else a scalar tensor."""
    return x.shape[1] if x.shape[1] is not None else tf.shape(x)[1]


def signed_incidence(n, dtype):
    """(P, N) matrix with +1 at i and -1 at j of each pair: times positions it gives x_i - x_j."""
    i, j = pair_indices(n)
    return tf.one_hot(i, n, dtype=dtype) - tf.one_hot(j, n, dtype=dtype)


def incidence(n, dtype):
    """(P, N) matrix with 1 at both atoms of each pair: its transpose sums pairs onto atoms."""
    i, j = pair_indices(n)
    return tf.one_hot(i, n, dtype=dtype) + tf.one_hot(j, n, dtype=dtype)


@keras.saving.register_keras_serializable(PACKAGE)
def distance_matrix(positions):
    """R of appendix B: R_aij = |x_i - x_j|. (B, N, 3) Å -> (B, N, N) Å.

    The diagonal is 0 with zero gradient; coincident atoms have no defined gradient (NaN).
    """
    vectors = positions[:, :, None, :] - positions[:, None, :, :]
    squares = K.sum(vectors * vectors, axis=-1)
    diagonal = tf.eye(natom(positions), dtype=tf.bool)
    return K.where(diagonal, 0.0, K.sqrt(K.where(diagonal, 1.0, squares)))


@keras.saving.register_keras_serializable(PACKAGE)
def inverse_distance_matrix(distances):
    """C2 = 1/R element-wise, 0 on the diagonal (appendix B). (B, N, N) Å -> (B, N, N) 1/Å."""
    diagonal = tf.eye(natom(distances), dtype=tf.bool)
    return K.where(diagonal, 0.0, 1.0 / K.where(diagonal, 1.0, distances))


@keras.saving.register_keras_serializable(PACKAGE)
def unique_distances(positions):
    """r_ij of the pairs i < j. (B, N, 3) Å -> (B, P) Å."""
    # A matrix product: its gradient is one too, where a gather's would be a slow scatter.
    vectors = tf.einsum(
        "pn,bnc->bpc", signed_incidence(natom(positions), positions.dtype), positions
    )
    return K.sqrt(K.sum(vectors * vectors, axis=-1))


@keras.saving.register_keras_serializable(PACKAGE)
def unique_inverse_distances(distances):
    """The diagonal's 0, then 1/r_ij. (B, P) Å -> (B, 1 + P) 1/Å."""
    return with_diagonal(1.0 / distances)


@keras.saving.register_keras_serializable(PACKAGE)
def with_diagonal(x):
    """The diagonal's 0, then the unique pairs. (B, P) -> (B, 1 + P)."""
    return K.concatenate([K.zeros_like(x[:, :1]), x], axis=1)


@keras.saving.register_keras_serializable(PACKAGE)
def zero_first(x):
    """Unique pairs with 0 for the diagonal, whatever it was. (B, 1 + P) -> (B, 1 + P)."""
    return with_diagonal(x[:, 1:])


@keras.saving.register_keras_serializable(PACKAGE)
def zero_diagonal(x):
    """All pairs with 0 on the diagonal, whatever it was. (B, N, N) -> (B, N, N)."""
    return K.where(tf.eye(natom(x), dtype=tf.bool), 0.0, x)


@keras.saving.register_keras_serializable(PACKAGE)
def triplets(c2):
    """C3 of appendix B: C3_aijk = (C2_aij, C2_aik, C2_ajk). (B, N, N) -> (B, N, N, N, 3)."""
    zeros = K.zeros_like(c2)[:, :, :, None] + K.zeros_like(c2)[:, :, None, :]
    return K.stack(
        [c2[:, :, :, None] + zeros, c2[:, :, None, :] + zeros, c2[:, None, :, :] + zeros], axis=-1
    )


@keras.saving.register_keras_serializable(PACKAGE)
def inverse(x):
    """1/x element-wise."""
    return 1.0 / x


@keras.saving.register_keras_serializable(PACKAGE)
def displacements(positions):
    """Entry (i, j) is x_j - x_i. (B, N, 3) Å -> (B, N, N, 3) Å."""
    return positions[:, None, :, :] - positions[:, :, None, :]


@keras.saving.register_keras_serializable(PACKAGE)
def over_squared_length(vectors):
    """v / |v|^2, the vector form of C2 = 1/R: as long as 1/r. (B, N, N, 3) Å -> 1/Å.

    The diagonal is 0 with zero gradient.
    """
    diagonal = tf.eye(natom(vectors), dtype=tf.bool)[:, :, None]
    squares = K.sum(vectors * vectors, axis=-1, keepdims=True)
    return vectors / K.where(diagonal, 1.0, squares)


@keras.saving.register_keras_serializable(PACKAGE)
def centred(positions):
    """Positions minus their centroid. (B, N, 3) Å -> (B, N, 3) Å."""
    return positions - K.mean(positions, axis=1, keepdims=True)


@keras.saving.register_keras_serializable(PACKAGE)
def ones_per_atom(positions):
    """A 1 for every atom. (B, N, 3) -> (B, N, 1)."""
    return K.ones_like(positions[:, :, :1])
