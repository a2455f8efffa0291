"""What the report prints, in its digits: errors and settings of reproduction/reported.csv."""

import csv
from functools import cache
from pathlib import Path

REPORTED = Path(__file__).parents[1] / "reported.csv"
# What a line gives besides an error: a setting, as printed.
SETTINGS = ("architecture", "epochs", "frames")


@cache
def _lines() -> tuple[dict[str, str], ...]:
    with open(REPORTED, newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def reported() -> dict[tuple[str, str, str], str]:
    """The report's errors: (experiment id, split, metric) -> text, eV or eV/Å."""
    return {
        (line["experiment"], line["split"], line["metric"]): line["value"]
        for line in _lines()
        if line["metric"] not in SETTINGS
    }


def reported_settings() -> dict[str, dict[str, str]]:
    """The report's settings: experiment id -> {"architecture", "epochs", "frames": text}."""
    found: dict[str, dict[str, str]] = {}
    for line in _lines():
        if line["metric"] in SETTINGS:
            found.setdefault(line["experiment"], {})[line["metric"]] = line["value"]
    return found
