"""Part c of the audit: the Au6 trajectory generated again, and EMT's energies of stored frames.

Molecular dynamics is chaotic: a processor with different rounding gives the same beginning, but
then another trajectory. This is reported, but is not a fault.
"""

import json
from pathlib import Path

import asap3
import numpy as np
from ase import Atoms

from checks.audit import tolerances
from checks.audit.errors import REFERENCE, half_step
from checks.audit.report import Part
from data_gen.dataset import Dataset
from data_gen.dynamics import run_dynamics
from data_gen.errors import DataError
from data_gen.sources import FileSettings
from reproduction.sections import EXPERIMENTS, SOURCES

NAME = "au6"


def committed_checksum(results: Path, name: str) -> str:
    """SHA-256 of the trajectory that all committed rows on a dataset were trained on.

    Raises:
        ValueError: they were trained on different ones, or there are no such rows.
    """
    about = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    found = {
        run["data_sha256"]
        for row, runs in about.items()
        if row in EXPERIMENTS
        for seed, run in runs.items()
        if EXPERIMENTS[row].of_seed(int(seed)).dataset == name
    }
    if len(found) != 1:
        raise ValueError(f"provenance.json: rows on {name} have {len(found)} trajectories, not one")
    return found.pop()


def wrong_emt(results: Path) -> tuple[int, list[str]]:
    """Number of frames in results/data, and messages on those whose energy is not EMT's.

    The positions are float32; the resulting uncertainty of energies follows from EMT's forces.
    Data that come from a file, such as those of density functional theory, are left out.
    """
    faults, total = [], 0
    for path in sorted((results / "data").glob("*.npz")):
        if path.stem in SOURCES and isinstance(SOURCES[path.stem].origin, FileSettings):
            continue
        with np.load(path) as stored:
            kept = dict(stored)
        for frame, x in zip(kept["frames"], kept["positions"], strict=True):
            atoms = Atoms(kept["numbers"], x.astype(float), cell=kept["cell"], pbc=kept["pbc"])
            atoms.calc = asap3.EMT()
            forces = atoms.get_forces(apply_constraint=False)
            rounding = float((np.abs(forces) * half_step(x)).sum())
            stored_energy = float(kept["energies"][frame])
            off = abs(atoms.get_potential_energy() - stored_energy)
            total += 1
            if not off <= rounding + tolerances.SAME_ENERGY:
                faults.append(
                    f"{path.stem}, frame {frame}: results/data has E = {stored_energy:.6f} eV, "
                    f"EMT's is off by {off:.2g} eV"
                )
    return total, faults


def references(results: Path, name: str | None = None) -> list[tuple[str, str, dict]]:
    """References in results/predictions as (file name, dataset, arrays), of one dataset or all."""
    found = []
    for path in sorted((results / "predictions").glob("reference-*.npz")):
        named = REFERENCE.fullmatch(path.name)
        if named and name in (None, named["data"]):
            with np.load(path) as stored:
                found.append((path.name, named["data"], dict(stored)))
    return found


def wrong_references(results: Path) -> tuple[int, list[str]]:
    """Number of energy arrays in references, and messages on those unlike the stored trajectory."""
    faults, total = [], 0
    for file, name, arrays in references(results):
        with np.load(results / "data" / f"{name}.npz") as stored:
            energies = stored["energies"].astype(float)
        for split in ("train", "test"):
            total += 1
            off = np.abs(arrays[f"energy_{split}"] - energies[arrays[f"energy_{split}_frames"]])
            if not off.max() <= tolerances.SAME_ENERGY:
                faults.append(f"{file}: energies of the {split} part are not those in results/data")
    return total, faults


def wrong_labels(results: Path, data: Dataset) -> tuple[int, list[str]]:
    """Number of arrays in the references of Au6, and messages on those unlike a trajectory.

    For the committed trajectory itself: every element must be identical at its stored precision.
    """
    faults, total = [], 0
    for file, _, arrays in references(results, NAME):
        for kind, labels in (("energy", data.energies), ("force", data.forces)):
            for split in ("train", "test"):
                total += 1
                there = arrays[f"{kind}_{split}"]
                here = labels[arrays[f"{kind}_{split}_frames"]].astype(there.dtype)
                if not np.array_equal(there, here):
                    faults.append(f"{file}: {kind}_{split} is not the trajectory's")
    return total, faults


