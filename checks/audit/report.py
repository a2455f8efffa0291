"""What a part of the audit found: lines of the table, one sentence, and whether it agrees."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """One part of the audit.

    Attributes:
        name: as the table shows it.
        lines: (what was compared, what came out, within what, agrees); None: it need not.
        faults: what does not agree, each in a sentence.
        sentence: the outcome in one sentence.
        table: lines of a table of its own: row, here, committed, largest z, outcome.
        details: numbers for ``--json``.
    """

    name: str
    lines: list[tuple[str, str, str, bool | None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sentence: str = ""
    table: list[tuple[str, ...]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """All of it agrees."""
        return not self.faults and all(good is not False for *_, good in self.lines)

    def count(self, what: str, total: int, faults: list[str], within: str) -> None:
        """Add a line "n of total" with its faults; nothing to compare is a fault too."""
        if not total:
            faults = [*faults, f"{what}: nothing to compare"]
        good = max(total - len(faults), 0)
        self.lines.append((what, f"{good} of {total}", within, not faults))
        self.faults += faults

    def as_json(self) -> dict:
        """For ``--json``."""
        return {
            "agrees": self.good,
            "sentence": self.sentence,
            "lines": [
                dict(zip(("what", "found", "within", "agrees"), x, strict=True)) for x in self.lines
            ],
            "faults": self.faults,
            **self.details,
        }
