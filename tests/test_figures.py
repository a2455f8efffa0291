"""Figures: drawn from stored results alone, and what is stored for them is what was measured."""

import importlib.util
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import matplotlib.colors
import matplotlib.text
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import figures
from data_gen.dataset import Dataset
from figures import figure1_data, parity, style
from figures.style import with_unit
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import ROOT
from reproduction.engine.run_one import Work, do
from reproduction.engine.store import RunResult, Store
from reproduction.sections import EXPERIMENTS
from reproduction.show import predictions as keep
from reproduction.show.evidence import TRIVIAL, Metrics
from reproduction.show.gather import gather
from reproduction.show.metrics import errors

SPLIT = (300, 100)
FLOOR = replace(EXPERIMENTS["beyond/pair-floor"], split=SPLIT)
CORRELATION = replace(EXPERIMENTS["beyond/correlation-au6"], split=SPLIT)
GRADIENT = replace(EXPERIMENTS["beyond/eq2-gradient"], split=SPLIT)


@pytest.fixture(scope="session")
def gathered(au6, tmp_path_factory):
    """A results folder of real runs that train nothing."""
    folder = tmp_path_factory.mktemp("figures")
    store = Store(folder / "runs")
    for experiment in (FLOOR, CORRELATION):
        assert do(Work(experiment, (0,)), au6, store, lambda *_: None) == {}
    gather(store, [FLOOR, CORRELATION], {"au6": au6}, folder / "results")
    return folder


def fake_run(store: Store, experiment, data: Dataset, off: float, rng) -> None:
    """A finished run that is wrong by about ``off`` in E and F."""
    (parts,) = experiment.folds(data)
    predictions = {
        "energy": tuple(p.energies + off * rng.standard_normal(len(p)) for p in parts),
        "force": tuple(p.forces + off * rng.standard_normal(p.forces.shape) for p in parts),
    }
    stated = [
        {"split": split, "metric": metric, "value": value}
        for kind, true in (("energy", "energies"), ("force", "forces"))
        for split, part, predicted in zip(("train", "test"), parts, predictions[kind], strict=True)
        for metric, value in errors(kind, predicted, getattr(part, true)).items()
    ]
    run = {
        "settings": experiment.settings(),
        "data_sha256": data.checksum(),
        "code_sha256": "some code",
        "metrics": stated,
        "ended": "",
        "seconds_of_group": 0.0,
        "threads": 1,
        "provenance": {},
    }
    store.write(experiment.id, RunResult(0, predictions), run)


def rmse(kept: keep.Predictions, kind: str) -> float:
    return errors(kind, kept.predicted[kind]["test"], kept.reference[kind]["test"])[f"{kind}_rmse"]


# what is kept


def test_kept_predictions_give_the_errors_of_metrics_csv(gathered, au6):
    kept = keep.read_predictions(gathered / "results", FLOOR.id)
    metrics = Metrics.read(gathered / "results")
    stated = metrics.values(FLOOR.id, "test", "energy_rmse")[0]
    assert rmse(kept, "energy") == pytest.approx(stated, rel=1e-6)
    for split, frames in (("test", slice(-100, None)), ("train", slice(0, 300, 4))):
        np.testing.assert_array_equal(kept.reference["energy"][split], au6.energies[frames])
        np.testing.assert_array_equal(
            kept.frames["energy"][split], np.arange(len(au6))[frames], strict=True
        )


def test_tiny_errors_survive_being_kept(au6, tmp_path, rng):
    """1e-6 eV on energies of 5 eV."""
    store = Store(tmp_path / "runs")
    folder = tmp_path / "results"
    fake_run(store, GRADIENT, au6, 1e-6, rng)
    assert gather(store, [GRADIENT], {"au6": au6}, folder)[1] == [GRADIENT.id]
    kept = keep.read_predictions(folder, GRADIENT.id)
    stated = {m["metric"]: m["value"] for m in store.read(GRADIENT.id, 0)["metrics"]}
    for kind, rel in (("energy", 1e-6), ("force", 3e-3)):
        assert rmse(kept, kind) == pytest.approx(stated[f"{kind}_rmse"], rel=rel)
    assert kept.predicted["force"]["train"].shape == (15, 6, 3)


def test_predictions_of_something_else_are_not_kept(au6, tmp_path, rng, monkeypatch):
    """A split that reads other frames than the run did must not pass."""
    store, said = Store(tmp_path / "runs"), []
    fake_run(store, GRADIENT, au6, 0.1, rng)

    one = replace(GRADIENT, seeds=(0,))
    right = Experiment.folds

    def shuffled(*row_and_data):
        ((train, test),) = right(*row_and_data)
        frames = test.metadata["frames"][::-1]
        return [(train, replace(test[::-1], metadata={"frames": frames}))]

    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "folds", shuffled)
        fresh = gather(store, [one], {"au6": au6}, tmp_path / "results", said.append)[1]
    assert fresh == [] and len(said) == 1 and "for other frames" in said[0]
    assert gather(store, [one], {"au6": au6}, tmp_path / "results")[1] == [GRADIENT.id]


