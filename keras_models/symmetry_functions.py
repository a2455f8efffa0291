"""Behler's symmetry functions as a layer: positions -> fingerprints of all atoms' environments.

Shapes: B samples, N atoms, G symmetry functions, K neighbour slots: every atom in every periodic
image that can come within the cutoff, or as many of them as there is room for.

Conventions are Amp's (Khorshidi and Peterson, Comput. Phys. Commun. 207, 310 (2016), Eq. 13 of its
supplement): an eta here is divided by the squared cutoff, in the report's Eq. 1 it is not, and
each pair of neighbours counts once.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from ase.geometry import complete_cell

from keras_models.backend import K, keras, register, tf

CUTOFF = 6.5  # Å, Amp's default


def default_symmetry_functions(elements: Sequence[str]) -> list[dict]:
    """Amp's default set, in its order: 4 radial ones an element, 4 angular ones a pair of elements.

    The report uses "a sensible default set" of Amp's (section 3.2): four etas from 0.05 to 5 (over
    the squared cutoff), and eta = 0.005 with zeta = 1, 4 and lambda (Amp's gamma) = +1, -1.
    """
    elements = sorted(elements)
    functions = [
        {"type": "G2", "element": element, "eta": float(eta), "offset": 0.0}
        for eta in np.logspace(np.log10(0.05), np.log10(5.0), 4)
        for element in elements
    ]
    return functions + [
        {"type": "G4", "elements": list(pair), "eta": 0.005, "zeta": zeta, "gamma": gamma}
        for zeta in (1.0, 4.0)
        for gamma in (1.0, -1.0)
        for pair in itertools.combinations_with_replacement(elements, 2)
    ]


def shifted_symmetry_functions(elements: Sequence[str], cutoff: float = CUTOFF) -> list[dict]:
    """A finer set: 16 radial functions an element, at 2.0 to 6.5 Å, 8 angular ones a pair.

    Radial functions are Gaussians of a standard deviation of 0.3 Å, one every 0.3 Å, where the
    default's are all centred at 0. Angular: zeta = 1, 2, 4, 16 with gamma = +1, -1.
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


# By name, for options in plain JSON.
FUNCTION_SETS = {"default": default_symmetry_functions, "shifted": shifted_symmetry_functions}


def cosine_cutoff(r, cutoff):
    """f_c of Eq. 1: 0.5 (1 + cos(pi r / R_c)) within R_c, 0 beyond. Å -> 1."""
    return K.where(r < cutoff, 0.5 * (1.0 + K.cos(np.pi * r / cutoff)), K.zeros_like(r))


def _power(x, exponent: float):
    """x ** exponent for x >= 0, by multiplication where that is possible: much faster."""
    if exponent != int(exponent) or not 1 <= exponent <= 16:
        return x**exponent
    result, square, left = None, x, int(exponent)
    while left:
        if left % 2:
            result = square if result is None else result * square
        square, left = square * square, left // 2
    return result


def _like(x, example):
    """x, (K,) or already (B, N, K), for every atom of the example (B, N, K)."""
    return x + K.zeros_like(example)


def _spoilt(values, overflow):
    """NaN where an atom had more neighbours than there was room for: never a wrong number."""
    if overflow is None:
        return values
    # Added, not put in place: forces go by the derivative of what follows, which is NaN as well.
    return values + K.where(overflow[..., None], K.full_like(values, np.nan), K.zeros_like(values))


@register
class SymmetryFunctions(keras.layers.Layer):
    """Fingerprints of all atoms' environments: (B, N, 3) Å -> (B, N, G).

    Args:
        numbers: (N,), atomic numbers.
        cell: (3, 3), Å.
        pbc: (3,), periodic or not along each cell vector. The cell may be smaller than the cutoff.
        functions: dictionaries as Amp has them, see :func:`default_symmetry_functions`.
        cutoff: Å.
        room: how many neighbours an atom may have, to save time where the images have many more
            places; None for as many as there are places. An atom with more gets NaN.

    Raises:
        ValueError: a function that is neither G2 nor G4, or a periodic direction without length.
    """

    def __init__(self, numbers, cell, pbc, functions, cutoff=CUTOFF, room=None, **kwargs):
        super().__init__(**kwargs)
        self.numbers = [int(z) for z in numbers]
        self.cell = np.asarray(cell, float).tolist()
        self.pbc = [bool(p) for p in pbc]
        self.functions = [dict(f) for f in functions]
        self.cutoff = float(cutoff)
        self.room = None if room is None else int(room)
        unknown = {f["type"] for f in self.functions} - {"G2", "G4"}
        if unknown:
            raise ValueError(f"no symmetry function of type {', '.join(sorted(unknown))} here")
        lengths = np.linalg.norm(self.cell, axis=1)
        if any(p and not length > 0 for p, length in zip(self.pbc, lengths, strict=True)):
            raise ValueError("the cell has no length along a periodic direction")

    def images(self) -> np.ndarray:
        """Cell multiples (M, 3) that can be within the cutoff of a nearest image; 0 comes first."""
        inverse = np.linalg.inv(complete_cell(self.cell))
        heights = 1.0 / np.linalg.norm(inverse, axis=0)
        # A nearest image lies within half a cell height; the next ones a height further each.
        most = np.where(self.pbc, np.floor(self.cutoff / heights + 0.5), 0).astype(int)
        grid = itertools.product(*(range(-m, m + 1) for m in most))
        return np.array(sorted(grid, key=lambda n: np.abs(n).sum()))

    def neighbour_slots(self, positions):
        """The slots that count for each atom: (B, N, 3) -> vectors (B, N, K, 3) Å, atoms, overflow.

        Atoms may have left the cell: only nearest images and their neighbours enter. ``atoms``
        (B, N, K, N), or (K, N) where all slots are kept, tells one-hot whose images they are;
        ``overflow`` (B, N) is where an atom has more neighbours than the layer has room for.
        """
        dtype, n, images = positions.dtype, len(self.numbers), self.images()
        vectors = positions[:, None] - positions[:, :, None]
        cell = complete_cell(self.cell)
        if any(self.pbc):
            fractions = K.matmul(vectors, tf.constant(np.linalg.inv(cell), dtype))
            whole = tf.round(fractions) * tf.constant(self.pbc, dtype)
            vectors = vectors - K.matmul(tf.stop_gradient(whole), tf.constant(cell, dtype))
        shifts = tf.constant(images @ cell, dtype)
        vectors = K.reshape(vectors[:, :, None] + shifts[:, None], (-1, n, n * len(images), 3))
        # An atom is no neighbour of itself: the first N slots have no shift. Its place is given a
        # vector that is too long to count.
        own = np.concatenate([np.eye(n), np.zeros((n, n * (len(images) - 1)))], axis=1)
        vectors = vectors + tf.constant(2.0 * self.cutoff * own[..., None], dtype)
        atoms = tf.constant(np.tile(np.eye(n), (len(images), 1)), dtype)
        if self.room is None or self.room >= n * len(images):
            return vectors, atoms, None
        squares = tf.stop_gradient(K.sum(vectors * vectors, axis=-1))
        nearest, index = tf.math.top_k(-squares, self.room + 1)
        overflow = -nearest[..., self.room] < self.cutoff**2
        index = index[..., : self.room]
        return tf.gather(vectors, index, batch_dims=2), tf.gather(atoms, index), overflow

    def _groups(self) -> dict[tuple, list[int]]:
        """Angular functions by (eta, zeta, gamma)."""
        groups: dict[tuple, list[int]] = {}
        for k, f in enumerate(self.functions):
            if f["type"] == "G4":
                groups.setdefault((f["eta"], f["zeta"], f["gamma"]), []).append(k)
        return groups

    def _species(self, atoms) -> dict:
        """1 where a slot is of the element, for each element of the functions: (..., K)."""
        symbols = [chemical_symbols[z] for z in self.numbers]
        elements = {e for f in self.functions for e in f.get("elements", [f.get("element")])}
        return {
            e: tf.linalg.matvec(atoms, tf.constant([float(s == e) for s in symbols], atoms.dtype))
            for e in sorted(elements)
        }

    def _radial(self, f, r):
        """Gaussian of one radial function: (...) Å -> (...)."""
        return K.exp(-f["eta"] / self.cutoff**2 * (r - f["offset"]) ** 2)

    def _angular(self, eta, zeta, gamma, r_j, r_k, squared_jk):
        """One triplet's term of an angular function, from r_ij, r_ik (Å) and r_jk^2 (Å^2)."""
        r_jk = K.sqrt(squared_jk)
        # Rounding can take 1 - cos below 0 where three atoms are in line.
        cosine = (r_j**2 + r_k**2 - squared_jk) / (2.0 * r_j * r_k)
        angle = _power(K.maximum(1.0 + gamma * cosine, K.zeros_like(cosine)), zeta)
        bell = K.exp(-eta / self.cutoff**2 * (r_j**2 + r_k**2 + squared_jk))
        cutoffs = cosine_cutoff(r_j, self.cutoff) * cosine_cutoff(r_k, self.cutoff)
        return 2.0 ** (1.0 - zeta) * angle * bell * cutoffs * cosine_cutoff(r_jk, self.cutoff)

    def _distances(self, vectors):
        """Distances of slots (B, N, K), of pairs of slots squared (B, N, K, K), and which count."""
        squares = K.sum(vectors * vectors, axis=-1)
        inside = squares < self.cutoff**2
        # What does not count is put where nothing is singular, and multiplied by 0 later.
        squares = K.where(inside, squares, K.ones_like(squares))
        products = K.matmul(vectors, K.swapaxes(vectors, -1, -2))
        both = inside[..., None] & inside[..., None, :]
        both = both & ~np.eye(vectors.shape[2], dtype=bool)
        far = squares[..., None] + squares[..., None, :] - 2.0 * products
        return K.sqrt(squares), K.where(both, far, K.ones_like(far)), inside, both

    def call(self, positions):
        vectors, atoms, overflow = self.neighbour_slots(positions)
        dtype, species = vectors.dtype, self._species(atoms)
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
                total = K.sum(tf.linalg.matvec(term, _like(species[b], r)) * species[a], axis=-1)
                # Ordered pairs were summed; pairs of two elements were met in one order.
                found[k] = (0.5 if a == b else 1.0) * total
        values = K.stack(found, axis=-1)
        return _spoilt(values, overflow)

    def with_gradients(self, positions):
        """Fingerprints and their derivatives: (B, N, 3) Å -> (B, N, G, 1 + 3 N).

        Entry 0 of the last axis is G_i, the rest dG_i / dx_m in 1/Å, m slowest. The same function
        as :meth:`call` and its gradient. Terms are differentiated by r_ij, r_ik and r_jk^2 alone;
        sums over neighbours of each element do the rest, so that all functions together cost
        little more than one backward pass.
        """
        vectors, atoms, overflow = self.neighbour_slots(positions)
        dtype, species = vectors.dtype, self._species(atoms)
        r, far, inside, both = self._distances(vectors)
        counts, pairs = tf.cast(inside, dtype), tf.cast(both, dtype)
        species = {e: _like(s, r) for e, s in species.items()}
        unit = vectors / r[..., None]
        values: list = [None] * len(self.functions)
        slopes: list = [None] * len(self.functions)  # by the slots' vectors, (B, N, K, 3)
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
        slopes = K.stack(slopes, axis=2)
        n = len(self.numbers)
        if len(atoms.shape) == 2:
            moved = tf.einsum("bigkx,km->bigmx", slopes, atoms)
        else:
            moved = tf.einsum("bigkx,bikm->bigmx", slopes, atoms)
        # A slot moves with its atom, and against the atom that it is seen from.
        away = tf.einsum("bigkx,im->bigmx", slopes, tf.eye(n, dtype=dtype))
        gradients = K.reshape(moved - away, (-1, n, len(self.functions), 3 * n))
        values = K.stack(values, axis=-1)
        return K.concatenate([_spoilt(values, overflow)[..., None], gradients], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], len(self.functions))

    def get_config(self):
        own = ("numbers", "cell", "pbc", "functions", "cutoff", "room")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def fingerprint_range(fingerprints: np.ndarray, numbers) -> dict[str, np.ndarray]:
    """Least and largest of each function for each element: (n, N, G) -> {element: (G, 2)}."""
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


