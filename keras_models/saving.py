"""Saving of models with metadata, as an additional file in the .keras archive.

Keras ignores the additional file, so ``keras.saving.load_model`` opens the archive as usual.
"""

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_gen.files import replacing

ABOUT = "about.json"


def save_model(
    model,
    path: Path,
    elements: Sequence[str],
    references: Mapping[str, float] | None = None,
    atoms: int | None = None,
    **about,
) -> None:
    """Save a model with metadata.

    Args:
        model: to save.
        path: of the archive; written atomically.
        elements: symbols of the elements that the model supports.
        references: energy of an atom of each of them, eV, to be added to the model's; None for a
            model of whole energies. Kept to the last bit.
        atoms: number of atoms of all structures of its training, to which models that take only
            positions are bound.
        about: further metadata, in JSON types.

    Raises:
        ValueError: an element has no reference energy, or one that is not finite.
    """
    if references is not None:
        missing = set(elements) - {e for e, x in references.items() if math.isfinite(x)}
        if missing:
            raise ValueError(f"no (finite) reference energy of {', '.join(sorted(missing))}")
        # JSON has the shortest digits that give the same float64 back.
        about["references"] = {e: float(references[e]) for e in sorted(set(elements))}
    if atoms is not None:
        about["atoms"] = int(atoms)
    with replacing(path) as scratch:
        model.save(scratch)
        with zipfile.ZipFile(scratch, "a") as archive:
            archive.writestr(ABOUT, json.dumps({"elements": sorted(set(elements)), **about}))


def read_about(path: Path) -> dict:
    """Metadata of a saved model; empty if it was not saved by :func:`save_model`.

    Raises:
        ValueError: the file is missing or not an archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(ABOUT)) if ABOUT in archive.namelist() else {}
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a saved model ({error})") from None
