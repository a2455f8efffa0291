"""The three kinds of training problems, each with objective, predictions and errors of a model.

* :class:`Direct`: the model's own output, energies or forces, is trained on the data.
* :class:`Gradient`: an energy model's energies and negative gradient are trained on energies and
  forces.
* :class:`OnFingerprints`: Behler's model is trained on precomputed fingerprints. These have no
  weights, so the trained function is the same as that of the whole model.

:mod:`keras_models.fit` passes the objective to an optimiser and asks the problem for predictions.
"""

from dataclasses import dataclass

import numpy as np

from data_gen.dataset import Dataset, Statistics
from keras_models.backend import keras, tf
from keras_models.behler import (
    SlopeIntercept,
    fingerprint_objective,
    network,
    network_energies,
    network_energies_and_forces,
)
from keras_models.building import coarse_step
from keras_models.catalogue import Model
from keras_models.features import Preprocessing
from keras_models.gradient import gradient_objective
from keras_models.initialise import pair_features, spread_over_scales
from keras_models.objective import Objective, direct_objective
from keras_models.prediction import EnergyForcePredictor, predict
from keras_models.rotations import turned_copies
from keras_models.symmetry_functions import (
    SymmetryFunctions,
    fingerprints,
    fingerprints_and_gradients,
)

Predictions = dict[str, tuple[np.ndarray, ...]]


def refuse_unseen(entry: Model, train: Dataset, dtype: str) -> None:
    """Raise ValueError for data of which a model would not see what distinguishes them.

    Args:
        entry: the model.
        train: training part.
        dtype: of weights and arithmetic.
    """
    if not entry.periodic:
        other = "train a model that does, such as linear_eq4"
        if len(set(train.numbers.tolist())) > 1:
            raise ValueError(f"{entry.name} does not see which atom is of which element: {other}")
        if np.any(train.pbc):
            raise ValueError(f"{entry.name} does not see periodic images: {other}")
    step = coarse_step(np.abs(train.energies).max(), dtype)
    if entry.output == "energy" and step is not None:
        raise ValueError(
            f"float32 has steps of {step:.2g} eV at energies as large as these: use float64, or a "
            "model on edge lists, whose reference energies are subtracted in float64"
        )


@dataclass(frozen=True)
class Parts:
    """Data of a fit: training and test part, and quantities derived from the training part.

    Attributes:
        train, test: the two parts; ``test`` may be None, and does not influence the training.
        statistics: of the training part.
        weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2); None for the squared error
            of the standardised target.
        preprocessing: as in appendix B; here for the scale of E.
        copies: how many times the training part is used, see
            :func:`keras_models.rotations.turned_copies`.
        features: fingerprints of training and test part, for :class:`OnFingerprints`.
    """

    train: Dataset
    test: Dataset | None
    statistics: Statistics
    weights: tuple[float, float] | None = None
    preprocessing: Preprocessing | None = None
    copies: int = 1
    features: tuple[np.ndarray, ...] = ()

    @property
    def both(self) -> tuple[Dataset, ...]:
        """Training part and, if there is one, test part."""
        return (self.train,) if self.test is None else (self.train, self.test)


class Problem:
    """Base class of the training problems.

    Attributes:
        outputs: trained quantities, "energy" and "force", in the order of the objective's outputs.
        model: the complete model.
        trained: contains the weights to train: the model, or a submodel with the same weights.
    """

    outputs: tuple[str, ...] = ("energy",)

    def __init__(self, entry: Model, model: keras.Model, parts: Parts) -> None:
        self.entry, self.model, self.trained, self.parts = entry, model, model, parts

    def objective(self, stride: int = 1) -> tuple[Objective, np.ndarray]:
        """The objective on every stride-th training frame, and its inputs."""
        raise NotImplementedError

    def test_data(self) -> tuple[np.ndarray, tuple[np.ndarray, ...]] | None:
        """Inputs and targets of the test part in the objective's form; None without a test part."""
        raise NotImplementedError

    def predictions(self) -> Predictions:
        """Predictions of all quantities for each part, with the current weights."""
        raise NotImplementedError

    def along_the_way(self) -> Predictions:
        """Predictions of at least the trained quantities, which may be cheaper than all."""
        return self.predictions()

    def errors(self) -> np.ndarray:
        """RMSE of each trained output on training and test part: (outputs, 2)."""
        found = np.full((len(self.outputs), 2), np.nan)
        predicted = self.along_the_way()
        for n, name in enumerate(self.outputs):
            for k, part in enumerate(self.parts.both):
                off = predicted[name][k] - {"energy": part.energies, "force": part.forces}[name]
                found[n, k] = np.sqrt(np.mean(off**2))
        return found

    def start(self, seed: int, sharpness: tuple[float, float]) -> None:
        """Initialise MLPs of one variable for second-order training, spread over many scales."""
        for prefix in self.entry.pair_mlps:
            c = pair_features(self.parts.train.positions, self.parts.statistics)
            spread_over_scales(self.model, prefix, c, seed, sharpness)

    def finish(self) -> None:
        """Complete the model after the last training step; by default there is nothing to do."""


