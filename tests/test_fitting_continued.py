"""Training on another file that goes on from a folder of models: each seed from its own."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import read, write
from own_data import atoms_of, frames_of_two_elements, own_config, own_file
from pair_potential import SHIFTS, TINY

from data_gen.division import Division
from data_gen.frames import Frames, Structure, is_isolated
from fitting import commands, seeds, settings, training
from fitting.data import load
from fitting.errors import FittingError
from fitting.known import fingerprints
from fitting.open_constants import of_constants, settled
from fitting.settings import pretrained
from fitting.starting import newer_atoms, shorter_distances, with_places
from keras_models import catalogue
from keras_models.building import flat_weights
from keras_models.prediction import energies_of_structures
from keras_models.reference import sums_of_references
from keras_models.saving import save_model


class Fitted:
    """A training that was not done; keeps what its model is saved with."""

    def __init__(self, saved):
        self.saved = saved
        self.curves, self.counts, self.seconds, self.references = {}, {}, {}, SHIFTS
        self.info = {"isolated": [], "last_layer": None, "start": None}

    def save(self, path, **about):
        self.saved[path.stem] = about


def save_start(path, seed=0, isolated=(), **options):
    frames = frames_of_two_elements(20)
    model = catalogue.build("linear_eq4", frames, (5,), None, {**TINY, **options}, seed)
    states = {"charge": {"Au2Pt": [float(seed)]}}
    about = {"isolated": list(isolated), "frames": [f"of-model-{seed}", "of-both"]}
    about["states"] = states
    save_model(model, path, list(SHIFTS), SHIFTS, **about)
    return flat_weights(model)


def go_on(tmp_path, monkeypatch, isolated):
    """Two models, three seeds: weights to begin with, each training's start, what is saved."""
    starts, saved = [], {}
    weights = [save_start(tmp_path / f"two/models/seed{k}.keras", k, isolated) for k in range(2)]

    def fit(*_, start, **__):
        starts.append(start)
        return Fitted(saved)

    def run(jobs, *_):
        for job in jobs:
            job.function(*job.arguments, SimpleNamespace(say=print, report=print))

    monkeypatch.setattr(seeds, "fit_edges", fit)
    monkeypatch.setattr(seeds, "run", run)
    monkeypatch.setattr(training, "_conclude", lambda *_: None)
    config = replace(own_config(own_file(tmp_path)), model={}, seeds=(5, 6, 7))
    training.train(replace(config, continue_from=str(tmp_path / "two")), tmp_path / "more")
    return SimpleNamespace(weights=weights, starts=starts, saved=saved, config=config)


@pytest.fixture
def begun(tmp_path, monkeypatch):
    return go_on(tmp_path, monkeypatch, ["Au"])


def test_each_seed_goes_on_from_a_model_of_its_own(begun):
    """In turn, where there are fewer; what they know of isolated atoms counts on."""
    found = [flat_weights(start.model) for start in begun.starts]
    for one, k in zip(found, (0, 1, 0), strict=True):
        np.testing.assert_array_equal(one, begun.weights[k])
    assert (found[0] != found[1]).any()
    assert [start.isolated for start in begun.starts] == [{"Au"}] * 3
    assert [start.references for start in begun.starts] == [SHIFTS] * 3


def test_frames_of_the_first_training_are_known_of_the_second(begun):
    """They chose the weights, too: tested on them, the model looks better than it is."""
    own = set(fingerprints(load(begun.config).trained))
    assert list(begun.saved) == ["seed5", "seed6", "seed7"]
    for about in begun.saved.values():
        assert set(about["frames"]) == own | {"of-model-0", "of-model-1", "of-both"}
        assert about["frames"] == sorted(set(about["frames"]))


