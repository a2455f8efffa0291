"""Files of a user as parts: each file is tested and validated on."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

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
