"""Made-up results whose numbers agree, and ways to make them disagree: for tests of the audit."""

import json
from pathlib import Path

import numpy as np

from data_gen.dataset import Dataset

ROW, FORCES = "table4/eq2", "table5/eq6-200"
N_TRAIN, N_TEST = 300, 100
REFERENCE = f"reference-au6-{N_TRAIN}-{N_TEST}-01234567.npz"
HEADER = "experiment,seed,split,metric,value,unit"


def rewrite(path: Path, **changed) -> None:
    """Some arrays of an npz made others."""
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, **changed})


def array(path: Path, name: str) -> np.ndarray:
    with np.load(path) as stored:
        return stored[name]


def measured(kind: str, off: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Errors as the project has them, spelt out once more."""
    found = {"rmse": (off**2).mean() ** 0.5, "mae": abs(off).mean(), "max": abs(off).max()}
    if kind == "energy":
        about = true - true.mean()
        found |= {"bias": off.mean(), "slope": (about * off).sum() / (about**2).sum()}
    return {f"{kind}_{name}": value for name, value in found.items()}


def make_results(folder: Path, au6: Dataset, rng: np.random.Generator) -> Path:
    """Made-up results: one row of energies and one of forces, two seeds each."""
    for name in ("predictions", "curves", "data"):
        (folder / name).mkdir(parents=True)
    parts = {"train": np.arange(N_TRAIN), "test": np.arange(N_TRAIN, N_TRAIN + N_TEST)}
    every = {("energy", "train"): 4, ("force", "train"): 20}
    reference, lines = {}, [HEADER]
    for row, kind, labels, dtype in (
        (ROW, "energy", au6.energies, float),
        (FORCES, "force", au6.forces, np.float32),
    ):
        predicted, curve = {"reference": REFERENCE}, np.ones((2, 40, 2))
        for split, frames in parts.items():
            some = slice(None, None, every.get((kind, split), 1))
            reference[f"{kind}_{split}"] = labels[frames][some].astype(dtype)
            reference[f"{kind}_{split}_frames"] = frames[some]
            for seed in (0, 1):
                off = 0.01 * rng.standard_normal(labels[frames].shape)
                if seed == 0:
                    predicted[f"{kind}_{split}"] = (labels[frames] + off)[some].astype(dtype)
                found = measured(kind, off, labels[frames])
                curve[seed, :, int(split == "test")] = found[f"{kind}_rmse"]
                lines += [f"{row},{seed},{split},{name},{v:.7g}," for name, v in found.items()]
        name = row.replace("/", "-") + ".npz"
        np.savez(folder / "predictions" / name, **predicted)
        epochs = np.tile(np.arange(40), (2, 1))
        arrays = {"curve_epochs": epochs, f"curve_{kind}": curve.astype(np.float32)}
        np.savez(folder / "curves" / name, **arrays)
    np.savez(folder / "predictions" / REFERENCE, **reference)
    np.savez(
        folder / "data/au6.npz",
        energies=au6.energies.astype(np.float32),
        frames=[0, 399],
        positions=au6.positions[[0, 399]].astype(np.float32),
        numbers=au6.numbers,
        cell=au6.cell,
        pbc=au6.pbc,
    )
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    about = {row: {"0": {"data_sha256": au6.checksum()}} for row in (ROW, FORCES)}
    (folder / "provenance.json").write_text(json.dumps(about))
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """One place in a text."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit_value(results: Path, key: str, factor: float) -> None:
    """One line of metrics.csv, as "row,seed,split,metric"."""
    path = results / "metrics.csv"
    line = next(x for x in path.read_text().splitlines() if x.startswith(key + ","))
    edit(path, line, f"{key},{float(line.split(',')[4]) * factor:.7g},")
