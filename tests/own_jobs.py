"""Jobs for processes, in a module that is quick to import, and what tests need to watch them."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from fitting.worker import Stopped


def waits(path: Path, link) -> None:
    """Job: goes on until it is asked to stop, and then leaves a file, as a checkpoint."""
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path.with_suffix(".pid"))
    try:
        while True:
            link.report(0.5, "waiting")
            time.sleep(0.02)
    except Stopped:
        path.write_text(json.dumps({k: v for k, v in os.environ.items() if "THREADS" in k}))
        raise


def is_busy(path: Path, link) -> None:
    """Job: says nothing for a minute, as in a long compilation."""
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path.with_suffix(".pid"))
    time.sleep(60)


def is_killed(other: Path, link) -> None:
    """Job: is killed as soon as the other one is at work."""
    wait_for(other.with_suffix(".pid").is_file)
    os.kill(os.getpid(), signal.SIGKILL)


def at_work(link) -> int:
    """Job: number of processes, itself among them, that do jobs for the same program."""
    found, parent = 0, f"\nPPid:\t{os.getppid()}\n"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_sibling = parent in (process / "status").read_text()
            found += is_sibling and b"fitting.worker" in (process / "cmdline").read_bytes()
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
