"""The exception for failed training."""


class Diverged(ArithmeticError):
    """Training failed because the loss is not finite."""
