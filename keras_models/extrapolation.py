"""How far a structure is outside the training of a model: where its answer is a guess.

A model that is a sum over atoms sees each through functions of its neighbourhood that no weight
changes: Behler's fingerprints, or the lengths of sums over neighbours A_l of models on edge lists.
Their smallest and largest values in the training part, for each element, are saved with the model.
Where A_0 are of neighbours of one element each, so are, from :func:`keep_totals`, those of their
sums: in an alloy an atom may have hardly any neighbours of one element, so that one with hardly any
at all is inside the ranges of each.
With low and high the ends of a range, the excess of a value is its distance from the range in
widths of the range,

    max(low - x, x - high, 0) / max(high - low, 1 % of the largest width of the element).

A pair closer than any of its elements in training counts with (b - r) / (b / 2), where b is the
shortest distance of training: 1 where the repulsion is complete. What is inside all ranges is not
thereby known, as combinations may be new; what is outside is not known. An atom without
neighbours counts with at least 1 where the training has none of its element: its reference energy,
from a least-squares fit of compositions, then says nothing of an isolated atom.

Shapes: A atoms, W functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers

from keras_models.backend import K, keras, register, tf
from keras_models.behler import NETWORKS, ScaledFingerprints
from keras_models.building import dtype_of
from keras_models.elements import species
from keras_models.repulsion import COMPLETE, HeldDistance, of_pairs
from keras_models.rows import by_rows
from keras_models.standardise import Standardise, lengths

# Smallest width of a range to divide by, as a fraction of the element's largest one.
NARROWEST = 0.01
# Excess, in widths of the training's range, that is more than rounding.
OUTSIDE = 1e-3
# Largest excess from which a calculator warns.
WARN = 0.25


class Extrapolation(NamedTuple):
    """Where a structure is outside the training.

    Attributes:
        of_atoms: (N,), largest excess of each atom's functions, in widths of the training's ranges.
        share: of all functions of all atoms, the share that is outside its range.
    """

    of_atoms: np.ndarray
    share: float

    @classmethod
    def of(cls, excess: np.ndarray) -> "Extrapolation":
        """From the excess (N, W) of all functions of all atoms."""
        return cls(excess.max(axis=1), float((excess > OUTSIDE).mean()))

    @property
    def largest(self) -> float:
        """Largest excess of any atom."""
        return float(self.of_atoms.max(initial=0.0))


@register
class Excess(keras.layers.Layer):
    """Layer for the excess of functions of atoms: (A, W) and numbers (A,) -> (A, W).

    Padding has none.

    Args:
        ranges: {element: (W, 2)}, smallest and largest values in the training part.
        alone: elements of which the training part has an atom whose functions are all 0; None where
            these count as any others.
    """

    def __init__(self, ranges: Mapping, alone: Sequence[str] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.ranges = {e: np.asarray(x, float).tolist() for e, x in ranges.items()}
        self.alone = None if alone is None else list(alone)

    def call(self, inputs):
        x, numbers = inputs
        elements = sorted(self.ranges)
        low, high = np.moveaxis(np.array([self.ranges[e] for e in elements]), -1, 0)
        width = high - low
        width = np.maximum(width, NARROWEST * np.maximum(width.max(axis=1, keepdims=True), 1e-8))
        kind = species(numbers, elements)
        low, high, width = (tf.gather(tf.constant(t, x.dtype), kind) for t in (low, high, width))
        excess = K.maximum(K.maximum(low - x, x - high), 0.0) / width
        if self.alone is not None:
            known = tf.constant([e in self.alone for e in elements])
            lone = tf.reduce_all(x == 0, axis=1) & ~tf.gather(known, kind)
            excess = tf.where(lone[:, None], K.maximum(excess, 1.0), excess)
        return tf.where((numbers > 0)[:, None], excess, tf.zeros_like(excess))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "ranges": self.ranges, "alone": self.alone}


@register
class Closeness(keras.layers.Layer):
    """Layer for pairs closer than in training: the largest (b - r) / (b / 2) of each atom, (A, 1).

    Inputs and arguments: as for :class:`~keras_models.repulsion.HeldDistance`.
    """

    def __init__(self, elements, shortest, **kwargs):
        super().__init__(**kwargs)
        self.elements, self.shortest = list(elements), np.asarray(shortest, float).tolist()

    def call(self, inputs):
        r, numbers, rows, other = inputs
        begin = of_pairs(self.shortest, self.elements, numbers, rows, other, r.dtype)
        excess = K.maximum(begin - r, 0.0) / ((1.0 - COMPLETE) * begin)
        found = tf.reduce_max(by_rows(excess, rows), axis=1)
        found = tf.math.unsorted_segment_max(found, rows, tf.shape(numbers)[0])
        # The maximum over no pair is the lowest number that there is.
        return K.maximum(found, 0.0)[:, None]

    def compute_output_shape(self, input_shape):
        return (input_shape[1][0], 1)

    def get_config(self):
        return {**super().get_config(), "elements": self.elements, "shortest": self.shortest}


def over_elements(x, elements: int):
    """Sums over the elements of neighbours: (A, 1, E n), n of each after the other -> (A, n)."""
    return K.sum(K.reshape(x, (-1, elements, x.shape[-1] // elements)), axis=1)


def keep_totals(model: keras.Model, nests: Iterable[Mapping], is_new: bool) -> None:
    """Let a model keep the ranges of its first sums A_0 over all elements, after its others.

    Args:
        model: of a training; one of other functions, or for one element, remains as it is.
        nests: inputs of all frames of the training.
        is_new: whether the model knows no other frames. One that does, and does not know their
            sums, remains as it is.
    """
    for layer in model.layers:
        if not isinstance(layer, Standardise) or layer.alone is None:
            continue
        elements, width = len(layer.ranges), layer.input.shape[-1]
        known = {e: x[width:] for e, x in layer.ranges.items()}
        if elements == 1 or len(layer.input.shape) != 3 or not (is_new or any(known.values())):
            continue
        ask = keras.Model(model.input, _totals(layer, elements))
        parts: dict[str, list] = {e: list(np.transpose(x)) if x else [] for e, x in known.items()}
        for nest in nests:
            found, numbers = np.asarray(ask(nest)).astype(float), np.asarray(nest["numbers"])
            for e, some in parts.items():
                own = found[numbers == atomic_numbers[e]]
                some += [own.min(axis=0), own.max(axis=0)] if len(own) else []
        layer.ranges = {
            e: [*layer.ranges[e][:width], *np.transpose([np.min(x, 0), np.max(x, 0)]).tolist()]
            for e, x in parts.items()
        }


def _totals(layer, elements: int):
    return keras.layers.Lambda(
        over_elements, arguments={"elements": elements}, dtype=layer.compute_dtype
    )(layer.input)


def _functions(layer):
    """Tensor (A, W) of the functions whose ranges a layer keeps."""
    same = {"dtype": layer.compute_dtype}
    x = keras.layers.Lambda(lengths, **same)(layer.input)
    if len(next(iter(layer.ranges.values()))) == x.shape[-1]:
        return x
    return keras.layers.Concatenate(**same)([x, _totals(layer, len(layer.ranges))])


def excess_of(model: keras.Model):
    """Tensor (A, W) of a model's graph: excess of all functions of each atom; None if unknown."""
    numbers = next((x for x in model.inputs if x.name == "numbers"), None)
    found, same = [], {"dtype": dtype_of(model)}
    for layer in model.layers:
        if isinstance(layer, Standardise) and layer.ranges:
            found.append(Excess(layer.ranges, layer.alone, **same)([_functions(layer), numbers]))
        elif isinstance(layer, HeldDistance):
            found.append(Closeness(layer.elements, layer.shortest, **same)(layer.input))
        elif layer.name == NETWORKS:
            scaled = (x for x in layer.layers if isinstance(x, ScaledFingerprints))
            ranges = {x.name.removeprefix("scaled_"): np.transpose([x.low, x.high]) for x in scaled}
            fingerprints = model.get_layer("symmetry_functions").output
            found.append(Excess(ranges, **same)([fingerprints, numbers]))
    if not found or all(isinstance(x._keras_history.operation, Closeness) for x in found):
        return None
    return keras.layers.Concatenate(**same)(found) if found[1:] else found[0]


def with_excess(model: keras.Model, output) -> keras.Model:
    """The model with another output, and where it is known, the excess of its inputs."""
    excess = excess_of(model)
    outputs = output if excess is None else [output, excess]
    return keras.Model(model.input, outputs, name=f"{model.name}_and_excess")
