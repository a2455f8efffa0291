"""What git says of a checkout."""

import subprocess
from pathlib import Path

NO_CHECKOUT = "not a git checkout"


def _run(folder: Path, arguments: tuple[str, ...], seconds: float) -> tuple[bytes | None, str]:
    """Output of git, None if it fails; and why it failed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=seconds
        )
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.TimeoutExpired:
        return None, f"git took more than {seconds:g} s"
    except OSError as error:
        return None, str(error)
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip()
        return None, why or f"git ended with status {done.returncode}"
    return done.stdout, ""


def git(folder: Path, *arguments: str, seconds: float = 60.0) -> bytes | None:
    """Output of git in a folder; None if it fails, takes too long or is not installed."""
    return _run(folder, arguments, seconds)[0]


def said(folder: Path, *arguments: str, seconds: float = 60.0) -> str:
    """Output of git as text, without white space at its ends; empty if there is none."""
    return (git(folder, *arguments, seconds=seconds) or b"").decode("utf-8", "replace").strip()


def no_checkout(folder: Path, seconds: float = 10.0) -> str:
    """Why a folder is no checkout of its own, in git's words where it has any; empty if it is one.

    One that was unpacked inside another repository is none: git would speak of that other one.
    """
    found, why = _run(folder, ("rev-parse", "--show-toplevel"), seconds)
    if found is None:
        return why
    top = Path(found.decode("utf-8", "surrogateescape").rstrip("\n"))
    return "" if top.resolve() == folder.resolve() else f"it is inside the checkout {top}"
