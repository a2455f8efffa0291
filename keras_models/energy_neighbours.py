"""Eq. 2 and 3 over neighbours: extensive, for any number of atoms, elements and cells.

In :mod:`keras_models.energy` the sums are over all atoms of one cluster, and the mean energy is
added once: a model of that cluster alone. Here the same MLPs are in sums over the neighbours within
a cutoff r_c, each term times f_c(r_ij), which falls to 0 there with two derivatives, and energies
are relative to the same atoms alone:

    Eq. 2   E = sum_i [ g_i( sum_j f_c(r_ij) MLP_ij(r_ij) ) - g_i(0) ] + ZBL
    Eq. 3   E = sum_i sum_j f_c(r_ij) MLP_ij(r_ij) + ZBL

    f_c(r) = (1 - (r / r_c)^2)^3,   MLP_ij: for the pair's elements,   g_i: an MLP for i's element,

each one network with an output for each element, or with the element as an input.

Without neighbours both are 0, and fragments that are r_c apart add up. As in the report, an MLP's
input is C2 = 1 / r, standardised. Below the shortest distances of training there is the repulsion
of :mod:`keras_models.repulsion`, and the MLPs and f_c are given its held distances.

Shapes: A atoms, P pairs (each both ways), S elements. Shapes in comments are for the report's
widths. Arguments of both builders:

* train: training part. Its structures and forces fix constants of the model: the elements, the
  standardisations and ranges, the scale of the energy, and where the repulsion begins.
* widths: of the MLPs, as in Table 4: input, hidden and output width, outermost MLP first. Elements
  come in addition.
* activation: of the hidden layers.
* cutoff: r_c, Å.
* elements: "outputs" or "input", see :func:`~keras_models.elements.atom_mlp`; for pairs, of the
  S x S ordered pairs of elements.

Both take the nest of an :class:`~keras_models.edges.EdgeBatch` of B structures to energies (B, 1)
in eV, without the reference energies of :mod:`keras_models.reference`; that of a structure with
another element is NaN. They raise ValueError if widths do not fit each other.
"""

import math
from typing import NamedTuple

from data_gen.frames import Frames
from keras_models.backend import K, keras, register, tf
from keras_models.edges import edge_inputs
from keras_models.elements import OneHot, atom_mlp
from keras_models.layers import Affine, apply, check_width, swish2
from keras_models.linear_eq4 import INPUTS, MinusLoneAtoms, PairVectors, Radial, WithLoneAtoms
from keras_models.repulsion import HeldDistance, Repulsion, shortest_distances
from keras_models.rows import centre_of, sum_of_rows
from keras_models.standardise import Measure, Standardise
from keras_models.sums import SumOfStructure

WIDTHS = ((20, 50, 1), (1, 50, 20))
# Radial functions whose sums over neighbours say whether an atom is inside the training.
RANGED = 8


@register
class SumOverNeighbours(keras.layers.Layer):
    """Layer that sums over the neighbours of each atom: (P, W), rows (R,), (A, ...) -> (A, W)."""

    def call(self, inputs):
        terms, rows, of_atoms = inputs
        return sum_of_rows(terms, rows, tf.shape(of_atoms)[0])

    def compute_output_shape(self, input_shape):
        terms, _, of_atoms = input_shape
        return (of_atoms[0], *terms[1:])


@register
def inverse_of_pairs(r):
    """C2 = 1 / r with a feature axis: (P,) Å -> (P, 1) 1/Å."""
    return 1.0 / r[:, None]


@register
def first_column(x):
    """The first of the radial functions, f_c: (P, N) -> (P, 1)."""
    return x[:, :1]


@register
class KindsOfPairs(keras.layers.Layer):
    """Layer for one-hot pairs of elements: (A, S), rows (R,), other (P,) -> (P, S * S)."""

    def call(self, inputs):
        one_hot, rows, other = inputs
        both = tf.gather(one_hot, centre_of(rows, other))[:, :, None]
        both = both * tf.gather(one_hot, other)[:, None]
        return K.reshape(both, (-1, one_hot.shape[1] ** 2))

    def compute_output_shape(self, input_shape):
        one_hot, _, other = input_shape
        return (*other, one_hot[1] ** 2)


@register
def times_element(inputs):
    """A channel for each element of the neighbour: (P, N) and kinds (P, S * S) -> (P, S * N)."""
    x, kinds = inputs
    elements = math.isqrt(kinds.shape[1])
    neighbour = K.sum(K.reshape(kinds, (-1, elements, elements)), axis=1)
    return K.reshape(neighbour[:, :, None] * x[:, None], (-1, elements * x.shape[1]))


class _Pairs(NamedTuple):
    """What both equations begin with."""

    nest: dict  # Keras inputs
    measure: Measure
    one_hot: object  # (A, S)
    kinds: object  # (P, S * S)
    c2: object  # (P, 1), standardised 1 / r
    f_c: object  # (P, 1)
    density: object  # (A, 1, 8 S), sums of radial functions
    core: object  # (A, 1), eV, repulsion


