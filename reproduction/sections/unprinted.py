"""What the report left unprinted: its settings, the readings tried, and the evidence for each.

Rule, fixed before the runs: of the readings of a setting, the rows of the report's tables take the
one that is closest to the printed *training* errors. The printed test errors then are the check.
It chose Table 5's inputs. Elsewhere the rows keep what they had: where seeds do not tell the
closest reading from theirs, and where the page says why (docs/results/unprinted.md).
"""

from reproduction.sections import s3_behler, s4_readings
from reproduction.sections.names import LARGE
from reproduction.sections.s2_data import AU6, CHOSEN_HEIGHT
from reproduction.sections.s2_starts import COMPARED, LABELS, on_start
from reproduction.sections.s3_behler import TWIN_OF
from reproduction.sections.s3_functions import AMP, older
from reproduction.sections.s3_longer import CRITERION as LOWER
from reproduction.sections.s3_longer import LONGER, PAST_CRITERION, on
from reproduction.sections.s5_forces import CHOSEN, LITERAL, PRINTED_ROWS, READINGS, row_of
from reproduction.sections.unprinted_moved import TWINS, moved
from reproduction.sections.unprinted_slab import CHOICES, LINES, OWN, SHOWN
from reproduction.sections.unprinted_slab import row_of as slab_row
from reproduction.show.metrics import NOT_RUN, with_spread
from reproduction.show.readings import (
    CAP,
    Reading,
    Setting,
    closest,
    distances,
    nearest,
    off,
    sum_text,
    told_apart,
)
from reproduction.show.reported import reported
from reproduction.show.rules import TOLERANCE
from reproduction.show.tables import Evidence, Table, times_text

# Of Amp's evaluations.
_LIMITS = {row.id: row.training.max_steps for row in s3_behler.ROWS if row.task == "amp"}
_TABLE5 = [f"table5/{model}-{epochs}" for model, epochs in PRINTED_ROWS]


def _of_table5(reading: str) -> dict[str, str]:
    return {row: row_of(*own, reading) for row, own in zip(_TABLE5, PRINTED_ROWS, strict=True)}


INPUTS = Setting(
    "inputs",
    "Table 5: inputs of Eq. 6 to 9",
    tuple(Reading(name, label, _of_table5(name)) for name, (label, _) in READINGS.items()),
    CHOSEN,
)
RMSE_OR_MSE = Setting(
    "rmse-or-mse",
    "Table 5: what is printed",
    (
        Reading("rmse", "RMSE", _of_table5(CHOSEN)),
        Reading("rmse-literal", "RMSE, v/r² alone", _of_table5(LITERAL)),
        Reading("mse", "mean squared error", _of_table5(CHOSEN), squared=True),
        Reading("mse-literal", "mean squared error, v/r² alone", _of_table5(LITERAL), squared=True),
    ),
    "rmse",
)
ADAM = Setting(
    "adam",
    "Table 4: Adam's settings",
    tuple(
        Reading(
            name,
            label,
            {row.id: s4_readings.row_of(row.id, name) for row in s4_readings.PRINTED_ROWS},
        )
        for name, (label, _) in s4_readings.READINGS.items()
    ),
    s4_readings.OWN,
)
START = Setting(
    "start",
    "Au6: which six atoms, and how far apart",
    tuple(
        Reading(start, label, {row: on_start(row, start) for row in COMPARED})
        for start, label in LABELS.items()
        if start != "au6-relaxed"
    ),
    AU6.name,
)
FUNCTIONS = Setting(
    "functions",
    "Tables 1 to 3, twins: Amp's default symmetry functions",
    (
        Reading("1.0.1", "functions of Amp 1.0.1", dict(TWIN_OF)),
        Reading(
            "0.6.1",
            "functions of Amp 0.6.1",
            {row: older(twin) for row, twin in TWIN_OF.items()},
        ),
    ),
    "1.0.1",
)
AMPS_FUNCTIONS = Setting(
    "amps-functions",
    "The same, Amp itself: its four fastest rows",
    (
        Reading("1.0.1", "functions of Amp 1.0.1", {row: row for row in AMP}),
        Reading("0.6.1", "functions of Amp 0.6.1", {row: older(row) for row in AMP}),
    ),
    "1.0.1",
)
CRITERION = Setting(
    "criterion",
    "Table 2, lines 1 and 3: when Amp stops",
    (
        Reading(
            "default",
            "below 0.001 eV per atom, Amp's default",
            {row: row for row in PAST_CRITERION},
        ),
        Reading("lower", f"below {LOWER:g} eV per atom", {row: on(row) for row in PAST_CRITERION}),
        Reading(
            "twin",
            "never: the twin, 3,000 iterations",
            {row: TWIN_OF[row] for row in PAST_CRITERION},
        ),
    ),
    "default",
)


