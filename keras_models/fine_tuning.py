"""Fine-tuning: training that begins with a trained model instead of random weights."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from data_gen.frames import Frames, Structure, is_isolated
from keras_models import load_model
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of, precision
from keras_models.edges import edge_batches, takes_edges
from keras_models.linear_eq4 import lone_energies
from keras_models.neighbours import edges
from keras_models.repulsion import HeldDistance, Repulsion
from keras_models.saving import read_about
from keras_models.standardise import Measure, Standardise


@dataclass(frozen=True)
class Pretrained:
    """A trained model on edge lists, to begin with. Training changes its weights.

    Attributes:
        model: the model; its elements, cutoff and standardisations remain as they are. What it
            knows of the frames of its training is extended: see :meth:`come_closer` and
            :meth:`widen`.
        references: {symbol: eV} of all elements that it knows, to be added to its energies.
        isolated: symbols of elements whose reference is the energy of an isolated atom, which is
            kept.

    Raises:
        ValueError: the model does not take edge lists, or an element has no reference.
    """

    model: keras.Model
    references: Mapping[str, float]
    isolated: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not takes_edges(self.model):
            raise ValueError(f"{self.model.name} does not take edge lists")
        missing = set(self.elements) - set(self.references)
        if missing:
            raise ValueError(f"no reference energy of {', '.join(sorted(missing))}")

    @classmethod
    def load(cls, path: Path) -> "Pretrained":
        """Open a saved model. Raises ValueError as the class does, or if it is none."""
        about = read_about(path)
        model = load_model(path)
        return cls(model, about.get("references", {}), frozenset(about.get("isolated", ())))

    @property
    def elements(self) -> list[str]:
        """Symbols of the elements that the model knows, sorted."""
        return sorted(self.model.get_layer("one_hot").elements)

    def come_closer(self, frames: Frames) -> dict[tuple[str, str], tuple[float, float]]:
        """Let the repulsion begin at the shortest distances of further frames, where shorter.

        Otherwise it would be in the way of what is trained on there: the network is not given such
        distances, and ZBL's energy is added. Nothing changes at longer distances.

        Args:
            frames: to train on, of elements that the model knows.

        Returns:
            For pairs of elements that come closer, the distances before and now, Å.
        """
        closer, elements = {}, self.elements
        found = _shortest(frames.structures, elements, cutoff_of(self.model))
        for layer in self.model.layers:
            if isinstance(layer, (HeldDistance, Repulsion)):
                before = np.array(layer.shortest)
                layer.shortest = np.minimum(before, found).tolist()
                closer |= {
                    (a, b): (before[i, j].item(), found[i, j].item())
                    for i, a in enumerate(elements)
                    for j, b in enumerate(elements)
                    if i <= j and found[i, j] < before[i, j]
                }
        return closer

    def widen(self, frames: Frames) -> None:
        """Let the ranges of the training be those of further frames, too.

        They do not affect the energies: see :mod:`keras_models.extrapolation`. To be called after
        :meth:`come_closer`, on which values at short distances depend.

        Args:
            frames: to train on, of elements that the model knows.
        """
        with precision(dtype_of(self.model)):
            measure = Measure(self.model.input, frames, cutoff_of(self.model))
            for layer in self.model.layers:
                if not isinstance(layer, Standardise) or not layer.ranges:
                    continue
                found, alone = measure.ranges(layer.input)
                layer.ranges = {
                    e: _joined(own, found[e]) if e in found else own
                    for e, own in layer.ranges.items()
                }
                if layer.alone is not None:
                    layer.alone = sorted({*layer.alone, *alone})

    def starting_references(
        self, frames: Frames, isolated: Mapping[str, float]
    ) -> dict[str, float]:
        """Reference energies with which training goes on where the model is.

        A training adds the model's constants F(no neighbours) to what these are in the end, so
        they are the model's references without its constants, but for isolated atoms.

        Args:
            frames: to train on.
            isolated: {symbol: eV} of isolated atoms among them. Those of elements whose reference
                is fitted do not count, as all other energies are relative to it.

        Raises:
            ValueError: the frames have an element that the model does not know.
        """
        unknown = set(frames.elements) - set(self.elements)
        if unknown:
            raise ValueError(
                f"the model to begin with knows {', '.join(self.elements)} and not "
                f"{', '.join(sorted(unknown))}: leave out the frames with it, or train anew"
            )
        batch = next(edge_batches(frames.structures[:1], cutoff_of(self.model), 1))
        weights = [tf.convert_to_tensor(v) for v in self.model.trainable_variables]
        inputs = tensors_of(batch, dtype_of(self.model))
        constants = lone_energies(self.model)(weights, inputs).numpy().astype(float).tolist()
        of_model = dict(zip(self.elements, constants, strict=True))
        found = {
            e: self.references[e] - (0.0 if e in self.isolated else of_model[e])
            for e in self.elements
        }
        return {**found, **{e: x for e, x in isolated.items() if e in self.isolated}}


def have_place(frames: Frames, isolated: Collection[str]) -> np.ndarray:
    """Which frames a model can go on with, (n,) bool: not isolated atoms of other elements.

    References of other elements are fitted. The model gives them to atoms alone, whatever its
    weights, and all other energies are relative to them.

    Args:
        frames: to train on.
        isolated: see :class:`Pretrained`.
    """
    return np.array(
        [
            not is_isolated(s) or chemical_symbols[int(s.numbers[0])] in isolated
            for s in frames.structures
        ],
        bool,
    )


def _shortest(
    structures: Sequence[Structure], elements: Sequence[str], cutoff: float
) -> np.ndarray:
    """Shortest distance of each pair of elements, (S, S) Å; infinite for pairs without any."""
    row = {atomic_numbers[e]: k for k, e in enumerate(elements)}
    found = np.full((len(elements), len(elements)), np.inf)
    for s in structures:
        i, j, shifts = edges(s, cutoff)
        kinds = np.array([row[z] for z in np.asarray(s.numbers).tolist()])
        lengths = np.linalg.norm(s.positions[j] - s.positions[i] + shifts, axis=1)
        np.minimum.at(found, (kinds[i], kinds[j]), lengths)
    return found


def _joined(one, other) -> list:
    """The ranges (W, 2) that hold two; further ones of the first as they are."""
    (low, high), (lower, higher) = np.transpose(one[: len(other)]), np.transpose(other)
    both = np.stack([np.minimum(low, lower), np.maximum(high, higher)], axis=1).tolist()
    return [*both, *one[len(other) :]]
