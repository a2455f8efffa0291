"""Eq. 1: the Behler-Parrinello model, with Amp's symmetry functions as its first layer.

Shapes: B samples, N atoms, G symmetry functions. A model is of one composition, order of atoms and
cell: :func:`for_structure` carries its weights to another. Conventions are Amp's: see
:mod:`keras_models.symmetry_functions`; and an atom's energy is intercept + slope * tanh(...), so
that it is bounded, where Eq. 1 has the MLP alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols

from keras_models.backend import K, keras, register, tf
from keras_models.building import dtype_of, precision
from keras_models.layers import apply, mlp
from keras_models.objective import Objective
from keras_models.sums import sum_over_last_atom
from keras_models.symmetry_functions import (
    CUTOFF,
    SymmetryFunctions,
    default_symmetry_functions,
)


@register
class ScaledAtoms(keras.layers.Layer):
    """The fingerprints of some atoms, scaled to [-1, 1] over the training part's range.

    (B, N, G) -> (B, atoms, G). Amp leaves a function whose range is under 1e-8 as it is.

    Args:
        atoms: indices.
        low, high: (G,), of the training part.
    """

    def __init__(self, atoms, low, high, **kwargs):
        super().__init__(**kwargs)
        self.atoms = [int(i) for i in atoms]
        self.low, self.high = (np.asarray(x, float).tolist() for x in (low, high))

    def call(self, fingerprints):
        span = np.subtract(self.high, self.low)
        varies = span > 1e-8
        scale = np.where(varies, 2.0 / np.where(varies, span, 1.0), 1.0)
        offset = np.where(varies, -1.0 - scale * np.array(self.low), 0.0)
        x = K.stack([fingerprints[:, i] for i in self.atoms], axis=1)
        return x * tf.constant(scale, x.dtype) + tf.constant(offset, x.dtype)

    def get_config(self):
        own = {"atoms": self.atoms, "low": self.low, "high": self.high}
        return {**super().get_config(), **own}


@register
class SlopeIntercept(keras.layers.Layer):
    """x -> slope * x + intercept, two trained numbers (eV), as at the end of Amp's networks.

    Args:
        slope, intercept: where training starts.
    """

    def __init__(self, slope=1.0, intercept=0.0, **kwargs):
        super().__init__(**kwargs)
        self.start = {"slope": float(slope), "intercept": float(intercept)}

    def build(self, input_shape):
        constant = keras.initializers.Constant
        self.slope, self.intercept = (
            self.add_weight((1,), constant(self.start[name]), name=name) for name in self.start
        )

    def call(self, x):
        return self.slope * x + self.intercept

    def get_config(self):
        return {**super().get_config(), **self.start}


def behler(
    numbers,
    cell,
    pbc,
    ranges: Mapping[str, np.ndarray],
    hidden_layers: Sequence[int],
    functions: Sequence[dict] | None = None,
    cutoff: float = CUTOFF,
    activation="tanh",
    output_activation: str | None = "tanh",
    slope: float = 1.0,
    intercept: float = 0.0,
    room: int | None = None,
) -> keras.Model:
    """Eq. 1: E = sum_i MLP_element(i)( G_i ), positions (B, N, 3) Å -> energies (B, 1) eV.

    Args:
        numbers: (N,), atomic numbers.
        cell: (3, 3), Å.
        pbc: (3,).
        ranges: for each element, (G, 2), the least and largest fingerprints of the training part.
        hidden_layers: nodes of each hidden layer, the same for every element.
        functions: symmetry functions; Amp's default for the elements of ``ranges``.
        cutoff: Å.
        activation: of the hidden layers.
        output_activation: of the output node; Amp's tanh, or None for Eq. 1's plain MLP.
        slope, intercept: eV, where those trained numbers start.
        room: see :class:`SymmetryFunctions`.

    Raises:
        ValueError: an element without a range.
    """
    symbols = [chemical_symbols[z] for z in numbers]
    unknown = set(symbols) - set(ranges)
    if unknown:
        raise ValueError(f"no range of fingerprints for {', '.join(sorted(unknown))}")
    functions = default_symmetry_functions(list(ranges)) if functions is None else functions
    positions = keras.Input((len(symbols), 3), name="positions")
    fingerprints = SymmetryFunctions(
        numbers, cell, pbc, functions, cutoff, room, name="symmetry_functions"
    )(positions)
    energies = []
    for element in sorted(set(symbols)):
        atoms = [i for i, s in enumerate(symbols) if s == element]
        low, high = np.asarray(ranges[element], float).T
        x = ScaledAtoms(atoms, low, high, name=f"scaled_{element}")(fingerprints)
        widths = (len(functions), *hidden_layers, 1)
        x = mlp(x, widths, activation, f"mlp_{element}")
        if output_activation:
            x = keras.layers.Activation(output_activation, name=f"bounded_{element}")(x)
        x = SlopeIntercept(slope, intercept, name=f"energy_{element}")(x)
        energies.append(apply(sum_over_last_atom, x, f"sum_{element}"))
    total = energies[0]
    if len(energies) > 1:
        total = keras.layers.Add(name="energy")(energies)
    return keras.Model(positions, total, name="behler")


def from_amp(parameters: Mapping, numbers, cell, pbc) -> keras.Model:
    """The same potential as one that Amp trained, in float64.

    Args:
        parameters: of ``amp_baseline.potential.AmpPotential.parameters``.
        numbers, cell, pbc: of the structure.

    Raises:
        ValueError: elements with different symmetry functions or hidden layers, or a structure
            with an element that the potential does not know.
    """
    elements = parameters["elements"]
    sets = [e["symmetry_functions"] for e in elements.values()]
    layers = [tuple(w.shape[1] for w in e["weights"][:-1]) for e in elements.values()]
    if any(s != sets[0] for s in sets) or len(set(layers)) > 1:
        raise ValueError("the elements have different symmetry functions or hidden layers")
    with precision("float64"):
        model = behler(
            numbers,
            cell,
            pbc,
            {element: e["range"] for element, e in elements.items()},
            layers[0],
            sets[0],
            parameters["cutoff"],
            parameters["activation"],
            parameters["activation"],
        )
    for element, e in elements.items():
        names = [f"mlp_{element}_hidden_{k + 1}" for k in range(len(layers[0]))]
        for name, w in zip([*names, f"mlp_{element}_output"], e["weights"], strict=True):
            if name in {layer.name for layer in model.layers}:
                model.get_layer(name).set_weights([w[:-1], w[-1]])
        if f"energy_{element}" in {layer.name for layer in model.layers}:
            model.get_layer(f"energy_{element}").set_weights(
                [np.array([e["slope"]]), np.array([e["intercept"]])]
            )
    return model


def is_behler(model: keras.Model) -> bool:
    """A model of this module, which is of one structure and knows elements and images."""
    return any(layer.name == "symmetry_functions" for layer in model.layers)


def with_room(model: keras.Model, room: int) -> keras.Model:
    """The same potential with room for fewer neighbours: see :class:`SymmetryFunctions`."""
    g = model.get_layer("symmetry_functions")
    return for_structure(model, g.numbers, g.cell, g.pbc, room)


def for_structure(model: keras.Model, numbers, cell, pbc, room: int | None = None) -> keras.Model:
    """The same potential for other atoms or another cell, in the model's own precision.

    ``room`` is that of :class:`SymmetryFunctions`.

    Raises:
        ValueError: an element that the model was not trained on.
    """
    layers = {layer.name: layer for layer in model.layers}
    g = layers["symmetry_functions"]
    elements = [name.removeprefix("scaled_") for name in layers if name.startswith("scaled_")]
    hidden = [
        layer for name, layer in layers.items() if name.startswith(f"mlp_{elements[0]}_hidden_")
    ]
    bounded = layers.get(f"bounded_{elements[0]}")
    with precision(dtype_of(model)):
        other = behler(
            numbers,
            cell,
            pbc,
            {
                e: np.stack([layers[f"scaled_{e}"].low, layers[f"scaled_{e}"].high], axis=1)
                for e in elements
            },
            [layer.units for layer in hidden],
            g.functions,
            g.cutoff,
            hidden[0].activation,
            bounded.activation.__name__ if bounded else None,
            room=room,
        )
    for layer in other.layers:
        if layer.weights:
            layer.set_weights(layers[layer.name].get_weights())
    return other


def network(model: keras.Model) -> keras.Model:
    """The part behind the symmetry functions, (B, N, G) -> (B, 1), with the same weights."""
    return keras.Model(model.get_layer("symmetry_functions").output, model.output)


def network_energy_and_forces(network: keras.Model, weights, features):
    """Energies (B,) and forces (B, N, 3) from fingerprints and their derivatives.

    F_m = - sum over i and g of dE / dG_ig * dG_ig / dx_m: the gradient of the whole model, with
    the part that no weight changes computed beforehand.

    Args:
        network: of :func:`network`.
        weights: tensors to use in place of its trainable variables.
        features: (B, N, G, 1 + 3 N) of
            :func:`~keras_models.symmetry_functions.fingerprints_and_gradients`.
    """
    values, gradients = features[..., 0], features[..., 1:]
    with tf.GradientTape() as tape:
        tape.watch(values)
        energies = network.stateless_call(weights, [], values)[0][:, 0]
        total = tf.reduce_sum(energies)
    forces = -tf.einsum("big,bigm->bm", tape.gradient(total, values), gradients)
    return energies, tf.reshape(forces, (-1, features.shape[1], 3))


def fingerprint_objective(
    network: keras.Model,
    energies: np.ndarray,
    forces: np.ndarray | None,
    energy_weight: float,
    force_weight: float,
) -> Objective:
    """As ``gradient.gradient_objective``, on features instead of positions.

    Without forces the features are fingerprints alone, (n, N, G).
    """
    if forces is None:
        return Objective(
            network,
            lambda weights, x: (network.stateless_call(weights, [], x)[0][:, 0],),
            (energies,),
            (energy_weight,),
        )
    return Objective(
        network,
        lambda weights, x: network_energy_and_forces(network, weights, x),
        (energies, forces),
        (energy_weight, force_weight),
    )
