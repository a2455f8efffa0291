"""Behler's symmetry functions as a Keras layer: fingerprints of atomic environments.

Shapes, as in :mod:`keras_models.batch`: A atoms in total, K neighbour slots for each; G symmetry
functions.

Conventions are Amp's (Khorshidi and Peterson, Comput. Phys. Commun. 207, 310 (2016), Eq. 13 of its
supplement): eta is divided by the squared cutoff, unlike in the report's Eq. 1, and each pair of
neighbours counts once.
"""

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from data_gen.frames import Structure
from keras_models.backend import K, keras, register, tf
from keras_models.batch import batches, tensors_of

CUTOFF = 6.5  # Å, Amp's default


# Radial etas of Amp's default functions, to be divided by the squared cutoff: of release 1.0.1,
# which is used here, and of release 0.6.1 of 2018, the latest when the report was written.
RADIAL_ETAS = tuple(np.logspace(np.log10(0.05), np.log10(5.0), 4).tolist())
RADIAL_ETAS_2018 = (0.05, 4.0, 20.0, 80.0)


def default_symmetry_functions(
    elements: Sequence[str], radial_etas: Sequence[float] = RADIAL_ETAS
) -> list[dict]:
    """Amp's default functions, in its order: 4 radial per element, 4 angular per pair of elements.

    The report uses "a sensible default set" of Amp's (section 3.2): four radial functions with etas
    from 0.05 to 5 (divided by the squared cutoff), and angular ones with eta = 0.005, zeta = 1, 4
    and lambda (Amp's gamma) = +1, -1.

    Args:
        elements: symbols.
        radial_etas: of the radial functions; :data:`RADIAL_ETAS_2018` for Amp 0.6.1's defaults.
    """
    elements = sorted(elements)
    functions = [
        {"type": "G2", "element": element, "eta": float(eta), "offset": 0.0}
        for eta in radial_etas
        for element in elements
    ]
    return functions + [
        {"type": "G4", "elements": list(pair), "eta": 0.005, "zeta": zeta, "gamma": gamma}
        for zeta in (1.0, 4.0)
        for gamma in (1.0, -1.0)
        for pair in itertools.combinations_with_replacement(elements, 2)
    ]


def shifted_symmetry_functions(elements: Sequence[str], cutoff: float = CUTOFF) -> list[dict]:
    """A larger set of functions: 16 radial per element, 8 angular per pair of elements.

    The radial functions are Gaussians with a standard deviation of 0.3 Å, centred every 0.3 Å from
    2.0 to 6.5 Å; the default ones are all centred at 0. The angular ones have zeta = 1, 2, 4, 16
    and gamma = +1, -1.
    """
    elements = sorted(elements)
    eta = cutoff**2 / (2.0 * 0.3**2)
    functions = [
        {"type": "G2", "element": element, "eta": eta, "offset": float(offset)}
        for offset in np.linspace(2.0, 6.5, 16)
        for element in elements
    ]
    return functions + [
        {"type": "G4", "elements": list(pair), "eta": 0.005, "zeta": zeta, "gamma": gamma}
        for zeta in (1.0, 2.0, 4.0, 16.0)
        for gamma in (1.0, -1.0)
        for pair in itertools.combinations_with_replacement(elements, 2)
    ]


# By name, so that options can be plain JSON.
FUNCTION_SETS = {
    "default": default_symmetry_functions,
    "amp-0.6": partial(default_symmetry_functions, radial_etas=RADIAL_ETAS_2018),
    "shifted": shifted_symmetry_functions,
}


def cosine_cutoff(r, cutoff):
    """Cutoff function f_c of Eq. 1: 0.5 (1 + cos(pi r / R_c)) within R_c, 0 beyond; r in Å."""
    return K.where(r < cutoff, 0.5 * (1.0 + K.cos(np.pi * r / cutoff)), K.zeros_like(r))


def _power(x, exponent: float):
    """x ** exponent for x >= 0; small integer exponents by multiplication, which is much faster."""
    if exponent != int(exponent) or not 1 <= exponent <= 16:
        return x**exponent
    result, square, left = None, x, int(exponent)
    while left:
        if left % 2:
            result = square if result is None else result * square
        square, left = square * square, left // 2
    return result


