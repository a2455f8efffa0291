"""Provenance of a result: code, package versions and machine."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

from data_gen.machine import processor, versions
from reproduction.engine import code, tasks
from reproduction.engine.source import Repository

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("numpy", "scipy", "tensorflow", "keras", "ase", "asap3", "amp-atomistics")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def _repository() -> Repository:
    return Repository(ROOT, tasks.__name__)


@cache
def code_checksum(task: str) -> str:
    """Checksum of the code behind a task's predictions; see :mod:`reproduction.engine.code`."""
    return code.checksum(tasks.module_name(task), _repository())


@cache
def provenance() -> dict:
    """Commit, versions, processor, core count and operating system of this process."""
    return {
        "commit": _git("rev-parse", "HEAD") or "not a git checkout",
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "versions": versions(PACKAGES),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
    }
