"""Evaluation of trained models on labelled frames: arrays, and errors from them.

Shapes: n frames, N atoms of a frame, M models of an ensemble.
"""

import contextlib
import copy
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from data_gen.formats import FileOfFrames
from data_gen.frames import Frames, is_isolated
from data_gen.reading import Opened
from fitting.errors import FittingError
from fitting.keys import Keys, keys_of, labelled_alike, states_of_models, there
from fitting.metrics import UNITS, Errors, errors, of_frames
from fitting.predicting import CHUNK, InFewShapes
from fitting.show import KNOWN
from keras_models.backend import keras
from keras_models.compositions import is_open
from keras_models.edges import takes_edges
from keras_models.opening import listed, open_ensemble
from keras_models.prediction import EnergyForcePredictor
from keras_models.reference import reference_energies, sums_of_references
from keras_models.saving import read_about

# Names of energies that a calculator has.
OF_CALCULATORS = ("energy", "free_energy")


@dataclass(frozen=True)
class Evaluation:
    """What models say about labelled frames; of several models, the mean.

    Attributes:
        frames: with the true values.
        energies_of_models: (M, n), eV.
        forces_of_models: M lists of n arrays (N, 3), eV/Å.
        references: {symbol: eV}, energies from the composition alone, the baseline of E.
        part: what part of the data the frames are, as in :class:`~fitting.metrics.Errors`.
        labels: {kind: label of each frame}, such as "config_type".
        names: of the models.
        is_of_training: whether the references are of the training, and not of these frames.
        undetermined: constants that the training left open, see :mod:`keras_models.compositions`.
        isolated: elements whose energies of isolated atoms the models have.
    """

    frames: Frames
    energies_of_models: np.ndarray
    forces_of_models: Sequence[Sequence[np.ndarray]]
    references: Mapping[str, float]
    part: str = "all"
    labels: Mapping[str, Sequence[str]] | None = None
    names: Sequence[str] = ()
    is_of_training: bool = True
    undetermined: Sequence[Mapping[str, float]] = ()
    isolated: Collection[str] = ()

    @cached_property
    def energies(self) -> np.ndarray:
        """Predicted energies (n,), eV."""
        return self.energies_of_models.mean(axis=0)

    @cached_property
    def forces(self) -> list[np.ndarray]:
        """Predicted forces (N, 3) of each frame, eV/Å."""
        return [np.mean(f, axis=0) for f in zip(*self.forces_of_models, strict=True)]

    @cached_property
    def energies_std(self) -> np.ndarray | None:
        """Standard deviation over the models (M - 1) of the energies (n,), eV; None for one."""
        if len(self.energies_of_models) < 2:
            return None
        return self.energies_of_models.std(axis=0, ddof=1)

    @cached_property
    def forces_std(self) -> list[np.ndarray] | None:
        """Standard deviation over the models of forces (N, 3) of each frame; None for one."""
        if len(self.forces_of_models) < 2:
            return None
        return [np.std(f, axis=0, ddof=1) for f in zip(*self.forces_of_models, strict=True)]

    @cached_property
    def baseline(self) -> np.ndarray:
        """Energies from the composition alone (n,), eV."""
        return sums_of_references([s.numbers for s in self.frames.structures], self.references)

    @cached_property
    def metrics(self) -> list[Errors]:
        """Errors on all frames, by element, size and label: see :mod:`fitting.metrics`."""
        return self._errors(self.energies, self.forces)

    @cached_property
    def metrics_of_models(self) -> list[list[Errors]]:
        """Errors of each model on all frames."""
        own = zip(self.energies_of_models, self.forces_of_models, strict=True)
        found = (errors(self.part, self.frames, *one, self.baseline) for one in own)
        return [[e for e in of_model if e.group == "all"] for of_model in found]

    def _errors(self, energies, forces) -> list[Errors]:
        return errors(self.part, self.frames, energies, forces, self.baseline, self.labels)

    def part_of(self, chosen: np.ndarray, part: str) -> "Evaluation":
        """The evaluation of some of the frames, (n,) bool, as a part of that name."""
        which = np.flatnonzero(chosen)
        labels = self.labels or {}
        return replace(
            self,
            frames=self.frames[which],
            energies_of_models=self.energies_of_models[:, which],
            forces_of_models=[[of_model[k] for k in which] for of_model in self.forces_of_models],
            labels={kind: [given[k] for k in which] for kind, given in labels.items()},
            part=part,
        )

    def apart(self, known: np.ndarray | None, name: str) -> list["Evaluation"]:
        """Frames that were trained on as a part of their own, which comes before the new ones.

        Args:
            known: (n,) bool, see :func:`fitting.known.trained_on`; None if that is not known.
            name: of the part of the new ones.

        Returns:
            This evaluation alone if none or all are known.
        """
        if known is None or not known.any() or known.all():
            return [self]
        return [self.part_of(known, KNOWN), self.part_of(~known, name)]

    @cached_property
    def is_open(self) -> np.ndarray:
        """Whether the training left the energy of each frame open by a constant, (n,) bool."""
        structures = self.frames.structures
        return np.array([is_open(s, self.undetermined, self.isolated) for s in structures], bool)

    def error(self, quantity: str) -> Errors | None:
        """The errors on all frames of a quantity, a key of :data:`~fitting.metrics.UNITS`.

        Returns:
            None for forces if no frame has them.

        Raises:
            FittingError: there is no such quantity.
        """
        if quantity not in UNITS:
            raise FittingError(f"there are no errors of {quantity!r}: take {' or '.join(UNITS)}")
        found = [e for e in self.metrics if e.group == "all" and e.quantity == quantity]
        return found[0] if found else None

    def worst(self, count: int) -> np.ndarray:
        """Indices of the frames whose energy or forces are most off, relative to the RMSE of all.

        The measure is the larger of |dE| / RMSE(dE) and RMS(dF) / RMSE(dF); the worst is first,
        before it frames for which there is no number.
        """
        off, rms = (np.abs(x) for x in of_frames(self.frames, self.energies, self.forces))
        scaled = [x / max(np.sqrt(np.nanmean(x**2)), 1e-300) for x in (off, rms) if (x == x).any()]
        measure = np.nanmax([*scaled, np.full(len(off), -1.0)], axis=0)
        measure[~np.isfinite(self.energies)] = np.inf
        return np.argsort(-measure, kind="stable")[:count]