def test_references_are_shared_and_swept(au6, tmp_path, rng):
    store, folder = Store(tmp_path / "runs"), tmp_path / "results"
    twin = replace(GRADIENT, id="beyond/eq5-gradient", model="eq5")
    for experiment in (GRADIENT, twin):
        fake_run(store, experiment, au6, 0.1, rng)
    gather(store, [GRADIENT, twin], {"au6": au6}, folder)
    (reference,) = (folder / "predictions").glob("reference-*")
    before = {p.name: p.read_bytes() for p in (folder / "predictions").iterdir()}
    gather(store, [GRADIENT, twin], {"au6": au6}, folder)
    assert before == {p.name: p.read_bytes() for p in (folder / "predictions").iterdir()}
    for path in (folder / "predictions").glob("beyond-*"):
        path.unlink()
    keep.sweep(folder)
    assert not reference.exists()


def test_trajectory_is_kept_whole_in_energy_and_in_a_few_frames(gathered, au6):
    kept = keep.read_trajectory(gathered / "results", "au6")
    np.testing.assert_allclose(kept.energies, au6.energies, rtol=1e-6)
    assert (kept.frames[0], kept.frames[-1]) == (0, len(au6) - 1)
    np.testing.assert_allclose(kept.positions, au6.positions[kept.frames], rtol=1e-6)
    assert (kept.interval_ps, kept.n_train) == (0.05, 300)


# drawing


