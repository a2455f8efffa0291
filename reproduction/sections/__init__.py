"""The registry: all experiments, tables and claims, by section of the report and beyond it.

Each module here has ``ROWS`` (experiments), ``TABLES`` (functions of the evidence) and ``CLAIMS``.
Only this package knows them all; the code that runs, stores and shows them takes them as
arguments.
"""

import difflib
import fnmatch
from collections.abc import Iterable

from reproduction.engine.experiment import Experiment
from reproduction.errors import ReproductionError
from reproduction.sections import (
    appendix_a,
    appendix_b,
    beyond_applications,
    beyond_elsewhere,
    beyond_frames,
    beyond_gradient,
    beyond_scale,
    beyond_speed,
    beyond_systems,
    beyond_trajectories,
    s2_data,
    s2_starts,
    s3_behler,
    s3_forces,
    s3_functions,
    s3_longer,
    s4_energy,
    s4_learned,
    s4_readings,
    s5_forces,
    s5_readings,
    s6_graph,
    s7_summary,
    unprinted,
    unprinted_moved,
    unprinted_slab,
)
from reproduction.sections.s2_data import SOURCES
from reproduction.show.claims import Claim, verdicts
from reproduction.show.tables import Evidence, Table, claims_table

__all__ = ["CLAIMS", "EXPERIMENTS", "SECTIONS", "SOURCES", "Experiment", "all_tables", "rows_of"]

# The command that lists all experiments.
LISTING = ".venv/bin/python -m reproduction.sections"
# In the order of presentation.
SECTIONS = {
    module.__name__.rsplit(".", 1)[1]: module
    for module in (
        s2_data,
        s3_behler,
        s3_longer,
        s3_forces,
        unprinted_slab,
        unprinted_moved,
        s3_functions,
        s4_energy,
        s4_readings,
        s5_forces,
        s5_readings,
        s6_graph,
        s2_starts,
        s7_summary,
        appendix_a,
        appendix_b,
        beyond_gradient,
        beyond_elsewhere,
        beyond_frames,
        beyond_applications,
        beyond_systems,
        s4_learned,
        beyond_trajectories,
        beyond_speed,
        beyond_scale,
        unprinted,
    )
}
EXPERIMENTS: dict[str, Experiment] = {
    row.id: row for section in SECTIONS.values() for row in section.ROWS
}
CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (claim for section in SECTIONS.values() for claim in section.CLAIMS),
        key=lambda claim: claim.number,
    )
)


def rows_of(*sections: str) -> list[str]:
    """Ids of all rows of the given sections, in order."""
    return [row.id for name in sections for row in SECTIONS[name].ROWS]


def all_tables(evidence: Evidence) -> dict[str, Table]:
    """All tables by name, beginning with that of the verdicts."""
    made = [claims_table(verdicts(CLAIMS, evidence))]
    made += [make(evidence) for section in SECTIONS.values() for make in section.TABLES]
    return {table.name: table for table in made}


def select(patterns: Iterable[str], among: Iterable[str] = tuple(EXPERIMENTS)) -> list[str]:
    """Ids that match any of the patterns (shell style), in the registry's order.

    Raises:
        ReproductionError: a pattern matches nothing; the message has similar ids, and how to
            list all.
    """
    among = list(among)
    wanted = set()
    for pattern in patterns:
        found = fnmatch.filter(among, pattern)
        if not found:
            close = difflib.get_close_matches(pattern, among, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(close)}?" if close else "."
            raise ReproductionError(f"no experiment {pattern!r}{hint} All: {LISTING}")
        wanted.update(found)
    return [name for name in among if name in wanted]
