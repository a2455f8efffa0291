"""Trained Amp potentials: reading them, predicting with them, and extracting their parameters."""

import ast
import contextlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols

from amp_baseline.errors import AmpError
from data_gen.dataset import Dataset

NOT_INSTALLED = "Amp is not installed; `make setup` installs it (it compiles for half a minute)"


def backend() -> str:
    """What Amp computes with: "fortran" or "python". Raises AmpError if it is not installed."""
    if importlib.util.find_spec("amp") is None:
        raise AmpError(NOT_INSTALLED)
    return "fortran" if importlib.util.find_spec("amp.fmodules") else "python"


@contextlib.contextmanager
def quiet():
    """Suppress warnings from Amp's dependencies, which are newer than Amp.

    Also sets a user name, without which Amp fails in containers that have none.
    """
    os.environ.setdefault("LOGNAME", "nobody")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def frames(data: Dataset) -> list[Atoms]:
    """Convert a dataset to the images that Amp takes, with energies and forces."""
    images = []
    for x, e, f in zip(data.positions, data.energies, data.forces, strict=True):
        image = Atoms(data.numbers, positions=x, cell=data.cell, pbc=data.pbc)
        image.calc = SinglePointCalculator(image, energy=e, forces=f)
        images.append(image)
    return images


class Computed:
    """In-memory replacement for Amp's container of computed properties of images.

    Amp's own stores one pickle file per image and reads it at every access: 333 times for the
    fingerprint derivatives of an image of ten atoms, which takes most of the time before Amp's
    first step on forces (``make benchmark``).
    """

    def __init__(self, calculator, report: Callable[[int, int], None] | None = None) -> None:
        self.calculator, self.report = calculator, report
        self.items: dict = {}

    def calculate_items(self, images, parallel=None, log=None) -> None:
        """Compute the items that are missing."""
        missing = [key for key in images if key not in self.items]
        for k, key in enumerate(missing):
            self.items[key] = self.calculator.calculate(images[key], key)
            if self.report and k % 50 == 49:
                self.report(k + 1, len(missing))

    def __getitem__(self, key):
        return self.items[key]


def in_memory(descriptor, elements: list[str], report=None) -> None:
    """Make a Gaussian descriptor keep its data in memory.

    If it has no symmetry functions, it also gets Amp's default ones.

    Args:
        descriptor: to change.
        elements: symbols.
        report: called with (name of the quantity, images so far, total images).
    """
    from amp.descriptor import gaussian

    def told(word):
        return report and (lambda k, n: report(word, k, n))

    p = descriptor.parameters
    p.elements = sorted(elements)
    if p.Gs is None:
        p.Gs = gaussian.make_default_symmetry_functions(p.elements)
    neighbours = Computed(gaussian.NeighborlistCalculator(cutoff=p.cutoff["kwargs"]["Rc"]))
    common = dict(neighborlist=neighbours, Gs=p.Gs, cutoff=p.cutoff, fortran=descriptor.fortran)
    descriptor.neighborlist = neighbours
    descriptor.fingerprints = Computed(
        gaussian.FingerprintCalculator(**common), told("fingerprints")
    )
    descriptor.fingerprintprimes = Computed(
        gaussian.FingerprintPrimeCalculator(**common), told("fingerprint derivatives")
    )


def read_descriptor(text: str) -> dict:
    """Read cutoff (Å) and symmetry functions from the text of an Amp file, without using Amp.

    Returns:
        {"cutoff": Å, "functions": {element: Amp's dictionaries}}.

    Raises:
        AmpError: the text is not that of an Amp file, or the cutoff function is not the cosine.
    """
    try:
        outer = {k.arg: k.value for k in ast.parse(text.strip(), mode="eval").body.keywords}
        inner = ast.parse(ast.literal_eval(outer["descriptor"]), mode="eval").body
        found = {k.arg: k.value for k in inner.keywords}
        cutoff, functions = (ast.literal_eval(found[name]) for name in ("cutoff", "Gs"))
        if cutoff["name"] != "Cosine":
            raise AmpError(f"the cutoff function is {cutoff['name']}, not Cosine")
        return {"cutoff": float(cutoff["kwargs"]["Rc"]), "functions": functions}
    except (SyntaxError, AttributeError, KeyError, ValueError, TypeError) as error:
        raise AmpError(f"not the text of a potential that Amp saved ({error})") from None


