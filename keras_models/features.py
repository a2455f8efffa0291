"""Input features computed from positions: R, C2 and C3 of appendix B, and vectors for forces.

Shapes: B samples, N atoms, P = N(N-1)/2 pairs i < j. Pair features have one of two layouts:

* *all pairs*, (B, N, N): the report's tensors R and C2, with each pair twice and the diagonal.
* *unique pairs*, (B, 1 + P): entry 0 is the common value of the diagonal, followed by r_ij for
  i < j. As R is symmetric with a constant diagonal nothing is lost, and an MLP on it is evaluated
  1 + P instead of N^2 times (16 instead of 36 for six atoms).

:class:`Preprocessing` contains appendix B's choices, such as the treatment of the diagonal and 1/R
or R as input. They are applied by :func:`all_pairs` and the other functions here; the models do not
depend on them.
"""

from dataclasses import dataclass, replace

import numpy as np

from data_gen.dataset import Dataset, Statistics, inverse_distances
from keras_models.backend import K, keras, register, tf
from keras_models.layers import Affine, apply
from keras_models.pairs import natom, signed_incidence


@dataclass(frozen=True)
class Preprocessing:
    """Appendix B's choices for the scaling of pair features and of E.

    Attributes:
        pair_shift, pair_scale: the input for a pair is (x - shift) / scale, with x its C2 in 1/Å
            (or r in Å).
        energy_shift, energy_scale: eV; E is scale times the network's output plus shift.
        inverse: whether x is C2 = 1/R rather than R.
        diagonal: "kept": the zeros of the i = j entries are shifted and scaled like all others;
            "zero": they are 0 after scaling; "left out": the sums do not include these terms.
        scaling: kind of shift and scale, for the layer's name.

    Raises:
        ValueError: unknown treatment of the diagonal, or a scale that is not positive.
    """

    pair_shift: float
    pair_scale: float
    energy_shift: float
    energy_scale: float
    inverse: bool = True
    diagonal: str = "kept"
    scaling: str = "standardised"

    def __post_init__(self) -> None:
        if self.diagonal not in ("kept", "zero", "left out"):
            raise ValueError(f"diagonal is 'kept', 'zero' or 'left out', not {self.diagonal!r}")
        if not (self.pair_scale > 0 and self.energy_scale > 0):
            raise ValueError("scales must be positive")

    @property
    def own_terms(self) -> bool:
        """Whether sums over j and k include the terms i = j, i = k and j = k."""
        return self.diagonal != "left out"

    @classmethod
    def standard(cls, statistics: Statistics) -> "Preprocessing":
        """The report's preprocessing: C2, including the diagonal, and E are standardised."""
        return cls(
            statistics.inverse_distance_mean,
            statistics.inverse_distance_std,
            statistics.energy_mean,
            statistics.energy_std,
        )

    @classmethod
    def named(cls, name: str, train: Dataset, statistics: Statistics) -> "Preprocessing":
        """One of appendix B's kinds of preprocessing, with numbers from the training part.

        Args:
            name: "standardised": as for Table 4; "unit-range": C2 scaled from 0, the value of the
                diagonal, to 1; "unit-range-all": also E scaled from 0 to 1; "no-diagonal",
                "zero-diagonal": see the class; "distances": R standardised instead of C2, also
                with mean and standard deviation over all i and j.
            train: the training part.
            statistics: of the training part.

        Raises:
            ValueError: unknown name.
        """
        p = cls.standard(statistics)
        if name == "standardised":
            return p
        if name == "no-diagonal":
            return replace(p, diagonal="left out")
        if name == "zero-diagonal":
            return replace(p, diagonal="zero")
        c2 = inverse_distances(train.positions)
        if name == "distances":
            r = np.divide(1.0, c2, out=np.zeros_like(c2), where=c2 > 0)
            return replace(p, pair_shift=float(r.mean()), pair_scale=float(r.std()), inverse=False)
        p = replace(
            p, pair_shift=float(c2.min()), pair_scale=float(np.ptp(c2)), scaling="unit_range"
        )
        if name == "unit-range":
            return p
        if name == "unit-range-all":
            e = train.energies
            return replace(p, energy_shift=float(e.min()), energy_scale=float(np.ptp(e)))
        raise ValueError(f"no preprocessing {name!r}")


