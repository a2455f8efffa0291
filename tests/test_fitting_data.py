"""Files of a user as parts: copies are set aside, and each file is tested and validated on."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from data_gen.frames import Frames
from data_gen.inspection import first_copies
from fitting.config import Config
from fitting.data import load


def dimers(count: int, seed: int = 0, energy: float = -10.0, forces: bool = True) -> list[Atoms]:
    """Frames of two atoms with energies and forces."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = Atoms("CuAu", [[0, 0, 0], [0, 0, rng.uniform(2.2, 3.5)]])
        known = {"forces": np.resize([0.1, -0.1], (2, 3))} if forces else {}
        atoms.calc = SinglePointCalculator(atoms, energy=energy + rng.normal(), **known)
        made.append(atoms)
    return made


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
