"""The blocks that the equations are made of: MLPs, and sums as lambda layers.

Blocks take a tensor and give a tensor; every layer has a name. The sums are named, registered
functions, so that a saved model opens in Keras's safe mode.
"""

from keras_models.backend import K, keras, tf
from keras_models.geometry import PACKAGE, incidence, natom, pair_indices


def mlp(x, widths, activation, name):
    """MLP on the last axis: (..., widths[0]) -> (..., widths[-1]), linear output layer.

    Args:
        x: input tensor, or a pair of tensors that stands for their concatenation: see
            :class:`DenseOfTwo`.
        widths: input, hidden and output widths, such as (1, 50, 20).
        activation: of the hidden layers.
        name: prefix of the layers' names.

    Raises:
        ValueError: the input is not ``widths[0]`` wide.
    """
    x = _hidden_layers(x, widths, activation, name)
    return _dense(x, widths[-1], None, f"{name}_output")


def sum_of_mlp(x, widths, activation, name, sum_name):
    """Sum over the last atom index of an MLP: (..., N, N, widths[0]) -> (..., N, widths[-1]).

    The function and the weights are those of :func:`mlp` and then :func:`sum_over_last_atom`,
    with the output layer, which is linear, after the sum: W h_j + b summed over j is N times
    (W mean_j h_j + b). So it is evaluated once instead of N times.

    Args:
        x, widths, activation, name: as for :func:`mlp`, with at least one hidden layer. The last
            two axes before the features are atoms.
        sum_name: name of the layer whose output is the sum.

    Raises:
        ValueError: the input is not ``widths[0]`` wide, or there is no hidden layer.
    """
    if len(widths) < 3:
        raise ValueError(f"{name}: widths {tuple(widths)} have no hidden layer")
    x = _hidden_layers(x, widths, activation, name)
    x = apply(mean_over_last_atom, x, f"{name}_mean")
    return apply(times_natom, _dense(x, widths[-1], None, f"{name}_output"), sum_name)


def _hidden_layers(x, widths, activation, name):
    """All layers of an MLP but the last."""
    found = sum(part.shape[-1] for part in (x if isinstance(x, tuple) else (x,)))
    if found != widths[0]:
        raise ValueError(f"{name}: the input is {found} wide, not {widths[0]}")
    for k, width in enumerate(widths[1:-1], start=1):
        x = _dense(x, width, activation, f"{name}_hidden_{k}")
    return x


def _dense(x, width, activation, name):
    """A dense layer on a tensor, or on two."""
    if isinstance(x, tuple):
        return DenseOfTwo(width, activation, name=name)(list(x))
    return keras.layers.Dense(width, activation=activation, name=name)(x)


def apply(function, x, name):
    """A registered function as a lambda layer."""
    return keras.layers.Lambda(function, name=name)(x)


