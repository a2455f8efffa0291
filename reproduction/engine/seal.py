"""The seal of a run: checksums of its files and of run.json itself, and their verification.

Runs made before checksums were introduced are accepted if their archives pass the CRC check that
is built into zip files.
"""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np

from data_gen.files import sha256
from reproduction.errors import ReproductionError

RUN, ARRAYS, MODEL = "run.json", "arrays.npz", "model.keras"
# Entries of run.json that gathering the results relies on.
NEEDED = {
    "settings": dict,
    "data_sha256": str,
    "code_sha256": str,
    "metrics": list,
    "ended": str,
    "seconds_of_group": (int, float),
    "threads": int,
    "provenance": dict,
}


class Damaged(ReproductionError):
    """A run is not what was written: the message names the damaged file."""


def sealed(run: dict, folder: Path) -> dict:
    """Content of run.json: the run, with checksums of the files beside it and of itself."""
    # Through JSON and back: the checksum is over what will be read.
    plain = json.loads(json.dumps(run, default=_plain))
    files = {name: sha256(folder / name) for name in (ARRAYS, MODEL) if (folder / name).is_file()}
    plain = {**plain, "files": files}
    return {**plain, "sha256": content_checksum(plain)}


def is_sealed(run: dict) -> bool:
    """Whether a run has checksums; older ones have none."""
    return "sha256" in run


def content_checksum(run: dict) -> str:
    """SHA-256 over the content of a run.json except its own checksum, whatever its layout."""
    rest = {name: value for name, value in run.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def open_run(folder: Path, experiment: str, seed: int) -> dict | None:
    """Verify a run and return its run.json; None if there is no run.

    Args:
        folder: of the run.
        experiment, seed: that the run must belong to.

    Raises:
        Damaged: files are missing, altered or incomplete, or belong to another run.
    """
    if not folder.exists():
        return None
    path = folder / RUN
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise Damaged(f"{path}: not JSON ({error})") from None
    if not isinstance(run, dict):
        raise Damaged(f"{path}: a JSON object is needed, not {type(run).__name__}")
    if is_sealed(run) or "files" in run:
        _check_seal(run, folder)
    else:
        _check_older(run, folder)
    stated = run.get("experiment", experiment), run.get("seed", seed)
    if stated != (experiment, seed):
        raise Damaged(
            f"{path}: belongs to {stated[0]}, seed {stated[1]}, not to {experiment}, seed {seed}"
        )
    return run


def _check_seal(run: dict, folder: Path) -> None:
    if run.get("sha256") != content_checksum(run):
        raise Damaged(f"{folder / RUN}: its content does not match its checksum: it was edited")
    for name in (ARRAYS, MODEL):
        path, wanted = folder / name, run["files"].get(name)
        try:
            found = sha256(path) if path.exists() else None
        except OSError as error:
            raise Damaged(f"{path}: cannot be read ({error.strerror})") from None
        if wanted and not found:
            raise Damaged(f"{path}: missing")
        if found and not wanted:
            raise Damaged(f"{path}: not listed in {RUN}")
        if found != wanted:
            raise Damaged(
                f"{path}: does not match its checksum in {RUN}: it was altered or is incomplete"
            )


def _check_older(run: dict, folder: Path) -> None:
    lacking = [name for name, kind in NEEDED.items() if not isinstance(run.get(name), kind)]
    if lacking:
        raise Damaged(f"{folder / RUN}: lacks {', '.join(lacking)}")
    if not all(
        isinstance(m, dict) and {"split", "metric", "value"} <= set(m) for m in run["metrics"]
    ):
        raise Damaged(f"{folder / RUN}: its metrics are not a list of numbers with names")
    for path in (folder / ARRAYS, folder / MODEL):
        if (path.name == ARRAYS or path.exists()) and (why := archive_damage(path)):
            raise Damaged(f"{path}: {why}")


def archive_damage(path: Path) -> str:
    """What is wrong with a .npz or .keras file, by its built-in CRCs; empty if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    # For damaged members zipfile passes on any exception of the decompressor.
    except Exception as error:
        return f"cannot be read, is it complete? ({error})"
    return f"cannot be read: its member {bad} is damaged" if bad else ""


def _plain(value):
    """A NumPy scalar as a Python number; any other object as text."""
    return value.item() if isinstance(value, np.generic) else str(value)
