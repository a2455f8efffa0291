"""From a model and files to a folder with its errors on them, on a page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from data_gen.inspection import inspect
from fitting.config import checksum, path_of
from fitting.data import part_of
from fitting.errors import FittingError
from fitting.evaluation import Potential, evaluate
from fitting.keys import Keys, keys_of, read_alike, states_of_models
from fitting.known import excess, own_errors, places, trained_on
from fitting.leaving_out import refuse_other_files
from fitting.progress import QUIET
from fitting.results import provenance, use_of, write_results
from fitting.show import NEW, short_names, titled
from fitting.words import of_known_frames, of_places, of_spread, worse_than_nothing


def evaluate_files(
    model: str | Path,
    files: Sequence[str | Path],
    folder: Path,
    energy_key: str | None = None,
    forces_key: str | None = None,
    console: Console = QUIET,
    left_out: Sequence[str] = (),
) -> Path:
    """Evaluate a model on files and write its errors; returns the page.

    Frames that the model was trained on are a part of their own: what is said is of the others.

    Args:
        model: file of a model, or folder of a training.
        files: data, in the order of their frames.
        folder: for all that is made; new or empty.
        energy_key, forces_key: where the labels are; None for those of the model's training, or
            to look for them if these are not there.
        console: for messages.
        left_out: frames that do not count, see :func:`fitting.leaving_out.by_file`.

    Raises:
        FittingError: the model does not fit the frames, frames of other files are left out, or the
            folder is not empty.
        DataError: a file cannot be read or used.
    """
    folder = Path(folder)
    if not Path(model).exists():
        raise FittingError(f"there is no model {model}")
    if folder.exists() and any(folder.iterdir()):
        raise FittingError(f"{folder} is not empty: give a new folder as --out, or delete it")
    refuse_other_files(left_out, [path_of(str(name)) for name in files])
    called = short_names((*files, model))
    sums = {f"SHA-256 of {short}": checksum(name) for name, short in called.items()}
    asked, trained = Keys(energy_key, forces_key), (keys_of(model), states_of_models(model))
    reading, others = read_alike(files, asked, *trained, left_out)
    part = part_of("all", reading, short_names(path_of(str(name)) for name in files))
    inspection = inspect(reading)
    console.print(inspection.text(), markup=False)
    for line in others:
        console.print(f"{'warning':<12} {line}", markup=False, highlight=False)
    potential = Potential(model)
    known = trained_on(potential.parts, part.frames)
    outside = excess(potential.ensemble.models, part.frames.structures)
    labels = dict(part.labels)
    if outside is not None:
        labels["place"] = tuple(places(outside))
    whole = evaluate(potential, part.frames, labels=labels)
    parts = whole.apart(known, NEW)
    last, which = parts[-1], np.flatnonzero(~known if parts[1:] else np.ones(len(whole.frames)))
    words = [
        *of_known_frames(known),
        *of_places(outside and [outside[k] for k in which]),
        *of_spread(last),
    ]
    alarms = worse_than_nothing(last, own_errors(potential.parts))
    for line in (*alarms, *words):
        console.print(line, markup=False, highlight=False)
    return write_results(
        folder,
        title=f"{Path(model).name} on {titled(files)}",
        lead=f"{len(part.frames):,} frames, by {', '.join(whole.names)}.",
        words=words,
        parts=parts,
        names=[part.names[k] for k in which],
        seen=inspection.text().splitlines(),
        notes=[*others, *alarms, *inspection.warnings],
        facts={"Provenance": {"model": Path(model).name, **sums, **provenance()}},
        use=use_of(model),
        summary={"model": Path(model).name, "sha256": sums, "provenance": provenance()},
    )
