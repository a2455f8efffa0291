"""Files of a user as parts: which labels, without copies, each file tested and validated on."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from own_data import frames_of_two_elements

from data_gen.frames import Frames
from data_gen.inspection import first_copies
from fitting import evaluating, training
from fitting.config import Config
from fitting.data import load
from fitting.keys import Keys, keys_of, read_alike
from keras_models.backend import keras
from keras_models.saving import save_model


def dimers(count: int, seed: int = 0, energy: float = -10.0, forces: bool = True) -> list[Atoms]:
    """Frames of two atoms with energies and forces."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = Atoms("CuAu", [[0, 0, 0], [0, 0, rng.uniform(2.2, 3.5)]])
        known = {"forces": np.resize([0.1, -0.1], (2, 3))} if forces else {}
        atoms.calc = SinglePointCalculator(atoms, energy=energy + rng.normal(), **known)
        made.append(atoms)
    return made


def relabelled(frames: list[Atoms], *sets: tuple[str, float]) -> list[Atoms]:
    """The same frames with energies and forces of these names, the energies at these numbers."""
    made = []
    for one in frames:
        atoms = Atoms(one.numbers, one.positions)
        for k, (name, energy) in enumerate(sets):
            atoms.info[name] = energy + 1e-3 * len(made)
            if "free" not in name:
                force = name.replace("energy", "forces")
                atoms.arrays[force] = np.full((2, 3), k + 0.1 * len(made))
        made.append(atoms)
    return made


REF, OTHER, FREE = ("REF_energy", -10.0), ("energy", -3.0), ("free_energy", -2.0)


def written(folder, **files: list[Atoms]) -> Config:
    """Settings of a training on these files."""
    for name, frames in files.items():
        write(folder / f"{name}.extxyz", frames)
    return Config(files=tuple(str(folder / f"{name}.extxyz") for name in files))


def test_no_copy_of_a_frame_is_trained_on_validated_on_or_tested_on(tmp_path):
    """Of frames that are there twice, the validation block was trained on, too."""
    frames = dimers(60)
    data = load(written(tmp_path, a=[*frames, *frames]))
    parts = [data.train, data.validation, data.test]
    assert sum(len(part.frames) for part in parts) == 60
    whole = Frames.joined([part.frames for part in parts])
    assert first_copies(whole).tolist() == list(range(60))
    assert {name for part in parts for name in part.names} == {
        f"a.extxyz, frame {k}" for k in range(60)
    }
    (told,) = [note for note in data.notes if "aside" in note]
    assert told.startswith("set aside are 60 copies of frames: one of each is used")
    assert f"note         {told}" in data.seen and "120 of 1 file" in data.seen[0]
    # With another validation block, too.
    again = data.with_validation(0.3)
    assert len(again.trained) + len(again.test.frames) == 60
    assert not [note for note in load(written(tmp_path, b=frames)).notes if "copies" in note]


def test_one_copy_is_said_in_the_singular(tmp_path):
    frames = dimers(60)
    (told,) = [n for n in load(written(tmp_path, a=[*frames, frames[3]])).notes if "aside" in n]
    assert told.startswith("set aside is 1 copy of frames: ")


def test_frames_to_validate_on_that_are_trained_on_with_other_digits_are_said():
    """As copies they are too far from each other, by the digits of the files."""
    frames = frames_of_two_elements(6)
    rounded = frames.structures[0]._replace(positions=np.round(frames.structures[0].positions, 5))
    structures, forces = ((of[0], of[5]) for of in (frames.structures, frames.forces))
    held = Frames((rounded, structures[1]), frames.energies[[0, 5]], forces)
    parts = (SimpleNamespace(frames=one) for one in (frames[np.arange(4)], held))
    data = SimpleNamespace(**dict(zip(("train", "validation"), parts, strict=True)))
    (said,) = training._of_twins(data)
    assert said.startswith("1 of the 2 frames to validate on are trained on as well")
    assert training._of_twins(SimpleNamespace(validation=None)) == []


def test_of_copies_that_with_forces_is_used_and_all_isolated_atoms_are(tmp_path):
    """The lowest energy of an isolated atom is the reference."""
    alone = []
    for energy in (-1.0, -2.0):
        alone.append(Atoms("Cu"))
        alone[-1].calc = SinglePointCalculator(alone[-1], energy=energy, forces=np.zeros((1, 3)))
    data = load(written(tmp_path, a=[*alone, *dimers(20, forces=False)], b=dimers(20)))
    parts = (data.train, data.validation, data.test)
    used = {name for part in parts for name in part.names}
    assert used == {
        *(f"a.extxyz, frame {k}" for k in range(2)),
        *(f"b.extxyz, frame {k}" for k in range(20)),
    }
    assert {f"a.extxyz, frame {k}" for k in range(2)} <= set(data.train.names)