def test_compositions_that_the_first_training_left_open_are_open_no_more(tmp_path, monkeypatch):
    """The model is of Au and Pt alike; frames of other ratios are trained on, and say the rest."""
    saved = go_on(tmp_path, monkeypatch, []).saved.values()
    assert all(about["undetermined"] == [] for about in saved)
    path = tmp_path / "one.keras"
    save_start(path)
    frames = frames_of_two_elements(20)
    start = pretrained(path)
    half = 0.5**0.5
    off = energies_of_structures(start.model, frames.structures, SHIFTS)
    numbers = [s.numbers for s in frames.structures]
    off = off + sums_of_references(numbers, {"Au": 3.0, "Pt": -3.0})
    others = Frames(frames.structures, off, frames.forces)
    fitted = settled(start, [{"Au": half, "Pt": -half}], others)
    assert fitted.references == pytest.approx({"Au": SHIFTS["Au"] + 3.0, "Pt": SHIFTS["Pt"] - 3.0})
    (said,) = of_constants(start, fitted)
    assert "change by +3 eV for Au, -3 eV for Pt" in said
    # Energies of isolated atoms are known, and so are all where nothing is open.
    known = replace(start, isolated=frozenset(["Au"]))
    assert settled(known, [{"Au": half, "Pt": -half}], others).references == SHIFTS
    assert settled(start, [], others) is start and of_constants(start, start) == []


def test_constants_are_fitted_with_the_repulsion_that_training_has(tmp_path):
    """With ZBL's energy at distances that the model is to learn, they were off by 2 eV."""
    save_start(tmp_path / "one.keras", repulsion=True)
    frames, half = frames_of_two_elements(20), 0.5**0.5
    near = tuple(
        s._replace(positions=0.75 * s.positions, cell=0.75 * s.cell) for s in frames.structures
    )
    start, closer = (pretrained(tmp_path / "one.keras") for _ in range(2))
    closer.come_closer(Frames(near, frames.energies, frames.forces))
    energies = energies_of_structures(closer.model, near, SHIFTS)
    fitted = settled(
        start, [{"Au": half, "Pt": -half}], Frames(near, np.array(energies), frames.forces)
    )
    assert fitted.references == pytest.approx(SHIFTS, abs=1e-3)


def test_a_training_on_one_ratio_of_elements_saves_what_it_leaves_open(tmp_path, monkeypatch):
    frames, saved = frames_of_two_elements(60), {}
    atoms = [atoms_of(frames, k) for k in range(60) if len(frames.structures[k].numbers) == 4]
    for one in atoms:
        one.numbers = [79, 78, 79, 78]
    write(tmp_path / "one.extxyz", atoms)
    monkeypatch.setattr(seeds, "fit_edges", lambda *_, **__: Fitted(saved))
    monkeypatch.setattr(training, "_conclude", lambda *_: None)
    config = replace(own_config(tmp_path / "one.extxyz"), seeds=(0,))
    training.train(config, tmp_path / "out")
    ((one,),) = (about["undetermined"] for about in saved.values())
    assert one["Au"] == -one["Pt"] != 0


def test_a_composition_of_the_validation_block_alone_is_open(tmp_path, monkeypatch):
    """No weight is fitted to it."""
    frames, saved = frames_of_two_elements(60), {}
    atoms = [atoms_of(frames, k) for k in range(60) if len(frames.structures[k].numbers) == 4]
    for k, one in enumerate(atoms):
        one.numbers = [79, 78, 79, 78] if k < len(atoms) - 1 else [79, 79, 79, 78]
    monkeypatch.setattr(seeds, "fit_edges", lambda *_, **__: Fitted(saved))
    monkeypatch.setattr(training, "_conclude", lambda *_: None)

    n = len(atoms)
    last = Division(np.arange(n), np.arange(0), 1, "blocks")
    monkeypatch.setattr("fitting.data.divide", lambda *_, **__: last)
    write(tmp_path / "one.extxyz", atoms)
    config = replace(own_config(tmp_path / "one.extxyz"), seeds=(0,))
    training.train(config, tmp_path / "out")
    ((one,),) = (about["undetermined"] for about in saved.values())
    assert one["Au"] == pytest.approx(-one["Pt"]) and one["Au"]


