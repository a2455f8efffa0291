"""Forces as the negative gradient of an energy model, F = -dE/dX, and training on them.

Hidden activations must be smooth (silu, gelu, :func:`~keras_models.layers.swish2`): with piecewise
linear ones, such as relu, forces are not continuous.
"""

import numpy as np

from keras_models.backend import keras, tf
from keras_models.objective import Objective


def energy_and_forces(model: keras.Model, weights, inputs):
    """Energies, and forces as their negative gradient.

    Args:
        model: with output energies (B, 1) eV, which may be the first of several outputs.
        weights: tensors to use instead of the model's trainable variables.
        inputs: of the model: positions (B, N, 3) Å, or the nest of a
            :class:`~keras_models.batch.Batch` or :class:`~keras_models.edges.EdgeBatch`, in which
            B structures have A atoms in total.

    Returns:
        Energies (B,) in eV, forces in eV/Å, shaped as the positions, (B, N, 3) or (A, 3), and the
        model's further outputs, if any.
    """
    positions = inputs["positions"] if isinstance(inputs, dict) else inputs
    with tf.GradientTape() as tape:
        tape.watch(positions)
        energies, *more = outputs_of(model, weights, inputs)
        # Samples are independent: the gradient of the sum contains that of each energy.
        total = tf.reduce_sum(energies)
    # The gradient of tf.gather, which edge lists use, is not a dense tensor before the conversion.
    return energies, -tf.convert_to_tensor(tape.gradient(total, positions)), *more


def outputs_of(model: keras.Model, weights, inputs) -> list:
    """Energies (B,) eV of a model and its further outputs, with given weights."""
    found = model.stateless_call(weights, [], inputs)[0]
    energies, *more = found if isinstance(found, (list, tuple)) else [found]
    return [energies[:, 0], *more]


def gradient_objective(
    model: keras.Model,
    energies: np.ndarray,
    forces: np.ndarray,
    energy_weight: float,
    force_weight: float,
) -> Objective:
    """Objective on energies (n,) and forces (n, N, 3): w_E mean (dE)^2 + w_F mean (dF)^2.

    The weights are in 1/eV^2 and Å^2/eV^2; one may be 0.
    """
    return Objective(
        model,
        lambda weights, x: energy_and_forces(model, weights, x),
        (energies, forces),
        (energy_weight, force_weight),
    )
