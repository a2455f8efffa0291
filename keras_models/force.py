"""Eq. 6 to 9: manybody-expansion models of the forces F(X), written as the report's equations.

Each builder returns a functional model from positions (B, N, 3) in Å to forces (B, N, 3) in eV/Å,
for any number of atoms N. The inputs are vectors x_j - x_i, so the models respect translations and
permutations, but not rotations, and the net force is not zero in general. Sums are K.sum lambda
layers over all atoms, including the i = j terms (with a zero vector), as in the report's tensors.
Forces are divided by their root mean square; subtracting a mean per component would not be
meaningful. Shapes in comments are for the report's widths. Arguments of all builders:

* statistics: of the training part, for the standardisation.
* widths: as in Table 5, outermost first, with one MLP's hidden and output widths in each bracket;
  input widths follow from these. Table 5 gives three brackets for the two MLPs of Eq. 6 and 7: the
  last is taken as the inner MLP, and the first two as blocks that are chained to the outer MLP,
  joined, as in Eq. 3, by the linear output of the block that comes first in the computation.
* activation: of the hidden layers; output layers are linear.
* vectors: "inverse_square", "inverse_cube" or "raw", see :func:`keras_models.features.vectors`.
* c2: whether appendix B's scalar 1/r stands beside the vectors, as a fourth entry: "none", as the
  equations are printed; "all"; in Eq. 8 and 9 also "outer": beside the vectors x_i - x_k alone,
  which meet the environment of atom i, and not beside those that the environment is made of.
* form: "literal" for exactly these tensors, or "fast" for the equivalent but faster form of
  :mod:`keras_models.sums`, which is the same function of the same weights.

They raise ValueError if ``vectors``, ``c2`` or ``form`` is invalid, or the widths do not end in 3.
In shapes, V is the width of the vectors: 3, or 4 with C2.
"""

from data_gen.dataset import Statistics
from keras_models import features
from keras_models.backend import keras
from keras_models.layers import Affine, apply
from keras_models.sums import (
    for_every_atom,
    form_of,
    total_for_every_atom,
    vary_with_i,
    vary_with_j,
)

# Where C2 may stand in Eq. 8 and 9.
EITHER = ("none", "outer", "all")


def _prepare(statistics, vectors, c2, form, allowed=("none", "all")):
    """The form of the sums, the input (B, N, 3) Å, and the inner and outer vectors (B, N, N, V)."""
    if c2 not in allowed:
        raise ValueError(f"c2={c2!r}: must be one of {', '.join(map(repr, allowed))}")
    positions = features.positions_input()
    if c2 == "none":
        inner = outer = features.vectors(positions, statistics, vectors)
    else:
        inner, outer = features.vectors_and_c2(positions, statistics, vectors)
        inner = outer if c2 == "all" else inner
    return form_of(form), positions, inner, outer


def _model(positions, standardised, statistics, f, name):
    """A model whose output is the standardised forces (B, N, 3), scaled to eV/Å."""
    standardised = f.tensor(standardised)
    if standardised.shape[-1] != 3:
        raise ValueError(f"{name}: a force has 3 components, not {standardised.shape[-1]}")
    forces = Affine(statistics.force_rms, 0.0, name="forces")(standardised)
    return keras.Model(positions, forces, name=name)


def eq6(
    statistics: Statistics,
    widths,
    activation,
    vectors: str = "inverse_square",
    c2: str = "none",
    form: str = "fast",
) -> keras.Model:
    """Eq. 6, an atom's force from its environment: f_i = MLP( sum_j MLP(x_j - x_i) )."""
    force_widths, atom_widths, pair_widths = widths
    f, positions, a, _ = _prepare(statistics, vectors, c2, form)  # a: (B, N, N, V)
    pair = f.mlp(a, (a.shape[-1], *pair_widths), activation, "pair_mlp")  # (B, N, N, 20)
    environment = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    atom = f.mlp(environment, (pair_widths[-1], *atom_widths), activation, "atom_mlp")
    force = f.mlp(atom, (atom_widths[-1], *force_widths), activation, "force_mlp")  # (B, N, 3)
    return _model(positions, force, statistics, f, "eq6")


