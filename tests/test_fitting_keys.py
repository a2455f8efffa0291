"""Files beside those of a training: with its labels, by names alone, once; and in its states."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from test_fitting_data import FREE, OTHER, REF, dimers, relabelled, written

from data_gen import reading as reading_of_files
from data_gen.errors import DataError
from data_gen.reading import read_frames
from fitting import evaluating, evaluation
from fitting.config import Config
from fitting.data import load
from fitting.evaluation import Potential
from fitting.keys import Keys, read_alike, states_of_models
from keras_models.backend import keras
from keras_models.saving import save_model

TRAINED = Keys("REF_energy", "REF_forces")


def both(count: int = 12):
    """Frames with energies and forces of two methods."""
    return relabelled(dimers(count), OTHER, REF)


def alike(folder, frames, trained=TRAINED, asked=Keys()):  # noqa: B008
    return read_alike(written(folder, a=frames).files, asked, trained)


def nan_energy(atoms):
    atoms.info["REF_energy"] = np.nan


def no_energy(atoms):
    del atoms.info["REF_energy"]


def text_for_energy(atoms):
    atoms.info["REF_energy"] = "failed"


def nan_force(atoms):
    atoms.arrays["REF_forces"][1, 2] = np.nan


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (nan_energy, r"energies are not finite .* in frame 3 \(REF_energy\)"),
        (no_energy, r"no energy named REF_energy in 1 of 12 frames; frame 3 has energy"),
        (text_for_energy, r"no energy named REF_energy in 1 of 12 frames; frame 3 has REF_energy="),
        (nan_force, r"forces are not finite .* in frame 3 \(REF_forces\)"),
    ],
)
def test_one_bad_frame_does_not_change_the_method(tmp_path, damage, told):
    """The whole file was read from the other one, with which the model has nothing to do."""
    frames = both()
    damage(frames[3])
    with pytest.raises(DataError, match=told):
        alike(tmp_path, frames)
    # The file can be read so, if the user says it.
    reading, notes = alike(tmp_path, frames, asked=Keys("energy", "forces"))
    assert reading.energy_key == "energy" and len(notes) == 2


def test_a_file_is_read_once(tmp_path, monkeypatch):
    """For a defect that has nothing to do with labels it was read three times."""
    opened, read_file = [], reading_of_files.read_file
    monkeypatch.setattr(reading_of_files, "read_file", lambda x: opened.append(x) or read_file(x))
    frames = both()
    frames[5].positions[1] = frames[5].positions[0]
    with pytest.raises(DataError, match="atoms 0 and 1 of frame 5 are on one point"):
        alike(tmp_path, frames)
    assert len(opened) == 1
    reading, notes = alike(tmp_path, relabelled(dimers(12), OTHER))
    assert (reading.energy_key, len(notes), len(opened)) == ("energy", 2, 2)


def test_capitals_do_not_count(tmp_path):
    small = relabelled(dimers(12), OTHER, ("ref_energy", -10.0))
    reading, notes = alike(tmp_path, small)
    assert (reading.energy_key, reading.forces_key, notes) == ("ref_energy", "ref_forces", ())
    assert reading.frames.energies[0] == -10.0 and reading.frames.forces[0][0, 0] == 1.0
    # Of the user's own name neither, and each frame may have another spelling.
    files = written(tmp_path, a=small, b=both()).files
    reading = read_frames(files, "ref_energy", "REF_Forces")
    assert reading.energy_key == "ref_energy, REF_energy"
    assert reading.forces_key == "ref_forces, REF_forces"
    # One that is exactly so comes first.
    twice = relabelled(dimers(12), ("ref_energy", -4.0), REF, ("Ref_energy", -5.0))
    reading, notes = alike(tmp_path, twice)
    assert (reading.energy_key, reading.forces_key, notes) == (*TRAINED, ())
    assert reading.frames.energies[0] == -10.0 and reading.frames.forces[0][0, 0] == 1.0


def test_forces_that_a_single_frame_has_are_insisted_on_with_a_warning(tmp_path):
    """Those of the other method are no substitute, and an error of no forces would say nothing."""
    frames = both()
    for atoms in frames[1:]:
        del atoms.arrays["REF_forces"]
    reading, notes = alike(tmp_path, frames)
    assert reading.frames.with_forces.sum() == 1 and not notes
    assert reading.warnings == (
        "forces are read from REF_forces alone: 11 of 12 frames have only others (forces), which "
        "are not taken (--forces-key)",
    )


def test_forces_of_a_training_belong_to_its_energies(tmp_path):
    """Also where it has energies of several names, of which one is asked for."""
    trained, asked = Keys("energy, REF_energy", "forces"), Keys("REF_energy")
    reading, notes = alike(tmp_path, both(), trained, asked)
    assert reading.forces_key == "REF_forces" and len(notes) == 1 and "forces are" in notes[0]


def test_a_free_energy_beside_the_energy_that_a_model_is_trained_on_is_warned_of(tmp_path):
    """Forces are its derivative: which of both the training's are, only the user knows."""
    trained = Keys("energy", "forces")
    reading, notes = alike(tmp_path, relabelled(dimers(12), OTHER, FREE), trained)
    assert reading.energy_key == "energy" and not notes
    assert reading.warnings == (
        "energy is taken, not free_energy, which differs in 12 of 12 frames, by up to 1 eV: forces "
        "are the derivative of free_energy (--energy-key)",
    )
    # Energies that are the same, or of a name with forces of its own, are fine.
    same = relabelled(dimers(12), OTHER, ("free_energy", OTHER[1]))
    assert not alike(tmp_path, same, trained)[0].warnings
    assert not alike(tmp_path, relabelled(dimers(12), REF, FREE))[0].warnings


