"""Seconds that a leaf costs beside its work: of 200 that do nothing, and of one that is done."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from checks.workflow.common import say, started
from reproduction.engine.provenance import ROOT

LEAVES = 200
GOAL_SECONDS = 0.5
# In place of the project's Python: writes the list of leaves when it is asked, and the marker.
NOTHING = """#!/bin/sh
while [ $# -gt 1 ]; do
    case $1 in
        --leaf) : >"$2" ;;
        --out) cp {leaves} "$2" ;;
    esac
    shift
done
"""


def leaves(count: int) -> dict:
    """Leaves without data."""
    of = {"command": ["nothing"], "data": [], "needs": [], "cores": 1, "memory_mb": 1, "minutes": 1}
    return {f"no/thing{k}/seeds-0": of for k in range(count)}


def seconds(folder: Path, count: int) -> tuple[float, float]:
    """Wall-clock and processor seconds of a run with some leaves."""
    folder.mkdir()
    (folder / "leaves.json").write_text(json.dumps(leaves(count)), encoding="utf-8")
    python = folder / "python"
    python.write_text(NOTHING.format(leaves=folder / "leaves.json"), encoding="utf-8")
    python.chmod(0o755)
    (folder / "runs/.leaves").mkdir(parents=True)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    config = {"folder": str(folder), "python": str(python)}
    with started(folder / "snakemake.log", "leaves", cores=1, **config) as running:
        status = running.wait()
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        sys.exit(f"Snakemake ended with status {status}: see {folder / 'snakemake.log'}")
    return wall, sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))


def again(folder: Path) -> tuple[float, float]:
    """Wall-clock and processor seconds of a leaf whose run is there: of the project's own start."""
    space = ("--quick", "--folder", str(folder))
    leaf = ("--only", "beyond/pair-floor", "--leaf", str(folder / "marker.json"))
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
    one, many = seconds(folder / "one", 1), seconds(folder / "many", LEAVES)
    wall, busy = ((b - a) / (LEAVES - 1) for a, b in zip(one, many, strict=True))
    load, done = os.getloadavg()[0], again(folder / "again")
    say(f"overhead: start {one[0]:.1f} s; {LEAVES} leaves on one core {many[0]:.1f} s")
    say(f"overhead: {wall:.3f} s a leaf, {busy:.3f} s of processor; load {load:.1f}")
    say(f"overhead: a leaf that is done {done[0]:.1f} s, {done[1]:.1f} s of processor")
    return wall <= GOAL_SECONDS
