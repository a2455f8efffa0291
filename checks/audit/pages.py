"""Part b of the audit: whole results, independent statistics over seeds, and generated pages.

Means, deviations and t-tests are computed with Python's statistics module and SciPy's tests
directly from metrics.csv; pages are generated again by the project's code and compared byte by
byte.
"""

import re
import statistics
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from checks.audit import references, rows, tolerances
from checks.audit.errors import Numbers, read_numbers
from checks.audit.report import Part
from checks.audit.verdicts import judged_row, wrong_verdicts
from reproduction.errors import ReproductionError
from reproduction.sections import CLAIMS, EXPERIMENTS, all_tables
from reproduction.show import documents, page
from reproduction.show.claims import summary, verdicts
from reproduction.show.evidence import Evidence
from reproduction.show.tables import fill

README_ROWS = {
    "Behler (10, 10, 10), Amp": ("table1/behler-10-10-10", "energy_rmse", 1.0),
    "Graph network, Eq. 10, 11": ("section6/gnn", "energy_rmse", 1.0),
    "Eq. 3": ("table4/eq3", "energy_rmse", 1.0),
    "Eq. 2": ("table4/eq2", "energy_rmse", 1.0),
    "Eq. 4": ("table4/eq4", "energy_rmse", 1.0),
    "Eq. 5": ("table4/eq5", "energy_rmse", 1.0),
    "Eq. 9, F learned directly": ("table5/eq9-9000", "force_rmse", 1000.0),
    "Eq. 2, F = -dE/dX, E and F, second order": ("beyond/eq2-gradient", "force_rmse", 1000.0),
}


def close(a: float, b: float, scale: float) -> bool:
    """Whether a and b agree within rounding, relative to ``scale``; two NaN agree as well."""
    return bool(abs(a - b) <= tolerances.STATISTIC * scale or (np.isnan(a) and np.isnan(b)))


def behind_verdicts(numbers: Numbers) -> set[tuple[str, str, str, int]]:
    """All numbers that verdicts rest on: (row, split, metric, seed)."""
    return {
        (row, *key[1:], seed)
        for claim in CLAIMS
        for key in claim.needs
        for row in [judged_row(numbers, key)]
        for seed in numbers.get((row, *key[1:]), {})
    }


