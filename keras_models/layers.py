"""Building blocks of all models: MLPs of Dense layers, lambda layers, fixed scaling.

Blocks map a tensor to a tensor, and every layer has a name. Lambda layers only contain registered
functions, so that saved models open in Keras's safe mode.
"""

from keras_models.backend import K, keras, register, tf


def mlp(x, widths, activation, name):
    """Apply a new MLP on the last axis: (..., widths[0]) -> (..., widths[-1]), linear output layer.

    Args:
        x: input tensor.
        widths: input, hidden and output widths, such as (1, 50, 20).
        activation: of the hidden layers.
        name: prefix of the layers' names.

    Raises:
        ValueError: the width of the input is not ``widths[0]``.
    """
    check_width(x.shape[-1], widths, name)
    for spec in dense_specs(widths, activation, name):
        x = keras.layers.Dense(**spec)(x)
    return x


def dense_specs(widths, activation, name):
    """Arguments of an MLP's Dense layers, in order; the last one is linear.

    Layers must be created in this order, on which the seeds of Keras's initial weights depend.
    """
    hidden = [
        {"units": width, "activation": activation, "name": f"{name}_hidden_{k}"}
        for k, width in enumerate(widths[1:-1], start=1)
    ]
    return [*hidden, {"units": widths[-1], "activation": None, "name": f"{name}_output"}]


def check_width(found, widths, name):
    """Raise ValueError if the width ``found`` of an MLP's input is not ``widths[0]``."""
    if found != widths[0]:
        raise ValueError(f"{name}: the input is {found} wide, not {widths[0]}")


def apply(function, x, name):
    """Apply a registered function as a lambda layer."""
    return keras.layers.Lambda(function, name=name)(x)


@register
def swish2(x):
    """Activation x * sigmoid(2 x), between silu and relu, with smooth derivatives."""
    return x * K.sigmoid(2.0 * x)


@register
class Affine(keras.layers.Layer):
    """Layer x -> scale * x + offset with fixed numbers, for standardisation and its inverse.

    Unlike Keras's Rescaling, it does not round the numbers to float32 in a float64 model.
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