def scripts_draw() -> tuple:
    """DRAW of scripts/07_figures.py."""
    spec = importlib.util.spec_from_file_location("figures_script", ROOT / "scripts/07_figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DRAW


DRAW = scripts_draw()


def test_every_figure_is_drawn_by_the_script():
    shared = {"__init__", "style", "rmse", "rows"}
    modules = {p.stem for p in (ROOT / "figures").glob("*.py")} - shared
    assert {draw.__module__ for draw in DRAW} == {f"{figures.__name__}.{m}" for m in modules}


@pytest.mark.parametrize("draw", DRAW, ids=lambda d: d.__module__)
def test_nothing_is_drawn_of_nothing(draw, tmp_path):
    assert draw(tmp_path) == []


def test_a_few_results_give_figures_that_say_what_is_missing(gathered, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(gathered / "results", folder)
    drawn = {path.name: path for draw in DRAW for path in draw(folder)}
    expected = {
        "figure1_data",
        "figure4_energy_rmse",
        "figure5_correlation",
        "parity_energy_au6",
    }
    assert {name.split(".")[0] for name in drawn} == expected
    assert all(path.stat().st_size > 5000 for path in drawn.values())
    # Text is drawn as outlines, each with what it says in a comment.
    svg = drawn["figure4_energy_rmse.svg"].read_text()
    tables = ("table1", "table4", "section6", "gradient", "au6")
    rows = sum(e.table in tables and e.task != TRIVIAL for e in EXPERIMENTS.values())
    # And the baseline, once.
    assert svg.count("<!-- not run yet -->") == rows + 1 - 1
    assert "<!-- Behler (10, 10, 10) -->" in svg


def words(module, folder, monkeypatch) -> list[str]:
    """All text of the figures that a module draws; nothing is rendered."""
    found = []

    def save(figure, *_, **__):
        found.extend(text.get_text() for text in figure.findobj(matplotlib.text.Text))
        return []

    monkeypatch.setattr(module, "save", save)
    module.draw(folder)
    return found


def test_an_empty_panel_says_what_is_true(gathered, tmp_path, monkeypatch):
    """A row that has run, but whose predictions were not kept, is no row that has not run."""
    folder = tmp_path / "results"
    shutil.copytree(gathered / "results", folder)
    with open(folder / "metrics.csv", "a", encoding="utf-8") as file:
        file.write(f"{GRADIENT.id},0,test,energy_rmse,0.1,eV\n")
    found = words(parity, folder, monkeypatch)
    assert found.count(parity.NOT_KEPT) == 1
    rows = [e for e in EXPERIMENTS.values() if e.table in parity.TABLES["energy"]]
    au6_rows = sum(e.dataset == "au6" and e.task != TRIVIAL for e in rows)
    assert found.count("not run yet") == au6_rows - 2


def drawn_points(kept: keep.Predictions, kind: str) -> tuple[np.ndarray, str]:
    """What a parity panel shows: points (n, 2) in the colour of the test part, and its words."""
    _, axes = style.subplots()
    parity.scatter(axes, kept, kind, size=1.5)
    red = matplotlib.colors.to_rgba(style.TEST)
    points = [
        one.get_offsets()
        for one in axes.collections
        if len(one.get_facecolors()) and np.allclose(one.get_facecolors()[0], red)
    ]
    words = " ".join(text.get_text() for text in axes.texts)
    return np.concatenate(points), words


@pytest.mark.parametrize("kind", ["energy", "force"])
def test_every_test_point_is_drawn_and_the_worst_is_named(kind, rng):
    """Far beyond the panel, and in a frame that no stride would take: at its edge, with a name."""
    shape = (37,) if kind == "energy" else (37, 6, 3)
    true = rng.standard_normal(shape)
    predicted = true + 0.01 * rng.standard_normal(shape)
    predicted[13] += 20.0
    whole = {"train": true, "test": true}, {"train": true, "test": predicted}
    frames = np.arange(500, 537)
    kept = keep.Predictions(
        {kind: whole[0]}, {kind: whole[1]}, {kind: {"train": frames, "test": frames}}
    )
    points, words = drawn_points(kept, kind)
    where_it_is = np.stack([true.ravel(), predicted.ravel()], axis=1)
    beyond = points[len(where_it_is) :]
    np.testing.assert_array_equal(
        np.sort(points[: len(where_it_is)], axis=0), np.sort(where_it_is, axis=0)
    )
    # Once more, at the edge.
    np.testing.assert_array_equal(np.sort(beyond[:, 0]), np.sort(true[13].ravel()))
    assert (beyond[:, 1] < 5.0).all()
    assert words.startswith("frame 513:\n20 ")


def test_a_periodic_dataset_is_drawn_beside_the_first(gathered, tmp_path, monkeypatch):
    folder = tmp_path / "results"
    shutil.copytree(gathered / "results", folder)
    rng = np.random.default_rng(0)
    grid = 2.8 * np.stack(np.meshgrid([0, 1], [0, 1], [0, 1, 2], indexing="ij"), -1).reshape(-1, 3)
    x = grid[:10] + 0.1 * rng.standard_normal((50, 10, 3))
    slab = Dataset(
        positions=x,
        numbers=np.array([78] * 8 + [79] * 2),
        energies=rng.standard_normal(50),
        forces=np.zeros_like(x),
        cell=np.diag([5.6, 5.6, 25.0]),
        pbc=np.array([True, True, False]),
    )
    keep.write_trajectory(folder, "pt8au2", slab, [])
    monkeypatch.setattr(figure1_data, "SOURCES", ("au6", "pt8au2"))
    texts = [
        " ".join(words(figure1_data, place, monkeypatch))
        for place in (gathered / "results", folder)
    ]
    assert ["periodic" in text for text in texts] == [False, True]


def pixels(path) -> np.ndarray:
    """(rows, columns, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), int)


def test_committed_figures_are_drawn_from_committed_results_alone(tmp_path):
    """`make figures` needs neither runs/ nor data/, nor TensorFlow, nor two minutes.

    What it draws is what is committed: drawings to the byte, pictures up to a few pixels.
    """
    shutil.copytree(ROOT / "results", tmp_path / "results")
    shutil.rmtree(tmp_path / "results/figures", ignore_errors=True)
    code = (
        "import runpy, sys\n"
        "script, folder = sys.argv[1:]\n"
        "sys.argv = [script, '--folder', folder]\n"
        "try:\n"
        "    runpy.run_path(script, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, ROOT / "scripts/07_figures.py", tmp_path],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    # Of the processor: on a busy machine the clock says nothing.
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime < 120
    new, old = (
        {path.name: path for path in (folder / "figures").iterdir()}
        for folder in (tmp_path / "results", ROOT / "results")
    )
    assert new.keys() == old.keys()
    assert {f"figure{k}" for k in range(1, 6)} <= {name.split("_")[0] for name in new}
    for name, path in new.items():
        if path.suffix == ".svg":
            assert path.read_bytes() == old[name].read_bytes(), f"{name}: make figures"
        else:
            ours, committed = pixels(path), pixels(old[name])
            assert ours.shape == committed.shape, f"{name}: make figures"
            differs = (np.abs(ours - committed) > 32).any(axis=-1)
            assert differs.mean() < 1e-3, f"{name}: make figures"
    text = (ROOT / "results/metrics.csv").read_text()
    assert (tmp_path / "results/metrics.csv").read_text() == text


def test_quick_figures_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr(style, "_marks", [])
    style.mark("quick, not the report's settings")
    svg, png = style.save(Figure(), tmp_path, "empty")
    assert "quick, not the report's settings" in svg.read_text()
    # The text is all that an otherwise empty picture shows.
    assert pixels(png).min() < 255


def test_a_scatter_is_a_picture_alone(tmp_path):
    (path,) = style.save(Figure(), tmp_path, "scatter", svg=False)
    assert path.suffix == ".png" and list(tmp_path.iterdir()) == [path]


def test_results_stay_small():
    sizes = [path.stat().st_size for path in (ROOT / "results").rglob("*") if path.is_file()]
    assert sum(sizes) < 20e6 and max(sizes) < 2.5e6


def test_units_of_small_errors():
    assert [with_unit(v, "eV") for v in (0.17, 0.05, 0.1, 1.3e-5, 45.3)] == [
        "0.17 eV",
        "50 meV",
        "0.10 eV",
        "0.013 meV",
        "45 eV",
    ]
