"""Callback by which long analyses report progress."""

from collections.abc import Callable

# Called with the fraction done, 0 to 1, and a short text; may raise an exception to stop the work.
Progress = Callable[[float, str], None]


def silent(fraction: float, text: str) -> None:
    """A progress callback that does nothing."""
