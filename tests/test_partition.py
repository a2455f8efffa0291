"""Appendix A: which frames train and test, runs of several folds, and models that memorise."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import graphs_alone

from data_gen.splits import folds
from keras_models.settings import AdamSettings
from reproduction.engine.run_one import Work, do, pooled
from reproduction.engine.store import RunResult, Store
from reproduction.errors import Diverged, Interrupted, ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.gather import _late, errors_of

pytestmark = pytest.mark.usefixtures("without_xla")
SPLIT = (320, 80)


def test_settings_name_the_partition_where_it_is_not_the_report_s():
    table4, random, blocked = (
        EXPERIMENTS[name].settings()
        for name in ("table4/eq2", "appendix-a/eq2-random", "appendix-a/eq2-blocked")
    )
    assert table4["partition"] == {"kind": "time"}
    assert random == {**table4, "partition": {"kind": "random", "seed": 2019}}
    assert blocked == {**table4, "partition": {"kind": "blocked", "gap": 20}}


# Two blocks: each fold is compiled anew.
EQ2 = replace(
    EXPERIMENTS["appendix-a/eq2-blocked"].at_quick_size(),
    split=(200, 200),
    training=AdamSettings(epochs=3),
)


def ignore(*_):
    pass


def values_of(kept: Store, experiment, data) -> dict:
    """Errors of seed 0 of an experiment, as they are gathered."""
    run, arrays = kept.read(experiment.id, 0), kept.arrays(experiment.id, 0)
    found = errors_of(experiment, run, arrays, data)
    return {(m["split"], m["metric"]): m["value"] for m in found}


@pytest.fixture(scope="module")
def whole(au6, tmp_path_factory):
    """A blocked run's store, and the progress that it reported."""
    kept, seen = Store(tmp_path_factory.mktemp("whole")), []
    with graphs_alone():
        assert do(Work(EQ2, (0,)), au6, kept, lambda done, _: seen.append(done)) == {}
    return kept, seen


def test_a_blocked_run_is_its_folds_together(au6, whole, tmp_path):
    """Against the same folds run one by one, as experiments in time order on other data."""
    kept, _ = whole
    run, arrays = kept.read(EQ2.id, 0), kept.arrays(EQ2.id, 0)
    assert run["settings"] == EQ2.settings()
    assert len(run["folds"]) == 2 and run["ended"] == "all epochs done"
    assert not (kept.run_folder(EQ2.id, 0) / "model.keras").exists()
    values = values_of(kept, EQ2, au6)
    # All frames are tested once, so that the predictions are in the order of the data.
    off = arrays["energy_test"] - au6.energies
    assert values["test", "energy_rmse"] == pytest.approx(np.sqrt((off**2).mean()))
    alone = Store(tmp_path)
    for k, (train, test) in enumerate(folds(au6, "blocked", EQ2.split)):
        block = slice(200 * k, 200 * (k + 1))
        expected = values[f"block{k + 1}", "energy_rmse"]
        assert expected == pytest.approx(np.sqrt((off[block] ** 2).mean()))
        names = ("positions", "energies", "forces")
        both = {n: np.concatenate([getattr(p, n) for p in (train, test)]) for n in names}
        ordered = replace(EQ2, partition="time", split=(len(train), 200))
        do(Work(ordered, (0,)), replace(au6, **both), alone, ignore)
        one = alone.arrays(EQ2.id, 0)
        np.testing.assert_array_equal(one["energy_test"], arrays["energy_test"][block])
        np.testing.assert_array_equal(one["losses"], arrays["losses"][:, k])
        np.testing.assert_array_equal(one["curve_energy"], arrays["curve_energy"][..., k])
    np.testing.assert_array_equal(one["curve_epochs"], arrays["curve_epochs"])


def test_a_run_stopped_in_a_later_block_comes_to_the_same_bits(au6, whole, tmp_path):
    """Its checkpoint is of the second block, and is not taken for the first one's."""
    torn = Store(tmp_path)

    def stop_in_the_second(done, text):
        if done > 0.6:
            raise Interrupted

    with pytest.raises(Interrupted):
        do(Work(EQ2, (0,)), au6, torn, stop_in_the_second)
    assert torn.read(EQ2.id, 0) is None and torn.checkpoint(EQ2.id, (0,)).is_file()
    do(Work(EQ2, (0,)), au6, torn, ignore)
    assert not torn.checkpoint(EQ2.id, (0,)).exists()
    for name, array in whole[0].arrays(EQ2.id, 0).items():
        np.testing.assert_array_equal(torn.arrays(EQ2.id, 0)[name], array)


def test_progress_of_folds_runs_from_0_to_1(whole):
    seen = whole[1]
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1


def test_a_fold_that_fails_makes_the_seed_fail(au6):
    parts = folds(au6, "blocked", (300, 100))
    good = [RunResult(0, {"energy": (train.energies, test.energies)}) for train, test in parts]
    good = [replace(r, info={"ended": "e"}) for r in good]
    whole = pooled(good).predictions["energy"][1]
    np.testing.assert_array_equal(whole, np.concatenate([test.energies for _, test in parts]))
    bad = Diverged("seed 0: the loss is not finite in epoch 1")
    assert pooled([good[0], bad, *good[2:]]) is bad


def test_late_error_of_folds_is_the_root_mean_square_of_theirs():
    curve = np.zeros((8, 2, 2))
    curve[6:, 1] = [[1, 7], [5, 1]]  # medians 3 and 4
    arrays = {"curve_epochs": np.arange(1, 9), "curve_energy": curve}
    assert _late(arrays)[0]["value"] == pytest.approx(np.sqrt((9 + 16) / 2))


def test_of_metrics_folds_must_agree_or_they_are_seconds(au6):
    """An error of the first fold alone would stand for the whole."""
    parts = folds(au6, "blocked", (300, 100))
    good = [
        RunResult(
            0,
            {"energy": (train.energies, test.energies)},
            {("", "parameters"): 7, ("", "train_seconds"): 2.0, ("rotated", "energy_rmse"): k},
            info={"ended": "e"},
        )
        for k, (train, test) in enumerate(parts)
    ]
    assert pooled(good).metrics == {
        ("", "parameters"): 7,
        ("", "train_seconds"): 2.0 * len(parts),
    }


def test_errors_of_blocks_are_of_what_is_predicted(au6):
    """Of a model of F too, which has no energies."""
    row = replace(EXPERIMENTS["table5/eq6-200"], partition="blocked", split=(300, 100))
    parts = folds(au6, "blocked", row.split)
    arrays = {
        f"force_{split}": np.concatenate(
            [part[k].forces + 0.1 * (k + i) for i, part in enumerate(parts)]
        )
        for k, split in enumerate(("train", "test"))
    }
    run = {"metrics": []}
    found = {(m["split"], m["metric"]): m["value"] for m in errors_of(row, run, arrays, au6)}
    blocks = [0.1 * (1 + i) for i in range(len(parts))]
    for k, off in enumerate(blocks, start=1):
        assert found[f"block{k}", "force_rmse"] == pytest.approx(off)
    assert found["test", "force_rmse"] == pytest.approx(np.sqrt(np.mean(np.square(blocks))))
    arrays["force_test"] = arrays["force_test"][:-1]
    with pytest.raises(ReproductionError, match="for other frames"):
        errors_of(row, run, arrays, au6)
