"""The number of steps of training that fit into some minutes, by timing a few of them.

Only the number is taken from the clock, once, before training begins. Written into the settings of
the run, it fixes the schedules, so that an interrupted training goes on with the same ones.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from data_gen.frames import Frames
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import EdgeFitSettings, fit_edges

# Steps that are timed, after one that is not.
TIMED = 8
FEWEST, MOST = 200, 1_000_000
# Share of the minutes for what is not timed: measurements of errors, checkpoints, the page.
REST = 0.1


@dataclass(frozen=True)
class Speed:
    """How long training takes on this machine.

    Attributes:
        start: seconds before the first step: building, edge lists, compilation.
        step: seconds of a step.
    """

    start: float
    step: float

    def steps_within(self, seconds: float, models: int = 1) -> int:
        """Number of steps of each model with which all are trained and evaluated in some seconds.

        Evaluation compiles as much as a training. At least :data:`FEWEST` steps, as fewer would
        hardly train.
        """
        left = ((1.0 - REST) * seconds - self.start) / models - self.start
        return min(MOST, max(FEWEST, int(left / self.step)))

    def seconds(self, steps: int, models: int = 1) -> float:
        """About how long the training and evaluation of some models takes."""
        return (models * (self.start + steps * self.step) + self.start) / (1.0 - REST)


def measure_speed(
    train: Frames,
    settings: EdgeFitSettings,
    report: Callable[[float, str], None] | None = None,
    start: Pretrained | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Time a few steps of a training whose result is discarded.

    Args:
        train: training part.
        settings: of the training; their number of steps does not matter.
        report: called with (fraction done, short text); may raise an exception to stop.
        start: a model that the training begins with, or None.
        clock: seconds.
    """
    # Without a validation block, on which so short a training would measure after every step.
    few = replace(settings.training, steps=TIMED + 1, warm_up=0, validation=0.0)
    times = [clock()]

    def on_report(fraction: float, text: str) -> None:
        if text.startswith("step"):
            times.append(clock())
        if report:
            report(fraction, "timing a few steps")

    fit_edges(train, replace(settings, training=few), report=on_report, start=start)
    steps = sorted(b - a for a, b in pairwise(times[1:]))
    # The median, as a step may be disturbed by other programs.
    return Speed(times[1] - times[0], max(steps[len(steps) // 2], 1e-6))
