"""An evaluation by the script: what is on its page and in its figures is what was found."""

import contextlib
import csv
import io
import re
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import write
from conftest import graphs_alone
from own_data import atoms_of, frames_of_two_elements
from pair_potential import TINY

from fitting import evaluating, plots, predicting
from fitting.evaluation import Potential, evaluate
from fitting.metrics import ENERGY, FORCE, NAMES
from fitting.show import beside, number
from keras_models import catalogue
from keras_models.reference import reference_energies
from keras_models.saving import save_model
from reproduction.engine.provenance import ROOT

# Of the energies' zero, eV/atom: more than models are off that were not trained.
SHIFT = 5.0


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two models on 40 frames whose labels have names of their own and energies another zero."""
    base = tmp_path_factory.mktemp("pages")
    frames = frames_of_two_elements(40)
    references = reference_energies([s.numbers for s in frames.structures], frames.energies)
    for seed in range(2):
        model = catalogue.build("linear_eq4", frames, (5,), None, TINY, seed, "float32")
        path = base / f"m/models/seed{seed}.keras"
        save_model(model, path, list(references), references, baseline=references)
    named = [atoms_of(frames, k) for k in range(40)]
    for atoms in named:
        atoms.info["E_dft"] = atoms.get_potential_energy() + SHIFT * len(atoms)
        atoms.arrays["F_dft"] = atoms.get_forces()
        atoms.calc = None
    write(base / "other.extxyz", named)
    argv = ["evaluate.py", base / "m", base / "other.extxyz", "--out", base / "out"]
    argv += ["--energy-key", "E_dft", "--forces-key", "F_dft"]
    said, found, figures, save = io.StringIO(), [], {}, plots.save

    def keep(figure, folder, name, **how):
        figures[name] = figure
        return save(figure, folder, name, **how)

    with (
        pytest.MonkeyPatch.context() as patch,
        graphs_alone(),
        contextlib.redirect_stdout(said),
        pytest.raises(SystemExit) as end,
    ):
        patch.setattr(sys, "argv", [str(a) for a in argv])
        patch.setattr(plots, "save", keep)
        patch.setattr(
            evaluating, "evaluate", lambda *a, **k: found.append(evaluate(*a, **k)) or found[0]
        )
        runpy.run_path(str(ROOT / "scripts/evaluate.py"), run_name="__main__")
    return SimpleNamespace(
        status=end.value.code,
        said=" ".join(said.getvalue().split()),
        folder=base / "out",
        page=(base / "out/report.html").read_text(encoding="utf-8"),
        of=found[0],
        figures=figures,
        frames=frames,
    )


def test_the_script_takes_the_labels_that_it_is_told(done):
    assert done.status == 0 and f"Done: {done.folder / 'report.html'}".replace(" ", "") in (
        done.said.replace(" ", "")
    )
    of, given = done.of.frames, done.frames
    np.testing.assert_allclose(of.energies, given.energies + SHIFT * given.sizes)
    for a, b in zip(of.forces, given.forces, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.mark.usefixtures("without_xla")
def test_frames_in_blocks_are_predicted_as_together(done, monkeypatch):
    monkeypatch.setattr(predicting, "BLOCK", 7)
    frames = done.frames[:20]
    energies, forces = Potential(done.folder.parent / "m")(frames)
    np.testing.assert_allclose(energies, done.of.energies_of_models[:, :20], atol=1e-4)
    for found, wanted in zip(forces, done.of.forces_of_models, strict=True):
        for a, b in zip(found, wanted[:20], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_another_zero_of_the_energies_is_told_where_it_is_read(done):
    for text in (done.said, " ".join(done.page.split())):
        assert "Nearly all of it is one shift" in text


def test_errors_on_the_page_are_those_of_metrics_csv(done):
    """In their columns; no two of them are equal here."""
    table = done.page.split('id="totals"')[1].split("</table>")[0]
    assert re.findall(r'<th scope="col">(.*?)</th>', table) == [
        *("quantity", "part", "RMSE", "baseline", "MAE", "largest", "bias"),
        "frames or components",
    ]
    shown = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("<tr>")[2:]]
    with open(done.folder / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "all"]
    assert len(shown) == len(rows) == 2
    for cells, row in zip(shown, rows, strict=True):
        x = {name: 1000 * float(row[name]) for name in ("rmse", "baseline", "mae", "largest")}
        bias = beside(1000 * float(row["bias"]), x["rmse"])
        unit = row["unit"]
        assert cells == [
            f"{NAMES[row['quantity']]}, m{unit}",
            row["part"],
            *map(number, x.values()),
            bias,
            f"{int(row['count']):,}",
        ]
        assert len({*map(number, x.values()), bias}) == 5


def test_points_of_parity_have_the_true_values_along_x(done):
    of = done.of
    known = np.concatenate([f.ravel() for f in of.frames.forces])
    found = np.concatenate([f.ravel() for f in of.forces])
    sizes = of.frames.sizes
    for quantity, x, y in (
        (ENERGY, *((e - of.baseline) / sizes for e in (of.frames.energies, of.energies))),
        (FORCE, known, found),
    ):
        (axes,) = done.figures[f"parity_{quantity}"].axes
        (points,) = axes.collections
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([x, y]), atol=1e-9)
        assert axes.get_xlabel().startswith("true ") and axes.get_ylabel().startswith("predicted ")


def test_points_of_uncertainty_have_the_spread_along_x(done):
    of = done.of
    off = np.concatenate(
        [(a - b).ravel() for a, b in zip(of.forces, of.frames.forces, strict=True)]
    )
    spread = np.concatenate([f.ravel() for f in of.forces_std])
    (axes,) = done.figures["uncertainty"].axes
    assert axes.get_xlabel().startswith("spread ") and axes.get_ylabel().startswith("error ")
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, 1000 * np.column_stack([spread, abs(off)]))
    bins, line = axes.lines
    x, y = bins.get_data()
    assert (np.diff(x) > 0).all() and len(x) == 20
    counts = [len(part) for part in np.array_split(spread, 20)]
    for values, all_of in ((x, spread), (y, off)):
        rms = np.sqrt(np.average(np.square(values), weights=counts))
        assert rms == pytest.approx(1000 * np.sqrt(np.mean(all_of**2)))
    np.testing.assert_array_equal(*line.get_data())