class Direct(Problem):
    """Training of the model's own output on the data, with standardised errors."""

    def __init__(self, entry: Model, model: keras.Model, parts: Parts) -> None:
        super().__init__(entry, model, parts)
        self.outputs = (entry.output,)

    def _targets(self, part: Dataset) -> np.ndarray:
        return part.forces if self.entry.output == "force" else part.energies[:, None]

    def objective(self, stride: int = 1) -> tuple[Objective, np.ndarray]:
        parts = self.parts
        train = parts.train if stride == 1 else parts.train[::stride]
        positions, targets = train.positions, self._targets(train)
        if self.entry.output == "force":
            scale = parts.statistics.force_rms
            positions, targets = turned_copies(positions, targets, parts.copies)
        else:
            p = parts.preprocessing
            scale = p.energy_scale if p else parts.statistics.energy_std
        return direct_objective(self.model, targets, scale), positions

    def test_data(self):
        test = self.parts.test
        return None if test is None else (test.positions, (self._targets(test),))

    def predictions(self) -> Predictions:
        found = [predict(self.model, part.positions) for part in self.parts.both]
        if self.entry.output == "energy":
            found = [energies[:, 0] for energies in found]
        return {self.entry.output: tuple(found)}


class Gradient(Problem):
    """Training of an energy model and its negative gradient on energies and forces."""

    outputs = ("energy", "force")

    def __init__(self, entry: Model, model: keras.Model, parts: Parts) -> None:
        super().__init__(entry, model, parts)
        self._predictor = EnergyForcePredictor(model)

    def objective(self, stride: int = 1) -> tuple[Objective, np.ndarray]:
        part = self.parts.train[::stride]
        weights = self.parts.weights
        return gradient_objective(self.model, part.energies, part.forces, *weights), part.positions

    def test_data(self):
        test = self.parts.test
        return None if test is None else (test.positions, (test.energies, test.forces))

    def predictions(self) -> Predictions:
        found = [self._predictor(part.positions) for part in self.parts.both]
        return dict(zip(self.outputs, zip(*found, strict=True), strict=True))

    def finish(self) -> None:
        """If only forces were trained, set the energy's constant by the mean training energy."""
        if self.parts.weights[0]:
            return
        bias, train = self.model.trainable_variables[-1], self.parts.train
        before = predict(self.model, train.positions)[:, 0]
        bias.assign_add([1.0])
        slope = (predict(self.model, train.positions)[:, 0] - before).mean()
        bias.assign_add([(train.energies - before).mean() / slope - 1.0])


class OnFingerprints(Problem):
    """Training of Behler's model on precomputed fingerprints; on forces if they have a weight."""

    def __init__(self, entry: Model, model: keras.Model, parts: Parts) -> None:
        super().__init__(entry, model, parts)
        self.with_forces = parts.weights[1] > 0.0
        self.outputs = ("energy", "force") if self.with_forces else ("energy",)
        self.trained = part = network(model)
        numbers = parts.train.numbers
        if self.with_forces:
            self._compiled = tf.function(
                lambda w, z: network_energies_and_forces(part, w, z, numbers), jit_compile=True
            )
        else:
            self._compiled = tf.function(
                lambda w, z: (network_energies(part, w, z, numbers),), jit_compile=True
            )

    def objective(self, stride: int = 1) -> tuple[Objective, np.ndarray]:
        train = self.parts.train
        objective = fingerprint_objective(
            self.trained,
            train.numbers,
            train.energies[::stride],
            train.forces[::stride] if self.with_forces else None,
            *self.parts.weights,
        )
        return objective, self.parts.features[0][::stride]

    def test_data(self):
        test = self.parts.test
        if test is None:
            return None
        targets = (test.energies, test.forces) if self.with_forces else (test.energies,)
        return self.parts.features[1], targets

    def along_the_way(self) -> Predictions:
        w = [tf.convert_to_tensor(v) for v in self.trained.trainable_variables]
        found = []
        for z in self.parts.features:
            chunks = [self._compiled(w, tf.constant(z[k : k + 100])) for k in range(0, len(z), 100)]
            columns = zip(*chunks, strict=True)
            found.append([np.concatenate([c.numpy() for c in column]) for column in columns])
        return dict(zip(self.outputs, zip(*found, strict=True), strict=True))

    def predictions(self) -> Predictions:
        if self.with_forces:
            return self.along_the_way()
        return behler_predictions(self.model, self.parts.both)

    def finish(self) -> None:
        """If only forces were trained, shift the energies of atoms to the mean training energy."""
        if self.parts.weights[0]:
            return
        off = (self.parts.train.energies - self.along_the_way()["energy"][0]).mean()
        for layer in self.trained.layers:
            if isinstance(layer, SlopeIntercept):
                layer.intercept.assign_add([off / len(self.parts.train.numbers)])


def behler_predictions(model: keras.Model, parts: tuple[Dataset, ...]) -> Predictions:
    """Predict energies and forces of each part with the complete Behler model."""
    predictor = EnergyForcePredictor(model, chunk=20)
    found = [predictor.of(part.structures()) for part in parts]
    return {
        "energy": tuple(energies for energies, _ in found),
        "force": tuple(np.stack(forces) for _, forces in found),
    }


def behler_features(data: Dataset, functions: list[dict], forces: bool) -> np.ndarray:
    """Compute the inputs on which Behler's network is trained.

    Args:
        data: the frames.
        functions: symmetry functions.
        forces: whether derivatives for forces are needed.

    Returns:
        Fingerprints (n, N, G), or with their derivatives (n, N, G, 1 + 3 N): see
        :mod:`keras_models.symmetry_functions`.
    """
    layer = SymmetryFunctions(functions, dtype="float64")
    function = fingerprints_and_gradients if forces else fingerprints
    return function(layer, data.structures())
