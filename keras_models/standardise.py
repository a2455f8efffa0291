"""Standardisation by numbers that are measured in the training part while a model is built.

A functional model grows from its inputs, so every tensor in it is itself a model that can be
evaluated for the training part before the next layer is made. The numbers become constants of the
layers and are saved with them. Shapes: A atoms, W features.
"""

import numpy as np
from ase.data import atomic_numbers

from data_gen.frames import Frames
from keras_models.backend import K, keras, register, tf
from keras_models.batch import tensors_of
from keras_models.edges import edge_batches
from keras_models.virial import energies_forces_and_virials

# Structures at a time in which the standardisations are measured.
CHUNK = 32
# Chunks, evenly spaced, in which moments are measured: more frames tell little more. Beside them,
# those with an element that none of them has.
MANY = 64
# Chunks in which the size of the untrained model's forces is measured.
FEW = 8
# Smallest standard deviation to divide by, as a fraction of the largest.
SMALLEST = 0.01


@register
class Standardise(keras.layers.Layer):
    """Layer x -> (x - mean) / std with fixed numbers for each of the last axis's W features.

    Args:
        mean, std: (W,), from the training part.
        ranges: {element: (W, 2)}, smallest and largest :func:`lengths` of x in the training part,
            which do not affect the output: see :mod:`keras_models.extrapolation`.
        alone: elements of which the training part has an atom whose x is 0, as it has no neighbour;
            None where x can also be 0 with neighbours.
    """

    def __init__(self, mean, std, ranges=None, alone=None, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.std = (np.asarray(x, float).tolist() for x in (mean, std))
        self.ranges = {e: np.asarray(x, float).tolist() for e, x in (ranges or {}).items()}
        self.alone = None if alone is None else list(alone)

    def call(self, x):
        mean = tf.constant(self.mean, x.dtype)
        inverse = tf.constant(1.0 / np.array(self.std), x.dtype)
        return (x - mean) * inverse

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = ("mean", "std", "ranges", "alone")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@register
def lengths(x):
    """Lengths of vectors or matrices (A, ..., W), or numbers (A, W) or (A, 1, W): (A, W)."""
    if len(x.shape) == 2:
        return x
    if len(x.shape) == 3 and x.shape[1] == 1:
        return x[:, 0]
    return K.sqrt(K.sum(x * x, axis=tuple(range(1, len(x.shape) - 1))))


def _some(batches: list[dict]) -> list[dict]:
    """Chunks, evenly spaced, and each that has an element which is in none before it."""
    chosen = range(0, len(batches), -(-len(batches) // MANY))
    elements = [set(np.unique(x["numbers"])) for x in batches]
    known = set().union(*(elements[k] for k in chosen))
    found = set(chosen)
    for k, own in enumerate(elements):
        if own - known:
            known |= own
            found.add(k)
    return [batches[k] for k in sorted(found)]


class Measure:
    """Constants that are measured in the training part while a model is built.

    Args:
        nest: Keras inputs, from :func:`~keras_models.edges.edge_inputs`.
        train: training part.
        cutoff: of neighbours, Å.

    Attributes:
        batches: the training part in chunks.
        some: those in which moments are measured; ranges are of all.
        lone: standardised invariants of an atom without neighbours, whose invariants are 0.
    """

    def __init__(self, nest, train: Frames, cutoff: float) -> None:
        self.nest, self.lone, self.elements = nest, [], train.elements
        known = [f for f, given in zip(train.forces, train.with_forces, strict=True) if given]
        self.forces = np.concatenate(known) if known else np.zeros((0, 3))
        self.batches = [
            tensors_of(batch, keras.config.floatx())
            for batch in edge_batches(train.structures, cutoff, CHUNK, slots=1)
        ]
        self.some = _some(self.batches)

    def moments(self, tensors) -> list[tuple[np.ndarray, np.ndarray]]:
        """Mean and mean square (W,) of each tensor (A, ..., W) in some chunks, without padding."""
        model, count = keras.Model(self.nest, dict(enumerate(tensors))), 0
        first, second = ([0.0] * len(tensors) for _ in range(2))
        for x in self.some:
            real = x["numbers"].numpy() > 0
            count += real.sum()
            for k, value in model(x).items():
                value = value.numpy().astype(float)[real]
                value = value.reshape(len(value), -1, value.shape[-1])
                first[k] = first[k] + value.mean(axis=1).sum(axis=0)
                second[k] = second[k] + (value**2).mean(axis=1).sum(axis=0)
        return [(a / count, b / count) for a, b in zip(first, second, strict=True)]

    def ranges(self, tensor) -> tuple[dict[str, np.ndarray], list[str]]:
        """Smallest and largest :func:`lengths` of a tensor (A, ..., W) by element, and its zeros.

        Returns:
            {symbol: (W, 2)}, empty where weights are involved, since ranges would change as these
            are trained; and the elements of which an atom has zeros throughout.
        """
        model = keras.Model(self.nest, tensor)
        if model.trainable_variables:
            return {}, []
        found, zero = {e: [] for e in self.elements}, set()
        for x in self.batches:
            size = lengths(model(x)).numpy().astype(float)
            for e, parts in found.items():
                own = size[x["numbers"].numpy() == atomic_numbers[e]]
                if len(own):
                    parts.append([own.min(axis=0), own.max(axis=0)])
                    zero |= {e} if (own == 0).all(axis=1).any() else set()
        ends = {e: np.moveaxis(parts, 1, 0) for e, parts in found.items()}
        return {
            e: np.stack([low.min(axis=0), high.max(axis=0)], axis=1)
            for e, (low, high) in ends.items()
        }, sorted(zero)

    def of_pairs(self, tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (W,) of a tensor (P, W) over pairs of some chunks."""
        model, found = keras.Model(self.nest, tensor), []
        for x in self.some:
            # With one slot a row, rows are pairs.
            real = x["numbers"].numpy()[x["rows"].numpy()] > 0
            found.append(model(x).numpy().astype(float)[real])
        found = np.concatenate(found)
        if not len(found):
            return np.zeros(found.shape[1]), np.ones(found.shape[1])
        std = found.std(axis=0)
        return found.mean(axis=0), np.where(std > 0, std, 1.0)

    def scaled(self, sums, name):
        """Divide neighbour sums by their root mean squares; no shift, so that 0 remains 0.

        The first of them is 0 only without neighbours.
        """
        sizes = floored([np.sqrt(square) for _, square in self.moments(sums)])
        found = []
        for k, (a, size) in enumerate(zip(sums, sizes, strict=True)):
            ranges, zero = self.ranges(a)
            alone = zero if ranges and not k else None
            layer = Standardise(np.zeros(len(size)), size, ranges, alone, name=f"{name}_{k}_scaled")
            found.append(layer(a))
        return found

    def standardised(self, found: dict, name):
        """Standardise kinds of invariants {kind: (A, C)} and join them: (A, W)."""
        moments = self.moments(list(found.values()))
        stds = floored([np.sqrt(np.maximum(square - mean**2, 0.0)) for mean, square in moments])
        parts = []
        for (kind, x), (mean, _), std in zip(found.items(), moments, stds, strict=True):
            parts.append(Standardise(mean, std, name=f"{name}_{kind}")(x))
            self.lone += (-mean / std).tolist()
        return keras.layers.Concatenate(name=name)(parts) if parts[1:] else parts[0]

    def energy_scale(self, energy) -> float:
        """Scale of E, eV, with which the untrained forces are as large as those of training."""
        model, squares = keras.Model(self.nest, energy), []
        weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        for x in self.batches[:: -(-len(self.batches) // FEW)]:
            forces = energies_forces_and_virials(model, weights, x)[1].numpy()
            squares.append((forces[x["numbers"].numpy() > 0] ** 2).mean())
        found = np.sqrt(np.mean(squares))
        wanted = np.sqrt((self.forces**2).mean()) if len(self.forces) else 0.0
        return float(wanted / found) if found > 0 and wanted > 0 else 1.0


def floored(stds: list[np.ndarray]) -> list[np.ndarray]:
    """Standard deviations to divide by: none below a fraction of the largest of all, and none 0.

    What hardly varies in training would otherwise be magnified without bound elsewhere, such as
    vectors, which are small in a crystal, at its surface.
    """
    largest = max(std.max() for std in stds)
    return [np.maximum(std, SMALLEST * largest if largest > 0 else 1.0) for std in stds]
