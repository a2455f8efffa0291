"""Frames with their edge lists and targets, from which padded batches of few shapes are joined.

Edge lists are made once. All batches of a training follow from its seed, so the shapes that suit
them are chosen before it begins (:func:`choose_shapes`), and each is compiled once.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.frames import Frames, composition
from keras_models.backend import tf
from keras_models.batch import tensors_of
from keras_models.edges import join, slots_of, with_edges
from keras_models.neighbours import edges
from keras_models.reference import sums_of_references

# Padding, as a share of the padded atoms and rows, for which more shapes are not worth it.
PADDING = 0.1
# Classes of batches of similar size that shapes are made of: fewer make the choice quick.
CLASSES = 100


class Labels(NamedTuple):
    """Targets of a batch of A atoms in S structures, padded with zeros.

    Attributes:
        energies: (S,), energy per atom without reference energies, eV.
        forces: (A, 3), eV/Å; 0 where they are not known.
        shares: (S, E), share of each element among the atoms.
        frames: (S,), 1, or 0 for padding.
        known: (A,), 1 where forces are known, else 0.
    """

    energies: np.ndarray
    forces: np.ndarray
    shares: np.ndarray
    frames: np.ndarray
    known: np.ndarray


class EdgeData:
    """Frames with edge lists and targets.

    Args:
        frames: to prepare.
        cutoff: of neighbours, Å.
        references: {symbol: eV}, whose sum is subtracted from each energy in float64.

    Attributes:
        slots: T, of a row of pairs.
        counts: (n, 2), atoms and rows of pairs of each frame.
        energies: (n,), energies per atom without reference energies, eV.
        elements: E symbols that have references, in alphabetical order.
        shares: (n, E), share of each element among the atoms.
        known: (n,), whether the forces of a frame are known.

    Raises:
        ValueError: an element has no reference energy.
    """

    def __init__(self, frames: Frames, cutoff: float, references: Mapping[str, float]) -> None:
        self.frames, self.cutoff = frames, cutoff
        found = [(s, edges(s, cutoff)) for s in frames.structures]
        self.slots = slots_of(found)
        self.parts = [with_edges(*of, cutoff, self.slots) for of in found]
        self.counts = np.array([[len(p.numbers), len(p.rows)] for p in self.parts])
        numbers = [s.numbers for s in frames.structures]
        self.energies = (frames.energies - sums_of_references(numbers, references)) / frames.sizes
        self.elements = sorted(references)
        self.shares = composition(numbers, self.elements) / frames.sizes[:, None]
        self.known = frames.with_forces
        self.forces = [np.nan_to_num(f, nan=0.0) for f in frames.forces]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def components(self) -> int:
        """Number of force components that are known."""
        return 3 * int(self.counts[self.known, 0].sum())

    @property
    def force_mean_square(self) -> float:
        """Mean square of the known force components, (eV/Å)^2; 0 without any."""
        total = sum(float((f**2).sum()) for f in self.forces)
        return total / max(1, self.components)

    def batch(
        self, chosen: Sequence[int], shape: tuple[int, int, int], dtype: str
    ) -> tuple[dict[str, tf.Tensor], Labels]:
        """Some frames as a padded batch: a model's nest, and labels, as tensors.

        Args:
            chosen: indices of the frames, in the order of the batch.
            shape: numbers of atoms, rows and structures, with padding.
            dtype: of the model.

        Raises:
            ValueError: the frames do not fit into the shape.
        """
        batch = join([self.parts[k] for k in chosen], self.cutoff, *shape)
        atoms, _, samples = shape
        labels = Labels(
            np.zeros(samples),
            np.zeros((atoms, 3)),
            np.zeros((samples, self.shares.shape[1])),
            np.zeros(samples),
            np.zeros(atoms),
        )
        labels.energies[: len(chosen)] = self.energies[chosen]
        labels.shares[: len(chosen)] = self.shares[chosen]
        labels.frames[: len(chosen)] = 1.0
        real = sum(self.counts[k, 0] for k in chosen)
        labels.forces[:real] = np.concatenate([self.forces[k] for k in chosen])
        labels.known[:real] = np.repeat(self.known[chosen], self.counts[chosen, 0])
        return tensors_of(batch, dtype), Labels(*(tf.constant(x, dtype) for x in labels))

    def checksum(self) -> str:
        """Checksum of all that is trained on."""
        found = hashlib.sha256()
        for part, forces in zip(self.parts, self.frames.forces, strict=True):
            for array in (*part, forces):
                found.update(np.ascontiguousarray(array).tobytes())
        found.update(self.energies.tobytes())
        return found.hexdigest()


def _strata(counts: np.ndarray, size: int, order: np.ndarray) -> np.ndarray:
    """Frames by falling numbers of rows, then atoms: (strata, batches), -1 for none.

    A row is a stratum, from which each batch gets one frame. Ties are in the given order.
    """
    many = -(-len(counts) // size)
    atoms, rows = counts[order].T
    found = np.full(-(-len(counts) // many) * many, -1)
    found[: len(counts)] = order[np.lexsort((-atoms, -rows))]
    return found.reshape(-1, many)


def frames_per_batch(counts: np.ndarray, batch_size: int, batch_atoms: int) -> int:
    """Largest number of frames of a batch with which no batch has too many atoms, at least 1.

    Args:
        counts: (n, 2), atoms and rows of all frames.
        batch_size: largest number of frames.
        batch_atoms: largest number of atoms, unless a single frame has more.
    """
    # A frame has at least one atom.
    for size in range(min(batch_size, batch_atoms, len(counts)), 1, -1):
        rows = _strata(counts, size, np.arange(len(counts)))
        if np.where(rows < 0, 0, counts[rows, 0]).max(axis=1).sum() <= batch_atoms:
            return size
    return 1


def batches_of_epoch(counts: np.ndarray, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Random batches of an epoch, a function of (seed, epoch) alone: indices of the frames.

    Each frame is in one batch. To make the batches nearly equal in rows, frames of similar size
    form strata, and each batch gets one frame of each, at random. Batches are equal up to one
    frame: a remainder in a batch of its own would have a gradient that is mostly noise.

    Args:
        counts: (n, 2), atoms and rows of all frames.
        size: largest number of frames in a batch.
        seed, epoch: of the random numbers.
    """
    rng = np.random.default_rng([seed, epoch])
    table = rng.permuted(_strata(counts, size, rng.permutation(len(counts))), axis=1)
    return [batch[batch >= 0] for batch in table.T]


