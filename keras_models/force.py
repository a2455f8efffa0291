"""Eq. 6 to 9: manybody-expansion models of the forces F(X), not derived from an energy.

Each builder returns a functional model from positions (B, N, 3) in Å to forces (B, N, 3) in eV/Å,
with any number of atoms N. What goes in are vectors x_j - x_i, so that the models know
translations and permutations, but not rotations, and their net force need not be zero. Sums run
over all atoms, the i = j terms (a zero vector) included, as in the report's tensors. Forces are
standardised by one number, their root mean square: a mean per component would have no meaning.

An architecture is written as in Table 5, outermost first, each bracket one MLP's hidden and
output widths; the input widths follow. Output layers are linear. Table 5 gives three brackets for
the two MLPs of Eq. 6 and 7: the last is read as the inner MLP, the first two as blocks whose
chain is the outer one, joined as Eq. 3's are, by the first block's linear output.
"""

from data_gen.dataset import Statistics
from keras_models import geometry
from keras_models.backend import keras
from keras_models.layers import (
    Affine,
    apply,
    for_every_atom,
    mlp,
    sum_of_mlp,
    total_for_every_atom,
    vary_with_i,
    vary_with_j,
)

EQ6_WIDTHS = ((20, 3), (20, 20), (20, 20))
EQ7_WIDTHS = ((20, 3), (20, 20), (20, 20))
EQ8_WIDTHS = ((50, 3), (50, 20), (50, 20))
EQ9_WIDTHS = ((50, 3), (50, 20, 20), (50, 20, 20))


def _inputs(statistics, vectors):
    """Positions, and the scaled vectors a_ij along x_j - x_i: (B, N, 3), (B, N, N, 3).

    One scalar scales all components, without a shift: rotations act on a as on x, and the i = j
    vectors stay zero.
    """
    positions = keras.Input((None, 3), name="positions")
    a = apply(geometry.displacements, positions, "displacements")
    if vectors == "inverse_square":
        a = apply(geometry.over_squared_length, a, "over_squared_length")
        rms = statistics.inverse_displacement_rms
    elif vectors == "raw":
        rms = statistics.displacement_rms
    else:
        raise ValueError(f'vectors="{vectors}": must be "inverse_square" or "raw"')
    return positions, Affine(1.0 / rms, 0.0, name="scaled_vectors")(a)


def _model(positions, standardised, statistics, name):
    """Standardised forces -> eV/Å, as a model."""
    if standardised.shape[-1] != 3:
        raise ValueError(f"{name}: a force has 3 components, not {standardised.shape[-1]}")
    forces = Affine(statistics.force_rms, 0.0, name="forces")(standardised)
    return keras.Model(positions, forces, name=name)


def eq6(
    statistics: Statistics,
    widths=EQ6_WIDTHS,
    activation: str = "relu",
    vectors: str = "inverse_square",
) -> keras.Model:
    """Eq. 6, an atom's force from its environment: f_i = MLP( sum_j MLP(x_j - x_i) ).

    Args:
        statistics: of the training part.
        widths: Table 5's brackets. Here: two blocks of the outer MLP, and the inner MLP.
        activation: of the hidden layers.
        vectors: "inverse_square" divides each x_j - x_i by r_ij^2, which makes it the vector form
            of appendix B's 1/R; "raw" takes it in Å. Either is then divided by its root mean
            square component in the training part.

    Raises:
        ValueError: ``vectors`` is neither, or the widths do not end in 3 components.
    """
    force_widths, atom_widths, pair_widths = widths
    positions, a = _inputs(statistics, vectors)
    environment = sum_of_mlp(a, (3, *pair_widths), activation, "pair_mlp", "sum_over_j")
    atom = mlp(environment, (pair_widths[-1], *atom_widths), activation, "atom_mlp")
    force = mlp(atom, (atom_widths[-1], *force_widths), activation, "force_mlp")
    return _model(positions, force, statistics, "eq6")


