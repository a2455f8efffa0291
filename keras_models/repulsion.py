"""Short-range repulsion of Ziegler, Biersack and Littmark (ZBL), below the distances of training.

At distances shorter than any in training, a network's energy is a guess, and dynamics can collapse
into it. There, the screened repulsion of two nuclei is switched on, and the network is given a
distance that does not go far below those that it knows. Nothing changes at longer distances.

Source: J. F. Ziegler, J. P. Biersack and U. Littmark, The Stopping and Range of Ions in Matter
(Pergamon, 1985); coefficients of phi in the digits of LAMMPS's pair style zbl. Shapes: A atoms,
P pairs.
"""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree

from data_gen.frames import Structure
from data_gen.neighbours import edges
from keras_models.backend import K, keras, register, tf
from keras_models.elements import species
from keras_models.rows import centre_of, sum_of_rows

# phi(x) = sum_k c_k exp(-d_k x), with sum_k c_k = 1.
COEFFICIENTS = (0.18175, 0.50986, 0.28022, 0.02817)
DECAYS = (3.19980, 0.94229, 0.40290, 0.20162)
# a = 0.8854 a_0 / (Z_i^0.23 + Z_j^0.23), in Å.
LENGTH, EXPONENT = 0.8854 * Bohr, 0.23
# e^2 / (4 pi epsilon_0), eV Å.
COULOMB = Hartree * Bohr
# The repulsion is complete at this fraction of the distance at which it begins.
COMPLETE = 0.5


def zbl(r, charges, inverse_length):
    """ZBL energy of two nuclei, eV: e^2 / (4 pi epsilon_0) Z_i Z_j / r phi(r / a).

    Args:
        r: distances, Å.
        charges: Z_i Z_j, of the same shape or broadcasting.
        inverse_length: 1 / a, 1/Å.
    """
    x = r * inverse_length
    phi = sum(c * K.exp(-d * x) for c, d in zip(COEFFICIENTS, DECAYS, strict=True))
    return COULOMB * charges / r * phi


def shortest_distances(
    structures: Sequence[Structure], elements: Sequence[str], cutoff: float
) -> np.ndarray:
    """Shortest distance of each pair of elements in the structures, (S, S) Å, symmetric.

    A pair of elements that is never within the cutoff gets the mean of both elements' own
    distances, or where one has none, the shortest distance of all.

    Args:
        structures: of the training part.
        elements: S symbols.
        cutoff: Å; the result if no atom has any neighbour.
    """
    row = {atomic_numbers[e]: k for k, e in enumerate(elements)}
    found = np.full((len(elements), len(elements)), np.inf)
    for s in structures:
        i, j, shifts = edges(s, cutoff)
        kinds = np.array([row[z] for z in np.asarray(s.numbers).tolist()])
        lengths = np.linalg.norm(s.positions[j] - s.positions[i] + shifts, axis=1)
        np.minimum.at(found, (kinds[i], kinds[j]), lengths)
    shortest = min(found.min(), cutoff)
    own = np.diag(found)
    mean = (own[:, None] + own[None]) / 2.0
    found = np.where(np.isfinite(found), found, mean)
    return np.where(np.isfinite(found), found, shortest)


@register
class HeldDistance(keras.layers.Layer):
    """Layer r -> the distance that a network is given, at least 3/4 of the shortest in training.

    With b the shortest distance in training for the pair's elements, a = b / 2 and
    t = (r - a) / (b - a), clipped to [0, 1]: max(r, b) - (b - a) (1/2 - t^3 + t^4 / 2). This is r
    above b and constant below a, and its slope 3 t^2 - 2 t^3 is continuous, as is the slope's.

    Inputs: r (P,) Å, numbers (A,), rows (R,) and other (P,) of an
    :class:`~keras_models.edges.EdgeBatch`.

    Args:
        elements: symbols.
        shortest: (S, S) Å, from :func:`shortest_distances`.
    """

    def __init__(self, elements, shortest, **kwargs):
        super().__init__(**kwargs)
        self.elements = list(elements)
        self.shortest = np.asarray(shortest, float).tolist()

    def call(self, inputs):
        r, numbers, rows, other = inputs
        begin = of_pairs(self.shortest, self.elements, numbers, rows, other, r.dtype)
        t = along(r, begin)
        below = (1.0 - COMPLETE) * begin * (0.5 - t**3 * (1.0 - 0.5 * t))
        # At b itself, where the shortest pair of training is, max and clip would both have a slope.
        return K.where(r < begin, begin - below, r)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "elements": self.elements, "shortest": self.shortest}


@register
class Repulsion(keras.layers.Layer):
    """Layer for each atom's half of the switched ZBL energies of its pairs: (A, 1) eV.

    1/2 sum_j s(r_ij) E_ZBL(r_ij), where s falls from 1 at half the shortest distance in training b
    to 0 at b as 1 - 10 t^3 + 15 t^4 - 6 t^5, with two continuous derivatives.

    Inputs and arguments: as for :class:`HeldDistance`.
    """

    def __init__(self, elements, shortest, **kwargs):
        super().__init__(**kwargs)
        self.elements = list(elements)
        self.shortest = np.asarray(shortest, float).tolist()

    def call(self, inputs):
        r, numbers, rows, other = inputs
        z = np.array([atomic_numbers[e] for e in self.elements], float)
        power = z**EXPONENT
        charges, inverse_length, begin = (
            of_pairs(table, self.elements, numbers, rows, other, r.dtype)
            for table in (np.outer(z, z), np.add.outer(power, power) / LENGTH, self.shortest)
        )
        t = along(r, begin)
        switch = 1.0 - t**3 * (10.0 - t * (15.0 - 6.0 * t))
        halves = 0.5 * switch * zbl(r, charges, inverse_length)
        return sum_of_rows(halves, rows, tf.shape(numbers)[0])[:, None]

    def compute_output_shape(self, input_shape):
        return (input_shape[1][0], 1)

    def get_config(self):
        return {**super().get_config(), "elements": self.elements, "shortest": self.shortest}


def along(r, begin):
    """Position t of r between the distances of full and of no repulsion, clipped to [0, 1]."""
    return K.clip((r - COMPLETE * begin) / ((1.0 - COMPLETE) * begin), 0.0, 1.0)


def of_pairs(table, elements, numbers, rows, other, dtype):
    """Entries of a table (S, S) for the elements of each pair: (P,)."""
    table = tf.constant(table, dtype)
    if len(elements) == 1:
        return table[0, 0]
    kinds = species(numbers, elements)
    return tf.gather(
        tf.reshape(table, (-1,)),
        tf.gather(kinds, centre_of(rows, other)) * len(elements) + tf.gather(kinds, other),
    )
