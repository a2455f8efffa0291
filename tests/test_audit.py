"""`make audit` passes what agrees, and catches each kind of number that does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from checks.audit import __main__ as command
from checks.audit import errors, pages, rerun, tolerances, trajectory
from checks.audit.report import Part
from data_gen.errors import DataError
from reproduction.engine.provenance import ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import compare

ROW, FORCES = "table4/eq2", "table5/eq6-200"
N_TRAIN, N_TEST = 300, 100
REFERENCE = f"reference-au6-{N_TRAIN}-{N_TEST}-01234567.npz"
HEADER = "experiment,seed,split,metric,value,unit"


def rewrite(path: Path, **changed) -> None:
    """Some arrays of an npz made others."""
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, **changed})


def array(path: Path, name: str) -> np.ndarray:
    with np.load(path) as stored:
        return stored[name]


def measured(kind: str, off: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Errors as the project has them, spelt out once more."""
    found = {"rmse": (off**2).mean() ** 0.5, "mae": abs(off).mean(), "max": abs(off).max()}
    if kind == "energy":
        about = true - true.mean()
        found |= {"bias": off.mean(), "slope": (about * off).sum() / (about**2).sum()}
    return {f"{kind}_{name}": value for name, value in found.items()}


@pytest.fixture
def results(au6, rng, tmp_path):
    """Made-up results: one row of energies and one of forces, two seeds each."""
    folder = tmp_path / "results"
    for name in ("predictions", "curves", "data"):
        (folder / name).mkdir(parents=True)
    parts = {"train": np.arange(N_TRAIN), "test": np.arange(N_TRAIN, N_TRAIN + N_TEST)}
    every = {("energy", "train"): 4, ("force", "train"): 20}
    reference, lines = {}, [HEADER]
    for row, kind, labels, dtype in (
        (ROW, "energy", au6.energies, float),
        (FORCES, "force", au6.forces, np.float32),
    ):
        predicted, curve = {"reference": REFERENCE}, np.ones((2, 40, 2))
        for split, frames in parts.items():
            some = slice(None, None, every.get((kind, split), 1))
            reference[f"{kind}_{split}"] = labels[frames][some].astype(dtype)
            reference[f"{kind}_{split}_frames"] = frames[some]
            for seed in (0, 1):
                off = 0.01 * rng.standard_normal(labels[frames].shape)
                if seed == 0:
                    predicted[f"{kind}_{split}"] = (labels[frames] + off)[some].astype(dtype)
                found = measured(kind, off, labels[frames])
                if split == "test":
                    curve[seed, :, 1] = found[f"{kind}_rmse"]
                lines += [f"{row},{seed},{split},{name},{v:.7g}," for name, v in found.items()]
        name = row.replace("/", "-") + ".npz"
        np.savez(folder / "predictions" / name, **predicted)
        epochs = np.tile(np.arange(40), (2, 1))
        arrays = {"curve_epochs": epochs, f"curve_{kind}": curve.astype(np.float32)}
        np.savez(folder / "curves" / name, **arrays)
    np.savez(folder / "predictions" / REFERENCE, **reference)
    np.savez(
        folder / "data/au6.npz",
        energies=au6.energies.astype(np.float32),
        frames=[0, 399],
        positions=au6.positions[[0, 399]].astype(np.float32),
        numbers=au6.numbers,
        cell=au6.cell,
        pbc=au6.pbc,
    )
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    about = {row: {"0": {"data_sha256": au6.checksum()}} for row in (ROW, FORCES)}
    (folder / "provenance.json").write_text(json.dumps(about))
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """One place in a text."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit_value(results: Path, key: str, factor: float) -> None:
    """One line of metrics.csv, as "row,seed,split,metric"."""
    path = results / "metrics.csv"
    line = next(x for x in path.read_text().splitlines() if x.startswith(key + ","))
    edit(path, line, f"{key},{float(line.split(',')[4]) * factor:.7g},")


# a


def test_errors_that_agree_pass(results):
    part = errors.audit(results)
    assert part.good, part.faults
    assert [line[1] for line in part.lines] == ["8 of 8", "6 of 6", "4 of 4"]
    assert part.sentence.startswith("8 of 8 errors agree within 1e-05 relative, 4 of 4 with")


@pytest.mark.parametrize("row", [ROW, FORCES])
def test_a_wrong_prediction_is_caught(results, row):
    path = results / "predictions" / f"{row.replace('/', '-')}.npz"
    name = "energy_test" if row == ROW else "force_test"
    wrong = array(path, name)
    wrong[7] += 0.001
    rewrite(path, **{name: wrong})
    part = errors.audit(results)
    assert not part.good and part.faults[0].startswith(f"{row} seed 0, test")


def test_a_wrong_reference_is_caught(results):
    path = results / "predictions" / REFERENCE
    rewrite(path, energy_test=np.roll(array(path, "energy_test"), 1))
    assert not errors.audit(results).good


@pytest.mark.parametrize("metric", ["rmse", "mae", "max", "bias", "slope"])
def test_an_edited_number_is_caught(results, metric):
    edit_value(results, f"{ROW},0,test,energy_{metric}", 1 + 2e-5)
    (fault, *more) = errors.audit(results).faults
    assert f"energy_{metric}" in fault and not more


def test_an_edited_number_of_another_seed_is_caught_by_its_curve(results):
    edit_value(results, f"{ROW},1,test,energy_rmse", 0.999)
    (fault,) = errors.audit(results).faults
    assert fault.startswith(f"{ROW} seed 1, test energy_rmse")


@pytest.mark.parametrize("metric", ["rmse", "mae", "max"])
def test_a_training_error_smaller_than_its_frames_allow_is_caught(results, metric):
    edit_value(results, f"{ROW},0,train,energy_{metric}", 0.2)
    (fault,) = errors.audit(results).faults
    assert "at least" in fault


def test_files_that_do_not_fit_are_said(results):
    path = results / "predictions/table4-eq2.npz"
    rewrite(path, energy_test=array(path, "energy_test")[1:])
    assert "does not have the frames" in errors.audit(results).faults[0]
    path.rename(path.with_name("table4-eq9.npz"))
    assert "no such row" in errors.audit(results).faults[0]
    (results / "metrics.csv").write_text(f"{HEADER}\n{ROW},0,test,energy_rmse,1,eV\n" * 2)
    assert not errors.audit(results).good


def test_a_line_twice_is_an_error(results):
    line = (results / "metrics.csv").read_text().splitlines()[1]
    with open(results / "metrics.csv", "a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match="twice"):
        errors.read_numbers(results / "metrics.csv")


def test_nothing_to_compare_does_not_pass(results):
    for path in (results / "predictions").iterdir():
        path.unlink()
    assert not errors.audit(results).good


def test_nan_does_not_agree():
    assert not errors.Error("", 0, "", "", 1.0, float("nan")).agrees(1e-5)
    assert not errors.Error("", 0, "", "", 1.0, float("nan"), bound=True).agrees(1e-5)


# b


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what part b reads."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "README.md", root)
    shutil.copytree(ROOT / "docs/results", root / "docs/results")
    shutil.copytree(ROOT / "results", root / "results")
    return root


@pytest.fixture
def doctored(checkout):
    """Changes files of the checkout until the test ends."""
    old = {}

    def doctor(name: str, before: str, after: str) -> list[str]:
        old[name] = (checkout / name).read_bytes()
        edit(checkout / name, before, after)
        part = pages.audit(checkout)
        assert not part.good and "not what" in part.sentence
        return part.faults

    yield doctor
    for name, content in old.items():
        (checkout / name).write_bytes(content)


def test_committed_pages_are_what_the_numbers_give(checkout):
    part = pages.audit(checkout)
    assert part.good, part.faults
    assert part.sentence.startswith("Pages are what the numbers give")


def test_a_doctored_readme_number_is_caught_twice(doctored):
    """By the generator, and by reading the number back."""
    number = next(
        cell for row, _, cell in pages.cells_of_readme((ROOT / "README.md").read_text())
    ).split()[0]
    faults = doctored("README.md", f"| {number} ±", "| 0.123 ±")
    assert len(faults) == 2 and all(fault.startswith("README.md") for fault in faults)
    assert "0.123" in faults[1]


def test_a_table_without_its_markers_is_caught(doctored):
    faults = doctored("docs/results/table4.md", "<!-- table4:begin -->", "")
    assert faults == ["no page has the block table4"]


def test_other_doctored_pages_are_caught(doctored):
    assert doctored("docs/results/claims.md", "**Not reproduced.**", "**Reproduced.**")
    (fault, *_) = doctored("results/report.html", "± ", "±  ")
    assert fault.startswith("docs/results/claims.md")


def test_an_edited_number_changes_the_pages(doctored):
    line = next(
        x
        for x in (ROOT / "results/metrics.csv").read_text().splitlines()
        if x.startswith(f"{ROW},2,test,energy_rmse,")
    )
    faults = doctored("results/metrics.csv", line, f"{ROW},2,test,energy_rmse,0.03,eV")
    assert any(fault.startswith("docs/results/table4.md") for fault in faults)


def test_an_independent_test_tells_rows_apart_as_the_rule_does(rng):
    outcomes = set()
    for _ in range(200):
        a, b = (
            list(np.exp(rng.normal(mean, 0.3, rng.choice([1, 3, 5]))))
            for mean in (0, rng.choice([0, 1]))
        )
        outcomes.add(pages.told_apart(a, b))
        assert pages.told_apart(a, b) == compare(a, b)
    assert outcomes == {-1, 0, 1, None}
    assert pages.told_apart([2.0, 2.0], [1.0, 1.0]) == compare([2.0, 2.0], [1.0, 1.0]) == 1


def test_a_wrong_statistic_is_caught():
    numbers = errors.read_numbers(ROOT / "results/metrics.csv")
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    total, faults = pages.wrong_statistics(evidence, numbers)
    assert total > 100 and not faults
    key = (ROW, "test", "energy_rmse")
    _, faults = pages.wrong_statistics(evidence, {**numbers, key: {0: 1.0, 1: 2.0}})
    assert [fault.split(":")[0] for fault in faults] == [" ".join(key)] * 2


# c


def audit_of(results, data, monkeypatch):
    monkeypatch.setattr(trajectory, "run_dynamics", lambda _: data)
    return trajectory.audit(results)[0]


def test_the_same_trajectory_passes(results, au6, monkeypatch):
    part = audit_of(results, au6, monkeypatch)
    assert part.good, part.faults
    assert part.sentence.startswith("This machine gives the committed")


def test_another_processors_trajectory_passes_and_is_said(results, au6, monkeypatch):
    energies = au6.energies.copy()
    energies[tolerances.SAME_FRAMES :] += 0.1
    part = audit_of(results, replace(au6, energies=energies), monkeypatch)
    assert part.good, part.faults
    assert "another Au6 trajectory" in part.sentence and not part.details["same_trajectory"]


def test_another_systems_trajectory_does_not_pass(results, au6, monkeypatch):
    energies = au6.energies.copy()
    energies[tolerances.SAME_FRAMES - 1 :] += 0.1
    part = audit_of(results, replace(au6, energies=energies), monkeypatch)
    assert not part.good and "not a continuation" in part.sentence


def test_a_cluster_that_comes_apart_is_said(results, monkeypatch):
    def apart(_):
        raise DataError("two atoms are 12.1 Å apart")

    monkeypatch.setattr(trajectory, "run_dynamics", apart)
    part, data = trajectory.audit(results)
    assert data is None and not part.good and part.faults == ["Au6: two atoms are 12.1 Å apart"]


@pytest.mark.parametrize("file", ["data/au6.npz", f"predictions/{REFERENCE}"])
def test_energies_that_are_not_emts_are_caught(results, au6, monkeypatch, file):
    name = "energies" if file.startswith("data") else "energy_test"
    rewrite(results / file, **{name: array(results / file, name) + np.float32(1e-4)})
    assert not audit_of(results, au6, monkeypatch).good


def test_a_force_that_is_not_the_trajectorys_is_caught(results, au6, monkeypatch):
    path = results / "predictions" / REFERENCE
    wrong = array(path, "force_test")
    wrong[3, 2, 1] = np.nextafter(wrong[3, 2, 1], np.float32(9))
    rewrite(path, force_test=wrong)
    (fault,) = audit_of(results, au6, monkeypatch).faults
    assert "force_test" in fault


# d


def test_the_cheapest_rows_that_fit_are_chosen():
    rows = [EXPERIMENTS[name] for name in (ROW, "table4/eq4", "beyond/learned-eq2", FORCES)]
    seconds = {ROW: 10.0, "table4/eq4": 100.0, "beyond/learned-eq2": 1.0, FORCES: 11.0}

    def chosen(budget):
        return [row.id for row in rerun.choose(rows, seconds, budget)]

    # Cheap as it is, it needs the models of Eq. 2.
    assert chosen(9.0) == []
    assert chosen(12.0) == [ROW, "beyond/learned-eq2"]
    assert chosen(30.0) == [ROW, "beyond/learned-eq2", FORCES]
    assert chosen(1000.0)[-1] == "table4/eq4"


def test_rows_that_can_be_judged_fit_the_minutes():
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    rows = rerun.affordable(evidence, 5.0, 2)
    assert {ROW, FORCES, "table4/eq3", "beyond/pair-floor", "section6/gnn"} <= {e.id for e in rows}
    assert sum(rerun.cost(row, evidence.provenance) for row in rows) <= 2 * 5 * 60
    # One seed has no spread; what learned-emt measures is no error.
    assert not {"beyond/eq2-literal", "beyond/learned-emt"} & {e.id for e in rows}
    assert len(rerun.affordable(evidence, 0.1, 2)) > 0


def test_a_row_by_hand_brings_the_models_that_it_uses():
    assert {row.id for row in rerun.named(["beyond/learned-eq2"])} == {ROW, "beyond/learned-eq2"}
    with pytest.raises(ReproductionError):
        rerun.named(["table4/eq1"])


def test_seconds_of_seeds_side_by_side_count_once():
    about = {row: {str(k): {"seconds_of_group": 10.0} for k in range(5)} for row in EXPERIMENTS}
    assert rerun.cost(EXPERIMENTS[ROW], about) == 10.0  # five lanes
    assert rerun.cost(EXPERIMENTS["table4/eq4"], about) == 50.0  # one


def test_z_by_hand():
    assert rerun.z_score((1.0, 3.0), (2.0, 4.0)) == pytest.approx(1 / 2**0.5)
    assert rerun.z_score((2.0, 2.0), (1.0, 1.0)) == float("inf")
    assert np.isnan(rerun.z_score((1.0,), (1.0, 2.0)))
    assert rerun.z_score((1.2,), (1.0,), data=0.1) == pytest.approx(2.0)
    assert rerun.z_score((1.0, 3.0), (2.0, 4.0), data=0.5) == pytest.approx(1 / 4.25**0.5)


def numbers_of(row: str, values, metric="energy_rmse", split="test") -> Metrics:
    return Metrics(Value(row, k, split, metric, v) for k, v in enumerate(values))


COMMITTED = (0.010, 0.011, 0.012, 0.013, 0.014)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (COMMITTED, rerun.SAME),
        ((0.011, 0.012, 0.013, 0.014, 0.015), rerun.WITHIN),
        ((0.017, 0.018, 0.019, 0.020, 0.021), rerun.OUTSIDE),
    ],
)
def test_rows_run_again_are_judged_by_the_spread(values, outcome):
    sides = numbers_of(ROW, values), numbers_of(ROW, COMMITTED)
    (found,) = rerun.compare(EXPERIMENTS[ROW], *sides, same_data=False)
    assert found.outcome == outcome and found.judged


def test_rows_without_a_spread():
    def outcome(row, here, there, same_data):
        sides = numbers_of(row, [here]), numbers_of(row, [there])
        (found,) = rerun.compare(EXPERIMENTS[row], *sides, same_data)
        return found.outcome

    assert outcome("beyond/eq2-literal", 0.01, 0.02, True) == rerun.ONE_SEED
    floor = "beyond/pair-floor"
    assert outcome(floor, 0.16, 0.16 * (1 + 1e-6), True) == rerun.WITHIN
    assert outcome(floor, 0.16, 0.16 * (1 + 1e-4), True) == rerun.OUTSIDE
    # On another trajectory, by what those differ.
    assert outcome(floor, 0.16, 0.17, False) == rerun.WITHIN
    assert outcome(floor, 0.07, 0.17, False) == rerun.OUTSIDE


def test_durations_are_neither_compared_nor_put_in_place():
    sides = [numbers_of(ROW, v, "train_seconds", "") for v in ((1.0, 2.0), (5.0, 6.0))]
    assert not rerun.compare(EXPERIMENTS[ROW], *sides, same_data=True)
    assert [v.value for v in rerun.in_place(sides[1], sides[0]).rows] == [5.0, 6.0]


def test_another_verdict_is_said():
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    there = numbers_of(ROW, evidence.values(ROW, "test", "energy_rmse"))
    assert rerun.changed_verdicts(evidence, there) == []
    changed = rerun.changed_verdicts(evidence, numbers_of(ROW, (0.2, 0.21, 0.2, 0.21, 0.2)))
    assert any(text.startswith("claim 17 is reproduced, with") for text in changed)


def test_predictions_are_compared_as_finely_as_they_are_stored(results, tmp_path):
    rows = [EXPERIMENTS[ROW], EXPERIMENTS[FORCES]]
    here = tmp_path / "here"
    shutil.copytree(results / "predictions", here / "predictions")
    assert rerun.same_predictions(rows, here, results) == (4, 4)
    path = here / "predictions/table4-eq2.npz"
    rewrite(path, energy_test=array(path, "energy_test") + 1e-7)
    assert rerun.same_predictions(rows, here, results) == (4, 3)


def test_a_row_is_run_again_and_a_doctored_one_caught(au6, tmp_path):
    floor = replace(EXPERIMENTS["beyond/pair-floor"], split=(N_TRAIN, N_TEST))
    said = []
    _, outcome = rerun.run_rows([floor], {"au6": au6}, tmp_path, 1, said.append)
    assert not outcome.failed and said == ["  1 of 1: beyond/pair-floor seed 0"]
    committed = tmp_path / "committed"
    shutil.copytree(tmp_path / "results", committed)

    def audit():
        # Into the same folder, where the run is there already.
        return rerun.audit(committed, [floor], {"au6": au6}, tmp_path, 1, said.append)

    part = audit()
    # Verdicts need rows that are not there: they are "not run yet" on both sides.
    assert part.good and part.details["judged"][rerun.SAME] == 2
    assert part.lines[0][1] == "2 of 2"
    edit_value(committed, "beyond/pair-floor,0,test,energy_rmse", 1.01)
    part = audit()
    assert not part.good and "beyond/pair-floor, test energy_rmse" in part.faults[0]


# The command


def test_the_command_says_yes_and_no(checkout, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trajectory, "audit", lambda _: (Part("c  trajectory"), None))
    file = tmp_path / "audit.json"
    arguments = ["--minutes", "0", "--folder", str(checkout), "--json", str(file)]
    assert command.main(arguments) == 0
    found = json.loads(file.read_text())
    assert found["agrees"] and list(found["parts"]) == ["a", "b", "c"]
    assert found["machine"]["processor"] and found["machine"]["versions"]["numpy"]
    assert found["tolerances"]["ERROR"] == tolerances.ERROR
    path = checkout / "results/metrics.csv"
    old = path.read_text()
    try:
        edit_value(checkout / "results", f"{ROW},0,test,energy_rmse", 1.01)
        assert command.main(arguments) == 1
    finally:
        path.write_text(old)
    assert "Not everything agrees" in capsys.readouterr().out
    assert not json.loads(file.read_text())["parts"]["a"]["agrees"]


def test_arguments_that_make_no_sense(tmp_path):
    for arguments in (["--workers", "0"], ["--folder", str(tmp_path)]):
        with pytest.raises(ReproductionError):
            command.main(arguments)
