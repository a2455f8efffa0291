"""Eq. 4 in linear time: coupled triplets as products of sums over neighbours, for any structure.

Eq. 4's sum_j sum_k MLP(r_ij, r_ik, r_jk) costs Natom^3. With a basis of radial functions R_n and of
moments of the direction u, what the sum says about angles is in products of *neighbour sums*,

    A_i,ns,l = sum over neighbours j of element s of R_n(r_ij) M_l(u_ij),
    R_n(r) = f_c(r) T_n(x(r)),   M_0 = 1,   M_1 = u,   M_2 = u u^T - I/3:

by the addition theorem, sum_m A_lm A_lm = sum_j sum_k R(r_ij) R(r_ik) P_l(cos theta_jik) up to a
factor, which are Eq. 4's triplets with their angle. Each sum is over neighbours within a cutoff
only, so time and memory are linear in Natom. Invariants (order = number of neighbours):

    order 1   U A_0
    order 2   sum_m (U A_l)_m (V A_l)_m   for l = 0, 1, 2
    order 3   v^T M w   and   tr(N P R),   v, w = U A_1, ...;   M, N, P, R = U A_2, ...

with learned mixes U, V, ... of the channels ns, one set for each output channel. Then

    E = sum_i [F(invariants_i) - F(no neighbours)] + ZBL,   F = MLP + linear.

Optionally, the report's "coupling higher orders into lower ones" once more, in further rounds of
sums, of what the neighbours' own sums say: see :mod:`keras_models.messages`.

Sources: report, Eq. 4 and section 3.4; products of neighbour sums: EANN (Zhang, Hu and Jiang,
arXiv:1907.06159), REANN (Zhang, Xia and Jiang, Phys. Rev. Lett. 127, 156002 (2021)), MTP (Shapeev,
arXiv:1512.06054), ACE (Drautz, Phys. Rev. B 99, 014104 (2019)).

As in :mod:`keras_models.energy_neighbours`, R_n is given distances that are held at the shortest of
training, where ZBL begins. Sums and invariants are scaled to the spread that they have in training.

Shapes: A atoms, P pairs in R rows (:mod:`keras_models.rows`), S elements, N radial functions,
Q = S N channels, C mixed channels.
"""

from collections.abc import Sequence

import numpy as np

from data_gen.frames import Frames
from keras_models.backend import K, keras, register, tf
from keras_models.edges import edge_inputs
from keras_models.elements import OneHot, atom_mlp, output_of_element, species
from keras_models.layers import Affine, apply, swish2
from keras_models.messages import matrices, message_sums, moments
from keras_models.repulsion import HeldDistance, Repulsion, shortest_distances
from keras_models.rows import of_atoms, sum_of_products, vectors_of
from keras_models.standardise import Measure
from keras_models.sums import SumOfStructure

# Of the nest, what vectors follow from.
INPUTS = ("positions", "rows", "other", "shifts")


@register
class PairVectors(keras.layers.Layer):
    """Layer for distances (P,) Å and directions (P, 3) of pairs, u = (x_j - x_i + shift) / r.

    Inputs: positions (A, 3) Å, rows (R,), other (P,) and shifts (P, 3) Å of an
    :class:`~keras_models.edges.EdgeBatch`.

    Args:
        cutoff: Å, of the edge list.
    """

    def __init__(self, cutoff, **kwargs):
        super().__init__(**kwargs)
        self.cutoff = float(cutoff)

    def call(self, inputs):
        vectors = vectors_of(dict(zip(INPUTS, inputs, strict=True)))
        r = K.sqrt(K.sum(vectors * vectors, axis=-1))
        return r, vectors / r[:, None]

    def compute_output_shape(self, input_shape):
        pairs = input_shape[3]
        return pairs[:1], pairs

    def get_config(self):
        return {**super().get_config(), "cutoff": self.cutoff}


