"""What a result depends on besides code and data, and its time: processor, versions, cores."""

import contextlib
import math
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Of the system, of control groups, and in which of these this process is.
MEMORY, LIMITS, GROUPS = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


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
    """Number of cores that this process may use, by its affinity and the quotas of its groups."""
    found = [len(os.sched_getaffinity(0))]
    for group in _groups("cpu"):
        with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
            quota, period = map(int, (group / "cpu.max").read_text().split())
            found.append(math.ceil(quota / period))
        with contextlib.suppress(OSError, ValueError):
            quota, period = (
                int((group / f"cpu.cfs_{x}_us").read_text()) for x in ("quota", "period")
            )
            if quota > 0:  # -1 is no quota
                found.append(math.ceil(quota / period))
    return max(1, min(found))


def free_memory() -> float:
    """Bytes that programs can have yet, by the system and this process's groups.

    Groups are those of a container, or of a job of a queue. Infinite if nothing is known.
    """
    found = [math.inf]
    with contextlib.suppress(OSError, ValueError, KeyError):
        found.append(1024 * _entries(MEMORY)["MemAvailable:"])
    for group in _groups("memory"):
        # Files that were read are forgotten when memory is needed.
        with contextlib.suppress(OSError, ValueError, KeyError):
            limit, used = (float((group / f"memory.{x}").read_text()) for x in ("max", "current"))
            files = _entries(group / "memory.stat")
            found.append(limit - used + files["inactive_file"] + files["active_file"])
        with contextlib.suppress(OSError, ValueError, KeyError):
            limit, used = (
                float((group / f"memory.{x}_in_bytes").read_text()) for x in ("limit", "usage")
            )
            files = _entries(group / "memory.stat")
            found.append(limit - used + files["total_inactive_file"] + files["total_active_file"])
    return max(0.0, min(found))


def _groups(controller: str) -> list[Path]:
    """Folders of the control groups that this process is in, of both versions, and those above.

    A limit of any of them holds. In a container the root is its own.
    """
    found = {LIMITS: None, LIMITS / controller: None}
    with contextlib.suppress(OSError, ValueError):
        for line in GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            # Version 1 has a folder for each controller, version 2 one for all.
            for root in (LIMITS / controllers, LIMITS / controller) if controllers else (LIMITS,):
                own = root / path.lstrip("/")
                found |= dict.fromkeys([own, *(p for p in own.parents if root in (p, *p.parents))])
    return list(found)


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
