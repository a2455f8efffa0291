"""Data from a published file: only the file that is meant, and only as much as is asked for."""

import hashlib
from dataclasses import asdict, replace

import pytest
from ase.io import iread, write

from data_gen.dataset import save
from data_gen.dynamics import DynamicsSettings
from data_gen.errors import DataError
from data_gen.origin import load_made
from data_gen.sources import FOLDER, FileSettings, make, read_published


@pytest.fixture
def published(au6, tmp_path):
    """A folder with a file of 20 frames, and its settings."""
    path = tmp_path / "some.extxyz"
    save(au6[:20], tmp_path / "some.traj")
    write(path, list(iread(tmp_path / "some.traj")))
    return tmp_path, FileSettings(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def test_frames_of_the_file_are_the_data(published, au6):
    folder, settings = published
    data = read_published(settings, folder)
    assert len(data) == 20 and data.metadata == {"file": asdict(settings)}
    assert data.positions == pytest.approx(au6.positions[:20], abs=1e-7)
    assert len(read_published(replace(settings, frames=7), folder)) == 7


def test_another_file_of_the_same_name_is_refused(published):
    folder, settings = published
    path = folder / settings.file
    path.write_text(path.read_text().replace("Au", "Ag"))
    with pytest.raises(DataError, match="its checksum is"):
        read_published(settings, folder)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_published(settings, folder)


def test_data_of_a_file_are_not_those_of_another_or_of_dynamics(published, tmp_path):
    folder, settings = published
    path = tmp_path / "kept.traj"
    save(read_published(settings, folder), path)
    assert len(load_made(path, settings)) == 20
    with pytest.raises(DataError, match="made with frames = None, not 5"):
        load_made(path, replace(settings, frames=5))
    with pytest.raises(DataError, match="not made by"):
        load_made(path, DynamicsSettings(steps=1000))


def test_the_published_file_is_whole():
    """As its README says: 3,457 frames of twelve gold atoms."""
    path = FOLDER / "au12_dft.extxyz.xz"
    settings = FileSettings(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), frames=5)
    data = make(settings)
    assert data.numbers.tolist() == [79] * 12 and not data.pbc.any()
    assert data.energies[0] == -28.27632


def test_some_frames_are_at_least_one():
    with pytest.raises(DataError, match="at least one frame"):
        FileSettings("some.extxyz", "", frames=0)
