"""Runs a sweep and the scripts' rows on a SLURM of one node: python -m checks.slurm.

One job is cancelled and the node is drained on the way, and the numbers must be those of the plain
scripts, bit for bit. Takes some minutes on two cores; changes nothing outside its folder.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from checks.slurm.cluster import MEMORY_MB, Cluster, cluster
from reproduction.engine.provenance import ROOT
from reproduction.engine.seal import ARRAYS
from reproduction.engine.store import Store

FOLDER = ROOT / ".slurm-check"
RUNS = FOLDER / "cluster/quick/sweeps/check/runs"
# One of each kind of task that trains quickly; and one that uses the models of another.
ROWS = {
    "table4/eq2": "03_energy_models.py",
    "table4/eq3": "03_energy_models.py",
    "table5/eq9-9000": "04_force_models.py",
    "section6/gnn": "05_graph_network.py",
    "beyond/learned-eq2": "06_beyond_the_report.py",
}
SWEEP = """experiment,name,data,learning_rate,steps
table4/eq2,eq2,,,
table4/eq3,eq3,,,
table5/eq9-9000,eq9,,,
section6/gnn,gnn,,,
table4/eq2,slow,,0.0003,
train,own,au12.extxyz,,20
"""
# Lines that change nothing.
SAME = {"eq2": "table4/eq2", "eq3": "table4/eq3", "eq9": "table5/eq9-9000", "gnn": "section6/gnn"}
OPTIONS = (
    "--slurm-no-account",
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=5",
    "--latency-wait=5",
)


def main() -> int:
    """Do all steps; returns the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    say("the plain scripts, as make quick")
    plain = FOLDER / "plain"
    script("01_generate_data.py", "--name", "au6", folder=plain)
    for name in dict.fromkeys(ROWS.values()):
        only = [row for row, its in ROWS.items() if its == name]
        script(name, "--only", *only, folder=plain)
    script("08_report.py", "--metrics", folder=plain)
    table = FOLDER / "check.csv"
    table.write_text(SWEEP, encoding="utf-8")
    shutil.copy(ROOT / "examples/au12.extxyz", FOLDER)
    with cluster(FOLDER / "slurm") as found:
        refusal(found, table)
        mischief(found, table)
        whole(found)
    compare(plain)
    say("passed")
    return 0


