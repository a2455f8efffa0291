"""Eq. 2 to 5: manybody-expansion models of the energy E(X).

Each builder returns a functional model from positions (B, N, 3) in Å to energies (B, 1) in eV,
with any number of atoms N. Features are C2 = 1/R with 0 on the diagonal, standardised with the
training part's statistics (appendix B); sums run over all j and k, the i = j terms included, as
in the report's tensors. An architecture is written as in Table 4: input, hidden and output
widths, outermost MLP first.
"""

from data_gen.dataset import Statistics
from keras_models import geometry
from keras_models.backend import keras
from keras_models.layers import (
    Affine,
    apply,
    mlp,
    sum_of_mlp,
    sum_over_last_atom,
    sum_over_neighbours,
    with_feature_axis,
)

EQ2_WIDTHS = ((20, 50, 1), (1, 50, 20))
EQ3_WIDTHS = ((20, 50, 1), (1, 50, 20))
EQ4_WIDTHS = ((10, 50, 1), (10, 50, 10), (3, 50, 10))
EQ5_WIDTHS = ((20, 50, 1), (20, 50, 20), (1, 50, 20))


def _standardise(x, statistics):
    """(c - mean) / std of the training part's C2, the diagonal included."""
    std = statistics.inverse_distance_std
    mean = statistics.inverse_distance_mean
    return Affine(1.0 / std, -mean / std, name="standardised_c2")(x)


def _all_pairs(positions, statistics):
    """Standardised C2, all pairs: (B, N, 3) -> (B, N, N)."""
    r = apply(geometry.distance_matrix, positions, "distances")
    return _standardise(apply(geometry.inverse_distance_matrix, r, "inverse_distances"), statistics)


def _pair_features(positions, statistics, unique_pairs):
    """Standardised C2 with a feature axis, and the sum over j that fits its layout."""
    if unique_pairs:
        r = apply(geometry.unique_distances, positions, "distances")
        c2 = apply(geometry.unique_inverse_distances, r, "inverse_distances")
        c2, sum_over_j = _standardise(c2, statistics), sum_over_neighbours
    else:
        c2, sum_over_j = _all_pairs(positions, statistics), sum_over_last_atom
    return apply(with_feature_axis, c2, "pair_features"), sum_over_j


def _in_ev(x, statistics):
    """Standardised energy -> eV."""
    return Affine(statistics.energy_std, statistics.energy_mean, name="energy")(x)


def _input():
    return keras.Input((None, 3), name="positions")


def eq2(
    statistics: Statistics,
    widths=EQ2_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
) -> keras.Model:
    """Eq. 2, pair terms inside atom terms: E = sum_i MLP( sum_j MLP(r_ij) ).

    The single-term form of section 4.2; section 4.1 prints a second, identical term.

    Args:
        statistics: of the training part.
        widths: of the outer and the inner MLP.
        activation: of the hidden layers.
        unique_pairs: evaluate each pair once; False keeps the report's full tensors. Both are
            the same function of the same weights.
    """
    atom_widths, pair_widths = widths
    positions = _input()
    c2, sum_over_j = _pair_features(positions, statistics, unique_pairs)
    pair = mlp(c2, pair_widths, activation, "pair_mlp")
    environment = apply(sum_over_j, pair, "sum_over_j")
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, statistics), name="eq2")


def eq3(
    statistics: Statistics,
    widths=EQ3_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
) -> keras.Model:
    """Eq. 3, the classical expansion up to pairs: E = sum_ij MLP(r_ij).

    Table 4's "(20,50,1),(1,50,20)" is one pair function 1-50-20-50-1. Arguments as :func:`eq2`.
    """
    outer_widths, inner_widths = widths
    positions = _input()
    c2, sum_over_j = _pair_features(positions, statistics, unique_pairs)
    inner = mlp(c2, inner_widths, activation, "inner_mlp")
    pair = mlp(inner, outer_widths, activation, "outer_mlp")
    atom = apply(sum_over_j, pair, "sum_over_j")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, statistics), name="eq3")


def eq4(statistics: Statistics, widths=EQ4_WIDTHS, activation: str = "relu") -> keras.Model:
    """Eq. 4, triplets inside pairs inside atoms.

    E = sum_i MLP( sum_j MLP( sum_k MLP(r_ij, r_ik, r_jk) ) ). Arguments as :func:`eq2`; the
    triplet function is not symmetric, so that there is no unique-pairs form.
    """
    atom_widths, pair_widths, triplet_widths = widths
    positions = _input()
    c3 = apply(geometry.triplets, _all_pairs(positions, statistics), "triplets")
    pair_environment = sum_of_mlp(c3, triplet_widths, activation, "triplet_mlp", "sum_over_k")
    environment = sum_of_mlp(pair_environment, pair_widths, activation, "pair_mlp", "sum_over_j")
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, statistics), name="eq4")


def eq5(
    statistics: Statistics,
    widths=EQ5_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
) -> keras.Model:
    """Eq. 5, one more MLP around the sum over atoms: E = MLP( sum_i MLP( sum_j MLP(1/r_ij) ) ).

    Arguments as :func:`eq2`.
    """
    total_widths, atom_widths, pair_widths = widths
    positions = _input()
    c2, sum_over_j = _pair_features(positions, statistics, unique_pairs)
    pair = mlp(c2, pair_widths, activation, "pair_mlp")
    environment = apply(sum_over_j, pair, "sum_over_j")
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = mlp(
        apply(sum_over_last_atom, atom, "sum_over_i"), total_widths, activation, "total_mlp"
    )
    return keras.Model(positions, _in_ev(total, statistics), name="eq5")
