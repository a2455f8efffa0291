"""Settings of training, apart from the code that needs TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AdamSettings:
    """The report prints epochs only; the rest is assumed (ASSUMPTIONS.md).

    Attributes:
        epochs: passes over the training part.
        batch_size: samples a step; the last batch of an epoch may be smaller.
        learning_rate: Adam's.
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
