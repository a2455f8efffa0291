"""Every way of building a model of the catalogue that the contract is asked of."""

import functools

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.data import atomic_numbers
from conftest import STATISTICS

from data_gen.frames import Frames, Structure
from data_gen.structures import build_structure
from keras_models import catalogue
from keras_models.backend import tf
from keras_models.batch import batch_of, cutoff_of, tensors_of
from keras_models.behler import behler
from keras_models.building import build_seeded, dtype_of, precision
from keras_models.edges import edge_list, join, takes_edges
from keras_models.symmetry_functions import default_symmetry_functions

# name of the variant: (name in the catalogue, the builder's options)
VARIANTS: dict[str, tuple[str, dict]] = {
    f"{name}-{form}": (name, {"form": form})
    for name in ("eq2", "eq3", "eq4", "eq5")
    for form in ("fast", "literal")
}
# Inputs of Eq. 6 to 9. Where C2 stands is each equation's own; how vectors are scaled is none's, so
# one has all combinations.
COMMON = (("inverse_square", "none"), ("raw", "none"), ("inverse_square", "all"))
OUTER = (("inverse_square", "outer"),)
FORCE_INPUTS = {
    **dict.fromkeys(("eq6", "eq7", "eq7_as_printed"), COMMON),
    "eq8": COMMON + OUTER,
    "eq9": (*COMMON, *OUTER, ("inverse_cube", "none"), ("raw", "all")),
}
VARIANTS |= {
    f"{name}-{vectors}-{c2}-{form}": (name, {"vectors": vectors, "c2": c2, "form": form})
    for name, combinations in FORCE_INPUTS.items()
    for vectors, c2 in combinations
    for form in ("fast", "literal")
}
VARIANTS |= {
    "graph_network-centred": ("graph_network", {"centre": True}),
    "graph_network-raw": ("graph_network", {"centre": False}),
    "distance_graph_network-1": ("distance_graph_network", {"steps": 1}),
    "distance_graph_network-2": ("distance_graph_network", {"steps": 2}),
    "behler": ("behler", {}),
    "eq2_neighbours": ("eq2_neighbours", {"elements": "outputs"}),
    "eq3_neighbours": ("eq3_neighbours", {"elements": "input"}),
    "linear_eq4-order1": ("linear_eq4", {"order": 1}),
    "linear_eq4-order2": ("linear_eq4", {"order": 2}),
    "linear_eq4-order3": ("linear_eq4", {"order": 3}),
    "linear_eq4-input": ("linear_eq4", {"order": 3, "elements": "input"}),
    "linear_eq4-round2": ("linear_eq4", {"order": 2, "rounds": 2}),
    "linear_eq4-round3-input": ("linear_eq4", {"order": 3, "rounds": 3, "elements": "input"}),
}
ELEMENTS = ("Au", "Pt")
GOLD = atomic_numbers["Au"]


# Small models on edge lists: widths and options.
CUTOFF = 5.0
SMALL = {
    "linear_eq4": ((6, 5), {"cutoff": CUTOFF, "polynomials": 4, "channels": 3}),
    "eq2_neighbours": (((4, 6, 1), (1, 5, 4)), {"cutoff": CUTOFF}),
    "eq3_neighbours": (((4, 6, 1), (1, 5, 4)), {"cutoff": CUTOFF}),
}


def entry(variant: str) -> catalogue.Model:
    return catalogue.find(VARIANTS[variant][0])


def symmetries(variant: str) -> set[str]:
    """What the catalogue says; raw coordinates know where the box stands."""
    known = set(entry(variant).symmetries)
    return known - {"translation"} if variant == "graph_network-raw" else known


@functools.cache
def build(variant: str, dtype: str = "float64", activation: str | None = None, seed: int = 0):
    """A model with random biases: Keras starts with zeros, which hide what forgets them."""
    name, options = VARIANTS[variant]
    if name == "behler":
        model = _behler(dtype, activation, seed)
    elif entry(variant).inputs == "edges":
        model = on_edges(variant, dtype, activation, seed)
    else:
        model = catalogue.build(
            name, STATISTICS, activation=activation, options=options, seed=seed, dtype=dtype
        )
    rng = np.random.default_rng(seed)
    for layer in sorted((x for x in model.layers if x.get_weights()), key=lambda x: x.name):
        layer.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    return model


def _behler(dtype, activation, seed):
    functions = default_symmetry_functions(ELEMENTS)
    span = {e: np.tile([0.0, 2.0], (len(functions), 1)) for e in ELEMENTS}
    with precision(dtype):
        return build_seeded(
            lambda: behler(span, (5, 5), functions, activation=activation or "tanh"), seed
        )


def on_edges(variant, dtype="float64", activation=None, seed=0):
    """A small model on edge lists with its first weights."""
    name, options = VARIANTS[variant]
    widths, small = SMALL[name]
    return catalogue.build(
        name, training(), widths, activation, {**small, **options}, seed=seed, dtype=dtype
    )


@functools.cache
def training() -> Frames:
    """Clusters and crystals of two elements with energies and forces."""
    rng, frames = np.random.default_rng(1), []
    for name in ("cluster", "slab", "skew", "slab"):
        atoms = shaken(name, rng)
        atoms.calc = EMT()
        frames.append(atoms)
    return Frames.from_atoms(frames)


def shaken(name, rng, size=0.1):
    """A structure with displaced atoms: a cluster, a slab, or a skew cell with small heights."""
    if name == "cluster":
        atoms = build_structure("au6-octahedron")
    elif name == "slab":
        atoms = build_structure("pt8au2-slab")
    elif name == "skew":
        atoms = bulk("Pt", "fcc", a=3.9) + Atoms("Au", positions=[[1.95, 1.95, 3.9]])
        atoms.set_cell([[0.2, 2.9, 2.6], [2.7, 0.0, 2.8], [2.9, 2.7, 0.1]])
        atoms.pbc = True
    else:
        atoms = Atoms("Au")
    atoms.positions += rng.normal(0, size, atoms.positions.shape)
    return atoms


# Of a row of neighbours: more than some atoms of the structures have, and fewer than others.
SLOTS = 7


def batch_for(model, structures, room=False):
    """One batch of the kind that a model takes: its nest, with room to spare or without."""
    cutoff = cutoff_of(model)
    more = {}
    if room:
        more = {"atoms": sum(map(len, structures)) + 6, "samples": len(structures) + 1}
    if takes_edges(model):
        more |= {"rows": 400} if room else {}
        batch = join([edge_list(s, cutoff, SLOTS) for s in structures], cutoff, **more)
    else:
        more |= {"slots": 100} if room else {}
        batch = batch_of(structures, cutoff, **more)
    return tensors_of(batch, dtype_of(model))


def inputs_of(model, x, numbers=None, cell=None, pbc=False):
    """What a model takes for clusters (n, N, 3), or for one periodic structure: tensors.

    ``numbers`` are gold's where nothing is said.
    """
    if cutoff_of(model) is None:
        return tf.constant(x, dtype_of(model))
    numbers = np.full(x.shape[1], GOLD) if numbers is None else numbers
    cell = np.zeros((3, 3)) if cell is None else cell
    structures = [Structure(one, numbers, cell, np.full(3, pbc)) for one in x]
    return batch_for(model, structures)


def answers(model, x, **structure):
    """A model's output for clusters (n, N, 3), as float64."""
    return model(inputs_of(model, x, **structure)).numpy().astype(float)
