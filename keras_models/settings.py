"""Settings of training, in a module that does not import TensorFlow."""

from dataclasses import dataclass, replace

QUICK_EPOCHS = 10
QUICK_ITERATIONS = 15


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
        if not self.stages or min(min(stage) for stage in self.stages) < 1:
            raise ValueError("stages are pairs of a stride and iterations, all at least 1")
        if not 0 < self.sharpness[0] <= self.sharpness[1]:
            raise ValueError("sharpness is a range of positive numbers")

    def quick(self) -> "QuasiNewtonSettings":
        """The same settings with few iterations in a single stage, for a quick try."""
        return replace(self, stages=((1, QUICK_ITERATIONS),))
