"""Training by Adam on batches of edge lists of any size, one compiled XLA function per shape.

Unlike :mod:`keras_models.optimise.adam`, which compiles an epoch of samples of equal size, this is
a loop over steps: batches differ in size, and a step takes much longer than the call of a function.

The model's energies are relative to atoms alone, F(i) - F(no neighbours), of which there are few or
none among the frames: F(no neighbours) is an extrapolation, as is, in energies relative to it, the
mean energy of the frames. So F itself is trained on energies without the fitted references, and
afterwards F(no neighbours) is added to these (:meth:`EdgeLoop.lone_energies`). Where the energy of
an isolated atom is known, the difference is trained.

Shapes: W weights of the model as one flat vector; A atoms and S structures of a batch; E elements.
"""

import math
import time
from collections.abc import Callable, Container, Iterable, Sized
from dataclasses import dataclass, fields, replace

import numpy as np

from keras_models.backend import keras, tf
from keras_models.building import dtype_of
from keras_models.edge_data import (
    EdgeData,
    Labels,
    batches_from,
    batches_of_epoch,
    choose_shapes,
    fit_shape,
)
from keras_models.errors import Diverged
from keras_models.gradient import energy_and_forces
from keras_models.linear_eq4 import lone_energies
from keras_models.objective import Objective
from keras_models.optimise.adam import BETA_1, BETA_2, EPSILON
from keras_models.settings import EdgeSettings

# Largest number of shapes that training compiles; one more is that of the validation block.
SHAPES = 7
# Measurements of the errors: evenly spaced, and the first of these spaces in quarters.
POINTS, FINE = 40, 5
OUTPUTS = ("energy_per_atom", "force")


@dataclass(frozen=True)
class EdgeState:
    """State of a training: everything needed to resume, and the measurements so far.

    Attributes:
        theta, first_moment, second_moment: (W,), weights and Adam's moments.
        average: (W,), exponential moving average of the weights.
        best: (W,), the average with the lowest score on the validation block.
        sums: (4,), of the steps since the last measurement: squared errors of energies per atom,
            number of energies, squared errors of force components, number of these.
        curve_steps: (C,), the steps after which errors were measured.
        curve: (C, 2, 2), RMSE of E per atom (eV) and F (eV/Å): in the batches of training since the
            last measurement, each with the weights before its step; and on the validation block
            with the average weights. NaN for E with a weight of 0, as its constant is arbitrary.
        step: number of steps done.
        lowest, best_step: score and step of ``best``; infinite and 0 before there is one.
        seconds: processor time of training steps, without compilation and measurements.
        compile_seconds: processor time of compilation.
    """

    theta: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    average: np.ndarray
    best: np.ndarray
    sums: np.ndarray
    curve_steps: np.ndarray
    curve: np.ndarray
    step: int = 0
    lowest: float = math.inf
    best_step: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0

    @classmethod
    def start(cls, theta: np.ndarray) -> "EdgeState":
        """The state before the first step, with weights theta."""
        zeros = np.zeros_like(theta)
        return cls(
            theta, zeros, zeros, theta, theta, np.zeros(4), np.zeros(0, int), np.zeros((0, 2, 2))
        )

    @property
    def chosen(self) -> np.ndarray:
        """Weights (W,) to keep: the best on the validation block, or the average without one."""
        return np.asarray(self.best if self.best_step else self.average)

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes, to be stored; :meth:`stored` is the inverse."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def stored(cls, arrays: dict[str, np.ndarray]) -> "EdgeState":
        """The state that was stored with these arrays, among others."""
        return cls(**{f.name: arrays[f.name][()] for f in fields(cls)})


