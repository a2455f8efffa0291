"""Names of the energies and forces that models were trained on, by which other files are read.

A file may have energies of several methods; errors on others than those of the training would be
differences between methods.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_gen.errors import DataError
from data_gen.reading import Reading, read_frames
from keras_models.backend import keras
from keras_models.opening import listed
from keras_models.saving import read_about


class Keys(NamedTuple):
    """Names of labels in files.

    Attributes:
        energy, forces: names; several, with commas, where frames differ; None or empty where they
            are not known or are to be looked for.
    """

    energy: str | None = None
    forces: str | None = None


def keys_of(models) -> Keys:
    """What models were trained on, as far as they say: those saved by older versions do not.

    Args:
        models: what :func:`keras_models.opening.listed` takes.
    """
    try:
        paths = [path for path in listed(models) if not isinstance(path, keras.Model)]
        found = [read_about(path).get("keys", {}) for path in paths]
    except ValueError:  # Their opening says what is wrong.
        return Keys()
    names = ([one.get(name) for one in found] for name in Keys._fields)
    return Keys(*(", ".join(dict.fromkeys(filter(None, several))) for several in names))


def read_alike(
    paths: Sequence[str | Path], asked: Keys, trained: Keys
) -> tuple[Reading, tuple[str, ...]]:
    """Read frames with the labels of a training, if all of them have these.

    Args:
        paths: files, see :func:`data_gen.reading.read_frames`.
        asked: names that the user gives, which are taken in any case.
        trained: names of the training.

    Returns:
        The frames, with the usual labels where those of the training are not there; and a warning,
        in a sentence, for energies and forces that have other names than those of the training.

    Raises:
        DataError: a file cannot be read or used, or lacks what the user asked for.
    """
    energy = asked.energy or _single(trained.energy)
    # Forces belong to energies.
    forces = asked.forces or (_single(trained.forces) if energy == trained.energy else None)
    for keys in dict.fromkeys([(energy, forces), (energy, asked.forces), tuple(asked)]):
        try:
            reading = read_frames(paths, *keys)
            break
        except DataError:
            if keys == tuple(asked):
                raise
    read = Keys(reading.energy_key, reading.forces_key)
    notes = (
        f"{name} are read from {', '.join(other)}, those that the model is trained on from {own}: "
        "what is different between these counts as an error of the model"
        for name, own, found in zip(("energies", "forces"), trained, read, strict=True)
        if (other := _others(found, own))
    )
    return reading, tuple(notes)


def _single(names: str | None) -> str | None:
    """The name, if it is one."""
    return names if names and "," not in names else None


def _others(found: str | None, trained: str | None) -> list[str]:
    """Names that the training does not have, if it is known what it has; capitals do not count."""
    if not (found and trained):
        return []
    known = trained.lower().split(", ")
    return [name for name in found.split(", ") if name.lower() not in known]