def wrong_statistics(evidence: Evidence, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of means and deviations that verdicts are based on, and messages on wrong ones."""
    keys = dict.fromkeys(tuple(key) for claim in CLAIMS for key in claim.needs)
    faults, total = [], 0
    for key in keys:
        row = judged_row(numbers, key)
        values = list(numbers.get((row, *key[1:]), {}).values())
        theirs = evidence.judged_spread(*key)
        if not values or theirs is None:
            faults.append(f"{' '.join(key)}: not in metrics.csv, and a verdict needs it")
            total += 2
            continue
        std = statistics.stdev(values) if len(values) > 1 else float("nan")
        for name, ours, found in (
            ("mean", statistics.fmean(values), theirs.mean),
            ("standard deviation", std, theirs.std),
        ):
            total += 1
            if not close(ours, found, max(map(abs, values))):
                faults.append(f"{' '.join(key)}: {name} {ours:.7g}, the project's is {found:.7g}")
    return total, faults


def cells_of_readme(text: str) -> Iterator[tuple[str, str, str]]:
    """Cells of the README's two tables of errors: (row, split, "mean ± deviation")."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0] in README_ROWS:
            yield cells[0], "train", cells[2]
            yield cells[0], "test", cells[4]


def wrong_cells(readme: str, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of values in the README's two tables, and messages on those not from metrics.csv.

    A value agrees if it is the mean or deviation over seeds, rounded to the digits shown.
    """
    faults, total, seen = [], 0, set()
    for row, split, cell in cells_of_readme(readme):
        seen.add(row)
        experiment, metric, scale = README_ROWS[row]
        values = [scale * v for v in numbers.get((experiment, split, metric), {}).values()]
        wanted = [statistics.fmean(values), statistics.stdev(values)] if len(values) > 1 else []
        printed = re.findall(r"\d+(?:\.\d+)?", cell.replace(",", ""))
        for shown, value in zip_longest(printed, wanted):
            total += 1
            digits = len(shown.partition(".")[2]) if shown else 0
            # No value here is above 1,000, for which integer digits would be rounded as well.
            if shown is None or value is None or f"{value:.{digits}f}" != shown:
                ours = " ± ".join(f"{x:.4g}" for x in wanted)
                faults.append(f"README.md, {row}, {split}: {cell}, metrics.csv gives {ours}")
    faults += [f"README.md: no numbers of {row}" for row in README_ROWS if row not in seen]
    return total, faults


def difference(old: str, new: str) -> str:
    """Description of the first line in which two texts differ."""
    pairs = zip_longest(old.splitlines(), new.splitlines(), fillvalue="")
    for k, (a, b) in enumerate(pairs, start=1):
        if a != b:
            differ = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
            at = next(differ, min(len(a), len(b)))
            a, b = (line[max(at - 40, 0) : at + 40] for line in (a, b))
            return f"line {k} has “{a}”, the numbers give “{b}”"
    return "line ends differ"


def wrong_pages(root: Path, evidence: Evidence) -> tuple[int, list[str]]:
    """Number of generated pages, and messages on those that differ from the committed files."""
    tables, found = all_tables(evidence), verdicts(CLAIMS, evidence)
    blocks = documents.blocks(evidence, tables, found)
    made = {}
    for path in documents.documents(root):
        made[path] = fill(path.read_text(encoding="utf-8"), blocks)
    # A table whose markers are missing would escape the comparison.
    text = "".join(made.values())
    faults = [
        f"no page has the block {name}"
        for name in blocks
        if f"<!-- {name}:begin" not in text and not name.startswith("claims-")
    ]
    made[root / "results" / page.NAME] = page.render(evidence, tables, found)
    for path, text in made.items():
        there = path.read_bytes() if path.is_file() else b""
        if there != text.encode("utf-8"):
            what = difference(there.decode("utf-8", "replace"), text)
            faults.append(f"{path.relative_to(root)}: {what}")
    return len(made), faults


def audit(root: Path) -> Part:
    """Audit statistics and pages of a checkout."""
    part, results = Part("b  pages"), root / "results"
    try:
        metrics = results / "metrics.csv"
        numbers = read_numbers(metrics)
        evidence = Evidence.read(results, EXPERIMENTS)
        readme = (root / "README.md").read_text(encoding="utf-8")
    except (ReproductionError, ValueError, KeyError, OSError) as error:
        part.faults.append(f"results cannot be read: {error}")
        part.sentence = "The pages cannot be generated from the stored results."
        return part
    verdict_of = verdicts(CLAIMS, evidence)
    said_of = {one.claim.number: one.status for one in verdict_of}
    seeds, digits = "the registry's", "the digits printed"
    relative = f"{tolerances.STATISTIC:g} relative"
    for what, check, arguments, within in (
        ("rows with all their seeds", rows.wrong_seeds, (numbers,), seeds),
        ("files of predictions and curves", rows.missing_files, (results, numbers), "one for each"),
        ("runs with their origin", rows.wrong_origins, (results,), "one trajectory a dataset"),
        ("RMSEs with other errors and units", rows.incomplete, (metrics, numbers), "none lacks"),
        ("rows whose seeds differ", rows.repeated_seeds, (numbers,), "all digits"),
        ("predictions on their row's frames", references.wrong_frames, (results, numbers), "all"),
        ("references of published data", references.unlike_published, (results,), "rounding"),
        ("references named by their contents", references.wrong_names, (results,), "checksum"),
        ("means and deviations of verdicts", wrong_statistics, (evidence, numbers), relative),
        ("verdicts, by other code", wrong_verdicts, (numbers, said_of), "the same verdict"),
        ("README's tables, read back", wrong_cells, (readme, numbers), digits),
        ("pages, made again", wrong_pages, (root, evidence), "every byte"),
    ):
        # One that fails must not hide what the others found.
        try:
            part.count(what, *check(*arguments), within)
        except (ReproductionError, ValueError, KeyError, OSError) as error:
            part.count(what, 1, [f"{what}: {error}"], within)
    part.details = {"verdicts": {str(v.claim.number): v.status for v in verdict_of}}
    said = "Pages are what the numbers give" if part.good else "Pages are not what the numbers give"
    part.sentence = f"{said}: {', '.join(f'{found} {what}' for what, found, *_ in part.lines)}."
    if part.good:
        part.sentence += f" {summary(verdict_of)}."
    return part
