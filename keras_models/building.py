"""Building models: in a chosen precision, from a seed; their weights as one vector."""

import contextlib
import math
from collections.abc import Callable

import numpy as np

from keras_models.backend import keras


@contextlib.contextmanager
def precision(dtype: str):
    """Build models of this dtype ("float32" or "float64") inside the block."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def dtype_of(model: keras.Model) -> str:
    """What a model computes in: its output's type. A loaded model's own is Keras's default."""
    return model.outputs[0].dtype


def build_seeded(builder: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Call a builder so that the first weights depend on ``seed`` alone."""
    keras.utils.set_random_seed(seed)
    return builder()


def flat_weights(model: keras.Model) -> np.ndarray:
    """All trainable weights as one vector (W,)."""
    return np.concatenate([np.ravel(w.numpy()) for w in model.trainable_variables])


def set_flat_weights(model: keras.Model, theta: np.ndarray) -> None:
    """Inverse of :func:`flat_weights`. Raises ValueError when the length does not fit."""
    sizes = [math.prod(w.shape) for w in model.trainable_variables]
    if theta.shape != (sum(sizes),):
        raise ValueError(f"{theta.shape} weights do not fit a model that has {sum(sizes)}")
    for variable, part in zip(
        model.trainable_variables, np.split(theta, np.cumsum(sizes)[:-1]), strict=True
    ):
        variable.assign(part.reshape(variable.shape))
