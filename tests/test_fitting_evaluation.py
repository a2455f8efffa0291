"""Errors of models on labelled frames, their page, and training that goes on from a model."""

import csv
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import read, write
from conftest import graphs_alone
from own_data import atoms_of, frames_of_two_elements
from pair_potential import CUTOFF, SHORT, settings
from test_page import Page

from data_gen.frames import Frames
from fitting import commands, evaluating, predicting
from fitting.errors import FittingError
from fitting.evaluation import Evaluation, Potential, evaluate
from fitting.known import excess, fingerprints
from fitting.metrics import ENERGY, FORCE, errors, of_frames, sizes_of
from fitting.plots import chosen
from fitting.show import number
from keras_models import edges as edges_of_models
from keras_models import load_model
from keras_models.batch import tensors_of
from keras_models.building import flat_weights, set_flat_weights
from keras_models.edges import edge_batches
from keras_models.fine_tuning import Pretrained
from keras_models.fit_edges import fit_edges
from keras_models.reference import sums_of_references
from keras_models.saving import read_about
from keras_models.virial import energies_forces_and_virials
from reproduction.engine.provenance import ROOT

GOLD6 = ROOT / "results/models/eq2-gradient/seed0.keras"


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of_two_elements(60)


@pytest.fixture(scope="module")
def fitted(frames):
    with graphs_alone():
        return fit_edges(frames[:40], settings(SHORT))


@pytest.fixture(scope="module")
def done(fitted, frames, tmp_path_factory):
    """Two models that differ, evaluated on twenty frames: the folder, and what evaluate() gave."""
    base = tmp_path_factory.mktemp("two")
    models, out, path = base / "m", base / "errors", base / "other.extxyz"
    known = {"baseline": {"Au": -1000.0, "Pt": -700.0}, "frames": fingerprints(frames[:50])}
    fitted.save(models / "models/a.keras", **known)
    theta = flat_weights(fitted.model)
    set_flat_weights(fitted.model, 1.1 * theta)
    fitted.save(models / "models/b.keras")
    set_flat_weights(fitted.model, theta)
    write(path, [atoms_of(frames, k) for k in range(40, 60)])
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            evaluating, "evaluate", lambda *a, **k: found.append(evaluate(*a, **k)) or found[0]
        )
        evaluating.evaluate_files(models, [path], out)
    return out, found[0]


@pytest.fixture(scope="module")
def folder(done):
    return done[0]


@pytest.fixture(scope="module")
def evaluation(done) -> Evaluation:
    return done[1]


class Known(Potential):
    """Models whose predictions are known."""

    def __init__(self, of: Evaluation, baseline=None):
        self.of, self.baseline, self.names, self.parts = of, baseline, of.names, []
        self.ensemble, self.undetermined, self.isolated = SimpleNamespace(models=[]), (), ()

    def __call__(self, frames):
        return self.of.energies_of_models, self.of.forces_of_models


def test_neighbours_are_sought_once_for_all_models(folder, frames, monkeypatch):
    """And once more for what is outside the training; they were for each model."""
    asked = []
    for module in (predicting, edges_of_models):
        real = module.edges
        monkeypatch.setattr(
            module, "edges", lambda s, *a, r=real, **k: asked.append(s) or r(s, *a, **k)
        )
    some = frames.structures[40:43]
    with graphs_alone():
        potential = Potential(folder.parent / "m")
        potential(frames[40:43])
    found = excess(potential.ensemble.models, some)
    assert len(potential) == 2 and len(asked) == 2 * len(some)
    # The largest of any model.
    each = [excess([model], some) for model in potential.ensemble.models]
    for whole, *parts in zip(found, *each, strict=True):
        np.testing.assert_array_equal(whole, np.max(parts, axis=0))


