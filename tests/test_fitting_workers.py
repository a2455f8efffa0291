"""Seeds side by side: processes of one thread, and what bad luck does to them and their parent."""

import itertools
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from own_jobs import alive, at_work, is_killed, wait_for, waits

from fitting import commands
from fitting.errors import TrainingFailed
from fitting.progress import Asked, Bars
from fitting.worker import Link, Stopped, attempt
from fitting.workers import Job, alone, run
from keras_models.errors import Diverged

TESTS = Path(__file__).parent


def test_a_killed_process_ends_it_and_the_others_keep_their_state(tmp_path):
    kept, shown = tmp_path / "kept", []
    jobs = [Job("seed 7", is_killed, (kept,)), Job("seed 8", waits, (kept,))]
    told = r"seed 7: its process was killed by SIGKILL; run the same command .*, with --workers 1"
    with pytest.raises(TrainingFailed, match=told):
        run(jobs, 2, lambda *of: shown.append(of), print, Asked())
    # TensorFlow reads these; no small test would show that its bits depend on them.
    threads = json.loads(kept.read_text())
    assert threads["TF_NUM_INTRAOP_THREADS"] == threads["OMP_NUM_THREADS"] == "1"
    assert (1, 0.5, "waiting") in shown
    assert not alive(int(kept.with_suffix(".pid").read_text()))


def test_no_more_processes_are_there_at_once_than_asked_for():
    """Memory may be short: --workers 1."""
    jobs = [Job(f"job {k}", at_work, ()) for k in range(3)]
    assert run(jobs, 1, lambda *_: None, print, Asked()) == [1, 1, 1]


def raises(error, link):
    raise error


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (Diverged("seed 1: not finite"), "raised", "seed 1: not finite"),
        (OSError(28, "No space left", "a.npz"), "raised", "No space left"),
        (MemoryError(), "failed", "memory ran out"),
        (KeyError("name\nmore"), "failed", "KeyError: 'name"),
        (Stopped(), "stopped", ""),
    ],
)
def test_why_there_is_no_result_reaches_the_parent(error, kind, told):
    found = pickle.loads(pickle.dumps(attempt(raises, (error,), None)))
    assert found[0] == kind and told in str(found[1:])
    assert kind != "raised" or type(found[1]) is type(error)


def test_memory_that_runs_out_here_is_said_as_in_a_process():
    with pytest.raises(TrainingFailed, match="memory ran out; run the same command to resume"):
        alone(raises, (MemoryError(),), None)
    with pytest.raises(KeyError):
        alone(raises, (KeyError(1),), None)
    assert alone(lambda one, link: (one, link), (1,), "link") == (1, "link")


def test_a_timing_that_fails_does_not_speak_of_checkpoints():
    job = Job("timing", raises, (MemoryError(),), "; nothing is trained yet")
    with pytest.raises(TrainingFailed, match=r"timing: memory ran out; nothing is trained yet$"):
        run([job], 2, lambda *_: None, print, Asked())


class Kept:
    """A connection that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


def test_a_process_does_not_flood_its_parent():
    kept = Kept()
    link = Link(kept)
    for k in range(1000):
        link.report(k / 999, "step")
        assert not link.together()
    assert kept.sent[0] == ("progress", 0.0, "step") and kept.sent[-1] == ("progress", 1.0, "step")
    assert kept.sent.count(("ready",)) == 1 and len(kept.sent) < 50
    link.stop.set()
    with pytest.raises(Stopped):
        link.report(0.5, "step")


# Without a guard: what is run again in another process would start processes, too.
WAITING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import own_jobs
from fitting import workers
from fitting.progress import Stop, stoppable

print("begin")
job, folder = getattr(own_jobs, sys.argv[3]), Path(sys.argv[2])
jobs = [workers.Job("seed", job, (folder / name,)) for name in "ab"]
try:
    with stoppable() as asked:
        workers.run(jobs, 2, lambda *_: None, print, asked)
except Stop:
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "job"), [(signal.SIGINT, "waits"), (signal.SIGKILL, "is_busy")])
def test_signals_leave_no_orphans(tmp_path, number, job):
    """Ctrl-C reaches all processes of a group at once, kill -9 only the parent."""
    (tmp_path / "own.py").write_text(WAITING)
    command = [sys.executable, tmp_path / "own.py", TESTS, tmp_path, job]
    parent = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,
    )
    files = [tmp_path / name for name in "ab"]
    try:
        wait_for(lambda: all(f.with_suffix(".pid").is_file() for f in files))
        pids = [int(f.with_suffix(".pid").read_text()) for f in files]
        (os.kill if number == signal.SIGKILL else os.killpg)(parent.pid, number)
        told = parent.communicate(timeout=60)
    finally:
        parent.kill()
    if number == signal.SIGKILL:
        assert parent.returncode == -number
    else:
        assert parent.returncode == 130 and all(f.is_file() for f in files)
        assert told == ("begin\n", "")
    wait_for(lambda: not any(map(alive, pids)))


def test_the_progress_of_all_is_shown(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 20.0, 30.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    bars = Bars(commands.console(), ["seed 0", "seed 1", "seed 2"])
    for number, fraction in ((0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)):
        bars(number, fraction, "step")
    assert capsys.readouterr().out.splitlines() == [
        "seed 0: 20 %, step, 1:20 min left for the steps; seed 1: waiting; seed 2: waiting",
        "seed 0: 20 %, step, 1:20 min left for the steps; "
        "seed 1: 20 %, step, 1:20 min left for the steps; seed 2: waiting",
    ]


def test_the_time_left_does_not_jump(monkeypatch):
    """A step a second, but 60 s of compilation after the tenth of a hundred."""
    now, shown = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bars = Bars(commands.console(), ["seed 0"])
    for step in range(1, 101):
        now[0] += 61.0 if step == 11 else 1.0
        bars(0, step / 100, f"step {step}/100")
        found = re.search(r"(\d+):(\d+) min left", bars._texts[0])
        shown.append(60 * int(found[1]) + int(found[2]) if found else None)
    # By the mean pace, which the compilation spoils, it would be off by 500 s at once.
    off = [abs(left - (100 - step)) for step, left in enumerate(shown[1:], 2)]
    assert max(off[:9]) == 0 and 50 < max(off) < 70 and max(off[60:]) < 30 and off[-1] == 0
    # It goes down steadily after that.
    assert all(-5 < b - a <= 0 for a, b in itertools.pairwise(shown[10:-1]))


def test_the_last_layer_has_a_progress_of_its_own(monkeypatch, capsys):
    """Its time left is of its own pace, 0.1 in 20 s, after steps at 0.5 in 20 s."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    bars = Bars(commands.console(), ["seed 0"])
    for fraction, text in (
        (0.0, "compiling"),
        (0.5, "step 4/8"),
        (1.0, "step 8/8"),
        (0.0, "last layer, batch 1/9"),
        (0.1, "last layer, batch 2/9"),
        (0.2, "last layer, batch 3/9"),
    ):
        bars(0, fraction, text)
    assert capsys.readouterr().out.splitlines() == [
        "seed 0: 0 %, compiling",
        "seed 0: 50 %, step 4/8",
        "seed 0: 100 %, step 8/8, 0:00 min left for the steps",
        "seed 0: 0 %, last layer, batch 1/9",
        "seed 0: 10 %, last layer, batch 2/9",
        "seed 0: 20 %, last layer, batch 3/9, 2:40 min left for the last layer",
    ]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(TESTS.parent)}
