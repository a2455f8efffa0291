"""The numbered scripts: one clear sentence for what goes wrong, and nothing overwritten."""

import contextlib
import io
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from reproduction import cli, sections
from reproduction.engine.schedule import Outcome
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS, SOURCES, select
from reproduction.show.reported import reported

SEED1 = SOURCES["au6-seed1"]
SCRIPTS = Path(__file__).parent.parent / "scripts"


def process(name, *arguments, folder):
    """Exit status, output and errors of a script in a process of its own."""
    command = [sys.executable, str(SCRIPTS / name), "--folder", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def run_script(name, *arguments, folder):
    """The same, in this process."""
    path, out, err = str(SCRIPTS / name), io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", [path, "--folder", str(folder), *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        runpy.run_path(path, run_name="__main__")
    return end.value.code, out.getvalue(), err.getvalue()


@pytest.fixture
def taken(monkeypatch):
    """Rows that scripts would run, instead of running them."""
    names = []

    def take(arguments, own):
        names.extend(select(own) if own else ())
        return Outcome()

    monkeypatch.setattr(cli, "run_experiments", take)
    for variable in ("AMP", "ROWS"):
        monkeypatch.delenv(variable, raising=False)
    return names


def test_the_scripts_together_run_every_row_once(folder, taken):
    """Rows that no script takes would stay "not run yet" for ever."""
    for script in sorted(SCRIPTS.glob("0[2-6]*.py")):
        assert run_script(script.name, folder=folder)[0] == 0
    assert sorted(taken) == sorted(EXPERIMENTS)


def test_rows_of_the_report_alone(folder, taken, monkeypatch):
    """Every row that prints a number, and the appendices'; by the variable, as make gives it."""
    monkeypatch.setenv("ROWS", "report")
    kept = Store(folder / "runs")
    kept.write_failure("beyond/eq2-gradient", 0, "no memory")
    kept.write_failure("table4/eq2", 0, "no memory")
    for script in sorted(SCRIPTS.glob("0[2-6]*.py")):
        status, out, _ = run_script(script.name, folder=folder)
        assert status == 0 and "rows are left as they are stored" in out
    places = {name.split("/")[0] for name in taken}
    assert places == {place.split("/")[0] for place in EXPERIMENTS} - {"beyond"}
    assert sorted(taken) == sorted(n for n in EXPERIMENTS if n.split("/")[0] in places)
    assert {key[0] for key in reported()} <= set(taken)
    assert list(kept.failures()) == [("table4/eq2", 0)]


@pytest.mark.parametrize("option", ["--only", "--quick"])
def test_rows_asked_for_are_run_whatever_the_variable_says(folder, taken, monkeypatch, option):
    monkeypatch.setenv("ROWS", "report")
    arguments = [option, "beyond/eq2-gradient"] if option == "--only" else [option]
    run_script("06_beyond_the_report.py", *arguments, folder=folder)
    assert "beyond/eq2-gradient" in taken


def test_without_amp_the_report_s_other_rows_are_left(folder, taken):
    run_script("02_behler_baseline.py", "--rows", "report", "--amp", "stored", folder=folder)
    assert taken == []
    run_script("02_behler_baseline.py", "--rows", "report", folder=folder)
    assert {name.split("/")[0] for name in taken} == {"table1", "table2", "table3"}


def test_a_script_may_have_no_row_to_run(folder):
    status, out, _ = run_script("06_beyond_the_report.py", "--rows", "report", folder=folder)
    assert status == 0 and "0 runs made" in out


def test_quick_never_goes_where_full_runs_are(folder):
    arguments = ("--quick", "--only", "table5/eq9-9000")
    status, _, err = run_script("03_energy_models.py", *arguments, folder=folder)
    assert status == 2 and "another of the numbered scripts" in err
    status, _, err = run_script("03_energy_models.py", "--quick", folder=folder)
    assert status == 2 and "quick/data/au6.traj: no such file" in err


def test_foreign_data_is_not_overwritten(folder):
    (folder / "data/au6.json").write_text("{}")
    before = (folder / "data/au6.traj").read_bytes()
    status, _, err = run_script("01_generate_data.py", folder=folder)
    assert status == 2 and "not made by scripts/01" in err and err.count("\n") == 1
    # A JSON file that is nothing of ours says as little.
    (folder / "data/au6.json").write_text("3")
    status, _, err = run_script("01_generate_data.py", folder=folder)
    assert status == 2 and "not made by scripts/01" in err and err.count("\n") == 1
    assert (folder / "data/au6.traj").read_bytes() == before


@pytest.mark.parametrize(
    "arguments", [("--seed", "-1"), ("--seed", str(2**32)), ("--temperature", "1e9")]
)
def test_odd_dynamics_is_one_sentence(tmp_path, arguments):
    small = ("--name", "au6", "--steps", "500")
    status, _, err = run_script("01_generate_data.py", *small, *arguments, folder=tmp_path)
    assert status == 2 and err.startswith("error: ") and err.count("\n") == 1


def test_a_trajectory_that_cannot_be_made_does_not_stop_the_others(tmp_path, monkeypatch):
    bad = replace(SOURCES["au6"].origin, steps=500, max_distance_A=3.0)
    good = replace(SOURCES["au6"].origin, steps=500)
    few = {"au6": replace(SOURCES["au6"], origin=bad), "au6-seed1": replace(SEED1, origin=good)}
    monkeypatch.setattr(sections, "SOURCES", few)
    status, out, _ = run_script("01_generate_data.py", folder=tmp_path)
    assert status == 1 and "failed: au6: two atoms are" in " ".join(out.split())
    assert [path.name for path in sorted((tmp_path / "data").glob("*.traj"))] == ["au6-seed1.traj"]


@pytest.mark.parametrize(
    ("arguments", "again"),
    [
        ((), False),
        (("--rows", "stale"), True),
        (("--rows", "stale", "--only", "table4/eq2"), False),
        (("--rows", "stale", "--quick"), False),
    ],
)
def test_stale_rows_are_made_again_where_there_are_runs_by_older_code(
    arguments, again, folder, monkeypatch
):
    seen = []

    def planned(*how):
        seen.append(how[-1])
        raise ReproductionError("enough")

    monkeypatch.setattr(cli, "plan", planned)
    monkeypatch.setattr(cli, "checksums", lambda *_: {})
    status, _, err = run_script("03_energy_models.py", *arguments, folder=folder)
    assert (status, err) == (2, "error: enough\n") and seen == [again]


def test_missing_data_says_which_script_makes_it(tmp_path):
    status, _, err = process("03_energy_models.py", folder=tmp_path)
    assert status == 2 and "01_generate_data.py" in err and err.count("\n") == 1


def test_data_of_other_settings_is_not_overwritten(tmp_path):
    small = ("--name", "au6", "--steps", "500")
    assert run_script("01_generate_data.py", *small, folder=tmp_path)[0] == 0
    before = (tmp_path / "data/au6.traj").read_bytes()
    status, _, err = run_script("01_generate_data.py", *small[:3], "600", folder=tmp_path)
    assert status == 2 and "steps = 500, not 600" in err
    status, out, _ = run_script("01_generate_data.py", *small, folder=tmp_path)
    assert status == 0 and "already exists" in out
    assert (tmp_path / "data/au6.traj").read_bytes() == before


def test_a_failed_experiment_makes_the_exit_status_1(folder):
    """The report script names it, too, after all others."""
    Store(folder / "runs").write_failure("table4/eq2", 3, "the loss is not finite")
    status, out, _ = run_script("08_report.py", folder=folder)
    assert status == 1 and "table4/eq2 seed 3: the loss is not finite" in out


def test_a_failure_of_no_row_is_named_and_no_more(folder):
    """Of a seed that no row has, and of a row that was: nothing tries them again by itself."""
    kept = Store(folder / "runs")
    kept.write_failure("table4/eq2", 7, "the loss is not finite")
    kept.write_failure("table4/gone", 0, "no such model")
    status, out, _ = run_script("08_report.py", folder=folder)
    assert status == 0
    assert "failed, but not part of any row: table4/eq2 seed 7: the loss is not finite" in out
    assert "failed, but not part of any row: table4/gone seed 0: no such model" in out


def test_failures_of_rows_that_are_left_out_are_forgotten(folder):
    """AMP=stored: nothing tries Amp's rows again."""
    kept = Store(folder / "runs")
    kept.write_failure("table1/behler-5-5", 0, "Amp is not installed")
    kept.write_failure("table4/eq2", 0, "no memory")
    run_script("02_behler_baseline.py", "--amp", "stored", folder=folder)
    assert list(kept.failures()) == [("table4/eq2", 0)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "tabel4/eq2"], "table4/eq2"),
        (["--workers", "0"], "--workers"),
        (["--rows", "some"], "--rows (or ROWS) must be all, report, stale, not 'some'"),
        (["--seeds", "-1"], "seeds must be whole numbers from 0 to 4294967295, not -1"),
        (["--seeds", "0", "4294967296"], "not 4294967296"),
        ([], "needs 2500; the data has 400"),
    ],
)
def test_bad_arguments_and_data_are_one_sentence(folder, arguments, says):
    status, _, err = run_script("03_energy_models.py", *arguments, folder=folder)
    assert status == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and says in err


def test_unknown_experiments_name_the_close_ones():
    with pytest.raises(ReproductionError, match="did you mean table4/eq2,"):
        select(["table4/eq22"])
    assert select(["table4/eq[23]"]) == ["table4/eq3", "table4/eq2"]


def test_unknown_experiments_are_told_how_to_list_all(monkeypatch, capsys):
    """By a command that does: a sweep's lines come by the same message."""
    with pytest.raises(ReproductionError, match=r"\. All: (.+)$") as caught:
        select(["nothing of the kind"])
    assert "did you mean" not in str(caught.value)
    python, option, module = caught.value.args[0].split(" All: ")[1].split()
    assert (python, option) == (".venv/bin/python", "-m")
    for arguments, listed in (
        ([], list(EXPERIMENTS)),
        (["table4/eq[23]"], ["table4/eq3", "table4/eq2"]),
    ):
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_module(module, run_name="__main__")
        assert end.value.code == 0
        assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == listed
