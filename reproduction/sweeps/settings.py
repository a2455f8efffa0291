"""Changed settings of an experiment, or of a training by scripts/train.py, from a sweep's cells."""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from data_gen.splits import PARTITIONS
from fitting.config import OF_MODEL, OF_TRAINING, Config
from keras_models.settings import EdgeSettings
from reproduction.engine.experiment import Experiment
from reproduction.errors import ReproductionError

# Settings of an experiment itself.
OF_EXPERIMENT = ("model", "widths", "activation", "loss_weights", "frames", "split", "partition")
# Arguments of builders that are no options: training part or statistics, widths, activation.
POSITIONAL = 3
# Settings of a training on a user's data that are neither its model's nor its optimiser's.
OF_CONFIG = ("energy_key", "forces_key", "split", "test_share", "validation_share")
# Of Adam's learning rate, and of a cutoff in Å: with more, a job ends badly, or not at all.
LARGEST = {"learning_rate": 10.0, "cutoff": 100.0}


def changed(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """An experiment with some settings changed.

    Raises:
        ReproductionError: it has no such setting, or the value is of another kind.
        ValueError: a value makes no sense.
    """
    _check_sizes(settings)
    if "model" in settings:
        _check_model(experiment, settings["model"])
    if settings.get("partition", "time") not in PARTITIONS:
        raise ReproductionError(f"partition must be one of {', '.join(PARTITIONS)}")
    of_training: dict[str, Any] = {}
    for name, new in settings.items():
        trained = _names(experiment.training)
        if name in OF_EXPERIMENT:
            _check_counts(name, new)
            experiment = replace(experiment, **{name: _like(getattr(experiment, name), name, new)})
        elif name in trained:
            of_training[name] = _like(getattr(experiment.training, name), name, new)
        else:
            options = {**_options(experiment.model), **experiment.options}
            if name not in options:
                known = [*(n for n in OF_EXPERIMENT if getattr(experiment, n)), *trained, *options]
                raise _unknown(experiment.id, name, known)
            new = _like(options[name], name, new)
            experiment = replace(experiment, options={**experiment.options, name: new})
    if of_training:  # Together, as one may not fit another's old value.
        experiment = replace(experiment, training=replace(experiment.training, **of_training))
    return experiment


def training_config(settings: Mapping[str, Any], file: str, quick: bool) -> dict[str, Any]:
    """Attributes of a :class:`~fitting.config.Config`, without seeds, from a line of a sweep.

    Raises:
        ReproductionError: there is no such setting, or the number of steps is not given.
        FittingError: a value makes no sense.
    """
    _check_sizes(settings)
    if "minutes" in settings:
        raise ReproductionError(
            "train needs steps, not minutes: how many steps fit into these depends on the machine"
        )
    options = _options(settings.get("model", "linear_eq4"))
    of_model = tuple(name for name in OF_MODEL if name not in ("name", "options"))
    config: dict[str, Any] = {"files": (file,), "minutes": None, "model": {}, "training": {}}
    for name, new in settings.items():
        if name == "model":
            config["model"]["name"] = new
        elif name in OF_CONFIG:
            config[name] = new
        elif name in of_model:
            config["model"][name] = new
        elif name in OF_TRAINING:
            config["training"][name] = new
        elif name in options:
            config["model"].setdefault("options", {})[name] = new
        else:
            raise _unknown("train", name, ("model", *OF_CONFIG, *of_model, *OF_TRAINING, *options))
    if "steps" not in config["training"]:
        raise ReproductionError("train needs a number in the column steps")
    whole = Config(**config)
    if quick:
        # The default warm-up is shortened as it is chosen.
        short = EdgeSettings(**{"warm_up": 0, **whole.training}).quick()
        whole = replace(whole, training={name: getattr(short, name) for name in whole.training})
    return {k: v for k, v in asdict(whole).items() if k != "seeds"}


def stated(experiment: Experiment, config: Mapping[str, Any], name: str, new: Any) -> Any:
    """What a cell's setting is in what is run, which at quick size may be another.

    Args:
        experiment: to run.
        config: of a line of scripts/train.py, or empty.
        name: of the column.
        new: value of the cell.
    """
    run = {n: getattr(experiment.training, n) for n in _names(experiment.training)}
    run |= {n: getattr(experiment, n) for n in OF_EXPERIMENT} | dict(experiment.options)
    return (config["training"] if config else run).get(name, new)


def _check_sizes(settings: Mapping[str, Any]) -> None:
    """Raise ReproductionError for numbers that cannot be meant."""
    for name, most in LARGEST.items():
        if isinstance(new := settings.get(name), (int, float)) and not new <= most:
            raise ReproductionError(f"{name} must be at most {most:g}, not {new}")


def _check_counts(name: str, new: Any) -> None:
    """Raise ReproductionError for what cannot be numbers of frames, or weights of E and F."""

    def counts(entry: Any) -> bool:
        return isinstance(entry, int) and not isinstance(entry, bool) and entry >= 1

    if name == "frames" and not counts(new):
        raise ReproductionError(f"frames must be a whole number from 1, not {plain(new)}")
    if name == "split" and not (isinstance(new, tuple) and len(new) == 2 and all(map(counts, new))):
        raise ReproductionError(
            "split must be the numbers of training and of test frames, such as [2000, 500], not "
            f"{plain(new)}"
        )
    if name == "loss_weights" and not (isinstance(new, tuple) and len(new) == 2 and _numbers(new)):
        raise ReproductionError(f"loss_weights must be a list such as [1, 1], not {plain(new)}")


def _check_model(experiment: Experiment, name: Any) -> None:
    """Raise ReproductionError if a model is not of the kind of an experiment's own."""
    from keras_models.catalogue import MODELS

    own = MODELS.get(experiment.model)
    if own is None:
        raise ReproductionError(f"{experiment.id} has no model that could be another")
    alike = [m.name for m in MODELS.values() if (m.inputs, m.output) == (own.inputs, own.output)]
    if name not in alike:
        raise ReproductionError(
            f"model of {experiment.id} must be {', '.join(alike)}, not {name!r}"
        )


def _names(training: Any) -> list[str]:
    return [f.name for f in fields(training)] if training is not None else []


def _options(model: str) -> dict[str, Any]:
    """Options of a model's builder, with their defaults; none for a task without a model."""
    # Takes seconds: it brings TensorFlow.
    from keras_models import catalogue

    if model not in catalogue.MODELS:
        return {}
    known = list(inspect.signature(catalogue.find(model).builder).parameters.values())
    return {p.name: p.default for p in known[POSITIONAL:] if p.default is not p.empty}


def _like(old: Any, name: str, new: Any) -> Any:
    """A value of the kind of the one that it replaces.

    Raises:
        ReproductionError: it is of another kind.
    """
    number = isinstance(new, (int, float)) and not isinstance(new, bool)
    if old is None or (isinstance(old, bool) and isinstance(new, bool)):
        return new
    if isinstance(old, bool):
        raise ReproductionError(f"{name} must be true or false, not {new!r}")
    if isinstance(old, int):
        kind, fits = "a whole number", number and isinstance(new, int)
    elif isinstance(old, float):
        kind, fits = "a number", number
        new = float(new) if number else new
    elif isinstance(old, tuple):
        kind, fits = f"a list such as {plain(old)}", isinstance(new, tuple)
        fits = fits and _numbers(new) and (not old or _depth(new) == _depth(old))
    else:
        kind, fits = "a word", isinstance(new, str)
    if not fits:
        raise ReproductionError(f"{name} must be {kind}, not {plain(new)}")
    return new


def _depth(entry: Any) -> int:
    return 1 + max(map(_depth, entry), default=0) if isinstance(entry, tuple) else 0


def _numbers(entry: Any) -> bool:
    if isinstance(entry, tuple):
        return bool(entry) and all(map(_numbers, entry))
    return isinstance(entry, (int, float)) and not isinstance(entry, bool)


def plain(entry: Any) -> str:
    """A value as JSON writes it, nearly."""
    return str(entry).replace("(", "[").replace(",)", "]").replace(")", "]")


def _unknown(of: str, name: str, known: Iterable[str]) -> ReproductionError:
    known = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"there is {', '.join(known)}"
    return ReproductionError(f"{of} has no setting {name!r}; {hint}")
