"""What the checks share: starting Snakemake, killing it, and saying what happens."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from reproduction.engine.provenance import ROOT

FOLDER = ROOT / ".workflow-check"
CORES = 2


def say(text: str) -> None:
    """Print a step, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@contextlib.contextmanager
def started(
    log: Path, *options: str, cores: int = CORES, **config: str
) -> Iterator[subprocess.Popen]:
    """Start Snakemake with the profile for this machine, and kill what is left of it at the end.

    Args:
        log: file that its output is appended to.
        options: of Snakemake.
        cores: to use.
        config: of the Snakefile.
    """
    command = [str(ROOT / "workflow/run.sh"), "local", f"--cores={cores}", *options, "--config"]
    with open(log, "ab") as out:
        running = subprocess.Popen(
            [*command, *(f"{name}={value}" for name, value in config.items())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        yield running
    finally:
        kill(running)


def kill(running: subprocess.Popen) -> None:
    """Kill a whole process group by SIGKILL, and wait until none of it is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    while processes(running.pid):
        time.sleep(0.05)


def processes(group: int) -> list[str]:
    """Command lines of the processes of a group, arguments with spaces between."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            # After the name, which is in brackets: state, parent, group.
            state, _, own = (path / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(own) == group and state != "Z":
                found.append((path / "cmdline").read_text().replace("\0", " "))
    return found


def without_times(path: Path) -> bytes:
    """metrics.csv but the lines of times, which no two runs have in common."""
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.endswith((b",s\n", b",ms\n")))