def test_predictions_are_those_of_the_models(folder, evaluation, frames):
    """All frames at once and without XLA, where evaluate() takes batches."""
    own = []
    for name in "ab":
        path = folder.parent / f"m/models/{name}.keras"
        model, references = load_model(path), read_about(path)["references"]
        (batch,) = edge_batches(frames.structures[40:], CUTOFF, 20)
        tensors = tensors_of(batch, "float32")
        energies, forces, _ = energies_forces_and_virials(model, model.trainable_variables, tensors)
        zero = sums_of_references([s.numbers for s in frames.structures[40:]], references)
        parts = np.split(
            forces.numpy()[: sum(frames.sizes[40:])], np.cumsum(frames.sizes[40:])[:-1]
        )
        own.append((energies.numpy()[:20] + zero, parts))
    assert evaluation.names == ["a", "b"]
    for k in range(2):
        np.testing.assert_allclose(evaluation.energies_of_models[k], own[k][0], atol=1e-4)
    np.testing.assert_allclose(evaluation.energies, (own[0][0] + own[1][0]) / 2, atol=1e-4)
    apart = np.abs(own[0][0] - own[1][0]) / 2**0.5
    assert apart.max() > 1e-3
    np.testing.assert_allclose(evaluation.energies_std, apart, atol=1e-4)
    for k in range(20):
        mean, difference = (own[0][1][k] + own[1][1][k]) / 2, own[0][1][k] - own[1][1][k]
        np.testing.assert_allclose(evaluation.forces[k], mean, atol=1e-5)
        np.testing.assert_allclose(evaluation.forces_std[k], np.abs(difference) / 2**0.5, atol=1e-5)
    first = (evaluation.energies_of_models[:1], evaluation.forces_of_models[:1])
    alone = Evaluation(evaluation.frames, *first, evaluation.references)
    assert alone.energies_std is alone.forces_std is None


def made_up() -> tuple[Frames, np.ndarray, list[np.ndarray]]:
    """Three frames of 3, 3 and 4 atoms with errors that are known; the third without forces."""
    frames = frames_of_two_elements(60)
    frames = frames[[k for k in range(60) if len(frames.structures[k].numbers) < 5][:3]]
    sizes = frames.sizes
    forces = tuple(f if k < 2 else np.full_like(f, np.nan) for k, f in enumerate(frames.forces))
    frames = Frames(frames.structures, frames.energies, forces)
    energies = frames.energies + sizes * np.array([0.3, -0.4, 0.0])
    predicted = [f + (0.1, -0.2, 0.0)[k] for k, f in enumerate(frames.forces)]
    predicted[2] = np.zeros((sizes[2], 3))
    return frames, energies, predicted


def test_errors_are_what_they_are_called():
    frames, energies, predicted = made_up()
    labels = {"config_type": ("x", "y", "x")}
    base = frames.energies + 2 * frames.sizes
    found = errors("test", frames, energies, predicted, base, labels)
    by = {(e.group, e.name, e.quantity): e for e in found}
    whole = by["all", "", ENERGY]
    assert whole.rmse == pytest.approx(0.5 / 3**0.5) and whole.mae == pytest.approx(0.7 / 3)
    assert whole.largest == pytest.approx(0.4) and whole.bias == pytest.approx(-0.1 / 3)
    assert whole.baseline == pytest.approx(2.0) and whole.count == 3 and whole.part == "test"
    n = frames.sizes
    force = by["all", "", FORCE]
    assert force.count == 3 * (n[0] + n[1])
    assert force.rmse == pytest.approx(np.sqrt((n[0] * 0.01 + n[1] * 0.04) / (n[0] + n[1])))
    zero = np.concatenate([f.ravel() for f in frames.forces[:2]])
    assert force.baseline == pytest.approx(np.sqrt(np.mean(zero**2)))
    assert by["config_type", "x", ENERGY].rmse == pytest.approx(0.3 / 2**0.5)
    assert by["config_type", "y", FORCE].mae == pytest.approx(0.2)
    symbols = {e.name for e in found if e.group == "element"}
    assert symbols == {"Au", "Pt"} and ("element", "Au", ENERGY) not in by
    counts = [by["element", s, FORCE].count for s in symbols]
    assert sum(counts) == force.count and min(counts) > 0
    off, rms = of_frames(frames, energies, predicted)
    np.testing.assert_allclose(off, [0.3, -0.4, 0.0], atol=1e-9)
    np.testing.assert_allclose(rms, [0.1, 0.2, np.nan])