def charged(count: int, **info) -> list[Atoms]:
    """Frames of one composition that say this of themselves."""
    frames = dimers(count, seed=len(info) + sum(map(int, info.values())))
    for atoms in frames:
        atoms.info.update(info)
    return frames


def model_of(path, **about):
    """A saved model, which nothing was trained on."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    save_model(model, path, ["Au", "Cu"], **about)
    return str(path)


TOLD = (
    "charge is 1 in these frames and 0 in those that the model is trained on, and models are not "
    "told of it"
)
NEUTRAL = {"charge": {"AuCu": [0.0]}}


def test_charges_of_files_to_test_on_are_compared_with_those_of_the_training(tmp_path):
    config = written(tmp_path, c0=charged(30, charge=0))
    for name, info, told in (("c1", {"charge": 1}, True), ("d0", {"total_charge": 0}, False)):
        tested = written(tmp_path, **{name: charged(12, **info)}).files
        data = load(replace(config, test=tested))
        assert (f"to test on: {TOLD}" in data.notes) == told
        assert (f"warning      {TOLD}" in data.seen) == told
    assert data.states == NEUTRAL
    # As they are of the files to train on, and of a part of them.
    assert data.with_validation(0.3).states == data.without([0], "none").states == NEUTRAL


def test_files_are_compared_with_the_charges_that_a_model_is_trained_on(tmp_path, monkeypatch):
    """What is evaluated, and what a training goes on with; older models do not say their states."""
    told, files = [], written(tmp_path, c1=charged(30, charge=1)).files
    console = SimpleNamespace(print=lambda line, **_: told.append(line))
    new, old = model_of(tmp_path / "m/a.keras", states=NEUTRAL), model_of(tmp_path / "old.keras")
    silent, same = model_of(tmp_path / "b.keras", states={}), {"charge": {"AuCu": [1.0]}}
    same = model_of(tmp_path / "c.keras", states=same)
    for model, words in ((new, TOLD), (silent, TOLD.replace("and 0", "and not given"))):
        told.clear()
        monkeypatch.setattr(evaluating, "Potential", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluating.evaluate_files(model, files, tmp_path / "out", console=console)
        assert f"{'warning':<12} {words}" in told
        assert words in load(Config(files, continue_from=model)).notes
    for model in (old, same, None):
        assert not [n for n in load(Config(files, continue_from=model)).notes if "charge" in n]
    assert states_of_models(old) is None and states_of_models(tmp_path / "nothing") is None
    assert states_of_models(silent) == {} and states_of_models(tmp_path / "m") == NEUTRAL
    assert states_of_models([new, same]) == {"charge": {"AuCu": [0.0, 1.0]}}


class Trained(Potential):
    """A model that says 0, and what it was trained on."""

    def __init__(self, monkeypatch, keys: Keys):
        self.baseline, self.names, self.parts = None, ["one"], []
        self.undetermined = self.isolated = ()
        monkeypatch.setattr(evaluation, "keys_of", lambda _: keys)

    def __call__(self, frames):
        return np.zeros((1, len(frames))), [[np.zeros_like(f) for f in frames.forces]]


def test_frames_in_python_are_compared_with_the_labels_of_the_training(monkeypatch):
    """As the command does, and not with their calculators' own."""
    frames = both()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluation.evaluate(Trained(monkeypatch, TRAINED), frames).frames
    np.testing.assert_array_equal(found.energies, [one.info["REF_energy"] for one in frames])
    for forces, one in zip(found.forces, frames, strict=True):
        np.testing.assert_array_equal(forces, one.arrays["REF_forces"])


def test_what_a_calculator_said_of_other_atoms_is_no_label(monkeypatch):
    """One calculator for all frames has results of the last; those of a moved frame are old."""
    model, shared = Trained(monkeypatch, Keys("energy", "forces")), EMT()
    frames, expected = [one.copy() for one in dimers(5)], []
    for one in frames:
        one.calc = shared
        expected.append((one.get_potential_energy(), one.get_forces()))
    found = evaluation.evaluate(model, frames).frames
    assert len(set(found.energies)) == 5
    for k, (energy, forces) in enumerate(expected):
        assert found.energies[k] == energy
        np.testing.assert_array_equal(found.forces[k], forces)
    before = found.structures[0].positions.copy()
    frames[0].rattle(0.3)
    np.testing.assert_array_equal(found.structures[0].positions, before)
    stale = [one.copy() for one in frames[1:]]
    for one, (energy, forces) in zip(stale, expected[1:], strict=True):
        one.calc = SinglePointCalculator(one, energy=energy, forces=forces)
        one.calc.results["free_energy"] = energy - 1.0
    free = Trained(monkeypatch, Keys("free_energy", "forces"))
    assert evaluation.evaluate(free, stale).frames.energies[0] == expected[1][0] - 1.0
    stale[2].rattle(0.1)
    with pytest.raises(DataError, match="frame 2"):
        evaluation.evaluate(free, stale)


def test_frames_in_python_without_those_labels_are_of_their_calculators_and_it_is_said(monkeypatch):
    frames = [one.copy() for one in dimers(5)]
    for one in frames:
        one.calc = EMT()
    with pytest.warns(UserWarning, match="the model was trained on REF_energy"):
        found = evaluation.evaluate(Trained(monkeypatch, TRAINED), frames).frames
    np.testing.assert_array_equal(found.energies, [one.get_potential_energy() for one in frames])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluation.evaluate(Trained(monkeypatch, Keys("energy", "forces")), frames)
        # One frame is a list of one.
        alone = evaluation.evaluate(Trained(monkeypatch, Keys()), frames[3])
    assert alone.frames.energies.tolist() == [frames[3].get_potential_energy()]
