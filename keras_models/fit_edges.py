"""Training of a model on edge lists: frames of any sizes, compositions and cells.

>>> settings = EdgeFitSettings("linear_eq4", EdgeSettings(steps=10_000))
>>> fitted = fit_edges(train, settings, seed=0, checkpoint=Path("unfinished.npz"))
>>> fitted.save("gold.keras")

As :mod:`keras_models.fit`, independent of experiments and of where results are stored.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.frames import Frames, isolated_atoms
from keras_models import catalogue
from keras_models.backend import keras
from keras_models.batch import cutoff_of
from keras_models.building import flat_weights, set_flat_weights
from keras_models.checkpoints import Checkpoint
from keras_models.edge_data import EdgeData, frames_per_batch
from keras_models.extrapolation import keep_totals
from keras_models.fine_tuning import Pretrained, have_place
from keras_models.optimise.edge_adam import OUTPUTS, EdgeLoop, EdgeState, train_steps
from keras_models.optimise.edge_newton import NewtonState, check_size, train_second_order
from keras_models.optimise.last_layer import plain, solve_last_layer, unsolved
from keras_models.prediction import StructurePredictor, energies_of_structures
from keras_models.reference import reference_energies
from keras_models.saving import save_model
from keras_models.settings import EdgeSettings

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class EdgeFitSettings:
    """What to train, and how.

    Attributes:
        model: name in :data:`keras_models.catalogue.MODELS`, of a model on edge lists.
        training: settings of the training.
        widths, activation: None for the model's default.
        options: other arguments of the builder, see :func:`keras_models.catalogue.build`.
        dtype: of weights and arithmetic; None for float32, or float64 with second-order stages,
            which need it.
    """

    model: str
    training: EdgeSettings
    widths: tuple | None = None
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str | None = None

    def __post_init__(self) -> None:
        if self.training.stages and self.dtype_used != "float64":
            raise ValueError(f"second-order stages need float64, not {self.dtype}")

    @property
    def dtype_used(self) -> str:
        """The dtype, or what it is by default."""
        return self.dtype or ("float64" if self.training.stages else "float32")


@dataclass
class EdgeFitted:
    """A trained model, with its reference energies and a record of its training.

    Attributes:
        seed: of the initial weights and batch orders.
        model: with the average of the weights: of the last step, or of the one that was best on
            the validation block.
        references: {symbol: eV}, to be added to the model's energies for each atom.
        curves: RMSE during training, "curve_energy_per_atom" (eV) and "curve_force" (eV/Å), (C, 2)
            each, at "curve_steps": see :class:`~keras_models.optimise.edge_adam.EdgeState`. Those
            of second-order iterations, counted on from Adam's steps, are of the validation block
            alone.
        counts: "parameters", "steps" of Adam, "iterations" and "evaluations" of second order,
            "chosen_step" (after which the weights were as they are, counted as for the curves),
            "frames" and "validation_frames", frames of a batch at most ("batch_frames"), "shapes"
            and "compilations", of steps and of errors; the last layer and each stage of second
            order are one more each.
        seconds: "train", without compilation and measurements, and "compile": processor time.
        info: "padding": shares of padding among the atoms and rows of all batches of training,
            without the slots of a row that an atom's neighbours leave empty;
            "isolated": elements whose references are energies of isolated atoms; "last_layer": what
            :meth:`Solution.said <keras_models.optimise.last_layer.Solution.said>`, or None;
            "start": RMSE of E per atom (eV) and F (eV/Å) of the model to begin with on the
            validation block, with its repulsion as it is in training, or None.
    """

    seed: int
    model: keras.Model
    references: dict[str, float]
    curves: dict[str, np.ndarray]
    counts: dict[str, int]
    seconds: dict[str, float]
    info: dict[str, Any] = field(default_factory=dict)

    def predictor(self, chunk: int = 32) -> StructurePredictor:
        """Predictor of energies with references, forces and virials."""
        return StructurePredictor(self.model, self.references, chunk)

    def save(self, path: Path, **about) -> None:
        """Save the model with its references: see :func:`keras_models.saving.save_model`."""
        # What training that begins with it has to know.
        about = {"isolated": self.info.get("isolated", []), **about}
        save_model(self.model, path, list(self.references), self.references, **about)


def divided(train: Frames, share: float) -> tuple[Frames, Frames | None]:
    """Divide a training part into frames to train on and the validation block, its last frames.

    Args:
        train: the training part.
        share: of the validation block, rounded down to whole frames.

    Returns:
        Frames to train on, and the block, or None if it has no frame.

    Raises:
        ValueError: an element is in the block alone.
    """
    held = int(share * len(train))
    if not held:
        return train, None
    first, block = train[: len(train) - held], train[len(train) - held :]
    alone = set(block.elements) - set(first.elements)
    if alone:
        raise ValueError(
            f"only the validation block (the last {held} frames) has {', '.join(sorted(alone))}: "
            "give the frames in another order"
        )
    return first, block


def fit_edges(
    train: Frames,
    settings: EdgeFitSettings,
    seed: int = 0,
    checkpoint: Path | None = None,
    stamp: str = "",
    report: Report | None = None,
    start: Pretrained | None = None,
) -> EdgeFitted:
    """Train a model on energies and, as far as they are known, forces.

    Reference energies are subtracted in float64: those of isolated atoms among the frames trained
    on, or else least squares, to which the model's own constants are added in the end; with an
    energy weight of 0 they are then fitted again, to what the model leaves. The validation block
    has no influence on the steps; of the weights whose errors are measured on it, the best are
    kept, and then their last layer is solved. Those of a model to begin with are kept where they,
    their last layer solved as well, are better. It keeps its reference energies, so isolated atoms
    of elements for which it has none are left out of the part trained on; and it learns how close
    atoms come there, see :meth:`Pretrained.come_closer
    <keras_models.fine_tuning.Pretrained.come_closer>`.

    Args:
        train: training part, with the validation block at its end.
        settings: what to train, and how.
        seed: of the initial weights and batch orders.
        checkpoint: file for unfinished work, written every few seconds and when stopped. It is
            resumed only with the same settings, seed and data.
        stamp: further identity that a checkpoint must match, such as a version of the code.
        report: called with (fraction done, short text), of Adam's steps, then of second-order
            iterations, then of the last layer; may raise an exception to stop.
        start: a trained model to begin with, instead of a new one of the settings.

    Raises:
        ValueError: the model does not take edge lists, an element is in the validation block
            alone or unknown to the model to begin with, which has a place for none of the frames,
            or there are neither forces nor a weight of energies.
        TooManyWeights: the model is too large for the second-order stages.
        Diverged: the loss is not finite.
    """
    report = report or (lambda fraction, text: None)
    if catalogue.find(settings.model).inputs != "edges":
        raise ValueError(f"{settings.model} does not take edge lists")
    training = settings.training
    first, block = divided(train, training.validation)
    if not training.energy_weight and not first.with_forces.any():
        raise ValueError("no frame has forces, and energies have no weight")
    isolated = isolated_atoms(first)
    report(0.0, "building")
    if start:
        model, references = start.model, start.starting_references(first, isolated)
        isolated = {e: references[e] for e in start.isolated}
        places = have_place(first, start.isolated)
        if not places.any():
            raise ValueError(
                "all frames are isolated atoms of which the model to begin with has no energy"
            )
        first = first[np.flatnonzero(places)]
        start.come_closer(first)
        start.widen(first)
    else:
        numbers = [s.numbers for s in first.structures]
        references = reference_energies(numbers, first.energies, isolated)
        model = catalogue.build(
            settings.model,
            first,
            settings.widths,
            settings.activation,
            settings.options,
            seed,
            settings.dtype_used,
        )
    if training.stages:
        check_size(model.count_params())
    report(0.0, "edge lists")
    cutoff = cutoff_of(model)
    data = EdgeData(first, cutoff, references)
    held = EdgeData(block, cutoff, references) if block else None
    size = frames_per_batch(data.counts, training.batch_size, training.batch_atoms)
    loop = EdgeLoop(model, data, held, training, size, seed, isolated)
    batches, shape = loop.whole(data)
    keep_totals(model, (data.batch(b, shape, loop.dtype)[0] for b in batches), start is None)
    state, kept, stored = EdgeState.start(flat_weights(model)), None, None
    if checkpoint:
        sums = [part.checksum() if part else "" for part in (data, held)]
        sums += [hashlib.sha256(state.theta).hexdigest()] if start else []
        kept = Checkpoint(checkpoint, repr((stamp, asdict(settings), seed, tuple(sums))))
        stored = kept.load()
        if stored:
            state = EdgeState.stored(stored)

    def on_step(state: EdgeState) -> None:
        done, text = state.step / training.steps, f"step {state.step}/{training.steps}"
        _told(report, kept, state.step < training.steps, done, text, state)

    report(0.0, "compiling")
    state = train_steps(loop, state, on_step)
    newton = NewtonState.stored(stored or {}) or NewtonState.start(state)
    if training.stages:
        total = sum(n for _, n in training.stages)

        def on_iteration(newton: NewtonState) -> None:
            done = newton.method.iterations
            _told(report, kept, True, done / total, f"iteration {done}/{total}", state, newton)

        report(0.0, "compiling for second order")
        newton = train_second_order(loop, newton, on_iteration)
    begin = time.process_time()
    finish = solve_last_layer if training.solve_last_layer else unsolved
    # A trained model's last layer may be solved already: both are when they are compared.
    found = [
        newton.best if newton.best.size else state.chosen,
        *([flat_weights(model)] * bool(start)),
    ]
    solutions = [finish(model, loop, weights, report) for weights in found]
    scores = [loop.score(one.after) for one in solutions]
    stays = bool(start) and scores[1] <= scores[0]
    chosen = solutions[stays].weights
    seconds = state.seconds + newton.method.seconds + time.process_time() - begin
    set_flat_weights(model, chosen)
    references = {e: x + references[e] for e, x in loop.lone_energies(chosen).items()}
    if not training.energy_weight:
        references = _refitted(references, model, first, isolated)
    curve = _curve(state, newton)
    return EdgeFitted(
        seed,
        model,
        references,
        {
            "curve_steps": np.append(state.curve_steps, state.step + newton.curve_iterations),
            **{f"curve_{name}": curve[:, k] for k, name in enumerate(OUTPUTS)},
        },
        {
            "parameters": model.count_params(),
            "steps": int(state.step),
            "iterations": int(newton.method.iterations),
            "evaluations": int(newton.method.evaluations),
            "chosen_step": 0
            if stays
            else int(state.step + newton.best_iteration)
            if newton.best.size
            else int(state.best_step) or int(state.step),
            "frames": len(first),
            "validation_frames": len(held) if held else 0,
            "batch_frames": loop.batch_size,
            "shapes": len(loop.shapes),
            "compilations": loop.compilations,
        },
        {"train": seconds, "compile": state.compile_seconds + newton.compile_seconds},
        {
            "padding": loop.padding,
            "isolated": sorted(isolated),
            "last_layer": solutions[stays].said() if training.solve_last_layer else None,
            "start": plain(solutions[1].before) if start else None,
        },
    )


def _refitted(references, model, frames: Frames, isolated) -> dict[str, float]:
    """References of elements without an isolated atom, shifted by least squares to the energies."""
    off = frames.energies - energies_of_structures(model, frames.structures, references)
    numbers = [s.numbers for s in frames.structures]
    shifts = reference_energies(numbers, off, dict.fromkeys(isolated, 0.0))
    return {e: x + shifts.get(e, 0.0) for e, x in references.items()}


def _told(report, kept: Checkpoint | None, keep: bool, done: float, text: str, *states) -> None:
    """Report progress; store the states from time to time, and if the report stops all."""

    def save() -> None:
        if kept:
            kept.save(**{name: x for state in states for name, x in state.arrays().items()})

    if kept and keep and kept.due():
        save()
    try:
        report(done, text)
    except BaseException:
        save()
        raise


def _curve(state: EdgeState, newton: NewtonState) -> np.ndarray:
    """Errors (C, 2, 2) of Adam, then those (C', 2) of second order, without a training part's."""
    later = np.full((len(newton.curve), 2, 2), np.nan)
    later[:, :, 1] = newton.curve
    return np.concatenate([state.curve, later])
