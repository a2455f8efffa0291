"""A sweep's table is made again whenever its lines, runs or data are others than it was made of.

Its jobs have a Python that nothing else may use, as if it were in a container alone, and which has
another project of this name installed.
"""

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from ase.io import read, write

from checks.workflow.common import say, started
from reproduction.engine.provenance import ROOT

# Jobs alone have --leaf, or make data or a table.
PYTHON = """#!/bin/sh
PYTHONPATH=${{PYTHONPATH:+$PYTHONPATH:}}{other}
export PYTHONPATH
case "$*" in
    *--leaf*|*01_generate_data.py*|*"sweep.py table"*) exec {python} "$@" ;;
esac
echo "a call of the project by Snakemake itself: $*" >&2
exit 7
"""
HEAD = "experiment,name,data,split,epochs,seeds\n"
LINE = 'table4/eq2,{name},own.extxyz,"[40,20]",{epochs},0\n'


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """All files with their times and contents, but the plan."""
    every = (p for p in folder.rglob("*") if p.is_file() and p.name != "leaves.json")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in every}


def check(folder: Path) -> bool:
    """Whether each run ends with the table that belongs to it."""
    python, table, own = folder / "python", folder / "some.csv", folder / "own.extxyz"
    for name in ("reproduction", "fitting"):
        installed = folder / "other" / name / "__init__.py"
        installed.parent.mkdir(parents=True)
        installed.write_text('raise SystemExit("a project of another place")\n')
    python.write_text(
        PYTHON.format(python=quote(sys.executable), other=quote(str(folder / "other")))
    )
    python.chmod(0o755)
    frames = read(ROOT / "examples/au12.extxyz", ":")
    write(own, frames[:60])
    one, two = LINE.format(name="one", epochs=1), LINE.format(name="two", epochs=2)
    table.write_text(HEAD + one)
    out, log = folder / "out", folder / "snakemake.log"
    out.mkdir()

    def run(*options: str) -> int:
        config = {"folder": str(out), "sweep": str(table), "python": str(python)}
        with started(log, *options, **config) as running:
            return running.wait()

    def names() -> set[str]:
        with open(out / "sweeps/some/results.csv") as file:
            return {row["name"] for row in csv.DictReader(file) if row["state"] == "done"}

    def lose() -> None:
        shutil.rmtree(out / "sweeps/some/runs/sweep/two")

    def lines(text: str) -> Callable[[], object]:
        return lambda: table.write_text(HEAD + text)

    good = True
    steps: list[tuple[str, Callable[[], object], set[str]]] = [
        ("a first line", lambda: None, {"one"}),
        ("another line", lines(two), {"two"}),
        ("the first again, all of it done", lines(one), {"one"}),
        ("both, all of it done", lines(one + two), {"one", "two"}),
        ("a run's folder deleted", lose, {"one", "two"}),
        ("other data, the same table", lambda: write(own, frames[60:120]), {"one", "two"}),
    ]
    for what, change, wanted in steps:
        change()
        before = files(out)
        looked = run("--dry-run")
        same = files(out) == before
        status = run()
        made = files(out).get(out / "sweeps/some/results.csv") != before.get(
            out / "sweeps/some/results.csv"
        )
        is_so = not looked and same and not status and made and names() == wanted
        say(f"ends: {what}: {'as it should be' if is_so else f'FAILED, see {log}'}")
        good &= is_so
    before = files(out)
    idle = run() == 0 and files(out) == before
    say(f"ends: nothing changed, {'nothing done' if idle else f'FAILED, see {log}'}")
    return good and idle