def fingerprints(layer: SymmetryFunctions, positions: np.ndarray, chunk: int = 16) -> np.ndarray:
    """(n, N, 3) Å -> (n, N, G), in float64."""
    return _in_chunks(layer.call, positions, chunk)


def fingerprints_and_gradients(
    layer: SymmetryFunctions, positions: np.ndarray, chunk: int = 16, on_chunk=None
) -> np.ndarray:
    """:meth:`SymmetryFunctions.with_gradients` of many samples: (n, N, 3) Å -> (n, N, G, 1 + 3 N).

    ``on_chunk`` is called with (samples so far, samples in all).
    """
    return _in_chunks(layer.with_gradients, positions, chunk, on_chunk)


def most_neighbours(layer: SymmetryFunctions, positions: np.ndarray) -> int:
    """The largest number of neighbours that any atom of (n, N, 3) Å has."""
    most = 0
    for k in range(0, len(positions), 500):
        vectors, _, _ = layer.neighbour_slots(tf.constant(positions[k : k + 500], tf.float64))
        squares = (vectors.numpy() ** 2).sum(-1)
        most = max(most, int((squares < layer.cutoff**2).sum(-1).max()))
    return most


def with_room_for(layer: SymmetryFunctions, positions: np.ndarray) -> SymmetryFunctions:
    """The same layer with exactly enough room for the neighbours in (n, N, 3) Å."""
    room = most_neighbours(layer, positions)
    return SymmetryFunctions.from_config({**layer.get_config(), "room": room})


def _in_chunks(function, positions: np.ndarray, chunk: int, on_chunk=None) -> np.ndarray:
    """Chunks of one size, so that the function compiles once; or, of one chunk, not at all."""
    if len(positions) <= chunk:
        return function(tf.constant(np.asarray(positions, float))).numpy()
    function = tf.function(function, jit_compile=True)
    found = []
    for k in range(0, len(positions), chunk):
        part = np.asarray(positions[k : k + chunk], float)
        filled = np.concatenate([part, np.repeat(part[:1], chunk - len(part), axis=0)])
        found.append(function(tf.constant(filled)).numpy()[: len(part)])
        if on_chunk:
            on_chunk(min(k + chunk, len(positions)), len(positions))
    return np.concatenate(found)
