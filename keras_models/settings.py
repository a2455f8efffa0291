"""Settings of training, in a module that does not import TensorFlow."""

import math
from dataclasses import dataclass, replace

QUICK_EPOCHS = 10
QUICK_ITERATIONS = 15
QUICK_STEPS = 20


@dataclass(frozen=True)
class AdamSettings:
    """Settings of training by Adam.

    The report only gives the epochs; the defaults of the others are assumptions (ASSUMPTIONS.md).

    Attributes:
        epochs: passes over the training part.
        batch_size: samples per step; the last batch of an epoch may be smaller.
        learning_rate: of Adam.
        decay: "constant", or "cosine" from ``learning_rate`` to 0 over all steps.
    """

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    decay: str = "constant"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {self.epochs}")
        if self.batch_size < 1 or not self.learning_rate > 0:
            raise ValueError("batch size and learning rate must be positive")
        if self.decay not in ("constant", "cosine"):
            raise ValueError(f"decay is 'constant' or 'cosine', not {self.decay!r}")

    def quick(self) -> "AdamSettings":
        """The same settings with few epochs, for a quick try."""
        return replace(self, epochs=min(self.epochs, QUICK_EPOCHS))


def _check_stages(stages) -> None:
    """Raise ValueError unless these are pairs of a stride and a number of iterations."""
    if not all(len(stage) == 2 and min(stage) >= 1 for stage in stages):
        raise ValueError("stages are pairs of a stride and iterations, all at least 1")


@dataclass(frozen=True)
class QuasiNewtonSettings:
    """Settings of full-batch second-order training.

    Attributes:
        stages: pairs (stride, iterations): the number of iterations on every stride-th frame. A
            first stage on few frames makes most of the progress at a fraction of the cost; the
            next stage starts with its inverse Hessian.
        sharpness: range of the first layer's initial weights, for models with a function of one
            variable (:func:`keras_models.initialise.spread_over_scales`).
    """

    stages: tuple[tuple[int, int], ...]
    sharpness: tuple[float, float] = (0.5, 15.0)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("stages are pairs of a stride and iterations: there is none")
        _check_stages(self.stages)
        if not 0 < self.sharpness[0] <= self.sharpness[1]:
            raise ValueError("sharpness is a range of positive numbers")

    def quick(self) -> "QuasiNewtonSettings":
        """The same settings with few iterations in a single stage, for a quick try."""
        return replace(self, stages=((1, QUICK_ITERATIONS),))


@dataclass(frozen=True)
class EdgeSettings:
    """Settings of training a model on edge lists on energies and forces, by Adam at first.

    The loss of a batch of B frames, without unit, is

        [w_E(t) sum over frames of (dE / N)^2 + w_F sum over components of dF^2 / c] / (B F_ms)

    with the errors dE and dF, the number of atoms N of a frame, and of the training part the mean
    number c of force components of a frame and the mean square F_ms of forces. So a frame counts as
    much in any batch, and neither depends on the units or on the size of the forces. If no forces
    are known, F_ms is the mean square of energies per atom without references, times 1/Å^2.

    Attributes:
        steps: number of batches, in as many epochs as they need.
        batch_size: largest number of frames in a batch; the batches of an epoch are equal up to
            one frame.
        batch_atoms: largest number of atoms in a batch of several frames, which bounds the memory;
            where the largest frames would exceed it, batches have fewer frames.
        learning_rate: largest one, see :meth:`rate`.
        warm_up: number of steps in which the learning rate rises.
        clip: largest norm of the gradient of the loss; longer ones are scaled down (Pascanu,
            Mikolov and Bengio, arXiv:1211.5063).
        weight_decay: by which times the learning rate all weights shrink in a step of Adam, apart
            from the gradient (AdamW: Loshchilov and Hutter, arXiv:1711.05101).
        average: largest decay of the exponential moving average of the weights, see :meth:`decay`.
        energy_weight: w_E at the start, 1/Å^2.
        energy_rise: factor by which w_E rises, see :meth:`energy_weight_at`.
        force_weight: w_F.
        validation: share of the training part, its last frames in one block, that is not trained
            on, but whose errors are measured.
        solve_last_layer: solve it exactly after the last step, see
            :mod:`keras_models.optimise.last_layer`; only where there is a validation block.
        stages: of second-order training after Adam, in float64, as
            :attr:`QuasiNewtonSettings.stages`; for models of a few thousand weights.
    """

    steps: int
    batch_size: int = 32
    batch_atoms: int = 4096
    learning_rate: float = 3e-3
    warm_up: int = 100
    clip: float = 1.0
    weight_decay: float = 0.0
    average: float = 0.999
    energy_weight: float = 1.0
    energy_rise: float = 10.0
    force_weight: float = 1.0
    validation: float = 0.1
    solve_last_layer: bool = True
    stages: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(map(tuple, self.stages)))
        _check_stages(self.stages)
        if min(self.steps, self.batch_size, self.batch_atoms) < 1:
            raise ValueError("steps, frames and atoms of a batch must be at least 1")
        if not 0 <= self.warm_up < self.steps:
            raise ValueError(f"{self.warm_up} steps of warm-up do not fit {self.steps} steps")
        if not (0 < self.learning_rate < math.inf and self.clip > 0 and self.energy_rise > 0):
            raise ValueError("learning rate, clipping and the energy weight's rise are positive")
        if not 0 <= self.weight_decay * self.learning_rate < 1:
            raise ValueError("weight decay times the learning rate is at least 0 and below 1")
        if not 0 <= self.average < 1 or not 0 <= self.validation < 1:
            raise ValueError("average and share of validation are at least 0 and below 1")
        weights = (self.energy_weight, self.force_weight)
        if not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise ValueError("weights of E and F must not be negative, nor both 0")

    def quick(self) -> "EdgeSettings":
        """The same settings with few steps, for a quick try."""
        steps = min(self.steps, QUICK_STEPS)
        stages = ((1, QUICK_ITERATIONS),) if self.stages else ()
        warm_up = self.warm_up * steps // self.steps
        return replace(self, steps=steps, warm_up=warm_up, stages=stages)

    def _remaining(self, step: int) -> float:
        """1 until the end of the warm-up, then down a cosine, to 0 after the last step."""
        done = max(0, step - 1 - self.warm_up) / (self.steps - self.warm_up)
        return 0.5 * (1.0 + math.cos(math.pi * done))

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 1: a linear warm-up, then a cosine to 0.

        Source: Loshchilov and Hutter, arXiv:1608.03983, without restarts.
        """
        return self.learning_rate * min(1.0, step / max(1, self.warm_up)) * self._remaining(step)

    def energy_weight_at(self, step: int) -> float:
        """w_E of a step, from 1: it rises as the learning rate falls, by energy_rise in the end.

        Forces, of which there are many, are learned while steps are large, and constants of E when
        they are small; as in DeePMD-kit (Wang et al., Comput. Phys. Commun. 228, 178 (2018)), but
        as a power, w_E(t) = w_E energy_rise^(1 - rate(t) / learning_rate) after the warm-up.
        """
        return self.energy_weight * self.energy_rise ** (1.0 - self._remaining(step))

    def decay(self, step: int) -> float:
        """Decay d of the average of weights in a step t from 1: average <- d average + (1 - d) w.

        d = min(self.average, (1 + t) / (10 + t)), so that the first weights are soon forgotten; as
        in TensorFlow's ExponentialMovingAverage.
        """
        return min(self.average, (1.0 + step) / (10.0 + step))
