"""The share of time that both cores have a leaf to work on, in a sweep of real trainings."""

import os
import re
import resource
import time
from pathlib import Path

from checks.workflow.common import CORES, processes, say, started

GOAL = 0.95
RATES = (3e-4, 5e-4, 8e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3)
WIDTHS = ("[[20,50,1],[1,50,20]]", "[[10,25,1],[1,25,10]]")
EVERY_SECONDS = 0.2


def check(folder: Path) -> bool:
    """Whether both cores are busy often enough, from the first leaf's start to the last's end."""
    lines = [f'table4/eq2,{rate},"{widths}"' for widths in WIDTHS for rate in RATES]
    table = folder / "rates.csv"
    head = "experiment,learning_rate,widths,epochs,seeds"
    table.write_text("\n".join([head, *(f"{line},40,0" for line in lines)]) + "\n")
    config = {"folder": str(folder), "sweep": str(table)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts: list[int] = []
    begin = last = 0.0
    with started(folder / "snakemake.log", "leaves", **config) as running:
        while running.poll() is None:
            at_work = {
                found[1]
                for line in processes(running.pid)
                if (found := re.search(r"--leaf (\S+)", line)) and "scripts/" in line
            }
            now = time.perf_counter()
            begin = begin or (now if at_work else 0.0)
            if begin:
                counts.append(len(at_work))
                last = now if at_work else last
            time.sleep(EVERY_SECONDS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    while counts and not counts[-1]:
        counts.pop()
    busy = sum(min(count, CORES) for count in counts) / (CORES * max(1, len(counts)))
    spent = sum(getattr(used, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    share = spent / (CORES * max(1e-9, last - begin))
    load = os.getloadavg()[0]
    say(f"busy: {len(lines)} leaves in {last - begin:.0f} s, status {running.returncode}")
    say(f"busy: {100 * busy:.1f} % of two cores have a leaf; processor time is {100 * share:.0f} %")
    say(f"busy: load {load:.1f}, of others as well")
    return running.returncode == 0 and busy >= GOAL
