"""Neighbour lists in rows, with which sums over neighbours are products of small matrices.

A row has T slots for neighbours of one atom, and an atom as many rows as its neighbours need. Slots
that are left over join the atom to itself at exactly the cutoff distance, where all that a model
sums vanishes. A sum over neighbours is then one over the slots of a row, in which a product of two
factors needs no array of all pairs, and one over the few rows of an atom. For a training step of
one round of sums in a crystal this takes a third of the time of a sum pair by pair; rows are most
worth where atoms have similar numbers of neighbours, and with T = 1 nothing is lost on any.

Shapes: A atoms, R rows, P = R T pairs, each both ways and with those of left-over slots.
"""

from typing import NamedTuple

import numpy as np

from keras_models.backend import K, tf

# A row costs as much time as so many slots (measured on crystals of nickel and silicon).
COST = 8
# Slots that were chosen before are kept until others would save more than this factor.
WORTH = 1.2


class Rows(NamedTuple):
    """A neighbour list in rows.

    Attributes:
        rows: (R,), index of the atom i that a row belongs to, ascending.
        other: (P,), index of the neighbour j.
        shifts: (P, 3), Å, from j to the periodic image that is the neighbour.
    """

    rows: np.ndarray
    other: np.ndarray
    shifts: np.ndarray


def slots_for(counts: np.ndarray, before: int = 0) -> int:
    """Slots T of a row for which sum_i ceil(n_i / T) (T + :data:`COST`) is least.

    Args:
        counts: numbers n_i of the neighbours of atoms.
        before: slots of lists before, which are kept if others would save little.
    """
    many = np.bincount(np.asarray(counts, int))
    if len(many) < 2:
        return before or 1
    slots = np.arange(1, max(len(many), before + 1))
    rows = -(-np.arange(len(many)) // slots[:, None])
    costs = (rows @ many) * (slots + COST)
    best = int(costs.argmin())
    return before if before and costs[before - 1] <= WORTH * costs[best] else int(slots[best])


def in_rows(
    i: np.ndarray, j: np.ndarray, shifts: np.ndarray, atoms: int, slots: int, cutoff: float
) -> Rows:
    """Put a neighbour list into rows.

    Args:
        i, j, shifts: (p,), (p,) and (p, 3) Å, p ≤ P, as from
            :func:`~keras_models.neighbours.edges`: by ascending i.
        atoms: A.
        slots: T.
        cutoff: Å, at which slots that are left over join their atom to itself.
    """
    counts = np.bincount(i, minlength=atoms)
    many = -(-counts // slots)
    rows = np.repeat(np.arange(atoms, dtype=np.int32), many)
    # Of each atom, the first slot less the first pair.
    ahead = (np.cumsum(many) - many) * slots - (np.cumsum(counts) - counts)
    place = np.arange(len(i)) + ahead[i]
    other = np.repeat(rows, slots)
    moved = np.zeros((len(other), 3))
    moved[:, 0] = cutoff
    other[place], moved[place] = j, shifts
    return Rows(rows, other, moved)


def by_rows(x, rows):
    """Values of pairs by row and slot: (P, ...) -> (R, T, ...)."""
    many = rows.shape[0]
    slots = x.shape[0] // many if many else 1
    return K.reshape(x, (many, slots, *x.shape[1:]))


def sum_of_rows(x, rows, atoms):
    """Sum over the neighbours of each atom: (P, ...) -> (A, ...)."""
    return of_atoms(K.sum(by_rows(x, rows), axis=1), rows, atoms)


def sum_of_products(x, y, rows):
    """Sum over the slots of each row of all products: (P, V), (P, W) -> (R, V, W)."""
    return K.matmul(K.transpose(by_rows(x, rows), (0, 2, 1)), by_rows(y, rows))


def of_atoms(x, rows, atoms):
    """Sum over the rows of each atom: (R, ...) -> (A, ...)."""
    return tf.math.unsorted_segment_sum(x, rows, atoms)


def centre_of(rows, other):
    """Index of the atom i of each pair: (R,), (P,) -> (P,)."""
    many = rows.shape[0]
    return tf.repeat(rows, other.shape[0] // many if many else 1)


def vectors_of(inputs):
    """From atoms to their neighbours, (P, 3) Å, of a model's nest: x_j - x_i + shift."""
    x, rows, other, shifts = (inputs[k] for k in ("positions", "rows", "other", "shifts"))
    # In this order, as the length of a left-over slot must be exact.
    vectors = by_rows(tf.gather(x, other), rows) - tf.gather(x, rows)[:, None]
    return K.reshape(vectors, (-1, 3)) + shifts
