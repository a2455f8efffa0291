"""Elements in networks of atoms, in the two ways of section 4.6: as outputs or as an input.

"Type s_i can either be one-hot encoded if interactions between different types of elements have a
shared component, or each type can have its own MLP if different elements behave very differently"
(section 4.6). Shapes: A atoms, S elements, W features.
"""

from collections.abc import Sequence

from ase.data import atomic_numbers

from keras_models.backend import K, keras, register, tf
from keras_models.layers import dense_specs

WAYS = ("outputs", "input")


def species(numbers, elements: Sequence[str]):
    """Index of each atom's element in a list of symbols: atomic numbers (A,) -> (A,), int32.

    0 for elements that are not in the list, and for padding.
    """
    same = numbers[:, None] == tf.constant([atomic_numbers[e] for e in elements], numbers.dtype)
    return tf.argmax(tf.cast(same, tf.int32), axis=1, output_type=tf.int32)


@register
class OneHot(keras.layers.Layer):
    """Layer that encodes elements: atomic numbers (A,) -> (A, S), 1 for the atom's element, else 0.

    Padding (number 0) is encoded by zeros, and any other unknown element by NaN, so that no energy
    is invented for it.

    Args:
        elements: S symbols.
    """

    def __init__(self, elements, **kwargs):
        super().__init__(**kwargs)
        self.elements = list(elements)

    def call(self, numbers):
        known = tf.constant([atomic_numbers[e] for e in self.elements], numbers.dtype)
        same = tf.cast(numbers[:, None] == known, self.compute_dtype)
        unknown = (K.sum(same, axis=1) == 0) & (numbers != 0)
        return tf.where(unknown[:, None], tf.constant(float("nan"), same.dtype), same)

    def compute_output_shape(self, input_shape):
        return (*input_shape, len(self.elements))

    def get_config(self):
        return {**super().get_config(), "elements": self.elements}


@register
def output_of_element(inputs):
    """Choose the outputs of each atom's own element: (A, S * W) and one-hot (A, S) -> (A, W)."""
    x, one_hot = inputs
    outputs = K.reshape(x, (-1, one_hot.shape[1], x.shape[1] // one_hot.shape[1]))
    return K.sum(outputs * one_hot[..., None], axis=1)


def atom_mlp(x, one_hot, hidden_layers, outputs, activation, way, name, use_bias=True):
    """Apply a new MLP to each atom: (A, W) and one-hot elements (A, S) -> (A, outputs).

    Args:
        x, one_hot: tensors.
        hidden_layers: nodes of each hidden layer.
        outputs: number of outputs.
        activation: of the hidden layers.
        way: "outputs" for a set of outputs for each element on shared hidden layers, or "input"
            for the one-hot element as a further input of a shared MLP.
        name: prefix of the layers' names.
        use_bias: whether the linear output layer has a bias.

    Raises:
        ValueError: unknown way.
    """
    if way not in WAYS:
        raise ValueError(f"elements are {' or '.join(map(repr, WAYS))}, not {way!r}")
    elements = one_hot.shape[1]
    if way == "input":
        x = keras.layers.Concatenate(name=f"{name}_with_element")([x, one_hot])
    many = outputs * elements if way == "outputs" else outputs
    *hidden, last = dense_specs((x.shape[1], *hidden_layers, many), activation, name)
    for spec in hidden:
        x = keras.layers.Dense(**spec)(x)
    x = keras.layers.Dense(**last, use_bias=use_bias)(x)
    if way == "input":
        return x
    return keras.layers.Lambda(output_of_element, name=f"{name}_of_element")([x, one_hot])