def batches_from(
    counts: np.ndarray, size: int, seed: int, first: int, last: int
) -> Iterator[np.ndarray]:
    """Batches of the steps from ``first`` to ``last``, counted from 0; ``last`` is not included.

    The other arguments are those of :func:`batches_of_epoch`.
    """
    step, per_epoch = first, -(-len(counts) // size)
    while step < last:
        epoch, within = divmod(step, per_epoch)
        for batch in batches_of_epoch(counts, size, seed, epoch)[within:][: last - step]:
            yield batch
            step += 1


def choose_shapes(needs: np.ndarray, most: int, padding: float = PADDING) -> list[tuple[int, int]]:
    """Few shapes for batches of many sizes, so that little of the padded batches is padding.

    The batches are sorted by their rows and divided into consecutive groups, each padded to its
    largest member. Of all divisions into k groups it is the one with the least sum of rows and
    atoms, each relative to its mean (by dynamic programming), for the smallest k that keeps the
    padding below the limit, or the largest allowed.

    Args:
        needs: (batches, 2), atoms and rows of each batch, without padding.
        most: largest number of shapes.
        padding: share of padded atoms, and of padded rows, that more shapes need not lower.

    Returns:
        Atoms and rows of each shape, by rising rows; atoms include one for padding.
    """
    classes = np.array_split(
        needs[np.argsort(needs[:, 1], kind="stable")], min(CLASSES, len(needs))
    )
    largest = np.array([c.max(axis=0) for c in classes])
    many = np.array([len(c) for c in classes])
    means = np.maximum(needs.mean(axis=0), 1.0)
    g = len(classes)
    # cost[i, j]: of the classes i ... j as one group.
    atoms = np.array([np.maximum.accumulate(np.r_[np.zeros(i), largest[i:, 0]]) for i in range(g)])
    cost = np.cumsum(many)[None] - (np.cumsum(many) - many)[:, None]
    cost = cost * (atoms / means[0] + largest[None, :, 1] / means[1])
    cost[np.tril_indices(g, -1)] = np.inf
    best, cuts = cost[0], []
    for k in range(1, most + 1):
        if k > 1:
            # best[j] over the last group's first class i = 1 ... j.
            total = np.where(np.arange(g)[:, None] > 0, np.roll(best, 1)[:, None] + cost, np.inf)
            cuts.append(total.argmin(axis=0))
            best = total.min(axis=0)
        if not np.isfinite(best[-1]):
            break
        shapes, end = [], g - 1
        for cut in [*cuts[::-1], np.zeros(g, int)]:
            start = cut[end]
            shapes.insert(0, (int(atoms[start, end]) + 1, max(1, int(largest[end, 1]))))
            end = start - 1
        padded = np.array([fit_shape(shapes, need) for need in needs]).sum(axis=0)
        if (1.0 - needs.sum(axis=0) / padded <= padding).all():
            break
    return shapes


def fit_shape(shapes: Sequence[tuple[int, int]], need: Sequence[int]) -> tuple[int, int]:
    """The first of the shapes (atoms, rows) that holds a batch and an atom for padding.

    Raises:
        ValueError: there is none.
    """
    for atoms, rows in shapes:
        if need[0] < atoms and need[1] <= rows:
            return atoms, rows
    raise ValueError(f"no shape for {need[0]} atoms and {need[1]} rows")
