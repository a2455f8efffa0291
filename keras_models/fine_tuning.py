"""Fine-tuning: training that begins with a trained model instead of random weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_gen.frames import Frames
from keras_models import load_model
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import edge_batches, takes_edges
from keras_models.linear_eq4 import lone_energies
from keras_models.saving import read_about


@dataclass(frozen=True)
class Pretrained:
    """A trained model on edge lists, to begin with. Training changes its weights.

    Attributes:
        model: the model; its elements, cutoff and constants remain as they are.
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

    def starting_references(
        self, frames: Frames, isolated: Mapping[str, float]
    ) -> dict[str, float]:
        """Reference energies with which training goes on where the model is.

        A training adds the model's constants F(no neighbours) to what these are in the end, so
        they are the model's references without its constants, but for isolated atoms.

        Args:
            frames: to train on.
            isolated: {symbol: eV} of isolated atoms among them.

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
        return {**found, **isolated}