class Potential:
    """One or several trained models, which predict energies and forces of frames in batches.

    Args:
        models: what :func:`keras_models.opening.open_ensemble` takes: a model, the path of a saved
            one, a folder of them such as that of a training, or a sequence of these.

    Attributes:
        parts: the models, or their files.
        ensemble: the models, and what they were trained for.
        names: of the models.
        baseline: {symbol: eV}, energies from the composition alone, of the training part of the
            first model; None if it does not say.
        undetermined: constants that the training left open, see :mod:`keras_models.compositions`.
        isolated: elements whose energies of isolated atoms the models have.

    Raises:
        FittingError: there is no model, they do not belong together, or have no energies.
    """

    def __init__(self, models) -> None:
        try:
            self.parts = parts = listed(models)
            self.ensemble = open_ensemble(parts)
        except ValueError as error:
            raise FittingError(str(error)) from None
        self.names = [
            f"model {k}" if isinstance(one, keras.Model) else Path(one).stem
            for k, one in enumerate(parts)
        ]
        self.undetermined: Sequence[Mapping[str, float]] = self.ensemble.undetermined
        self.isolated: Collection[str] = self.ensemble.isolated
        first = {} if isinstance(parts[0], keras.Model) else read_about(parts[0])
        self.baseline: Mapping[str, float] | None = first.get("baseline")
        models = self.ensemble.models
        for model in models:
            if model.output_shape[-1] != 1:
                raise FittingError(f"{model.name} predicts forces without an energy: give another")
        if takes_edges(models[0]):
            self._predict = InFewShapes(models, self.ensemble.references)
        else:
            predictors = [EnergyForcePredictor(model, CHUNK).of for model in models]
            self._predict = lambda structures: [predict(structures) for predict in predictors]

    def __len__(self) -> int:
        return len(self.names)

    def __call__(self, frames: Frames) -> tuple[np.ndarray, list[list[np.ndarray]]]:
        """Energies (M, n) eV, and for each model forces (N, 3) eV/Å of each frame.

        Raises:
            FittingError: the models do not know an element, a number of atoms or periodic images.
        """
        known, atoms = self.ensemble.elements, self.ensemble.atoms
        unknown = set(frames.elements) - known
        if unknown:
            raise FittingError(
                f"the model knows {', '.join(sorted(known))} and not {', '.join(sorted(unknown))}: "
                "leave out frames with other elements, or train on these"
            )
        if atoms is not None and (frames.sizes != atoms).any():
            other = frames.sizes[frames.sizes != atoms][0]
            raise FittingError(
                f"the model is bound to {atoms} atoms, and there are frames of {other}: leave them "
                "out, or train a model that takes any number"
            )
        if atoms is not None and any(np.any(s.pbc) for s in frames.structures):
            raise FittingError(
                "the model knows no periodic images: leave the periodic frames out, or train a "
                "model that takes them"
            )
        try:
            found = self._predict(frames.structures)
        except ValueError as error:
            raise FittingError(str(error)) from None
        return np.array([e for e, _ in found]), [f for _, f in found]


