"""Helpers for building models with given precision and seed, and for weights as one vector."""

import contextlib
import math
import random
from collections.abc import Callable

import numpy as np

from keras_models.backend import keras

# Largest step of energies in float32 that are still answers, eV.
LARGEST_STEP = 1e-4


def coarse_step(energy: float, dtype: str) -> float | None:
    """Step between energies as large as this one in float32, eV, if that is too large an error.

    Args:
        energy: eV.
        dtype: of the arithmetic; None is the result for any but "float32".
    """
    step = float(np.spacing(np.float32(abs(energy))))
    return step if dtype == "float32" and step > LARGEST_STEP else None


@contextlib.contextmanager
def precision(dtype: str):
    """Context manager in which models are built with this dtype ("float32" or "float64")."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def dtype_of(model: keras.Model) -> str:
    """Data type of a model's arithmetic, taken from its output.

    The dtype attribute of a loaded model is only Keras's default.
    """
    return model.outputs[0].dtype


def build_seeded(builder: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Call a builder so that the initial weights depend only on ``seed``.

    The global generators of ``random`` and NumPy, which Keras seeds, are left as they were.
    """
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    keras.utils.set_random_seed(seed)
    try:
        return builder()
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def flat_weights(model: keras.Model) -> np.ndarray:
    """All trainable weights as one vector (W,)."""
    return np.concatenate([np.ravel(w.numpy()) for w in model.trainable_variables])


def set_flat_weights(model: keras.Model, theta: np.ndarray) -> None:
    """Set all trainable weights from one vector (W,). Raises ValueError if its length is wrong."""
    sizes = [math.prod(w.shape) for w in model.trainable_variables]
    if theta.shape != (sum(sizes),):
        raise ValueError(f"{theta.shape} weights do not fit a model that has {sum(sizes)}")
    for variable, part in zip(
        model.trainable_variables, np.split(theta, np.cumsum(sizes)[:-1]), strict=True
    ):
        variable.assign(part.reshape(variable.shape))
