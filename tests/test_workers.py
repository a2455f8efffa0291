"""Worker processes: what bad luck does to one of them, and to the program above them."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import EQ2, FLOOR

from data_gen import dataset
from keras_models.settings import AdamSettings
from reproduction.engine import schedule
from reproduction.engine.provenance import ROOT
from reproduction.engine.run_one import Work
from reproduction.engine.schedule import Listener, Outcome, run
from reproduction.engine.store import Store


class Mishaps(Listener):
    """Kills the first worker in the midst of its work; at last, Ctrl-C."""

    def __init__(self, killed, stopped):
        self.killed, self.stopped = killed.name, stopped.name
        self.pids, self.ended_rows = {}, []

    def started(self, work):
        new = {child.pid for child in multiprocessing.active_children()} - {*self.pids.values()}
        if new:  # else it is a worker that had other work before
            (self.pids[work.name],) = new

    def ended(self, work, failures):
        self.ended_rows.append(work.experiment.id)

    def progress(self, work, fraction, text):
        if work.name == self.killed:
            os.kill(self.pids[self.killed], signal.SIGKILL)
        others_ended = {FLOOR.id, "table4/mad"} <= {*self.ended_rows}
        if work.name == self.stopped and fraction > 0 and others_ended:
            raise KeyboardInterrupt


def test_a_failure_a_dead_worker_and_ctrl_c_touch_nothing_else(au6, folder):
    """Two workers: one diverges and goes on, the other is killed, and a third is interrupted."""
    long = replace(EQ2, training=AdamSettings(epochs=100_000))
    killed, stopped = Work(long, (0,)), Work(long, (1,))
    mad = replace(EQ2, id="table4/mad", training=AdamSettings(epochs=20, learning_rate=1e30))
    kept, outcome, mishaps = Store(folder / "runs"), Outcome(), Mishaps(killed, stopped)
    work = [killed, Work(mad, (0,)), stopped, Work(FLOOR, (0,))]
    with pytest.raises(KeyboardInterrupt):
        run(work, outcome, kept, folder / "data", 2, mishaps)
    assert multiprocessing.active_children() == []
    assert len(mishaps.pids) == 3  # the dead worker had a successor
    assert outcome.made == ["beyond/pair-floor seed 0"]
    assert outcome.failed.keys() == {"table4/mad seed 0", killed.name}
    assert "not finite" in outcome.failed["table4/mad seed 0"]
    assert "not finite" in kept.failures()["table4/mad", 0]
    assert "process died" in outcome.failed[killed.name]
    assert kept.read(mad.id, 0) is None
    assert kept.checkpoint(long.id, (1,)).is_file() and kept.read(long.id, 1) is None


def worker_that_tells_its_threads(connection, folder):
    """In a process of its own: the work of a worker is to say how many threads TensorFlow has."""

    def do(*_):
        from keras_models.backend import tf

        threading = tf.config.threading
        return {
            "intra": threading.get_intra_op_parallelism_threads(),
            "inter": threading.get_inter_op_parallelism_threads(),
        }

    schedule.do, schedule.load_dataset = do, lambda *_: None
    schedule._worker(connection, folder, folder)


def test_a_worker_computes_with_one_thread(tmp_path):
    """Bits depend on it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, str(tmp_path))
    worker = context.Process(target=worker_that_tells_its_threads, args=arguments, daemon=True)
    worker.start()
    ours.send(Work(FLOOR, (0,)))
    assert ours.recv() == ("done", {"intra": 1, "inter": 1})
    ours.send(None)
    worker.join()


def test_kill_9_leaves_finished_runs_and_no_orphans(au6, folder):
    only = ("--workers", "1", "--only", "beyond/pair-floor", "beyond/eq2-longer")
    command = [sys.executable, str(ROOT / "scripts/03_energy_models.py"), *only]
    process = subprocess.Popen([*command, "--folder", str(_big(folder))], start_new_session=True)
    floor = folder / "runs/beyond/pair-floor/seed0/run.json"
    _wait_for(floor.is_file, 60)  # then Eq. 2 is running, for half a minute at least
    children = _children(process.pid)
    assert children
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for(lambda: not any(map(_alive, children)), 20)
    assert json.loads(floor.read_text())["ended"] == "solved"
    kept = Store(folder / "runs")
    with kept.locked():
        pass
    assert not list((folder / "runs").glob("*/*/.seed*"))


def _big(folder):
    """Enough frames for the report's split, from the few that tests make."""
    data = dataset.load(folder / "data/au6.traj")
    names = ("positions", "energies", "forces")
    long = {name: np.concatenate([getattr(data, name)] * 7) for name in names}
    dataset.save(replace(data, **long), folder / "data/au6.traj")
    return folder


def _children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