def test_the_worst_come_first():
    """By energy or forces, whichever is further off; frames without forces by their energy."""
    frames, energies, predicted = made_up()
    references = {"Au": -1000.0, "Pt": -700.0}
    of = Evaluation(frames, energies[None], [predicted], references)
    assert of.worst(3).tolist() == [1, 0, 2]
    predicted[0] = predicted[0] + 5
    assert Evaluation(frames, energies[None], [predicted], references).worst(1).tolist() == [0]


def test_many_sizes_are_put_into_ranges(frames):
    few = sizes_of(frames)
    assert few == [str(n) for n in frames.sizes] and len(set(few)) == 4
    one = frames.structures[1]
    structures = tuple(
        one._replace(positions=3.0 * np.arange(3 * n).reshape(n, 3), numbers=np.full(n, 79))
        for n in range(1, 31)
    )
    many = Frames(structures, np.zeros(30), tuple(np.zeros((n, 3)) for n in range(1, 31)))
    names = sizes_of(many)
    assert len(set(names)) == 8
    for n, name in zip(range(1, 31), names, strict=True):
        low, *high = map(int, name.split("-"))
        assert low <= n <= (high or [low])[0]


def test_the_baseline_is_of_the_training_if_it_is_known(evaluation, frames):
    assert evaluation.references == {"Au": -1000.0, "Pt": -700.0}
    for baseline in (None, {"Au": 0.0}):  # unknown, or without an element
        fit = evaluate(Known(evaluation, baseline), frames[40:]).references
        assert fit == pytest.approx({"Au": -1000.5, "Pt": -700.25}, abs=3)
    given = evaluate(Known(evaluation), frames[40:], {"Au": 1.0, "Pt": 2.0}).references
    assert given == {"Au": 1.0, "Pt": 2.0}


def test_the_folder_has_the_numbers_of_new_frames_and_known_ones(folder, evaluation):
    """Of the twenty, ten were trained on: they are apart, and only the new ones have groups."""
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(r["part"], r["group"], r["name"], r["quantity"]): float(r["rmse"]) for r in rows}
    off = (evaluation.energies - evaluation.frames.energies) / evaluation.frames.sizes
    apart = _apart(evaluation)
    for part, own in (("known", slice(10)), ("new", slice(10, 20))):
        assert found[part, "all", "", ENERGY] == pytest.approx(np.sqrt(np.mean(off[own] ** 2)))
        force_off = np.concatenate(apart[own])
        assert found[part, "all", "", FORCE] == pytest.approx(np.sqrt(np.mean(force_off**2)))
    assert {r["part"] for r in rows} == {"known", "new"}
    groups = {"all", "element", "size", "config_type"}
    assert groups <= {r["group"] for r in rows if r["part"] == "new"} <= groups | {"place"}
    summary = json.loads((folder / "metrics.json").read_text())
    energy, force = summary["errors"]["new"]
    assert energy["unit"] == "eV/atom" and force["rmse"] == found["new", "all", "", FORCE]
    assert len(summary["errors_of_models"]["new"]) == 2
    assert set(summary["sha256"]) == {"SHA-256 of other.extxyz", "SHA-256 of m"}


def test_a_part_of_an_evaluation_is_of_its_frames(evaluation):
    chosen = np.arange(20) % 3 == 1
    part, which = evaluation.part_of(chosen, "some"), np.flatnonzero(chosen)
    assert part.part == "some" and part.names == evaluation.names
    np.testing.assert_array_equal(part.frames.energies, evaluation.frames.energies[which])
    np.testing.assert_array_equal(part.energies, evaluation.energies[which])
    np.testing.assert_array_equal(part.energies_std, evaluation.energies_std[which])
    for j, k in enumerate(which):
        np.testing.assert_array_equal(part.forces[j], evaluation.forces[k])
        np.testing.assert_array_equal(part.forces_std[j], evaluation.forces_std[k])
        assert part.labels["config_type"][j] == evaluation.labels["config_type"][k]


