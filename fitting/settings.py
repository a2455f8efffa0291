"""Settings of a training made whole: what is missing is chosen from data, model and minutes."""

import math
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from data_gen.division import SHARE
from fitting.budget import FEWEST, MEASURED, Work, measure_speed_together
from fitting.config import OF_TRAINING, Config
from fitting.data import Data
from fitting.errors import FittingError
from fitting.model import check_name, try_model, whole_model
from fitting.open_constants import of_constants, settled
from fitting.progress import QUIET, duration
from fitting.starting import newer_atoms, shift_of, shorter_distances
from keras_models.batch import cutoff_of
from keras_models.building import dtype_of
from keras_models.defaults import default_settings
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import EdgeFitSettings
from keras_models.opening import listed
from keras_models.saving import read_about
from keras_models.settings import EdgeSettings

# Factor of the learning rate where training begins with a trained model, whose solved last layer
# multiplies any change: with a third, ethanol did not get back to where it began in 500 steps.
FINE_TUNING = 1 / 30
# Minutes of a model below which its compilation must be quick: further rounds take longer, twice.
FEW_MINUTES = 3.0
# Models of an ensemble by default, if there are as many cores: more hardly lower the errors.
MOST_MODELS = 4
# Frames of the training part whose errors are shown; evenly spaced ones of more.
SHOWN = 1000
# A training that takes so many times the minutes is longer than asked for.
LONGER = 1.05


