"""ASE calculator for trained models.

>>> from keras_models.calculator import KerasCalculator
>>> atoms.calc = KerasCalculator("results/models/eq2-gradient/seed0.keras")
"""

import contextlib
import copy
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from ase.calculators.calculator import (
    Calculator,
    CalculatorSetupError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.data import chemical_symbols

from data_gen.neighbours import CLOSEST_A

# Registers what pickled models contain, too.
from keras_models import catalogue  # noqa: F401
from keras_models.batch import cutoff_of
from keras_models.building import coarse_step, dtype_of
from keras_models.compositions import is_open
from keras_models.extrapolation import OUTSIDE, WARN, Extrapolation
from keras_models.neighbours import SKIN
from keras_models.opening import open_ensemble
from keras_models.potential import Answer, EdgePotential, SlotPotential, potential_of
from keras_models.virial import stress_of, volume_of

# Largest excess that Behler's model is asked about.
LIMIT = 1.0


class ExtrapolationWarning(UserWarning):
    """A structure is outside the training of the model that is asked about it."""


class KerasCalculator(Calculator):
    """ASE calculator for one model, or for an ensemble, whose spread is the uncertainty.

    Properties: "energy" and "free_energy" (eV), "forces" (eV/Å); for an ensemble these are means.
    Models whose output is forces (Eq. 6 to 9) have no energy. Models that take only positions are
    bound to the number of atoms of their training, and know no images. Sums over atoms, which are
    Behler's model and those on edge lists, take any number, and cells, and have in addition
    "energies" (eV, of atoms; their sum is the energy) and "stress" (eV/Å^3, ASE's order and sign),
    if the cell has a volume. The neighbour list of the latter is kept while the cell is the same
    and no atom has moved more than half a skin; where the cell changes, each call makes one. Code
    is compiled once for each of few sizes of structures, in seconds; numbers and cells are inputs.
    The weights are constants of it, those of the first call: where a model in memory is trained
    further, make a new calculator.

    Beside ``results``, which have ASE's properties alone, :meth:`get_property` gives "energy_std"
    (eV) and "forces_std" (eV/Å), the standard deviations over the models of an ensemble (n - 1);
    and ``extrapolation`` says how far the last structure was outside the training
    (:mod:`keras_models.extrapolation`), if that is known. For the first one that is far outside
    there is an :class:`ExtrapolationWarning`, and again where one is twice as far outside as that:
    not for all, of which dynamics may have thousands. It goes by the neighbours of atoms, of which
    images are some: a crystal is outside the training on clusters, a cluster in a periodic box is
    not. There is such a warning, too, for each composition whose energy the training left open by a
    constant (:mod:`keras_models.compositions`).

    Args:
        models: a model, the path of a saved one, a folder of them, a pattern such as
            "runs/*.keras", or a sequence of these: the same equation with the same widths, such as
            the seeds of one experiment; on edge lists, for the same elements and cutoff, too.
        elements: symbols that the models know; only needed for models that do not say this, which
            were saved without it (:mod:`keras_models.saving`) or not at all.
        references: {symbol: eV} to add for each atom to what models on edge lists say, in float64;
            only for those that were saved without them.
        skin: of the neighbour list of models on edge lists, Å; 0 makes it anew for each call. The
            results do not depend on it.
        atoms: the number of atoms that the models are bound to; only needed for models on positions
            that do not say this.
        limit: largest excess that is answered, in widths of the ranges of training. By default it
            is 1 for Behler's model, which outside its training gives any number within its bounds,
            and there is none for models on edge lists.

    Raises:
        CalculatorSetupError: there is no model, the models differ in more than their weights,
            their elements or atoms are unknown, or an argument contradicts them; and in
            calculations: the number of atoms, an element, periodicity or cell is not supported,
            positions are not finite, atoms coincide, the structure is outside the training by
            more than the limit, or float32 has no digits for the energy.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012
    default_parameters: dict = {}  # noqa: RUF012

    def __init__(
        self,
        models,
        elements: Sequence[str] | None = None,
        references: Mapping[str, float] | None = None,
        skin: float = SKIN,
        atoms: int | None = None,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(atoms, (int, np.integer, type(None))):
            raise CalculatorSetupError("atoms is a number of atoms: set atoms.calc to this instead")
        try:
            self.ensemble = open_ensemble(models, elements, references, atoms)
            self.potential = potential_of(self.ensemble, skin)
        except ValueError as error:
            raise CalculatorSetupError(str(error)) from None
        self.elements = self.ensemble.elements
        self.model = self.ensemble.models[0]
        self.size = len(self.ensemble.models)
        self.dtype = dtype_of(self.model)
        self.has_energy = self.model.output_shape[-1] == 1
        self.cutoff = cutoff_of(self.model)
        self.extrapolation: Extrapolation | None = None
        # ASE's cache copies the atoms once more.
        self.use_cache, self._last = False, None
        self._spread: dict = {}
        self._warned_of = 0.0
        self._known_compositions: set[bytes] = set()
        self.limit = LIMIT if limit is None and isinstance(self.potential, SlotPotential) else limit
        if isinstance(self.potential, (EdgePotential, SlotPotential)):
            self.implemented_properties = [*self.implemented_properties, "energies", "stress"]
        if not self.has_energy:
            self.implemented_properties = ["forces"]

    def __copy__(self) -> "KerasCalculator":
        """A calculator of the same models, compiled once, and of its own last structure."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        # The last atoms are written over in place.
        other._last, other.atoms = None, self.atoms and self.atoms.copy()
        other.results, other._spread = dict(self.results), dict(self._spread)
        other.potential = copy.copy(self.potential)
        return other

    def set(self, **settings) -> dict:
        """Refused: settings cannot change later. Raises CalculatorSetupError if any is given."""
        if settings:
            raise CalculatorSetupError(f"make a new calculator with {', '.join(settings)}")
        return {}

    @property
    def neighbour_lists(self) -> int:
        """How many neighbour lists were made so far for models on edge lists."""
        known = isinstance(self.potential, EdgePotential)
        return self.potential.neighbours.made if known else 0

    def get_property(self, name, atoms=None, allow_calculation=True):
        """One of ASE's properties, or "energy_std" or "forces_std" of an ensemble."""
        if name not in ("energy_std", "forces_std"):
            if name == "energy" and not self.has_energy:
                raise self._no_energy()
            return super().get_property(name, atoms, allow_calculation)
        if self.size == 1:
            raise PropertyNotImplementedError(
                "one model has no spread: give several, such as the seeds of an experiment"
            )
        if name == "energy_std" and not self.has_energy:
            raise self._no_energy()
        if super().get_property("forces", atoms, allow_calculation) is None:
            return None
        return np.copy(self._spread[name]) if name == "forces_std" else self._spread[name]

    def reset(self) -> None:
        """Forget the last results."""
        super().reset()
        self.extrapolation, self._spread = None, {}

    def check_state(self, atoms, tol=1e-15) -> list[str]:
        """What differs from the last calculation, to the bit: ASE's comparison takes long."""
        return list(all_changes) if self.atoms is None else _differing(self.atoms, atoms)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Compute ``results``; see the class for properties and exceptions."""
        if atoms is not None:
            if self.atoms is None or _differing(self.atoms, atoms):
                # One that is refused must not be answered with what was said of the last one.
                self.results, self._spread, self.extrapolation = {}, {}, None
            self.atoms = self._copy(atoms)
        self._refuse_what_has_no_answer(properties)
        try:
            answer = self.potential(self.atoms)
        except ValueError as error:
            raise CalculatorSetupError(str(error)) from None
        who, distance = answer.closest
        if distance < CLOSEST_A:
            raise CalculatorSetupError("atoms {} and {} are on one point".format(*who()))
        self._measure_extrapolation(answer)
        if self.ensemble.undetermined:
            self._warn_of_composition()
        self._collect(answer)

    def _copy(self, atoms):
        """A copy of atoms, into the last one if only positions differ, as is quicker."""
        if self._last is not None and _differing(self._last, atoms) in ([], ["positions"]):
            self._last.arrays["positions"][:] = atoms.arrays["positions"]
        else:
            self._last = atoms.copy()
        return self._last

    def _collect(self, answer: Answer) -> None:
        """Results and spread from those of each model."""
        several = self.size > 1

        def mean(array):
            return array.mean(axis=0) if several else array[0]

        results = {"forces": mean(answer.forces)}
        spread = {"forces_std": answer.forces.std(axis=0, ddof=1)} if several else {}
        if answer.energies is not None:
            energy = float(mean(answer.energies))
            step = coarse_step(energy, self.dtype)
            if step is not None and not isinstance(self.potential, EdgePotential):
                raise CalculatorSetupError(
                    f"{self.model.name} computes in float32, which has steps of {step:.2g} eV "
                    f"at {energy:.6g} eV: train it in float64, or a model on edge lists, whose "
                    "reference energies are added in float64"
                )
            results["energy"] = results["free_energy"] = energy
            if several:
                spread["energy_std"] = float(answer.energies.std(ddof=1))
        if answer.atom_energies is not None:
            results["energies"] = mean(answer.atom_energies)
        if answer.virials is not None and self.atoms.cell.any(axis=1).all():
            # Without periodicity, the vectors may be in one plane: then there is no stress.
            with contextlib.suppress(ValueError):
                results["stress"] = stress_of(mean(answer.virials), np.array(self.atoms.cell))
        self.results, self._spread = results, spread

    def _measure_extrapolation(self, answer: Answer) -> None:
        """Set ``extrapolation``; refuse if it is beyond the limit, else warn where it is far."""
        if answer.excess is None:
            return
        self.extrapolation = found = Extrapolation.of(answer.excess)
        # Rounding is not outside.
        beyond = self.limit is not None and found.largest > max(self.limit, OUTSIDE)
        if found.largest <= WARN and not beyond:
            return
        many = int((found.of_atoms > OUTSIDE).sum())
        what = (
            f"{many} of {len(self.atoms)} atoms are outside the training of {self.model.name}: "
            f"{100 * found.share:.0f} % of the functions of atoms, by up to {found.largest:.2g} "
            "times the width of their range there"
        )
        if beyond:
            raise CalculatorSetupError(
                f"{what}, which is beyond limit={self.limit:g}: train on structures like this one"
            )
        if found.largest >= 2.0 * self._warned_of:
            self._warned_of = found.largest
            warnings.warn(
                f"{what}; what it says of them is a guess (said again only where it is twice as "
                "far)",
                ExtrapolationWarning,
                stacklevel=2,
            )

    def _warn_of_composition(self) -> None:
        """Warn once of each composition whose energy the training left open by a constant."""
        asked = np.sort(self.atoms.numbers).tobytes()
        if asked in self._known_compositions:
            return
        if len(asked) > self.atoms.numbers.itemsize:  # Whether one atom is alone may change.
            self._known_compositions.add(asked)
        if is_open(self.atoms, self.ensemble.undetermined, self.ensemble.isolated):
            warnings.warn(
                f"the energy of {self.atoms.get_chemical_formula()} is open by a constant: the "
                f"training of {self.model.name} has only other ratios of elements, which do not "
                "say what one atom more costs. Energies can be compared among structures of this "
                "composition; forces are not concerned",
                ExtrapolationWarning,
                stacklevel=3,
            )

    def _no_energy(self) -> PropertyNotImplementedError:
        return PropertyNotImplementedError(
            f"{self.model.name} gives forces that are not the gradient of any energy: there is no "
            "energy to ask for"
        )

    def _refuse_what_has_no_answer(self, properties) -> None:
        atoms, bound = self.atoms, self.ensemble.atoms
        if not self.has_energy and not set(properties) <= {"forces"}:
            raise self._no_energy()
        if "stress" in properties and not volume_of(np.array(atoms.cell)) > 0:
            raise PropertyNotImplementedError("the cell has no volume: there is no stress")
        if not len(atoms):
            raise CalculatorSetupError("there are no atoms")
        unknown = {chemical_symbols[z] for z in set(atoms.numbers.tolist())} - self.elements
        if unknown:
            raise CalculatorSetupError(
                f"the model was trained on {', '.join(sorted(self.elements))} and does not know "
                f"{', '.join(sorted(unknown))}"
            )
        if bound is not None and len(atoms) != bound:
            raise CalculatorSetupError(
                f"{self.model.name} was trained on {bound} atoms and says nothing of {len(atoms)}: "
                "its mean energy is added once a cluster, and its terms do not end at a distance; "
                "train a sum over neighbours, such as linear_eq4"
            )
        if atoms.pbc.any() and self.cutoff is None:
            raise CalculatorSetupError(
                "the model knows no periodic images: set atoms.pbc = False if none are meant"
            )


def _differing(one, other) -> list[str]:
    """Which of ASE's ``all_changes`` that matter here are different in two Atoms."""
    return [
        name
        for name in ("positions", "numbers", "cell", "pbc")
        if np.asarray(getattr(one, name)).tobytes() != np.asarray(getattr(other, name)).tobytes()
    ]
