"""Killed at random points and started again, the workflow gives the metrics of the plain scripts.

SIGKILL to all its processes at once, as when a machine loses its power.
"""

import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from checks.workflow.common import kill, say, start, without_times
from reproduction import cli
from reproduction.engine.provenance import ROOT
from reproduction.leaves import commands
from reproduction.sections import EXPERIMENTS

KILLS = 20
# Of a life, which includes Snakemake's own start of some seconds.
LONGEST_SECONDS = 20.0


def rows() -> list[str]:
    """Rows of a quick run that are on the report's trajectory, but Amp's."""
    space = cli.Workspace(ROOT / "quick", True)
    found = (space.experiment(name) for name in space.names())
    return [e.id for e in found if e.task != "amp" and {s.name for s in e.sources} == {"au6"}]


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
        running = start(log, "leaves", **config)
        wait, begin = chance.uniform(0.0, LONGEST_SECONDS), time.monotonic()
        while time.monotonic() < begin + wait and running.poll() is None:
            time.sleep(0.05)
        if running.poll() is not None:
            say(f"kills: it ended with status {running.returncode} before kill {points + 1}")
            return False
        kill(running)
        points += 1
        runs = where / "quick/runs"
        done = len(list(runs.glob("*/*/seed*/run.json")))
        torn = len([*runs.glob("*/*/.seed*"), *runs.glob("*/*/.checkpoint*")])
        say(f"kills: {points} after {wait:4.1f} s; {done} runs there, {torn} files half way")
    status = start(log, **config).wait()
    same = without_times(folder / "plain/quick/results/metrics.csv") == without_times(
        where / "quick/results/metrics.csv"
    )
    left = [*where.rglob(".seed*"), *where.rglob(".checkpoint*"), *where.rglob("*.tmp.*")]
    say(f"kills: {points} of them; at last status {status}; {len(left)} files left half way")
    say(f"kills: metrics.csv but times is {'the same' if same else 'ANOTHER'}, byte for byte")
    return status == 0 and same and not left