def _pairs(train: Frames, cutoff: float) -> _Pairs:
    symbols, nest = train.elements, edge_inputs()
    measure = Measure(nest, train, cutoff)
    numbers, rows, other = (nest[name] for name in ("numbers", "rows", "other"))
    shortest = shortest_distances(train.structures, symbols, cutoff)
    one_hot = OneHot(symbols, name="one_hot")(numbers)
    kinds = KindsOfPairs(name="kinds_of_pairs")([one_hot, rows, other])
    r, _ = PairVectors(cutoff, name="pairs")([nest[name] for name in INPUTS])
    of_pairs = [r, numbers, rows, other]
    held = HeldDistance(symbols, shortest, name="held")(of_pairs)
    c2 = apply(inverse_of_pairs, held, "inverse_distances")
    c2 = Standardise(*measure.of_pairs(c2), name="standardised_c2")(c2)
    radial = Radial(cutoff, RANGED, shortest.min(), name="radial")(held)  # (P, 8)
    of_elements = apply(times_element, [radial, kinds], "radial_of_elements")
    density = SumOverNeighbours(name="density")([of_elements, rows, numbers])  # (A, 8 S)
    density = keras.layers.Reshape((1, density.shape[1]), name="density_as_sums")(density)
    (density,) = measure.scaled([density], "density")
    core = Repulsion(symbols, shortest, name="repulsion")(of_pairs)
    f_c = apply(first_column, radial, "cutoff")
    return _Pairs(nest, measure, one_hot, kinds, c2, f_c, density, core)


def _model(p: _Pairs, rows, name: str) -> keras.Model:
    """A model of atoms (A + S, 1), those alone last, from which these are subtracted."""
    energies = MinusLoneAtoms(name="minus_lone_atoms")([rows, p.one_hot, p.density])
    sample, sizes = p.nest["sample"], p.nest["sizes"]
    unscaled = SumOfStructure(name="unscaled")([energies, sample, sizes])
    energies = Affine(p.measure.energy_scale(unscaled), 0.0, name="atom_energies")(energies)
    energies = keras.layers.Add(name="with_repulsion")([energies, p.core])
    total = SumOfStructure(name="energy")([energies, sample, sizes])
    return keras.Model(p.nest, total, name=name)


def eq2_neighbours(
    train: Frames,
    widths=WIDTHS,
    activation=swish2,
    cutoff: float = 6.0,
    elements: str = "outputs",
) -> keras.Model:
    """Eq. 2 over neighbours, E = sum_i [ g_i( sum_j f_c(r_ij) MLP_ij(r_ij) ) - g_i(0) ] + ZBL.

    g_i has the sum over j standardised as its input, as its size depends on the crystal.
    """
    (first, *atom_hidden, last), (one, *pair_hidden, wide) = widths
    _check(first, last, one, wide)
    p = _pairs(train, cutoff)
    pair = atom_mlp(p.c2, p.kinds, pair_hidden, wide, activation, elements, "pair_mlp")  # (P, 20)
    terms = keras.layers.Multiply(name="within_cutoff")([pair, p.f_c])
    sums = SumOverNeighbours(name="sum_over_j")([terms, p.nest["rows"], p.nest["numbers"]])
    sums = p.measure.standardised({"sum_over_j": sums}, "environment")  # (A, 20)
    rows, kinds = WithLoneAtoms(p.measure.lone, name="with_lone_atoms")([sums, p.one_hot])
    atom = atom_mlp(rows, kinds, atom_hidden, last, activation, elements, "atom_mlp", False)
    return _model(p, atom, "eq2_neighbours")


def eq3_neighbours(
    train: Frames,
    widths=WIDTHS,
    activation=swish2,
    cutoff: float = 6.0,
    elements: str = "outputs",
) -> keras.Model:
    """Eq. 3 over neighbours, E = sum_i sum_j f_c(r_ij) MLP_ij(r_ij) + ZBL.

    As in Table 4 the MLP is 1-50-20-50-1. During training there is in addition a constant of each
    element, which is subtracted with the energies of atoms alone: see
    :mod:`keras_models.optimise.edge_adam`.
    """
    (first, *outer_hidden, last), (one, *inner_hidden, wide) = widths
    _check(first, last, one, wide)
    p = _pairs(train, cutoff)
    inner = atom_mlp(p.c2, p.kinds, inner_hidden, wide, activation, elements, "inner_mlp")
    pair = atom_mlp(inner, p.kinds, outer_hidden, last, activation, elements, "outer_mlp")  # (P, 1)
    terms = keras.layers.Multiply(name="within_cutoff")([pair, p.f_c])
    atom = SumOverNeighbours(name="sum_over_j")([terms, p.nest["rows"], p.nest["numbers"]])
    rows, kinds = WithLoneAtoms([0.0], name="with_lone_atoms")([atom, p.one_hot])
    constants = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", name="constants_of_elements"
    )(kinds)
    return _model(p, keras.layers.Add(name="with_constants")([rows, constants]), "eq3_neighbours")


def _check(first, last, one, wide) -> None:
    """Raise ValueError if the two MLPs do not fit each other and what is around them."""
    check_width(wide, (first,), "outermost MLP")
    check_width(1, (one,), "innermost MLP")
    if last != 1:
        raise ValueError(f"the energy of an atom is 1 wide, not {last}")
