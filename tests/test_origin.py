"""Data that a row takes are those that it names, or are refused in one sentence."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from data_gen.dataset import save, sidecar
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.errors import DataError
from data_gen.origin import load_made
from reproduction.sections import SOURCES

ROOT = Path(__file__).parent.parent
SETTINGS = DynamicsSettings(steps=500)


@pytest.fixture(scope="module")
def made():
    return run_dynamics(SETTINGS)


def kept(data, folder, **altered):
    """A trajectory whose JSON and checksum fit it, altered or not."""
    path = folder / "au6.traj"
    save(replace(data, **altered), path)
    return path


def edited(path, change):
    about = json.loads(sidecar(path).read_text())
    change(about)
    sidecar(path).write_text(json.dumps(about))
    return path


def refusal(path, settings=SETTINGS):
    with pytest.raises(DataError) as caught:
        load_made(path, settings)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_made_is_read(made, tmp_path):
    assert load_made(kept(made, tmp_path), SETTINGS).checksum() == made.checksum()


def test_the_same_frames_of_other_elements_are_refused(made, tmp_path):
    copper = kept(made, tmp_path, numbers=np.full(6, 29))
    assert "its atoms are Cu6, not Au6 as in au6-octahedron" in refusal(copper)


def test_another_number_of_atoms_is_refused(made, tmp_path):
    fewer = {name: getattr(made, name)[:, :5] for name in ("positions", "forces")}
    five = kept(made, tmp_path, numbers=made.numbers[:5], **fewer)
    assert "its atoms are Au5, not Au6" in refusal(five)


def test_another_order_of_atoms_is_refused(tmp_path):
    settings = DynamicsSettings("pt8au2-slab", steps=100)
    slab = run_dynamics(settings)
    turned = {name: getattr(slab, name)[:, ::-1] for name in ("positions", "forces")}
    path = kept(slab, tmp_path, numbers=slab.numbers[::-1], **turned)
    assert "in another order" in refusal(path, settings)


def test_another_cell_is_refused(made, tmp_path):
    assert "its cell is not that of" in refusal(kept(made, tmp_path, cell=made.cell + 0.1))


def test_other_boundary_conditions_are_refused(made, tmp_path):
    periodic = kept(made, tmp_path, pbc=np.array([True, False, False]))
    assert "boundary conditions are [True, False, False], not [False" in refusal(periodic)


def test_other_dynamics_are_refused(made, tmp_path):
    path = kept(made, tmp_path)
    wrong = refusal(path, replace(SETTINGS, seed=7))
    assert "it was made with seed = 0, not 7" in wrong and "01_generate_data.py" in wrong
    path = kept(made, tmp_path, metadata={})
    assert "not made by" in refusal(path)


def test_other_units_are_refused(made, tmp_path):
    def in_hartree(about):
        about["units"]["energies"] = "Ha"

    assert "its units are" in refusal(edited(kept(made, tmp_path), in_hartree))


@pytest.mark.parametrize(("name", "says"), [("sha256", "no checksum"), ("units", "no units")])
def test_a_json_that_leaves_out_what_counts_is_refused(made, tmp_path, name, says):
    assert says in refusal(edited(kept(made, tmp_path), lambda about: about.pop(name)))


def test_a_trajectory_without_its_json_is_refused(made, tmp_path):
    path = kept(made, tmp_path)
    sidecar(path).unlink()
    assert "au6.json is not beside it" in refusal(path)


def script(name, folder, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / name), "--folder", str(folder), *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_scripts_take_no_foreign_data(made, tmp_path):
    """Gold under the slab's name: nothing is run on it, and the results stay as they were."""
    foreign = replace(made, metadata={"dynamics": asdict(SOURCES["pt8au2"].origin)})
    save(foreign, tmp_path / "data/pt8au2.traj")
    drawn = tmp_path / "results/data/pt8au2.npz"
    drawn.parent.mkdir(parents=True)
    np.savez(drawn, energies=[1.0])
    before = drawn.read_bytes()
    done = script("02_behler_baseline.py", tmp_path, "--only", "beyond/behler-pt8au2-shifted")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "its atoms are Au6, not Au2Pt8 as in pt8au2-slab" in done.stderr
    done = script("08_report.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "its atoms are Au6" in " ".join(done.stdout.split())
    assert drawn.read_bytes() == before
