"""What models were trained on, by which other files are read: names of labels, and states.

A file may have energies of several methods, or frames of another charge; errors on others than
those of the training would be differences between methods, or between states.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data_gen.reading import Opened, Reading, open_files
from data_gen.states import States, merged, new_states
from fitting.leaving_out import without
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
    found = [about.get("keys", {}) for about in _about(models)]
    names = ([one.get(name) for one in found] for name in Keys._fields)
    return Keys(*(", ".join(dict.fromkeys(filter(None, several))) for several in names))


def states_of_models(models) -> States | None:
    """Charges and spins that models were trained on, or None if none says so, as for keys_of."""
    found = [about["states"] for about in _about(models) if "states" in about]
    return merged(found) if found else None


def _about(models) -> list[dict]:
    """What saved models say of themselves; nothing if one cannot be read."""
    try:
        return [read_about(x) for x in listed(models) if not isinstance(x, keras.Model)]
    except ValueError:  # Their opening says what is wrong.
        return []


def read_alike(
    paths: Sequence[str | Path],
    asked: Keys,
    trained: Keys,
    states: States | None = None,
    left_out: Sequence[str] = (),
    beside: Sequence[Path] = (),
) -> tuple[Reading, tuple[str, ...]]:
    """Read frames with the labels of a training, if any of them has these.

    Names alone decide, capitals in them do not: where one frame has a name of the training, another
    without it is no reason to compare all of them with another method.

    Args:
        paths: files, see :func:`data_gen.reading.read_frames`.
        asked: names that the user gives, which are taken in any case.
        trained: names of the training.
        states: of the training, or None if they are not known.
        left_out: frames that are not read, see :func:`fitting.leaving_out.by_file`.
        beside: files, without slices, that are read elsewhere as well.

    Returns:
        The frames, with the usual labels where no frame has those of the training; and warnings, in
        sentences, of energies and forces that have other names than those of the training, and of
        charges and spins that it does not have.

    Raises:
        DataError: a file cannot be read or used, lacks what the user asked for, or only some frames
            have sound energies of the training's name.
    """
    opened, of_left_out = without(open_files(paths), left_out, beside)
    reading, notes = labelled_alike(opened, asked, trained, states)
    return replace(reading, notes=(*reading.notes, *of_left_out)), notes


def labelled_alike(
    opened: Opened, asked: Keys, trained: Keys, states: States | None = None
) -> tuple[Reading, tuple[str, ...]]:
    """Frames with the labels of a training, and warnings, as :func:`read_alike`."""
    energy = asked.energy or there(trained.energy, opened)
    # Forces belong to energies.
    alike = (energy or "").lower() == (trained.energy or "").lower()
    forces = asked.forces or (there(trained.forces, opened) if alike else None)
    reading = opened.labelled(energy, forces)
    read = Keys(reading.energy_key, reading.forces_key)
    notes = (
        f"{name} are read from {', '.join(other)}, those that the model is trained on from {own}: "
        "what is different between these counts as an error of the model"
        for name, own, found in zip(("energies", "forces"), trained, read, strict=True)
        if (other := _others(found, own))
    )
    return reading, (*notes, *([] if states is None else new_states(reading.states, states)))


def there(names: str | None, opened: Opened) -> str | None:
    """The name, if it is one and a frame has it."""
    return names if names and "," not in names and opened.has(names) else None


def _others(found: str | None, trained: str | None) -> list[str]:
    """Names that the training does not have, if it is known what it has; capitals do not count."""
    if not (found and trained):
        return []
    known = trained.lower().split(", ")
    return [name for name in found.split(", ") if name.lower() not in known]
