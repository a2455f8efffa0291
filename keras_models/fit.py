"""Train a model: data, a model's name and settings -> a trained model with its predictions.

>>> settings = FitSettings("eq2", AdamSettings(epochs=200))
>>> fitted, = fit(train, test, settings, seeds=(0,))
>>> fitted.model.save("eq2.keras")

Nothing here knows of experiments or where results are kept: a caller gives the data, and a path
for a checkpoint if the training is to survive an interruption.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from data_gen.dataset import Dataset, Statistics
from keras_models import catalogue
from keras_models.backend import keras
from keras_models.building import flat_weights, set_flat_weights
from keras_models.checkpoints import Checkpoint
from keras_models.errors import Diverged
from keras_models.features import Preprocessing
from keras_models.objective import FullBatch
from keras_models.optimise.adam import EpochLoop, TrainingState, train_epochs
from keras_models.optimise.ssbroyden import QuasiNewtonState, minimise
from keras_models.problems import (
    Direct,
    Gradient,
    OnFingerprints,
    Parts,
    Problem,
    behler_features,
)
from keras_models.settings import AdamSettings, QuasiNewtonSettings

# Iterations between measurements of the errors; training goes on from each as if undisturbed.
SEGMENT = 50

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class FitSettings:
    """A recipe.

    Attributes:
        model: name in :data:`keras_models.catalogue.MODELS`.
        training: Adam's settings, or those of second-order training.
        widths, activation: None is the model's own; of energy models whose gradient is trained,
            :data:`keras_models.catalogue.SMOOTH_ACTIVATION`.
        options: other arguments of the builder, see :func:`keras_models.catalogue.build`.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2), for energy models and
            the negative gradient; None for the squared errors of the standardised target, which
            is the model's own output.
        lanes: how many seeds are trained side by side by Adam. The bits of a result depend on
            it: absent seeds are stood in for.
        copies: the training part so many times over, each frame of each further copy turned at
            random; for forces alone.
        dtype: of weights and arithmetic; None for float32 with Adam, else float64.
    """

    model: str
    training: AdamSettings | QuasiNewtonSettings
    widths: tuple | None = None
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    loss_weights: tuple[float, float] | None = None
    lanes: int = 1
    copies: int = 1
    dtype: str | None = None

    @property
    def by_adam(self) -> bool:
        """First-order training, else second-order."""
        return isinstance(self.training, AdamSettings)


@dataclass
class Fitted:
    """A trained model and what is known of its training.

    Attributes:
        seed: of first weights and batch orders.
        model: with the last weights.
        predictions: "energy" (n,) in eV and "force" (n, N, 3) in eV/Å as far as the model gives
            them, each for the training part and, where there is one, the test part.
        curves: errors along the way: "curve_energy" and "curve_force" (points, 2) of training
            and test part, over "curve_epochs" or "curve_seconds"; "losses" of each epoch.
        counts: "parameters", "epochs" or "iterations", "evaluations" of loss and gradient.
        seconds: "train" without compilation and measuring, and "compile", shares of this seed; of
            the processor, so that other work on the machine does not count.
        ended: how training ended.
        info: numbers that went in: "statistics" and "preprocessing" of the training part.
    """

    seed: int
    model: keras.Model
    predictions: dict[str, tuple[np.ndarray, ...]]
    curves: dict[str, np.ndarray]
    counts: dict[str, int]
    seconds: dict[str, float]
    ended: str
    info: dict[str, Any] = field(default_factory=dict)


def fit(
    train: Dataset,
    test: Dataset | None,
    settings: FitSettings,
    seeds: Sequence[int] = (0,),
    checkpoint: Path | None = None,
    stamp: str = "",
    report: Report | None = None,
    features: tuple[np.ndarray, ...] | None = None,
) -> list[Fitted | Diverged]:
    """Train a model from each seed.

    Args:
        train: its statistics, and nothing else, standardise.
        test: measured along the way and predicted at the end; it chooses nothing.
        settings: what to do.
        seeds: of first weights and batch orders.
        checkpoint: where to keep unfinished work, every few seconds and on being stopped.
        stamp: identity that a checkpoint must match to be resumed: all that the outcome depends
            on, as text.
        report: called with (fraction done, a short text); it may raise to stop.
        features: of :func:`behler_parts`, where they are known.

    Returns:
        For each seed its result, or the exception that it ended with.

    Raises:
        ValueError: settings that do not go together.
    """
    report = report or (lambda fraction, text: None)
    entry = catalogue.find(settings.model)
    parts, options = _prepared(train, test, settings, entry, report, features)
    models = [_build(entry, parts, settings, options, seed) for seed in seeds]
    problems = [_problem_of(entry, settings)(entry, model, parts) for model in models]
    if settings.by_adam:
        kept = Checkpoint(checkpoint, stamp) if checkpoint else None
        return _adam(problems, settings, seeds, kept, report)
    found = []
    for problem, seed in zip(problems, seeds, strict=True):
        kept = Checkpoint(_of_seed(checkpoint, seeds, seed), stamp) if checkpoint else None
        found.append(_second_order(problem, settings, seed, kept, report))
    return found


def _of_seed(checkpoint: Path, seeds: Sequence[int], seed: int) -> Path:
    """The checkpoint of one of several seeds."""
    checkpoint = Path(checkpoint)
    return checkpoint if len(seeds) == 1 else checkpoint.with_stem(f"{checkpoint.stem}-seed{seed}")


def _problem_of(entry: catalogue.Model, settings: FitSettings) -> type[Problem]:
    """Which route a model is trained by."""
    if entry.inputs == "symmetry functions":
        if settings.loss_weights is None or settings.by_adam:
            raise ValueError(f"{entry.name} is trained by second-order steps with loss weights")
        return OnFingerprints
    if settings.loss_weights is None:
        return Direct
    if entry.output != "energy":
        raise ValueError(f"{entry.name} gives forces, which loss weights of E and F do not fit")
    return Gradient


def behler_parts(
    train: Dataset, test: Dataset | None, settings: FitSettings
) -> tuple[np.ndarray, ...]:
    """Behler's features of training and test part: the same for all seeds and widths."""
    functions = catalogue.function_set(train, settings.options.get("functions", "default"))
    forces = settings.loss_weights[1] > 0.0
    parts = (train,) if test is None else (train, test)
    return tuple(behler_features(part, functions, forces) for part in parts)