def evaluate(
    model,
    frames: Frames | Atoms | Sequence[Atoms],
    references: Mapping[str, float] | None = None,
    part: str = "all",
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Predict energies and forces of labelled frames, and compare.

    Args:
        model: a :class:`Potential` or what it takes, such as the folder of a training.
        frames: with energies, and forces as far as they are known: of ASE, those of the names that
            the model was trained on, or, if none has these, of their calculators.
        references: {symbol: eV} of the baseline of E; by default of the model's training, or if
            that is not known or lacks an element, least squares on the frames themselves.
        part, labels: see :class:`Evaluation`.

    Returns:
        Predicted energies and forces, and their errors.

    Raises:
        FittingError: the model does not fit the frames.
        DataError: a frame is unusable, or has no energy.
    """
    potential = model if isinstance(model, Potential) else Potential(model)
    if not isinstance(frames, Frames):
        frames = _labelled([frames] if isinstance(frames, Atoms) else list(frames), potential)
    energies, forces = potential(frames)
    references = references or potential.baseline
    known = bool(references) and not set(frames.elements) - set(references)
    if not known:
        references = baseline_of(frames)
    return Evaluation(
        frames,
        energies,
        forces,
        references,
        part,
        labels,
        potential.names,
        known,
        potential.undetermined,
        potential.isolated,
    )


def _labelled(atoms: Sequence[Atoms], potential: Potential) -> Frames:
    """Frames with the labels of the model's training, with warnings where they have others."""
    trained = keys_of(potential.parts)
    atoms = [_with_own_results(one) for one in atoms]
    opened = Opened((FileOfFrames(Path("frames"), atoms, list(range(len(atoms))), []),))
    if there(trained.energy, opened):
        reading, notes = labelled_alike(opened, Keys(), trained, states_of_models(potential.parts))
        frames, notes = reading.frames, (*reading.warnings, *notes)
    else:
        frames = Frames.from_atoms(atoms, missing_forces=True)
        notes = (
            [
                "energies and forces are those of the frames' calculators, and the model was "
                f"trained on {trained.energy}: what is different between these counts as an error"
            ]
            if trained.energy and trained.energy.lower() not in OF_CALCULATORS
            else []
        )
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return frames


def _with_own_results(atoms: Atoms) -> Atoms:
    """A copy with what its calculator says of it, as results there may be of other atoms."""
    found, results = atoms.copy(), {}
    with contextlib.suppress(RuntimeError, NotImplementedError):
        results["energy"] = atoms.get_potential_energy()
        results["forces"] = atoms.get_forces(apply_constraint=False)
    if "energy" in results:
        # With a free energy and what else there is.
        own = copy.deepcopy(getattr(atoms.calc, "results", {}))
        found.calc = SinglePointCalculator(found)
        found.calc.results = {**results, **own}
    return found


def baseline_of(frames: Frames) -> dict[str, float]:
    """Energies of elements that fit those of frames best: what the composition alone says.

    For frames of one composition these give the mean energy. Isolated atoms, which have nothing to
    be learned, do not take part unless an element occurs nowhere else.
    """
    bound = [k for k, s in enumerate(frames.structures) if not is_isolated(s)]
    if bound and set(frames[bound].elements) == set(frames.elements):
        frames = frames[bound]
    return reference_energies([s.numbers for s in frames.structures], frames.energies)
