"""Progress of a training with the time left, on a terminal or as lines; stopping by a signal."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_SECONDS = 15.0


class Stop(KeyboardInterrupt):
    """The user asked to stop."""


class Bar:
    """Bar of one task after the other on a terminal; elsewhere a line now and then.

    Args:
        console: for the output.
        label: of the task.
    """

    def __init__(self, console: Console, label: str) -> None:
        self.console, self.label = console, label
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(label, total=1.0, text="")
        self._last = time.monotonic()
        # Of the first report of a fraction, from which the time left is estimated.
        self._first: tuple[float, float] | None = None

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def __call__(self, fraction: float, text: str) -> None:
        """Show a fraction done and a short text."""
        now = time.monotonic()
        if fraction > 0 and self._first is None:
            self._first = (fraction, now)
        text = f"{text}{self._left(fraction, now)}"
        self._bar.update(self._task, completed=fraction, text=text)
        if not self.console.is_terminal and now - self._last > LINE_SECONDS:
            self._last = now
            self.console.print(f"{self.label}: {100 * fraction:.0f} %, {text}", markup=False)

    def _left(self, fraction: float, now: float) -> str:
        if self._first is None or fraction <= self._first[0]:
            return ""
        done, since = fraction - self._first[0], now - self._first[1]
        return f", {duration(since * (1.0 - fraction) / done)} left"


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: "1:32 min", "2:05 h"."""
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


class Asked:
    """Whether the user asked to stop, see :func:`stoppable`."""

    def __init__(self) -> None:
        self.is_set = False

    def check(self) -> None:
        """Raise Stop if so."""
        if self.is_set:
            raise Stop


@contextlib.contextmanager
def stoppable() -> Iterator[Asked]:
    """Ctrl-C or SIGTERM asks to stop at the next step; a second one stops at once.

    A step is not interrupted, so that the checkpoint is of the step that was reached. In other
    threads than the main one signals remain as they are.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def on_signal(*_) -> None:
        if asked.is_set:
            raise Stop
        asked.is_set = True

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
