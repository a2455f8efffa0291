"""The last layer of a trained model on edge lists, solved exactly: linear least squares.

E and F are linear in the weights w of an atom's last layers, E = scale sum_i phi_i . w, so that the
best w for given phi need no steps: they minimise the training's loss on all frames, with the
weights of its last step, plus a ridge that keeps them near what training found,

    w = w_0 + d,   (G + lambda diag G) d = g,

    G = sum over frames of [w_E a a^T + w_F mean over directions v of b b^T],
    a = scale sum_i phi_i / N,   b = -scale sum_i (v . grad) phi_i,

and g likewise, with the residuals of E / N and of v . F in place of the second factors. As
random directions v of a frame's 3N coordinates have unit covariance, the mean of (v . dF)^2 is the
sum of the squares of all components of dF: a few directions stand for them, each of which costs
one forward-mode derivative for all weights at once. lambda is the largest, of a sequence that
begins with infinity (no change), whose score on the validation block is within 2 % of the best:
smaller ones let weights grow that the data say little of, and with these the noise of rounding.
Where an atom alone would get so large an energy that float32 has no digits for it, none is chosen:
on the validation block that need not be seen, as F(no neighbours) cancels there.

It is what variable projection does for the linear weights (Golub and Pereyra, SIAM J. Numer. Anal.
10, 413 (1973)), once, at the end.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_models.backend import keras, tf
from keras_models.building import coarse_step
from keras_models.optimise.edge_adam import EdgeLoop

# Layers without bias that an atom's energy is the sum of, as far as a model has them.
LAST = ("atom_mlp_output", "linear")
# lambda, from strong to weak.
RIDGES = tuple(10.0**-k for k in range(11))
# Share of the best score by which that of a larger lambda may be higher.
WORTH = 0.02
# A feature is nowhere if the mean of its square is at most this share of the largest one's.
NOWHERE = 1e-12
# Directions are as many as give so many rows for each weight, and at most so many a frame.
ROWS, MOST = 20, 50


class Solution(NamedTuple):
    """Weights as they are, or solved.

    Attributes:
        weights: all of the model's, flat.
        ridge: lambda; None for the weights as they were.
        before, after: (2,), RMSE on the validation block, as :meth:`EdgeLoop.errors`.
    """

    weights: np.ndarray
    ridge: float | None
    before: np.ndarray
    after: np.ndarray

    def said(self) -> dict[str, Any]:
        """Lambda and errors, as JSON can hold them; None for an error that is not known."""
        return {"ridge": self.ridge, "before": plain(self.before), "after": plain(self.after)}


def plain(errors) -> list[float | None]:
    """Errors as JSON can hold them; None for one that is not known."""
    return [float(x) if np.isfinite(x) else None for x in errors]


class LastLayer:
    """The linear weights of a model, and what they are multiplied with.

    Args:
        model: with layers of :data:`LAST`.
        loop: of its training.

    Attributes:
        places: (W,), indices of the weights in the flat vector of all.
        along: compiled function (all weights, nest, directions (A, 3)) -> (S, W + 1) twice: for
            each structure scale sum_i phi_i and E, eV, and their derivatives along v. phi of
            elements whose energy alone is known is relative to that, as in the loss.
    """

    def __init__(self, model: keras.Model, loop: EdgeLoop) -> None:
        names = {layer.name for layer in model.layers}
        layers = [model.get_layer(name) for name in LAST if name in names]
        variables = list(model.trainable_variables)
        order = {id(v): k for k, v in enumerate(variables)}
        ends = np.cumsum([0, *(math.prod(v.shape) for v in variables)])
        where = [order[id(layer.kernel)] for layer in layers]
        self.places = np.concatenate([np.arange(ends[k], ends[k + 1]) for k in where])
        outputs = [layer.kernel.shape[1] for layer in layers]
        kinds = model.get_layer("with_lone_atoms").output[1]
        below = keras.Model(model.input, [*(layer.input for layer in layers), kinds, model.output])
        scale = model.get_layer("atom_energies").scale
        fixed = tf.constant([float(not free) for free in loop.free], loop.dtype)

        def sums(weights, inputs):
            *found, kinds, energies = below.stateless_call(weights, [], inputs)[0]
            elements = kinds.shape[1]
            one_hot, parts = kinds[:-elements], []
            for x, n in zip(found, outputs, strict=True):
                x = x[:-elements] - tf.matmul(one_hot * fixed, x[-elements:])
                # A column for each element has its own weights; one has those of all.
                of = one_hot if n == elements else tf.reduce_sum(one_hot, axis=1, keepdims=True)
                parts.append(tf.reshape(x[:, :, None] * of[:, None], (tf.shape(of)[0], -1)))
            rows = tf.math.unsorted_segment_sum(
                tf.concat(parts, axis=1), inputs["sample"], tf.shape(inputs["sizes"])[0]
            )
            return tf.concat([scale * rows, energies], axis=1)

        def along(theta, inputs, v):
            x, weights = inputs["positions"], loop.objective.unflatten(theta)
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    rows = sums(weights, inputs)
                    u = tf.zeros_like(rows)
                    outer.watch(u)
                    total = tf.reduce_sum(u * rows)
                # The derivative of (u . rows) along v is linear in u: so is that of the rows.
                slope = tf.reduce_sum(v * inner.gradient(total, x))
            return rows, outer.gradient(slope, u)

        self.along = tf.function(along, jit_compile=True)


def solve_last_layer(
    model: keras.Model,
    loop: EdgeLoop,
    theta: np.ndarray,
    report: Callable[[float, str], None] = lambda fraction, text: None,
) -> Solution:
    """Solve the last layer for the training part.

    Args:
        model: whose weights they are.
        loop: of its training.
        theta: all weights.
        report: called with (fraction done, short text); may raise an exception to stop.

    Returns:
        The solution that the validation block speaks for: the given weights if it speaks against
        any change, if there is none, or if the model has no such layer.
    """
    found = [unsolved(model, loop, theta)]
    scores = [loop.score(found[0].before)]
    if not np.isfinite(scores[0]) or not set(LAST) & {layer.name for layer in model.layers}:
        return found[0]
    matrix, vector, places = _normal_equations(model, loop, theta, report)
    diagonal = np.diag(matrix).copy()
    # A feature that is nowhere keeps its weights: it may be somewhere in other structures.
    largest = diagonal.max(initial=0.0)
    diagonal[diagonal <= NOWHERE * largest] = largest or 1.0
    for ridge in RIDGES:
        trial = np.array(theta)
        trial[places] += np.linalg.solve(matrix + np.diag(ridge * diagonal), vector)
        after = loop.errors(tf.constant(trial, loop.dtype))
        found.append(Solution(trial, ridge, found[0].before, after))
        scores.append(loop.score(after) if _has_digits(loop, trial) else math.nan)
    limit = (1.0 + WORTH) * np.nanmin(scores)
    return next(x for x, score in zip(found, scores, strict=True) if score <= limit)


def _has_digits(loop: EdgeLoop, theta: np.ndarray) -> bool:
    """Whether the model's arithmetic can subtract the energy of an atom alone."""
    constants = loop.lone_energies(theta).values()
    return all(math.isfinite(x) and coarse_step(x, loop.dtype) is None for x in constants)


