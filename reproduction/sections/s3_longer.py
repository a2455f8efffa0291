"""Section 3: rows of Amp's that go on where those of Tables 1 to 3 stop.

Two printed training errors of Table 2 lie below Amp's default criterion of convergence: here it is
lower than any that is printed. Rows that a limit of minutes stops in Tables 1 and 3
get several times as many. Nothing else differs from the rows that they repeat.
"""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections import s3_behler
from reproduction.sections.names import LARGE
from reproduction.sections.s3_behler import LINES2, LINES3
from reproduction.sections.trivial import with_trivial
from reproduction.show.tables import STEPS_NOTE, Evidence, Table, behler_table

# eV per atom; Amp's own is 0.001.
CRITERION = 1e-9
# {row: minutes of the row that goes on past Amp's criterion}.
PAST_CRITERION = {LINES2[0]: 3, LINES2[2]: 5}
# {row: minutes of the longer row, and its seeds}.
LONGER = {LARGE: (15, (0, 1)), LINES3[1]: (25, (0,))}
_KNOWN = {row.id: row for row in s3_behler.ROWS}


def on(row: str) -> str:
    """Id of the row that goes on where a row of Tables 1 to 3 stops."""
    table, name = row.split("/")
    name = name.removeprefix("behler-")
    return f"beyond/amp-{name}{'-forces' if table == 'table3' else ''}-on"


def _goes_on(row: Experiment, said: str, minutes: float, **changes) -> Experiment:
    return replace(
        row,
        id=on(row.id),
        table="longer",
        label=f"{'Au6' if row.dataset == 'au6' else 'Pt8Au2'}, {row.label}, {said}",
        training=replace(row.training, minutes=minutes, **changes),
        quick=False,
    )


def _longer(row: str) -> Experiment:
    minutes, seeds = LONGER[row]
    return replace(_goes_on(_KNOWN[row], f"{minutes} minutes", minutes), seeds=seeds)


ROWS = with_trivial(
    *map(_longer, LONGER),
    *(
        _goes_on(_KNOWN[row], "lower criterion", minutes, energy_rmse=CRITERION)
        for row, minutes in PAST_CRITERION.items()
    ),
)


def longer(evidence: Evidence) -> Table:
    """Amp's rows that go on."""
    title = "Amp past its criterion, and for longer: RMSE of E (eV) and F (eV/Å)"
    note = f"The lower criterion is {CRITERION:g} eV per atom. {STEPS_NOTE}"
    return behler_table(evidence, "longer", title, note)


TABLES = (longer,)
CLAIMS = ()
