"""Exceptions of training."""


class Diverged(ArithmeticError):
    """Training failed because the loss is not finite."""


class TooManyWeights(ValueError):
    """The model has too many weights for the second-order method."""
