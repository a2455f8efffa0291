"""Names and column order of tables and figures, shared by README, docs/results and the page."""

import re
from collections.abc import Iterable
from dataclasses import replace

from reproduction.show.claims import Claim
from reproduction.show.evidence import Evidence
from reproduction.show.tables import Table

# {figure: beginnings of the ids of the claims about it}.
OF_FIGURES = {
    3: ("figure3/",),
    4: ("figure4/", "section7/Eq. 4"),
    5: ("appendix-a/correlation",),
}
OF_THE_REPORT = (
    *(f"table{k}" for k in range(1, 6)),
    "section6",
    "appendix-a",
    "appendix-b",
)
TABLES = {
    **{f"table{k}": f"Table {k}" for k in range(1, 6)},
    "section6": "Section 6",
    "appendix-a": "Appendix A",
    "appendix-b": "Appendix B",
    "data": "Data",
    "why": "Why forces fail",
    "slab": "Starts of the slab",
    "slab-worst": "Worst test frames",
    "one-frame": "One frame's error",
    "moved": "Another slab",
    "moved-claims": "Claims on another slab",
    "gradient": "Gradient forces",
    "elsewhere": "Other packages",
    "frames": "Training frames",
    "nve": "Dynamics",
    "minima": "Minima and vibrations",
    "uncertainty": "Uncertainty",
    "au12": "Au12 by DFT",
    "elsewhere-au12": "Another package on Au12",
    "alloy": "Pt8Au2, linear time",
    "au6": "Au6, any size",
    "transfer": "Other sizes",
    "learned": "What was learned",
    "inner": "Inner functions",
    "speed": "Speed of training",
    "behler-speed": "Speed of Amp",
    "scale": "Large crystals",
    "small-calls": "Speed of a call",
    "trajectories": "Trajectories",
    "adam": "Adam's settings",
    "inputs": "Table 5's inputs",
    "starts": "Starts of Au6",
    "functions": "Amp's functions of 2018",
    "longer": "Amp for longer",
    "evidence": "Unprinted settings",
    "nearest": "Every printed number",
}
FIGURES = {
    "force_rmse": "Errors of F",
    "functions": "Amp's functions of 2018",
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
    "unprinted": "Unprinted settings",
}
# Less important columns come last: first secondary results, then settings of the run.
_MINOR_RESULT = re.compile(r".*last quarter|the same.*|F, (train|test)")
_MINOR_SETTING = re.compile(
    r"MLP architecture|steps|epochs|iterations or epochs|seeds|seconds.*|ended.*|ms a step"
)
_FORCES_MATTER = ("why", "gradient")


def about(claim: Claim, evidence: Evidence) -> tuple[str, ...]:
    """Names of the tables that a claim is about.

    These are the report's table that it belongs to, if any, and all others that its rule reads.
    """
    own = claim.id.split("/")[0]
    known = evidence.experiments
    read = dict.fromkeys(known[row].table for row in claim.rows if row in known)
    again = {row.repeats: row.table for row in known.values() if row.repeats}
    read |= dict.fromkeys(again[row] for row in claim.rows if row in again)
    return tuple(dict.fromkeys([*([own] if own in OF_THE_REPORT else []), *read]))


def figure_numbers(claim: Claim) -> tuple[int, ...]:
    """Numbers of the report's figures that a claim is about."""
    return tuple(k for k, beginnings in OF_FIGURES.items() if claim.id.startswith(beginnings))


def ranges(numbers: Iterable[int]) -> str:
    """Format numbers with ranges: 1, 3, 4, 5 -> "1, 3-5"."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in found)


def is_minor(table: str, column: str) -> bool:
    """Whether a table's column may be hidden if there is little room."""
    forces = column.startswith("F, ")
    if forces and table in _FORCES_MATTER:
        return False
    return bool(_MINOR_RESULT.fullmatch(column) or _MINOR_SETTING.fullmatch(column))


def arranged(table: Table) -> tuple[Table, int]:
    """Reorder a table's columns, the most important ones first.

    The names of the rows come first. If the table compares with printed numbers, its columns on
    the training part come after the other results. Minor columns come last.

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
