"""Objectives of training: weighted mean squared errors of a model's outputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_models.backend import keras, tf


@dataclass(frozen=True)
class Objective:
    """The loss to minimise: which outputs are predicted, and the weights of their errors.

    loss = sum_k weights[k] * mean over samples and components of (outputs[k] - targets[k])^2.
    With weight 1/std^2 this is the mean squared error of standardised targets.

    Attributes:
        model: its trainable variables are trained.
        outputs: (list of weight tensors, positions (B, N, 3)) -> tuple of predictions, each with
            the samples first.
        targets: one array for each output, samples first.
        weights: one number for each output.
    """

    model: keras.Model
    outputs: Callable
    targets: tuple[np.ndarray, ...]
    weights: tuple[float, ...]

    def unflatten(self, theta):
        """Split a vector (W,) into tensors of the shapes of the model's trainable variables."""
        shapes = [tuple(w.shape) for w in self.model.trainable_variables]
        parts = tf.split(theta, [math.prod(shape) for shape in shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def loss(self, theta, positions, targets, sample_weights):
        """Scalar loss; ``sample_weights`` (B,) are 1, or 0 for padding of the last batch."""
        total = 0.0
        count = tf.reduce_sum(sample_weights)
        for output, target, weight in zip(
            self.outputs(self.unflatten(theta), positions), targets, self.weights, strict=True
        ):
            squares = tf.reshape((output - target) ** 2, (tf.shape(target)[0], -1))
            mean = tf.reduce_sum(sample_weights * tf.reduce_mean(squares, axis=1)) / count
            total += weight * mean
        return total

    def mean_squares(self, theta, positions, targets):
        """Mean squared error of each output, unweighted: (number of outputs,)."""
        outputs = self.outputs(self.unflatten(theta), positions)
        return tf.stack(
            [tf.reduce_mean((o - t) ** 2) for o, t in zip(outputs, targets, strict=True)]
        )


def direct_objective(model: keras.Model, targets: np.ndarray, scale: float) -> Objective:
    """Objective for a model's own output, with targets of standard deviation ``scale``."""
    return Objective(
        model,
        lambda weights, x: (model.stateless_call(weights, [], x)[0],),
        (targets,),
        (1.0 / scale**2,),
    )


class FullBatch:
    """Compiled function of the weights (W,) for loss and gradient over all samples.

    Samples are processed in chunks whose activations fit into the processor's cache, which is
    several times as fast as all at once.

    Args:
        objective: of a float64 model.
        inputs: of the objective's outputs, samples first: positions (n, N, 3) in Å, or Behler's
            features.
        chunk: number of samples at a time.
    """

    def __init__(self, objective: Objective, inputs: np.ndarray, chunk: int = 64) -> None:
        n = len(inputs)
        chunks = -(-n // chunk)

        def in_chunks(array):
            # The last chunk is padded with copies of a sample, which have weight zero.
            array = np.asarray(array, float)
            filled = np.concatenate([array, np.repeat(array[:1], chunks * chunk - n, axis=0)])
            return tf.constant(filled.reshape(chunks, chunk, *array.shape[1:]))

        data = in_chunks(inputs)
        targets = tuple(in_chunks(target) for target in objective.targets)
        weights = np.zeros(chunks * chunk)
        weights[:n] = 1.0
        weights = tf.constant(weights.reshape(chunks, chunk))

        def loss_and_gradient(theta, data, targets, weights):
            def body(k, loss, gradient):
                with tf.GradientTape() as tape:
                    tape.watch(theta)
                    part = objective.loss(theta, data[k], [t[k] for t in targets], weights[k])
                share = tf.reduce_sum(weights[k]) / n
                gradient += share * tape.gradient(part, theta)
                return k + 1, loss + share * part, gradient

            start = (0, tf.zeros((), theta.dtype), tf.zeros_like(theta))
            return tf.while_loop(lambda k, *_: k < chunks, body, start, maximum_iterations=chunks)[
                1:
            ]

        compiled = tf.function(loss_and_gradient, jit_compile=True)
        self._call = lambda theta: compiled(theta, data, targets, weights)

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self._call(tf.constant(theta))
        return float(loss), gradient.numpy()
