"""Leaves: all runs once, after what they need; side by side in one folder; and on record."""

import json
import os
import signal
import threading
from argparse import Namespace
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from small_runs import AS_MADE, FLOOR, ignore
from test_scripts import run_script

from data_gen import dataset
from data_gen.locks import Held, held
from reproduction import cli
from reproduction.engine import leaves as engine
from reproduction.engine.job import on_record, reserved
from reproduction.engine.leaves import (
    digest,
    is_current,
    leaves_of,
    mark,
    minutes,
    write_plan,
)
from reproduction.engine.provenance import ROOT
from reproduction.engine.run_one import Work, do, load_dataset
from reproduction.engine.schedule import Outcome, plan
from reproduction.engine.store import RunResult, Store
from reproduction.errors import ReproductionError
from reproduction.leaves import commands, leaves, main, sections_of
from reproduction.sections import EXPERIMENTS, rows_of

FULL, QUICK = cli.Workspace(ROOT, False), cli.Workspace(ROOT / "quick", True)


@pytest.mark.parametrize("space", [FULL, QUICK], ids=["full", "quick"])
def test_leaves_are_the_groups_of_one_machine_each_run_once(space, tmp_path):
    rows = [space.experiment(name) for name in space.names()]
    sums = {source.name: "" for row in rows for source in row.sources}
    work, _ = plan(rows, Store(tmp_path), sums)
    found = leaves(space)
    assert sorted((x.experiment, x.seeds) for x in found) == sorted(
        (w.experiment.id, w.seeds) for w in work
    )
    assert len({leaf.id for leaf in found}) == len(found)


def test_rows_on_models_are_planned_again_once_these_are_retrained(tmp_path, monkeypatch):
    """A run on the old models counted as done, and only the next call made it anew."""
    using = next(row for row in EXPERIMENTS.values() if row.models_of)
    rows, did = [EXPERIMENTS[using.models_of], using], []

    def planned(some, *_):
        names = [row.id for row in some]
        did.append(f"plan {', '.join(names)}")
        later = Outcome(skipped=3 - did.count(did[-1]), damaged=["one"])
        return [] if some[0].models_of else [Work(some[0], (0,))], later

    def done(work, outcome, *_):
        outcome.made += [one.experiment.id for one in work]
        did.append(f"run {len(work)}")

    monkeypatch.setattr(cli, "plan", planned)
    monkeypatch.setattr(cli, "run", done)
    monkeypatch.setattr(cli, "_bars", lambda *_: ExitStack())
    monkeypatch.setattr(cli, "checksums", lambda *_: {})
    space = cli.Workspace(tmp_path, False)
    arguments = Namespace(seeds=None, fresh=False, only=["x"], quick=False, rows="all", folder=None)
    outcome = cli.run_all(space, rows, arguments, 1, cli.console())
    first, later = (f"plan {row.id}" for row in rows)
    assert did == [first, later, "run 1", later, "run 0"]
    # Counted once.
    assert (outcome.made, outcome.skipped) == ([rows[0].id], 3)


