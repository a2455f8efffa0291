"""Sums and MLPs of Eq. 2 to 9: the report's K.sum over full tensors, and rewrites of it.

The models in :mod:`keras_models.energy` and :mod:`keras_models.force` are written once, on the
methods of a *form*. ``form="literal"`` is what the report says: tensors over all Natom x Natom
(x Natom) entries, Dense layers, K.sum as lambda layers. ``form="fast"`` is the same function of the
same weights, from these identities:

* *each pair once*: R is symmetric, so that an MLP of r_ij is evaluated for i < j and for the
  diagonal's common value, and a product with the incidence matrix adds it up onto both atoms;
* *linear layer behind the sum*: W h_j + b summed over j is N (W mean_j h_j + b), so that an MLP's
  output layer is evaluated once instead of N times;
* *concatenations never made*: see :class:`DenseOfTwo`.

Shapes: B samples, N atoms, P = N(N-1)/2 pairs i < j, W features.
"""

from dataclasses import dataclass
from typing import Any

from keras_models import features
from keras_models.backend import K, keras, register, tf
from keras_models.layers import apply, check_width, dense_specs, mlp
from keras_models.pairs import incidence, natom, natom_of_pairs


class Literal:
    """The report's tensors (section 4.4): every term by itself, then K.sum.

    Args:
        own_terms: the sums over j and k have their i = j, i = k and j = k terms, as the report's.
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
        """x and y side by side, their atom axes broadcast: (..., X), (..., Y) -> (..., X + Y)."""
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
        """What the methods above gave, as a tensor."""
        return x


class Fast(Literal):
    """The same functions of the same weights, evaluated with fewer operations."""

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
        """The sum with the linear layer behind it, or None where that cannot be done."""
        all_pairs = isinstance(x, _Unfinished) and len(x.hidden.shape) > 3
        if not (all_pairs and self.own_terms):
            return None
        mean = apply(mean_over_last_atom, x.hidden, x.mean_name)
        return apply(times_natom, x.output(mean), name)

    def tensor(self, x):
        return x.output(x.hidden) if isinstance(x, _Unfinished) else x


FORMS = {"literal": Literal, "fast": Fast}


def form_of(name: str, own_terms: bool = True) -> Literal:
    """A form by its name. Raises ValueError where there is none."""
    if name not in FORMS:
        raise ValueError(f"form is 'literal' or 'fast', not {name!r}")
    return FORMS[name](own_terms)


@dataclass
class _Unfinished:
    """An MLP whose linear output layer is still to be applied: a sum may come before it."""

    hidden: Any
    output: keras.layers.Dense
    mean_name: str


@dataclass
class _Concatenation:
    """Two tensors that stand for their concatenation."""

    x: Any
    y: Any

    @property
    def width(self) -> int:
        return self.x.shape[-1] + self.y.shape[-1]


@register
class DenseOfTwo(keras.layers.Layer):
    """Keras's Dense of concat(x, y): (..., X) and (..., Y) -> (..., width).

    The leading axes of x and y broadcast, and the concatenation is never made: its product with
    the kernel (X + Y, width) is x times the upper rows plus y times the lower ones. What depends
    on fewer atoms than the concatenation is thus multiplied fewer times.
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
    """concat(x, y) on the last axis, other axes broadcast: (..., X), (..., Y) -> (..., X + Y)."""
    x, y = xy
    zeros = K.zeros_like(x[..., :1]) + K.zeros_like(y[..., :1])
    return K.concatenate([x + zeros, y + zeros], axis=-1)


@register
def sum_over_last_atom(x):
    """Sum over the last atom index: K.sum over axis -2. (..., N, W) -> (..., W)."""
    return K.sum(x, axis=-2)


@register
def mean_over_last_atom(x):
    """Mean over the last atom index. (..., N, W) -> (..., W)."""
    return K.mean(x, axis=-2)


@register
def times_natom(x):
    """N x, with N the length of the last atom axis. (..., N, W) -> (..., N, W)."""
    n = x.shape[-2] if x.shape[-2] is not None else tf.shape(x)[-2]
    return x * tf.cast(n, x.dtype)


@register
def total_for_every_atom(x):
    """Every atom gets the sum over all atoms. (B, N, W) -> (B, N, W)."""
    return K.sum(x, axis=1, keepdims=True) + K.zeros_like(x)


@register
def for_every_atom(x):
    """The same values for every atom k, to broadcast. (B, N, W) -> (B, 1, N, W)."""
    return x[:, None]


@register
def vary_with_i(x):
    """Pairs (k, i) as triplets (k, i, j), to broadcast. (B, N, N, W) -> (B, N, N, 1, W)."""
    return x[:, :, :, None]


@register
def vary_with_j(x):
    """Pairs (k, j) as triplets (k, i, j), to broadcast. (B, N, N, W) -> (B, N, 1, N, W)."""
    return x[:, :, None]


@register
def sum_over_other_atoms(x):
    """Sum over j, i = j left out. (B, N, N, W) -> (B, N, W)."""
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * others[:, :, None], axis=-2)


@register
def sum_over_third_atoms(x):
    """Sum over k that is neither i nor j. (B, N, N, N, W) -> (B, N, N, W).

    The i = j entries have a sum, too: they are for :func:`sum_over_other_atoms` to leave out.
    """
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * (others[:, None, :] * others[None, :, :])[..., None], axis=-2)


@register
def sum_over_other_neighbours(x):
    """Sum over j of unique pairs, i = j left out. (B, P, W) -> (B, N, W)."""
    return tf.einsum("pn,bpw->bnw", incidence(natom_of_pairs(x), x.dtype), x)


@register
def sum_over_neighbours(x):
    """Sum over j of unique pairs, i = j included. (B, 1 + P, W) -> (B, N, W).

    Equal to K.sum over j of the all-pairs tensor (B, N, N, W) that the unique pairs stand for.
    """
    return x[:, :1] + sum_over_other_neighbours(x[:, 1:])


@register
class SumOfStructure(keras.layers.Layer):
    """K.sum over the atoms of each structure of a batch.

    Values (A, W), sample (A,) and sizes (S,) of :class:`~keras_models.batch.Batch` -> (S, W).
    """

    def call(self, inputs):
        x, sample, sizes = inputs
        return tf.math.unsorted_segment_sum(x, sample, tf.shape(sizes)[0])

    def compute_output_shape(self, input_shape):
        x, _, sizes = input_shape
        return (*sizes, *x[1:])
