"""A process of :mod:`fitting.workers`, which does one job.

Its arithmetic has one thread, by its environment, so that as many processes as there are cores do
not get into each other's way, and so that bits do not depend on the number of cores.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

REPORT_SECONDS = 0.2
GO, STOP = b"go", b"stop"


class Stopped(Exception):
    """The program above asked to stop."""


class Link:
    """What a job says to the program above, and hears from it.

    Args:
        connection: to the program above.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.stop, self._go = threading.Event(), threading.Event()
        self._last, self._is_ready = 0.0, False

    def listen(self) -> None:
        """Wait for what the program above says; end with it."""
        while True:
            try:
                said = self.connection.recv_bytes()
            except (EOFError, OSError):
                # It was killed. Checkpoints are written every few seconds.
                os._exit(1)
            (self._go if said == GO else self.stop).set()

    def report(self, fraction: float, text: str) -> None:
        """Report progress, at a limited rate. Raises Stopped if so asked."""
        if self.stop.is_set():
            raise Stopped
        now = time.monotonic()
        if now - self._last > REPORT_SECONDS or fraction in (0.0, 1.0):
            self._last = now
            self.connection.send(("progress", fraction, text))

    def say(self, text: str) -> None:
        """Send a line for the user."""
        self.connection.send(("say", text))

    def together(self) -> bool:
        """Say that this job is ready; whether all are that run at once."""
        if not self._is_ready:
            self._is_ready = True
            self.connection.send(("ready",))
        return self._go.is_set()


def work(connection: Connection) -> None:
    """Receive a job, do it, and send its result or why there is none."""
    # Ctrl-C reaches the whole process group; only the program above reacts to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Link(connection)
    signal.signal(signal.SIGTERM, lambda *_: link.stop.set())
    job = connection.recv_bytes()
    threading.Thread(target=link.listen, daemon=True).start()
    function, arguments = pickle.loads(job)
    connection.send(attempt(function, arguments, link))


def attempt(function: Callable, arguments: tuple, link: Link) -> tuple:
    """Call a function; what is to be sent of it: its result, or why there is none."""
    try:
        return "done", function(*arguments, link)
    except Stopped:
        return ("stopped",)
    except (ValueError, ArithmeticError, OSError) as error:
        return "raised", error
    except Exception as error:
        if out_of_memory(error):
            return "failed", "memory ran out"
        first = str(error).splitlines()[0] if str(error) else ""
        return "failed", f"{type(error).__name__}: {first}"


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, by Python or by TensorFlow, which is not imported for this."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def main(number: str) -> None:
    """A process that does one job: ``number`` is that of the connection's file."""
    try:
        work(Connection(int(number)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(1)  # the program above is gone
