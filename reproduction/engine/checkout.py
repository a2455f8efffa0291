"""What git says of a checkout."""

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, seconds: float = 60.0) -> bytes | None:
    """Output of git in a folder; None if it fails, takes too long or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def said(folder: Path, *arguments: str, seconds: float = 60.0) -> str:
    """Output of git as text, without white space at its ends; empty if there is none."""
    return (git(folder, *arguments, seconds=seconds) or b"").decode("utf-8", "replace").strip()
