"""Section 3: rows of Amp's that go on where those of Tables 1 to 3 stop.

Two printed training errors of Table 2 lie below Amp's default criterion of convergence: here it is
lower than any that is printed. (50,25,10,10) of Table 1, which a limit of steps stops, gets
several times as many. Nothing else differs from the rows that they repeat.
"""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections import s3_behler
from reproduction.sections.names import LARGE
from reproduction.sections.s3_behler import LINES2
from reproduction.sections.trivial import with_trivial
from reproduction.show.tables import STEPS_NOTE, Evidence, Table, behler_table

# eV per atom; Amp's own is 0.001.
CRITERION = 1e-9
# {row: steps of the row that goes on past Amp's criterion, and its seeds}.
PAST_CRITERION = {LINES2[0]: (6_000, (0, 1, 2)), LINES2[2]: (2_000, (0,))}
# {row: steps of the longer row, and its seeds}.
LONGER = {LARGE: (4_000, (0,))}
_KNOWN = {row.id: row for row in s3_behler.ROWS}


def on(row: str) -> str:
    """Id of the row that goes on where a row of Tables 1 to 3 stops."""
    return f"beyond/amp-{row.split('/')[1].removeprefix('behler-')}-on"


def _goes_on(row: str, said: str, steps: int, seeds: tuple[int, ...], **changes) -> Experiment:
    own = _KNOWN[row]
    return replace(
        own,
        id=on(row),
        table="longer",
        label=f"{'Au6' if own.dataset == 'au6' else 'Pt8Au2'}, {own.label}, {said}",
        training=replace(own.training, max_steps=steps, **changes),
        seeds=seeds,
        quick=False,
    )


ROWS = with_trivial(
    *(_goes_on(row, f"{steps:,} steps", steps, seeds) for row, (steps, seeds) in LONGER.items()),
    *(
        _goes_on(row, "lower criterion", steps, seeds, energy_rmse=CRITERION)
        for row, (steps, seeds) in PAST_CRITERION.items()
    ),
)


def longer(evidence: Evidence) -> Table:
    """Amp's rows that go on."""
    title = "Amp past its criterion, and for longer: RMSE of E (eV) and F (eV/Å)"
    note = f"The lower criterion is {CRITERION:g} eV per atom. {STEPS_NOTE}"
    return behler_table(evidence, "longer", title, note)


TABLES = (longer,)
CLAIMS = ()