LENGTH = Setting(
    "length",
    "Table 1, (50, 25, 10, 10): how long",
    (
        Reading("own", f"{_LIMITS[LARGE]:,} steps", {LARGE: LARGE}),
        Reading("longer", f"{LONGER[LARGE][0]:,} steps", {LARGE: on(LARGE)}),
        Reading("twin", "twin, 2,000 iterations", {LARGE: TWIN_OF[LARGE]}),
    ),
    "own",
)
SLAB = Setting(
    "slab",
    "Tables 2 and 3, twins: gold's start, and frames",
    tuple(
        Reading(
            f"{height} {choice}",
            f"gold at {height} Å, {CHOICES[choice]}",
            {line.printed: slab_row(height, choice, line) for line in LINES},
        )
        for height, choice in SHOWN
    ),
    f"{OWN} time",
)
AMPS_SLAB = Setting(
    "amps-slab",
    "The same, Amp itself: gold's start",
    (
        Reading("own", f"gold at {OWN} Å", {row: row for row in TWINS}),
        Reading("moved", f"gold at {CHOSEN_HEIGHT} Å", {row: moved(row) for row in TWINS}),
    ),
    "own",
)
SETTINGS = (
    INPUTS,
    RMSE_OR_MSE,
    ADAM,
    START,
    FUNCTIONS,
    AMPS_FUNCTIONS,
    CRITERION,
    LENGTH,
    SLAB,
    AMPS_SLAB,
)
# Settings whose reading the rule chooses.
BY_RULE = (INPUTS,)
NAMES = {"energy_rmse": "E", "force_rmse": "F"}


def evidence_table(evidence: Evidence) -> Table:
    """The readings of each setting, below its name, and how far they are from what is printed."""
    rows = []
    for setting in SETTINGS:
        found = distances(evidence, setting)
        best = closest(evidence, setting)
        name = f"**{setting.label}** ({len(setting.keys)} numbers)"
        rows.append((name, *([""] if found else [NOT_RUN]) * 5))
        for reading in setting.readings:
            label = f"{reading.label} (the tables')" if reading.name == setting.assumed else ""
            d = found.get(reading.name)
            if d is None:
                rows.append((label or reading.label, *[NOT_RUN] * 5))
                continue
            told = "closest"
            if reading.name != best:
                told = "yes" if told_apart(d.train, found[best].train) else "no"
            sums = map(sum_text, (d.train, d.test, d.total))
            rows.append((label or reading.label, *sums, told, times_text(d.furthest)))
    return Table(
        "evidence",
        "Unprinted settings: sums of squared ln(here / printed) over the numbers concerned",
        ("reading", "training", "test", "all", "told from the closest", "furthest, factor"),
        tuple(rows),
        "A setting, and below it its readings. Mean ± standard deviation over seeds, of a sum for "
        "each seed. Closest by training errors; told from it: those sums differ by more than twice "
        "the standard deviation of a difference between two runs; a single seed is taken to spread "
        "as the "
        "closest reading's, and tells nothing beside another. A factor of 1.5 in one number adds "
        "0.16. A "
        f"number that is further off than a factor of {CAP:g} counts as that.",
    )


def nearest_table(evidence: Evidence) -> Table:
    """For each printed number: ours, and the reading that comes nearest to it."""
    rows = []
    for key, text in reported().items():
        row, split, metric = key
        own, value = evidence.spread(*key), float(text)
        label = evidence.called(row)
        name = f"{_table(row)}: {label}, {NAMES[metric]}, {split}"
        found = nearest(evidence, SETTINGS, key)
        if own is None:
            rows.append((name, text, NOT_RUN, "", "", "", ""))
            continue
        cells = [name, text, with_spread(own), times_text(own.mean / value)]
        if found and off(found[2].mean, value) < off(own.mean, value):
            _, reading, best = found
            cells += [reading.label, with_spread(best), times_text(best.mean / value)]
        else:
            cells += ["-", "", ""]
        rows.append(tuple(cells))
    return Table(
        "nearest",
        "Every printed number: ours, and the nearest of all readings tried",
        (
            "number",
            "printed",
            "here",
            "here / printed",
            "nearest reading",
            "its number",
            "its number / printed",
        ),
        tuple(rows),
        f"Within a factor of {TOLERANCE:g} is what the rules take for agreement. Each number may "
        "have another nearest reading: a table of what is possible, not of what was.",
    )


def _table(row: str) -> str:
    name = row.split("/")[0]
    return f"Table {name[5:]}" if name.startswith("table") else "Section 6"


ROWS = ()
TABLES = (evidence_table, nearest_table)
CLAIMS = ()
