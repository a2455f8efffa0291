"""Provenance of a result: code, package versions and machine."""

import os
import platform
from functools import cache
from pathlib import Path

from data_gen.machine import processor, versions
from reproduction.engine import code, tasks
from reproduction.engine.checkout import said
from reproduction.engine.source import Repository

ROOT = Path(__file__).resolve().parents[2]
# What reports on results write.
MADE = ("results", "docs", "README.md")
PACKAGES = ("numpy", "scipy", "tensorflow", "keras", "ase", "asap3", "amp-atomistics")


@cache
def _repository() -> Repository:
    return Repository(ROOT, tasks.__name__)


@cache
def code_checksum(task: str) -> str:
    """Checksum of the code behind a task's predictions; see :mod:`reproduction.engine.code`."""
    return code.checksum(tasks.module_name(task), _repository())


def has_changes(folder: Path) -> bool:
    """Whether a checkout has uncommitted changes, but for those that reports on results make."""
    what = ("status", "--porcelain", "--untracked-files=no", "--", ".")
    return bool(said(folder, *what, *(f":(exclude){x}" for x in MADE), seconds=10))


@cache
def provenance() -> dict:
    """Commit, versions, processor, core count and operating system of this process."""
    return {
        "commit": said(ROOT, "rev-parse", "HEAD", seconds=10) or "not a git checkout",
        "uncommitted_changes": has_changes(ROOT),
        "versions": versions(PACKAGES),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
    }
