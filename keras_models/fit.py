"""Training of a model, given its name, data and settings.

>>> settings = FitSettings("eq2", AdamSettings(epochs=200))
>>> fitted, = fit(train, test, settings, seeds=(0,))
>>> fitted.model.save("eq2.keras")

Independent of experiments and of where results are stored: the caller provides the data, and
optionally a path for checkpoints, which allow training to resume after an interruption.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
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
from keras_models.optimise.ssbroyden import QuasiNewtonState
from keras_models.optimise.stages import run_stages
from keras_models.problems import (
    Direct,
    Gradient,
    OnFingerprints,
    Parts,
    Problem,
    behler_features,
    refuse_unseen,
)
from keras_models.settings import AdamSettings, QuasiNewtonSettings

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class FitSettings:
    """What to train, and how.

    Attributes:
        model: name in :data:`keras_models.catalogue.MODELS`.
        training: settings of Adam or of second-order training.
        widths, activation: None for the model's default; for energy models whose gradient is
            trained, the default activation is :data:`keras_models.catalogue.SMOOTH_ACTIVATION`.
        options: other arguments of the builder, see :func:`keras_models.catalogue.build`.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2), if an energy model is
            trained on energies and forces; None to train the model's own output, with the squared
            error of the standardised target.
        lanes: number of seeds that Adam trains side by side. The last bits of a result depend on
            it, so the lanes of missing seeds are filled.
        copies: how many times the training part is used, unchanged and then with each frame
            rotated at random; only for models of forces.
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
        """Whether training is first-order, by Adam, rather than second-order."""
        return isinstance(self.training, AdamSettings)

    @property
    def dtype_used(self) -> str:
        """The dtype, or what it is by default."""
        return self.dtype or ("float32" if self.by_adam else "float64")


@dataclass
class Fitted:
    """A trained model, with its predictions and a record of its training.

    Attributes:
        seed: of the initial weights and batch orders.
        model: with the final weights.
        predictions: "energy" (n,) in eV and "force" (n, N, 3) in eV/Å as far as the model predicts
            them, each for the training part and, if there is one, the test part.
        curves: errors (RMSE) during training: "curve_energy", unless energies have a weight of 0,
            and "curve_force" (points, 2) for training and test part, at "curve_epochs" or
            "curve_seconds"; with Adam also "losses", one per epoch.
        counts: "parameters"; with Adam "epochs", else "iterations" and "evaluations" of loss and
            gradient.
        seconds: "train", without compilation and measurements, and "compile": processor time, the
            share of this seed.
        ended: how training ended.
        info: "statistics" and "preprocessing" that were computed from the training part.
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
    """Train a model with each seed.

    Args:
        train: training part; standardisation uses its statistics alone.
        test: test part; measured during training and predicted at the end, with no influence on
            the training.
        settings: what to train, and how.
        seeds: of the initial weights and batch orders.
        checkpoint: file for unfinished work, written every few seconds and when stopped.
        stamp: identity that a checkpoint must match to be resumed: everything that the outcome
            depends on, as text.
        report: called with (fraction done, short text); may raise an exception to stop.
        features: result of :func:`behler_parts`, if known.

    Returns:
        For each seed its result, or the exception if its training diverged.

    Raises:
        ValueError: the settings are not compatible with each other or with the model, or the model
            is blind to what distinguishes the data.
    """
    report = report or (lambda fraction, text: None)
    entry = catalogue.find(settings.model)
    refuse_unseen(entry, train, settings.dtype_used)
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
    """Path of the checkpoint of one of several seeds."""
    checkpoint = Path(checkpoint)
    return checkpoint if len(seeds) == 1 else checkpoint.with_stem(f"{checkpoint.stem}-seed{seed}")


def _problem_of(entry: catalogue.Model, settings: FitSettings) -> type[Problem]:
    """The kind of problem that a model is trained as."""
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
    """Fingerprints of training and test part for Behler's model, shared by all seeds and widths."""
    functions = catalogue.function_set(train, settings.options.get("functions", "default"))
    forces = settings.loss_weights[1] > 0.0
    parts = (train,) if test is None else (train, test)
    return tuple(behler_features(part, functions, forces) for part in parts)


