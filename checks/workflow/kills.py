"""Killed at random points and started again, the workflow gives the metrics of the plain scripts.

SIGKILL to all its processes at once, as when a machine loses its power.
"""

import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

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


def live(running: subprocess.Popen, where: Path, runs: int, seconds: float) -> bool:
    """Wait until so many more runs are there, and for some seconds; whether it still runs then."""
    before, end = len(there(where)), None
    while running.poll() is None:
        if end is None and len(there(where)) >= before + runs:
            end = time.monotonic() + seconds
        if end is not None and time.monotonic() > end:
            return True
        time.sleep(0.05)
    return False


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
    points, chance = 0, random.Random(seed)
    while points < KILLS:
        runs, seconds = chance.choice(RUNS), chance.uniform(0.0, LONGEST_SECONDS)
        # Killed where the block ends.
        with started(log, "leaves", **config) as running:
            lives = live(running, where, runs, seconds)
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
        torn = [*where.rglob(".seed*"), *where.rglob(".checkpoint*"), *where.rglob("*.tmp.*")]
        when = f"{seconds:.1f} s after {runs} more runs"
        say(f"kills: {points}, {when}; {len(there(where))} runs there, {len(torn)} files half way")
    with started(log, **config) as running:
        status = running.wait()
    same = without_times(folder / "plain/quick/results/metrics.csv") == without_times(
        where / "quick/results/metrics.csv"
    )
    left = [*where.rglob(".seed*"), *where.rglob(".checkpoint*"), *where.rglob("*.tmp.*")]
    say(f"kills: {points} of them; at last status {status}; {len(left)} files left half way")
    say(f"kills: metrics.csv but times is {'the same' if same else 'ANOTHER'}, byte for byte")
    return status == 0 and same and not left
