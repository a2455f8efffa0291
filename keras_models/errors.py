"""Errors of training."""


class Diverged(ArithmeticError):
    """A loss that is not finite."""