def _prepared(train, test, settings, entry, report, features) -> tuple[Parts, dict]:
    """The data with everything derived from the training part, and the builder's options."""
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
    """Build the model with its initial weights."""
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
        settings.dtype_used,
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
    """Train all seeds side by side by Adam."""
    first, epochs = problems[0], settings.training.epochs
    # Fill the lanes of missing seeds: the last bits depend on the number of lanes.
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
        _of_lane(problem, state, lane, seed, len(lanes))
        for lane, (problem, seed) in enumerate(zip(problems, seeds, strict=True))
    ]


def _of_lane(problem: Problem, state: TrainingState, lane: int, seed: int, of: int):
    """Result of one of so many lanes, or Diverged."""
    losses = state.losses[:, lane]
    if not (np.isfinite(losses).all() and np.isfinite(state.theta[lane]).all()):
        bad = int(np.argmax(~np.isfinite(losses))) + 1
        return Diverged(f"seed {seed}: the loss is not finite in epoch {bad}")
    set_flat_weights(problem.trained, state.theta[lane])
    problem.finish()
    curves = _curves(problem, state.curve[:, lane])
    return Fitted(
        seed,
        problem.model,
        problem.predictions(),
        {"losses": losses, "curve_epochs": state.curve_epochs, **curves},
        {"parameters": problem.model.count_params(), "epochs": len(losses)},
        {"train": state.seconds / of, "compile": state.compile_seconds / of},
        "all epochs done",
        _info(problem),
    )


def _curves(problem: Problem, errors: np.ndarray) -> dict[str, np.ndarray]:
    """Errors (points, outputs, training and test part) during training, by output."""
    weights = problem.parts.weights
    # With an energy weight of 0 the constant of E is arbitrary until the end of the training.
    return {
        f"curve_{name}": errors[:, k]
        for k, name in enumerate(problem.outputs)
        if name != "energy" or weights is None or weights[0]
    }


@dataclass
class _Progress:
    """Progress of second-order training: its stage, and the errors measured so far."""

    stage: int
    curve_seconds: np.ndarray
    curve: np.ndarray  # (points, outputs, training and test part)


def _second_order(problem, settings, seed, checkpoint, report) -> Fitted | Diverged:
    """Train one seed by second-order steps, in the stages of the settings."""
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

    def function_of(stride: int, state: QuasiNewtonState) -> FullBatch:
        nonlocal compile_seconds
        report(state.iterations / total, "compiling")
        begin = process_time()
        batch = FullBatch(*problem.objective(stride))
        batch(state.x)
        compile_seconds += process_time() - begin
        return batch

    def keep(state: QuasiNewtonState) -> None:
        if checkpoint:
            checkpoint.save(**vars(state), **vars(progress))

    def tell(state: QuasiNewtonState, stage: int) -> None:
        progress.stage = stage
        try:
            report(state.iterations / total, f"iteration {state.iterations}/{total}")
        except BaseException:
            keep(state)
            raise

    def measure(state: QuasiNewtonState, stage: int) -> None:
        progress.stage = stage
        set_flat_weights(trained, state.x)
        progress.curve_seconds = np.append(progress.curve_seconds, state.seconds)
        progress.curve = np.concatenate([progress.curve, problem.errors()[None]])
        if checkpoint and checkpoint.due():
            keep(state)
        tell(state, stage)

    try:
        state = run_stages(stages, state, progress.stage, function_of, measure, tell)
    except Diverged as error:
        return Diverged(f"seed {seed}: {error}")
    set_flat_weights(trained, state.x)
    problem.finish()
    return Fitted(
        seed,
        problem.model,
        problem.predictions(),
        {"curve_seconds": progress.curve_seconds, **_curves(problem, progress.curve)},
        {
            "parameters": trained.count_params(),
            "iterations": state.iterations,
            "evaluations": state.evaluations,
        },
        {"train": state.seconds, "compile": compile_seconds},
        "all iterations done" if state.iterations == total else "no way down",
        _info(problem),
    )