def eq7(
    statistics: Statistics,
    widths,
    activation,
    vectors: str = "inverse_square",
    c2: str = "none",
    form: str = "fast",
) -> keras.Model:
    """Eq. 7 as read from its derivation: f_k = sum_i MLP( sum_j MLP(x_i - x_k, x_j - x_k) ).

    Of the report's derivation a factor h(x_i - x_k) and a second sum are left out
    (ASSUMPTIONS.md); :func:`eq7_as_printed` is Eq. 7 as printed. For Au6 the inner MLP is
    evaluated for 6 x 6 x 6 terms.
    """
    force_widths, pair_widths, triplet_widths = widths
    f, positions, a, _ = _prepare(statistics, vectors, c2, form)  # a: (B, N, N, V)
    a_ki = apply(vary_with_i, a, "vectors_k_to_i")  # (B, N, N, 1, V)
    a_kj = apply(vary_with_j, a, "vectors_k_to_j")  # (B, N, 1, N, V)
    both = f.concat(a_ki, a_kj, "concat")  # (B, N, N, N, 2 V)
    widths_in = (2 * a.shape[-1], *triplet_widths)
    triplet = f.mlp(both, widths_in, activation, "triplet_mlp")  # (B, N, N, N, 20)
    environment = f.sum_triplets(triplet, "sum_over_j")  # (B, N, N, 20)
    pair = f.mlp(environment, (triplet_widths[-1], *pair_widths), activation, "pair_mlp")
    force = f.mlp(pair, (pair_widths[-1], *force_widths), activation, "force_mlp")  # (B, N, N, 3)
    total = f.sum_pairs(force, "sum_over_i")  # (B, N, 3)
    return _model(positions, total, statistics, f, "eq7")


def eq7_as_printed(
    statistics: Statistics,
    widths,
    activation,
    vectors: str = "inverse_square",
    c2: str = "none",
    form: str = "fast",
) -> keras.Model:
    """Eq. 7 exactly as printed: f = sum_i MLP( sum_j MLP(x_j - x_i) ), the same for every atom.

    The right-hand side does not depend on the atom, so this model cannot learn forces: those of an
    isolated cluster add up to zero, hence the best equal forces are zero. It is included to
    demonstrate this.
    """
    force_widths, atom_widths, pair_widths = widths
    f, positions, a, _ = _prepare(statistics, vectors, c2, form)  # a: (B, N, N, V)
    pair = f.mlp(a, (a.shape[-1], *pair_widths), activation, "pair_mlp")  # (B, N, N, 20)
    environment = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    atom = f.mlp(environment, (pair_widths[-1], *atom_widths), activation, "atom_mlp")
    force = f.mlp(atom, (atom_widths[-1], *force_widths), activation, "force_mlp")  # (B, N, 3)
    total = apply(total_for_every_atom, f.tensor(force), "sum_over_i")  # (B, N, 3)
    return _model(positions, total, statistics, f, "eq7_as_printed")


def eq8(
    statistics: Statistics,
    widths,
    activation,
    vectors: str = "inverse_square",
    c2: str = "none",
    form: str = "fast",
) -> keras.Model:
    """Eq. 8: f_k = MLP( sum_i MLP(x_i - x_k, s_i) ), s_i = sum_j MLP(x_j - x_i).

    The printed left-hand side, f_i, is taken as f_k, because i is summed over.
    """
    force_widths, atom_widths, pair_widths = widths
    f, positions, a, b = _prepare(statistics, vectors, c2, form, EITHER)  # (B, N, N, V)
    pair = f.mlp(a, (a.shape[-1], *pair_widths), activation, "pair_mlp")  # (B, N, N, 20)
    s = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    s_i = apply(for_every_atom, s, "environments")  # (B, 1, N, 20)
    both = f.concat(b, s_i, "concat")  # (B, N, N, V + 20)
    atom = f.mlp(both, (b.shape[-1] + pair_widths[-1], *atom_widths), activation, "atom_mlp")
    environment = f.sum_pairs(atom, "sum_over_i")  # (B, N, 20)
    force = f.mlp(environment, (atom_widths[-1], *force_widths), activation, "force_mlp")
    return _model(positions, force, statistics, f, "eq8")


def eq9(
    statistics: Statistics,
    widths,
    activation,
    vectors: str = "inverse_square",
    c2: str = "none",
    form: str = "fast",
) -> keras.Model:
    """Eq. 9, as EMT's structure: f_k = sum_i MLP(x_i - x_k, MLP(s_i)), s_i = sum_j MLP(x_j - x_i).

    The printed left-hand side, f_i, is taken as f_k, because i is summed over. Each bracket is one
    MLP; (50,20,20) has two hidden layers.
    """
    force_widths, atom_widths, pair_widths = widths
    f, positions, a, b = _prepare(statistics, vectors, c2, form, EITHER)  # (B, N, N, V)
    pair = f.mlp(a, (a.shape[-1], *pair_widths), activation, "pair_mlp")  # (B, N, N, 20)
    s = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    atom = f.mlp(s, (pair_widths[-1], *atom_widths), activation, "atom_mlp")  # (B, N, 20)
    atom_i = apply(for_every_atom, f.tensor(atom), "environments")  # (B, 1, N, 20)
    both = f.concat(b, atom_i, "concat")  # (B, N, N, V + 20)
    force = f.mlp(both, (b.shape[-1] + atom_widths[-1], *force_widths), activation, "force_mlp")
    total = f.sum_pairs(force, "sum_over_i")  # (B, N, 3)
    return _model(positions, total, statistics, f, "eq9")
