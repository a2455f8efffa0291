"""The number of steps of training that fit into some minutes, by timing a few of them.

Only the number is taken from the clock, once, before training begins. Written into the settings of
the run, it fixes the schedules, so that an interrupted training goes on with the same ones.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from data_gen.frames import Frames
from fitting.progress import Bars, Here, stoppable
from fitting.workers import Job, run
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import EdgeFitSettings, fit_edges

# At least so many steps are timed, after one that is not, and for so many seconds.
TIMED, TIMED_SECONDS = 8, 1.0
# Steps in which all that train at once have to get ready.
MOST_TIMED = 2000
FEWEST, MOST = 200, 1_000_000
# Share of the minutes for what is not timed: measurements of errors, checkpoints, the last layer's
# solution, the page.
REST = 0.15


@dataclass(frozen=True)
class Speed:
    """How long training takes on this machine.

    Attributes:
        start: seconds before the first step: building, edge lists, compilation.
        step: seconds of a step.
        launch: seconds until a process has imported all that it needs.
    """

    start: float
    step: float
    launch: float = 0.0

    def steps_within(self, seconds: float, rounds: int = 1, models: int = 1) -> int:
        """Number of steps of each model with which all are trained and evaluated in some seconds.

        At least :data:`FEWEST` steps, as fewer would hardly train.

        Args:
            seconds: for all.
            rounds: of models that are trained at once, one round after the other.
            models: number of models.
        """
        left = ((1.0 - REST) * seconds - self._evaluation(models)) / rounds
        left -= self.launch + self.start
        return min(MOST, max(FEWEST, int(left / self.step)))

    def seconds(self, steps: int, rounds: int = 1, models: int = 1) -> float:
        """About how long the training and evaluation of some models takes."""
        training = rounds * (self.launch + self.start + steps * self.step)
        return (training + self._evaluation(models)) / (1.0 - REST)

    def _evaluation(self, models: int) -> float:
        """About as long as a start, of which half is the compilation of each model."""
        return 0.5 * (1 + models) * self.start


class _Enough(Exception):
    """Steps were timed."""


def measure_speed(
    train: Frames,
    settings: EdgeFitSettings,
    start: Path | None = None,
    link=None,
    clock: Callable[[], float] = time.monotonic,
) -> Speed:
    """Time a few steps of a training whose result is discarded.

    Args:
        train: training part.
        settings: of the training; their number of steps does not matter.
        start: file of a model that the training begins with, or None.
        link: told of the progress, and asked whether all that will train at once are at their
            steps; only these are timed, as they may be slower.
        clock: seconds.
    """
    link = link or Here()
    # Without a validation block, on which so short a training would measure after every step.
    few = replace(settings.training, steps=MOST_TIMED, warm_up=0, validation=0.0, stages=())
    begin = clock()
    last, first, alone, timed = begin, None, [], []

    def on_report(fraction: float, text: str) -> None:
        nonlocal last, first
        if text.startswith("step"):
            now, together = clock(), link.together()
            if first is None:
                first = now - begin
            else:
                (timed if together else alone).append(now - last)
            last = now
            if len(timed) >= TIMED and sum(timed) >= TIMED_SECONDS:
                raise _Enough
        link.report(min(0.99, sum(timed) / TIMED_SECONDS), "timing a few steps")

    pretrained = Pretrained.load(start) if start else None
    with contextlib.suppress(_Enough):
        fit_edges(train, replace(settings, training=few), report=on_report, start=pretrained)
    # The median, as a step may be disturbed by other programs.
    return Speed(first, max(float(np.median(timed or alone)), 1e-6))


def measure_speed_together(
    train: Frames,
    settings: EdgeFitSettings,
    start: Path | None,
    at_once: int,
    console,
) -> Speed:
    """Time steps with as many processes as will train at once; of one, in this process.

    Returns:
        The slowest's times.
    """
    with stoppable() as asked, Bars(console, ["timing"]) as bars:
        if at_once == 1:
            return measure_speed(train, settings, start, Here(bars, asked))

        def progress(number: int, fraction: float, text: str) -> None:
            if number == 0:
                bars(0, fraction, text)

        jobs = [Job("timing", time_a_process, (train, settings, start, time.time()))] * at_once
        found = run(jobs, at_once, progress, console.print, asked)
    return Speed(*np.max([astuple(speed) for speed in found], axis=0).tolist())


def time_a_process(
    train: Frames, settings: EdgeFitSettings, start: Path | None, begin: float, link
) -> Speed:
    """Job of a process that was started at ``begin``, by the time of day: see above."""
    launch = time.time() - begin
    return replace(measure_speed(train, settings, start, link), launch=launch)
