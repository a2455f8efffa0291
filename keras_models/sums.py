"""Two forms of the sums and MLPs in Eq. 2 to 9: the report's full tensors, and a faster one.

The models in :mod:`keras_models.energy` and :mod:`keras_models.force` are written in terms of the
methods of a *form*. ``form="literal"`` follows the report: tensors over all Natom x Natom (x Natom)
entries, Dense layers, K.sum as lambda layers. ``form="fast"`` is the same function of the same
weights, computed with these identities:

* *each pair once*: as R is symmetric, an MLP of r_ij is evaluated for i < j and for the common
  value of the diagonal, and a product with the incidence matrix sums it onto both atoms;
* *linear layer after the sum*: W h_j + b summed over j is N (W mean_j h_j + b), so an MLP's
  output layer is evaluated once instead of N times;
* *no concatenations*: see :class:`DenseOfTwo`.

Shapes: B samples, N atoms, P = N(N-1)/2 pairs i < j, W features.
"""

from dataclasses import dataclass
from typing import Any

from keras_models import features
from keras_models.backend import K, keras, register, tf
from keras_models.layers import apply, check_width, dense_specs, mlp
from keras_models.pairs import incidence, natom, natom_of_pairs


class Literal:
    """The report's form (section 4.4): a tensor of all terms, then K.sum.

    Args:
        own_terms: whether the sums over j and k include the terms i = j, i = k and j = k, as in
            the report.
    """

    def __init__(self, own_terms: bool = True) -> None:
        self.own_terms = own_terms

    def pairs(self, positions, p: features.Preprocessing):
        """C2 with a feature axis: (B, N, 3) -> (B, N, N, 1)."""
        return apply(features.with_feature_axis, features.all_pairs(positions, p), "pair_features")

    def triplets(self, positions, p: features.Preprocessing):
        """C3: (B, N, 3) -> (B, N, N, N, 3)."""
        return apply(features.triplets, features.all_pairs(positions, p), "triplets")

    def concat(self, x, y, name: str):
        """Concatenate x and y, broadcasting atom axes: (..., X), (..., Y) -> (..., X + Y)."""
        return apply(concat_broadcast, [x, y], name)

    def mlp(self, x, widths, activation, name: str):
        """MLP on the last axis: see :func:`keras_models.layers.mlp`."""
        return mlp(x, widths, activation, name)

    def sum_triplets(self, x, name: str):
        """Sum over k: (B, N, N, N, W) -> (B, N, N, W)."""
        return apply(sum_over_last_atom if self.own_terms else sum_over_third_atoms, x, name)

    def sum_pairs(self, x, name: str):
        """Sum over the second atom, such as j of (i, j): (B, N, N, W) -> (B, N, W)."""
        return apply(sum_over_last_atom if self.own_terms else sum_over_other_atoms, x, name)

    def sum_atoms(self, x, name: str):
        """Sum over atoms: (B, N, W) -> (B, W)."""
        return apply(sum_over_last_atom, x, name)

    def tensor(self, x):
        """Convert a result of the methods above to a tensor."""
        return x


class Fast(Literal):
    """The fast form: the same functions of the same weights with fewer operations."""

    def pairs(self, positions, p: features.Preprocessing):
        """C2 of each pair once: (B, N, 3) -> (B, 1 + P, 1), or (B, P, 1) without own terms."""
        return apply(
            features.with_feature_axis, features.unique_pairs(positions, p), "pair_features"
        )

    def concat(self, x, y, name: str):
        return _Concatenation(x, y)

    def mlp(self, x, widths, activation, name: str):
        specs = dense_specs(widths, activation, name)
        if isinstance(x, _Concatenation):
            check_width(x.width, widths, name)
            first = specs.pop(0)
            x = DenseOfTwo(first["units"], first["activation"], name=first["name"])([x.x, x.y])
        else:
            x = self.tensor(x)
            check_width(x.shape[-1], widths, name)
        if not specs:
            return x
        for spec in specs[:-1]:
            x = keras.layers.Dense(**spec)(x)
        return _Unfinished(x, keras.layers.Dense(**specs[-1]), f"{name}_mean")

    def sum_triplets(self, x, name: str):
        found = self._mean_then_linear(x, name)
        return super().sum_triplets(self.tensor(x), name) if found is None else found

    def sum_pairs(self, x, name: str):
        found = self._mean_then_linear(x, name)
        if found is not None:
            return found
        x = self.tensor(x)
        if len(x.shape) == 4:
            return super().sum_pairs(x, name)
        return apply(sum_over_neighbours if self.own_terms else sum_over_other_neighbours, x, name)

    def sum_atoms(self, x, name: str):
        return super().sum_atoms(self.tensor(x), name)

    def _mean_then_linear(self, x, name):
        """The sum with the linear layer applied afterwards; None if that is not possible."""
        all_pairs = isinstance(x, _Unfinished) and len(x.hidden.shape) > 3
        if not (all_pairs and self.own_terms):
            return None
        mean = apply(mean_over_last_atom, x.hidden, x.mean_name)
        return apply(times_natom, x.output(mean), name)

    def tensor(self, x):
        return x.output(x.hidden) if isinstance(x, _Unfinished) else x


