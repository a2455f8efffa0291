"""Eq. 1: the Behler-Parrinello model, with Amp's symmetry functions as its first layer.

Shapes: a batch of S structures has A atoms in total, B structures of one composition have N atoms
each; G symmetry functions. Elements and cells are inputs. Conventions are Amp's: for the symmetry
functions see :mod:`keras_models.symmetry_functions`; an atom's energy is
intercept + slope * tanh(...) and thus bounded, while in Eq. 1 it is the MLP alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers

from keras_models.backend import keras, register, tf
from keras_models.batch import batch_inputs
from keras_models.building import precision
from keras_models.layers import mlp
from keras_models.objective import Objective
from keras_models.sums import SumOfStructure
from keras_models.symmetry_functions import (
    CUTOFF,
    SymmetryFunctions,
    default_symmetry_functions,
)

# The part between fingerprints and atom energies, as a layer of the whole model.
NETWORKS = "atom_networks"


@register
class ScaledFingerprints(keras.layers.Layer):
    """Layer that scales fingerprints from the training part's range to [-1, 1]: (A, G) -> (A, G).

    As in Amp, functions with a range below 1e-8 are not scaled.

    Args:
        low, high: (G,), range in the training part.
    """

    def __init__(self, low, high, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = (np.asarray(x, float).tolist() for x in (low, high))

    def call(self, x):
        span = np.subtract(self.high, self.low)
        varies = span > 1e-8
        scale = np.where(varies, 2.0 / np.where(varies, span, 1.0), 1.0)
        offset = np.where(varies, -1.0 - scale * np.array(self.low), 0.0)
        return x * tf.constant(scale, x.dtype) + tf.constant(offset, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high}


@register
class OfElement(keras.layers.Layer):
    """Layer that sets values of all other elements to 0: (A, W) and numbers (A,) -> (A, W).

    Args:
        number: the element's atomic number.
    """

    def __init__(self, number, **kwargs):
        super().__init__(**kwargs)
        self.number = int(number)

    def call(self, inputs):
        x, numbers = inputs
        return x * tf.cast(numbers == self.number, x.dtype)[:, None]

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "number": self.number}


@register
class SlopeIntercept(keras.layers.Layer):
    """Layer x -> slope * x + intercept with trained numbers (eV), as at the end of Amp's networks.

    Args:
        slope, intercept: initial values.
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
    ranges: Mapping[str, np.ndarray],
    hidden_layers: Sequence[int],
    functions: Sequence[dict] | None = None,
    cutoff: float = CUTOFF,
    activation="tanh",
    output_activation: str | None = "tanh",
    slope: float = 1.0,
    intercept: float = 0.0,
) -> keras.Model:
    """Eq. 1, E = sum_i MLP_element(i)( G_i ): a batch of S structures -> energies (S, 1) eV.

    The input is the nest of a :class:`~keras_models.batch.Batch`. Atoms of unknown elements
    contribute nothing; the caller has to reject them.

    Args:
        ranges: {element: (G, 2)}, smallest and largest fingerprints in the training part.
        hidden_layers: nodes of each hidden layer, the same for every element.
        functions: symmetry functions; by default Amp's for the elements of ``ranges``.
        cutoff: Å.
        activation: of the hidden layers.
        output_activation: of the output node; tanh as in Amp, or None for the plain MLP of Eq. 1.
        slope, intercept: eV, initial values of these trained numbers.
    """
    functions = default_symmetry_functions(list(ranges)) if functions is None else functions
    nest = batch_inputs()
    fingerprints = SymmetryFunctions(functions, cutoff, name="symmetry_functions")(
        [nest[name] for name in ("positions", "numbers", "neighbours", "shifts")]
    )
    # A model of its own: what is trained on fingerprints that are computed beforehand.
    values = keras.Input((len(functions),), name="fingerprints")
    numbers = keras.Input((), name="atomic_numbers", dtype="int32")
    energies = []
    for element in sorted(ranges):
        low, high = np.asarray(ranges[element], float).T
        x = ScaledFingerprints(low, high, name=f"scaled_{element}")(values)
        widths = (len(functions), *hidden_layers, 1)
        x = mlp(x, widths, activation, f"mlp_{element}")
        if output_activation:
            x = keras.layers.Activation(output_activation, name=f"bounded_{element}")(x)
        x = SlopeIntercept(slope, intercept, name=f"energy_{element}")(x)
        of_element = OfElement(atomic_numbers[element], name=f"of_{element}")
        energies.append(of_element([x, numbers]))
    atom_energies = (
        keras.layers.Add(name="atom_energies")(energies) if energies[1:] else energies[0]
    )
    networks = keras.Model([values, numbers], atom_energies, name=NETWORKS)
    atom_energies = networks([fingerprints, nest["numbers"]])
    total = SumOfStructure(name="energy")([atom_energies, nest["sample"], nest["sizes"]])
    return keras.Model(nest, total, name="behler")