@keras.saving.register_keras_serializable(PACKAGE)
class Affine(keras.layers.Layer):
    """x -> scale * x + offset, two fixed numbers: standardisation and its inverse.

    Keras's own Rescaling rounds its numbers to float32 in a float64 model.
    """

    def __init__(self, scale: float, offset: float, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = float(scale), float(offset)

    def call(self, x):
        return x * tf.constant(self.scale, x.dtype) + tf.constant(self.offset, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


@keras.saving.register_keras_serializable(PACKAGE)
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


@keras.saving.register_keras_serializable(PACKAGE)
def with_feature_axis(x):
    """(...,) -> (..., 1): scalars as features of width one."""
    return x[..., None]


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_last_atom(x):
    """Sum over the last atom index: K.sum over axis -2. (..., N, W) -> (..., W)."""
    return K.sum(x, axis=-2)


@keras.saving.register_keras_serializable(PACKAGE)
def mean_over_last_atom(x):
    """Mean over the last atom index. (..., N, W) -> (..., W)."""
    return K.mean(x, axis=-2)


@keras.saving.register_keras_serializable(PACKAGE)
def times_natom(x):
    """N x, with N the length of the last atom axis. (..., N, W) -> (..., N, W)."""
    n = x.shape[-2] if x.shape[-2] is not None else tf.shape(x)[-2]
    return x * tf.cast(n, x.dtype)


@keras.saving.register_keras_serializable(PACKAGE)
def total_for_every_atom(x):
    """Every atom gets the sum over all atoms. (B, N, W) -> (B, N, W)."""
    return K.sum(x, axis=1, keepdims=True) + K.zeros_like(x)


@keras.saving.register_keras_serializable(PACKAGE)
def for_every_atom(x):
    """The same values for every atom k, to broadcast. (B, N, W) -> (B, 1, N, W)."""
    return x[:, None]


@keras.saving.register_keras_serializable(PACKAGE)
def vary_with_i(x):
    """Pairs (k, i) as triplets (k, i, j), to broadcast. (B, N, N, W) -> (B, N, N, 1, W)."""
    return x[:, :, :, None]


@keras.saving.register_keras_serializable(PACKAGE)
def vary_with_j(x):
    """Pairs (k, j) as triplets (k, i, j), to broadcast. (B, N, N, W) -> (B, N, 1, N, W)."""
    return x[:, :, None]


@keras.saving.register_keras_serializable(PACKAGE)
def concat_messages(h):
    """Eq. 10's messages on the complete graph: m_v = sum over w != v of concat(h_v, h_w).

    (B, N, W) -> (B, N, 2W). The sum over w != v is the sum over all w without v's own term.
    """
    others = K.sum(h, axis=1, keepdims=True) - h
    return K.concatenate([tf.cast(natom(h) - 1, h.dtype) * h, others], axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
def filtered_messages(inputs):
    """m_v = sum over w != v of h_w * g_vw, each pair's filter g given once.

    h (B, N, W or 1) and g (B, P, W) of the pairs i < j -> (B, N, W).
    """
    h, g = inputs
    i, j = pair_indices(natom(h))
    # Both directions of each pair; one-hot products, as a gather's gradient is a slow scatter.
    to = tf.one_hot(tf.concat([i, j], 0), natom(h), dtype=h.dtype)
    sender = tf.one_hot(tf.concat([j, i], 0), natom(h), dtype=h.dtype)
    messages = K.concatenate([g, g], axis=1) * tf.einsum("pn,bnw->bpw", sender, h)
    return tf.einsum("pn,bpw->bnw", to, messages)


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_other_atoms(x):
    """Sum over j, i = j left out. (B, N, N, W) -> (B, N, W)."""
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * others[:, :, None], axis=-2)


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_third_atoms(x):
    """Sum over k that is neither i nor j. (B, N, N, N, W) -> (B, N, N, W).

    The i = j entries have a sum, too: they are for :func:`sum_over_other_atoms` to leave out.
    """
    others = 1.0 - tf.eye(natom(x), dtype=x.dtype)
    return K.sum(x * (others[:, None, :] * others[None, :, :])[..., None], axis=-2)


def _natom_of_pairs(pairs):
    """N of P = N(N-1)/2 pairs, P an int or a scalar tensor."""
    if isinstance(pairs, int):
        return round((1 + (1 + 8 * pairs) ** 0.5) / 2)
    # The rounding takes care of the square root's.
    return tf.cast(
        tf.round((1.0 + tf.sqrt(1.0 + 8.0 * tf.cast(pairs, tf.float64))) / 2.0), tf.int32
    )


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_other_neighbours(x):
    """Sum over j of unique pairs, i = j left out. (B, P, W) -> (B, N, W)."""
    pairs = x.shape[1] if x.shape[1] is not None else tf.shape(x)[1]
    return tf.einsum("pn,bpw->bnw", incidence(_natom_of_pairs(pairs), x.dtype), x)


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_neighbours(x):
    """Sum over j of unique pairs, i = j included. (B, 1 + P, W) -> (B, N, W).

    Equal to K.sum over j of the all-pairs tensor (B, N, N, W) that the unique pairs stand for.
    """
    return x[:, :1] + sum_over_other_neighbours(x[:, 1:])