FORMS = {"literal": Literal, "fast": Fast}


def form_of(name: str, own_terms: bool = True) -> Literal:
    """Create a form by its name. Raises ValueError for an unknown name."""
    if name not in FORMS:
        raise ValueError(f"form is 'literal' or 'fast', not {name!r}")
    return FORMS[name](own_terms)


@dataclass
class _Unfinished:
    """An MLP whose linear output layer is not applied yet, as a sum may come first."""

    hidden: Any
    output: keras.layers.Dense
    mean_name: str


@dataclass
class _Concatenation:
    """Two tensors that represent their concatenation."""

    x: Any
    y: Any

    @property
    def width(self) -> int:
        return self.x.shape[-1] + self.y.shape[-1]


@register
class DenseOfTwo(keras.layers.Layer):
    """Dense layer on concat(x, y) without concatenating: (..., X) and (..., Y) -> (..., width).

    The leading axes of x and y broadcast. The product with the kernel (X + Y, width) is x times
    the upper rows plus y times the lower ones, so a factor that depends on fewer atoms than the
    concatenation is multiplied fewer times.
    """

    def __init__(self, width: int, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.width, self.activation = int(width), keras.activations.get(activation)

    def build(self, input_shape):
        rows = sum(shape[-1] for shape in input_shape)
        self.kernel = self.add_weight((rows, self.width), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((self.width,), "zeros", name="bias")

    def call(self, inputs):
        x, y = inputs
        upper, lower = tf.split(self.kernel, [x.shape[-1], y.shape[-1]])
        return self.activation(K.matmul(x, upper) + (K.matmul(y, lower) + self.bias))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "width": self.width, "activation": activation}


@register
def concat_broadcast(xy):
    """Concatenate on the last axis, broadcasting others: (..., X), (..., Y) -> (..., X + Y)."""
    x, y = xy
    zeros = K.zeros_like(x[..., :1]) + K.zeros_like(y[..., :1])
    return K.concatenate([x + zeros, y + zeros], axis=-1)


@register
def sum_over_last_atom(x):
    """Sum over the last atom axis, K.sum over axis -2. (..., N, W) -> (..., W)."""
    return K.sum(x, axis=-2)


@register
def mean_over_last_atom(x):
    """Mean over the last atom axis. (..., N, W) -> (..., W)."""
    return K.mean(x, axis=-2)


@register
def times_natom(x):
    """Multiply by N, the length of the last atom axis. (..., N, W) -> (..., N, W)."""
    n = x.shape[-2] if x.shape[-2] is not None else tf.shape(x)[-2]
    return x * tf.cast(n, x.dtype)


@register
def total_for_every_atom(x):
    """Sum over all atoms, repeated for every atom. (B, N, W) -> (B, N, W)."""
    return K.sum(x, axis=1, keepdims=True) + K.zeros_like(x)


@register
def for_every_atom(x):
    """Add an axis to broadcast values over atoms k. (B, N, W) -> (B, 1, N, W)."""
    return x[:, None]


@register
def vary_with_i(x):
    """Add an axis to broadcast pairs (k, i) over j. (B, N, N, W) -> (B, N, N, 1, W)."""
    return x[:, :, :, None]


@register
def vary_with_j(x):
    """Add an axis to broadcast pairs (k, j) over i. (B, N, N, W) -> (B, N, 1, N, W)."""
    return x[:, :, None]


@register
def sum_over_other_atoms(x):
    """Sum over j without i = j. (B, N, N, W) -> (B, N, W)."""
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * others[:, :, None], axis=-2)


@register
def sum_over_third_atoms(x):
    """Sum over k other than i and j. (B, N, N, N, W) -> (B, N, N, W).

    The i = j entries are computed as well; :func:`sum_over_other_atoms` leaves them out.
    """
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * (others[:, None, :] * others[None, :, :])[..., None], axis=-2)


@register
def sum_over_other_neighbours(x):
    """Sum unique pairs over j without i = j. (B, P, W) -> (B, N, W)."""
    return tf.einsum("pn,bpw->bnw", incidence(natom_of_pairs(x), x.dtype), x)


@register
def sum_over_neighbours(x):
    """Sum unique pairs over j including i = j. (B, 1 + P, W) -> (B, N, W).

    Equals K.sum over j of the all-pairs tensor (B, N, N, W) that the unique pairs represent.
    """
    return x[:, :1] + sum_over_other_neighbours(x[:, 1:])


@register
class SumOfStructure(keras.layers.Layer):
    """Layer that sums over the atoms of each structure in a batch.

    Values (A, W), sample (A,) and sizes (S,) of a :class:`~keras_models.batch.Batch` -> (S, W).
    """

    def call(self, inputs):
        x, sample, sizes = inputs
        return tf.math.unsorted_segment_sum(x, sample, tf.shape(sizes)[0])

    def compute_output_shape(self, input_shape):
        x, _, sizes = input_shape
        return (*sizes, *x[1:])
