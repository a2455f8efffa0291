"""Section 3.4: what Tables 2 and 3 would be on the slab that the twins' training errors choose.

Amp's own training errors, which its criterion and the limits of steps make as well, do not tell
that slab from the tables', which therefore stay where they are. Here the two stand beside each
other: every line, by Amp and by its twin, and the verdicts that the same rules would give.
"""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections import s3_behler
from reproduction.sections.s2_data import CHOSEN_HEIGHT, PT8AU2_HEIGHTS
from reproduction.sections.s3_behler import LINES2, LINES3, TWIN_OF
from reproduction.sections.trivial import with_trivial
from reproduction.sections.unprinted_slab import LINES, OWN, PARTS, Line, row_of, twin_on
from reproduction.show.claims import verdict
from reproduction.show.evidence import Metrics
from reproduction.show.metrics import with_spread
from reproduction.show.reported import reported
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table

LARGEST = Line(LINES2[3], 25000, (10, 10, 10), 1000)
# Claims that are judged on Amp's rows on Pt8Au2 and, of line 2, on their twins.
JUDGED = (6, 7, 8, 9, 10, 11, 12)
_KNOWN = {row.id: row for row in s3_behler.ROWS}


def moved(row: str) -> str:
    """Id of Amp's row on the chosen slab for one of Tables 2 and 3."""
    table, name = row.split("/")
    return f"beyond/moved-{name}{'-forces' if table == 'table3' else ''}"


def _moved(row: Experiment) -> Experiment:
    return replace(
        row,
        id=moved(row.id),
        table="moved",
        label=f"Au at {CHOSEN_HEIGHT} Å, {row.label}",
        data=PT8AU2_HEIGHTS[CHOSEN_HEIGHT],
        seeds=(0, 1, 2) if row.frames == 250 and row.table == "table2" else (0,),
        quick=False,
    )


LARGEST_TWIN = replace(twin_on(CHOSEN_HEIGHT, "time", LARGEST), table="moved")
ROWS = with_trivial(*(_moved(_KNOWN[row]) for row in (*LINES2, *LINES3)), LARGEST_TWIN)
# {row of Tables 2 and 3: the twin's on the chosen slab}.
TWINS = {
    **{line.printed: row_of(CHOSEN_HEIGHT, "time", line) for line in LINES},
    LARGEST.printed: LARGEST_TWIN.id,
}


def _cells(evidence: Evidence, row: str, split: str, metric: str) -> tuple[str, ...]:
    """The printed number, and ours: Amp's and the twin's on both slabs."""
    rows = (row, moved(row), TWIN_OF[row], TWINS[row])
    ours = (with_spread(evidence.spread(one, split, metric)) for one in rows)
    return (reported()[row, split, metric], *ours)


def moving(evidence: Evidence) -> Table:
    """Every printed number of Tables 2 and 3, beside ours on the two slabs."""
    rows = []
    for line in (*LINES[:3], LARGEST, *LINES[3:]):
        for metric in line.metrics:
            for split in PARTS:
                name = f"{line.label}: {'E' if metric == 'energy_rmse' else 'F'}, {split}"
                rows.append((name, *_cells(evidence, line.printed, split, metric)))
    return Table(
        "moved",
        f"Tables 2 and 3 with the gold at {CHOSEN_HEIGHT} Å: RMSE of E (eV) and F (eV/Å)",
        (
            "",
            "printed",
            f"Amp, {OWN} Å (the tables')",
            f"Amp, {CHOSEN_HEIGHT} Å",
            f"twin, {OWN} Å",
            f"twin, {CHOSEN_HEIGHT} Å",
        ),
        tuple(rows),
        f"{SPREAD_NOTE} Except in the last line of either table, the twins have three times as "
        f"many iterations at {OWN} Å.",
    )


def as_moved(evidence: Evidence) -> Evidence:
    """Evidence in which the rows of Tables 2 and 3, and their twins, are those on the chosen slab.

    Other rows on Pt8Au2 are as they were.
    """
    other = {moved(row): row for row in (*LINES2, *LINES3)}
    other |= {TWINS[row]: TWIN_OF[row] for row in TWINS}
    known = evidence.experiments
    experiments = {
        **known,
        **{
            own: replace(known[own], data=known[row].data, seeds=known[row].seeds)
            for row, own in other.items()
        },
    }
    replaced = set(other.values())
    values = [
        replace(one, experiment=other[one.experiment]) if one.experiment in other else one
        for one in evidence.metrics.rows
        if one.experiment not in replaced
    ]
    return Evidence(Metrics(values), experiments)


def verdicts_there(evidence: Evidence) -> Table:
    """Verdicts on section 3.4's claims, on both slabs."""
    there = as_moved(evidence)
    rows = []
    for claim in s3_behler.CLAIMS:
        if claim.number in JUDGED:
            own, other = verdict(claim, evidence), verdict(claim, there)
            name = f"{claim.number}: {claim.quote}"
            rows.append((name, own.status, other.status, other.numbers))
    return Table(
        "moved-claims",
        f"Section 3.4's claims with the gold at {CHOSEN_HEIGHT} Å, by the same rules",
        (
            "claim",
            f"{OWN} Å (the tables')",
            f"{CHOSEN_HEIGHT} Å",
            f"numbers, {CHOSEN_HEIGHT} Å",
        ),
        tuple(rows),
        "Amp's rows, in claim 9 the twins'. Claim 13 needs further rows of why forces fail.",
    )


TABLES = (moving, verdicts_there)
CLAIMS = ()
