"""The model of a training: its settings made whole, and built once before anything is trained."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from data_gen.frames import Frames
from fitting.budget import FEW, some_of
from fitting.config import is_number, whole
from fitting.errors import FittingError
from keras_models import catalogue
from keras_models.backend import tf
from keras_models.fit_edges import EdgeFitSettings

# What builders, and Keras and TensorFlow in them, raise of settings that make no sense.
REFUSALS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    AttributeError,
    tf.errors.OpError,
)


def check_name(name: str) -> None:
    """Raise FittingError unless it is a model that takes edge lists."""
    on_edges = [m.name for m in catalogue.MODELS.values() if m.inputs == "edges"]
    if name not in on_edges:
        raise FittingError(
            f"{name!r} is no model for frames of any size and cell: take one of "
            f"{', '.join(on_edges)}"
        )


def whole_model(given: Mapping, chosen: EdgeFitSettings) -> dict:
    """All settings of a model: as given, or chosen, or by default.

    Raises:
        FittingError: there is no such model or option, it does not take edge lists, or an option is
            of another type than its default.
    """
    name = given.get("name", chosen.model)
    check_name(name)
    model = catalogue.find(name)
    # After training part, widths and activation.
    known = list(inspect.signature(model.builder).parameters.values())[3:]
    options = {p.name: p.default for p in known}
    by_choice = asdict(chosen)
    if name != chosen.model:
        by_choice = {"options": {k: v for k, v in by_choice["options"].items() if k == "cutoff"}}
    own = {**by_choice["options"], **given.get("options", {})}
    unknown = sorted(set(own) - set(options))
    if unknown:
        raise FittingError(f"{name} has no option {unknown[0]!r}: choose from {', '.join(options)}")
    for option, value in own.items():
        own[option] = _like(options[option], f"model.options.{option}", value)
    found = {"widths": model.widths, "activation": model.activation, "dtype": chosen.dtype_used}
    for entry in found:
        for source in (by_choice, given):
            if source.get(entry) is not None:
                found[entry] = source[entry]
    return {"name": name, **found, "options": {**options, **own}}


def _like(default: Any, name: str, value: Any) -> Any:
    """An option's value, which has to be of the type of its default."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise FittingError(f"{name} must be true or false, not {value!r}")
    elif isinstance(default, int):
        return whole(name, value, least=1)
    elif isinstance(default, float) and not is_number(value):
        raise FittingError(f"{name} must be a number, not {value!r}")
    return value


def try_model(model: Mapping, given: Mapping, frames: Frames) -> None:
    """Build a model once, for few frames, if any of its settings are given.

    Args:
        model: all settings, from :func:`whole_model`.
        given: those that a user gave.
        frames: to train on.

    Raises:
        FittingError: it cannot be built.
    """
    if not given:
        return
    name, widths, activation, options, dtype = (
        model[k] for k in ("name", "widths", "activation", "options", "dtype")
    )
    few = some_of(frames, FEW)
    try:
        catalogue.build(name, few, widths, activation, options, 0, dtype)
    except REFUSALS as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        said = {f"model.{k}": v for k, v in given.items() if k != "options"}
        said |= {f"model.options.{k}": v for k, v in given.get("options", {}).items()}
        settings = ", ".join(f"{k} = {v!r}" for k, v in said.items())
        raise FittingError(f"no model can be built with {settings} ({why})") from None