def test_newer_isolated_atoms_are_said(tmp_path):
    """All energies are taken relative to them; a shift is then judged with these."""
    save_start(tmp_path / "one.keras", isolated=["Au"])
    start, frames = pretrained(tmp_path / "one.keras"), frames_of_two_elements(20)
    atom = Structure(np.zeros((1, 3)), np.array([79]), np.zeros((3, 3)), np.zeros(3, bool))
    for energy, says in (
        (SHIFTS["Au"], []),
        (SHIFTS["Au"] - 1.0, ["Au alone has -1001.5 eV here"]),
    ):
        more = Frames(
            (*frames.structures, atom),
            np.array([*frames.energies, energy]),
            (*frames.forces, np.zeros((1, 3))),
        )
        found = newer_atoms(start, more)
        assert len(found) == len(says) and all(x in y for x, y in zip(says, found, strict=True))


def test_states_of_the_first_training_are_those_of_the_second_too(tmp_path, monkeypatch):
    """Its files say nothing of a charge, which is another one than that of some models' frames."""
    for about in go_on(tmp_path, monkeypatch, ["Au"]).saved.values():
        assert about["states"] == {"charge": {"Au2Pt": [0.0, 1.0], "": [None]}}


def test_isolated_atoms_without_a_place_in_the_model_are_left_out(tmp_path, monkeypatch):
    begun = go_on(tmp_path, monkeypatch, [])
    data = load(begun.config)
    assert with_places(data, {"Au", "Ni"}) is data
    less = with_places(data, {"Pt"})
    for some in (less, less.with_validation(0.3)):
        parts = (some.train, some.validation, some.test)
        structures = [s for part in parts for s in part.frames.structures]
        assert len(structures) == 59 and not any(map(is_isolated, structures))
        (why,) = (x for x in some.notes if "are left out" in x)
        assert why.startswith("isolated atoms (Au) are left out: the model to begin with was")
        assert f"warning      {why}" in some.seen
    own = set(fingerprints(less.trained))
    for about in begun.saved.values():
        assert set(about["frames"]) == own | {"of-model-0", "of-model-1", "of-both"}
    alone = replace(data, material=data.material._replace(everything=data.material.everything[[0]]))
    with pytest.raises(FittingError, match=r"only isolated atoms \(Au\): give frames"):
        with_places(alone, ())


def test_atoms_that_come_closer_than_in_the_first_training_are_said(tmp_path, capsys):
    """And their energies are compared with the model as it is trained then, without repulsion."""
    config = own_config(own_file(tmp_path))
    atoms = read(config.files[0], "1:")
    for one in atoms:
        results = one.calc.results
        one.set_cell(0.75 * one.cell, scale_atoms=False)
        one.positions *= 0.75
        one.calc.results = results
    write(tmp_path / "near.extxyz", atoms)
    save_start(tmp_path / "start.keras", repulsion=True)
    near = replace(config, files=(str(tmp_path / "near.extxyz"),), model={})
    near = replace(near, continue_from=str(tmp_path / "start.keras"))
    data = load(near)
    settings.completed(near, data, None, commands.console())
    told = capsys.readouterr().out
    assert "atoms come closer than in the training of the model to begin with: " in told
    assert "Its repulsion begins there now" in told and "one shift" not in told
    start = settings.pretrained(tmp_path / "start.keras")
    (said,) = shorter_distances(start, data.train.frames)
    assert said in told and said.count(" Å instead of ") == 3
    assert shorter_distances(start, data.train.frames) == []
    # A little closer, as in further frames of the same kind, is not worth a word; but it counts.
    before = np.array(start.model.get_layer("held").shortest)
    for share, lines in ((0.99, 0), (0.95, 1)):
        small = tuple(
            s._replace(positions=share * s.positions, cell=share * s.cell)
            for s in data.train.frames.structures
        )
        closer = replace(data.train.frames, structures=small)
        assert len(shorter_distances(start, closer)) == lines
        now = start.model.get_layer("held").shortest
        np.testing.assert_allclose(now, share * before, rtol=1e-9)
