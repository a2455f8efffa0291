"""Rows that a change affects: by code, by settings, by seeds, and by the models that they use."""

import json

import pytest

from reproduction.choice import asked_for
from reproduction.engine.provenance import code_checksum
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.stale import SETTINGS, settings_checksum, stale

MAKER, USERS = "table4/eq2", {e.id for e in EXPERIMENTS.values() if e.models_of == "table4/eq2"}
ALONE = "beyond/eq3-trajectories"


@pytest.fixture
def about():
    """What provenance.json says where all rows are of today."""
    return {
        e.id: {
            str(seed): {
                "code_sha256": f"code of {e.task}",
                SETTINGS: settings_checksum(e.of_seed(seed).settings()),
            }
            for seed in e.seeds
        }
        for e in EXPERIMENTS.values()
    }


def found(about) -> set[str]:
    return stale(EXPERIMENTS, about, "code of {}".format)


def test_nothing_is_stale_where_all_is_of_today(about):
    assert USERS and found(about) == set()


@pytest.mark.parametrize("entry", ["code_sha256", SETTINGS])
def test_one_seed_of_other_code_or_settings_makes_its_row_stale(about, entry):
    about[ALONE][str(EXPERIMENTS[ALONE].seeds[-1])][entry] = "another"
    assert found(about) == {ALONE}
    # As stored before settings had a checksum.
    del about[ALONE][str(EXPERIMENTS[ALONE].seeds[-1])][entry]
    assert found(about) == {ALONE}


def test_a_row_is_stale_that_lacks_a_seed_or_is_not_stored(about):
    del about[ALONE][str(EXPERIMENTS[ALONE].seeds[-1])]
    assert found(about) == {ALONE}
    del about[ALONE]
    assert found(about) == {ALONE}


def test_rows_that_use_models_go_with_the_row_that_makes_them(about):
    """In both directions: runs need models that are not stored, results are of the same ones."""
    one = sorted(USERS)[0]
    for changed in (MAKER, one):
        before, about[changed] = about[changed], {}
        assert found(about) == {MAKER, *USERS}
        about[changed] = before


def test_settings_are_told_apart_by_all_that_is_in_them():
    settings = EXPERIMENTS[ALONE].of_seed(0).settings()
    assert settings_checksum(json.loads(json.dumps(settings))) == settings_checksum(settings)
    deeper = {**settings, "training": {**settings["training"], "epochs": 1}}
    for other in (deeper, {**settings, "lanes": 7}, EXPERIMENTS[ALONE].of_seed(1).settings()):
        assert settings_checksum(other) != settings_checksum(settings)


def test_the_choice_by_its_name(about, tmp_path):
    assert asked_for("all", tmp_path) == set(EXPERIMENTS) == asked_for("stale", tmp_path)
    for name, runs in about.items():
        for run in runs.values():
            run["code_sha256"] = code_checksum(EXPERIMENTS[name].task)
    del about[ALONE]
    (tmp_path / "provenance.json").write_text(json.dumps(about))
    assert asked_for("stale", tmp_path) == {ALONE}
    with pytest.raises(ReproductionError, match="must be all, report, stale, not 'some'"):
        asked_for("some", tmp_path)