def completed(
    config: Config,
    data: Data,
    before: Config | None,
    console: Console = QUIET,
    workers: int = 1,
    finished: Path | None = None,
    begin: float | None = None,
) -> tuple[Config, EdgeFitSettings]:
    """Settings with all that is chosen from the data; steps of the minutes, if none are given.

    Of many large frames, fewer may be validated on than ``data`` has: see
    :meth:`Data.with_validation <fitting.data.Data.with_validation>`.

    Args:
        config: settings, with checksums.
        data: its data.
        before: settings that the folder has from a training that was stopped.
        console: for messages and progress.
        workers: largest number of models that are trained at once, and by default their number.
        finished: folder of ``before`` if that training was finished.
        begin: when the minutes began, by time.monotonic; now, if it is not given.

    Raises:
        FittingError: settings make no sense, or are not those of ``before``.
    """
    begin = time.monotonic() if begin is None else begin
    if before:
        config = _with_choices_of(before, config)
    starts = starting_models(config)
    if starts:
        start = pretrained(starts[0])
        _refuse_new_elements(start, data)
        weightless = config.training.get("energy_weight") == 0
        said = shorter_distances(start, data.train.frames)
        if not (before or weightless):
            open_ = read_about(starts[0]).get("undetermined", [])
            fitted = settled(start, open_, data.train.frames)
            said += of_constants(start, fitted)
            said += [*newer_atoms(start, data.train.frames), *shift_of(fitted, data.train.frames)]
        for line in () if before else said:
            console.print(f"{'warning':<12} {line}", markup=False, highlight=False)
    chosen = default_settings(data.train.frames)
    if not config.seeds:
        config = replace(config, seeds=_default_seeds(before, len(starts), workers, console))
    rounds = math.ceil(len(config.seeds) / workers)
    if config.steps is None and (config.minutes or math.inf) < FEW_MINUTES * rounds:
        chosen = replace(chosen, options={**chosen.options, "rounds": 1})
    training = {name: getattr(chosen.training, name) for name in OF_TRAINING}
    # The steps follow from the minutes, or are given.
    del training["steps"]
    if starts:
        training["learning_rate"] *= FINE_TUNING
    model = _model_of_start(config, starts[0]) if starts else config.model
    if model.get("name", chosen.model) != chosen.model:
        # Tried with the default model alone.
        training["weight_decay"] = 0.0
    if config.training.get("stages"):
        chosen = replace(chosen, dtype="float64")
    full = replace(
        config,
        model=model if starts else whole_model(model, chosen),
        training={**training, **config.training},
    )
    if not starts and not before:
        try_model(full.model, config.model, data.train.frames)
    _refuse_nothing_to_learn(full, data)
    if full.steps is None:
        if full.minutes is None:
            raise FittingError("neither minutes nor steps of training are given: give one of them")
        full = _in_time(full, config, data, console, workers, begin)
    if full.validation_share is None:
        full = replace(full, validation_share=SHARE)
    if "warm_up" not in config.training:
        # In short trainings the learning rate rises faster.
        warm_up = min(full.training["warm_up"], full.steps // 4)
        full = replace(full, training={**full.training, "warm_up": warm_up})
    if before and before.differences(full):
        go_on = f", with --continue-from {finished} to go on with its models" if finished else ""
        raise FittingError(
            f"the folder has another training, which differs in {before.told(full)}: give another "
            f"--out{go_on}, or delete the folder"
        )
    return full, settings_of(full, data.with_validation(full.validation_share))


def _with_choices_of(before: Config, config: Config) -> Config:
    """The settings, with a folder's where they say nothing.

    What was chosen remains: cores, --workers and this program's defaults may be others now.
    """
    model = {**before.model, **config.model}
    began = bool(before.continue_from) == bool(config.continue_from)
    if not began or model.get("name") != before.model.get("name"):
        # It has other options; that it is another model is told with all that differs.
        model = config.model
    elif before.model.get("options"):
        model["options"] = {**before.model["options"], **config.model.get("options", {})}
    training = {**before.training, **config.training}
    share = before.validation_share if config.validation_share is None else config.validation_share
    return replace(config, model=model, training=training, validation_share=share)


def check_settings(config: Config) -> None:
    """Refuse what can be refused before data are read.

    Raises:
        FittingError: there is no such model, or none to begin with.
    """
    if "name" in config.model:
        check_name(config.model["name"])
    for path in starting_models(config):
        if not path.is_file():
            raise FittingError(f"there is no file {path}")
        try:
            read_about(path)
        except ValueError as error:
            raise FittingError(f"{path} cannot be continued from ({error})") from None


def _refuse_new_elements(start: Pretrained, data: Data) -> None:
    new = sorted(set(data.trained.elements) - set(start.elements))
    if new:
        raise FittingError(
            f"the model to begin with knows {', '.join(start.elements)} and not {', '.join(new)}: "
            "leave out frames with other elements, or train anew, without --continue-from"
        )


def _refuse_nothing_to_learn(config: Config, data: Data) -> None:
    """Without a weight of energies, there must be forces, which single atoms do not have."""
    frames = data.train.frames
    if (
        config.training["energy_weight"] == 0
        and not (frames.with_forces & (frames.sizes > 1)).any()
    ):
        raise FittingError(
            "training.energy_weight = 0 leaves nothing to train on, as no frame to train on has "
            "forces: give energies a weight"
        )


def starting_models(config: Config) -> list[Path]:
    """Files of the models that a training begins with; empty if it begins anew.

    Raises:
        FittingError: there is none where there should be.
    """
    if not config.continue_from:
        return []
    try:
        return [Path(path) for path in listed(config.continue_from)]
    except ValueError as error:
        raise FittingError(str(error)) from None


def model_of(config: Config) -> dict:
    """What is known of the model of complete settings: if it is begun with one, what that says."""
    starts = starting_models(config)
    if not starts:
        return dict(config.model)
    found = dict(read_about(starts[0]).get("config", {}).get("model", {}))
    options = found.get("options", {})
    if "cutoff" not in options:
        options = {"cutoff": cutoff_of(pretrained(starts[0]).model), **options}
    return {**found, **config.model, "options": options}


def _model_of_start(config: Config, path: Path) -> dict:
    start = pretrained(path)
    name, dtype = start.model.name, dtype_of(start.model)
    other = {k for k, v in config.model.items() if v != {"name": name, "dtype": dtype}.get(k)}
    if other:
        raise FittingError(
            f"the model of {path} is as it was trained: leave out model.{sorted(other)[0]}"
        )
    return {"name": name, "dtype": dtype}


def pretrained(path: Path) -> Pretrained:
    """Open a model to begin with. Raises FittingError if that is not possible."""
    try:
        return Pretrained.load(path)
    except (ValueError, KeyError, TypeError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FittingError(f"{path} cannot be continued from ({first})") from None


def settings_of(config: Config, data: Data) -> EdgeFitSettings:
    """The settings of each seed's training, from complete ones.

    Raises:
        FittingError: a value makes no sense.
    """
    try:
        training = EdgeSettings(**config.training, validation=data.validation_share)
        model = dict(config.model)
        name = model.pop("name")
        model["widths"] = _tuples(model.get("widths"))
        return EdgeFitSettings(name, training, **model)
    except (ValueError, TypeError) as error:
        raise FittingError(f"settings of the training: {error}") from None


def _in_time(
    config: Config, given: Config, data: Data, console: Console, workers: int, begin: float
) -> Config:
    """The settings with what fits into the minutes that are left after timing a few steps.

    The number of steps; and if it is not given, a smaller validation block, and whether the last
    layer is solved, where these would take much of the minutes.
    """
    settings = settings_of(config.with_steps(max(1000, config.training["warm_up"] + 1)), data)
    start = next(iter(starting_models(config)), None)
    work = _work(config, data, workers)
    all_seconds = 60.0 * config.minutes
    speed = measure_speed_together(data.train.frames, settings, start, work, all_seconds, console)

    def say(text: str) -> None:
        console.print(text, markup=False)

    held = speed.held_within(all_seconds, work)
    if held < work.held and config.validation_share is None:
        share = math.ceil(1e4 * held / (work.frames + work.held)) / 1e4
        config = replace(config, validation_share=share)
        now = _work(config, data.with_validation(share), workers)
        say(
            f"{now.held:,} frames are validated on instead of {work.held:,}, as these would take "
            f"more than {100 * MEASURED:.0f} % of the minutes; the others are trained on "
            "(validation_share)"
        )
        work = now
    spent = time.monotonic() - begin
    by_default = "solve_last_layer" not in given.training
    if by_default and not speed.is_solved(all_seconds, all_seconds - spent, work):
        say(
            f"The last layer is not solved, which would take {duration(speed.solution(work))} "
            "(training.solve_last_layer)"
        )
        config = replace(config, training={**config.training, "solve_last_layer": False})
        work = replace(work, solved=0)
    steps = speed.steps_within(all_seconds - spent, work)
    seconds = spent + speed.seconds(steps, work)
    for_each = f" for each of {work.models} models" if work.models > 1 else ""
    at_once = f", {work.at_once} side by side" if work.at_once > 1 else ""
    say(
        f"{1000 * speed.step:.1f} ms a step: {steps:,} steps{for_each}{at_once}; done about "
        f"{duration(seconds)} after the start, evaluation included"
    )
    if seconds > LONGER * all_seconds:
        rest = duration(seconds - steps * speed.step * work.rounds)
        say(
            f"That is longer than the {config.minutes:g} min asked for: all but the steps takes "
            f"{rest} (compilation, {'the last layer, ' if work.solved else ''}evaluation), and "
            f"fewer than {FEWEST} steps would hardly train"
            f"{', --seeds 1 takes less' if work.models > 1 else ''}"
        )
    return config.with_steps(steps)


def _work(config: Config, data: Data, workers: int) -> Work:
    """What there is to do besides the steps."""
    parts = (data.train, data.validation, data.test)
    train, held, test = (len(part.frames) if part else 0 for part in parts)
    models = len(config.seeds)
    return Work(
        train,
        held,
        min(train, SHOWN) + held + test,
        models,
        min(models, workers),
        config.training["solve_last_layer"] * (2 if starting_models(config) else 1),
        _tuples(config.training["stages"]),
    )


def _default_seeds(
    before: Config | None, starts: int, workers: int, console: Console
) -> tuple[int, ...]:
    """Seeds where none are given: those of the folder, or as many models as cost no more time."""
    if before and before.seeds:
        return before.seeds
    if starts:
        return tuple(range(starts))
    models = min(MOST_MODELS, workers)
    if models > 1:
        console.print(
            f"{models} models, side by side: their mean has smaller errors than one, and their "
            "spread is an uncertainty; --seeds 1 trains one",
            markup=False,
        )
    return tuple(range(models))


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