def test_worst_frames_are_written_with_true_and_predicted_values(folder, evaluation, frames):
    worst = read(folder / "worst.extxyz", ":")
    assert len(worst) == 10
    new = evaluation.part_of(np.arange(20) >= 10, "new")
    for atoms, k in zip(worst, 10 + new.worst(10), strict=True):
        assert atoms.info["frame"] == f"other.extxyz, frame {k}"
        true, truth = atoms.calc.results, frames.forces[40 + k]
        assert true["energy"] == pytest.approx(frames.energies[40 + k], abs=1e-6)
        np.testing.assert_allclose(true["forces"], truth, atol=1e-6)
        off = atoms.info["predicted_energy"] - true["energy"]
        assert atoms.info["energy_error_per_atom"] == pytest.approx(off / len(atoms), abs=1e-6)
        predicted = evaluation.forces[k]
        np.testing.assert_allclose(atoms.arrays["predicted_forces"], predicted, atol=1e-6)
        rms = np.sqrt(np.mean((predicted - truth) ** 2))
        assert atoms.info["force_rms_error"] == pytest.approx(rms, abs=1e-6)


def test_the_page_has_all_parts(folder, evaluation):
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"errors", "figures", "worst", "data", "use", "totals", "models"} <= set(ids)
    for link in page.all("a"):
        assert link["href"][1:] in ids
    images = page.all("img")
    figures = {"parity_energy_per_atom", "parity_force", "uncertainty"}
    assert len(images) == 3 and {f"figure-{name}" for name in figures} <= set(ids)
    for image in images:
        assert image["src"].startswith("data:image/png;base64,iVBOR") and image["alt"]
    assert not page.all("script", "iframe") and "url(" not in text and "@import" not in text
    words = " ".join(" ".join(page.words).split())
    for told in (
        "By element: the new frames",
        "By number of atoms",
        "By config_type",
        "Each model, RMSE on the new frames",
        "SHA-256",
        "RMSE baseline MAE largest bias",
        "10 of the 20 frames are ones that the model was trained or validated on",
        "All else here is of the 10 new ones",
        "the ranges of the training",
        "from the smallest to the largest value in training",
        "divided by its RMSE on the new frames",
        "as fitted to the training part",
        "Stress is neither trained on nor compared",
    ):
        assert told in words
    new = evaluation.part_of(np.arange(20) >= 10, "new")
    energy = new.error(ENERGY)
    headline = f"{number(1000 * energy.rmse)} meV/atom RMSE of E per atom, the new frames"
    assert f"{headline} ({number(1000 * energy.baseline)} meV/atom for the composition" in words
    # The spread beside the error, as measured.
    spread, off = (np.concatenate(x) for x in (new.forces_std, _apart(new)))
    rms = [1000 * np.sqrt(np.mean(x**2)) for x in (spread, off)]
    said = f"{number(rms[0])} beside {number(rms[1])} meV/Å for F, a ratio of {rms[0] / rms[1]:.2f}"
    assert said in words and "The spread is no error bar" in words
    assert "numbers on closest pair" not in words and "closest pair of a frame" in words


def _apart(of: Evaluation) -> list[np.ndarray]:
    return [f - t for f, t in zip(of.forces, of.frames.forces, strict=True)]


def test_names_of_files_are_escaped(evaluation, frames, tmp_path, monkeypatch):
    path = tmp_path / "a<b>&amp.extxyz"
    write(path, [atoms_of(frames, k) for k in range(40, 60)])
    monkeypatch.setattr(evaluating, "Potential", lambda _: Known(evaluation))
    monkeypatch.setattr(evaluating, "excess", lambda *_: None)
    page = evaluating.evaluate_files(path, [path], tmp_path / "out")
    assert "a<b>" not in page.read_text() and "a&lt;b&gt;&amp;amp" in page.read_text()


