"""Training of a model on edge lists: frames of any sizes, compositions and cells.

>>> settings = EdgeFitSettings("linear_eq4", EdgeSettings(steps=10_000))
>>> fitted = fit_edges(train, settings, seed=0, checkpoint=Path("unfinished.npz"))
>>> fitted.save("gold.keras")

As :mod:`keras_models.fit`, independent of experiments and of where results are stored.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
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
from keras_models.fine_tuning import Pretrained
from keras_models.optimise.edge_adam import OUTPUTS, EdgeLoop, EdgeState, train_steps
from keras_models.optimise.last_layer import solve_last_layer
from keras_models.prediction import StructurePredictor
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
        dtype: of weights and arithmetic.
    """

    model: str
    training: EdgeSettings
    widths: tuple | None = None
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"


@dataclass
class EdgeFitted:
    """A trained model, with its reference energies and a record of its training.

    Attributes:
        seed: of the initial weights and batch orders.
        model: with the average of the weights: of the last step, or of the one that was best on
            the validation block.
        references: {symbol: eV}, to be added to the model's energies for each atom.
        curves: RMSE during training, "curve_energy_per_atom" (eV) and "curve_force" (eV/Å), (C, 2)
            each, at "curve_steps": see :class:`~keras_models.optimise.edge_adam.EdgeState`.
        counts: "parameters", "steps", "chosen_step" (after which the weights were as they are),
            "frames" and "validation_frames", frames of a batch at most ("batch_frames"), "shapes"
            and "compilations".
        seconds: "train", without compilation and measurements, and "compile": processor time.
        info: "padding": shares of padding among the atoms and pairs of all batches of training;
            "isolated": elements whose references are energies of isolated atoms; "last_layer": what
            :meth:`Solution.said <keras_models.optimise.last_layer.Solution.said>`, or None.
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
    on, or else least squares, to which the model's own constants are added in the end. The
    validation block has no influence on the steps; of the averages of the weights whose errors are
    measured on it, the best is kept, and then its last layer is solved.

    Args:
        train: training part, with the validation block at its end.
        settings: what to train, and how.
        seed: of the initial weights and batch orders.
        checkpoint: file for unfinished work, written every few seconds and when stopped. It is
            resumed only with the same settings, seed and data.
        stamp: further identity that a checkpoint must match, such as a version of the code.
        report: called with (fraction done, short text); may raise an exception to stop.
        start: a trained model to begin with, instead of a new one of the settings.

    Raises:
        ValueError: the model does not take edge lists, an element is in the validation block
            alone or unknown to the model to begin with, or there are neither forces nor a weight
            of energies.
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
        isolated = {e: references[e] for e in {*isolated, *start.isolated}}
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
            settings.dtype,
        )
    report(0.0, "edge lists")
    cutoff = cutoff_of(model)
    data = EdgeData(first, cutoff, references)
    held = EdgeData(block, cutoff, references) if block else None
    size = frames_per_batch(data.counts, training.batch_size, training.batch_atoms)
    loop = EdgeLoop(model, data, held, training, size, seed, isolated)
    state, kept = EdgeState.start(flat_weights(model)), None
    if checkpoint:
        sums = [part.checksum() if part else "" for part in (data, held)]
        sums += [hashlib.sha256(state.theta).hexdigest()] if start else []
        kept = Checkpoint(checkpoint, repr((stamp, asdict(settings), seed, tuple(sums))))
        stored = kept.load()
        if stored:
            state = EdgeState(**{name: stored[name][()] for name in vars(state)})

    def on_step(state: EdgeState) -> None:
        if kept and state.step < training.steps and kept.due():
            kept.save(**state.arrays())
        try:
            report(state.step / training.steps, f"step {state.step}/{training.steps}")
        except BaseException:
            if kept:
                kept.save(**state.arrays())
            raise

    report(0.0, "compiling")
    state = train_steps(loop, state, on_step)
    chosen, last_layer = state.chosen, None
    if training.solve_last_layer:
        begin = time.process_time()
        solution = solve_last_layer(model, loop, chosen, lambda _, text: report(1.0, text))
        state = replace(state, seconds=state.seconds + time.process_time() - begin)
        chosen, last_layer = solution.weights, solution.said()
    set_flat_weights(model, chosen)
    references = {e: x + references[e] for e, x in loop.lone_energies(chosen).items()}
    return EdgeFitted(
        seed,
        model,
        references,
        {
            "curve_steps": state.curve_steps,
            **{f"curve_{name}": state.curve[:, k] for k, name in enumerate(OUTPUTS)},
        },
        {
            "parameters": model.count_params(),
            "steps": int(state.step),
            "chosen_step": int(state.best_step) or int(state.step),
            "frames": len(first),
            "validation_frames": len(held) if held else 0,
            "batch_frames": loop.batch_size,
            "shapes": len(loop.shapes),
            "compilations": loop.compilations,
        },
        {"train": state.seconds, "compile": state.compile_seconds},
        {"padding": loop.padding, "isolated": sorted(isolated), "last_layer": last_layer},
    )