@register
class SymmetryFunctions(keras.layers.Layer):
    """Layer that computes fingerprints (A, G) of the environments of a batch's atoms.

    Its inputs are positions (A, 3) Å, numbers (A,), neighbours (A, K) and shifts (A, K, 3) Å of a
    :class:`~keras_models.batch.Batch`.

    Args:
        functions: dictionaries in Amp's form, see :func:`default_symmetry_functions`.
        cutoff: Å.

    Raises:
        ValueError: a function is neither G2 nor G4.
    """

    def __init__(self, functions, cutoff=CUTOFF, **kwargs):
        super().__init__(**kwargs)
        self.functions = [dict(f) for f in functions]
        self.cutoff = float(cutoff)
        unknown = {f["type"] for f in self.functions} - {"G2", "G4"}
        if unknown:
            raise ValueError(f"no symmetry function of type {', '.join(sorted(unknown))} here")

    def _groups(self) -> dict[tuple, list[int]]:
        """Angular functions by (eta, zeta, gamma)."""
        groups: dict[tuple, list[int]] = {}
        for k, f in enumerate(self.functions):
            if f["type"] == "G4":
                groups.setdefault((f["eta"], f["zeta"], f["gamma"]), []).append(k)
        return groups

    def _species(self, numbers, neighbours, dtype) -> dict:
        """Element masks of the neighbour slots, 0 or 1: {element: (A, K)}."""
        elements = {e for f in self.functions for e in f.get("elements", [f.get("element")])}
        kinds = tf.gather(numbers, neighbours)
        return {e: tf.cast(kinds == atomic_numbers[e], dtype) for e in sorted(elements)}

    def _radial(self, f, r):
        """Gaussian factor of a radial function: (...) Å -> (...)."""
        return K.exp(-f["eta"] / self.cutoff**2 * (r - f["offset"]) ** 2)

    def _angular(self, eta, zeta, gamma, r_j, r_k, squared_jk):
        """Terms of an angular function for triplets, from r_ij, r_ik (Å) and r_jk^2 (Å^2)."""
        r_jk = K.sqrt(squared_jk)
        # For three collinear atoms rounding can make 1 - cos negative.
        cosine = (r_j**2 + r_k**2 - squared_jk) / (2.0 * r_j * r_k)
        angle = _power(K.maximum(1.0 + gamma * cosine, K.zeros_like(cosine)), zeta)
        bell = K.exp(-eta / self.cutoff**2 * (r_j**2 + r_k**2 + squared_jk))
        cutoffs = cosine_cutoff(r_j, self.cutoff) * cosine_cutoff(r_k, self.cutoff)
        return 2.0 ** (1.0 - zeta) * angle * bell * cutoffs * cosine_cutoff(r_jk, self.cutoff)

    def _distances(self, vectors):
        """Distances of slots (A, K), squared ones between slots (A, K, K), and masks for both."""
        squares = K.sum(vectors * vectors, axis=-1)
        inside = squares < self.cutoff**2
        # Masked distances get a value without singularity; their terms are multiplied by 0 later.
        squares = K.where(inside, squares, K.ones_like(squares))
        products = K.matmul(vectors, K.swapaxes(vectors, -1, -2))
        both = inside[..., None] & inside[..., None, :]
        both = both & ~tf.eye(tf.shape(vectors)[1], dtype=tf.bool)
        far = squares[..., None] + squares[..., None, :] - 2.0 * products
        return K.sqrt(squares), K.where(both, far, K.ones_like(far)), inside, both

    def call(self, inputs):
        positions, numbers, neighbours, shifts = inputs
        vectors = neighbour_vectors(positions, neighbours, shifts)
        dtype, species = vectors.dtype, self._species(numbers, neighbours, vectors.dtype)
        r, far, inside, both = self._distances(vectors)
        counts, pairs = tf.cast(inside, dtype), tf.cast(both, dtype)
        found: list = [None] * len(self.functions)
        for k, f in enumerate(self.functions):
            if f["type"] == "G2":
                bell = self._radial(f, r) * cosine_cutoff(r, self.cutoff) * counts
                found[k] = K.sum(bell * species[f["element"]], axis=-1)
        for shape, members in self._groups().items():
            term = pairs * self._angular(*shape, r[..., None], r[..., None, :], far)
            for k in members:
                a, b = self.functions[k]["elements"]
                total = K.sum(tf.linalg.matvec(term, species[b]) * species[a], axis=-1)
                # The sum is over ordered pairs: for a single element it counts each pair twice.
                found[k] = (0.5 if a == b else 1.0) * total
        return K.stack(found, axis=-1)

    def with_gradients(self, inputs, atoms: int):
        """Fingerprints and their derivatives for structures of N atoms: (A, G, 1 + 3 N).

        Entry 0 of the last axis is G_i, as in :meth:`call`; the others are dG_i / dx_m in 1/Å, m
        varying slowest. Only the terms are differentiated automatically, with respect to r_ij,
        r_ik and r_jk^2; the rest are sums over neighbours of each element. So all functions
        together cost little more than one backward pass.

        Args:
            inputs: as for :meth:`call`.
            atoms: N, the same for all structures.
        """
        positions, numbers, neighbours, shifts = inputs
        vectors = neighbour_vectors(positions, neighbours, shifts)
        dtype, species = vectors.dtype, self._species(numbers, neighbours, vectors.dtype)
        r, far, inside, both = self._distances(vectors)
        counts, pairs = tf.cast(inside, dtype), tf.cast(both, dtype)
        unit = vectors / r[..., None]
        values: list = [None] * len(self.functions)
        slopes: list = [None] * len(self.functions)  # derivatives by slots' vectors, (A, K, 3)
        for k, f in enumerate(self.functions):
            if f["type"] == "G2":
                with tf.GradientTape() as tape:
                    tape.watch(r)
                    bell = self._radial(f, r) * cosine_cutoff(r, self.cutoff)
                kind = counts * species[f["element"]]
                slopes[k] = (kind * tape.gradient(bell, r))[..., None] * unit
                values[k] = K.sum(kind * bell, axis=-1)
        first = tf.broadcast_to(r[..., None], tf.shape(far))
        second = tf.broadcast_to(r[..., None, :], tf.shape(far))
        for shape, members in self._groups().items():
            with tf.GradientTape() as tape:
                tape.watch([first, far])
                term = self._angular(*shape, first, second, far)
            by_r, by_far = tape.gradient(term, [first, far])
            term, by_r, by_far = pairs * term, pairs * by_r, pairs * by_far
            along, across, towards = {}, {}, {}
            for e, s in species.items():
                along[e] = tf.linalg.matvec(by_r, s)
                across[e] = tf.linalg.matvec(by_far, s)
                towards[e] = K.matmul(by_far, s[..., None] * vectors)
            for k in members:
                a, b = self.functions[k]["elements"]
                half = 0.5 if a == b else 1.0
                values[k] = half * K.sum(tf.linalg.matvec(term, species[b]) * species[a], axis=-1)
                slope = 0.0
                for e, f in ((a, b), (b, a)):
                    one = along[f][..., None] * unit
                    one = one + 2.0 * (across[f][..., None] * vectors - towards[f])
                    slope = slope + species[e][..., None] * one
                slopes[k] = half * slope
        slopes = K.stack(slopes, axis=1)
        # A slot's vector is its atom's position minus that of the central atom.
        whose = tf.one_hot(neighbours % atoms, atoms, dtype=dtype)
        own = tf.one_hot(tf.range(tf.shape(numbers)[0]) % atoms, atoms, dtype=dtype)
        moved = tf.einsum("agkx,akm->agmx", slopes, whose)
        away = tf.einsum("agkx,am->agmx", slopes, own)
        gradients = K.reshape(moved - away, (-1, len(self.functions), 3 * atoms))
        values = K.stack(values, axis=-1)
        return K.concatenate([values[..., None], gradients], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], len(self.functions))

    def get_config(self):
        own = ("functions", "cutoff")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def neighbour_vectors(positions, neighbours, shifts):
    """Vectors from each atom to its neighbours: (A, 3) Å, (A, K), (A, K, 3) Å -> (A, K, 3) Å."""
    return tf.gather(positions, neighbours) - positions[:, None] + shifts


