"""Saved models that say what they are of: a .keras archive with one more file in it.

Keras ignores that file: ``keras.saving.load_model`` opens the same archive.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from data_gen.files import replacing

ABOUT = "about.json"


def save_model(model, path: Path, elements: Sequence[str], **about) -> None:
    """Save a model with the elements that it knows and anything else worth saying (JSON)."""
    with replacing(path) as scratch:
        model.save(scratch)
        with zipfile.ZipFile(scratch, "a") as archive:
            archive.writestr(ABOUT, json.dumps({"elements": sorted(set(elements)), **about}))


def read_about(path: Path) -> dict:
    """What :func:`save_model` was told; empty for an archive that Keras alone wrote.

    Raises:
        ValueError: no such file, or not an archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(ABOUT)) if ABOUT in archive.namelist() else {}
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a saved model ({error})") from None
