"""Shared code of the runners of other packages: data, use of one core, and all measurements.

A runner is a script for the environment of its package. It contains the package's settings, writes
the package's input, calls the package's training command, and returns the package's ASE calculator
for the trained model. All measurements are made here.
"""

# ruff: noqa: E402

import os

# Before any import that counts cores, here and in the training command.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import hashlib
import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk

SEED = 0
# Å, the same for all packages; beyond 5.7 Å gold atoms do not interact in EMT. Real ones do: for
# ace-jax on Au12, 7.5 Å, as in our rows, was chosen on the last 600 training frames: it gave a
# smaller error of E there than 6 Å, and nearly the same of F.
CUTOFFS = {"au6": 6.0, "au12": 7.5}
CUTOFF = CUTOFFS["au6"]
# If a package needs validation frames, every twentieth frame of the training part is used.
VALIDATION_STRIDE = 20
VALIDATION = {"validation": f"every {VALIDATION_STRIDE}th training frame"}
TIMED_CALLS = 200
# Of a crystal of gold, 864 atoms in a cubic box: its lattice constant and displacements, Å.
LATTICE, CELLS, RATTLE, CRYSTAL_CALLS = 4.08, 6, 0.05, 9
# Å. ace-jax's calculator divides the virial by a volume, which a cluster without a cell has not.
WITHOUT_CELL = 50.0


@dataclass(frozen=True)
class Data:
    """Exported training and test frames, with the description from data.json."""

    folder: Path
    about: dict

    @classmethod
    def of(cls, folder: Path) -> "Data":
        """Read data.json and verify the checksums of the files."""
        about = json.loads((folder / "data.json").read_text())
        for name, file in about["files"].items():
            found = hashlib.sha256((folder / f"{name}.extxyz").read_bytes()).hexdigest()
            if found != file["sha256"]:
                sys.exit(f"error: {folder / name}.extxyz is not the file that data.json describes")
        return cls(folder, about)

    def frames(self, name: str) -> list[Atoms]:
        """All frames of "train" or "test"."""
        return ase.io.read(self.folder / f"{name}.extxyz", index=":")

    def fitted_and_validation(self) -> tuple[list[Atoms], list[Atoms]]:
        """The training frames, divided into frames to fit and validation frames."""
        frames = self.frames("train")
        validation = frames[::VALIDATION_STRIDE]
        return [f for k, f in enumerate(frames) if k % VALIDATION_STRIDE], validation


@dataclass(frozen=True)
class Peer:
    """A package to measure.

    Attributes:
        package: its name for pip.
        model: the trained model with its widths, as named in the table.
        beside: other packages whose versions are recorded.
        passes: unit of the number that a run is given: of the length of training, such as epochs,
            or of our own model, rounds; "" if there is none.
        settings: Data -> all settings that are given, and important defaults.
        train: (data, scratch folder, passes) -> None; writes a model to the folder.
        calculator: scratch folder -> ASE calculator for the trained model.
    """

    package: str
    model: str
    beside: Sequence[str]
    passes: str
    settings: Callable
    train: Callable
    calculator: Callable


def command(folder: Path, *arguments: str) -> None:
    """Run a command of the environment in the scratch folder, with output to train.log there."""
    program = Path(sys.executable).parent / arguments[0]
    with open(folder / "train.log", "a") as log:
        done = subprocess.run(
            [program, *arguments[1:]], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode:
        tail = (folder / "train.log").read_text().splitlines()[-25:]
        sys.exit(
            "\n".join([*tail, f"error: {arguments[0]} failed; all it said: {folder}/train.log"])
        )


def cpu_seconds() -> float:
    """CPU seconds of this process and of finished commands, on all cores."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def processor() -> str:
    """Name of the processor, or of its architecture if the system does not give the name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def call(calculator, frame: Atoms) -> tuple[float, np.ndarray]:
    """Energy and forces of a frame, computed without reuse of earlier results."""
    atoms = frame.copy()
    if atoms.cell.rank < 3:
        atoms.cell = [WITHOUT_CELL] * 3
    atoms.calc = calculator
    return atoms.get_potential_energy(), atoms.get_forces()


def score(calculator, frames: Sequence[Atoms]) -> dict:
    """Errors (RMSE) over all frames, and CPU seconds of a call, measured after compilation."""
    found = [call(calculator, frame) for frame in frames]
    pairs = list(zip(found, frames, strict=True))
    energy = np.array([e - frame.get_potential_energy() for (e, _), frame in pairs])
    force = np.array([f - frame.get_forces() for (_, f), frame in pairs])
    begin = cpu_seconds()
    for frame in frames[:TIMED_CALLS]:
        call(calculator, frame)
    seconds = (cpu_seconds() - begin) / min(TIMED_CALLS, len(frames))
    return {
        "energy_rmse_meV": 1000 * float(np.sqrt(np.mean(energy**2))),
        "force_rmse_meV_A": 1000 * float(np.sqrt(np.mean(force**2))),
        "call_cpu_seconds": seconds,
        "crystal_call_cpu_seconds": crystal_seconds(calculator),
    }


def crystal_seconds(calculator) -> float:
    """CPU seconds of a call on a crystal: the median over positions, as some calls compile."""
    crystal, spent = bulk("Au", "fcc", a=LATTICE, cubic=True).repeat(CELLS), []
    for seed in range(CRYSTAL_CALLS):
        moved = crystal.copy()
        moved.rattle(RATTLE, seed=seed)
        begin = cpu_seconds()
        call(calculator, moved)
        spent.append(cpu_seconds() - begin)
    return float(np.median(spent))


def main(peer: Peer) -> None:
    """Command-line program that trains and tests a package and writes one line of JSON."""
    p = argparse.ArgumentParser(description=f"{peer.model}: one run on one core.")
    p.add_argument("data", type=Path, help="folder that export.py has written")
    p.add_argument("scratch", type=Path, help="folder for the package's files; emptied first")
    p.add_argument("output", type=Path, help="JSON")
    if peer.passes:
        p.add_argument("--passes", type=int, required=True, help=peer.passes)
    arguments = p.parse_args()
    passes = getattr(arguments, "passes", None)
    data = Data.of(arguments.data.resolve())
    folder = arguments.scratch.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = cpu_seconds()
    peer.train(data, folder, passes)
    seconds = cpu_seconds() - begin
    result = {
        "model": peer.model,
        "package": peer.package,
        "version": version(peer.package),
        "beside": " ".join(f"{name} {version(name)}" for name in peer.beside),
        "settings": peer.settings(data),
        "passes": f"{passes} {peer.passes}" if peer.passes else "",
        "seed": SEED,
        "trajectory": data.about["trajectory"],
        "trajectory_sha256": data.about["trajectory_sha256"],
        **{f"{name}_sha256": file["sha256"] for name, file in data.about["files"].items()},
        "train_frames": data.about["files"]["train"]["frames"],
        "test_frames": data.about["files"]["test"]["frames"],
        "processor": processor(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "threads": len(os.sched_getaffinity(0)),
        "train_cpu_seconds": seconds,
        **score(peer.calculator(folder), data.frames("test")),
    }
    line = json.dumps(result, ensure_ascii=False)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(line + "\n", encoding="utf-8")
    print(line)
