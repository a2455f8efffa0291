"""Loading of datasets with a check that they come from the source that is asked for."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase.symbols import Symbols

from data_gen.dataset import SAME_CELL_A, UNITS, Dataset, load, sidecar
from data_gen.errors import DataError
from data_gen.sources import NAMES, FileSettings, Origin
from data_gen.structures import build_structure

REMEDY = "move it away, and scripts/01_generate_data.py makes the data anew"


def load_made(path: Path, settings: Origin) -> Dataset:
    """Load a dataset that was made with the given settings.

    Args:
        path: of the dataset, as written by :func:`data_gen.dataset.save` with a JSON file.
        settings: of the dynamics, or of the file, that it must come from.

    Raises:
        DataError: :func:`data_gen.dataset.load` raises it; the JSON file is missing or has no
            checksum or units; the units, atoms, cell or boundary conditions are not those of the
            structure; the settings differ.
    """
    path = Path(path)
    data = load(path)
    wrong = _undocumented(data, path) or foreign(data, settings) or differing(data, settings)
    if wrong:
        raise DataError(f"{path}: {wrong}; {REMEDY}")
    return data


def _undocumented(data: Dataset, path: Path) -> str:
    about = sidecar(path).name
    if not sidecar(path).is_file():
        return f"{about} is not beside it, so that nothing says what it is"
    for name, text in (("sha256", "no checksum"), ("units", "no units")):
        if name not in data.metadata:
            return f"{about} beside it has {text}"
    if data.metadata["units"] != UNITS:
        return f"its units are {data.metadata['units']}, not {UNITS}"
    return ""


def foreign(data: Dataset, settings: Origin) -> str:
    """How a system differs from the starting structure of dynamics; empty if it does not."""
    if isinstance(settings, FileSettings):
        return ""  # What is in the file is known by its checksum.
    name, wanted = settings.structure, build_structure(settings.structure)
    if sorted(data.numbers) != sorted(wanted.numbers):
        formula = Symbols(data.numbers).get_chemical_formula()
        return f"its atoms are {formula}, not {wanted.get_chemical_formula()} as in {name}"
    if not np.array_equal(data.numbers, wanted.numbers):
        return f"its atoms are in another order than in {name}"
    if not np.array_equal(data.pbc, wanted.pbc):
        periodic = [np.asarray(one, dtype=bool).tolist() for one in (data.pbc, wanted.pbc)]
        return f"its boundary conditions are {periodic[0]}, not {periodic[1]} as in {name}"
    if not np.allclose(data.cell, wanted.cell, rtol=0, atol=SAME_CELL_A):
        return f"its cell is not that of {name}"
    return ""


def differing(data: Dataset, settings: Origin) -> str:
    """The first setting in which data differ from the wanted ones; empty if there is none."""
    made_with = data.metadata.get(NAMES[type(settings)])
    if not isinstance(made_with, dict):
        return "it was not made by scripts/01_generate_data.py"
    for name, wanted in asdict(settings).items():
        if made_with.get(name) != wanted:
            return f"it was made with {name} = {made_with.get(name)}, not {wanted}"
    return ""