def from_amp(parameters: Mapping) -> keras.Model:
    """Convert a potential trained by Amp to an equivalent Keras model, in float64.

    Args:
        parameters: as returned by ``amp_baseline.potential.AmpPotential.parameters``.

    Raises:
        ValueError: the elements have different symmetry functions or hidden layers.
    """
    elements = parameters["elements"]
    sets = [e["symmetry_functions"] for e in elements.values()]
    layers = [tuple(w.shape[1] for w in e["weights"][:-1]) for e in elements.values()]
    if any(s != sets[0] for s in sets) or len(set(layers)) > 1:
        raise ValueError("the elements have different symmetry functions or hidden layers")
    with precision("float64"):
        model = behler(
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
            network(model).get_layer(name).set_weights([w[:-1], w[-1]])
        network(model).get_layer(f"energy_{element}").set_weights(
            [np.array([e["slope"]]), np.array([e["intercept"]])]
        )
    return model


def network(model: keras.Model) -> keras.Model:
    """Submodel of a Behler model from fingerprints to atom energies, with the same weights.

    Its inputs are fingerprints (A, G) and numbers (A,), its output (A, 1) in eV.
    """
    return model.get_layer(NETWORKS)


def network_energies(network: keras.Model, weights, fingerprints, numbers):
    """Energies (B,) eV of B structures of one composition from fingerprints (B, N, G).

    Args:
        network: result of :func:`network`.
        weights: tensors to use instead of its trainable variables.
        fingerprints: tensor.
        numbers: (N,), atomic numbers.
    """
    atoms, width = fingerprints.shape[1:]
    flat = tf.reshape(fingerprints, (-1, width))
    whose = tf.tile(tf.constant(numbers, tf.int32), [tf.shape(fingerprints)[0]])
    energies = network.stateless_call(weights, [], [flat, whose])[0]
    return tf.reduce_sum(tf.reshape(energies, (-1, atoms)), axis=1)


def network_energies_and_forces(network: keras.Model, weights, features, numbers):
    """Energies (B,) eV and forces (B, N, 3) eV/Å from fingerprints and their derivatives.

    F_m = - sum over i and g of dE / dG_ig * dG_ig / dx_m: the negative gradient of the whole model,
    with precomputed derivatives of the fingerprints, which do not depend on the weights.

    Args:
        network, weights, numbers: as in :func:`network_energies`.
        features: (B, N, G, 1 + 3 N), from
            :func:`~keras_models.symmetry_functions.fingerprints_and_gradients`.
    """
    values, gradients = features[..., 0], features[..., 1:]
    with tf.GradientTape() as tape:
        tape.watch(values)
        energies = network_energies(network, weights, values, numbers)
        total = tf.reduce_sum(energies)
    forces = -tf.einsum("big,bigm->bm", tape.gradient(total, values), gradients)
    return energies, tf.reshape(forces, (-1, features.shape[1], 3))


def fingerprint_objective(
    network: keras.Model,
    numbers: np.ndarray,
    energies: np.ndarray,
    forces: np.ndarray | None,
    energy_weight: float,
    force_weight: float,
) -> Objective:
    """Objective on energies and optionally forces, with fingerprints as inputs.

    Args:
        network: result of :func:`network`.
        numbers: (N,), atomic numbers.
        energies: (n,), eV.
        forces: (n, N, 3), eV/Å; if None, the inputs are fingerprints without derivatives.
        energy_weight: 1/eV^2.
        force_weight: Å^2/eV^2.
    """
    if forces is None:
        return Objective(
            network,
            lambda weights, x: (network_energies(network, weights, x, numbers),),
            (energies,),
            (energy_weight,),
        )
    return Objective(
        network,
        lambda weights, x: network_energies_and_forces(network, weights, x, numbers),
        (energies, forces),
        (energy_weight, force_weight),
    )
