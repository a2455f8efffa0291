"""Beyond the report: other packages on the same frames, as measured by ``make check-peers``."""

import csv
from pathlib import Path

from reproduction.errors import ReproductionError
from reproduction.sections.beyond_scale import call_ms
from reproduction.sections.names import GRADIENT
from reproduction.show.metrics import spread, with_spread
from reproduction.show.tables import Evidence, Table, seconds_text

ELSEWHERE = Path(__file__).parents[1] / "elsewhere.csv"
# Our own package's name in the file, and its rows on Au12: label, and line by its "passes".
HERE = "neural-network-potentials"
OF_AU12 = {
    "beyond/au12-order-3": ("**Eq. 4 in linear time, here**", "1 rounds"),
    "beyond/au12-rounds-3": ("**three rounds, here**", "3 rounds"),
}


def measured(trajectory: str) -> list[dict]:
    """Lines of elsewhere.csv on the frames of a trajectory."""
    with open(ELSEWHERE, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["trajectory"] == trajectory]


def _alike(rows: list[dict], column: str) -> str:
    """The value of a column, which must be the same in all rows."""
    found = {row[column] for row in rows}
    if len(found) > 1:
        raise ReproductionError(
            f"{ELSEWHERE.name}: {column} differs between rows that one table compares: "
            f"{', '.join(sorted(found))}"
        )
    return found.pop()


def _once(value: str | float, scale: float = 1.0) -> str:
    """Format a number of a single run, with as many digits as in all tables."""
    return with_spread(spread([float(value)]), scale)


def _pairs(beside: str) -> str:
    """Insert commas into names and versions: "torch 2.13.0, e3nn 0.4.4"."""
    words = beside.split()
    return ", ".join(map(" ".join, zip(words[::2], words[1::2], strict=True)))


def _passes(row: dict) -> tuple[str, ...]:
    """Length of a package's training; empty for a fit in closed form."""
    if not row["passes"]:
        return ()
    number, unit = row["passes"].split()
    return (f"{int(number):,} {unit}",)


def _note(rows: list[dict], runs: str, seconds: str, more: str) -> str:
    """Note on what was measured, on which frames and where, from elsewhere.csv.

    Args:
        rows: lines of the table that are of one machine, ours among them where they are.
        runs: beginning of the sentence that says of what these are runs.
        seconds: sentence on what the seconds are of.
        more: sentences on settings.
    """
    versions = dict.fromkeys(
        f"{row['package']} {row['version']} ({_pairs(row['beside'])})"
        for row in rows
        if row["package"] != HERE
    )
    system, sha256 = (_alike(rows, f"trajectory{end}") for end in ("", "_sha256"))
    cores = "one core" if _alike(rows, "threads") == "1" else f"{_alike(rows, 'threads')} cores"
    dates = sorted(row["date"] for row in rows)
    dates = dates[0], dates[-1]
    return (
        f"{runs}, so without a spread, with seed {_alike(rows, 'seed')}, "
        f"on {cores} of {_alike(rows, 'processor')}, {' to '.join(dict.fromkeys(dates))}, on the "
        f"frames of {system} that our rows have too (SHA-256 {sha256[:12]}…): "
        f"{', '.join(versions)}. {seconds} {more} "
        "`checks/peers` has all settings and measures these numbers again, "
        f"`reproduction/{ELSEWHERE.name}` names them."
    )


def _peers(rows: list[dict], per_atom: int) -> list[tuple[str, ...]]:
    """Cells of other packages' lines, with E divided by a number of atoms."""
    return [
        (
            ", ".join((row["model"], *_passes(row))),
            row["package"],
            _once(row["energy_rmse_meV"], 1.0 / per_atom),
            _once(row["force_rmse_meV_A"]),
            *_times(row),
        )
        for row in rows
    ]


def _times(row: dict) -> tuple[str, str]:
    """Seconds of a training, and milliseconds of a call."""
    return f"{float(row['train_cpu_seconds']):.0f}", _once(row["call_cpu_seconds"], 1000.0)


def _of_crystal(row: dict) -> str:
    """Milliseconds of a call on a crystal."""
    return _once(row["crystal_call_cpu_seconds"], 1000.0)


def _ours(
    evidence: Evidence, row: str, label: str, per_atom: int, seconds: str, call: str
) -> tuple[str, ...]:
    """Cells of a row of the registry, with E divided by a number of atoms, and its times."""
    energy, force = (evidence.spread(row, "test", f"{k}_rmse") for k in ("energy", "force"))
    return (
        label,
        "",
        with_spread(energy, 1000.0 / per_atom),
        with_spread(force, 1000.0),
        seconds,
        call,
    )


def elsewhere(evidence: Evidence) -> Table:
    """Table of other packages on Au6, and our row."""
    rows = measured("au6")
    train, test = (int(_alike(rows, f"{part}_frames")) for part in ("train", "test"))
    seconds, ms = seconds_text(evidence.spread(GRADIENT, "", "train_seconds")), call_ms(evidence)
    return Table(
        "elsewhere",
        f"Au6, {train:,} training and {test:,} test frames of Table 4's trajectory",
        ("model", "package", "E, test, meV", "F, test, meV/Å", "training, s", "a call, ms"),
        (
            ("The report's best (Eq. 4; Eq. 9)", "", "9", "120", "hours", ""),
            *_peers(rows, 1),
            _ours(
                evidence,
                GRADIENT,
                "**Eq. 2, E and F, here**",
                1,
                seconds,
                _once(ms) if ms else "",
            ),
        ),
        _note(
            rows,
            "Other packages: one run of each",
            "Seconds are CPU seconds of the package's own training command, start and compilation "
            "included, and of a call of its ASE calculator; in our row they are of training "
            "alone, the call from the table of calculators' speed, both of other runs, on a "
            "machine of that name that may be faster.",
            "Settings are the packages' own, with small widths; ACE's order and degree were chosen "
            "in a trial that had its test errors in view.",
        ),
    )


def elsewhere_au12(evidence: Evidence) -> Table:
    """Table of ace-jax on Au12, and our rows, whose seconds are measured as the package's are.

    Raises:
        ReproductionError: a line of ours is missing, or lines are of different machines or days.
    """
    rows = measured("au12")
    ours = {row["passes"]: row for row in rows if row["package"] == HERE}
    if missing := {passes for _, passes in OF_AU12.values()} - set(ours):
        raise ReproductionError(f"{ELSEWHERE.name}: no line of ours with {', '.join(missing)}")
    _alike(rows, "date")
    return Table(
        "elsewhere-au12",
        "Au12, the same training and test frames, in one process on one core",
        (
            "model",
            "package",
            "E, test, meV/atom",
            "F, test, meV/Å",
            "training, s",
            "a call, ms",
            "864 atoms, ms",
        ),
        (
            *((*_peers([row], 12)[0], _of_crystal(row)) for row in rows if row["package"] != HERE),
            *(
                (
                    *_ours(evidence, row, label, 12, *_times(ours[passes])),
                    _of_crystal(ours[passes]),
                )
                for row, (label, passes) in OF_AU12.items()
            ),
        ),
        _note(
            rows,
            "One run of the package and, for the seconds alone, of each row of ours",
            "Seconds are CPU seconds of a whole training, start and compilation included, and of a "
            "call of an ASE calculator, each on the next test frame, or on a crystal of gold with "
            "other positions (the median), all measured one after the other. Errors of our rows "
            "are over five seeds.",
            "Order and degree are those of Au6; the cutoff was chosen on the last 600 training "
            "frames.",
        ),
    )


ROWS = ()
TABLES = (elsewhere, elsewhere_au12)
CLAIMS = ()
