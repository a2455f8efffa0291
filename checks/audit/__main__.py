"""Check the committed results on this machine (`make audit`); exit status 1 if they differ.

a  errors in results/metrics.csv, recomputed from the stored predictions with plain NumPy
b  independent statistics; README, docs/results/ and report.html generated again, byte by byte
c  the Au6 trajectory, generated again
d  the cheap rows, trained again, and the verdicts that they would give

Tolerances and their reasons: checks/audit/tolerances.py. Nothing in results/ is changed.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.table import Table

from checks.audit import errors, pages, rerun, tolerances, trajectory
from checks.audit.machine import about_machine
from checks.audit.report import Part
from data_gen.dataset import Dataset
from data_gen.files import write_text
from reproduction import cli
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import Evidence

MINUTES = 5.0
FAULTS_SHOWN = 20  # of a part, on the screen


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the arguments. Raises ReproductionError for invalid ones."""
    p = argparse.ArgumentParser(
        prog="python -m checks.audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help="for part d, estimated from the committed runs (default: %(default)g; 0: no part d); "
        "the cheapest rows within this time are run",
    )
    p.add_argument("--rows", nargs="+", metavar="ID", help="run these, such as 'table4/eq*'")
    p.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there too")
    p.add_argument("--keep", type=Path, metavar="FOLDER", help="store part d's runs there")
    p.add_argument(
        "--folder", type=Path, default=ROOT, help="the checkout to audit (default: this one)"
    )
    arguments = p.parse_args(argv)
    if arguments.workers is not None and arguments.workers < 1:
        raise ReproductionError(f"--workers must be at least 1, not {arguments.workers}")
    if not (arguments.folder / "results/metrics.csv").is_file():
        raise ReproductionError(f"{arguments.folder}: no results/metrics.csv there to audit")
    return arguments


def run_again(arguments: argparse.Namespace, results: Path, data: Dataset, out) -> Part:
    """Do part d. Raises ReproductionError if ``--rows`` matches no row."""
    workers = arguments.workers or cli.cores()
    by_hand = rerun.named(arguments.rows) if arguments.rows else None
    try:
        evidence = Evidence.read(results, EXPERIMENTS)
        provenance = evidence.provenance
        rows = by_hand or rerun.affordable(evidence, arguments.minutes, workers)
        seconds = sum(rerun.cost(row, provenance) for row in rows if row.id in provenance)
        out.print(
            f"running {len(rows)} rows again: {seconds:.0f} s on one core of the machine of the "
            f"committed runs, {workers} processes here"
        )
        with tempfile.TemporaryDirectory(prefix="audit-") as scratch:
            folder = arguments.keep or Path(scratch)
            return rerun.audit(results, rows, {trajectory.NAME: data}, folder, workers, out.print)
    except (ReproductionError, ValueError, KeyError) as error:
        part = Part(rerun.NAME, faults=[f"no row can be compared: {error}"])
        part.sentence = "No row could be run again and compared."
        return part


def show(parts: list[Part], out) -> None:
    """Print tables, faults, and a sentence for each part."""
    for part in parts:
        if part.table:
            table = Table(
                title="Rows run again: their first test error, mean ± deviation over seeds",
                title_justify="left",
            )
            for column in ("row", "here", "committed", "largest z", "judged numbers"):
                table.add_column(
                    column, justify="left" if column in ("row", "judged numbers") else "right"
                )
            for line in part.table:
                table.add_row(*line)
            out.print(table)
    table = Table(title="Audit", title_justify="left")
    for column in ("part", "what", "agree", "within", ""):
        table.add_column(column, justify="right" if column == "agree" else "left")
    for part in parts:
        for k, (what, found, within, good) in enumerate(part.lines):
            mark = {True: "ok", False: "DIFFERS", None: ""}[good]
            table.add_row("" if k else part.name, what, found, within, mark)
    out.print(table)
    for part in parts:
        for fault in part.faults[:FAULTS_SHOWN]:
            out.print(f"{part.name[0]}: {fault}", markup=False, style="red", soft_wrap=True)
        if len(part.faults) > FAULTS_SHOWN:
            out.print(f"{part.name[0]}: and {len(part.faults) - FAULTS_SHOWN} more, see --json")
    for part in parts:
        out.print(f"{part.name[0]}  {part.sentence}", markup=False, soft_wrap=True)


def coverage(results: Path, parts: list[Part]) -> tuple[int, int]:
    """How many numbers verdicts rest on, and how many of these the parts computed anew."""
    try:
        behind = pages.behind_verdicts(errors.read_numbers(results / "metrics.csv"))
    except (ValueError, KeyError, OSError):  # which part a has said
        return 0, 0
    return len(behind), len(behind & set().union(*(part.checked for part in parts)))


def main(argv: list[str]) -> int:
    """Run the audit and print its results; returns the exit status."""
    arguments, out = parse(argv), cli.console()
    begin = time.perf_counter()
    root = arguments.folder.resolve()
    results = root / "results"
    machine = about_machine()
    out.print(f"{machine['processor']}: {machine['instructions']}", markup=False)
    parts = [errors.audit(results), pages.audit(root)]
    data_part, data = trajectory.audit(results)
    parts.append(data_part)
    # Without a trajectory, which already counts as a fault, there is nothing to train on.
    if data is not None and (arguments.rows or arguments.minutes > 0):
        parts.append(run_again(arguments, results, data, out))
    good = all(part.good for part in parts)
    show(parts, out)
    behind, computed = coverage(results, parts)
    out.print(
        f"{computed:,} of {behind:,} numbers that verdicts rest on were computed from stored "
        "arrays or by rows run again; the others are only consistent with each other. Printed "
        "numbers, benchmarks and models are not checked here; `make test` draws the figures again.",
        soft_wrap=True,
    )
    said = "Everything that was checked agrees." if good else "Not everything agrees."
    out.print(said, style="bold")
    if arguments.json:
        found = {
            "agrees": good,
            "seconds": round(time.perf_counter() - begin, 1),
            "machine": machine,
            "numbers_of_verdicts": {"all": behind, "computed": computed},
            "tolerances": {k: v for k, v in vars(tolerances).items() if k.isupper()},
            "parts": {part.name[0]: part.as_json() for part in parts},
        }
        write_text(arguments.json, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0 if good else cli.EXIT_FAILED


if __name__ == "__main__":
    cli.run_script(main)
