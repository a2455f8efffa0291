"""Prediction of many frames of different sizes with few compilations, which take seconds each."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data_gen.frames import Structure
from keras_models.backend import keras, tf
from keras_models.batch import cutoff_of, tensors_of
from keras_models.building import dtype_of
from keras_models.edge_data import batches_of_epoch, choose_shapes, fit_shape, frames_per_batch
from keras_models.edges import ATOMS, bucket, join, slots_of, with_edges
from keras_models.neighbours import edges
from keras_models.prediction import StructurePredictor
from keras_models.reference import sums_of_references

# Frames whose edge lists are in memory at once, and of a batch.
BLOCK, BLOCK_ATOMS, CHUNK = 1024, 50_000, 32
# Shapes of batches, and the share of padding for which one more is not worth its compilation.
SHAPES, PADDING = 3, 0.5


class InFewShapes:
    """Energies and forces by models on edge lists, of frames in batches of similar size.

    As :class:`~keras_models.prediction.StructurePredictor`, which takes frames in their order and
    so compiles for nearly every batch where they differ in size.

    Args:
        models: of one cutoff and precision, for which batches are made once; with output energies
            (S, 1) eV, of an :class:`~keras_models.edges.EdgeBatch`.
        references: of each model {symbol: eV} to add for each atom, in float64; None for none.
        chunk: number of structures at a time.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        references: Sequence[Mapping[str, float] | None],
        chunk: int = CHUNK,
    ) -> None:
        self.models, self.references, self.chunk = models, references, chunk
        self.compiled = [StructurePredictor(model).compiled for model in models]
        self._slots = 0

    def __call__(
        self, structures: Sequence[Structure]
    ) -> list[tuple[np.ndarray, list[np.ndarray]]]:
        """For each model energies (n,) eV and forces (N, 3) eV/Å of n structures, as float64.

        Raises:
            ValueError: as for :func:`~keras_models.neighbours.edges`, or an element has no
                reference energy.
        """
        found = [(np.zeros(len(structures)), [np.zeros(0)] * len(structures)) for _ in self.models]
        weights = [[tf.convert_to_tensor(v) for v in m.trainable_variables] for m in self.models]
        for first, end in blocks([len(s.numbers) for s in structures]):
            block = structures[first:end]
            for chosen, inputs in self._batches(block):
                ends = np.cumsum([len(block[k].numbers) for k in chosen])
                for predict, own, (energies, forces) in zip(
                    self.compiled, weights, found, strict=True
                ):
                    e, f = (part.numpy().astype(float) for part in predict(own, inputs)[:2])
                    parts = np.split(f, ends)
                    for k, one, part in zip(chosen, e[: len(chosen)], parts, strict=False):
                        if not (np.isfinite(one) and np.isfinite(part).all()):
                            one, part[:] = np.nan, np.nan
                        energies[first + k], forces[first + k] = one, part
        numbers = [s.numbers for s in structures]
        for (energies, _), references in zip(found, self.references, strict=True):
            if references is not None:
                energies += sums_of_references(numbers, references)
        return found

    def _batches(self, structures: Sequence[Structure]):
        """Indices of the structures of each batch, and its tensors."""
        cutoff, dtype = cutoff_of(self.models[0]), dtype_of(self.models[0])
        found = [(s, edges(s, cutoff)) for s in structures]
        self._slots = slots_of(found, self._slots)
        parts = [with_edges(*of, cutoff, self._slots) for of in found]
        counts = np.array([[len(p.numbers), len(p.rows)] for p in parts])
        size, batches, shapes = in_shapes(counts, self.chunk)
        for chosen in batches:
            atoms, rows = map(bucket, fit_shape(shapes, counts[chosen].sum(axis=0)))
            joined = join([parts[k] for k in chosen], cutoff, atoms, rows, size + 1)
            yield chosen, tensors_of(joined, dtype)


def blocks(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First frame and end of each block, from the frames' numbers of atoms.

    A block has up to :data:`BLOCK` frames and :data:`BLOCK_ATOMS` atoms, but at least one frame:
    the lists of neighbours of all its frames are in memory at once.
    """
    first = atoms = 0
    for k, size in enumerate(sizes):
        if k > first and (k - first == BLOCK or atoms + size > BLOCK_ATOMS):
            yield first, k
            first = k
            atoms = 0
        atoms += size
    if len(sizes):
        yield first, len(sizes)


def in_shapes(
    counts: np.ndarray, chunk: int = CHUNK
) -> tuple[int, list[np.ndarray], list[tuple[int, int]]]:
    """Batches of frames and shapes for all of them.

    Args:
        counts: (n, 2), atoms and rows of all frames.
        chunk: largest number of frames of a batch.

    Returns:
        Largest number of frames of a batch, indices of each batch, atoms and rows of each shape.
    """
    size = frames_per_batch(counts, chunk, ATOMS)
    batches = batches_of_epoch(counts, size, seed=0, epoch=0)
    needs = np.array([counts[chosen].sum(axis=0) for chosen in batches])
    return size, batches, choose_shapes(needs, SHAPES, PADDING)
