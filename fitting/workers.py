"""Jobs in processes of one thread each, some at a time: progress, failures, stopping.

A process is another Python that imports the job's function, and not the user's program: scripts
need no guard, and notebooks work. It ends with the program that started it, however that ends.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from fitting.errors import TrainingFailed
from fitting.progress import Asked
from fitting.worker import GO, STOP, out_of_memory

# Not by -m, as the module would then be there twice, with exceptions that differ.
PROGRAM = "import sys; from fitting.worker import main; main(sys.argv[1])"
# Numbers of threads, of NumPy and of TensorFlow.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
POLL_SECONDS = 0.2
# For a step to end and a checkpoint to be written, when asked to stop.
PATIENCE_SECONDS = 15.0


class Job(NamedTuple):
    """A function to be called in a process.

    Attributes:
        name: of the job, for messages.
        function: importable by its name; called with the arguments and a
            :class:`~fitting.worker.Link`.
        arguments: can be pickled, as can the result.
        advice: what to do where it is killed or fails; by default, to go on from checkpoints.
    """

    name: str
    function: Callable
    arguments: tuple
    advice: str = ""


class Process:
    """A process that does a job.

    Args:
        number: of the job, which remains as an attribute.
        job: to do.

    Attributes:
        connection: to the process.
    """

    def __init__(self, number: int, job: Job) -> None:
        self.number, self.name, self.advice = number, job.name, job.advice
        self.connection, theirs = Pipe()
        with theirs, _without_ctrl_c():
            self._running = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )
        self.tell(pickle.dumps((job.function, job.arguments)))

    def tell(self, words: bytes) -> None:
        """Send the job, or the word to go or to stop. Of its death one learns by reading."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(words)

    def how_it_ended(self) -> str:
        """How the process ended that did not say why."""
        status = self._running.wait()
        if status < 0:
            return f"its process was killed by {signal.Signals(-status).name}"
        return f"its process ended with status {status}"

    def end(self, seconds: float) -> None:
        """Wait for the end for some seconds, then kill the process."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(max(0.0, seconds))
        self._running.kill()
        self._running.wait()
        self.connection.close()


def run(
    jobs: Sequence[Job],
    at_once: int,
    progress: Callable[[int, float, str], None],
    say: Callable[[str], None],
    asked: Asked,
) -> list[Any]:
    """Do jobs, as many at once as allowed; returns their results.

    The first failure ends it: the others are asked to stop, which leaves their checkpoints.

    Args:
        jobs: to do, in this order.
        at_once: largest number of processes.
        progress: called with (number of the job, fraction done, short text).
        say: called with lines for the user.
        asked: whether the user asked to stop.

    Raises:
        TrainingFailed: a process was killed, ran out of memory or failed unexpectedly.
        Stop: the user asked to stop.
        Exception: what a job raises, if it is a ValueError, ArithmeticError or OSError.
    """
    results: list[Any] = [None] * len(jobs)
    waiting, ready = deque(enumerate(jobs)), set()
    running: dict[Connection, Process] = {}
    try:
        while waiting or running:
            asked.check()
            while waiting and len(running) < at_once:
                process = Process(*waiting.popleft())
                running[process.connection] = process
            for connection in wait(list(running), POLL_SECONDS):
                process = running[connection]
                kind, *message = _received(process, asked, at_once)
                if kind == "progress":
                    progress(process.number, *message)
                elif kind == "say":
                    say(*message)
                elif kind == "ready":
                    ready.add(connection)
                else:
                    results[process.number] = message[0]
                    del running[connection]
                    process.end(PATIENCE_SECONDS)
            if ready and not waiting and ready >= set(running):
                for connection in ready & set(running):
                    running[connection].tell(GO)
                ready.clear()
        return results
    finally:
        _stop(list(running.values()))


def _received(process: Process, asked: Asked, at_once: int) -> tuple:
    """A message of a process; raises why there will be no result, if so."""
    try:
        kind, *message = process.connection.recv()
    except (EOFError, OSError):
        how = process.how_it_ended()
        # A signal may have been for all.
        asked.check()
        raise TrainingFailed(f"{process.name}: {how}", process.advice or _go_on(at_once)) from None
    if kind == "raised":
        raise message[0]
    if kind == "stopped":
        asked.is_set = True
        asked.check()
    if kind == "failed":
        advice = process.advice or _go_on(at_once)
        raise TrainingFailed(f"{process.name}: {message[0]}", advice)
    return kind, *message


def alone(function: Callable, arguments: tuple, link) -> Any:
    """Call a job's function here. Raises TrainingFailed where memory runs out."""
    try:
        return function(*arguments, link)
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise TrainingFailed("memory ran out", _go_on(1)) from None


def _go_on(at_once: int) -> str:
    less = ", with --workers 1 to use less memory" if at_once > 1 else ""
    return f"; run the same command to resume from the checkpoints{less}"


def _stop(processes: Sequence[Process]) -> None:
    """Let processes save their state and end; kill those that take too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        for process in processes:
            process.tell(STOP)
        for process in processes:
            process.end(deadline - time.monotonic())
    finally:
        # Also after a second Ctrl-C.
        for process in processes:
            process.end(0.0)


def _environment() -> dict[str, str]:
    """The environment of a process: modules are found as here, arithmetic has one thread."""
    path = os.pathsep.join(os.path.abspath(p) for p in sys.path)
    return {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": path}


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process that is started within never has SIGINT, which is for its parent to react to."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
