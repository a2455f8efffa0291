"""Inner and outer functions of potentials E_i = outer(own + sum_{j != i} inner(r_ij)), as Eq. 2.

EMT has this form, with inner functions (f, h) and the outer function g(sigma) + eta of their sums
sigma and eta, and so has a trained Eq. 2, with the outputs of its inner MLP. Eq. 3 is a sum over
pairs alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.emt import EmtFunctions
from keras_models.backend import K, keras, tf


@dataclass(frozen=True)
class AtomModel:
    """A potential E_i = outer(s_i), s_i = own + sum_{j != i} inner(r_ij), with d inner functions.

    Attributes:
        inner: (m,) Å -> (m, d).
        own: (d,), the i = j term.
        outer: (m, d) -> energies (m,) in eV and their slopes (m, d), eV per unit of s.
    """

    inner: Callable[[np.ndarray], np.ndarray]
    own: np.ndarray
    outer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def emt_model(emt: EmtFunctions) -> AtomModel:
    """EMT as an atom model: d = 2, inner functions (f, h), outer function g(sigma) + eta."""

    def outer(s):
        slopes = np.stack([emt.g_slope(s[:, 0]), np.ones(len(s))], axis=1)
        return emt.g(s[:, 0]) + s[:, 1], slopes

    return AtomModel(lambda r: np.stack([emt.f(r), emt.h(r)], axis=1), np.zeros(2), outer)


def eq2_model(model: keras.Model, n_atoms: int) -> AtomModel:
    """An Eq. 2 network as an atom model.

    Args:
        model: built by :func:`keras_models.energy.eq2` with the report's preprocessing; trained
            or not.
        n_atoms: N; the constant of the standardised energy is divided among the atoms.
    """
    in_ev = model.get_layer("energy")

    def outer(s):
        s = tf.constant(s)
        with tf.GradientTape() as tape:
            tape.watch(s)
            energies = mlp_alone(model, "atom_mlp", s)[:, 0] * in_ev.scale
        slopes = tape.gradient(energies, s)
        return energies.numpy() + in_ev.offset / n_atoms, slopes.numpy()

    return AtomModel(
        lambda r: mlp_alone(model, "pair_mlp", _c2(model, 1.0 / r)).numpy(),
        # The i = j term: C2 is 0 on the diagonal.
        mlp_alone(model, "pair_mlp", _c2(model, np.zeros(1))).numpy()[0],
        outer,
    )


def eq3_pair_energy(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Pair energy of an Eq. 3 network, (i, j) and (j, i) together: a function (m,) Å -> (m,) eV.

    Its sum over pairs i < j is the model's energy up to a constant: the i = j terms and the shift
    of the standardised energy.
    """

    def pair(r):
        inner = mlp_alone(model, "inner_mlp", _c2(model, 1.0 / r))
        values = mlp_alone(model, "outer_mlp", inner).numpy()[:, 0]
        return 2.0 * model.get_layer("energy").scale * values

    return pair


def _c2(model: keras.Model, inverse_distances: np.ndarray):
    """1/r, standardised as the input of the model's first MLP: (m,) 1/Å -> (m, 1) tensor."""
    layer = model.get_layer("standardised_c2")
    return tf.constant((inverse_distances * layer.scale + layer.offset)[:, None])


def mlp_alone(model: keras.Model, name: str, x):
    """Evaluate a single MLP of a model, always in float64: (m, in) -> (m, out).

    Args:
        model: contains the MLP, made of layers from :func:`keras_models.layers.mlp`.
        name: of the MLP, such as "pair_mlp".
        x: float64 tensor.
    """
    for layer in model.layers:
        if layer.name.startswith(f"{name}_"):
            kernel, bias = (K.cast(w, "float64") for w in (layer.kernel, layer.bias))
            x = layer.activation(K.matmul(x, kernel) + bias)
    return x
