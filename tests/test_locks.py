"""Two commands at once: one waits or refuses in a sentence, and a killed one holds nothing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from data_gen.locks import Held, held
from reproduction.engine.store import RunResult, Store
from reproduction.errors import ReproductionError

ROOT = Path(__file__).parent.parent
HOLD = """
import sys, time
from data_gen.locks import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another program that holds a folder."""
    folder = tmp_path / "held"
    command = [sys.executable, "-c", HOLD, folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "held\n"
    yield folder, process
    process.kill()
    process.communicate()


def test_a_held_folder_is_refused(holder):
    folder, _ = holder
    with pytest.raises(Held), held(folder):
        pass


def test_a_killed_program_holds_nothing(holder):
    folder, process = holder
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with held(folder):
        pass


def test_who_waits_comes_next(tmp_path):
    order, waits = [], threading.Event()

    def second():
        waits.set()
        with held(tmp_path, wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with held(tmp_path):
        thread.start()
        waits.wait()
        thread.join(0.3)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_a_run_is_put_in_place_when_nobody_reads_any_more(tmp_path):
    """Results that are being gathered are of runs that stay as they are."""
    store = Store(tmp_path)
    result = RunResult(0, {"energy": (np.zeros(2), np.zeros(1))})
    write = threading.Thread(target=store.write, args=("table4/eq2", result, {"seed": 0}))
    with store.still():
        write.start()
        write.join(0.5)
        assert not store.run_folder("table4/eq2", 0).exists()
    write.join(20)
    assert store.run_folder("table4/eq2", 0).is_dir()


def test_results_are_read_while_experiments_run(tmp_path):
    with Store(tmp_path).locked(), Store(tmp_path).still():
        pass


def script(name, folder, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / name), "--folder", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("01_generate_data.py", "data"),
        ("03_energy_models.py", "runs"),
        ("07_figures.py", "results"),
        ("08_report.py", "results"),
    ],
)
def test_a_second_command_refuses_in_one_sentence(tmp_path, name, folder):
    before = sorted(tmp_path.rglob("*"))
    with held(tmp_path / folder):
        done = script(name, tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {tmp_path / folder}: another ")
    assert "wait for it or stop it" in done.stderr
    assert [p for p in sorted(tmp_path.rglob("*")) if p.is_file() and p.name != ".lock"] == before


def test_scratch_files_of_killed_commands_are_swept(tmp_path):
    left = tmp_path / "results/figures/.figure1.0123abc.tmp.png"
    left.parent.mkdir(parents=True)
    left.touch()
    assert script("08_report.py", tmp_path).returncode == 0
    assert not left.exists()


def test_two_programs_do_not_run_into_one_folder(tmp_path):
    with Store(tmp_path).locked(), pytest.raises(ReproductionError, match="another run"):  # noqa: SIM117
        with Store(tmp_path).locked():
            pass
