"""The number of steps of training that fit into some minutes, by timing a few of them.

The minutes are those that the user waits, from the command to the folder. What comes before and
after the steps is measured, or is in proportion to what is: see :meth:`Speed.seconds`.

Only the number is taken from the clock, once, before training begins. Written into the settings of
the run, it fixes the schedules, so that an interrupted training goes on with the same ones.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_gen.frames import Frames
from fitting.predicting import in_shapes
from fitting.progress import Bars, Here, stoppable
from fitting.workers import Job, run
from keras_models import catalogue
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of
from keras_models.building import flat_weights
from keras_models.edge_data import EdgeData, fit_shape, frames_per_batch
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import EdgeFitSettings
from keras_models.optimise.edge_adam import EdgeLoop, EdgeState, points_of
from keras_models.optimise.last_layer import LAST, RIDGES, directions_of
from keras_models.reference import reference_energies
from keras_models.standardise import CHUNK
from keras_models.standardise import MANY as MANY_CHUNKS

# At least so many steps are timed, after one that is not, and for some seconds: a share of all, up
# to the most.
TIMED, TIMED_SHARE, MOST_SECONDS = 8, 0.02, 10.0
# Steps in which all that train at once have to get ready.
MOST_TIMED = 2000
FEWEST, MOST = 200, 1_000_000
# Frames with which a model is built, for the time that it takes with all.
FEW, MANY = 8, 50
# Of the minutes, measurements on the validation block take no more than this share, unless it has
# few frames.
MEASURED, FEW_HELD = 0.1, 20
# The last layer is not solved where that takes more than this share of the minutes. If they are for
# few steps, it may take more, as it is worth more: what these have not learned yet, it solves for.
SOLVED, FEW_STEPS, SOLVED_OF_FEW = 0.2, 2000, 0.5
# As shares of the compilation of a step: of predictions, and of the last layer's solution.
PREDICT, SOLVE = 0.65, 0.95
# Of the time to build a model, a frame's share in which no moments are measured.
NOT_MEASURED = 0.2
# As shares of a step, for a batch of predictions.
PREDICTION = 0.5
# Seconds: to open a model, and for figures and page.
OPEN, PAGE = 0.3, 1.5


@dataclass(frozen=True)
class Work:
    """What there is to do besides the steps.

    Attributes:
        frames: number of frames that are trained on.
        held: number of those validated on.
        shown: number of those on which all models are evaluated in the end.
        models: that are trained.
        at_once: number of processes that train them.
        solved: how often the last layer is solved: once, and once more for a model to begin with.
        stages: of second order, see :class:`~keras_models.settings.EdgeSettings`.
    """

    frames: int
    held: int
    shown: int
    models: int = 1
    at_once: int = 1
    solved: int = 1
    stages: tuple[tuple[int, int], ...] = ()

    @property
    def rounds(self) -> int:
        """How many trainings a process does, one after another."""
        return math.ceil(self.models / self.at_once)


@dataclass(frozen=True)
class Speed:
    """How long parts of a training take on this machine.

    Attributes:
        launch: seconds until a process has imported all that it needs.
        build: seconds to build the model and the edge lists.
        compile: seconds to compile a step for one shape of batches.
        step: seconds of a step.
        shapes: number of shapes.
        batch: frames of a batch, on average.
        directions: of the last layer's solution, see :mod:`keras_models.optimise.last_layer`.
        predicted_shapes: number of shapes of predictions.
    """

    launch: float
    build: float
    compile: float
    step: float
    shapes: int = 1
    batch: float = 32.0
    directions: int = 1
    predicted_shapes: int = 1

    def steps_within(self, seconds: float, work: Work) -> int:
        """Number of steps of each model with which all is done in some seconds.

        At least :data:`FEWEST` steps, as fewer would hardly train.
        """
        left = seconds - self.seconds(0, work)
        return min(MOST, max(FEWEST, int(left / work.rounds / self.step)))

    def held_within(self, seconds: float, work: Work) -> int:
        """Number of frames of a validation block whose measurements take few of some seconds.

        At least :data:`FEW_HELD` and at most those that there are.
        """
        each = self._measurements(1) * self.step
        most = int(MEASURED * seconds / (work.rounds * each))
        return min(work.held, max(FEW_HELD, most))

    def is_solved(self, seconds: float, left: float, work: Work) -> bool:
        """Whether the last layers are worth the time that their solution takes.

        Args:
            seconds: that all is to take.
            left: of these, what is still left.
            work: with the solution.
        """
        steps = self.steps_within(left, replace(work, solved=0))
        share = SOLVED_OF_FEW if steps < FEW_STEPS else SOLVED
        return self.solution(work) <= share * seconds

    def solution(self, work: Work) -> float:
        """Seconds of the solution of the last layers, without compilation."""
        return work.rounds * self._solutions(work) * self.step

    def _measurements(self, held: int) -> float:
        """Duration of all measurements on some frames, in steps."""
        return PREDICTION * held / self.batch * len(points_of(FEWEST))

    def _solutions(self, work: Work) -> float:
        """Duration of the solution of a model's last layer, in steps."""
        if not work.held:
            return 0.0  # It is not solved without a validation block.
        predictions = PREDICTION * work.held * (1 + len(RIDGES))
        return (work.frames * self.directions + predictions) / self.batch * work.solved

    def seconds(self, steps: int, work: Work) -> float:
        """About how long it takes to train and to evaluate all models, and to write the folder.

        Compilations of functions other than the step, and what these take, are in proportion to
        those of the step; second order is counted with one evaluation an iteration.
        """
        batches = work.frames / self.batch
        compilations, runs = float(self.shapes), 0.0
        if work.held:
            compilations += PREDICT
            runs += self._measurements(work.held)
        for stride, iterations in work.stages:
            compilations += 1.0
            runs += iterations * batches / stride
        if work.held and work.solved:
            compilations += SOLVE * work.solved
            runs += self._solutions(work)
        training = self.build + compilations * self.compile + (steps + runs) * self.step
        shown = PREDICTION * work.shown / self.batch
        compilations = PREDICT * self.predicted_shapes
        evaluation = OPEN + compilations * self.compile + shown * self.step
        return work.rounds * (self.launch + training) + work.models * evaluation + PAGE


