"""Seconds that a leaf costs beside its work: of all rows, and of one whose run is there."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from checks.workflow.common import say, started
from reproduction.engine.provenance import ROOT
from reproduction.sections import SOURCES

ONE = "beyond/pair-floor"
GOAL_SECONDS = 0.5
# In place of the jobs' Python: writes the marker.
NOTHING = """#!/bin/sh
while [ $# -gt 1 ]; do
    case $1 in
        --leaf) : >"$2" ;;
    esac
    shift
done
"""


def seconds(folder: Path, only: str) -> tuple[int, float, float]:
    """Number of leaves of some rows, and wall-clock and processor seconds of a run with them."""
    python = folder / "python"
    (folder / "data").mkdir(parents=True)
    python.write_text(NOTHING, encoding="utf-8")
    python.chmod(0o755)
    for name in SOURCES:
        for suffix in ("traj", "json"):
            (folder / f"data/{name}.{suffix}").touch()
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    config = {"folder": str(folder), "python": str(python), "only": only}
    with started(folder / "snakemake.log", "leaves", cores=1, **config) as running:
        status = running.wait()
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        sys.exit(f"Snakemake ended with status {status}: see {folder / 'snakemake.log'}")
    used = sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    made = len(list(folder.glob("runs/.leaves/**/seeds-*.json")))
    return made, wall, used


def again(folder: Path) -> tuple[float, float]:
    """Wall-clock and processor seconds of a leaf whose run is there: of the project's own start."""
    space = ("--quick", "--folder", str(folder))
    leaf = ("--only", ONE, "--leaf", str(folder / "marker.json"))
    for command in (
        ("scripts/01_generate_data.py", *space, "--name", "au6"),
        ("scripts/03_energy_models.py", *space, *leaf),
        ("scripts/03_energy_models.py", *space, *leaf),
    ):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        wall, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, sum(getattr(used, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))


def check(folder: Path) -> bool:
    """Whether a leaf costs no more than the goal."""
    one, many = seconds(folder / "one", ONE), seconds(folder / "many", "*")
    count = many[0] - one[0]
    wall, busy = ((b - a) / count for a, b in zip(one[1:], many[1:], strict=True))
    load, done = os.getloadavg()[0], again(folder / "again")
    say(f"overhead: start {one[1]:.1f} s; {many[0]} leaves on one core {many[1]:.1f} s")
    say(f"overhead: {wall:.3f} s a leaf, {busy:.3f} s of processor; load {load:.1f}")
    say(f"overhead: a leaf that is done {done[0]:.1f} s, {done[1]:.1f} s of processor")
    return wall <= GOAL_SECONDS