def fingerprint_range(fingerprints: np.ndarray, numbers) -> dict[str, np.ndarray]:
    """Smallest and largest fingerprints by element: (n, N, G) -> {element: (G, 2)}."""
    return {
        chemical_symbols[z]: np.stack(
            [
                fingerprints[:, np.equal(numbers, z)].min(axis=(0, 1)),
                fingerprints[:, np.equal(numbers, z)].max(axis=(0, 1)),
            ],
            axis=1,
        )
        for z in sorted(set(np.asarray(numbers).tolist()))
    }


def fingerprints(
    layer: SymmetryFunctions, structures: Sequence[Structure], chunk: int = 16
) -> np.ndarray:
    """Compute fingerprints of n structures of N atoms each: (n, N, G), in float64."""
    return _in_chunks(layer, layer.call, structures, chunk)


def fingerprints_and_gradients(
    layer: SymmetryFunctions, structures: Sequence[Structure], chunk: int = 16, on_chunk=None
) -> np.ndarray:
    """Compute fingerprints and derivatives of n structures of N atoms each: (n, N, G, 1 + 3 N).

    Args:
        layer: its :meth:`SymmetryFunctions.with_gradients` is used.
        structures: all with the same number of atoms.
        chunk: number of structures at a time.
        on_chunk: called with (structures so far, total structures).
    """
    atoms = len(structures[0].numbers)
    return _in_chunks(
        layer, lambda inputs: layer.with_gradients(inputs, atoms), structures, chunk, on_chunk
    )


def _in_chunks(layer, function, structures, chunk: int, on_chunk=None) -> np.ndarray:
    """Apply a function in chunks of equal shape, to compile it once; a single chunk uncompiled."""
    if len({len(s.numbers) for s in structures}) > 1:
        raise ValueError("fingerprints in one array are of structures of one number of atoms")
    n, atoms = len(structures), len(structures[0].numbers)
    if n > chunk:
        function = tf.function(function, jit_compile=True)
    found = []
    for k, batch in enumerate(batches(structures, layer.cutoff, chunk)):
        x = tensors_of(batch, "float64")
        part = function([x[name] for name in ("positions", "numbers", "neighbours", "shifts")])
        many = min(chunk, n - k * chunk)
        found.append(part.numpy().reshape(-1, atoms, *part.shape[1:])[:many])
        if on_chunk:
            on_chunk(min((k + 1) * chunk, n), n)
    return np.concatenate(found)