class AmpPotential:
    """A trained Amp potential, read from a file.

    Args:
        path: of a file that Amp saved.

    Raises:
        AmpError: Amp is not installed, or the file is not a complete Amp file.
    """

    def __init__(self, path: Path) -> None:
        fortran = backend() == "fortran"
        with quiet():
            from amp import Amp

            try:
                self.amp = Amp.load(str(path), logging=False, cores=1)
            except Exception as error:  # Amp evaluates the text, so any exception is possible.
                raise AmpError(
                    f"{path}: not a potential that Amp saved, or not whole ({type(error).__name__})"
                ) from None
        self.amp.descriptor.fortran = self.amp.model.fortran = fortran
        in_memory(self.amp.descriptor, self.elements)

    @property
    def elements(self) -> list[str]:
        """Symbols of the elements that it was trained on."""
        return sorted(self.amp.model.parameters.weights)

    def fingerprints(self, data: Dataset) -> np.ndarray:
        """Fingerprints (n, N, G); all elements must have the same number of functions."""
        images = self._images(data)
        descriptor = self.amp.descriptor
        descriptor.neighborlist.calculate_items(images)
        descriptor.fingerprints.calculate_items(images)
        return np.array([[g for _, g in descriptor.fingerprints[key]] for key in images])

    def predict(
        self, data: Dataset, forces: bool, report: Callable[[int, int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict energies (n,) eV and optionally forces (n, N, 3) eV/Å, with Amp's own code.

        Args:
            data: to predict; its energies and forces are not used.
            forces: whether to predict forces; if not, they are None.
            report: called with (frames so far, total frames).

        Raises:
            AmpError: the data contain an element that the potential was not trained on.
        """
        images = self._images(data)
        descriptor, model = self.amp.descriptor, self.amp.model
        energies = np.empty(len(data))
        predicted = np.empty_like(data.positions) if forces else None
        with quiet():
            for k, (key, image) in enumerate(images.items()):
                one = {key: image}
                descriptor.neighborlist.calculate_items(one)
                descriptor.fingerprints.calculate_items(one)
                energies[k] = model.calculate_energy(descriptor.fingerprints[key])
                if forces:
                    descriptor.fingerprintprimes.calculate_items(one)
                    predicted[k] = model.calculate_forces(
                        descriptor.fingerprints[key], descriptor.fingerprintprimes[key]
                    )
                for kept in (
                    descriptor.neighborlist,
                    descriptor.fingerprints,
                    descriptor.fingerprintprimes,
                ):
                    kept.items.pop(key, None)
                if report and k % 10 == 9:
                    report(k + 1, len(data))
        return energies, predicted

    def _images(self, data: Dataset) -> dict:
        unknown = {chemical_symbols[z] for z in data.numbers} - set(self.elements)
        if unknown:
            raise AmpError(
                f"the potential was trained on {', '.join(self.elements)} and does not know "
                f"{', '.join(sorted(unknown))}"
            )
        # Numbers as keys: with Amp's hashes, two equal frames would become one.
        return dict(enumerate(frames(data)))

    def parameters(self) -> dict:
        """All parameters of the potential as plain Python objects, for other implementations.

        Keys: "cutoff" (Å); "activation"; "elements", a dictionary that contains for each element
        "symmetry_functions" (Amp's dictionaries, etas in units of 1 / cutoff^2), "range" (G, 2) of
        the training fingerprints, "weights" (a list of (inputs + 1, outputs) arrays, the last row
        being the biases), "slope" and "intercept" (eV).

        Raises:
            AmpError: the cutoff function is not the cosine.
        """
        d, m = self.amp.descriptor.parameters, self.amp.model.parameters
        if d.cutoff["name"] != "Cosine":
            raise AmpError(f"the cutoff function is {d.cutoff['name']}, not Cosine")
        return {
            "cutoff": float(d.cutoff["kwargs"]["Rc"]),
            "activation": m.activation,
            "elements": {
                element: {
                    "symmetry_functions": [dict(g) for g in d.Gs[element]],
                    "range": np.array(m.fprange[element], float),
                    "weights": [
                        np.array(m.weights[element][layer], float)
                        for layer in sorted(m.weights[element])
                    ],
                    "slope": float(m.scalings[element]["slope"]),
                    "intercept": float(m.scalings[element]["intercept"]),
                }
                for element in self.elements
            },
        }
