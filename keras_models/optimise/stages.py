"""Stages of second-order training: iterations on every k-th frame first, and then on all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from keras_models.errors import Diverged
from keras_models.optimise.ssbroyden import QuasiNewtonState, minimise

# Iterations between measurements of errors, which do not affect the steps.
SEGMENT = 50

Observer = Callable[[QuasiNewtonState, int], None]


def run_stages(
    stages: Sequence[tuple[int, int]],
    state: QuasiNewtonState,
    stage: int,
    function_of: Callable[[int, QuasiNewtonState], Callable],
    measure: Observer,
    between: Observer,
) -> QuasiNewtonState:
    """Minimise in stages; an interruption does not change a bit of the result.

    Args:
        stages: strides of the frames, and numbers of iterations.
        state: an initial state, or one from a checkpoint.
        stage: index of the stage that it is in.
        function_of: gives for a stride and the state the function of the weights for loss and
            gradient.
        measure: called with the state and the stage's index after every :data:`SEGMENT` iterations
            and at the end of each stage.
        between: called with the same after all other iterations.

    Raises:
        Diverged: the loss is not finite.
    """
    for k in range(stage, len(stages)):
        function, end = None, sum(n for _, n in stages[: k + 1])
        while state.iterations < end and not state.stuck:
            function = function or function_of(stages[k][0], state)
            upto = min(end, (state.iterations // SEGMENT + 1) * SEGMENT)
            state = minimise(function, state, upto, partial(_before, upto, between, k))
            if not np.isfinite(state.loss):
                raise Diverged("the loss is not finite")
            measure(state, k)
        # The next stage has another loss: drop the direction, but keep the similar curvature.
        state = replace(state, direction=np.zeros(0), stuck=False)
    return state


def _before(upto: int, between: Observer, stage: int, state: QuasiNewtonState) -> None:
    """Pass an iteration on, but for the last, after which errors are measured first."""
    if state.iterations < upto:
        between(state, stage)