def test_what_does_not_fit_the_model_is_refused(folder, frames, tmp_path, monkeypatch, capsys):
    silver = frames.structures[1]._replace(numbers=np.full(len(frames.structures[1].numbers), 47))
    other = Frames((silver,), frames.energies[1:2], frames.forces[1:2])
    potential = Potential(folder.parent / "m")
    with pytest.raises(FittingError, match="knows Au, Pt and not Ag: leave out"):
        evaluate(potential, other)
    gold = [s._replace(numbers=np.full(len(s.numbers), 79)) for s in frames.structures]
    golden = Frames(tuple(gold), frames.energies, frames.forces)
    with pytest.raises(FittingError, match="bound to 6 atoms, and there are frames of 4"):
        evaluate(GOLD6, golden)
    six = golden[[k for k in range(60) if len(gold[k].numbers) == 6]]
    assert np.isfinite(evaluate(GOLD6, six).energies).all()
    periodic = Frames(
        tuple(s._replace(cell=np.eye(3) * 9, pbc=np.ones(3, bool)) for s in six.structures),
        six.energies,
        six.forces,
    )
    with pytest.raises(FittingError, match="no periodic images"):
        evaluate(GOLD6, periodic)
    (tmp_path / "notes").write_text("")
    data, model = folder.parent / "other.extxyz", folder.parent / "m"
    for argv, told in (
        ([tmp_path / "absent", data], "there is no model"),
        ([model, tmp_path / "absent.xyz"], "there is no file"),
        ([model, data, "--out", tmp_path], "is not empty: give a new folder"),
        ([data, data, "--out", tmp_path / "new"], "not a saved model"),
        ([tmp_path, data, "--out", tmp_path / "new"], "no model (*.keras) is there"),
    ):
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, argv)])
        assert commands.run(commands.evaluate_main) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and told in said and said.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_of_many_points_the_largest_errors_are_drawn():
    true = np.zeros(1000)
    off = np.zeros(1000)
    off[[17, 333]] = 5.0, -6.0
    k = chosen(true, off, 20)
    assert {17, 333, 0, 999} <= set(k) and len(k) <= 20
    np.testing.assert_array_equal(chosen(true, off, 1000), np.arange(1000))


@pytest.mark.usefixtures("without_xla")
def test_fine_tuning_begins_where_the_model_is(fitted, frames, folder, evaluation):
    """With steps of no length, on frames of one element: the same energies and references."""
    gold = [k for k in range(60) if (frames.structures[k].numbers == 79).all()]
    start = Pretrained.load(folder.parent / "m/models/a.keras")
    start = replace(start, isolated=frozenset(["Pt"]))
    before = flat_weights(start.model)
    still = replace(SHORT, learning_rate=1e-30)
    again = fit_edges(frames[gold], settings(still), start=start)
    np.testing.assert_array_equal(flat_weights(again.model), before)
    assert again.references == pytest.approx(fitted.references, abs=1e-3)
    off = again.predictor()(frames.structures[40:])[0] - evaluation.energies_of_models[0]
    assert np.abs(off).max() < 1e-2
    # Training began there, too: its first batch, measured before the step, has no larger errors.
    errors = (evaluation.energies_of_models[0] - frames.energies[40:]) / frames.sizes[40:]
    assert again.curves["curve_energy_per_atom"][0, 0] < 3 * np.sqrt(np.mean(errors**2))
    silver = frames.structures[1]._replace(numbers=np.full(len(frames.structures[1].numbers), 47))
    new = Frames((silver,), frames.energies[1:2], frames.forces[1:2])
    with pytest.raises(ValueError, match="knows Au, Pt and not Ag: leave out"):
        fit_edges(new, settings(replace(SHORT, validation=0.0)), start=start)


def test_the_energy_of_an_isolated_atom_is_kept(fitted, folder):
    """It is no constant that training fits: the model's own is not taken off it."""
    start = Pretrained.load(folder.parent / "m/models/a.keras")
    free = start.starting_references(frames_of_two_elements(3), {})
    kept = replace(start, isolated=frozenset(["Pt"]))
    found = kept.starting_references(frames_of_two_elements(3), {})
    assert found["Au"] == free["Au"] != fitted.references["Au"]
    assert found["Pt"] == fitted.references["Pt"] != free["Pt"]
    given = {"Au": -1.0, "Pt": -2.0}
    assert kept.starting_references(frames_of_two_elements(3), given) == {**found, "Pt": -2.0}
