"""Initial weights for a network of one variable that has to resolve sharp features.

With Keras's default, the kinks of all hidden units of the pair function are at the same point,
c = 0. EMT's functions switch off within 0.2 Å around 5.36 Å; from that start, learning the switch
takes much longer than everything else.
"""

import numpy as np

from keras_models.backend import K, keras


def pair_features(positions: np.ndarray, statistics) -> np.ndarray:
    """Standardised 1/r of all pairs i < j: (n, N, 3) Å -> (n P,)."""
    i, j = np.triu_indices(positions.shape[1], 1)
    r = np.linalg.norm(positions[:, i] - positions[:, j], axis=-1).ravel()
    return (1.0 / r - statistics.inverse_distance_mean) / statistics.inverse_distance_std


def spread_over_scales(
    model: keras.Model,
    prefix: str,
    c: np.ndarray,
    seed: int,
    sharpness: tuple[float, float],
    output_std: float = 0.25,
) -> None:
    """Initialise an MLP 1 -> hidden -> outputs with units at many positions and scales.

    Hidden unit k is a(w_k (c - t_k)), with t_k evenly spaced over the data and |w_k| evenly spaced
    in its logarithm over ``sharpness``, in random order and with random signs. The output weights
    of unit k are divided by |w_k|, so that all units contribute similar slopes, and then scaled
    together.

    Args:
        model: changed in place.
        prefix: of the MLP's layers, such as "pair_mlp".
        c: (m,), the variable's values in the training part.
        seed: of order and signs.
        sharpness: smallest and largest |w_k|, in units of 1/c.
        output_std: standard deviation of the MLP's outputs over c.
    """
    hidden = model.get_layer(f"{prefix}_hidden_1")
    output = model.get_layer(f"{prefix}_output")
    rng = np.random.default_rng(seed)
    places = np.linspace(c.min(), c.max(), hidden.units)
    w = rng.permutation(np.geomspace(*sharpness, hidden.units))
    w = w * rng.choice([-1.0, 1.0], hidden.units)
    kernel = output.kernel.numpy() / np.abs(w)[:, None]
    values = np.asarray(hidden.activation(K.convert_to_tensor(c[:, None] * w - w * places)))
    kernel = kernel * (output_std / np.std(values @ kernel))
    hidden.set_weights([w[None, :], -w * places])
    output.set_weights([kernel, np.zeros(output.units)])
