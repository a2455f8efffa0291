"""Catalogue of all models by name, with builder, default widths, inputs, output and symmetries.

Importing this module registers all functions and layers that saved models may contain. The default
widths are those printed in the report, or ours for models that the report does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from ase.data import chemical_symbols

from data_gen.dataset import Dataset, Statistics
from data_gen.frames import Frames
from keras_models import behler, energy, energy_neighbours, force, graph, linear_eq4
from keras_models.backend import keras
from keras_models.building import build_seeded, precision
from keras_models.features import Preprocessing
from keras_models.layers import swish2
from keras_models.symmetry_functions import (
    FUNCTION_SETS,
    SymmetryFunctions,
    fingerprint_range,
    fingerprints,
)

TRANSLATION, ROTATION, REFLECTION, PERMUTATION = SYMMETRIES = (
    "translation",
    "rotation",
    "reflection",
    "permutation",
)
# Activations in addition to Keras's own, by name.
ACTIVATIONS = MappingProxyType({"swish2": swish2})
# Hidden activation of energy models whose gradient is trained: with relu it would have steps.
SMOOTH_ACTIVATION = "swish2"


@dataclass(frozen=True)
class Model:
    """An entry of the catalogue.

    Attributes:
        name: its key.
        equation: of the report, or a description.
        builder: (statistics, widths, activation, **options) -> keras.Model; for "symmetry
            functions" that of :func:`keras_models.behler.behler`, for "edges" (training part, ...).
        widths: default widths, in the notation of the report's tables.
        activation: default activation of the hidden layers.
        output: "energy", (B, 1) in eV, or "force", (B, N, 3) in eV/Å.
        inputs: of the first MLP: "distances", "vectors", "coordinates", "symmetry functions", or
            "edges" for sums over an edge list.
        symmetries: operations under which an energy is invariant; forces are permuted and, if
            listed, rotated with the atoms.
        extensive: whether the network's output is a sum over atoms, pairs or triplets.
        periodic: whether it supports periodic images and several elements, and takes a
            :class:`~keras_models.batch.Batch`, or with "edges" an
            :class:`~keras_models.edges.EdgeBatch`; else it takes positions (B, N, 3).
        forms: whether it has a literal and a fast form.
        pair_mlps: prefixes of its MLPs of one variable, which second-order training initialises
            at many scales.
    """

    name: str
    equation: str
    builder: Callable[..., keras.Model]
    widths: tuple
    activation: str
    output: str
    inputs: str
    symmetries: tuple[str, ...]
    extensive: bool = True
    periodic: bool = False
    forms: bool = False
    pair_mlps: tuple[str, ...] = ()


def _energy(name, equation, widths, **more):
    builder = getattr(energy, name)
    return Model(
        name,
        equation,
        builder,
        widths,
        "relu",
        "energy",
        "distances",
        SYMMETRIES,
        forms=True,
        **more,
    )


def _force(name, equation, widths):
    # Functions of the components of x_j - x_i respect only translations and permutations.
    known = (TRANSLATION, PERMUTATION)
    builder = getattr(force, name)
    return Model(name, equation, builder, widths, "relu", "force", "vectors", known, forms=True)


def _edges(name, equation, builder, widths):
    return Model(
        name, equation, builder, widths, "swish2", "energy", "edges", SYMMETRIES, periodic=True
    )


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model(
                "behler",
                "Eq. 1",
                behler.behler,
                (10, 10, 10),
                "tanh",
                "energy",
                "symmetry functions",
                SYMMETRIES,
                periodic=True,
            ),
            _energy("eq2", "Eq. 2", ((20, 50, 1), (1, 50, 20)), pair_mlps=("pair_mlp",)),
            _energy("eq3", "Eq. 3", ((20, 50, 1), (1, 50, 20)), pair_mlps=("inner_mlp",)),
            _energy("eq4", "Eq. 4", ((10, 50, 1), (10, 50, 10), (3, 50, 10))),
            _energy(
                "eq5",
                "Eq. 5",
                ((20, 50, 1), (20, 50, 20), (1, 50, 20)),
                extensive=False,
                pair_mlps=("pair_mlp",),
            ),
            _force("eq6", "Eq. 6", ((20, 3), (20, 20), (20, 20))),
            _force("eq7", "Eq. 7 as derived", ((20, 3), (20, 20), (20, 20))),
            _force("eq7_as_printed", "Eq. 7 as printed", ((20, 3), (20, 20), (20, 20))),
            _force("eq8", "Eq. 8", ((50, 3), (50, 20), (50, 20))),
            _force("eq9", "Eq. 9", ((50, 3), (50, 20, 20), (50, 20, 20))),
            Model(
                "graph_network",
                "Eq. 10 and 11",
                graph.graph_network,
                ((6, 12, 1), (24, 6), (6, 12)),
                "relu",
                "energy",
                "coordinates",
                (TRANSLATION, PERMUTATION),
            ),
            Model(
                "distance_graph_network",
                "message passing on distances",
                graph.distance_graph_network,
                ((20, 50, 1), (20, 50, 20), (1, 50, 20)),
                "relu",
                "energy",
                "distances",
                SYMMETRIES,
                pair_mlps=("filter_mlp_1", "filter_mlp_2"),
            ),
            _edges(
                "eq2_neighbours",
                "Eq. 2 over neighbours",
                energy_neighbours.eq2_neighbours,
                energy_neighbours.WIDTHS,
            ),
            _edges(
                "eq3_neighbours",
                "Eq. 3 over neighbours",
                energy_neighbours.eq3_neighbours,
                energy_neighbours.WIDTHS,
            ),
            _edges("linear_eq4", "Eq. 4 in linear time", linear_eq4.linear_eq4, (64, 32)),
        )
    }
)


def find(name: str) -> Model:
    """Look up a model by its name. Raises ValueError, with all names, if there is no such model."""
    if name not in MODELS:
        raise ValueError(f"no model {name!r}; there is {', '.join(MODELS)}")
    return MODELS[name]


def build(
    name: str,
    data: Dataset | Frames | Statistics,
    widths: tuple | None = None,
    activation: str | Callable | None = None,
    options: Mapping | None = None,
    seed: int | None = None,
    dtype: str = "float32",
    values: np.ndarray | None = None,
) -> keras.Model:
    """Build a model by its name.

    Args:
        name: see :data:`MODELS`.
        data: the training part, or only its statistics if these are sufficient. Frames of
            different sizes or compositions are for models with "edges".
        widths, activation: None for the model's defaults.
        options: other arguments of the builder. ``preprocessing`` may be a name for
            :meth:`~keras_models.features.Preprocessing.named`, ``functions`` one of
            :data:`~keras_models.symmetry_functions.FUNCTION_SETS`; these need the training part.
        seed: of the initial weights; None does not seed Keras's generator.
        dtype: "float32" or "float64".
        values: Behler's fingerprints (n, N, G) of the training part, if known.

    Raises:
        ValueError: there is no such model, widths do not fit each other, the training part is
            needed but only its statistics were given, or it is of a kind that does not fit.
    """
    model = find(name)
    options = dict(options or {})
    widths = model.widths if widths is None else widths
    activation = model.activation if activation is None else activation
    if isinstance(activation, str):
        activation = ACTIVATIONS.get(activation, activation)
    arguments = _arguments(model, data, options, values)

    def make():
        if model.inputs == "symmetry functions":
            return model.builder(*arguments, hidden_layers=widths, activation=activation, **options)
        return model.builder(*arguments, widths, activation, **options)

    with precision(dtype):
        return make() if seed is None else build_seeded(make, seed)


def _arguments(model: Model, data, options: dict, values) -> tuple:
    """The builder's arguments before the widths; replaces names in the options by their values."""
    if model.inputs == "edges":
        if isinstance(data, Statistics):
            raise ValueError(f"{model.name} needs the training part, not its statistics alone")
        return (data if isinstance(data, Frames) else Frames.of(data),)
    if isinstance(data, Frames):
        raise ValueError(f"{model.name} needs a Dataset: frames of one system")
    behlers = model.inputs == "symmetry functions"
    named = isinstance(options.get("preprocessing"), str)
    if (behlers or named) and not isinstance(data, Dataset):
        raise ValueError(f"{model.name} needs the training part, not its statistics alone")
    if behlers:
        options["functions"] = function_set(data, options.get("functions", "default"))
        if values is None:
            layer = SymmetryFunctions(options["functions"], dtype="float64")
            values = fingerprints(layer, data.structures())
        # As in Amp, atom energies start in the middle of the range of E per atom, with half of
        # that range as the slope.
        energies = data.energies / len(data.numbers)
        options.setdefault("slope", np.ptp(energies) / 2)
        options.setdefault("intercept", (energies.max() + energies.min()) / 2)
        ranges = fingerprint_range(values, data.numbers)
        return (ranges,)
    statistics = data if isinstance(data, Statistics) else Statistics.of(data)
    if named:
        options["preprocessing"] = Preprocessing.named(options["preprocessing"], data, statistics)
    return (statistics,)


def function_set(data: Dataset, functions) -> list[dict]:
    """Symmetry functions for a dataset's elements, from the name of a set or given explicitly."""
    if not isinstance(functions, str):
        return functions
    return FUNCTION_SETS[functions](sorted({chemical_symbols[z] for z in data.numbers}))
