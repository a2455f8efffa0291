"""The words in which README, docs/results and the page speak of claims, tables and figures."""

import re
from collections.abc import Iterable
from dataclasses import replace

from reproduction.show.claims import Claim
from reproduction.show.evidence import Evidence
from reproduction.show.tables import Table

# Claims that are about a figure, by the beginnings of their ids.
OF_FIGURES = {
    3: ("figure3/",),
    4: ("figure4/", "section7/"),
    5: ("appendix-a/correlation",),
}
OF_THE_REPORT = ("table1", "table2", "table3", "table4", "table5", "section6", "appendix-")
TABLES = {
    **{f"table{k}": f"Table {k}" for k in range(1, 6)},
    "section6": "Section 6",
    "appendix-a": "Appendix A",
    "appendix-b": "Appendix B",
    "data": "Data",
    "why": "Why forces fail",
    "gradient": "Gradient forces",
    "elsewhere": "Other packages",
    "frames": "Training frames",
    "nve": "Dynamics",
    "minima": "Minima and vibrations",
    "uncertainty": "Uncertainty",
    "learned": "What was learned",
    "inner": "Inner functions",
    "speed": "Speed of training",
    "latency": "Speed of a call",
    "behler-speed": "Speed of Amp",
    "trajectories": "Trajectories",
}
FIGURES = {
    "force_rmse": "Errors of F",
    "learned": "What was learned",
    "learning_curves_energy": "Learning curves of E",
    "learning_curves_force": "Learning curves of F",
    "nve": "Dynamics",
    "parity_energy_au6": "Predicted E, Au6",
    "parity_energy_pt8au2": "Predicted E, Pt8Au2",
    "parity_energy_pt8au2-hot": "Predicted E, hot slab",
    "parity_force_au6": "Predicted F, Au6",
    "parity_force_pt8au2": "Predicted F, Pt8Au2",
    "parity_force_pt8au2-hot": "Predicted F, hot slab",
}
# Columns that matter less stand last: results beside the point, then how a row was run.
_MINOR_RESULT = re.compile(r".*last quarter|the same.*|F, (train|test)")
_MINOR_SETTING = re.compile(
    r"MLP architecture|steps|epochs|iterations or epochs|seeds|seconds.*|ended.*|ms a step"
)
_FORCES_MATTER = ("why", "gradient")


def about(claim: Claim, evidence: Evidence) -> tuple[str, ...]:
    """Names of the tables that a claim is about.

    The table of the report that it belongs to, and those of ours that its rule reads; all tables
    that its rule reads where it belongs to none.
    """
    own = claim.id.split("/")[0]
    known = evidence.experiments
    read = dict.fromkeys(known[row].table for row in claim.rows if row in known)
    if not own.startswith(OF_THE_REPORT):
        return tuple(read)
    return (own, *(name for name in read if not name.startswith((own, *OF_THE_REPORT))))


def figure_numbers(claim: Claim) -> tuple[int, ...]:
    """The report's figures that a claim is about."""
    return tuple(k for k, beginnings in OF_FIGURES.items() if claim.id.startswith(beginnings))


def ranges(numbers: Iterable[int]) -> str:
    """ "1, 3-5" of 1, 3, 4, 5."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in found)


def is_minor(table: str, column: str) -> bool:
    """Whether a column may be hidden where there is little room."""
    forces = column.startswith("F, ")
    if forces and table in _FORCES_MATTER:
        return False
    return bool(_MINOR_RESULT.fullmatch(column) or _MINOR_SETTING.fullmatch(column))


def arranged(table: Table) -> tuple[Table, int]:
    """The table with the columns that matter first.

    After the rows' names come test errors where the table has printed ones, then the other results,
    and the minor columns last.

    Returns:
        The table, and how many of its columns are not minor.
    """
    is_compared = any(name.endswith(", report") for name in table.columns)

    def rank(k: int) -> int:
        name = table.columns[k]
        if is_minor(table.name, name):
            return 3 if _MINOR_SETTING.fullmatch(name) else 2
        return int(is_compared and "train" in name)

    order = [0, *sorted(range(1, len(table.columns)), key=rank)]
    major = sum(not is_minor(table.name, name) for name in table.columns[1:]) + 1
    rows = tuple(tuple(row[k] for k in order) for row in table.rows)
    return replace(table, columns=tuple(table.columns[k] for k in order), rows=rows), major
