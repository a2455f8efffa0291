"""Eq. 2 to 5: manybody-expansion models of the energy E(X).

Each builder returns a functional model from positions (B, N, 3) in Å to energies (B, 1) in eV,
with any number of atoms N. Features are C2 = 1/R with 0 on the diagonal, standardised with the
training part's statistics (appendix B); sums run over all j and k, the i = j terms included, as
in the report's tensors. :class:`Preprocessing` has the other choices that appendix B speaks of. An
architecture is written as in Table 4: input, hidden and output widths, outermost MLP first.
"""

from dataclasses import dataclass

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
    sum_over_other_atoms,
    sum_over_other_neighbours,
    sum_over_third_atoms,
    with_feature_axis,
)

EQ2_WIDTHS = ((20, 50, 1), (1, 50, 20))
EQ3_WIDTHS = ((20, 50, 1), (1, 50, 20))
EQ4_WIDTHS = ((10, 50, 1), (10, 50, 10), (3, 50, 10))
EQ5_WIDTHS = ((20, 50, 1), (20, 50, 20), (1, 50, 20))


@dataclass(frozen=True)
class Preprocessing:
    """Appendix B's choices: how pairs enter the first MLP, and E leaves the last.

    Attributes:
        pair_shift, pair_scale: a pair enters as (x - shift) / scale, x its C2 in 1/Å (or r in Å).
        energy_shift, energy_scale: eV; E is scale times the network's output plus shift.
        inverse: x is C2 = 1/R, else it is R itself.
        diagonal: "kept", the i = j entries' 0 is shifted and scaled like all others; "zero",
            it is 0 after that; "left out", the sums do not have those terms.
        scaling: what shift and scale do, for the layer's name.

    Raises:
        ValueError: no such treatment of the diagonal, or a scale that is not positive.
    """

    pair_shift: float
    pair_scale: float
    energy_shift: float
    energy_scale: float
    inverse: bool = True
    diagonal: str = "kept"
    scaling: str = "standardised"

    def __post_init__(self) -> None:
        if self.diagonal not in ("kept", "zero", "left out"):
            raise ValueError(f"diagonal is 'kept', 'zero' or 'left out', not {self.diagonal!r}")
        if not (self.pair_scale > 0 and self.energy_scale > 0):
            raise ValueError("scales must be positive")

    @classmethod
    def standard(cls, statistics: Statistics) -> "Preprocessing":
        """The report's: C2 and E standardised, the diagonal with all the rest."""
        return cls(
            statistics.inverse_distance_mean,
            statistics.inverse_distance_std,
            statistics.energy_mean,
            statistics.energy_std,
        )


def _scaled(x, p):
    """(x - shift) / scale of C2 or R, the diagonal included."""
    name = f"{p.scaling}_{'c2' if p.inverse else 'r'}"
    return Affine(1.0 / p.pair_scale, -p.pair_shift / p.pair_scale, name=name)(x)


def _all_pairs(positions, p):
    """Scaled C2 or R, all pairs: (B, N, 3) -> (B, N, N)."""
    x = apply(geometry.distance_matrix, positions, "distances")
    if p.inverse:
        x = apply(geometry.inverse_distance_matrix, x, "inverse_distances")
    x = _scaled(x, p)
    return apply(geometry.zero_diagonal, x, "zero_diagonal") if p.diagonal == "zero" else x


def _unique_pairs(positions, p):
    """As :func:`_all_pairs`, each pair once: (B, N, 3) -> (B, 1 + P), or (B, P) without i = j."""
    x = apply(geometry.unique_distances, positions, "distances")
    if p.diagonal == "left out":
        return _scaled(apply(geometry.inverse, x, "inverse_distances") if p.inverse else x, p)
    if p.inverse:
        x = apply(geometry.unique_inverse_distances, x, "inverse_distances")
    else:
        x = apply(geometry.with_diagonal, x, "with_diagonal")
    x = _scaled(x, p)
    return apply(geometry.zero_first, x, "zero_diagonal") if p.diagonal == "zero" else x


def _pair_features(positions, p, unique_pairs):
    """Scaled C2 or R with a feature axis, and the sum over j that fits its layout."""
    if unique_pairs:
        x, sums = _unique_pairs(positions, p), (sum_over_neighbours, sum_over_other_neighbours)
    else:
        x, sums = _all_pairs(positions, p), (sum_over_last_atom, sum_over_other_atoms)
    sum_over_j = sums[p.diagonal == "left out"]
    return apply(with_feature_axis, x, "pair_features"), sum_over_j