def positions_input():
    """Keras input for positions (B, N, 3) in Å, with any B and N."""
    return keras.Input((None, 3), name="positions")


def _scaled(x, p):
    """Scale C2 or R, including the diagonal: (x - shift) / scale."""
    name = f"{p.scaling}_{'c2' if p.inverse else 'r'}"
    return Affine(1.0 / p.pair_scale, -p.pair_shift / p.pair_scale, name=name)(x)


def all_pairs(positions, p):
    """Scaled C2 (or R), the report's full tensor: (B, N, 3) -> (B, N, N)."""
    x = apply(distance_matrix, positions, "distances")
    if p.inverse:
        x = apply(inverse_distance_matrix, x, "inverse_distances")
    x = _scaled(x, p)
    return apply(zero_diagonal, x, "zero_diagonal") if p.diagonal == "zero" else x


def unique_pairs(positions, p):
    """Scaled C2 (or R), each pair once: (B, N, 3) -> (B, 1 + P), or (B, P) without i = j."""
    x = apply(unique_distances, positions, "distances")
    if not p.own_terms:
        return _scaled(apply(inverse, x, "inverse_distances") if p.inverse else x, p)
    if p.inverse:
        x = apply(unique_inverse_distances, x, "inverse_distances")
    else:
        x = apply(with_diagonal, x, "with_diagonal")
    x = _scaled(x, p)
    return apply(zero_first, x, "zero_diagonal") if p.diagonal == "zero" else x


def vectors(positions, statistics: Statistics, kind: str):
    """Scaled vectors a_ij along x_j - x_i: (B, N, 3) -> (B, N, N, 3).

    All components are scaled by the same number, without a shift: so rotations act on a as on x,
    and the i = j vectors remain zero.

    Args:
        positions: tensor.
        statistics: of the training part.
        kind: "inverse_square": x_j - x_i divided by r_ij^2, the vector form of appendix B's 1/R;
            "raw": x_j - x_i in Å. Both are then divided by the root mean square of their
            components in the training part. "inverse_cube": x_j - x_i divided by r_ij^3, then by
            the mean of its length, 1/r^2, over sqrt(3).

    Raises:
        ValueError: ``kind`` is none of these.
    """
    a = apply(displacements, positions, "displacements")
    if kind == "inverse_square":
        a = apply(over_squared_length, a, "over_squared_length")
        scale = statistics.inverse_displacement_rms
    elif kind == "inverse_cube":
        a = apply(over_cubed_length, a, "over_cubed_length")
        # The mean of 1/r^2 over all i and j is three times this square.
        scale = 3**0.5 * statistics.inverse_displacement_rms**2
    elif kind == "raw":
        scale = statistics.displacement_rms
    else:
        raise ValueError(f'vectors="{kind}": must be "inverse_square", "inverse_cube" or "raw"')
    return Affine(1.0 / scale, 0.0, name="scaled_vectors")(a)


def vectors_and_c2(positions, statistics: Statistics, kind: str):
    """Scaled vectors (B, N, N, 3), and the same with appendix B's C2 as a fourth entry.

    C2 = 1/R is standardised with the diagonal, which is then 0, as the vectors' is. Returns
    (vectors alone (B, N, N, 3), vectors with C2 (B, N, N, 4)).

    Args:
        positions, statistics, kind: see :func:`vectors`.
    """
    a = vectors(positions, statistics, kind)
    p = replace(Preprocessing.standard(statistics), diagonal="zero")
    c2 = apply(with_feature_axis, all_pairs(positions, p), "c2")
    return a, keras.layers.Concatenate(name="vectors_and_c2")([a, c2])


@register
def with_feature_axis(x):
    """Add a feature axis to scalars: (...,) -> (..., 1)."""
    return x[..., None]


