"""A run whose files are not what was written is named, counts as not run, and stops no other."""

import json
import shutil
from dataclasses import replace

import pytest
from conftest import graphs_alone

from keras_models.settings import AdamSettings
from reproduction.engine.run_one import Work, do
from reproduction.engine.schedule import plan
from reproduction.engine.seal import content_checksum
from reproduction.engine.store import RunResult, Store
from reproduction.sections import EXPERIMENTS
from reproduction.show.gather import gather

ROW = replace(
    EXPERIMENTS["table4/eq2"].at_quick_size(),
    split=(300, 100),
    training=AdamSettings(epochs=2),
    seeds=(0, 1),
)


@pytest.fixture(scope="module")
def trained(au6, tmp_path_factory):
    """Runs of two seeds."""
    folder = tmp_path_factory.mktemp("seal")
    with graphs_alone():
        assert do(Work(ROW, (0, 1)), au6, Store(folder), lambda *_: None) == {}
    return folder


@pytest.fixture
def store(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    return Store(tmp_path / "runs")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change(path, edit):
    about = json.loads(path.read_text())
    edit(about)
    path.write_text(json.dumps(about))


def better(about):
    about["metrics"][0]["value"] *= 0.5


def older(about):
    del about["sha256"], about["files"]


def damaged(store, name):
    """What is said of seed 1, the one that was tampered with; it is read no more."""
    path = store.run_folder(ROW.id, 1) / name
    why = store.damage(ROW.id, 1)
    assert why.startswith(f"{path}: ") and "\n" not in why
    assert store.read(ROW.id, 1) is None
    return why


def test_every_seed_says_what_its_files_are(store):
    for seed in ROW.seeds:
        about = json.loads((store.run_folder(ROW.id, seed) / "run.json").read_text())
        assert sorted(about["files"]) == ["arrays.npz", "model.keras"]
        assert about["sha256"] == content_checksum(about)
        assert store.read(ROW.id, seed) and store.damage(ROW.id, seed) == ""
    assert store.read(ROW.id, 2) is None and store.damage(ROW.id, 2) == ""


@pytest.mark.parametrize("name", ["arrays.npz", "model.keras"])
@pytest.mark.parametrize("how", [truncate, flip])
def test_an_altered_file_is_named(store, name, how):
    how(store.run_folder(ROW.id, 1) / name)
    assert "does not match its checksum in run.json" in damaged(store, name)


@pytest.mark.parametrize("name", ["arrays.npz", "model.keras"])
def test_a_missing_file_is_named(store, name):
    (store.run_folder(ROW.id, 1) / name).unlink()
    assert damaged(store, name).endswith("missing")


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ("[]", "JSON object"), ("{}", "lacks settings"), (None, "cannot be read")],
)
def test_a_spoilt_run_json_is_named(store, text, says):
    path = store.run_folder(ROW.id, 1) / "run.json"
    path.unlink() if text is None else path.write_text(text)
    assert says in damaged(store, "run.json")


def test_an_edited_run_json_is_named(store):
    change(store.run_folder(ROW.id, 1) / "run.json", better)
    assert "it was edited" in damaged(store, "run.json")


def test_a_run_json_with_half_of_its_checksums_is_named(store):
    change(store.run_folder(ROW.id, 1) / "run.json", lambda about: about.pop("sha256"))
    assert "it was edited" in damaged(store, "run.json")


def test_another_layout_of_the_same_content_is_no_edit(store):
    change(store.run_folder(ROW.id, 1) / "run.json", lambda about: None)
    assert store.read(ROW.id, 1)


def test_a_model_that_the_run_did_not_make_is_named(store):
    """Rows that use models would take it."""
    run = store.read(ROW.id, 1)
    store.write(ROW.id, RunResult(1, {}), {"seed": 1, "settings": run["settings"]})
    shutil.copy(store.run_folder(ROW.id, 0) / "model.keras", store.run_folder(ROW.id, 1))
    assert "not listed in run.json" in damaged(store, "model.keras")


def test_another_seeds_run_is_named(store):
    shutil.rmtree(store.run_folder(ROW.id, 1))
    shutil.copytree(store.run_folder(ROW.id, 0), store.run_folder(ROW.id, 1))
    assert "belongs to table4/eq2, seed 0, not to table4/eq2, seed 1" in damaged(store, "run.json")


@pytest.mark.usefixtures("without_xla")
def test_a_damaged_run_is_made_again_and_no_other(store, au6):
    truncate(store.run_folder(ROW.id, 1) / "arrays.npz")
    work, outcome = plan([ROW], store, {"au6": au6.checksum()})
    assert [item.seeds for item in work] == [(1,)] and outcome.skipped == 1
    assert outcome.damaged == [store.damage(ROW.id, 1)]
    assert do(work[0], au6, store, lambda *_: None) == {}
    assert plan([ROW], store, {"au6": au6.checksum()})[0] == []


def test_a_damaged_run_does_not_keep_the_others_from_the_results(store, au6, tmp_path):
    other = replace(EXPERIMENTS["beyond/pair-floor"], split=(300, 100))
    do(Work(other, (0,)), au6, store, lambda *_: None)
    gather(store, [ROW, other], {"au6": au6}, tmp_path / "results")
    flip(store.run_folder(ROW.id, 1) / "arrays.npz")
    said = []
    fresh = gather(store, [ROW, other], {"au6": au6}, tmp_path / "results", said.append)[1]
    assert fresh == [other.id]
    assert len(said) == 1 and store.damage(ROW.id, 1) in said[0] and "remain" in said[0]


def test_runs_on_damaged_models_fail_and_say_which(store, au6):
    user = replace(EXPERIMENTS["beyond/learned-eq2"], split=(300, 100))
    flip(store.run_folder(ROW.id, 1) / "model.keras")
    failures = do(Work(user, (0,)), au6, store, lambda *_: None)
    assert failures == {
        0: f"needs the models of {ROW.id}: run that again ({damaged(store, 'model.keras')})"
    }


# made before checksums


def test_older_runs_count_and_are_named(store, au6, tmp_path):
    change(store.run_folder(ROW.id, 1) / "run.json", older)
    work, outcome = plan([ROW], store, {"au6": au6.checksum()})
    assert work == [] and outcome.unsealed == 1
    said = []
    assert gather(store, [ROW], {"au6": au6}, tmp_path / "results", said.append)[1] == [ROW.id]
    assert said == [
        f"made before checksums were introduced, and accepted as they are: 1 run of {ROW.id}"
    ]


@pytest.mark.parametrize("name", ["arrays.npz", "model.keras"])
@pytest.mark.parametrize("how", [truncate, flip])
def test_of_older_runs_damage_is_seen_by_the_archives_own_check_sums(store, name, how):
    change(store.run_folder(ROW.id, 1) / "run.json", older)
    how(store.run_folder(ROW.id, 1) / name)
    assert "cannot be read" in damaged(store, name)


@pytest.mark.parametrize("lacks", ["ended", "code_sha256", "provenance"])
def test_an_older_run_json_that_lacks_something_is_named(store, lacks):
    path = store.run_folder(ROW.id, 1) / "run.json"
    change(path, older)
    change(path, lambda about: about.pop(lacks))
    assert damaged(store, "run.json").endswith(f"lacks {lacks}")
