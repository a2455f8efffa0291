"""Opening of saved models as an ensemble, with what their calculator must know about them."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from keras_models import load_model
from keras_models.backend import keras
from keras_models.batch import cutoff_of
from keras_models.behler import OfElement
from keras_models.building import dtype_of
from keras_models.edges import takes_edges
from keras_models.saving import read_about

# Folder of the models in the folder of a training.
MODELS = "models"
# Its settings.
CONFIG = "config.json"


@dataclass(frozen=True)
class Ensemble:
    """Models that answer together, and what they were trained for.

    Attributes:
        models: one equation with the same widths; on edge lists, of the same elements and cutoff.
        elements: symbols that they know.
        atoms: the number of atoms that they are bound to, as all that take only positions are:
            their mean energy is added once a cluster, and the function of a pair does not end at
            0. None for a sum over atoms.
        references: for each model {symbol: eV}, to be added for each atom, or None.
        undetermined: constants that the training of any of them left open, see
            :mod:`keras_models.compositions`; none where that is not known.
        isolated: elements whose references are energies of isolated atoms in all models.
    """

    models: tuple[keras.Model, ...]
    elements: frozenset[str]
    atoms: int | None
    references: tuple[Mapping[str, float] | None, ...]
    undetermined: tuple[Mapping[str, float], ...] = ()
    isolated: frozenset[str] = frozenset()


def open_ensemble(
    models,
    elements: Sequence[str] | None = None,
    references: Mapping[str, float] | None = None,
    atoms: int | None = None,
) -> Ensemble:
    """Open models and check that they belong together.

    Args:
        models: a model, a path, a folder of models, a pattern such as "runs/*.keras", or a
            sequence of these.
        elements, references, atoms: see :class:`~keras_models.calculator.KerasCalculator`.

    Raises:
        ValueError: there is no model, the models differ in more than their weights, what must be
            known about them is not, or an argument contradicts what they say themselves.
    """
    if isinstance(elements, str):
        # A single symbol, not a sequence of letters.
        elements = [elements]
    given = {
        "elements": frozenset(elements) if elements else None,
        "atoms": atoms,
        "references": references,
    }
    opened, known = [], []
    for one in listed(models):
        model, about = (one, {}) if isinstance(one, keras.Model) else _open(one)
        if cutoff_of(model) is None and tuple(model.input_shape) != (None, None, 3):
            raise ValueError(f"{model.name} does not take positions (B, N, 3)")
        opened.append(model)
        known.append(_known(model, about, given))
    if not opened:
        raise ValueError("no model was given")
    _refuse_different(opened)
    if len({(k["elements"], k["atoms"]) for k in known}) > 1:
        raise ValueError("the models of an ensemble must be of the same elements and atoms")
    if len({k["references"] is None for k in known}) > 1:
        raise ValueError(
            "only some models of the ensemble have reference energies: save the others with theirs"
        )
    first = known[0]
    return Ensemble(
        tuple(opened),
        first["elements"],
        first["atoms"],
        tuple(k["references"] for k in known),
        tuple(one for k in known for one in k["undetermined"]),
        frozenset.intersection(*(frozenset(k["isolated"]) for k in known)),
    )


def elements_of(model: keras.Model) -> frozenset[str]:
    """Elements that a model itself knows; empty for those that take only positions."""
    if cutoff_of(model) is None:
        return frozenset()
    if takes_edges(model):
        return frozenset(e for x in model.layers for e in getattr(x, "elements", ()))
    layers = [x for part in (model, *model.layers) for x in getattr(part, "layers", ())]
    return frozenset(chemical_symbols[x.number] for x in layers if isinstance(x, OfElement))


def listed(models) -> list:
    """Models and paths, with folders and patterns replaced by the files that they stand for.

    The models of a folder are those in it, or else in its ``models/``, in the order of their names.

    Raises:
        ValueError: a folder or pattern has none, or an entry is no path.
    """
    if models is None:
        return []
    if not isinstance(models, (list, tuple)):
        models = [models]
    found = []
    for one in models:
        if isinstance(one, keras.Model):
            found.append(one)
            continue
        if not isinstance(one, (str, Path)):
            raise ValueError(f"a path or a Keras model is needed, not {one!r}")
        path = Path(one)
        if path.is_dir():
            many = models_in(path) or models_in(path / MODELS)
            _warn_of_missing(path, many)
        elif has_magic(str(one)) and not path.exists():
            many = [Path(name) for name in sorted(glob(str(one)))]
        else:
            many = [path]
        if not many:
            raise ValueError(f"{one}: no model (*.keras) is there")
        found += many
    return found


def _warn_of_missing(folder: Path, models: Sequence[Path]) -> None:
    """Warn of a training's folder that has fewer models than its settings name."""
    try:
        seeds = len(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["seeds"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if models and len(models) < seeds:
        warnings.warn(
            f"{folder} has {len(models)} of {seeds} models: its training is not finished, and the "
            "same command resumes it",
            stacklevel=3,
        )


def models_in(folder: Path) -> list[Path]:
    """Files of the models in a folder, in the order of their names.

    Hidden ones are left out: they are being written, or were when a program was killed.
    """
    return sorted(p for p in folder.glob("*.keras") if not p.name.startswith("."))


def _known(model: keras.Model, about: Mapping, given: Mapping) -> dict:
    """What is known about one model: from itself, its metadata, or the arguments.

    Raises:
        ValueError: something is not known, or an argument contradicts the rest.
    """
    elements = elements_of(model) or frozenset(about.get("elements", ()))
    if given["elements"] and elements and given["elements"] != elements:
        raise ValueError(
            f"{model.name} was trained on {_names(elements)}, which elements="
            f"({_names(given['elements'])}) cannot change: leave the argument out"
        )
    elements = elements or given["elements"]
    if not elements:
        raise ValueError(
            'the models do not say which elements they know: give elements=("Au",) or the like'
        )
    if takes_edges(model):
        own, references = about.get("references"), given["references"]
        if own and references is not None and any(references.get(e) != x for e, x in own.items()):
            raise ValueError(
                f"{model.name} was saved with reference energies, which references= cannot "
                "change: leave the argument out"
            )
        references = references if own is None else own
        missing = elements - set(references) if references is not None else ()
        if missing:
            raise ValueError(f"no reference energy of {_names(missing)}")
    elif given["references"] is not None:
        raise ValueError(f"{model.name} gives whole energies: no references")
    else:
        references = None
    return {
        "elements": elements,
        "references": references,
        "undetermined": about.get("undetermined", ()),
        "isolated": about.get("isolated", ()),
        "atoms": _atoms(model, about, given, elements),
    }


def _atoms(model, about, given, elements) -> int | None:
    """The number of atoms that a model is bound to, None if it is a sum over atoms."""
    atoms = given["atoms"]
    if cutoff_of(model) is not None:
        return None
    if len(elements) > 1:
        raise ValueError(
            f"{model.name} takes positions alone and cannot tell {_names(elements)} apart: train "
            "a model that takes elements, such as linear_eq4"
        )
    found = about.get("atoms", atoms)
    if found is None:
        raise ValueError(
            f"{model.name} is bound to the number of atoms of its training, which it does not "
            "say: give atoms=6 or the like"
        )
    if atoms is not None and atoms != found:
        raise ValueError(f"{model.name} was trained on {found} atoms, not {atoms}")
    return found


def _refuse_different(models: Sequence[keras.Model]) -> None:
    """Raise ValueError if models are no ensemble."""
    first, *others = map(_kind, models)
    for k, other in enumerate(others, start=2):
        names = [name for name in first | other if first.get(name) != other.get(name)]
        if names:
            more = f" and {len(names) - 3} more" if names[3:] else ""
            raise ValueError(
                "the models of an ensemble must be one equation with the same widths, activation "
                "and statistics of the training part; on edge lists, with the same elements, "
                f"cutoff, precision and layers: models 1 and {k} differ in "
                f"{', '.join(names[:3])}{more}"
            )


def _kind(model: keras.Model) -> dict[str, Any]:
    """What models of one ensemble have in common, by name."""
    if takes_edges(model):
        # Their standardisations depend on their first weights.
        return {
            "cutoff": cutoff_of(model),
            "precision": dtype_of(model),
            "elements": elements_of(model),
            **{f"layer {x.name}": [tuple(w.shape) for w in x.weights] for x in model.layers},
        }
    # Statistics and activations are in the layers' configurations, not in the weights.
    return {
        **{f"layer {x.name}": _as_text(x.get_config()) for x in model.layers},
        "configuration": _as_text(model.get_config()),
    }


def _as_text(config: Mapping) -> str:
    return json.dumps(config, sort_keys=True, default=str)


def _open(path) -> tuple[keras.Model, dict]:
    """Open a saved model and its metadata. Raises ValueError if that fails."""
    if not Path(path).exists():
        raise ValueError(f"there is no file {path}")
    try:
        return load_model(path), read_about(path)
    except (ValueError, KeyError, TypeError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not a saved model of this project ({first})") from None


def _names(elements) -> str:
    return ", ".join(sorted(elements))
