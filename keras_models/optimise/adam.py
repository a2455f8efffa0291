"""Training by Adam on shuffled batches, with a whole epoch compiled as one XLA function.

While Keras's ``fit`` runs step by step in Python, this is one compiled loop, which trains several
seeds side by side in *lanes*: copies of the model with their own weights and batch orders. Given
the same batches, the weights are those of ``fit`` to float tolerance.

Shapes: L lanes, W weights of the model as one flat vector, n samples, S batches of size B.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_models.backend import tf
from keras_models.building import dtype_of
from keras_models.objective import Objective
from keras_models.settings import AdamSettings

ARRAYS = ("theta", "first_moment", "second_moment")
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # of Adam, Keras's defaults


def batch_order(n: int, batch_size: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled batches of an epoch, a function of (seed, epoch) alone.

    Returns:
        Indices (S, B) int32, and weights (S, B): 1, or 0 for padding of the last batch.
    """
    steps = -(-n // batch_size)
    indices = np.zeros(steps * batch_size, dtype=np.int32)
    indices[:n] = np.random.default_rng([seed, epoch]).permutation(n)
    weights = np.zeros(steps * batch_size)
    weights[:n] = 1.0
    return indices.reshape(steps, batch_size), weights.reshape(steps, batch_size)


@dataclass
class TrainingState:
    """State of a training: everything needed to resume, and the measurements so far.

    Attributes:
        theta, first_moment, second_moment: (L, W), weights and Adam's moments.
        losses: (epochs so far, L), mean training loss over the batches of each epoch.
        curve_epochs: (C,), the epochs after which errors were measured.
        curve: (C, L, outputs, 2), RMSE on training and test part.
        seconds: processor time of training steps, without compilation and measurements.
        compile_seconds: processor time of compilation.
    """

    theta: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    losses: np.ndarray
    curve_epochs: np.ndarray
    curve: np.ndarray
    seconds: float = 0.0
    compile_seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """Number of epochs done."""
        return len(self.losses)

    @classmethod
    def start(cls, thetas: Sequence[np.ndarray], n_outputs: int) -> "TrainingState":
        """The state before the first epoch, from the initial weights of each lane."""
        theta = np.stack(thetas)
        lanes = len(theta)
        return cls(
            theta,
            np.zeros_like(theta),
            np.zeros_like(theta),
            np.zeros((0, lanes)),
            np.zeros(0, int),
            np.zeros((0, lanes, n_outputs, 2)),
        )


class EpochLoop:
    """Compiled functions for an epoch of training and for the measurement of errors.

    Args:
        objective: to minimise.
        positions: (n, N, 3) Å, of the training part.
        settings: of Adam.
        test: positions and targets of the test part, or None. Its errors are measured, but do not
            influence the training.
    """

    def __init__(
        self,
        objective: Objective,
        positions: np.ndarray,
        settings: AdamSettings,
        test: tuple[np.ndarray, tuple[np.ndarray, ...]] | None = None,
    ) -> None:
        self.objective = objective
        self.settings = settings
        self.dtype = dtype_of(objective.model)
        self.train_data = self._tensors(positions, objective.targets)
        self.test_data = self._tensors(*test) if test else None
        self._epoch = tf.function(self._epoch_steps, jit_compile=True)
        self._measure = tf.function(objective.mean_squares, jit_compile=True)

    def _tensors(self, positions, targets):
        return (
            tf.constant(positions, self.dtype),
            tuple(tf.constant(target, self.dtype) for target in targets),
        )

    def _learning_rate(self, step, steps_per_epoch):
        rate = self.settings.learning_rate
        if self.settings.decay == "cosine":
            total = self.settings.epochs * steps_per_epoch
            return rate * 0.5 * (1.0 + tf.cos(math.pi * (step - 1.0) / total))
        return tf.constant(rate, step.dtype)

    def _step(self, theta, m, v, rate, positions, targets, sample_weights):
        """One Adam step of one lane, the same as that of Keras's optimiser."""
        with tf.GradientTape() as tape:
            tape.watch(theta)
            loss = self.objective.loss(theta, positions, targets, sample_weights)
        gradient = tape.gradient(loss, theta)
        m = m + (gradient - m) * (1.0 - BETA_1)
        v = v + (gradient * gradient - v) * (1.0 - BETA_2)
        return theta - rate * m / (tf.sqrt(v) + EPSILON), m, v, loss

    def _epoch_steps(self, theta, m, v, done, indices, weights, positions, targets):
        """All steps of an epoch: indices (S, L, B), weights (S, B), ``done`` steps before it."""
        steps = indices.shape[0]

        def body(k, theta, m, v, losses):
            t = done + tf.cast(k, theta.dtype) + 1.0
            correction = tf.sqrt(1.0 - tf.pow(tf.constant(BETA_2, t.dtype), t)) / (
                1.0 - tf.pow(tf.constant(BETA_1, t.dtype), t)
            )
            rate = self._learning_rate(t, steps) * correction

            def lane(args):
                theta, m, v, index = args
                return self._step(
                    theta,
                    m,
                    v,
                    rate,
                    tf.gather(positions, index),
                    tuple(tf.gather(target, index) for target in targets),
                    weights[k],
                )

            theta, m, v, loss = tf.vectorized_map(lane, (theta, m, v, indices[k]))
            return k + 1, theta, m, v, losses + loss * tf.reduce_sum(weights[k])

        losses = tf.zeros(tf.shape(theta)[0], theta.dtype)
        _, theta, m, v, losses = tf.while_loop(
            lambda k, *_: k < steps, body, (0, theta, m, v, losses), maximum_iterations=steps
        )
        return theta, m, v, losses / tf.reduce_sum(weights)

    def run_epoch(self, theta, m, v, epoch: int, seeds: Sequence[int]):
        """Run epoch number ``epoch`` (from 0) of all lanes -> theta, m, v, losses (L,)."""
        n = self.train_data[0].shape[0]
        orders = [batch_order(n, self.settings.batch_size, seed, epoch) for seed in seeds]
        return self.run_batches(
            theta, m, v, epoch, np.stack([order[0] for order in orders], axis=1), orders[0][1]
        )

    def run_batches(self, theta, m, v, epoch: int, indices: np.ndarray, weights: np.ndarray):
        """Run an epoch as :meth:`run_epoch`, on given batches: (S, L, B) and (S, B)."""
        return self._epoch(
            theta,
            m,
            v,
            tf.constant(epoch * len(indices), self.dtype),
            tf.constant(indices, tf.int32),
            tf.constant(weights, self.dtype),
            *self.train_data,
        )

    def measure(self, theta: np.ndarray) -> np.ndarray:
        """RMSE of each lane and output on both parts: (L, outputs, 2); NaN without a test part."""
        squares = []
        for lane in theta:
            train = self._mean_squares(lane, *self.train_data)
            test = self._mean_squares(lane, *self.test_data) if self.test_data else train * np.nan
            squares.append([train, test])
        return np.sqrt(np.array(squares).transpose(0, 2, 1))

    def _mean_squares(self, theta, positions, targets, chunk=500):
        n = positions.shape[0]
        total = 0.0
        for k in range(0, n, chunk):
            part = slice(k, min(k + chunk, n))
            squares = self._measure(theta, positions[part], tuple(t[part] for t in targets))
            total = total + squares.numpy().astype(float) * (part.stop - part.start)
        return total / n


def train_epochs(
    loop: EpochLoop,
    state: TrainingState,
    seeds: Sequence[int],
    on_epoch: Callable[[TrainingState], None] | None = None,
    curve_points: int = 40,
) -> TrainingState:
    """Train from a state to the last epoch; an interruption does not change a bit of the result.

    Args:
        loop: the compiled loop.
        state: an initial state, or one from a checkpoint.
        seeds: of the batch orders, one per lane.
        on_epoch: called with the state after every epoch; it may retain the state (its arrays are
            not changed afterwards) or raise an exception to stop.
        curve_points: approximate number of measurements of the errors, evenly spaced.

    Returns:
        The state after the last epoch. In ``losses``, a lane that has diverged is not finite; if
        all lanes have diverged, training ends early.
    """
    epochs = loop.settings.epochs
    every = max(1, epochs // curve_points)
    state = replace(state)
    if state.epoch < epochs:
        # Compile by running an epoch and discarding its result, to measure both times separately.
        begin = time.process_time()
        loop.run_epoch(state.theta, state.first_moment, state.second_moment, state.epoch, seeds)
        state.compile_seconds += time.process_time() - begin
    while state.epoch < epochs:
        begin = time.process_time()
        *arrays, loss = (
            tensor.numpy()
            for tensor in loop.run_epoch(
                state.theta, state.first_moment, state.second_moment, state.epoch, seeds
            )
        )
        seconds = state.seconds + time.process_time() - begin
        losses = np.concatenate([state.losses, loss[None].astype(float)])
        state = replace(state, **dict(zip(ARRAYS, arrays, strict=True)), losses=losses)
        state.seconds = seconds
        if state.epoch % every == 0 or state.epoch == epochs:
            state.curve_epochs = np.append(state.curve_epochs, state.epoch)
            state.curve = np.concatenate([state.curve, loop.measure(state.theta)[None]])
        if on_epoch:
            on_epoch(state)
        if not np.isfinite(state.losses[-1]).any():
            break
    return state
