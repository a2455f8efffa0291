"""Forces as the gradient of an energy model: F = -dE/dX, compiled, twice differentiable.

Any energy model that is a smooth function of positions will do; hidden activations must be smooth
(silu, gelu, :func:`~keras_models.layers.swish2`), as a piecewise linear energy has stepwise
constant forces.
"""

import numpy as np

from keras_models.backend import keras, tf
from keras_models.objective import Objective


def energy_and_forces(model: keras.Model, weights, inputs):
    """Energies and their negative gradient.

    Args:
        model: its output is energies (B, 1) eV.
        weights: tensors to use in place of the model's trainable variables.
        inputs: what it takes: positions (B, N, 3) Å, or the nest of a
            :class:`~keras_models.batch.Batch`, in which B structures have A atoms in all.

    Returns:
        Energies (B,) in eV and forces in eV/Å, shaped as the positions: (B, N, 3) or (A, 3).
    """
    positions = inputs["positions"] if isinstance(inputs, dict) else inputs
    with tf.GradientTape() as tape:
        tape.watch(positions)
        energies = model.stateless_call(weights, [], inputs)[0][:, 0]
        # Samples do not see each other: the gradient of the sum is each one's own.
        total = tf.reduce_sum(energies)
    return energies, -tape.gradient(total, positions)


def gradient_objective(
    model: keras.Model,
    energies: np.ndarray,
    forces: np.ndarray,
    energy_weight: float,
    force_weight: float,
) -> Objective:
    """Loss on energies (n,) and forces (n, N, 3): w_E mean (dE)^2 + w_F mean (dF)^2.

    Weights in 1/eV^2 and Å^2/eV^2; one may be 0.
    """
    return Objective(
        model,
        lambda weights, x: energy_and_forces(model, weights, x),
        (energies, forces),
        (energy_weight, force_weight),
    )