def test_fresh_starts_without_checkpoints_of_single_seeds(tmp_path):
    """Rows on edge lists have one for each seed of a group."""
    row, store = EXPERIMENTS["beyond/au12-order-2"], Store(tmp_path)
    own = store.checkpoint(row.id, (0,))
    kept = store.checkpoint(row.id, (10,))
    for path in (own, own.with_name(f"{own.stem}-of-0.npz"), kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    plan([row], store, {row.dataset: ""}, [0], fresh=True)
    assert list(own.parent.iterdir()) == [kept]


def test_leaves_say_what_they_use():
    found = {leaf.id: leaf for leaf in leaves(FULL)}
    for leaf in found.values():
        row = EXPERIMENTS[leaf.experiment]
        assert {source.name for source in row.sources} == set(leaf.data)
        used = [found[name] for name in leaf.needs]
        assert {(x.experiment, k) for x in used for k in x.seeds} == {
            (row.models_of, k) for k in (EXPERIMENTS[row.models_of].seeds if row.models_of else ())
        }


def test_a_choice_brings_what_it_uses():
    found = {leaf.experiment for leaf in leaves(FULL, ["beyond/minima"])}
    assert found == {"beyond/minima", EXPERIMENTS["beyond/minima"].models_of}


def test_a_leaf_is_a_command_of_the_script_of_its_section():
    for script in ("03_energy_models.py", "05_graph_network.py"):
        own = set(rows_of(*sections_of(ROOT / "scripts" / script)))
        assert {k for k, v in commands().items() if v == (f"scripts/{script}",)} == own
    (leaf,) = leaves(QUICK, ["table4/eq2"])
    assert leaf.command == (
        *("scripts/03_energy_models.py", "--folder", str(ROOT), "--quick"),
        *("--only", "table4/eq2", "--seeds", "0"),
    )


def test_time_asked_for_is_of_what_it_took():
    row = EXPERIMENTS["table4/eq4"]
    assert minutes((1,), {0: 6000.0, 1: 600.0}) == 10 * engine.MARGIN + 5
    # Of a seed that was not run: as the slowest.
    assert minutes((7,), {0: 6000.0, 1: 600.0}) == 100 * engine.MARGIN + 5
    assert minutes((0,), {}) == engine.UNKNOWN_MINUTES + 5
    literal = EXPERIMENTS["beyond/eq4-literal"]
    assert engine.memory_mb(literal) > engine.memory_mb(row)


@pytest.fixture
def done(tmp_path):
    """A leaf of pair-floor that is done: its store, itself and its marker."""
    store, marker = Store(tmp_path / "runs"), tmp_path / "marker.json"
    store.write(FLOOR.id, RunResult(0, {"energy": (np.zeros(2), np.zeros(1))}), {"seed": 0})
    (leaf,) = leaves_of([FLOOR], {FLOOR.id: ("script",)}, {})
    mark(marker, leaf.digest, FLOOR.id, (0,), store)
    return store, leaf, marker


def test_a_marker_is_of_its_settings_and_runs(done):
    store, leaf, marker = done
    assert is_current(marker, leaf, store)
    (other,) = leaves_of([replace(FLOOR, split=(200, 100))], {FLOOR.id: ("script",)}, {})
    assert not is_current(marker, other, store)
    text = marker.read_text()
    for damaged in ("", "{}", "3", text[:-9]):
        marker.write_text(damaged)
        assert not is_current(marker, leaf, store)
    marker.write_text(text)
    # The run is made again, and is another.
    store.write(FLOOR.id, RunResult(0, {"energy": (np.ones(2), np.zeros(1))}), {"seed": 0})
    assert not is_current(marker, leaf, store)


@pytest.fixture
def planned(done, tmp_path):
    """A leaf that is done, whose page was made: its store and marker, and a new plan's entries."""
    store, leaf, marker = done
    out = tmp_path / "markers/leaves.json"
    kept = out.parent / f"{leaf.id}.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(marker.read_bytes())

    def plan(*leaves, about=""):
        said = write_plan(out, leaves or [leaf], store, about)
        found = json.loads(out.read_text())
        assert found["outdated"] == said
        return found

    (out.parent / "page.done").write_text(plan()["checksum"] + "\n")
    return Namespace(store=store, leaf=leaf, marker=kept, plan=plan, out=out)


def test_nothing_is_done_again_if_plan_and_runs_are_those_of_the_page(planned):
    again = planned.plan()
    assert again["outdated"] == [] and not again["ends_are_outdated"]


def test_a_leaf_whose_run_is_gone_is_done_again_and_so_are_the_ends(planned):
    """Nothing is removed: the plan may be for a look alone."""
    before = {path: path.read_bytes() for path in planned.out.parent.rglob("*") if path.is_file()}
    (planned.store.run_folder(FLOOR.id, 0) / "run.json").unlink()
    again = planned.plan()
    assert again["outdated"] == [planned.leaf.id] and again["ends_are_outdated"]
    before.pop(planned.out)
    assert all(path.read_bytes() == was for path, was in before.items())


def test_a_page_of_another_choice_of_rows_is_made_again(planned):
    """Whose leaf is done as well, so that no file is newer than the page."""
    other = replace(FLOOR, id="beyond/other-floor")
    planned.store.write(other.id, RunResult(0, {}), {"seed": 0})
    (second,) = leaves_of([other], {other.id: ("script",)}, {})
    mark(planned.out.parent / f"{second.id}.json", second.digest, other.id, (0,), planned.store)
    found = planned.plan(second)
    assert found["outdated"] == [] and found["ends_are_outdated"]
    assert planned.plan(planned.leaf, second)["ends_are_outdated"]
    assert not planned.plan()["ends_are_outdated"]
    # A table of the same runs whose lines have other names.
    assert planned.plan(about="another CSV")["ends_are_outdated"]


def test_a_leaf_that_was_never_done_makes_the_ends_again(planned):
    """Snakemake alone takes a page for done whose leaf has no marker any more."""
    planned.marker.unlink()
    found = planned.plan()
    assert found["outdated"] == [] and found["ends_are_outdated"]


def test_no_marker_without_its_run(done, tmp_path):
    store, leaf, _ = done
    with pytest.raises(KeyError):
        mark(tmp_path / "other.json", leaf.digest, FLOOR.id, (0, 1), store)
    assert not (tmp_path / "other.json").exists()


def test_digests_tell_leaves_apart():
    changed = replace(FLOOR, split=(200, 100))
    assert len({digest(FLOOR, (0,)), digest(FLOOR, (1,)), digest(changed, (0,))}) == 3


def test_the_table_of_leaves_is_written(tmp_path):
    out = tmp_path / "leaves.json"
    assert main(["--folder", str(tmp_path), "--only", "table4/eq[23]", "--out", str(out)]) == 0
    found = json.loads(out.read_text())["leaves"]
    assert list(found) == ["table4/eq3/seeds-0-1-2-3-4", "table4/eq2/seeds-0-1-2-3-4"]
    assert {"command", "data", "needs", "cores", "memory_mb", "minutes"} <= set(
        found["table4/eq3/seeds-0-1-2-3-4"]
    )


def test_metrics_alone_are_gathered(folder):
    """As the workflow does, before figures and page."""
    assert run_script("08_report.py", "--metrics", folder=folder)[0] == 0
    made = {p.name for p in (folder / "results").iterdir() if p.is_file()} - {".lock"}
    assert made == {"metrics.csv", "provenance.json"}


# side by side


@contextmanager
def in_thread(enter):
    """Enter a context in a thread; yields an event that is set once it is entered."""
    entered, leave = threading.Event(), threading.Event()

    def work():
        with enter():
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield entered
    finally:
        leave.set()
        thread.join(20)


def test_leaves_run_side_by_side_and_not_beside_a_command_that_has_the_folder(tmp_path):
    one, two = Store(tmp_path), Store(tmp_path)
    with one.reserved([("table4/eq2", 0)]), two.reserved([("table4/eq2", 1), ("table4/eq3", 0)]):  # noqa: SIM117
        with pytest.raises(ReproductionError, match="another run"), Store(tmp_path).locked():
            pass
    with one.locked(), pytest.raises(ReproductionError, match="has the whole folder"):  # noqa: SIM117
        with two.reserved([("table4/eq2", 0)]):
            pass
    with one.locked():
        pass


def test_the_same_run_waits_for_its_turn(tmp_path):
    runs = [("table4/eq2", 0), ("table4/eq2", 1)]
    with ExitStack() as outer:
        with Store(tmp_path).reserved(runs):
            second = in_thread(lambda: Store(tmp_path).reserved(runs[1:]))
            entered = outer.enter_context(second)
            assert not entered.wait(0.3)
        assert entered.wait(20)


def test_models_are_shared_by_those_who_use_them_and_kept_from_those_who_make_them(tmp_path):
    use, make = EXPERIMENTS["beyond/minima"], EXPERIMENTS["beyond/eq2-gradient"]

    def using(seed):
        return reserved(Store(tmp_path), use, [seed], [make])

    # Deterministic or not, two others use the same models at once.
    other = EXPERIMENTS["beyond/vibrations"]
    with using(0), in_thread(lambda: reserved(Store(tmp_path), other, None, [make])) as entered:
        assert entered.wait(20)
    with ExitStack() as outer:
        with using(0):
            making = in_thread(lambda: reserved(Store(tmp_path), make, [3]))
            entered = outer.enter_context(making)
            assert not entered.wait(0.3)
        assert entered.wait(20)


def test_a_leaf_sweeps_away_its_own_leftovers_only(tmp_path):
    folder = tmp_path / "table4/eq2"
    folder.mkdir(parents=True)
    own = [".seed1.abc", ".checkpoint-1.0f.tmp.npz", ".checkpoint-1-of-1.0f.tmp.npz"]
    others = [".seed10.abc", ".seed2.abc", ".checkpoint-1-2.0f.tmp.npz", ".checkpoint-1.npz"]
    for name in (*own, *others):
        (folder / name).mkdir() if "seed" in name else (folder / name).touch()
    with Store(tmp_path).reserved([("table4/eq2", 1)]):
        left = {p.name for p in folder.iterdir()}
    assert left == {*others, ".lock-seed1"}


def test_datasets_are_made_side_by_side(tmp_path):
    scratch = f"{'0f' * 16}.tmp.traj"
    for name in ("au6", "au6-seed1"):
        (tmp_path / f".{name}.{scratch}").touch()
    with cli.alone(tmp_path, "au6"), cli.alone(tmp_path, "au12"):
        assert [p.name for p in tmp_path.glob("*.tmp.*")] == [f".au6-seed1.{scratch}"]
        for part in ("", "au6"):
            with pytest.raises(ReproductionError, match="another command"):  # noqa: SIM117
                with cli.alone(tmp_path, part):
                    pass
    with cli.alone(tmp_path), pytest.raises(ReproductionError), cli.alone(tmp_path, "au6"):
        pass


def test_a_lock_can_be_shared(tmp_path):
    with held(tmp_path, shared=True), held(tmp_path, shared=True):  # noqa: SIM117
        with pytest.raises(Held), held(tmp_path):
            pass
    with held(tmp_path), pytest.raises(Held), held(tmp_path, shared=True):
        pass


# on record


def test_what_keeps_a_leaf_from_its_runs_is_on_record(tmp_path):
    store, row = Store(tmp_path), replace(FLOOR, deterministic=False)
    store.write(row.id, RunResult(0, {}), {"seed": 0})
    with pytest.raises(ReproductionError), on_record(store, row, [0, 1]):
        raise ReproductionError("the data are others")
    # The run that is there has not failed.
    assert store.failures() == {(row.id, 1): "the data are others"}


def test_the_end_by_a_queue_is_on_record(tmp_path):
    store, before = Store(tmp_path), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), on_record(store, FLOOR):
        os.kill(os.getpid(), signal.SIGTERM)
    assert "ended by SIGTERM" in store.failures()[FLOOR.id, 0]
    assert signal.getsignal(signal.SIGTERM) is before
    store.forget_failures(FLOOR.id)
    # Ctrl-C is no failure.
    with pytest.raises(KeyboardInterrupt), on_record(store, FLOOR):
        raise KeyboardInterrupt
    assert store.failures() == {}


