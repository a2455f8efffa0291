"""ASE calculator for trained models.

>>> from keras_models.calculator import KerasCalculator
>>> atoms.calc = KerasCalculator("results/models/eq2-gradient/seed0.keras")
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.calculators.calculator import (
    Calculator,
    CalculatorSetupError,
    PropertyNotImplementedError,
    all_changes,
)

from data_gen.neighbours import CLOSEST_A
from keras_models import load_model
from keras_models.backend import keras, tf
from keras_models.batch import batch_of, cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edges import takes_edges
from keras_models.gradient import energy_and_forces
from keras_models.neighbours import SKIN, most_neighbours
from keras_models.potential import EdgePotential
from keras_models.prediction import predict
from keras_models.saving import read_about
from keras_models.virial import stress_of


class KerasCalculator(Calculator):
    """ASE calculator for one model, or for an ensemble, whose spread is the uncertainty.

    Properties: "energy" (eV), "forces" (eV/Å); for an ensemble these are means, and "energy_std"
    and "forces_std" are the standard deviations over the models (n - 1). Models whose output is
    forces (Eq. 6 to 9) have no energy. Code is compiled once for each number of atoms, which takes
    about a second; for Behler's model, which supports several elements and periodic images, it
    takes longer, and is repeated when atoms have more neighbours than before.

    Models on edge lists, which support them, too, have in addition "energies" (eV, of atoms; their
    sum is the energy) and "stress" (eV/Å^3, ASE's order and sign), the latter if the cell has a
    volume. Their neighbour list is kept while no atom has moved more than half a skin, and code is
    compiled for each of few sizes of lists.

    Args:
        models: a model, the path of a saved one, or a sequence of either: the same equation with
            the same widths, such as the seeds of one experiment, or on edge lists models of the
            same elements and cutoff.
        elements: symbols that the models support; only needed for models saved without this
            information (:mod:`keras_models.saving`), unless they take edge lists: these know them.
        references: {symbol: eV} to add for each atom to what models on edge lists say, in float64;
            only for those that were saved without them.
        skin: of the neighbour list of models on edge lists, Å; 0 makes it anew for each call. The
            results do not depend on it.

    Raises:
        CalculatorSetupError: there is no model, the models differ in more than their weights, or
            the elements are unknown, or an argument does not fit the models; and in calculations:
            there are fewer than two atoms (for models on edge lists, none), an element,
            periodicity or cell is not supported, positions are not finite, or atoms coincide.
    """

    implemented_properties = ["energy", "free_energy", "forces", "energy_std", "forces_std"]  # noqa: RUF012
    default_parameters: dict = {}  # noqa: RUF012

    def __init__(
        self,
        models,
        elements: Sequence[str] | None = None,
        references: Mapping[str, float] | None = None,
        skin: float = SKIN,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if models is not None and not isinstance(models, (list, tuple)):
            models = [models]
        # A string is a single symbol, not a sequence of letters.
        opened, known = [], {elements} if isinstance(elements, str) else set(elements or ())
        of_models = []
        for model in models or ():
            if not isinstance(model, (str, Path, keras.Model)):
                raise CalculatorSetupError(f"a path or a Keras model is needed, not {model!r}")
            of_model = references
            if not isinstance(model, keras.Model):
                model, about = _open(model)
                known.update(about.get("elements", ()))
                of_model = about.get("references", references)
            known.update(elements_of(model))
            of_models.append(of_model)
            if cutoff_of(model) is None and tuple(model.input_shape) != (None, None, 3):
                raise CalculatorSetupError(f"{model.name} does not take positions (B, N, 3)")
            opened.append(model)
        if not opened:
            raise CalculatorSetupError("no model was given")
        if not known:
            raise CalculatorSetupError(
                'the models do not say which elements they know: give elements=("Au",) or the like'
            )
        if len({_kind(model) for model in opened}) > 1:
            raise CalculatorSetupError(
                "the models of an ensemble must be one equation with the same widths, activation "
                "and statistics of the training part; on edge lists, with the same elements, "
                "cutoff and precision"
            )
        self.elements = frozenset(known)
        self.model = opened[0]
        self.size = len(opened)
        self.dtype = dtype_of(self.model)
        self.has_energy = self.model.output_shape[-1] == 1
        self.cutoff = cutoff_of(self.model)
        self._models = opened
        self._edges = self._edge_potential(of_models, skin)
        self._functions: dict[int, object] = {}
        self._slots: dict[int, int] = {}
        self._origin_counts = self.cutoff is None and self._depends_on_origin()

    def _edge_potential(self, references, skin) -> EdgePotential | None:
        """What computes with edge lists, if the models take them; see the class for arguments."""
        if not takes_edges(self.model):
            if any(r is not None for r in references):
                raise CalculatorSetupError(f"{self.model.name} gives whole energies: no references")
            return None
        strange = self.elements - elements_of(self.model)
        missing = {e for r in references if r is not None for e in self.elements - set(r)}
        if strange or missing:
            why = f"{self.model.name} does not know" if strange else "no reference energy of"
            raise CalculatorSetupError(f"{why} {', '.join(sorted(strange or missing))}")
        self.implemented_properties = [*type(self).implemented_properties, "energies", "stress"]
        try:
            return EdgePotential(self._models, references, skin)
        except ValueError as error:
            raise CalculatorSetupError(str(error)) from None

    @property
    def neighbour_lists(self) -> int:
        """How many neighbour lists were made so far for models on edge lists."""
        return 0 if self._edges is None else self._edges.neighbours.made

    def _depends_on_origin(self) -> bool:
        """Whether a shift of the molecule changes the output, as for raw coordinates."""
        x = np.array([[[0.0, 0.0, 0.0], [2.7, 0.3, -0.2], [0.4, 2.8, 0.1]]])
        here, there = predict(self.model, np.concatenate([x, x + 1.0]))
        return not np.allclose(here, there, rtol=1e-3, atol=1e-3)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Compute ``results``; see the class for properties and exceptions."""
        super().calculate(atoms, properties, system_changes)
        self._refuse_what_has_no_answer(properties)
        if self._edges is not None:
            self._calculate_from_edges()
            return
        n = len(self.atoms)
        inputs = self._inputs()
        if n not in self._functions:
            self._functions[n] = self._compiled()
        outputs = self._functions[n](inputs)
        arrays = [output.numpy().astype(float) for output in outputs]
        forces = arrays[-1].reshape(self.size, n, 3)
        self._collect(forces, arrays[0][:, 0] if self.has_energy else None)

    def _calculate_from_edges(self) -> None:
        atoms = self.atoms
        try:
            found = self._edges(atoms)
        except ValueError as error:
            raise CalculatorSetupError(str(error)) from None
        if found.shortest < CLOSEST_A:
            i, j = self._edges.closest(atoms)
            raise CalculatorSetupError(f"atoms {i} and {j} are on one point")
        self._collect(found.forces, found.atom_energies.sum(axis=1))
        self.results["energies"] = found.atom_energies.mean(axis=0)
        if atoms.cell.rank == 3:
            self.results["stress"] = stress_of(found.virials.mean(axis=0), np.array(atoms.cell))

    def _collect(self, forces, energies) -> None:
        """Results from those of each model: forces (models, N, 3), energies (models,) or None."""
        self.results = {"forces": forces.mean(axis=0)}
        if self.size > 1:
            self.results["forces_std"] = forces.std(axis=0, ddof=1)
        if energies is not None:
            self.results["energy"] = self.results["free_energy"] = float(energies.mean())
            if self.size > 1:
                self.results["energy_std"] = float(energies.std(ddof=1))

    def _refuse_what_has_no_answer(self, properties) -> None:
        atoms = self.atoms
        if not self.has_energy and not set(properties) <= {"forces", "forces_std"}:
            raise PropertyNotImplementedError(
                f"{self.model.name} gives forces that are not the gradient of any energy: "
                "there is no energy to ask for"
            )
        if self.size == 1 and {"energy_std", "forces_std"} & set(properties):
            raise PropertyNotImplementedError(
                "one model has no spread: give several, such as the seeds of an experiment"
            )
        if "stress" in properties and atoms.cell.rank < 3:
            raise PropertyNotImplementedError("the cell has no volume: there is no stress")
        if len(atoms) < 2 and self.cutoff is None:
            raise CalculatorSetupError("the models need at least two atoms")
        if not len(atoms) and self._edges is not None:
            raise CalculatorSetupError("there are no atoms")
        unknown = set(atoms.symbols) - self.elements
        if unknown:
            raise CalculatorSetupError(
                f"the model was trained on {', '.join(sorted(self.elements))} and does not know "
                f"{', '.join(sorted(unknown))}"
            )
        if atoms.pbc.any() and self.cutoff is None:
            raise CalculatorSetupError(
                "the model knows no periodic images: set atoms.pbc = False if none are meant"
            )
        if self._edges is not None:
            # The rest is found with the neighbour list, in linear time.
            return
        x = atoms.positions
        if not np.isfinite(x).all():
            raise CalculatorSetupError("positions are not finite (NaN or infinite)")
        distances = atoms.get_all_distances(mic=bool(atoms.pbc.any()))
        distances[np.diag_indices(len(x))] = np.inf
        if distances.min() < CLOSEST_A:
            i, j = np.unravel_index(distances.argmin(), distances.shape)
            raise CalculatorSetupError(f"atoms {i} and {j} are on one point")

    def _inputs(self):
        """Inputs of the models: positions (1, N, 3), or a batch with slots for all neighbours."""
        # Centred, as a distant origin would cost digits in float32.
        atoms, n = self.atoms.copy(), len(self.atoms)
        if not self._origin_counts:
            atoms.positions -= atoms.positions.mean(axis=0)
        if self.cutoff is None:
            return tf.constant(atoms.positions[None], self.dtype)
        try:
            need = max(1, most_neighbours([atoms], self.cutoff))
            if need > self._slots.get(n, 0):
                # With spare slots, because each new shape has to be compiled.
                self._slots[n] = need + need // 8
            return tensors_of(batch_of([atoms], self.cutoff, self._slots[n]), self.dtype)
        except ValueError as error:
            raise CalculatorSetupError(str(error)) from None

    def _compiled(self):
        """Compile the function from inputs to energies (models, 1), if any, and forces."""
        model = self.model
        weights = [
            tf.constant(np.stack([np.asarray(v) for v in parts]))
            for parts in zip(*[m.trainable_variables for m in self._models], strict=True)
        ]

        def one(parts, inputs):
            if self.has_energy:
                return energy_and_forces(model, list(parts), inputs)
            return (model.stateless_call(list(parts), [], inputs)[0],)

        def every(inputs):
            return tf.vectorized_map(lambda parts: one(parts, inputs), weights)

        return tf.function(every, jit_compile=True)


def elements_of(model: keras.Model) -> frozenset[str]:
    """Elements that a model on edge lists knows; of other models it is not said."""
    if not takes_edges(model):
        return frozenset()
    return frozenset(e for x in model.layers for e in getattr(x, "elements", ()))


def _kind(model: keras.Model):
    """What models of one ensemble have in common."""
    if takes_edges(model):
        # Their standardisations depend on their first weights.
        return cutoff_of(model), dtype_of(model), elements_of(model)
    # Statistics and activations are in the layers' configurations, not in the weights.
    return json.dumps(model.get_config(), sort_keys=True, default=str)


def _open(path):
    """Open a saved model and its metadata. Raises CalculatorSetupError if that fails."""
    try:
        return load_model(path), read_about(path)
    except (ValueError, KeyError, TypeError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CalculatorSetupError(f"{path}: not a saved model of this project ({first})") from None
