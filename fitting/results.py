"""What a training or an evaluation leaves in its folder: numbers, figures, worst frames, page."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from data_gen.files import replacing, write_text
from data_gen.machine import processor, versions
from fitting import page
from fitting.evaluation import Evaluation
from fitting.known import SUMMARY
from fitting.metrics import Errors, of_frames
from fitting.page import Content
from fitting.plots import draw

FIGURES, WORST, NUMBERS = "figures", "worst.extxyz", "metrics.csv"
# So many are shown and written.
WORST_FRAMES = 10
PACKAGES = ("neural-network-potentials", "numpy", "tensorflow", "keras", "ase", "vesin")


def provenance() -> dict[str, str]:
    """Versions and machine."""
    return {**versions(PACKAGES), "processor": processor()}


def use_of(folder: str | Path) -> str:
    """Code that uses the models of a folder, from where the command was run."""
    return (
        "from keras_models.calculator import KerasCalculator\n\n"
        f"atoms.calc = KerasCalculator({json.dumps(str(folder), ensure_ascii=False)})\n"
        "print(atoms.get_potential_energy())"
    )


def write_results(
    folder: Path,
    title: str,
    lead: str,
    words: Sequence[str],
    parts: Sequence[Evaluation],
    names: Sequence[str],
    seen: Sequence[str],
    notes: Sequence[str],
    facts: Mapping[str, Mapping[str, str]],
    use: str,
    curves: Mapping[int, Mapping[str, np.ndarray]] | None = None,
    summary: Mapping | None = None,
) -> Path:
    """Write all files but models and settings; returns the page, which is written last.

    Args:
        folder: for the files.
        title, lead, words, parts, names, seen, notes, facts, use: see
            :class:`fitting.page.Content`.
        curves: of each seed's training.
        summary: further entries of metrics.json.
    """
    folder, last = Path(folder), parts[-1]
    rows = [e for of in parts for e in of.metrics]
    write_text(folder / NUMBERS, as_csv(rows))
    write_text(folder / SUMMARY, _summary(parts, summary or {}))
    chosen = last.worst(WORST_FRAMES)
    write_worst(folder / WORST, last, chosen, names)
    images = draw(folder / FIGURES, parts, curves or {})
    content = Content(title, lead, words, parts, chosen, names, seen, notes, facts, images, use)
    write_text(folder / page.NAME, page.render(content))
    return folder / page.NAME


def as_csv(rows: Sequence[Errors]) -> str:
    """Errors as CSV, in eV/atom and eV/Å."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*(f.name for f in fields(Errors)), "unit"])
    table.writerows([*asdict(row).values(), row.unit] for row in rows)
    return text.getvalue()


def _summary(parts: Sequence[Evaluation], more: Mapping) -> str:
    """JSON of the errors on all frames of each part; numbers that are not finite are null."""

    def plain(e: Errors) -> dict:
        found = {k: v for k, v in asdict(e).items() if k not in ("part", "group", "name")}
        finite = {k: v for k, v in found.items() if not isinstance(v, float) or np.isfinite(v)}
        return {**dict.fromkeys(found), **finite, "unit": e.unit}

    errors = {of.part: [plain(e) for e in of.metrics if e.group == "all"] for of in parts}
    models = {
        of.part: [[plain(e) for e in one] for one in of.metrics_of_models]
        for of in parts
        if len(of.metrics_of_models) > 1
    }
    entries = {"errors": errors, "errors_of_models": models, **more}
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def write_worst(path: Path, of: Evaluation, chosen: Sequence[int], names: Sequence[str]) -> None:
    """Write frames as extended XYZ, with their true and predicted values.

    True values are ``energy`` and ``forces``, predicted ones ``predicted_energy`` and
    ``predicted_forces``; ``frame`` says where a frame is from.
    """
    off, rms = of_frames(of.frames, of.energies, of.forces)
    atoms = []
    for k in chosen:
        structure, forces = of.frames.structures[k], of.frames.forces[k]
        one = Atoms(
            numbers=structure.numbers,
            positions=structure.positions,
            cell=structure.cell,
            pbc=structure.pbc,
        )
        one.info |= {
            "frame": names[k],
            "predicted_energy": float(of.energies[k]),
            "energy_error_per_atom": float(off[k]),
        }
        one.arrays["predicted_forces"] = of.forces[k]
        known = {} if np.isnan(forces).any() else {"forces": forces}
        if known:
            one.info["force_rms_error"] = float(rms[k])
        one.calc = SinglePointCalculator(one, energy=float(of.frames.energies[k]), **known)
        atoms.append(one)
    with replacing(path) as scratch, open(scratch, "w", encoding="utf-8") as file:
        write(file, atoms, format="extxyz")
