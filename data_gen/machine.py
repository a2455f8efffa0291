"""What a result depends on besides code and data, and its time: processor, versions, cores."""

import math
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


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


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
