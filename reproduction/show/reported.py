"""Errors and settings printed in the report, digit for digit, from reproduction/reported.csv."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

REPORTED = Path(__file__).parents[1] / "reported.csv"
# Values of the column "metric" that mark a setting instead of an error.
SETTINGS = ("architecture", "epochs", "frames")


@cache
def _lines() -> tuple[dict[str, str], ...]:
    with open(REPORTED, newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def reported() -> Mapping[tuple[str, str, str], str]:
    """Errors printed in the report: {(experiment id, split, metric): text}, eV or eV/Å."""
    return MappingProxyType(
        {
            (line["experiment"], line["split"], line["metric"]): line["value"]
            for line in _lines()
            if line["metric"] not in SETTINGS
        }
    )


def reported_settings() -> dict[str, dict[str, str]]:
    """Settings printed in the report: {experiment id: {setting: text}}; see :data:`SETTINGS`."""
    found: dict[str, dict[str, str]] = {}
    for line in _lines():
        if line["metric"] in SETTINGS:
            found.setdefault(line["experiment"], {})[line["metric"]] = line["value"]
    return found