class EdgeLoop:
    """Compiled functions for a step of training and for predictions, with batches that suit them.

    Args:
        model: with output energies (S, 1) eV, of an :class:`~keras_models.edges.EdgeBatch`.
        train: training part.
        validation: validation block, or None.
        settings: of the training.
        batch_size: largest number of frames in a batch.
        seed: of the batch orders.
        fixed: elements whose reference energies are kept.

    Attributes:
        objective: with outputs of :meth:`outputs`.
        free: whether the reference energy of each element of ``train`` is not kept.
        shapes: atoms and rows of the padded batches of training.
        padding: shares of padding among the atoms and rows of all of these batches.
    """

    def __init__(
        self,
        model: keras.Model,
        train: EdgeData,
        validation: EdgeData | None,
        settings: EdgeSettings,
        batch_size: int,
        seed: int,
        fixed: Container[str] = (),
    ) -> None:
        self.train, self.validation, self.settings = train, validation, settings
        self.batch_size, self.seed = min(batch_size, len(train)), seed
        self.dtype = dtype_of(model)
        self.free = [e not in fixed for e in train.elements]
        free = tf.constant(self.free)
        lone = lone_energies(model)

        def outputs(weights, inputs):
            constants = lone(weights, inputs)
            free_constants = tf.where(free, constants, tf.zeros_like(constants))
            return (*energy_and_forces(model, weights, inputs), free_constants)

        # Targets come with each batch.
        self.objective = Objective(model, outputs, (), ())
        self._fit_shapes()
        # Without any forces, an error of 1 eV counts as one of 1 eV/Å.
        self._scale = train.force_mean_square or float(np.mean(train.energies**2)) or 1.0
        self._step = tf.function(self._adam_step, jit_compile=True)
        self._predict = tf.function(self.outputs, jit_compile=True)

    @property
    def compilations(self) -> int:
        """Number of compilations so far."""
        return sum(
            function.experimental_get_tracing_count() for function in (self._step, self._predict)
        )

    def batches(self, first: int, last: int) -> Iterable[np.ndarray]:
        """Indices of the frames of the steps from ``first`` to ``last - 1``, counted from 0."""
        return batches_from(self.train.counts, self.batch_size, self.seed, first, last)

    def _need(self, chosen: np.ndarray) -> np.ndarray:
        return self.train.counts[chosen].sum(axis=0)

    def _fit_shapes(self) -> None:
        """Choose the shapes for all batches of the training, and an example of each to compile."""
        needs = np.array([self._need(chosen) for chosen in self.batches(0, self.settings.steps)])
        shapes, self._examples = choose_shapes(needs, SHAPES), {}
        total = np.zeros(2)
        for chosen, need in zip(self.batches(0, self.settings.steps), needs, strict=True):
            shape = fit_shape(shapes, need)
            self._examples.setdefault(shape, chosen)
            total += shape
        # Without those that hold no batch, as all fit into smaller ones.
        self.shapes = [shape for shape in shapes if shape in self._examples]
        self.padding = (1.0 - needs.sum(axis=0) / total).tolist()

    def batch(self, chosen: np.ndarray) -> tuple[dict[str, tf.Tensor], Labels]:
        """Some frames of the training part as a padded batch of one of the shapes."""
        shape = (*fit_shape(self.shapes, self._need(chosen)), self.batch_size + 1)
        return self.train.batch(chosen, shape, self.dtype)

    def weights_at(self, step: int, frames: int) -> tuple[float, float]:
        """Weights of the squared errors of E per atom and F in a batch of some frames."""
        per_frame = self.train.components / len(self.train)
        force = self.settings.force_weight / per_frame if per_frame else 0.0
        energy = self.settings.energy_weight_at(step)
        return energy / (frames * self._scale), force / (frames * self._scale)

    def outputs(self, theta, inputs):
        """The model's energies (S,) and forces (A, 3), and constants (E,) of its elements, eV."""
        return self.objective.outputs(self.objective.unflatten(theta), inputs)

    def lone_energies(self, theta: np.ndarray) -> dict[str, float]:
        """What is to be added to each reference energy after training, {symbol: eV}."""
        inputs, _ = self.batch(next(iter(self._examples.values())))
        constants = self.outputs(tf.constant(theta, self.dtype), inputs)[2].numpy()
        return dict(zip(self.train.elements, constants.astype(float).tolist(), strict=True))

    def loss(self, theta, weights, inputs, labels: Labels):
        """Loss of a batch, and the sums (2,) of squared errors of E per atom and F."""
        energies, forces, constants = self.outputs(theta, inputs)
        sizes = tf.cast(tf.maximum(inputs["sizes"], 1), energies.dtype)
        energies = energies / sizes + tf.linalg.matvec(labels.shares, constants)
        off = (energies - labels.energies) * labels.frames
        force_off = (forces - labels.forces) * labels.known[:, None]
        squares = tf.stack([tf.reduce_sum(off**2), tf.reduce_sum(force_off**2)])
        return tf.reduce_sum(weights * squares), squares

    def gradient(self, theta, weights, inputs, labels: Labels):
        """Loss, squares as in :meth:`loss`, and the gradient of the loss (W,)."""
        with tf.GradientTape() as tape:
            tape.watch(theta)
            loss, squares = self.loss(theta, weights, inputs, labels)
        return loss, squares, tape.gradient(loss, theta)

    def _adam_step(self, theta, m, v, average, rate, shrink, decay, weights, inputs, labels):
        """One step of AdamW with clipping and average; Adam's as in ``optimise/adam.py``."""
        loss, squares, gradient = self.gradient(theta, weights, inputs, labels)
        norm = tf.sqrt(tf.reduce_sum(gradient * gradient))
        # A norm of NaN remains one: the loss must not look finite afterwards.
        gradient = gradient * (self.settings.clip / tf.maximum(norm, self.settings.clip))
        m = m + (gradient - m) * (1.0 - BETA_1)
        v = v + (gradient * gradient - v) * (1.0 - BETA_2)
        theta = theta * (1.0 - shrink) - rate * m / (tf.sqrt(v) + EPSILON)
        average = average + (theta - average) * (1.0 - decay)
        return theta, m, v, average, loss, squares

    def step(self, arrays, step: int, chosen: np.ndarray):
        """Run a step, from 1, on some frames of the training part.

        Args:
            arrays: theta, first moment, second moment and average, (W,) each.
            step: its number, on which learning rate and weights depend.
            chosen: indices of the frames.

        Returns:
            The new arrays, the loss, and the sums (2,) of squared errors before the step.
        """
        inputs, labels = self.batch(chosen)
        settings = self.settings
        correction = math.sqrt(1.0 - BETA_2**step) / (1.0 - BETA_1**step)
        *arrays, loss, squares = self._step(
            *arrays,
            tf.constant(settings.rate(step) * correction, self.dtype),
            tf.constant(settings.rate(step) * settings.weight_decay, self.dtype),
            tf.constant(settings.decay(step), self.dtype),
            tf.constant(self.weights_at(step, len(chosen)), self.dtype),
            inputs,
            labels,
        )
        return arrays, float(loss), squares.numpy().astype(float)

    def compile(self, arrays) -> None:
        """Compile all shapes, by a step for each whose result is discarded."""
        for chosen in self._examples.values():
            self.step(arrays, 1, chosen)
        self.errors(arrays[3])

    def whole(self, data: EdgeData) -> tuple[list[np.ndarray], tuple[int, int, int]]:
        """All frames once, in batches like those of training, and one shape that holds each."""
        batches = batches_of_epoch(data.counts, self.batch_size, seed=0, epoch=0)
        atoms, rows = np.max([data.counts[b].sum(axis=0) for b in batches], axis=0)
        return batches, (int(atoms) + 1, max(1, int(rows)), max(map(len, batches)) + 1)

    def errors(self, theta) -> np.ndarray:
        """RMSE on the validation block: E per atom (eV), F (eV/Å); NaN without any or a weight."""
        data = self.validation
        if data is None:
            return np.full(2, np.nan)
        batches, shape = self.whole(data)
        squares = np.zeros(2)
        for chosen in batches:
            inputs, labels = data.batch(chosen, shape, self.dtype)
            energies, forces, constants = (
                x.numpy().astype(float) for x in self._predict(theta, inputs)
            )
            off = energies[: len(chosen)] / data.counts[chosen, 0] - data.energies[chosen]
            off += data.shares[chosen] @ constants
            known = labels.known.numpy() > 0
            force_off = (forces - labels.forces.numpy())[known]
            squares += [(off**2).sum(), (force_off**2).sum()]
        return _rmse(squares, np.array([self.energies_in(data), data.components]))

    def energies_in(self, frames: Sized) -> int:
        """Number of energies that errors are measured of; 0 if their constant is arbitrary."""
        return len(frames) if self.settings.energy_weight else 0

    def score(self, errors: np.ndarray) -> float:
        """Loss on the validation block, up to a factor, with the weights of the last step.

        w_E E^2 + w_F F^2 of the RMSE from :meth:`errors`, as far as there are any; else NaN.
        """
        settings = self.settings
        weights = np.array([settings.energy_weight_at(settings.steps), settings.force_weight])
        terms = (weights * errors**2)[(weights > 0) & np.isfinite(errors)]
        return float(terms.sum()) if len(terms) else math.nan


