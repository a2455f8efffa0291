"""From settings to a folder with a trained model, its errors and a page; resumes where it stopped.

A folder has ``config.json`` from when training begins, ``unfinished/`` with checkpoints until a
model is in ``models/``, and ``report.html`` when all is done.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from data_gen.files import sweep
from data_gen.locks import Held, held
from data_gen.machine import cores
from data_gen.states import merged
from fitting import memory, page
from fitting.config import NAME, Config, read_config, write_config
from fitting.data import Data, Part, few_frames, joined, load
from fitting.errors import FittingError
from fitting.evaluation import Evaluation, Potential, baseline_of
from fitting.known import fingerprints, known_again, trained_on
from fitting.leaving_out import renamed
from fitting.page import totals
from fitting.progress import QUIET
from fitting.results import provenance, use_of, write_results
from fitting.seeds import CURVES, UNFINISHED, Training, train_seeds, use_one_thread
from fitting.settings import (
    MOST_MODELS,
    SHOWN,
    check_settings,
    completed,
    model_of,
    starting_models,
)
from fitting.show import KNOWN, plain, short_names, titled
from fitting.starting import with_places
from fitting.words import (
    errors_when_solved,
    of_few_starts,
    of_last_layers,
    of_spread,
    of_tested_frames,
    of_training,
    of_twins,
    of_validated_frames,
    worse_than_nothing,
)
from keras_models.checkpoints import load_arrays
from keras_models.fit_edges import EdgeFitSettings
from keras_models.opening import MODELS
from keras_models.saving import read_about

# What reference energies are that are not those of isolated atoms.
FITTED = "least squares of the energies by composition: alone, they have no meaning"


def train(
    config: Config,
    folder: Path,
    console: Console = QUIET,
    workers: int | None = None,
    begin: float | None = None,
) -> Path:
    """Train as the settings say, or go on with a training that was stopped; returns the page.

    TensorFlow gets one thread, on which bits depend, in processes and here, where a program that
    has computed with it before keeps its own number.

    Args:
        config: settings; what is missing is chosen from the data.
        folder: for all that is made; new, empty or of the same training.
        console: for messages and progress.
        workers: largest number of seeds that are trained at once, in processes of one thread;
            by default one for each core, as far as memory suffices. A model does not depend on it,
            but how many there are by default, and in few minutes their rounds, do.
        begin: when the minutes of the settings began, by time.monotonic; by default now.

    Raises:
        FittingError: settings or data do not fit, or the folder has something else in it.
        DataError: a file cannot be read or used.
        Diverged: the loss is not finite.
        TooManyWeights: the model is too large for training.stages.
        TrainingFailed: a process was killed or ran out of memory.
        Stop: the user asked to stop; the same call resumes from there.
    """
    begin = time.monotonic() if begin is None else begin
    folder = Path(folder)
    if not config.files:
        raise FittingError("there are no files to train on: name at least one")
    use_one_thread()
    check_settings(config)
    # First of all, lest a lock be left in a folder of something else.
    _before(folder)
    config = config.with_checksums()
    data = load(config)
    if starts := starting_models(config):
        known = (read_about(path).get("isolated", ()) for path in starts)
        data = with_places(data, set.intersection(*map(set, known)))
    for line in (*data.seen, data.split):
        console.print(line, markup=False, highlight=False)
    with _alone(folder):
        before = _before(folder)
        finished = folder if before and (folder / page.NAME).is_file() else None
        if not (workers or finished):
            given = len((before or config).seeds) or len(starts)
            models, cutoff = given or MOST_MODELS, _cutoff(config, before)
            workers = memory.at_once(data.trained, cutoff, models, cores(), console, bool(given))
        workers = workers or cores()
        config, settings = completed(config, data, before, console, workers, finished, begin)
        if finished:
            console.print(f"This training is finished: see {folder / page.NAME}", markup=False)
            return folder / page.NAME
        if before:
            console.print(f"Going on with the training in {folder}", markup=False)
        write_config(config, folder / NAME)
        data = data.with_validation(config.validation_share)
        options = plain(model_of(config).get("options", {}))
        console.print(f"model {settings.model}: {options}", markup=False, highlight=False)
        training = _training(folder, config, settings, data)
        for line in _of_twins(data):
            console.print(f"{'warning':<12} {line}", markup=False, highlight=False)
        if data.test:
            known = known_again(data.test.frames, training.frames)
            for line in of_tested_frames(known):
                console.print(f"{'warning':<12} {line}", markup=False, highlight=False)
        train_seeds(training, workers, console)
        console.print("Evaluating", markup=False)
        return _conclude(folder, config, data, console)


def _cutoff(config: Config, before: Config | None) -> float | None:
    """The cutoff of neighbours that is given or was chosen, if it is known yet."""
    if starting_models(config):
        return model_of(config)["options"]["cutoff"]
    models = (config.model, before.model if before else {})
    return next((m["options"]["cutoff"] for m in models if "cutoff" in m.get("options", {})), None)


def _training(folder: Path, config: Config, settings: EdgeFitSettings, data: Data) -> Training:
    """What the trainings of all seeds have in common."""
    # The frames of a training that this one goes on from chose its weights, too.
    before = [read_about(path) for path in starting_models(config)]
    known = (frame for about in before for frame in about.get("frames", ()))
    frames = sorted({*known, *fingerprints(data.trained)})
    states = merged([*(about["states"] for about in before if "states" in about), data.states])
    baseline = baseline_of(data.train.frames)
    return Training(folder, config, settings, data.trained, baseline, frames, data.keys, states)


def _conclude(folder: Path, config: Config, data: Data, console: Console) -> Path:
    """Evaluate the models on all parts and write everything but them."""
    potential = Potential(folder)
    shown = data.train
    if len(shown.frames) > SHOWN:
        shown = shown[np.linspace(0, len(shown.frames) - 1, SHOWN).astype(int)]
    parts = [p for p in (shown, data.validation, data.test) if p]
    found = evaluations_of(potential, parts)
    names, known, own = parts[-1].names, None, {}
    if data.test:
        own = {e.quantity: e.rmse for e in totals(found[-2:-1])}
        known = trained_on(potential.parts, data.test.frames)
        found[-1:] = _tested(found[-1], known)
        if len(found) > len(parts):
            names = [name for name, seen in zip(names, known, strict=True) if not seen]
    about = {seed: read_about(folder / MODELS / f"seed{seed}.keras") for seed in config.seeds}
    curves = {
        seed: load_arrays(folder / CURVES / f"seed{seed}.npz", "")
        | {
            "chosen_step": about[seed]["counts"]["chosen_step"],
            "solved": errors_when_solved(about[seed]["last_layer"]),
            "start": np.array(about[seed].get("start") or [np.nan] * 2, float),
        }
        for seed in config.seeds
    }
    words = of_training(curves) if data.validation else []
    words += of_last_layers([a["last_layer"] for a in about.values()])
    words += of_spread(found[-1])
    starts = starting_models(config)
    alarms = [*of_tested_frames(known), *worse_than_nothing(found[-1], own)]
    if known is not None and known.any():
        alarms += few_frames(0, int((~known).sum()))
    if data.validation:
        alarms += of_validated_frames(trained_on(starts, data.validation.frames))
        alarms += _of_twins(data)
    alarms += of_few_starts(len(starts), len(config.seeds))
    for line in (*alarms, *words):
        console.print(line, markup=False, highlight=False)
    page_path = write_results(
        folder,
        title=f"A potential trained on {titled(config.files)}",
        lead=data.split,
        words=words,
        parts=found,
        names=names,
        seen=data.seen,
        notes=[*alarms, *data.notes],
        facts={
            "Training": _training_table(list(about.values())),
            "Settings": _settings_table(config),
            "Provenance": _provenance_table(config),
        },
        use=use_of(folder),
        curves=curves,
        summary={
            "config": json.loads((folder / NAME).read_text(encoding="utf-8")),
            "provenance": provenance(),
        },
    )
    with contextlib.suppress(OSError):
        (folder / UNFINISHED).rmdir()
    return page_path


def _of_twins(data: Data) -> list[str]:
    """Whether frames to validate on are trained on under other digits, which copies are not."""
    if not data.validation:
        return []
    return of_twins(known_again(data.validation.frames, fingerprints(data.train.frames)))


def _tested(test: Evaluation, known: np.ndarray | None) -> list[Evaluation]:
    """The test part, with frames that are trained on as a part of their own."""
    if known is not None and known.all():
        return [replace(test, part=KNOWN)]
    return test.apart(known, test.part)


def evaluations_of(potential: Potential, parts: Sequence[Part]) -> list[Evaluation]:
    """Evaluations of parts; predicted together, as each size of batches is compiled."""
    energies, forces = potential(joined(parts))
    found, first = [], 0
    for part in parts:
        own = slice(first, first + len(part.frames))
        known = (energies[:, own], [of_model[own] for of_model in forces], potential.baseline)
        found.append(
            Evaluation(
                part.frames,
                *known,
                part.name,
                part.labels,
                potential.names,
                undetermined=potential.undetermined,
                isolated=potential.isolated,
            )
        )
        first = own.stop
    return found


def _training_table(about: Sequence[Mapping]) -> dict[str, str]:
    """What the models say of their training; what differs between them with commas."""

    def of_each(kind: str, name: str) -> str:
        return ", ".join(dict.fromkeys(f"{a[kind][name]:,.0f}" for a in about))

    counts = {name.replace("_", " "): of_each("counts", name) for name in about[0]["counts"]}
    seconds = {
        f"processor seconds, {name}": of_each("seconds", name) for name in about[0]["seconds"]
    }
    references = about[0]["references"]
    return {
        **counts,
        **seconds,
        "reference energies, eV": ", ".join(f"{e} {x:.6f}" for e, x in references.items()),
        "of isolated atoms": ", ".join(about[0]["isolated"]) or "none",
        **({"of the others": FITTED} if set(references) - set(about[0]["isolated"]) else {}),
    }


def _settings_table(config: Config) -> dict[str, str]:
    own = model_of(config)
    model = {"model": own["name"], **own, **own.get("options", {})}
    names = short_names(config.named)
    left_out = [renamed(entry, lambda file: names[file]) for entry in config.leave_out]
    entries = {
        "files": [names[f] for f in config.files],
        "tested on": [names[f] for f in config.test] or "a part of the files",
        "left out": left_out or None,
        "divided by": config.split,
        "seeds": config.seeds,
        "minutes": config.minutes,
        "begun with": names.get(config.continue_from),
        **{name: value for name, value in model.items() if name not in ("name", "options")},
        **config.training,
    }
    return {name.replace("_", " "): plain(value) for name, value in entries.items()}


def _provenance_table(config: Config) -> dict[str, str]:
    names = short_names(config.sha256)
    sums = {f"SHA-256 of {names[name]}": found for name, found in config.sha256.items()}
    return {**sums, **provenance()}


def _before(folder: Path) -> Config | None:
    """Settings of a training that was begun in a folder.

    Raises:
        FittingError: the folder has something else in it.
    """
    if (folder / NAME).is_file():
        return read_config(folder / NAME)
    there = folder.iterdir() if folder.exists() else ()
    others = sorted(p.name for p in there if not p.name.startswith("."))
    if others:
        raise FittingError(
            f"{folder} has something else in it ({others[0]}): give a new folder as --out"
        )
    return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with held(folder):
            sweep(folder)
            yield
    except Held:
        raise FittingError(
            f"{folder}: another training is working here: wait for it, or give another --out"
        ) from None
