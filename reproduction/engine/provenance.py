"""Provenance of a result: code, package versions and machine."""

import json
import os
import platform
from functools import cache
from pathlib import Path

from data_gen.machine import processor, versions
from reproduction.engine import code, tasks
from reproduction.engine.checkout import NO_CHECKOUT, git, no_checkout, said
from reproduction.engine.source import Repository

ROOT = Path(__file__).resolve().parents[2]
# What reports on results write.
MADE = ("results", "docs", "README.md")
# What an archive says of itself: reproduction/archive.py.
ARCHIVE = "ARCHIVE.json"
PACKAGES = ("numpy", "scipy", "tensorflow", "keras", "ase", "asap3", "amp-atomistics")


@cache
def _repository() -> Repository:
    return Repository(ROOT, tasks.__name__)


@cache
def code_checksum(task: str) -> str:
    """Checksum of the code behind a task's predictions; see :mod:`reproduction.engine.code`."""
    return code.checksum(tasks.module_name(task), _repository())


def has_changes(folder: Path) -> bool | None:
    """Whether a checkout has uncommitted changes, but for those that reports on results make.

    None if git does not say, as where the folder is no checkout.
    """
    if no_checkout(folder):
        return None
    what = ("status", "--porcelain", "--untracked-files=no", "--", ".")
    found = git(folder, *what, *(f":(exclude){x}" for x in MADE), seconds=10)
    return None if found is None else bool(found.strip())


def commit_of(folder: Path) -> str:
    """Commit of a checkout, or of the archive that was unpacked there; else a word that says so."""
    if not no_checkout(folder):
        return said(folder, "rev-parse", "HEAD", seconds=10) or NO_CHECKOUT
    about = folder / ARCHIVE
    if about.is_file():
        return json.loads(about.read_text(encoding="utf-8"))["commit"]
    return NO_CHECKOUT


@cache
def provenance() -> dict:
    """Commit, versions, processor, core count and operating system of this process."""
    return {
        "commit": commit_of(ROOT),
        "uncommitted_changes": has_changes(ROOT),
        "versions": versions(PACKAGES),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
    }