def _in_ev(x, p):
    """Standardised energy -> eV."""
    return Affine(p.energy_scale, p.energy_shift, name="energy")(x)


def _input():
    return keras.Input((None, 3), name="positions")


def eq2(
    statistics: Statistics,
    widths=EQ2_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 2, pair terms inside atom terms: E = sum_i MLP( sum_j MLP(r_ij) ).

    The single-term form of section 4.2; section 4.1 prints a second, identical term.

    Args:
        statistics: of the training part.
        widths: of the outer and the inner MLP.
        activation: of the hidden layers.
        unique_pairs: evaluate each pair once; False keeps the report's full tensors. Both are
            the same function of the same weights.
        preprocessing: of pairs and E; None is the report's, by the statistics.
    """
    p = preprocessing or Preprocessing.standard(statistics)
    atom_widths, pair_widths = widths
    positions = _input()
    pairs, sum_over_j = _pair_features(positions, p, unique_pairs)
    pair = mlp(pairs, pair_widths, activation, "pair_mlp")
    environment = apply(sum_over_j, pair, "sum_over_j")
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, p), name="eq2")


def eq3(
    statistics: Statistics,
    widths=EQ3_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 3, the classical expansion up to pairs: E = sum_ij MLP(r_ij).

    Table 4's "(20,50,1),(1,50,20)" is one pair function 1-50-20-50-1. Arguments as :func:`eq2`.
    """
    p = preprocessing or Preprocessing.standard(statistics)
    outer_widths, inner_widths = widths
    positions = _input()
    pairs, sum_over_j = _pair_features(positions, p, unique_pairs)
    inner = mlp(pairs, inner_widths, activation, "inner_mlp")
    pair = mlp(inner, outer_widths, activation, "outer_mlp")
    atom = apply(sum_over_j, pair, "sum_over_j")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, p), name="eq3")


def eq4(
    statistics: Statistics,
    widths=EQ4_WIDTHS,
    activation: str = "relu",
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 4, triplets inside pairs inside atoms.

    E = sum_i MLP( sum_j MLP( sum_k MLP(r_ij, r_ik, r_jk) ) ). Arguments as :func:`eq2`; the
    triplet function is not symmetric, so that there is no unique-pairs form. Where the diagonal
    is left out, i, j and k are three different atoms.
    """
    p = preprocessing or Preprocessing.standard(statistics)
    atom_widths, pair_widths, triplet_widths = widths
    positions = _input()
    c3 = apply(geometry.triplets, _all_pairs(positions, p), "triplets")
    if p.diagonal == "left out":
        triplet = mlp(c3, triplet_widths, activation, "triplet_mlp")
        pair_environment = apply(sum_over_third_atoms, triplet, "sum_over_k")
        pair = mlp(pair_environment, pair_widths, activation, "pair_mlp")
        environment = apply(sum_over_other_atoms, pair, "sum_over_j")
    else:
        pair_environment = sum_of_mlp(c3, triplet_widths, activation, "triplet_mlp", "sum_over_k")
        environment = sum_of_mlp(
            pair_environment, pair_widths, activation, "pair_mlp", "sum_over_j"
        )
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = apply(sum_over_last_atom, atom, "sum_over_i")
    return keras.Model(positions, _in_ev(total, p), name="eq4")


def eq5(
    statistics: Statistics,
    widths=EQ5_WIDTHS,
    activation: str = "relu",
    unique_pairs: bool = True,
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 5, one more MLP around the sum over atoms: E = MLP( sum_i MLP( sum_j MLP(1/r_ij) ) ).

    Arguments as :func:`eq2`.
    """
    p = preprocessing or Preprocessing.standard(statistics)
    total_widths, atom_widths, pair_widths = widths
    positions = _input()
    pairs, sum_over_j = _pair_features(positions, p, unique_pairs)
    pair = mlp(pairs, pair_widths, activation, "pair_mlp")
    environment = apply(sum_over_j, pair, "sum_over_j")
    atom = mlp(environment, atom_widths, activation, "atom_mlp")
    total = mlp(
        apply(sum_over_last_atom, atom, "sum_over_i"), total_widths, activation, "total_mlp"
    )
    return keras.Model(positions, _in_ev(total, p), name="eq5")