@register
def distance_matrix(positions):
    """Distances, R of appendix B: R_aij = |x_i - x_j|. (B, N, 3) Å -> (B, N, N) Å.

    The diagonal is 0 with zero gradient; for coincident atoms the gradient is NaN.
    """
    vectors = positions[:, :, None, :] - positions[:, None, :, :]
    squares = K.sum(vectors * vectors, axis=-1)
    diagonal = tf.eye(natom(positions), dtype=tf.bool)
    return K.where(diagonal, 0.0, K.sqrt(K.where(diagonal, 1.0, squares)))


@register
def inverse_distance_matrix(distances):
    """C2 of appendix B: 1/R element-wise, 0 on the diagonal. (B, N, N) Å -> (B, N, N) 1/Å."""
    diagonal = tf.eye(natom(distances), dtype=tf.bool)
    return K.where(diagonal, 0.0, 1.0 / K.where(diagonal, 1.0, distances))


@register
def zero_diagonal(x):
    """Set the diagonal of all pairs to 0. (B, N, N) -> (B, N, N)."""
    return K.where(tf.eye(natom(x), dtype=tf.bool), 0.0, x)


@register
def triplets(c2):
    """C3 of appendix B: C3_aijk = (C2_aij, C2_aik, C2_ajk). (B, N, N) -> (B, N, N, N, 3)."""
    zeros = K.zeros_like(c2)[:, :, :, None] + K.zeros_like(c2)[:, :, None, :]
    return K.stack(
        [c2[:, :, :, None] + zeros, c2[:, :, None, :] + zeros, c2[:, None, :, :] + zeros], axis=-1
    )


@register
def unique_distances(positions):
    """Distances r_ij of the pairs i < j. (B, N, 3) Å -> (B, P) Å."""
    # A matrix product, whose gradient is one as well; that of a gather would be a slow scatter.
    vectors = tf.einsum(
        "pn,bnc->bpc", signed_incidence(natom(positions), positions.dtype), positions
    )
    return K.sqrt(K.sum(vectors * vectors, axis=-1))


@register
def unique_inverse_distances(distances):
    """Inverse distances after a 0 for the diagonal. (B, P) Å -> (B, 1 + P) 1/Å."""
    return with_diagonal(1.0 / distances)


@register
def with_diagonal(x):
    """Prepend a 0 for the diagonal to unique pairs. (B, P) -> (B, 1 + P)."""
    return K.concatenate([K.zeros_like(x[:, :1]), x], axis=1)


@register
def zero_first(x):
    """Set the diagonal's entry of unique pairs to 0. (B, 1 + P) -> (B, 1 + P)."""
    return with_diagonal(x[:, 1:])


@register
def inverse(x):
    """1/x element-wise."""
    return 1.0 / x


@register
def displacements(positions):
    """Displacements x_j - x_i as entries (i, j). (B, N, 3) Å -> (B, N, N, 3) Å."""
    return positions[:, None, :, :] - positions[:, :, None, :]


@register
def over_squared_length(vectors):
    """Vectors v / |v|^2 of length 1/r, the vector form of C2. (B, N, N, 3) Å -> 1/Å.

    The diagonal is 0 with zero gradient.
    """
    return vectors / _squared_lengths(vectors)


@register
def over_cubed_length(vectors):
    """Vectors v / |v|^3 of length 1/r^2, Coulomb's law. (B, N, N, 3) Å -> 1/Å^2.

    The diagonal is 0 with zero gradient.
    """
    return vectors / _squared_lengths(vectors) ** 1.5


def _squared_lengths(vectors):
    """Squared lengths, 1 on the diagonal: (B, N, N, 3) -> (B, N, N, 1)."""
    diagonal = tf.eye(natom(vectors), dtype=tf.bool)[:, :, None]
    return K.where(diagonal, 1.0, K.sum(vectors * vectors, axis=-1, keepdims=True))


@register
def centred(positions):
    """Positions minus their centroid. (B, N, 3) Å -> (B, N, 3) Å."""
    return positions - K.mean(positions, axis=1, keepdims=True)