def eq7(
    statistics: Statistics,
    widths=EQ7_WIDTHS,
    activation: str = "relu",
    vectors: str = "inverse_square",
) -> keras.Model:
    """Eq. 7 as derived: f_k = sum_i MLP( sum_j MLP(x_i - x_k, x_j - x_k) ).

    That is what the derivation above Eq. 7 ends in; :func:`eq7_as_printed` is Eq. 7 itself.
    Arguments and errors as :func:`eq6`.
    """
    force_widths, pair_widths, triplet_widths = widths
    positions, a = _inputs(statistics, vectors)
    # a_ki and a_kj, each multiplied by its half of the first layer before they meet as triplets.
    triplet = apply(vary_with_i, a, "vectors_k_to_i"), apply(vary_with_j, a, "vectors_k_to_j")
    environment = sum_of_mlp(triplet, (6, *triplet_widths), activation, "triplet_mlp", "sum_over_j")
    pair = mlp(environment, (triplet_widths[-1], *pair_widths), activation, "pair_mlp")
    force = sum_of_mlp(
        pair, (pair_widths[-1], *force_widths), activation, "force_mlp", "sum_over_i"
    )
    return _model(positions, force, statistics, "eq7")


def eq7_as_printed(
    statistics: Statistics,
    widths=EQ7_WIDTHS,
    activation: str = "relu",
    vectors: str = "inverse_square",
) -> keras.Model:
    """Eq. 7 letter by letter: f = sum_i MLP( sum_j MLP(x_j - x_i) ), the same for every atom.

    Nothing on the right depends on the atom on the left, so that this cannot learn forces: those
    of an isolated cluster add up to zero, and the best equal forces are zero. Kept to show it.
    Arguments and errors as :func:`eq6`.
    """
    force_widths, atom_widths, pair_widths = widths
    positions, a = _inputs(statistics, vectors)
    environment = sum_of_mlp(a, (3, *pair_widths), activation, "pair_mlp", "sum_over_j")
    atom = mlp(environment, (pair_widths[-1], *atom_widths), activation, "atom_mlp")
    force = mlp(atom, (atom_widths[-1], *force_widths), activation, "force_mlp")
    total = apply(total_for_every_atom, force, "sum_over_i")
    return _model(positions, total, statistics, "eq7_as_printed")


def eq8(
    statistics: Statistics,
    widths=EQ8_WIDTHS,
    activation: str = "relu",
    vectors: str = "inverse_square",
) -> keras.Model:
    """Eq. 8: f_k = MLP( sum_i MLP(x_i - x_k, s_i) ), s_i = sum_j MLP(x_j - x_i).

    The printed left side, f_i, is read as f_k: i is summed over. Arguments and errors as
    :func:`eq6`; each bracket is one MLP.
    """
    force_widths, atom_widths, pair_widths = widths
    positions, a = _inputs(statistics, vectors)
    s = sum_of_mlp(a, (3, *pair_widths), activation, "pair_mlp", "sum_over_j")
    atom = sum_of_mlp(
        (a, apply(for_every_atom, s, "environments")),
        (3 + pair_widths[-1], *atom_widths),
        activation,
        "atom_mlp",
        "sum_over_i",
    )
    force = mlp(atom, (atom_widths[-1], *force_widths), activation, "force_mlp")
    return _model(positions, force, statistics, "eq8")


def eq9(
    statistics: Statistics,
    widths=EQ9_WIDTHS,
    activation: str = "relu",
    vectors: str = "inverse_square",
) -> keras.Model:
    """Eq. 9, EMT's own structure: f_k = sum_i MLP(x_i - x_k, MLP(s_i)), s_i = sum_j MLP(x_j - x_i).

    The printed left side, f_i, is read as f_k: i is summed over. Arguments and errors as
    :func:`eq6`; each bracket is one MLP, and (50,20,20) has two hidden layers.
    """
    force_widths, atom_widths, pair_widths = widths
    positions, a = _inputs(statistics, vectors)
    s = sum_of_mlp(a, (3, *pair_widths), activation, "pair_mlp", "sum_over_j")
    atom = mlp(s, (pair_widths[-1], *atom_widths), activation, "atom_mlp")
    force = sum_of_mlp(
        (a, apply(for_every_atom, atom, "environments")),
        (3 + atom_widths[-1], *force_widths),
        activation,
        "force_mlp",
        "sum_over_i",
    )
    return _model(positions, force, statistics, "eq9")