def unsolved(model: keras.Model, loop: EdgeLoop, theta: np.ndarray, report=None) -> Solution:
    """All weights as they are, with their errors; arguments as for :func:`solve_last_layer`."""
    errors = loop.errors(tf.constant(theta, loop.dtype))
    return Solution(theta, None, errors, errors)


def directions_of(weights: int, frames: int) -> int:
    """Number of directions v of each frame that stand for all, for so many frames with forces."""
    return int(np.clip(np.ceil(ROWS * weights / max(1, frames)), 1, MOST))


def _normal_equations(model, loop: EdgeLoop, theta, report):
    """G (W, W) and g (W,) of the module in float64, and the places of the weights."""
    last, data = LastLayer(model, loop), loop.train
    size = len(last.places)
    directions = directions_of(size, int(data.known.sum()))
    energy, force = loop.weights_at(loop.settings.steps, len(data))
    constants = np.array(list(loop.lone_energies(theta).values()))
    weights, rng = tf.constant(theta, loop.dtype), np.random.default_rng(loop.seed)
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    batches, shape = loop.whole(data)
    for k, frames in enumerate(batches):
        report(k / len(batches), f"last layer, batch {k + 1}/{len(batches)}")
        inputs, labels = data.batch(frames, shape, loop.dtype)
        sample, forces = inputs["sample"].numpy(), labels.forces.numpy().astype(float)
        known = data.known[frames]
        for direction in range(directions):
            v = rng.standard_normal(forces.shape)
            found = last.along(weights, inputs, tf.constant(v, loop.dtype))
            values, slopes = (x.numpy()[: len(frames)].astype(float) for x in found)
            if direction == 0 and energy:
                per_atom = values / data.counts[frames, :1]
                rows = per_atom[:, :-1]
                off = data.energies[frames] - per_atom[:, -1] - data.shares[frames] @ constants
                matrix += energy * rows.T @ rows
                vector += energy * rows.T @ off
            if not (force and known.any()):
                break
            along = np.bincount(sample, (v * forces).sum(axis=1), shape[2])[: len(frames)]
            rows, off = -slopes[known, :-1], (along + slopes[:, -1])[known]
            matrix += force / directions * rows.T @ rows
            vector += force / directions * rows.T @ off
    return matrix, vector, last.places
