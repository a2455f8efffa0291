"""Which rows a call of the numbered scripts is about: all, the report's own, or the stale ones."""

from pathlib import Path

from reproduction.engine.provenance import code_checksum
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import read_provenance
from reproduction.show.predictions import BEYOND
from reproduction.show.stale import stale

CHOICES = ("all", "report", "stale")


def asked_for(choice: str, results: Path) -> set[str]:
    """Ids of the rows, of all scripts, that are meant.

    Args:
        choice: one of :data:`CHOICES`.
        results: folder of the stored results.

    Raises:
        ReproductionError: there is no such choice, or provenance.json is not in the form that the
            project writes.
    """
    if choice not in CHOICES:
        raise ReproductionError(f"--rows (or ROWS) must be {', '.join(CHOICES)}, not {choice!r}")
    if choice == "report":
        return {name for name in EXPERIMENTS if not name.startswith(BEYOND)}
    if choice == "stale":
        return stale(EXPERIMENTS, read_provenance(results), code_checksum)
    return set(EXPERIMENTS)
