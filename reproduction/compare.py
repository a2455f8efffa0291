"""Compare the committed numbers with those of another version (`make compare OLD=COMMIT`).

Every number of results/metrics.csv, by row, split and metric, against the same file of a tag or
commit. What counts as a difference: reproduction/show/versions.py.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_gen.files import write_text
from reproduction import cli
from reproduction.engine.checkout import NO_CHECKOUT, git, no_checkout, said
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.show.evidence import Metrics
from reproduction.show.metrics import Spread, with_spread
from reproduction.show.rules import Key, unit
from reproduction.show.tables import Table
from reproduction.show.versions import DEVIATIONS, RELATIVE, TIMES, Comparison, Difference, compared

FILE = "results/metrics.csv"
RULE = (
    f"Flagged: the means differ by more than {DEVIATIONS:g} standard deviations over seeds (sample "
    f"deviation, pooled over both versions); without a spread by more than {RELATIVE:.0%}."
)
TIMES_RULE = (
    f"Flagged: one mean is more than {TIMES:g} times the other. Times depend on the machine and "
    "its load."
)


def read_old(folder: Path, version: str) -> tuple[str, Metrics]:
    """Read another version's numbers from git.

    Args:
        folder: of the checkout.
        version: a tag or a commit.

    Returns:
        The commit's abbreviated name, and its numbers.

    Raises:
        ReproductionError: no version is named, there is no such one, or it has no numbers.
    """
    if not version:
        raise ReproductionError("which version? make compare OLD=<tag or commit>")
    if why := no_checkout(folder):
        raise ReproductionError(f"{folder} is {NO_CHECKOUT}: {why}")
    commit = said(folder, "rev-parse", "--verify", f"{version}^{{commit}}")
    if not commit:
        raise ReproductionError(f"{version} is no tag or commit of this checkout")
    text = git(folder, "show", f"{commit}:{FILE}")
    if text is None:
        raise ReproductionError(f"{version} has no {FILE}")
    short = said(folder, "rev-parse", "--short", commit)
    return short, Metrics.parse(text.decode("utf-8"), f"{version}:{FILE}")


def ratio(one: Difference) -> str:
    """Size of a difference in words: in standard deviations, in percent without a spread."""
    if one.is_time:
        return f"{one.new.mean / one.old.mean:.2f} x" if one.old.mean else ""
    off = one.new.mean - one.old.mean
    if one.pooled:
        return f"{off / one.pooled:+.1f} sd"
    largest = max(abs(one.new.mean), abs(one.old.mean))
    return f"{off / largest:+.1%}" if largest else "0 %"


def shown(one: Spread) -> str:
    """Mean ± standard deviation; a whole number without a spread with all its digits."""
    whole = one.lowest == one.highest and one.mean == round(one.mean)
    return f"{one.mean:,.0f}" if whole else with_spread(one)


def table(name: str, title: str, differences: Iterable[Difference], note: str) -> Table:
    """Table of numbers in both versions."""
    rows = []
    for one in differences:
        seeds = f"{one.old.n}" if one.old.n == one.new.n else f"{one.old.n}, {one.new.n}"
        number = f"{one.key.metric}{unit(one.key) and ',' + unit(one.key)}"
        cells = (shown(one.old), shown(one.new), ratio(one), "*" * one.moved)
        rows.append((one.key.experiment, one.key.split, number, seeds, *cells))
    columns = ("row", "part", "number", "seeds", "old", "new", "difference", "")
    return Table(name, title, columns, tuple(rows), note)


def names(keys: Iterable[Key]) -> list[str]:
    """Rows with those of their numbers that came or went, a line each."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(key.experiment, []).append(f"{key.split} {key.metric}".strip())
    return [f"{row}: {', '.join(numbers)}" for row, numbers in found.items()]


def about(comparison: Comparison) -> str:
    """Counts of a comparison in one sentence."""
    numbers = [one for one in comparison.both if not one.is_time]
    rows = {one.key.experiment for one in comparison.both}
    moved = comparison.moved(times=False)
    same = sum(one.old == one.new or one.size == 0 for one in numbers)
    return (
        f"{len(rows)} rows with {len(numbers):,} numbers are in both versions: {same:,} have the "
        f"same mean, {len(moved)} are flagged, in {len({d.key.experiment for d in moved})} rows; "
        f"{len(comparison.came)} rows came, {len(comparison.went)} went."
    )


def parts(comparison: Comparison, every: bool) -> tuple[list[Table], dict[str, list[str]]]:
    """Tables and lists to show.

    Args:
        comparison: of the two versions.
        every: all numbers, not only the flagged ones.

    Returns:
        The tables that have rows; {title: lines} of the lists that have any.
    """
    tables = []
    for name, title, times, note in (
        ("numbers", "Numbers", False, RULE),
        ("times", "Measured times", True, TIMES_RULE),
    ):
        of_kind = [one for one in comparison.both if one.is_time == times]
        among = of_kind if every else comparison.moved(times)
        if among:
            what = title if every else f"{title} that are flagged"
            tables.append(table(name, what, among, note))
    lists = {
        "Rows that came": list(comparison.came),
        "Rows that went": list(comparison.went),
        "Numbers that came, of rows in both": names(comparison.numbers_came),
        "Numbers that went, of rows in both": names(comparison.numbers_went),
    }
    return tables, {title: lines for title, lines in lists.items() if lines}


def markdown(heading: str, comparison: Comparison, every: bool) -> str:
    """The comparison as a Markdown page."""
    tables, lists = parts(comparison, every)
    text = [f"# {heading}", about(comparison), *(one.markdown() for one in tables)]
    for title, lines in lists.items():
        text += [f"**{title}**", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(text) + "\n"


def main(argv: Sequence[str]) -> int:
    """Compare and print; returns the exit status."""
    p = argparse.ArgumentParser(prog="python -m reproduction.compare", description=__doc__)
    p.add_argument("old", metavar="OLD", help="tag or commit")
    p.add_argument("--all", action="store_true", help="every number, not only the flagged ones")
    p.add_argument("--markdown", type=Path, metavar="FILE", help="write it there, too")
    p.add_argument("--folder", type=Path, default=ROOT, help="the checkout (default: this one)")
    arguments = p.parse_args(argv)
    commit, old = read_old(arguments.folder, arguments.old)
    new = Metrics.read(arguments.folder / "results")
    if not new.rows:
        raise ReproductionError(f"{arguments.folder / FILE}: no numbers there to compare")
    comparison, out = compared(old, new), cli.console()
    named = arguments.old if commit.startswith(arguments.old) else f"{arguments.old} ({commit})"
    heading = f"{FILE} against that of {named}"
    tables, lists = parts(comparison, arguments.all)
    for one in tables:
        out.print(one.rich(), "")
    for title, lines in lists.items():
        out.print(f"{title}:", style="bold")
        out.print("; ".join(lines), "", markup=False)
    out.print(f"{heading}. {about(comparison)}", markup=False, soft_wrap=True)
    if arguments.markdown:
        write_text(arguments.markdown, markdown(heading, comparison, arguments.all))
        out.print(f"written to {arguments.markdown}")
    return 0


if __name__ == "__main__":
    cli.run_script(main)
