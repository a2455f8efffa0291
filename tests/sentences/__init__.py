"""What the pages say of results, sentence by sentence, and what must be so for it to be true.

A table for each page: {sentence as it stands there: predicate of the results}. Thresholds are those
that a reader would accept: "about ten times" is 6 to 15, "far better" a tenth or less, "close"
within a quarter. Numbers are those of the rows that the page shows; verdicts are checked as such.
"""

from collections.abc import Callable
from pathlib import Path

from sentences import assumptions, behler, energies, forces, systems, unprinted
from sentences.results import Results

Predicate = Callable[[Results], bool]
SENTENCES: dict[str, dict[str, Predicate]] = {
    page: said
    for module in (behler, energies, forces, assumptions, unprinted, systems)
    for page, said in module.PAGES.items()
}


def not_about_results() -> dict[str, list[str]]:
    """{page: sentences with a word of comparison or number that are about method or layout}."""
    found: dict[str, list[str]] = {}
    text = Path(__file__).with_name("not_about_results.txt").read_text(encoding="utf-8")
    for part in text.split("\n# ")[1:]:
        head, *lines = part.splitlines()
        found.setdefault(head.split(":")[0], []).extend(filter(None, lines))
    return found