@register
class Radial(keras.layers.Layer):
    """Layer for radial functions R_n = f_c(r) T_n(x(r)), n = 0 ... N - 1: (P,) Å -> (P, N).

    f_c = (1 - (r / r_c)^2)^3 within the cutoff r_c and 0 beyond, with two continuous derivatives;
    T_n: Chebyshev polynomials of x = 1 - 2 r (r_c + d) / (r_c (r + d)), which falls from 1 at 0 to
    -1 at r_c, fastest at short distances.

    Args:
        cutoff: r_c, Å.
        polynomials: N.
        scale: d, Å.
    """

    def __init__(self, cutoff, polynomials, scale, **kwargs):
        super().__init__(**kwargs)
        self.cutoff, self.polynomials = float(cutoff), int(polynomials)
        self.scale = float(scale)

    def call(self, r):
        inside = K.maximum(1.0 - (r / self.cutoff) ** 2, 0.0)
        x = 1.0 - 2.0 * (1.0 + self.scale / self.cutoff) * r / (r + self.scale)
        found = [inside**3, inside**3 * x]
        while len(found) < self.polynomials:
            found.append(2.0 * x * found[-1] - found[-2])
        return K.stack(found[: self.polynomials], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.polynomials)

    def get_config(self):
        own = ("cutoff", "polynomials", "scale")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@register
class NeighbourSums(keras.layers.Layer):
    """Layer for A_l of all atoms: (A, 1, Q), (A, 3, Q), (A, 3, 3, Q), l = 2 without trace.

    Inputs: radial functions (P, N), directions (P, 3), numbers (A,), rows (R,), other (P,).

    Args:
        elements: S symbols of the neighbours' elements, in the order of the channels.
    """

    def __init__(self, elements, **kwargs):
        super().__init__(**kwargs)
        self.elements = list(elements)

    def call(self, inputs):
        radial, u, numbers, rows, other = inputs
        if len(self.elements) > 1:
            radial = self.of_elements(radial, tf.gather(species(numbers, self.elements), other))
        sums = of_atoms(sum_of_products(moments(u), radial, rows), rows, tf.shape(numbers)[0])
        return sums[:, :1], sums[:, 1:4], matrices(sums[:, 4:])

    def of_elements(self, radial, kinds):
        """Channels for each element of the neighbour: (P, N) and elements (P,) -> (P, Q)."""
        many = len(self.elements)
        one_hot = tf.one_hot(kinds, many, dtype=radial.dtype)
        return K.reshape(one_hot[:, :, None] * radial[:, None], (-1, many * radial.shape[1]))

    def compute_output_shape(self, input_shape):
        atoms, channels = input_shape[2][0], len(self.elements) * input_shape[0][1]
        return (atoms, 1, channels), (atoms, 3, channels), (atoms, 3, 3, channels)

    def get_config(self):
        return {**super().get_config(), "elements": self.elements}


@register
class WithLoneAtoms(keras.layers.Layer):
    """Layer that appends an atom without neighbours of each element, to subtract its energy.

    Features (A, W) and one-hot elements (A, S) -> (A + S, W), (A + S, S).

    Args:
        lone: (W,), features of an atom without neighbours.
    """

    def __init__(self, lone, **kwargs):
        super().__init__(**kwargs)
        self.lone = np.asarray(lone, float).tolist()

    def call(self, inputs):
        x, one_hot = inputs
        elements = one_hot.shape[1]
        lone = tf.constant([self.lone] * elements, x.dtype)
        unit = tf.eye(elements, dtype=one_hot.dtype)
        return K.concatenate([x, lone], axis=0), K.concatenate([one_hot, unit], axis=0)

    def compute_output_shape(self, input_shape):
        x, one_hot = input_shape
        return (None, x[1]), (None, one_hot[1])

    def get_config(self):
        return {**super().get_config(), "lone": self.lone}


