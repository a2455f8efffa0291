"""What is known of frames and models: trained on, of another zero or sign, gone on from."""

import csv
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from conftest import graphs_alone
from own_data import atoms_of, frames_of_two_elements, own_config, own_file
from test_fitting_words import evaluation

from data_gen.frames import Frames, Structure, composition
from data_gen.reading import read_frames
from fitting import commands, seeds, settings, training
from fitting.data import load
from fitting.errors import FittingError
from fitting.evaluation import Evaluation, evaluate
from fitting.known import _rounded, fingerprints, known_again, own_errors
from fitting.metrics import ENERGY, FORCE
from fitting.starting import shift_of
from fitting.words import of_tested_frames, worse_than_nothing
from keras_models.prediction import energies_of_structures
from reproduction.engine.provenance import ROOT


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished training and its settings."""
    folder = tmp_path_factory.mktemp("known")
    config = own_config(own_file(folder))
    with graphs_alone():
        training.train(config, folder / "run")
    return folder / "run", config


def on_other_frames(done, chosen, tmp_path, monkeypatch, capsys, more=()):
    """A finished training again, with other test frames: its folder, and what was said."""
    folder, config = done
    write(tmp_path / "test.extxyz", [*(read(config.files[0], k) for k in chosen), *more])
    shutil.copytree(folder / "models", tmp_path / "again/models")
    shutil.copytree(folder / "curves", tmp_path / "again/curves")
    (tmp_path / "again/.unused").touch()
    monkeypatch.setattr(training, "_before", lambda _: None)
    monkeypatch.setattr(seeds, "fit_edges", None)
    parts = load(config)
    other = replace(config, test=(str(tmp_path / "test.extxyz"),))
    # Of the models that there are.
    same = {"train": parts.train, "validation": parts.validation}
    monkeypatch.setattr(training, "load", lambda one: replace(load(one), **same))
    with graphs_alone():
        training.train(other, tmp_path / "again", commands.console())
    return tmp_path / "again", capsys.readouterr().out


def test_test_frames_that_are_trained_on_are_told_and_apart(done, tmp_path, monkeypatch, capsys):
    """Without a word before; the number before training, on the page, and rows of their own."""
    _, config = done
    names = load(config).test.names
    new = [int(name.split()[-1]) for name in names][:3]
    folder, said = on_other_frames(done, [1, 2, *new], tmp_path, monkeypatch, capsys)
    told = "2 of the 5 frames to test on are trained or validated on: they are apart"
    assert said.index(f"warning      {told}") < said.index("Evaluating")
    page = (folder / "report.html").read_text(encoding="utf-8")
    worst = page.split('id="worst"')[1].split("</section>")[0]
    assert told in page
    assert [f"test.extxyz, frame {k}<" in worst for k in range(5)] == [False] * 2 + [True] * 3
    with open(folder / "metrics.csv", newline="") as file:
        counts = {
            r["part"]: int(r["count"])
            for r in csv.DictReader(file)
            if (r["group"], r["quantity"]) == ("all", ENERGY)
        }
    assert (counts["known"], counts["test"]) == (2, 3)


def test_where_all_test_frames_are_trained_on_no_test_part_is_left(
    done, tmp_path, monkeypatch, capsys
):
    folder, said = on_other_frames(done, [1, 2, 3], tmp_path, monkeypatch, capsys)
    assert "All 3 frames to test on are trained or validated on" in said
    assert "test" not in json.loads((folder / "metrics.json").read_text())["errors"]
    assert "the frames trained on" in (folder / "report.html").read_text(encoding="utf-8")


def test_another_zero_of_the_test_frames_is_told_after_training(
    done, tmp_path, monkeypatch, capsys
):
    """By 100 eV/atom, as a model of eight steps is off by some, too."""
    frames = frames_of_two_elements(80)
    new = [atoms_of(frames, k) for k in range(60, 80)]
    for atoms in new:
        atoms.calc.results["energy"] += 100.0 * len(atoms)
    folder, said = on_other_frames(done, [], tmp_path, monkeypatch, capsys, new)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for text in (said, page):
        assert "Nearly all of it is one shift" in " ".join(text.split())


def test_nothing_is_said_of_test_frames_that_are_new():
    assert of_tested_frames(None) == of_tested_frames(np.zeros(4, bool)) == []


@pytest.mark.parametrize(("atoms", "decimals"), [(12, 8), (256, 8), (256, 5)])
def test_frames_are_known_again_in_files_of_fewer_digits(rng, atoms, decimals):
    """Positions of five decimals and a half, which one file rounds up and another down."""
    numbers, cell = np.full(atoms, 29), np.diag([12.0, 13.0, 14.0])
    exact = [np.round(rng.uniform(0, 12, (atoms, 3)), 6) // 1e-5 * 1e-5 + 5e-6 for _ in range(40)]
    noise = [rng.uniform(-0.5, 0.5, (atoms, 3)) * 10.0**-decimals for _ in exact]

    def made(positions):
        structures = [Structure(x, numbers, cell, np.ones(3, bool)) for x in positions]
        return Frames(
            tuple(structures), np.arange(40.0), tuple(0 * x for x in positions), checked=True
        )

    stored, read_again = (
        fingerprints(made(exact)),
        [x + d for x, d in zip(exact, noise, strict=True)],
    )
    assert known_again(made(read_again), stored).all()
    assert known_again(made([x.astype(np.float32).astype(float) for x in exact]), stored).all()
    assert len(json.loads(json.dumps(stored))[0]) < 110
    # A step of dynamics, one atom that is displaced, other elements and other directions.
    assert not known_again(made([x + 2e-3 * rng.normal(size=x.shape) for x in exact]), stored).any()
    for x in exact:
        x[3, 1] += 0.02
    assert not known_again(made(exact), stored).any()
    found = made(read_again)
    for change in ({"numbers": numbers + 1}, {"pbc": np.array([True, True, False])}):
        other = tuple(s._replace(**change) for s in found.structures)
        assert not known_again(replace(found, structures=other, checked=True), stored).any()


@pytest.mark.parametrize("step", [0.01, 0.005])
def test_other_atoms_displaced_as_far_are_new(step):
    """Of 256 atoms, as for phonons: by three projections, a fourth of smaller steps were known."""
    atoms = bulk("Al", cubic=True).repeat(4)
    frames = np.repeat(atoms.positions[None], 1536, axis=0)
    k = np.arange(768)
    frames[k, k // 3, k % 3] += step
    frames[k + 768, k // 3, k % 3] -= step
    structures = [Structure(x, atoms.numbers, atoms.cell.array, atoms.pbc) for x in frames]
    every = Frames(tuple(structures), np.zeros(1536), tuple(0 * frames), checked=True)
    new = np.arange(1536) % 10 == 3
    found = known_again(every, fingerprints(every[np.flatnonzero(~new)]))
    assert (found == ~new).all()


def test_a_trajectory_is_known_again_in_extxyz_and_its_other_frames_are_new(tmp_path, rng):
    frames = read(ROOT / "examples/au12.extxyz", ":")
    for atoms in frames:
        # More digits than the file of the example has.
        results = atoms.calc.results
        atoms.positions += rng.uniform(0, 1e-3, (12, 3))
        atoms.calc = SinglePointCalculator(atoms, **results)
    write(tmp_path / "a.traj", frames[::2])
    write(tmp_path / "a.extxyz", frames)
    stored = fingerprints(read_frames(tmp_path / "a.traj").frames)
    found = known_again(read_frames(tmp_path / "a.extxyz").frames, stored)
    assert found.tolist() == [k % 2 == 0 for k in range(len(frames))]


def test_what_older_models_stored_is_still_read():
    """A checksum of rounded positions, beside those of a training that went on from there."""
    frames = frames_of_two_elements(9)
    stored = [*map(_rounded, frames.structures[:3]), *fingerprints(frames[5:7])]
    assert known_again(frames, stored).nonzero()[0].tolist() == [0, 1, 2, 5, 6]
    assert _rounded(frames.structures[0]) == "f0dbb0cc0c59"


def shifted(shift, force_factor=1.0, n=40) -> Evaluation:
    """A model that is off by 10 meV/atom, on frames whose energies have another zero."""
    frames = frames_of_two_elements(n)
    off = shift + 0.01 * np.array([1.0, -1.0] * (n // 2))
    base = shift + 0.2 * np.array([1.0, 1.0, -1.0, -1.0] * (n // 4))
    predicted = frames.energies + off * frames.sizes
    of = Evaluation(frames, predicted[None], [[force_factor * f for f in frames.forces]], {})
    vars(of)["baseline"] = frames.energies + base * frames.sizes
    return of


def test_another_zero_of_energies_is_named_though_the_baseline_has_it_too():
    """The model is better than its baseline, as both are off by 556 meV/atom."""
    of = shifted(-0.556)
    assert of.error(ENERGY).rmse < of.error(ENERGY).baseline
    own = {ENERGY: 0.011, FORCE: 0.1}
    (said,) = worse_than_nothing(of, own)
    assert "one shift, −556 meV/atom: the energies have another zero" in said
    assert "method, setting or unit" in said and "10.0 meV/atom are left without it" in said
    assert "11.0 meV/atom in the model's own training" in said
    # A useful model's failure is seen beside a baseline with the right zero.
    assert "with the zero of these frames: 556 meV/atom against 200 meV/atom" in said
    # That the model's training is not known hides nothing.
    assert "another zero" in worse_than_nothing(of)[0]
    # A shift that is small beside the spread is named, too, if the model had no such errors.
    (said,) = worse_than_nothing(shifted(-0.1), own)
    assert said.startswith("Energies are off by 100 meV/atom. Nearly all of it is one shift")
    assert "composition" not in said


def test_no_shift_is_named_where_there_is_none():
    own = {ENERGY: 0.011, FORCE: 0.1}
    assert worse_than_nothing(shifted(0.0), own) == worse_than_nothing(shifted(0.0)) == []
    # As large errors in its own training: nothing new.
    assert worse_than_nothing(shifted(-0.03), {ENERGY: 0.03}) == []


def test_the_errors_of_the_own_training_are_of_its_test_part(done):
    folder, _ = done
    errors = json.loads((folder / "metrics.json").read_text())["errors"]
    models = sorted((folder / "models").glob("*.keras"))
    expected = {row["quantity"]: row["rmse"] for row in errors["test"]}
    assert own_errors(models) == expected and set(expected) == {ENERGY, FORCE}
    # A model alone knows its validation block.
    alone = shutil.copy(models[0], folder.parent / "alone.keras")
    expected = {row["quantity"]: row["rmse"] for row in errors["validation"]}
    assert own_errors([alone]) == pytest.approx(expected, rel=1e-3)
    assert own_errors([]) == {}


def test_forces_of_the_wrong_sign_or_size_are_told_by_their_direction():
    """Energies are learned: their gradients point as forces do."""
    gradients = worse_than_nothing(shifted(0.0, -1.0))[0]
    assert "Forces are worse than none" in gradients and "(correlation −1.00)" in gradients
    assert "gradients, which have the opposite sign" in gradients
    # Between energies and gradients, forces of nearly zero are learned.
    assert "opposite sign" in worse_than_nothing(shifted(0.0, -0.05))[0]
    units = worse_than_nothing(shifted(0.0, 23.0))[0]
    assert "(correlation 1.00) and 23 times their size: the units" in units
    # Of energies that are not learned nothing follows.
    poor = worse_than_nothing(evaluation([1.0, -0.9] * 3, -1.0))
    assert len(poor) == 1 and "sign" not in poor[0]
    assert worse_than_nothing(shifted(0.0, 0.5)) == []


def test_no_error_is_given_under_a_wrong_name():
    """It was None, as for forces that no frame has."""
    of = shifted(0.0)
    with pytest.raises(FittingError, match="errors of 'energy': take energy_per_atom or force"):
        of.error("energy")
    unknown = tuple(np.full_like(f, np.nan) for f in of.frames.forces)
    bare = replace(of, frames=Frames(of.frames.structures, of.frames.energies, unknown))
    vars(bare)["baseline"] = of.baseline
    assert bare.error(FORCE) is None and bare.error(ENERGY).count == 40


def test_a_model_that_is_gone_on_from_is_described_by_itself(done, tmp_path, monkeypatch, capsys):
    """On the terminal, on the page, and again in the model that comes of it."""
    folder, config = done
    given = []

    class Fitted:
        curves, counts, seconds, references = {}, {}, 0.0, {"Au": 0.0, "Pt": 0.0}
        info = {"isolated": [], "last_layer": None, "start": None}  # noqa: RUF012

        def save(self, path, **about):
            given.append(about["config"]["model"])

    monkeypatch.setattr(seeds, "fit_edges", lambda *_, **__: Fitted())
    monkeypatch.setattr(training, "_conclude", lambda *_: None)
    more = replace(config, model={}, continue_from=str(folder))
    training.train(more, tmp_path / "more", commands.console())
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("model ")]
    assert line.startswith("model linear_eq4: ") and "rounds 1" in line and "cutoff 4" in line
    own = json.loads((folder / "config.json").read_text())["model"]
    assert given == [own]
    rows = training._settings_table(training.read_config(tmp_path / "more/config.json"))
    for name, value in (("cutoff", "4"), ("polynomials", "3"), ("rounds", "1"), ("widths", "5")):
        assert rows[name].removesuffix(".0") == value
    # Of a model that says nothing of its settings, the cutoff is known.
    monkeypatch.setattr(settings, "read_about", lambda _: {})
    bare = settings.model_of(replace(more, model={"name": "linear_eq4"}))
    assert bare == {"name": "linear_eq4", "options": {"cutoff": 4.0}}


def test_going_on_from_a_model_the_rate_is_small(done):
    """Its solved last layer multiplies any change; a rate that is given is used as it is."""
    folder, config = done
    new = replace(config, model={}, training={"steps": 9})
    data, rates = load(new), []
    for more in ({}, {"continue_from": str(folder)}):
        one = settings.completed(replace(new, **more), data, None)[1]
        rates.append(one.training.learning_rate)
    assert rates[1] == pytest.approx(rates[0] / 30)
    given = replace(new, continue_from=str(folder), training={"steps": 9, "learning_rate": 0.002})
    assert settings.completed(given, data, None)[1].training.learning_rate == 0.002


def test_what_cannot_be_is_refused_before_data_are_read(done, tmp_path, monkeypatch):
    _, config = done
    monkeypatch.setattr(training, "load", lambda _: pytest.fail("read"))
    (tmp_path / "none").mkdir()
    (tmp_path / "note.keras").write_text("")
    for changed, told in (
        ({"model": {"name": "eq2"}}, "'eq2' is no model for frames of any size"),
        ({"continue_from": str(tmp_path / "gone.keras")}, "there is no file .*gone.keras"),
        ({"continue_from": str(tmp_path / "none")}, "no model .* is there"),
        ({"continue_from": str(tmp_path / "note.keras")}, "cannot be continued from"),
    ):
        with pytest.raises(FittingError, match=told):
            training.train(replace(config, **changed), tmp_path / "new")


def test_energies_of_another_zero_are_named_before_going_on(done, tmp_path, capsys):
    """Of each element; what the weights would have to learn is as far as they are from it."""
    folder, config = done
    start = settings.pretrained(folder / "models/seed3.keras")
    frames = load(config).train.frames
    found = energies_of_structures(start.model, frames.structures, start.references)
    own = evaluate(folder, frames)
    np.testing.assert_allclose(found, own.energies, rtol=0, atol=1e-3)
    counts = composition([s.numbers for s in frames.structures], ["Au", "Pt"])

    def moved(gold, platinum, noise=0.0):
        energies = found + counts @ [gold, platinum]
        energies += noise * frames.sizes * np.resize([1.0, -1.0], len(frames))
        return Frames(frames.structures, energies, frames.forces)

    # Of atoms of Au alone, training takes the energy that they have here.
    (said,) = shift_of(start, moved(0.3, 0.5))
    assert "subtract 0.5 eV for each Pt in the files, or train anew" in said
    start = replace(start, isolated=frozenset())
    (said,) = shift_of(start, moved(0.3, 0.5))
    assert "subtract 0.3 eV for each Au and 0.5 eV for each Pt in the files, or train anew" in said
    assert re.search(r"one shift, 4\d\d meV/atom, beside a spread of \S+ meV/atom\. If they", said)
    assert said.endswith("this is its error")
    assert shift_of(start, moved(0.02, 0.02)) == shift_of(start, moved(0.3, 0.5, noise=0.2)) == []
    assert shift_of(start, moved(0.3, 0.5)[:3]) == []
    assert shift_of(start, moved(-2.0, -3.0))
    with pytest.raises(FittingError, match=r"another code .*: subtract -25 eV .*, or train anew"):
        shift_of(start, moved(-25.0, -30.0))
    # Before anything else is done.
    file = tmp_path / "moved.extxyz"
    atoms = read(config.files[0], ":")
    for one in atoms:
        one.calc.results["energy"] += 500.0 * len(one)
    write(file, atoms)
    again = replace(config, files=(str(file),), model={}, continue_from=str(folder))
    data = load(again)
    with pytest.raises(FittingError, match="another code"):
        settings.completed(again, data, None)
    # Energies that fit, and those of a folder where it was said, are trained on.
    fits = replace(again, files=config.files)
    full, _ = settings.completed(fits, load(fits), None, commands.console())
    assert "another zero" not in capsys.readouterr().out
    assert settings.completed(again, data, replace(full, files=again.files))[0].steps == 8


def test_another_training_in_the_folder_is_told_in_few_words(done, tmp_path):
    """After what is wrong with the new one itself; not by checksums."""
    folder, config = done
    path = own_file(tmp_path)
    other = replace(config, files=(str(path),), training={"steps": 9, "clip": 2.0}, seeds=(1,))
    with pytest.raises(FittingError) as caught:
        training.train(other, folder)
    said = str(caught.value)
    files = [f"{p.name}/mine.extxyz" for p in (folder.parent, tmp_path)]
    assert f"differs in files ({files[0]} before, {files[1]} now), seeds" in said
    assert "training.steps (8 before, 9 now) and " in said and "sha256" not in said
    assert len(said) < 500
    # An element that the model does not know comes first.
    text = path.read_text().replace("Pt ", "Ni ")
    path.write_text(text)
    again = replace(config, files=(str(path),), model={}, continue_from=str(folder))
    with pytest.raises(FittingError, match="knows Au, Pt and not Ni: leave out"):
        training.train(again, folder)
    # A model to begin with has its own settings, not the folder's.
    with pytest.raises(FittingError, match=r"differs in continue_from \(none before"):
        training.train(replace(config, model={}, continue_from=str(folder)), folder)
    # It was told by an error about the warm-up of the folder's training, which does not fit.
    before = replace(config, training={"steps": 100, "warm_up": 50}, seeds=(0,))
    fewer, data = replace(before, training={"steps": 20}), load(before)
    with pytest.raises(FittingError, match=r"differs in training.steps \(100 before, 20 now\)"):
        settings.completed(fewer, data, settings.completed(before, data, None)[0])
    # The same names with other contents.
    before = config.with_checksums()
    now = replace(before, sha256={config.files[0]: "0"})
    assert before.told(now) == "the contents of mine.extxyz"


def test_the_evaluation_in_the_examples_works(done, capsys):
    """On a model and frames of the test instead of the example's."""
    folder, config = done
    text = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "evaluate(" in c]
    for old, new in (("au12.extxyz", config.files[0]), ("au12", str(folder))):
        assert f'"{old}"' in code or f'"examples/{old}"' in code
        code = code.replace(f'"examples/{old}"', repr(new)).replace(f'"{old}"', repr(new))
    with graphs_alone():
        exec(code, {})
    energy, force = map(float, capsys.readouterr().out.splitlines()[0].split())
    assert 0 < energy < np.inf and 0 < force < np.inf
