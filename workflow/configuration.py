"""The workflow's --config NAME=VALUE and its profile's settings.yaml, checked whole."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

SWITCHES = {"true": True, "false": False}
WHOLE = {"retries": 0, "most_memory_mb": 1}  # Each with the least that makes sense.


@dataclass(frozen=True)
class Configuration:
    """What is run, and how.

    Attributes:
        quick: as `make quick`, into quick/.
        folder: for data, runs and results, as the scripts' --folder; default: the checkout.
        only: ids of experiments, such as "table4/*", with a space between; default: all.
        sweep: CSV of changed experiments instead of the registry's.
        python: that the jobs are run with, in the container if there is one.
        retries: times that a job is tried again.
        most_memory_mb: what the largest node has, which no second try asks for more than.
        container: image with that Python inside, for Snakemake's --software-deployment-method.
    """

    quick: bool = False
    folder: str = "."
    only: str = ""
    sweep: str = ""
    python: str = ".venv/bin/python"
    retries: int = 2
    most_memory_mb: int = 10**9
    container: str = ""

    @property
    def space(self) -> list[str]:
        """Arguments of the scripts that choose the folder."""
        return ["--folder", self.folder, *(["--quick"] if self.quick else [])]

    @property
    def home(self) -> Path:
        """Folder that has runs/."""
        inner = Path(self.folder) / ("quick" if self.quick else "")
        return inner / "sweeps" / Path(self.sweep).stem if self.sweep else inner

    @property
    def data(self) -> Path:
        """Folder of the trajectories."""
        return Path(self.folder) / ("quick/data" if self.quick else "data")


def configuration(given: Mapping[str, Any]) -> Configuration:
    """Settings from Snakemake's ``config``.

    Raises:
        ValueError: entries are unknown or make no sense; all of them are named, a line each.
    """
    known = [f.name for f in fields(Configuration)]
    found, wrong = {}, []
    for name, entry in given.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            hint = f"did you mean {', '.join(close)}?" if close else f"there is {', '.join(known)}"
            wrong.append(f"there is no {name}=; {hint}")
            continue
        try:
            found[name] = _value(name, entry)
        except ValueError as error:
            wrong.append(str(error))
    if found.get("only") and found.get("sweep"):
        wrong.append("only= is for the rows, and has no meaning for a sweep: leave one of them out")
    if wrong:
        raise ValueError("\n".join(wrong))
    return Configuration(**found)


def _value(name: str, entry: Any) -> Any:
    text = "" if entry is None else str(entry).strip()
    if not text or isinstance(entry, (dict, list)):
        raise ValueError(f"{name}= has no value that can be used: {entry!r}")
    if name == "quick":
        if text.lower() not in SWITCHES:
            raise ValueError(f"quick must be true or false, not {text}")
        return SWITCHES[text.lower()]
    if name in WHOLE:
        # Not 2.5, 1e3 or -1.
        if not text.isdecimal() or int(text) < WHOLE[name]:
            raise ValueError(f"{name} must be a whole number from {WHOLE[name]}, not {text}")
        return int(text)
    return text