def say(text: str) -> None:
    """Print a step, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def require(is_so: bool, what: str) -> None:
    """End the check unless something is so."""
    if not is_so:
        say(f"FAILED: {what}")
        sys.exit(1)


def script(name: str, *arguments: str, folder: Path) -> None:
    """Run a numbered script at quick size."""
    command = [sys.executable, str(ROOT / "scripts" / name), "--quick", "--folder", str(folder)]
    subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def started(found: Cluster, log: Path, *options: str, **config: str) -> Iterator[subprocess.Popen]:
    """Start Snakemake on the cluster at quick size, its output in a file."""
    given = {
        "quick": "true",
        "folder": str(FOLDER / "cluster"),
        "most_memory_mb": str(MEMORY_MB),
        **config,
    }
    command = [str(ROOT / "workflow/run.sh"), "slurm", *OPTIONS, *options, "--config"]
    with open(log, "wb") as out:
        running = subprocess.Popen(
            [*command, *(f"{name}={value}" for name, value in given.items())],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=found.environment,
            cwd=ROOT,
        )
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def until(what: str, is_so: Callable[[], bool], running: subprocess.Popen, seconds=600.0) -> None:
    """Wait for something to be so while Snakemake runs."""
    end = time.monotonic() + seconds
    while not is_so():
        require(running.poll() is None, f"Snakemake ended before {what}")
        require(time.monotonic() < end, f"not in {seconds:.0f} s: {what}")
        time.sleep(0.3)


def refusal(found: Cluster, table: Path) -> None:
    """A partition whose limit is below what the jobs ask for: no job is submitted."""
    log = FOLDER / "refused.log"
    options = ("--default-resources", "slurm_partition=short")
    with started(found, log, *options, sweep=str(table)) as running:
        status = running.wait(600)
    text = log.read_text(errors="replace")
    require(status != 0 and "none was submitted" in text, "a refused job is named at once")
    require(not found.jobs("all"), "no job is submitted if one would be refused")
    say("a partition that refuses the jobs: said before any was submitted")


def mischief(found: Cluster, table: Path) -> None:
    """A sweep, with a job cancelled, and the node drained and resumed."""
    log = FOLDER / "sweep.log"
    with started(found, log, sweep=str(table)) as running:
        cancel_and_drain(found, running)
        require(running.wait(1200) == 0, f"the sweep ends well; see {log}")
    text = log.read_text(errors="replace")
    require("Trying to restart job" in text, "the cancelled job was tried again")
    table_of_it = (RUNS.parent / "table.md").read_text(encoding="utf-8")
    require("all 6 runs are done" in table_of_it, "the sweep's table is whole")
    require(not Store(RUNS).failures(), "no failure stays on record")
    say(f"the sweep is whole: {len(found.jobs('COMPLETED'))} jobs completed")


def cancel_and_drain(found: Cluster, running: subprocess.Popen) -> None:
    """Cancel a job that runs, then drain the node until jobs wait for it."""
    store = Store(RUNS)
    begun: list[str] = []

    def has_begun() -> bool:
        listed = ("squeue", "--noheader", "--format=%i %k", "--states=RUNNING")
        for lock in RUNS.glob("sweep/*/.lock-seed0"):
            of = [x for x in found.ask(*listed).splitlines() if f"sweep_{lock.parent.name}_" in x]
            begun[:] = [line.split()[0] for line in of]
            if begun:
                return True
        return False

    until("a job has begun", has_begun, running)
    found.ask("scancel", begun[0])
    until("the job is cancelled", lambda: begun[0] in found.jobs("CANCELLED"), running)
    until("its failure is on record", lambda: bool(store.failures()), running, 30)
    say(f"job {begun[0]} cancelled; on record: {store.failures()}")
    found.drain(True)
    until("no job runs on the drained node", lambda: not found.jobs("RUNNING"), running)
    until("jobs wait for the drained node", lambda: bool(found.jobs("PENDING")), running)
    time.sleep(10)
    require(not found.jobs("RUNNING"), "no job starts on a drained node")
    say(f"node {found.node_state()}, {len(found.jobs('PENDING'))} jobs wait")
    found.drain(False)


def whole(found: Cluster) -> None:
    """The rows of the scripts, to their page."""
    log = FOLDER / "rows.log"
    with started(found, log, only=" ".join(ROWS)) as running:
        require(running.wait(1200) == 0, f"all rows; see {log}")
    say("the scripts' rows are done")


def compare(plain: Path) -> None:
    """Every array of both, and metrics.csv but for seconds."""
    one, other = plain / "quick", FOLDER / "cluster/quick"
    pairs = [(row, f"runs/{row}") for row in ROWS]
    pairs += [(row, f"sweeps/check/runs/sweep/{name}") for name, row in SAME.items()]
    count = 0
    for row, theirs in pairs:
        with (
            np.load(one / "runs" / row / "seed0" / ARRAYS) as a,
            np.load(other / theirs / "seed0" / ARRAYS) as b,
        ):
            require(set(a) == set(b), f"{theirs} has the arrays of {row}")
            for name in a:
                require(np.array_equal(a[name], b[name], equal_nan=True), f"{theirs}: {name}")
                count += 1
    texts = [without_seconds(folder / "results/metrics.csv") for folder in (one, other)]
    require(texts[0] == texts[1], "metrics.csv is the same but for seconds")
    say(f"{count} arrays and {len(texts[0])} lines of metrics.csv are the same, bit for bit")


def without_seconds(path: Path) -> list[str]:
    """Lines of metrics.csv but times, which are other ones each time."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.endswith((",s", ",ms"))]


if __name__ == "__main__":
    sys.exit(main())