def measure_speed(
    train: Frames,
    settings: EdgeFitSettings,
    start: Path | None = None,
    link=None,
    seconds: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> Speed:
    """Time a few steps of a training whose result is discarded, on batches of one shape.

    Args:
        train: training part.
        settings: of the training; their number of steps does not matter.
        start: file of a model that the training begins with, or None.
        link: told of the progress, and asked whether all that will train at once are at their
            steps; only these are timed, as they may be slower.
        seconds: that steps are timed for.
        clock: seconds.
    """
    link = link or Here()
    link.report(0.0, "building")
    model, references, building = _built(train, settings, start, clock)
    begin = clock()
    data = EdgeData(train, cutoff_of(model), references)
    few = replace(settings.training, steps=MOST_TIMED, warm_up=0)
    size = frames_per_batch(data.counts, few.batch_size, few.batch_atoms)
    loop = EdgeLoop(model, data, None, few, size, seed=0)
    building += clock() - begin
    batches, share = _of_one_shape(loop)
    state = EdgeState.start(flat_weights(model))
    arrays = [tf.constant(state.theta, loop.dtype)] + 3 * [tf.zeros_like(state.theta)]
    link.report(0.0, "compiling")
    begin = last = clock()
    compilation, alone, timed = None, [], []
    for k in range(MOST_TIMED):
        arrays, *_ = loop.step(arrays, k + 1, batches[k % len(batches)])
        now, together = clock(), link.together()
        if compilation is None:
            compilation = now - begin
        else:
            (timed if together else alone).append(now - last)
        last = now
        if len(timed) >= TIMED and sum(timed) >= seconds:
            break
        link.report(min(0.99, sum(timed) / seconds), "a few steps")
    return Speed(
        0.0,
        building,
        compilation,
        # The median, as a step may be disturbed by other programs.
        max(share * float(np.median(timed or alone)), 1e-6),
        len(loop.shapes),
        len(data) / -(-len(data) // loop.batch_size),
        directions_of(_last_weights(model), int(data.known.sum())) if data.known.any() else 1,
        len(in_shapes(data.counts)[2]),
    )


def _built(
    train: Frames, settings: EdgeFitSettings, start: Path | None, clock: Callable[[], float]
) -> tuple[keras.Model, Mapping[str, float], float]:
    """A model for some of the frames, with references, and the seconds that it takes for all.

    The seconds are those of the first time, for few frames, when TensorFlow has to start, and more
    for each further frame, by those of two numbers of frames afterwards.
    """
    if start:
        begin = clock()
        known, some = Pretrained.load(start), some_of(train, MANY)
        loaded = clock()
        known.come_closer(some)
        known.widen(some)
        each = (clock() - loaded) / len(some)
        return known.model, known.references, loaded - begin + each * len(train)
    times, numbers = [], [s.numbers for s in train.structures]
    for count in (FEW, FEW, MANY):
        some = some_of(train, count)
        begin = clock()
        model = catalogue.build(
            settings.model,
            some,
            settings.widths,
            settings.activation,
            settings.options,
            0,
            settings.dtype_used,
        )
        times.append((len(some), clock() - begin))
    (n, start), (_, few), (m, many) = times
    each = max(0.0, many - few) / max(1, m - n)
    # Moments are measured in some of very many frames.
    measured = min(len(train), CHUNK * MANY_CHUNKS)
    count = measured + NOT_MEASURED * (len(train) - measured)
    references = reference_energies(numbers, train.energies)
    return model, references, start + each * max(0.0, count - n)


def some_of(frames: Frames, count: int) -> Frames:
    """About so many frames, evenly spaced, with all elements."""
    chosen = set(np.linspace(0, len(frames) - 1, count).astype(int).tolist())
    found = {z for k in chosen for z in np.unique(frames.structures[k].numbers).tolist()}
    for k, structure in enumerate(frames.structures):
        new = set(np.unique(structure.numbers).tolist()) - found
        if new:
            chosen.add(k)
            found |= new
    return frames[sorted(chosen)]


def _of_one_shape(loop: EdgeLoop) -> tuple[list[np.ndarray], float]:
    """Batches of the shape nearest to the mean in rows, and the mean's share of its rows."""
    batches = list(loop.batches(0, loop.settings.steps))
    shapes = [fit_shape(loop.shapes, loop.train.counts[b].sum(axis=0)) for b in batches]
    mean = np.mean([rows for _, rows in shapes])
    best = min(set(shapes), key=lambda shape: (abs(math.log(shape[1] / mean)), shape))
    return [b for b, shape in zip(batches, shapes, strict=True) if shape == best], mean / best[1]


def _last_weights(model: keras.Model) -> int:
    """Number of weights of the layers that are solved for; 0 without any."""
    layers = [layer for layer in model.layers if layer.name in LAST]
    return sum(math.prod(layer.kernel.shape) for layer in layers)


def measure_speed_together(
    train: Frames,
    settings: EdgeFitSettings,
    start: Path | None,
    work: Work,
    seconds: float,
    console,
) -> Speed:
    """Time steps with as many processes as will train at once; of one model, in this process.

    Args:
        train, settings, start: see :func:`measure_speed`.
        work: that there will be.
        seconds: that it may take.
        console: for progress.

    Returns:
        The slowest's times.
    """
    seconds = min(TIMED_SHARE * seconds, MOST_SECONDS)
    with stoppable() as asked, Bars(console, ["timing"]) as bars:
        if work.models == 1:
            return measure_speed(train, settings, start, Here(bars, asked), seconds)

        def progress(number: int, fraction: float, text: str) -> None:
            if number == 0:
                bars(0, fraction, text)

        advice = "; nothing is trained yet: --seeds 1 needs less memory"
        arguments = (train, settings, start, seconds, time.time())
        job = Job("timing", time_a_process, arguments, advice)
        found = run([job] * work.at_once, work.at_once, progress, console.print, asked)
    slowest = {name: max(getattr(one, name) for one in found) for name in vars(found[0])}
    return Speed(**slowest)


def time_a_process(
    train: Frames,
    settings: EdgeFitSettings,
    start: Path | None,
    seconds: float,
    begin: float,
    link,
) -> Speed:
    """Job of a process that was started at ``begin``, by the time of day: see above."""
    launch = time.time() - begin
    return replace(measure_speed(train, settings, start, link, seconds), launch=launch)