def _rmse(squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Root mean squares from sums and counts; NaN where nothing was counted."""
    return np.sqrt(np.where(counts > 0, squares, np.nan) / np.maximum(counts, 1))


def points_of(steps: int, points: int = POINTS) -> set[int]:
    """Steps after which errors are measured: evenly spaced, and in quarters of that at first.

    Where frames are few, the best weights can be early ones.
    """
    every = max(1, steps // points)
    first = {k * every // 4 for k in range(1, 4 * FINE)} - {0}
    return {*range(every, steps + 1, every), *(k for k in first if k <= steps), steps}


def train_steps(
    loop: EdgeLoop,
    state: EdgeState,
    on_step: Callable[[EdgeState], None] | None = None,
    points: int = POINTS,
) -> EdgeState:
    """Train from a state to the last step; an interruption does not change a bit of the result.

    Args:
        loop: compiled functions, with data and settings.
        state: an initial state, or one from a checkpoint.
        on_step: called with the state after every step; it may retain the state or raise an
            exception to stop.
        points: approximate number of evenly spaced measurements, see :func:`points_of`.

    Raises:
        Diverged: the loss or the weights are not finite.
    """
    steps = loop.settings.steps
    measured = points_of(steps, points)
    if state.step >= steps:
        return state
    arrays = [
        tf.constant(x, loop.dtype)
        for x in (state.theta, state.first_moment, state.second_moment, state.average)
    ]
    begin = time.process_time()
    loop.compile(arrays)
    state = replace(state, compile_seconds=state.compile_seconds + time.process_time() - begin)
    for chosen in loop.batches(state.step, steps):
        begin, step = time.process_time(), state.step + 1
        arrays, loss, squares = loop.step(arrays, step, chosen)
        if not np.isfinite(loss):
            raise Diverged(f"seed {loop.seed}: the loss is not finite in step {step}")
        components = 3 * int(loop.train.counts[chosen, 0] @ loop.train.known[chosen])
        state = replace(
            state,
            **dict(zip(("theta", "first_moment", "second_moment", "average"), arrays, strict=True)),
            sums=state.sums
            + np.array([squares[0], loop.energies_in(chosen), squares[1], components]),
            step=step,
            seconds=state.seconds + time.process_time() - begin,
        )
        if step in measured:
            errors = loop.errors(arrays[3])
            if (score := loop.score(errors)) < state.lowest:
                state = replace(state, best=arrays[3], lowest=score, best_step=step)
            point = np.stack([_rmse(state.sums[::2], state.sums[1::2]), errors], axis=1)
            state = replace(
                state,
                sums=np.zeros(4),
                curve_steps=np.append(state.curve_steps, step),
                curve=np.concatenate([state.curve, point[None]]),
            )
        if on_step:
            on_step(state)
    if not np.isfinite(np.asarray(state.average)).all():
        raise Diverged(f"seed {loop.seed}: the weights are not finite after step {steps}")
    return state