def test_a_leaf_whose_data_do_not_fit_says_so(folder):
    """The queue shows nobody what it printed."""
    leaf = ("--only", "table4/eq2", "--seeds", "0", "--leaf", str(folder / "marker.json"))
    status, _, err = run_script("03_energy_models.py", *leaf, folder=folder)
    assert status == 2 and "needs 2500; the data has 400" in err
    assert "needs 2500; the data has 400" in Store(folder / "runs").failures()["table4/eq2", 0]
    assert not (folder / "marker.json").exists()


def test_a_leaf_is_one_experiment(folder):
    status, _, err = run_script(
        "03_energy_models.py", "--leaf", str(folder / "marker.json"), folder=folder
    )
    assert status == 2 and "--leaf is for one experiment" in err


def test_a_leaf_that_is_done_has_its_marker_and_no_failure(au6, folder, monkeypatch):
    def in_this_process(work, outcome, store, data, workers, listener):
        for item in work:
            listener.started(item)
            assert do(item, load_dataset(data, item.experiment.data), store, ignore) == {}
            listener.ended(item, {})

    monkeypatch.setattr(cli, "run", in_this_process)
    dataset.save(replace(au6, metadata=AS_MADE), folder / "data/au6.traj")
    store, space = Store(folder / "runs"), cli.Workspace(folder, False)
    store.write_failure(FLOOR.id, 0, "no memory")
    arguments = Namespace(seeds=None, fresh=False, leaf=folder / "marker.json")
    cli.run_leaf(space, FLOOR, arguments)
    (leaf,) = leaves_of([FLOOR], {FLOOR.id: ("script",)}, {})
    assert is_current(arguments.leaf, leaf, store) and store.failures() == {}
