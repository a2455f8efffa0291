"""What a result depends on besides code and data, and its time: processor, versions, cores."""

import contextlib
import math
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
MEMORY, LIMITS = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def processor() -> str:
    """Name of the processor, or of its architecture if the system does not give the name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Number of cores that this process may use, by its affinity and its container's quota."""
    found = len(os.sched_getaffinity(0))
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(found, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # there is none, or it is "max"
        return found


def free_memory() -> float:
    """Bytes that programs can have yet, by the system and the container; infinite if not known."""
    found = [math.inf]
    with contextlib.suppress(OSError, ValueError, KeyError):
        found.append(1024 * _entries(MEMORY)["MemAvailable:"])
    with contextlib.suppress(OSError, ValueError, KeyError):
        limit, used = (float((LIMITS / f"memory.{x}").read_text()) for x in ("max", "current"))
        # Files that were read are forgotten when memory is needed.
        files = _entries(LIMITS / "memory.stat")
        found.append(limit - used + files["inactive_file"] + files["active_file"])
    return max(0.0, min(found))


def _entries(path: Path) -> dict[str, float]:
    """Names and numbers that a file has line by line."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: float(row[1]) for row in rows}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
