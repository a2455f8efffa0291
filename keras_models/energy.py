"""Eq. 2 to 5: manybody-expansion models of the energy E(X), written as the report's equations.

Each builder returns a functional model from positions (B, N, 3) in Å to energies (B, 1) in eV, for
any number of atoms N. MLPs are Dense layers and sums are K.sum lambda layers on tensors over all
Natom x Natom (x Natom) entries (section 4.4), including the i = j terms; features are C2 = 1/R and
C3 of appendix B. Shapes in comments are for the report's widths. Arguments of all builders:

* statistics: of the training part, for the standardisation.
* widths: of the MLPs, as in Table 4: input, hidden and output width, outermost MLP first.
* activation: of the hidden layers.
* form: "literal" for exactly these tensors, or "fast" for the equivalent but faster form of
  :mod:`keras_models.sums`, which is the same function of the same weights.
* preprocessing: scaling of pairs and E, and terms of the sums; None for the report's.

They raise ValueError if widths do not fit each other.
"""

from data_gen.dataset import Statistics
from keras_models.backend import keras
from keras_models.features import Preprocessing, positions_input
from keras_models.layers import Affine
from keras_models.sums import form_of


def _prepare(statistics, preprocessing, form):
    """Preprocessing, the matching form of the sums, and the input (B, N, 3) in Å."""
    p = preprocessing or Preprocessing.standard(statistics)
    return p, form_of(form, p.own_terms), positions_input()


def _model(positions, total, p, f, name):
    """A model whose output is the sum (B, 1), scaled to eV."""
    energy = Affine(p.energy_scale, p.energy_shift, name="energy")(f.tensor(total))
    return keras.Model(positions, energy, name=name)


def eq2(
    statistics: Statistics,
    widths,
    activation,
    form: str = "fast",
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 2, pair terms inside atom terms: E = sum_i MLP( sum_j MLP(r_ij) ).

    The single-term form of section 4.2; section 4.1 prints a second, identical term. For Au6 the
    inner MLP is evaluated for 6 x 6 terms, the outer one for 6.
    """
    atom_widths, pair_widths = widths
    p, f, positions = _prepare(statistics, preprocessing, form)
    c2 = f.pairs(positions, p)  # (B, N, N, 1)
    pair = f.mlp(c2, pair_widths, activation, "pair_mlp")  # (B, N, N, 20)
    environment = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    atom = f.mlp(environment, atom_widths, activation, "atom_mlp")  # (B, N, 1)
    total = f.sum_atoms(atom, "sum_over_i")  # (B, 1)
    return _model(positions, total, p, f, "eq2")


def eq3(
    statistics: Statistics,
    widths,
    activation,
    form: str = "fast",
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 3, the classical expansion up to pairs: E = sum_ij MLP(r_ij).

    Table 4's "(20,50,1),(1,50,20)" is one pair function 1-50-20-50-1, with 6 x 6 terms for Au6.
    """
    outer_widths, inner_widths = widths
    p, f, positions = _prepare(statistics, preprocessing, form)
    c2 = f.pairs(positions, p)  # (B, N, N, 1)
    inner = f.mlp(c2, inner_widths, activation, "inner_mlp")  # (B, N, N, 20)
    pair = f.mlp(inner, outer_widths, activation, "outer_mlp")  # (B, N, N, 1)
    atom = f.sum_pairs(pair, "sum_over_j")  # (B, N, 1)
    total = f.sum_atoms(atom, "sum_over_i")  # (B, 1)
    return _model(positions, total, p, f, "eq3")


def eq4(
    statistics: Statistics,
    widths,
    activation,
    form: str = "fast",
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 4, triplets in pairs in atoms: E = sum_i MLP( sum_j MLP( sum_k MLP(r_ij, r_ik, r_jk) ) ).

    For Au6 the innermost MLP is evaluated for 6 x 6 x 6 terms. If the preprocessing leaves out the
    diagonal, i, j and k are three different atoms.
    """
    atom_widths, pair_widths, triplet_widths = widths
    p, f, positions = _prepare(statistics, preprocessing, form)
    c3 = f.triplets(positions, p)  # (B, N, N, N, 3)
    triplet = f.mlp(c3, triplet_widths, activation, "triplet_mlp")  # (B, N, N, N, 10)
    pair_environment = f.sum_triplets(triplet, "sum_over_k")  # (B, N, N, 10)
    pair = f.mlp(pair_environment, pair_widths, activation, "pair_mlp")  # (B, N, N, 10)
    environment = f.sum_pairs(pair, "sum_over_j")  # (B, N, 10)
    atom = f.mlp(environment, atom_widths, activation, "atom_mlp")  # (B, N, 1)
    total = f.sum_atoms(atom, "sum_over_i")  # (B, 1)
    return _model(positions, total, p, f, "eq4")


def eq5(
    statistics: Statistics,
    widths,
    activation,
    form: str = "fast",
    preprocessing: Preprocessing | None = None,
) -> keras.Model:
    """Eq. 5, an MLP around the sum over atoms: E = MLP( sum_i MLP( sum_j MLP(1/r_ij) ) )."""
    total_widths, atom_widths, pair_widths = widths
    p, f, positions = _prepare(statistics, preprocessing, form)
    c2 = f.pairs(positions, p)  # (B, N, N, 1)
    pair = f.mlp(c2, pair_widths, activation, "pair_mlp")  # (B, N, N, 20)
    environment = f.sum_pairs(pair, "sum_over_j")  # (B, N, 20)
    atom = f.mlp(environment, atom_widths, activation, "atom_mlp")  # (B, N, 20)
    molecule = f.sum_atoms(atom, "sum_over_i")  # (B, 20)
    total = f.mlp(molecule, total_widths, activation, "total_mlp")  # (B, 1)
    return _model(positions, total, p, f, "eq5")
