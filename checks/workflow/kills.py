"""Killed at random points and started again, the workflow gives the metrics of the plain scripts.

SIGKILL to all its processes at once, as when a machine loses its power. The jobs leave checkpoints
at each step, and half of the kills wait for a run that is half done.
"""

import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from shlex import quote

from checks.workflow.common import say, started, without_times
from reproduction import cli
from reproduction.engine.provenance import ROOT
from reproduction.leaves import commands
from reproduction.sections import EXPERIMENTS

KILLS = 20
# A life ends some seconds after so many runs were made in it: whatever the machine's speed, kills
# are spread over the whole.
RUNS = (0, 0, 0, 1, 1, 2)
LONGEST_SECONDS = 8.0
# Of the lives, those that end where a run is half done; and how long they wait for one, s.
HALF_WAY, PATIENCE = 0.5, 60.0
# Python imports it in each process of a job. Else a checkpoint is due after longer than most lives.
OFTEN = """from keras_models.checkpoints import Checkpoint

Checkpoint.__init__.__defaults__ = (0.0,)
"""
PYTHON = """#!/bin/sh
PYTHONPATH={folder}${{PYTHONPATH:+:$PYTHONPATH}} exec {python} "$@"
"""
# Those that take longest.
LEFT_OUT = (
    *("amp", "edges", "transfer", "gradient"),
    *("nve", "minima", "vibrations", "uncertainty"),
)


def rows() -> list[str]:
    """Rows of a quick run that are on the report's trajectory and do not take long."""
    space = cli.Workspace(ROOT / "quick", True)
    found = (space.experiment(name) for name in space.names())
    known = [e for e in found if e.task not in LEFT_OUT]
    return [e.id for e in known if {source.name for source in e.sources} == {"au6"}]


def there(where: Path) -> list[Path]:
    """Folders of the runs that are there."""
    return [path.parent for path in sorted(where.glob("quick/runs/*/*/seed*/run.json"))]


def half_way(where: Path) -> dict[Path, int]:
    """Files of runs that are not done, with the times of their last change."""
    found = {}
    for path in (p for name in (".seed*", ".checkpoint*", "*.tmp.*") for p in where.rglob(name)):
        with contextlib.suppress(OSError):  # done since
            found[path] = path.stat().st_mtime_ns
    return found


def live(
    running: subprocess.Popen, where: Path, runs: int, seconds: float, is_half_way: bool
) -> bool:
    """Wait for the point of a kill; whether it still runs then.

    Args:
        running: Snakemake.
        where: folder of all that it makes.
        runs: that are to be there, more than now.
        seconds: to wait then.
        is_half_way: to wait no longer than until a run leaves something behind that is half done.
    """
    before, old, end = len(there(where)), half_way(where), None
    while running.poll() is None:
        if end is None and len(there(where)) >= before + runs:
            end = time.monotonic() + (PATIENCE if is_half_way else seconds)
        if end is not None and time.monotonic() > end:
            return True
        if end is not None and is_half_way and half_way(where).items() - old.items():
            return True
        time.sleep(0.05)
    return False


def checkpointing(folder: Path) -> Path:
    """A Python whose trainings leave a checkpoint at each step."""
    often, python = folder / "often/sitecustomize.py", folder / "python"
    often.parent.mkdir()
    often.write_text(OFTEN)
    python.write_text(PYTHON.format(folder=quote(str(often.parent)), python=quote(sys.executable)))
    python.chmod(0o755)
    return python


def plain(folder: Path, chosen: list[str]) -> None:
    """The same rows by the scripts, one after the other."""

    def script(name: str, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / name), "--quick", "--folder", str(folder)]
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)

    script("scripts/01_generate_data.py", "--name", "au6")
    by_script = defaultdict(list)
    for row in chosen:
        by_script[commands()[row][0]].append(row)
    for name, only in sorted(by_script.items()):
        script(name, "--only", *only)
    script("scripts/08_report.py", "--metrics")


def check(folder: Path) -> bool:
    """Whether all is as it should be."""
    chosen = rows()
    assert {EXPERIMENTS[name].models_of for name in chosen} - {""} <= set(chosen)
    seed = random.SystemRandom().randrange(10**6)
    say(f"kills: {len(chosen)} rows by the plain scripts; random points of seed {seed}")
    plain(folder / "plain", chosen)
    log, where = folder / "snakemake.log", folder / "killed"
    config = {"quick": "true", "folder": str(where), "only": " ".join(chosen)}
    config["python"] = str(checkpointing(folder))
    points, torn, chance = 0, 0, random.Random(seed)
    while points < KILLS:
        runs, seconds = chance.choice(RUNS), chance.uniform(0.0, LONGEST_SECONDS)
        is_half_way, old = chance.random() < HALF_WAY, half_way(where)
        # Killed where the block ends.
        with started(log, "leaves", **config) as running:
            lives = live(running, where, runs, seconds, is_half_way)
        if not lives:
            if running.returncode:
                say(f"kills: it ended with status {running.returncode}, see {log}")
                return False
            lost = chance.sample(there(where), len(there(where)) // 3)
            say(f"kills: all is done; {len(lost)} runs are lost, to go on")
            for path in lost:
                shutil.rmtree(path)
            continue
        points += 1
        left = half_way(where)
        torn += any(path.name.startswith(".checkpoint") for path, _ in left.items() - old.items())
        when = f"{'half way' if is_half_way else f'{seconds:.1f} s'} after {runs} more runs"
        say(f"kills: {points}, {when}; {len(there(where))} runs there, {len(left)} files half way")
    with started(log, **config) as running:
        status = running.wait()
    same = without_times(folder / "plain/quick/results/metrics.csv") == without_times(
        where / "quick/results/metrics.csv"
    )
    left = half_way(where)
    few = "" if torn > 1 else ", TOO FEW"
    say(f"kills: {points}, {torn} of them of runs that go on from a checkpoint{few}")
    say(f"kills: at last status {status}; {len(left)} files left half way")
    say(f"kills: metrics.csv but times is {'the same' if same else 'ANOTHER'}, byte for byte")
    return status == 0 and same and not left and torn > 1