def parted(data: Dataset, energies: np.ndarray) -> int:
    """Number of the first frame whose energy differs from the stored one; all frames if none."""
    apart = ~(np.abs(data.energies - energies) <= tolerances.SAME_ENERGY)
    return int(apart.argmax()) if apart.any() else len(energies)


def audit(results: Path) -> tuple[Part, Dataset | None]:
    """Generate Au6's trajectory and compare it with the committed data.

    Returns:
        The result, and the trajectory of this machine; None if an atom leaves the cluster in it.
    """
    part = Part("c  trajectory")
    try:
        data = run_dynamics(SOURCES[NAME].origin)
    except DataError as error:
        # This happens rarely, by chance: the cluster is hot enough to lose an atom.
        part.faults.append(f"Au6: {error}")
        part.sentence = "This processor's Au6 trajectory is unusable: nothing can be compared."
        return part, None
    try:
        committed = committed_checksum(results, NAME)
        same = data.checksum() == committed
        part.count(
            "energies of stored frames, by EMT",
            *wrong_emt(results),
            f"{tolerances.SAME_ENERGY:g} eV and float32 positions",
        )
        part.count(
            "reference energies, in the stored data",
            *wrong_references(results),
            f"{tolerances.SAME_ENERGY:g} eV",
        )
        with np.load(results / "data" / f"{NAME}.npz") as stored:
            energies = stored["energies"].astype(float)
    except (ValueError, KeyError, OSError) as error:
        part.faults.append(f"results/ cannot be read: {error}")
        part.sentence = "The stored trajectory is not in the documented format."
        return part, data
    alike = parted(data, energies)
    here, there = data.checksum()[:8], committed[:8]
    part.details = {
        "checksum_here": data.checksum(),
        "checksum_committed": committed,
        "same_trajectory": same,
        "frames_alike_from_the_start": alike,
        "energy_mean_std_here_eV": [float(data.energies.mean()), float(data.energies.std())],
        "energy_mean_std_committed_eV": [float(energies.mean()), float(energies.std())],
    }
    if alike == len(energies):
        # Whatever provenance.json says: no other processor has the same chaos to the end.
        part.lines.append(("checksum of Au6 made anew", here, "the same", same))
        part.count(
            "references of Au6, in the data made anew",
            *wrong_labels(results, data),
            "every bit",
        )
        part.sentence = (
            f"This machine gives the committed Au6 trajectory, checksum {here}…, and the reference "
            "energies and forces of Au6's predictions are from it."
        )
        if not same:
            part.faults.append(f"provenance.json has the checksum {there}… of Au6, not {here}…")
        if not part.good:
            part.sentence = f"This machine gives the committed Au6 trajectory ({here}…), but:"
        return part, data
    good = alike >= tolerances.SAME_FRAMES
    part.lines.append(
        (
            "Au6 made anew, frames alike from the start",
            f"{alike} of {len(energies)}",
            f"{tolerances.SAME_FRAMES} frames, {tolerances.SAME_ENERGY:g} eV",
            good,
        )
    )
    if good:
        part.sentence = (
            f"This processor gives another Au6 trajectory ({here}…, committed {there}…): the same "
            f"up to frame {alike - 1}, then chaos; mean energy {data.energies.mean():.3f} ± "
            f"{data.energies.std():.3f} eV over frames, committed {energies.mean():.3f} ± "
            f"{energies.std():.3f} eV."
        )
    else:
        part.faults.append(f"the trajectory differs from the committed one from frame {alike} on")
        part.sentence = (
            f"The Au6 trajectory made here ({here}…) is not a continuation of the committed one's "
            f"({there}…) first {tolerances.SAME_FRAMES} frames."
        )
    return part, data
