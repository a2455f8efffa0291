"""The project's side of `make check-peers`: export Au6 and Au12, split as in our rows.

Runs in .venv. Writes train.extxyz, test.extxyz and data.json (description and checksums) to a
folder for each in the given one. Trajectories are those in data/, or are made with the project's
settings.
"""

import hashlib
import json
import sys
from pathlib import Path

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from data_gen.dataset import Dataset, load
from data_gen.sources import make
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS
from reproduction.sections.names import GRADIENT

ROWS = (GRADIENT, "beyond/au12-order-3")


def frames(part: Dataset) -> list[Atoms]:
    """Convert a part of the data to ASE atoms with energies and forces."""
    found = []
    for x, energy, forces in zip(part.positions, part.energies, part.forces, strict=True):
        atoms = Atoms(part.numbers, positions=x, cell=part.cell, pbc=part.pbc)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        found.append(atoms)
    return found


def write(row: Experiment, data: Dataset, folder: Path) -> None:
    """Write both parts of a row's data, of its only fold, and data.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (parts,) = row.folds(data)
    about = {"trajectory": row.dataset, "trajectory_sha256": data.checksum(), "files": {}}
    for name, part in zip(("train", "test"), parts, strict=True):
        path = folder / f"{name}.extxyz"
        ase.io.write(path, frames(part), format="extxyz")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        about["files"][name] = {"frames": len(part), "sha256": sha256}
    (folder / "data.json").write_text(json.dumps(about, indent=1) + "\n")


def main(folder: str) -> None:
    """Write the data of all rows that other packages are measured beside."""
    for name in ROWS:
        row = EXPERIMENTS[name]
        trajectory = ROOT / "data" / f"{row.dataset}.traj"
        data = load(trajectory) if trajectory.is_file() else make(row.data.origin)
        write(row, data, Path(folder) / row.dataset)


if __name__ == "__main__":
    main(sys.argv[1])
