"""How a long analysis tells how far it is."""

from collections.abc import Callable

# Called with the fraction done, 0 to 1, and a short text; it may raise to stop the work.
Progress = Callable[[float, str], None]


def silent(fraction: float, text: str) -> None:
    """Tell nobody."""