def _prepared(train, test, settings, entry, report, features) -> tuple[Parts, dict]:
    """The data with all that is derived from the training part, and the builder's options."""
    if settings.copies > 1 and entry.output != "force":
        raise ValueError("turned copies are for forces alone")
    options, preprocessing = dict(settings.options), None
    statistics = Statistics.of(train)
    if "preprocessing" in options or (entry.forms and entry.output == "energy"):
        preprocessing = options.get("preprocessing", "standardised")
        if isinstance(preprocessing, str):
            preprocessing = Preprocessing.named(preprocessing, train, statistics)
        options["preprocessing"] = preprocessing
    if _problem_of(entry, settings) is OnFingerprints and features is None:
        report(0.0, "fingerprints")
        features = behler_parts(train, test, settings)
    parts = Parts(
        train,
        test,
        statistics,
        settings.loss_weights,
        preprocessing,
        settings.copies,
        features or (),
    )
    return parts, options


def _build(entry, parts: Parts, settings: FitSettings, options: dict, seed: int) -> keras.Model:
    """The model with its first weights."""
    activation, values = settings.activation, None
    if parts.features:
        values = parts.features[0]
        if parts.weights[1] > 0.0:
            values = values[..., 0]
    elif parts.weights and activation is None:
        activation = catalogue.SMOOTH_ACTIVATION
    return catalogue.build(
        entry.name,
        parts.train if parts.features else parts.statistics,
        settings.widths,
        activation,
        options,
        seed,
        settings.dtype or ("float32" if settings.by_adam else "float64"),
        values,
    )


def _info(problem: Problem) -> dict:
    parts = problem.parts
    if isinstance(problem, OnFingerprints):
        return {}
    info = {"statistics": asdict(parts.statistics)}
    if parts.preprocessing and isinstance(problem, Direct):
        info["preprocessing"] = asdict(parts.preprocessing)
    return info


def _adam(problems, settings, seeds, checkpoint, report) -> list[Fitted | Diverged]:
    """All seeds side by side."""
    first, epochs = problems[0], settings.training.epochs
    # Absent seeds are stood in for: bits depend on the number of lanes.
    fill = max(0, settings.lanes - len(problems))
    lanes = [*range(len(problems)), *[0] * fill]
    objective, inputs = first.objective()
    loop = EpochLoop(objective, inputs, settings.training, first.test_data())
    thetas = [flat_weights(problems[lane].trained) for lane in lanes]
    state = TrainingState.start(thetas, len(first.outputs))
    kept = checkpoint.load() if checkpoint else None
    if kept:
        state = TrainingState(**{name: kept[name][()] for name in vars(state)})

    def on_epoch(state: TrainingState) -> None:
        if checkpoint and state.epoch < epochs and checkpoint.due():
            checkpoint.save(**vars(state))
        try:
            report(state.epoch / epochs, f"epoch {state.epoch}/{epochs}")
        except BaseException:
            if checkpoint:
                checkpoint.save(**vars(state))
            raise

    report(0.0, "compiling")
    state = train_epochs(loop, state, [seeds[lane] for lane in lanes], on_epoch)
    return [
        _of_lane(problem, state, lane, seed, len(problems))
        for lane, (problem, seed) in enumerate(zip(problems, seeds, strict=True))
    ]