@register
class MinusLoneAtoms(keras.layers.Layer):
    """Layer that subtracts the energies of atoms without neighbours: F(i) - F(no neighbours).

    Inputs: F (A + S, 1) of :class:`WithLoneAtoms`, one-hot elements (A, S), A_0 (A, 1, Q). An atom
    that has no neighbour gets exactly 0, as rounding may differ between rows of a product. There,
    f_c makes the difference vanish with two derivatives, so that this is no step.
    """

    def call(self, inputs):
        energies, one_hot, sums = inputs
        atoms = tf.shape(one_hot)[0]
        difference = energies[:atoms] - K.matmul(one_hot, energies[atoms:])
        # f_c is 0 beyond the cutoff only, and R_0 = f_c.
        near = K.max(K.abs(sums[:, 0]), axis=1, keepdims=True) > 0
        return tf.where(near, difference, 0.0 * difference)

    def compute_output_shape(self, input_shape):
        return (*input_shape[1][:1], 1)


@register
def contract(uv):
    """sum_m u_m v_m over all components: two of (A, 3, C) or the like -> (A, C)."""
    u, v = uv
    return K.sum(u * v, axis=tuple(range(1, len(u.shape) - 1)))


@register
def vector_matrix_vector(vmw):
    """v^T M w: (A, 3, C), (A, 3, 3, C), (A, 3, C) -> (A, C)."""
    v, m, w = vmw
    return K.sum(v[:, :, None] * m * w[:, None], axis=(1, 2))


@register
def trace_of_product(npr):
    """tr(N P R) of symmetric matrices: three of (A, 3, 3, C) -> (A, C)."""
    n, p, r = npr
    product = K.sum(n[:, :, :, None] * p[:, None], axis=2)
    return K.sum(product * r, axis=(1, 2))


def linear_eq4(
    train: Frames,
    hidden_layers: Sequence[int] = (64, 32),
    activation=swish2,
    cutoff: float = 6.0,
    polynomials: int = 8,
    channels: int = 16,
    order: int = 3,
    rounds: int = 1,
    elements: str = "outputs",
    repulsion: bool = True,
) -> keras.Model:
    """Eq. 4 in linear time: a batch of S structures -> energies (S, 1) eV without references.

    The input is the nest of an :class:`~keras_models.edges.EdgeBatch`. Energies are relative to the
    same atoms alone, so one atom has 0; see :mod:`keras_models.reference` for what to add. An
    element that is not in ``train`` makes its structure's energy NaN.

    Args:
        train: training part. Its structures and forces fix constants of the model: the elements,
            the standardisations, the scale of the energy, and where the repulsion begins.
        hidden_layers: nodes of each hidden layer of the MLPs.
        activation: of the hidden layers.
        cutoff: of neighbours, Å.
        polynomials: N, radial functions of each element.
        channels: C, learned mixes for each kind of invariant, and of what neighbours say.
        order: 1, 2 (angles, Eq. 4's triplets) or 3.
        rounds: 1, or more for further sums, of what the neighbours' own sums say.
        elements: "outputs" or "input", see :func:`~keras_models.elements.atom_mlp`.
        repulsion: whether ZBL takes over below the shortest distances of training.

    Raises:
        ValueError: order, rounds or the treatment of elements is not one of these.
    """
    if order not in (1, 2, 3) or rounds < 1:
        raise ValueError(f"order is 1, 2 or 3 and rounds at least 1, not {order} and {rounds}")
    symbols, nest = train.elements, edge_inputs()
    measure = Measure(nest, train, cutoff)
    numbers, rows, other = (nest[name] for name in ("numbers", "rows", "other"))
    shortest = shortest_distances(train.structures, symbols, cutoff)

    one_hot = OneHot(symbols, name="one_hot")(numbers)
    r, u = PairVectors(cutoff, name="pairs")([nest[name] for name in INPUTS])
    of_pairs = [numbers, rows, other]
    held = HeldDistance(symbols, shortest, name="held")([r, *of_pairs]) if repulsion else r
    radial = Radial(cutoff, polynomials, shortest.min(), name="radial")(held)  # (P, N)
    sums = NeighbourSums(symbols, name="sums")([radial, u, *of_pairs])
    sums = measure.scaled(sums, "sums")
    x = measure.standardised(invariants(sums, channels, order), "round_1")  # (A, W)
    density = sums[0]
    for k in range(2, rounds + 1):
        sums = message_sums(
            x, sums, radial, u, nest, one_hot, channels, hidden_layers, activation, elements, k
        )
        sums = measure.scaled(sums, f"sums_{k}")
        more = invariants(sums, channels, order, f"_{k}")
        x = keras.layers.Concatenate(name=f"rounds_1_to_{k}")(
            [x, measure.standardised(more, f"round_{k}")]
        )
    atoms, kinds = WithLoneAtoms(measure.lone, name="with_lone_atoms")([x, one_hot])
    mlp = atom_mlp(atoms, kinds, hidden_layers, 1, activation, elements, "atom_mlp", use_bias=False)
    linear = keras.layers.Dense(
        len(symbols), use_bias=False, kernel_initializer="zeros", name="linear"
    )(atoms)
    linear = apply(output_of_element, [linear, kinds], "linear_of_element")
    energies = keras.layers.Add(name="mlp_and_linear")([mlp, linear])
    energies = MinusLoneAtoms(name="minus_lone_atoms")([energies, one_hot, density])
    scale = measure.energy_scale(_sum_of_atoms(nest, energies, "unscaled"))
    energies = Affine(scale, 0.0, name="atom_energies")(energies)
    if repulsion:
        core = Repulsion(symbols, shortest, name="repulsion")([r, *of_pairs])
        energies = keras.layers.Add(name="with_repulsion")([energies, core])
    return keras.Model(nest, _sum_of_atoms(nest, energies, "energy"), name="linear_eq4")


