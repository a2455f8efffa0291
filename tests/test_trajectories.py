"""Data sets that are missing: made side by side as one by one, and what can go wrong."""

import os
import signal
import time

import pytest

from data_gen.dynamics import DynamicsSettings
from data_gen.errors import DataError
from fitting import workers
from fitting.progress import Stop
from reproduction import trajectories
from reproduction.errors import ReproductionError
from reproduction.sections.s2_data import AU12
from reproduction.trajectories import Wanted, make_all, make_one, present, summary

SHORT = DynamicsSettings(steps=500)
LONGER = DynamicsSettings("pt8au2-slab", steps=600)


def wanted(folder, **settings) -> list[Wanted]:
    folder.mkdir(exist_ok=True)
    return [Wanted(name, one, folder / f"{name}.traj") for name, one in settings.items()]


def test_side_by_side_gives_the_same_bytes_and_the_longest_is_first(tmp_path, monkeypatch):
    settings = {"short": SHORT, "longer": LONGER, "file": AU12.quick().origin}
    one_by_one, at_once = (wanted(tmp_path / name, **settings) for name in ("one", "two"))
    said, begun, process = {1: [], 2: []}, [], trajectories.run
    make_all(one_by_one, 1, said[1].append)

    def note(jobs, *rest):
        begun.extend(job.name for job in jobs)
        return process(jobs, *rest)

    monkeypatch.setattr(trajectories, "run", note)
    make_all(at_once, 2, said[2].append)
    assert begun == ["longer", "short", "file"]
    assert sorted(said[1]) == sorted(said[2]) and said[1][0].startswith("longer.traj made: 12 ")
    for a, b in zip(one_by_one, at_once, strict=True):
        for path in (a.path, a.path.with_suffix(".json")):
            assert path.read_bytes() == b.path.with_name(path.name).read_bytes()
        assert summary(present(a)) in said[1][[x.split(".")[0] for x in said[1]].index(a.name)]


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_is_wrong_with_one_is_said_and_the_others_are_made(tmp_path, at_once):
    bad = DynamicsSettings(steps=2000, max_distance_A=3.0)
    some = wanted(tmp_path, good=DynamicsSettings(steps=2500), bad=bad, later=SHORT)
    (error,) = make_all(some, at_once, lambda line: None)
    assert isinstance(error, DataError) and str(error).startswith("bad: ") and "Å" in str(error)
    assert [present(one) is None for one in some] == [False, True, False]


def killed(one: Wanted, link) -> None:
    """Job in place of a data set's: as if memory had run out."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(trajectories, "make_one", killed)
    with pytest.raises(ReproductionError) as caught:
        make_all(wanted(tmp_path, a=SHORT, b=SHORT), 2, print)
    told = str(caught.value)
    assert "killed by SIGKILL; --workers 1 takes less memory" in told and "checkpoint" not in told


def interrupts(one: Wanted, link) -> None:
    """Job in place of a data set's: the user presses Ctrl-C when it is under way."""
    os.kill(os.getppid(), signal.SIGINT)
    make_one(one, link)


def test_ctrl_c_stops_within_a_frame(tmp_path, monkeypatch):
    """Processes end by themselves, not when patience with them does."""
    monkeypatch.setattr(trajectories, "make_one", interrupts)
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 100.0)
    long, begin = DynamicsSettings(steps=5_000_000), time.monotonic()
    with pytest.raises(Stop):
        make_all(wanted(tmp_path, a=long, b=long), 2, print)
    assert time.monotonic() - begin < 50 and not list(tmp_path.glob("*.traj"))
