"""Result of a part of the audit: lines for the table, a sentence, and whether all agrees."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """Result of one part of the audit.

    Attributes:
        name: shown in the table.
        lines: (what was compared, result, tolerance, whether it agrees); None if it need not agree.
        faults: one sentence for each disagreement.
        sentence: the result in one sentence.
        table: lines of an additional table: row, here, committed, largest z, outcome.
        details: numbers for ``--json``.
        checked: numbers of metrics.csv that were computed anew: (row, split, metric, seed).
    """

    name: str
    lines: list[tuple[str, str, str, bool | None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sentence: str = ""
    table: list[tuple[str, ...]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    checked: set[tuple[str, str, str, int]] = field(default_factory=set)

    @property
    def good(self) -> bool:
        """Whether everything agrees."""
        return not self.faults and all(good is not False for *_, good in self.lines)

    def count(self, what: str, total: int, faults: list[str], within: str) -> None:
        """Add a line "n of total" and its faults; having nothing to compare is a fault as well."""
        if not total:
            faults = [*faults, f"{what}: nothing to compare"]
        good = max(total - len(faults), 0)
        self.lines.append((what, f"{good} of {total}", within, not faults))
        self.faults += faults

    def as_json(self) -> dict:
        """The result as a dictionary for ``--json``."""
        return {
            "agrees": self.good,
            "sentence": self.sentence,
            "lines": [
                dict(zip(("what", "found", "within", "agrees"), x, strict=True)) for x in self.lines
            ],
            "faults": self.faults,
            **self.details,
        }