def _of_lane(problem: Problem, state: TrainingState, lane: int, seed: int, of: int):
    """One lane's result, or Diverged."""
    losses = state.losses[:, lane]
    if not (np.isfinite(losses).all() and np.isfinite(state.theta[lane]).all()):
        bad = int(np.argmax(~np.isfinite(losses))) + 1
        return Diverged(f"seed {seed}: the loss is not finite in epoch {bad}")
    set_flat_weights(problem.trained, state.theta[lane])
    return Fitted(
        seed,
        problem.model,
        problem.predictions(),
        {
            "losses": losses,
            "curve_epochs": state.curve_epochs,
            **{f"curve_{n}": state.curve[:, lane, k] for k, n in enumerate(problem.outputs)},
        },
        {"parameters": problem.model.count_params(), "epochs": len(losses)},
        {"train": state.seconds / of, "compile": state.compile_seconds / of},
        "all epochs done",
        _info(problem),
    )


@dataclass
class _Progress:
    """Where second-order training is: stage, and errors measured so far."""

    stage: int
    curve_seconds: np.ndarray
    curve: np.ndarray  # (points, outputs, training and test part)


def _second_order(problem, settings, seed, checkpoint, report) -> Fitted | Diverged:
    """One seed, in the stages of the settings."""
    trained, stages = problem.trained, settings.training.stages
    problem.start(seed, settings.training.sharpness)
    total = sum(n for _, n in stages)
    state = QuasiNewtonState.start(flat_weights(trained))
    progress = _Progress(0, np.zeros(0), np.zeros((0, len(problem.outputs), 2)))
    kept = checkpoint.load() if checkpoint else None
    if kept:
        state = QuasiNewtonState(**{f.name: kept[f.name][()] for f in fields(state)})
        progress = _Progress(**{f.name: kept[f.name][()] for f in fields(progress)})
    compile_seconds = 0.0

    def keep(state: QuasiNewtonState) -> None:
        if checkpoint:
            checkpoint.save(**vars(state), **vars(progress))

    def tell(state: QuasiNewtonState, unmeasured: int = -1) -> None:
        # Where errors are measured, that comes first: what is kept must not lack them.
        if state.iterations == unmeasured:
            return
        try:
            report(state.iterations / total, f"iteration {state.iterations}/{total}")
        except BaseException:
            keep(state)
            raise

    while progress.stage < len(stages):
        stride = stages[progress.stage][0]
        end = sum(n for _, n in stages[: progress.stage + 1])
        report(state.iterations / total, "compiling")
        begin = process_time()
        batch = FullBatch(*problem.objective(stride))
        batch(state.x)
        compile_seconds += process_time() - begin
        while state.iterations < end and not state.stuck:
            upto = min(end, (state.iterations // SEGMENT + 1) * SEGMENT)
            state = minimise(batch, state, upto, partial(tell, unmeasured=upto))
            if not np.isfinite(state.loss):
                return Diverged(f"seed {seed}: the loss is not finite")
            set_flat_weights(trained, state.x)
            progress.curve_seconds = np.append(progress.curve_seconds, state.seconds)
            progress.curve = np.concatenate([progress.curve, problem.errors()[None]])
            if checkpoint and checkpoint.due():
                keep(state)
            tell(state)
        progress.stage += 1
        # Another sum of squares: the direction is of the old one, the curvature much the same.
        state = replace(state, direction=np.zeros(0), stuck=False)
    set_flat_weights(trained, state.x)
    problem.finish()
    # A weight of 0 leaves an output open, and its errors along the way mean nothing.
    curves = {
        f"curve_{name}": progress.curve[:, k]
        for k, name in enumerate(problem.outputs)
        if name != "energy" or problem.parts.weights is None or problem.parts.weights[0]
    }
    return Fitted(
        seed,
        problem.model,
        problem.predictions(),
        {"curve_seconds": progress.curve_seconds, **curves},
        {
            "parameters": trained.count_params(),
            "iterations": state.iterations,
            "evaluations": state.evaluations,
        },
        {"train": state.seconds, "compile": compile_seconds},
        "all iterations done" if state.iterations == total else "no way down",
        _info(problem),
    )
