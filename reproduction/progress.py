"""Progress display: one bar for everything, and one for each running experiment."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from reproduction.engine.run_one import Work
from reproduction.engine.schedule import Listener

LINE_SECONDS = 30.0


class Bars(Listener):
    """Progress bars on a terminal; elsewhere lines, one per finished group and some in between.

    Args:
        console: for the output.
        total: expected seconds of everything.
        done: expected seconds of the part done before.
        expected: gives the expected seconds of one group.
        label: of the bar for everything, and the beginning of every line.
    """

    def __init__(
        self,
        console: Console,
        total: float,
        done: float,
        expected: Callable[[Work], float],
        label: str,
    ) -> None:
        self.console, self.total, self.done = console, total, done
        self.expected, self.label = expected, label
        self.last_line = time.monotonic()
        self.fractions: dict[str, float] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.whole = self.bars.add_task(label, total=total, completed=done, text="")
        self.rows: dict[str, int] = {}

    def __enter__(self):
        self.bars.start()
        return self

    def __exit__(self, *_):
        self.bars.stop()

    def started(self, work: Work) -> None:
        self.fractions[work.name] = 0.0
        self.rows[work.name] = self.bars.add_task(f"  {work.name}", total=1.0, text="")

    def progress(self, work: Work, fraction: float, text: str) -> None:
        self._advance(work, fraction)
        self.bars.update(self.rows[work.name], completed=fraction, text=text)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.last_line > LINE_SECONDS:
            self.last_line = now
            self._line(f"{work.name}: {text}")

    def ended(self, work: Work, failures: dict[int, str]) -> None:
        self._advance(work, 1.0)
        self.bars.remove_task(self.rows.pop(work.name))
        self.last_line = time.monotonic()
        failed = f"failed for seed {', '.join(map(str, failures))}" if failures else "done"
        self._line(f"{work.name}: {failed}")

    def _advance(self, work: Work, fraction: float) -> None:
        self.done += (fraction - self.fractions[work.name]) * self.expected(work)
        self.fractions[work.name] = fraction
        self.bars.update(self.whole, completed=self.done)

    def _line(self, text: str) -> None:
        percent = 100.0 * self.done / self.total if self.total else 100.0
        self.console.print(f"{self.label} {percent:3.0f} %  {text}", highlight=False)
