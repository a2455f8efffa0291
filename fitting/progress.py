"""Progress of trainings with the time left, on a terminal or as lines; stopping by a signal."""

import contextlib
import math
import signal
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_SECONDS = 15.0
# Of the pace, intervals count with at most so many times the median of the last ones: what is
# compiled in between is not done again.
MOST_TIMES, RECENT = 10.0, 50
# The end that is expected follows the pace in about so many seconds.
SMOOTH_SECONDS = 30.0
QUIET = Console(quiet=True)
# How the text of a part of a task begins, and what its time left is for: others come after it.
PHASES = {
    "step": "for the steps",
    "iteration": "for the iterations",
    "last layer": "for the last layer",
}


class Stop(KeyboardInterrupt):
    """The user asked to stop."""


class Bars:
    """A bar for each of some tasks on a terminal; elsewhere a line now and then.

    Args:
        console: for the output.
        labels: of the tasks.
    """

    def __init__(self, console: Console, labels: Sequence[str]) -> None:
        self.console, self.labels = console, list(labels)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._tasks = [self._bars.add_task(x, total=1.0, text="waiting") for x in self.labels]
        self._texts = ["waiting"] * len(self.labels)
        self._last = time.monotonic()
        self._phases: dict[int, _Phase] = {}

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def __call__(self, number: int, fraction: float, text: str) -> None:
        """Show of a task the fraction done and a short text, which begins with that of a phase.

        Args:
            number: of the task.
            fraction: of its phase.
            text: such as "step 3/8": time is estimated for each of :data:`PHASES` on its own.
        """
        now = time.monotonic()
        text = f"{text}{self._left(number, fraction, text, now)}"
        self._bars.update(self._tasks[number], completed=fraction, text=text)
        self._texts[number] = f"{100 * fraction:.0f} %, {text}"
        if not self.console.is_terminal and now - self._last > LINE_SECONDS:
            self._last = now
            both = zip(self.labels, self._texts, strict=True)
            self.console.print("; ".join(f"{a}: {b}" for a, b in both), markup=False)

    def _left(self, number: int, fraction: float, text: str, now: float) -> str:
        name = next((name for name in PHASES if text.startswith(name)), "")
        before = self._phases.get(number)
        # A phase can come twice, as the last layer's of a model that is gone on from.
        if before is None or before.name != name or fraction < before.fraction:
            if fraction > 0:
                self._phases[number] = _Phase(name, fraction, now)
            return ""
        if not name or not before.advance(fraction, now):
            return ""
        return f", {duration(before.left(now))} left {PHASES[name]}"


class _Phase:
    """How fast a phase of a task goes, from which the time left is estimated.

    Args:
        name: of :data:`PHASES`, or "".
        fraction, now: done when it was first heard of, and that time, seconds.
    """

    def __init__(self, name: str, fraction: float, now: float) -> None:
        self.name, self.first, self.fraction, self.now = name, fraction, fraction, now
        self._paces: deque[float] = deque(maxlen=RECENT)
        self._spent, self._end, self._estimated = 0.0, 0.0, now

    def advance(self, fraction: float, now: float) -> bool:
        """Take note of what is done; returns whether the pace is known."""
        done, spent = fraction - self.fraction, now - self.now
        if done > 0:
            self._paces.append(spent / done)
            self._spent += min(spent, MOST_TIMES * statistics.median(self._paces) * done)
            self.fraction, self.now = fraction, now
        return fraction > self.first

    def left(self, now: float) -> float:
        """Seconds left, about."""
        end = now + self._spent * (1.0 - self.fraction) / (self.fraction - self.first)
        if self._end and self.fraction < 1.0:
            share = 1.0 - math.exp((self._estimated - now) / SMOOTH_SECONDS)
            end = self._end + (end - self._end) * share
        self._end, self._estimated = end, now
        return max(0.0, end - now)


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


class Here:
    """What a job in this program says and hears: as :class:`fitting.worker.Link` of a process.

    Args:
        bars: to show the progress, as the first of their tasks.
        asked: whether the user asked to stop.
        console: for lines for the user.
    """

    def __init__(
        self, bars: Bars | None = None, asked: Asked | None = None, console: Console = QUIET
    ) -> None:
        self.bars, self.asked, self.console = bars, asked or Asked(), console

    def report(self, fraction: float, text: str) -> None:
        """Show progress. Raises Stop if so asked."""
        if self.bars:
            self.bars(0, fraction, text)
        self.asked.check()

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)

    def together(self) -> bool:
        """Whether all jobs that run at once are ready: there is one."""
        return True


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
