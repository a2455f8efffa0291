"""Second-order training on edge lists: the dense quasi-Newton method on all frames, after Adam.

The method of :mod:`keras_models.optimise.ssbroyden`, for models of some thousand weights on edge
lists. Adam's steps are noisy and in float32; from where they end, a few hundred iterations in
float64 lower the errors of a smooth potential tenfold and more. The loss is that of Adam's last
step, of all frames instead of a batch.

Shapes: W weights of the model as one flat vector.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from keras_models.backend import tf
from keras_models.edge_data import batches_of_epoch, frames_per_batch
from keras_models.errors import Diverged, TooManyWeights
from keras_models.optimise.edge_adam import EdgeLoop, EdgeState
from keras_models.optimise.ssbroyden import QuasiNewtonState
from keras_models.optimise.stages import run_stages

# Atoms of what is evaluated at once: its activations should fit into the processor's cache.
ATOMS = 768
# The inverse Hessian of so many weights takes 2 GB.
MOST_WEIGHTS = 16_000


def check_size(weights: int) -> None:
    """Raise TooManyWeights if a dense inverse Hessian would take too much memory."""
    if weights > MOST_WEIGHTS:
        raise TooManyWeights(
            f"second-order stages take memory of the weights squared: {8e-9 * weights**2:.0f} GB "
            f"for {weights:,} weights, at most {MOST_WEIGHTS:,} are taken; give the model fewer "
            "rounds, channels or narrower widths, or leave out training.stages"
        )


class AllFrames:
    """Function of the weights (W,) for the loss of a training part, and its gradient (W,).

    Args:
        loop: of the training, of a float64 model.
        stride: of every ``stride`` frames, the first is taken.
    """

    def __init__(self, loop: EdgeLoop, stride: int = 1) -> None:
        data = loop.train
        chosen = np.arange(0, len(data), stride)
        counts = data.counts[chosen]
        size = frames_per_batch(counts, len(chosen), ATOMS)
        batches = [chosen[b] for b in batches_of_epoch(counts, size, seed=0, epoch=0)]
        atoms, rows = np.max([data.counts[b].sum(axis=0) for b in batches], axis=0)
        shape = (int(atoms) + 1, max(1, int(rows)), max(map(len, batches)) + 1)
        self._parts = [data.batch(b, shape, loop.dtype) for b in batches]
        weights = loop.weights_at(loop.settings.steps, len(chosen))
        self._weights = tf.constant(weights, loop.dtype)
        self._gradient = tf.function(loop.gradient, jit_compile=True)

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        weights, loss, gradient = tf.constant(theta), 0.0, np.zeros_like(theta)
        for inputs, labels in self._parts:
            part, _, slope = self._gradient(weights, self._weights, inputs, labels)
            loss, gradient = loss + float(part), gradient + slope.numpy()
        return loss, gradient


@dataclass(frozen=True)
class NewtonState:
    """State of second-order training: with that of Adam, everything needed to resume.

    Attributes:
        method: weights, inverse Hessian and counts.
        stage: index of the stage that it is in.
        best: (W,), the weights with the lowest score on the validation block; empty as long as
            those of Adam are better.
        lowest, best_iteration: score and iteration of ``best``.
        curve_iterations: (C,), the iterations after which errors were measured.
        curve: (C, 2), RMSE of E per atom (eV) and F (eV/Å) on the validation block.
        compile_seconds: processor time of compilation.
    """

    method: QuasiNewtonState
    lowest: float
    stage: int = 0
    best: np.ndarray = field(default_factory=lambda: np.zeros(0))
    best_iteration: int = 0
    curve_iterations: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    curve: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    compile_seconds: float = 0.0

    @classmethod
    def start(cls, adam: EdgeState) -> "NewtonState":
        """The state before the first iteration, with the weights that Adam ended with."""
        return cls(QuasiNewtonState.start(adam.chosen), adam.lowest)

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes, to be stored; :meth:`stored` is the inverse."""
        found = {f"newton_{name}": value for name, value in vars(self.method).items()}
        own = {f"newton_of_{n}": value for n, value in vars(self).items() if n != "method"}
        return {name: np.asarray(value) for name, value in (found | own).items()}

    @classmethod
    def stored(cls, arrays: dict[str, Any]) -> "NewtonState | None":
        """The state that was stored with these arrays, if there is one."""
        if "newton_x" not in arrays:
            return None
        method = {f.name: arrays[f"newton_{f.name}"][()] for f in fields(QuasiNewtonState)}
        own = {f.name: arrays[f"newton_of_{f.name}"][()] for f in fields(cls) if f.name != "method"}
        return cls(QuasiNewtonState(**method), **own)


def train_second_order(
    loop: EdgeLoop,
    state: NewtonState,
    on_iteration: Callable[[NewtonState], None] | None = None,
) -> NewtonState:
    """Run the stages of the settings; an interruption does not change a bit of the result.

    Args:
        loop: of the training, of a float64 model.
        state: an initial state, or one from a checkpoint.
        on_iteration: called with the state after every iteration; it may raise an exception to
            stop, but must copy or store what it keeps, as the inverse Hessian changes later.

    Raises:
        Diverged: the loss is not finite.
    """
    stages = loop.settings.stages
    tell = on_iteration or (lambda state: None)

    def function_of(stride: int, method: QuasiNewtonState) -> AllFrames:
        nonlocal state
        begin = time.process_time()
        function = AllFrames(loop, stride)
        function(method.x)
        spent = state.compile_seconds + time.process_time() - begin
        state = replace(state, compile_seconds=spent)
        return function

    def measure(method: QuasiNewtonState, stage: int) -> None:
        nonlocal state
        state = _measured(loop, replace(state, method=method, stage=stage))
        tell(state)

    def between(method: QuasiNewtonState, stage: int) -> None:
        tell(replace(state, method=method, stage=stage))

    try:
        method = run_stages(stages, state.method, state.stage, function_of, measure, between)
    except Diverged as error:
        raise Diverged(f"seed {loop.seed}: {error}") from None
    return replace(state, method=method, stage=len(stages))


def _measured(loop: EdgeLoop, state: NewtonState) -> NewtonState:
    """The state with errors on the validation block, and with the best weights so far."""
    method = state.method
    errors = loop.errors(tf.constant(method.x, loop.dtype))
    score = loop.score(errors)
    # Without a validation block the last weights are kept.
    if score < state.lowest or not np.isfinite(score):
        state = replace(state, best=method.x, lowest=score, best_iteration=method.iterations)
    return replace(
        state,
        curve_iterations=np.append(state.curve_iterations, method.iterations),
        curve=np.concatenate([state.curve, errors[None]]),
    )