def invariants(sums, channels: int, order: int, suffix: str = "") -> dict:
    """Invariants of neighbour sums A_l: {kind: (A, C)}, see the module for the equations.

    Args:
        sums: A_0 (A, 1, Q), A_1 (A, 3, Q) and A_2 (A, 3, 3, Q).
        channels: C.
        order: largest order.
        suffix: of the layers' names.
    """

    def mix(degree, name):
        return keras.layers.Dense(
            channels, use_bias=False, kernel_initializer="lecun_normal", name=f"{name}{suffix}"
        )(sums[degree])

    flat = keras.layers.Flatten(name=f"order_1{suffix}")
    found = {"order_1": flat(mix(0, "mix_order_1"))}
    if order >= 2:
        for k in range(3):
            both = [mix(k, f"mix_order_2_{k}{factor}") for factor in "uv"]
            found[f"order_2_{k}"] = apply(contract, both, f"order_2_{k}{suffix}")
    if order >= 3:
        vmw = [mix(k, f"mix_order_3_{name}") for k, name in ((1, "v"), (2, "m"), (1, "w"))]
        npr = [mix(2, f"mix_order_3_{name}") for name in "npr"]
        found["order_3_vmw"] = apply(vector_matrix_vector, vmw, f"order_3_vmw{suffix}")
        found["order_3_npr"] = apply(trace_of_product, npr, f"order_3_npr{suffix}")
    return found


def _sum_of_atoms(nest, energies, name):
    return SumOfStructure(name=name)([energies, nest["sample"], nest["sizes"]])


def lone_energies(model: keras.Model):
    """Function for what a model subtracts: energies F(no neighbours) of its elements.

    Without this difference, energies of atoms are determined up to a constant of their element.

    Args:
        model: of structures of any size, from :func:`linear_eq4` or
            :mod:`keras_models.energy_neighbours`.

    Returns:
        A function (weights, nest) -> (S,) eV, in the order of ``train.elements``; the weights are
        tensors to use instead of the model's trainable variables, and the nest that of any batch.
    """
    atoms, one_hot, _ = model.get_layer("minus_lone_atoms").input
    scale, elements = model.get_layer("atom_energies").scale, one_hot.shape[1]
    below = keras.Model(model.input, atoms)
    places = {id(v): k for k, v in enumerate(model.trainable_variables)}
    chosen = [places[id(v)] for v in below.trainable_variables]

    def found(weights, inputs):
        energies = below.stateless_call([weights[k] for k in chosen], [], inputs)[0]
        return scale * energies[-elements:, 0]

    return found
