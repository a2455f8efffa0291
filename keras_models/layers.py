"""The blocks that the equations are made of: MLPs, and sums as lambda layers.

Blocks take a tensor and give a tensor; every layer has a name. The sums are named, registered
functions, so that a saved model opens in Keras's safe mode.
"""

from keras_models.backend import K, keras, tf
from keras_models.geometry import PACKAGE, incidence


def mlp(x, widths, activation, name):
    """MLP on the last axis: (..., widths[0]) -> (..., widths[-1]), linear output layer.

    Args:
        x: input tensor.
        widths: input, hidden and output widths, such as (1, 50, 20).
        activation: of the hidden layers.
        name: prefix of the layers' names.

    Raises:
        ValueError: the input is not ``widths[0]`` wide.
    """
    if x.shape[-1] != widths[0]:
        raise ValueError(f"{name}: the input is {x.shape[-1]} wide, not {widths[0]}")
    for k, width in enumerate(widths[1:-1], start=1):
        x = keras.layers.Dense(width, activation=activation, name=f"{name}_hidden_{k}")(x)
    return keras.layers.Dense(widths[-1], name=f"{name}_output")(x)


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
def with_feature_axis(x):
    """(...,) -> (..., 1): scalars as features of width one."""
    return x[..., None]


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_last_atom(x):
    """Sum over the last atom index: K.sum over axis -2. (..., N, W) -> (..., W)."""
    return K.sum(x, axis=-2)


@keras.saving.register_keras_serializable(PACKAGE)
def sum_over_neighbours(x):
    """Sum over j of unique pairs, i = j included. (B, 1 + P, W) -> (B, N, W).

    Equal to K.sum over j of the all-pairs tensor (B, N, N, W) that the unique pairs stand for.
    """
    pairs = x.shape[1]
    if pairs is None:
        # P = N(N-1)/2; the rounding takes care of the square root's.
        p = tf.cast(tf.shape(x)[1] - 1, tf.float64)
        n = tf.cast(tf.round((1.0 + tf.sqrt(1.0 + 8.0 * p)) / 2.0), tf.int32)
    else:
        n = round((1 + (1 + 8 * (pairs - 1)) ** 0.5) / 2)
    own, others = x[:, :1], x[:, 1:]
    return own + tf.einsum("pn,bpw->bnw", incidence(n, x.dtype), others)