def of_test(folder, train, test, **given):
    """The energy of the first frame to test on, its force, and warnings of other labels."""
    config = written(folder, train=relabelled(dimers(30), *train))
    tested = written(folder, test=relabelled(dimers(12, seed=5), *test)).files
    data = load(replace(config, test=tested, **given))
    warned = [note for note in data.notes if "are read from" in note]
    assert all(f"warning      {note.removeprefix('to test on: ')}" in data.seen for note in warned)
    frames = data.test.frames
    return frames.energies[0], frames.forces[0][0, 0], warned


def test_files_to_test_on_are_read_with_the_labels_of_the_training(tmp_path):
    """They were tested on others that come first in the usual order."""
    assert of_test(tmp_path, [REF], [OTHER, REF]) == (-10.0, 1.0, [])
    assert of_test(tmp_path, [OTHER], [OTHER, FREE]) == (-3.0, 0.0, [])
    assert of_test(tmp_path, [OTHER, FREE], [OTHER, FREE]) == (-2.0, 0.0, [])
    # What the user says comes first.
    given = {"energy_key": "REF_energy"}
    assert of_test(tmp_path, [OTHER, REF], [OTHER, REF], **given) == (-10.0, 1.0, [])


def test_other_labels_than_those_of_the_training_are_told(tmp_path):
    energy, force, warned = of_test(tmp_path, [REF], [OTHER])
    assert (energy, force) == (-3.0, 0.0)
    assert [note.split(":")[1].strip() for note in warned] == [
        f"{what} are read from {one}, those that the model is trained on from REF_{one}"
        for what, one in (("energies", "energy"), ("forces", "forces"))
    ]
    (warned,) = of_test(tmp_path, [OTHER, FREE], [OTHER])[2]
    assert "energies are read from energy, those that the model is trained on from free" in warned
    # Energies alone, and capitals, are no other labels.
    assert of_test(tmp_path, [REF], [("ref_energy", -4.0)])[0::2] == (-4.0, [])
    bare = relabelled(dimers(12), REF)
    for atoms in bare:
        del atoms.arrays["REF_forces"]
    reading, notes = read_alike(written(tmp_path, bare=bare).files, Keys(), Keys("REF_energy", "F"))
    assert reading.energy_key == "REF_energy" and not reading.forces_key and not notes


def test_models_say_what_they_are_trained_on(tmp_path, monkeypatch):
    """To evaluations, and to trainings that go on from them; of others the usual is taken."""
    files = written(tmp_path, a=relabelled(dimers(30), OTHER, REF)).files
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    path, old = tmp_path / "m/seed0.keras", tmp_path / "old.keras"
    save_model(model, path, ["Au", "Cu"], keys={"energy": "REF_energy", "forces": "REF_forces"})
    save_model(model, tmp_path / "m/seed1.keras", ["Au", "Cu"])
    save_model(model, old, ["Au", "Cu"])
    assert keys_of(tmp_path / "m") == ("REF_energy", "REF_forces")
    assert not any(keys_of(old)) and not any(keys_of(tmp_path)) and not any(keys_of(model))
    read = []
    monkeypatch.setattr(evaluating, "inspect", lambda reading: read.append(reading) or 1 / 0)
    for one, key, energy in ((path, None, -10), (path, "energy", -3), (old, None, -3)):
        with pytest.raises(ZeroDivisionError):
            evaluating.evaluate_files(one, files, tmp_path / "out", energy_key=key)
        assert read[-1].frames.energies[0] == energy
    # The user's energies have their own forces.
    assert read[1].forces_key == "forces"
    assert load(Config(files, continue_from=str(path))).keys == ("REF_energy", "REF_forces")
    assert load(Config(files)).keys == ("energy", "forces")


def test_each_of_two_files_is_tested_and_validated_on(tmp_path):
    config = written(tmp_path, a=dimers(300), b=dimers(20, seed=1))
    data = load(config)
    for part in (data.validation, data.test):
        assert 1 <= sum(name.startswith("b.extxyz") for name in part.names) <= 3
    # So they are on a block of other size, and without a part to test on.
    small = data.with_validation(0.05).validation
    blind = load(replace(config, test_share=0.0)).validation
    for part in (small, blind):
        assert {name.split(",")[0] for name in part.names} == {"a.extxyz", "b.extxyz"}
