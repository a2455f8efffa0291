"""The data: how they are kept, checked on reading, and split."""

import json

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import frames_of

from data_gen import dataset
from data_gen.dataset import Dataset, Statistics, closest_pair, inverse_distances, load, save
from data_gen.errors import DataError


def test_file_round_trip_is_exact(short, tmp_path):
    save(short, tmp_path / "au6.traj")
    again = load(tmp_path / "au6.traj")
    for name in ("positions", "numbers", "energies", "forces", "cell", "pbc"):
        np.testing.assert_array_equal(getattr(again, name), getattr(short, name))
    assert again.checksum() == short.checksum()
    assert again.metadata["dynamics"] == short.metadata["dynamics"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["au6.json", "au6.traj"]


def test_what_was_read_and_altered_gets_a_checksum_of_its_own(short, tmp_path):
    save(short, tmp_path / "au6.traj")
    again = load(tmp_path / "au6.traj")
    save(again[:5], tmp_path / "five.traj")
    assert load(tmp_path / "five.traj").metadata["frames"] == 5


def test_any_ase_file_can_be_given(short, tmp_path):
    ase.io.write(tmp_path / "frames.xyz", frames_of(short), format="extxyz")
    again = load(tmp_path / "frames.xyz")
    np.testing.assert_allclose(again.energies, short.energies, atol=1e-7)
    np.testing.assert_allclose(again.forces, short.forces, atol=1e-7)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "none.traj")


def test_truncated_file(short, tmp_path):
    path = tmp_path / "au6.traj"
    save(short, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"au6\.traj"):
        load(path)


def test_altered_file(short, tmp_path):
    """A flipped bit in a coordinate is not seen by ASE; the checksum sees it."""
    path = tmp_path / "au6.traj"
    save(short, path)
    content = bytearray(path.read_bytes())
    at = content.find(short.positions[3].tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        load(path)


def test_damaged_json(short, tmp_path):
    save(short, tmp_path / "au6.traj")
    (tmp_path / "au6.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load(tmp_path / "au6.traj")


def test_save_leaves_nothing_behind_when_it_fails(short, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset.json, "dumps", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(short, tmp_path / "au6.traj")
    assert list(tmp_path.iterdir()) == []


def test_nan_and_coincident_atoms_are_named(short):
    positions = short.positions.copy()
    positions[7, 2, 1] = np.nan
    with pytest.raises(DataError, match=r"not finite.*frame 7"):
        _with(short, positions=positions)
    positions = short.positions.copy()
    positions[4, 5] = positions[4, 1]
    with pytest.raises(DataError, match="atoms 1 and 5 of frame 4 are on one point"):
        _with(short, positions=positions)
    energies = short.energies.copy()
    energies[2] = np.inf
    with pytest.raises(DataError, match=r"energies.*frame 2"):
        _with(short, energies=energies)


def test_shapes_that_do_not_fit(short):
    with pytest.raises(DataError, match="forces have shape"):
        _with(short, forces=short.forces[:5])
    with pytest.raises(DataError, match="no data"):
        short[:0]


def _with(data: Dataset, **changes) -> Dataset:
    return Dataset(
        **{**{name: getattr(data, name) for name in data.__dataclass_fields__}, **changes}
    )


def test_frames_must_be_alike_and_labelled(short):
    frames = frames_of(short)
    frames[3].symbols[0] = "Pt"
    with pytest.raises(DataError, match="frame 3 is Au5Pt, frame 0 is Au6"):
        dataset.from_frames(frames)
    frames = frames_of(short)
    frames[2].calc = None
    with pytest.raises(DataError, match="frame 2 has no energy"):
        dataset.from_frames(frames)
    frames = frames_of(short)
    frames[1].calc = SinglePointCalculator(frames[1], energy=0.0)
    with pytest.raises(DataError, match="frame 1 has no energy or no forces"):
        dataset.from_frames(frames)
    frames = frames_of(short)
    frames[5].pbc = True
    with pytest.raises(DataError, match="frame 5 has another cell"):
        dataset.from_frames(frames)
    with pytest.raises(DataError, match="no frames"):
        dataset.from_frames([])


def test_closest_pair_sees_periodic_images():
    positions = np.array([[[0.1, 0, 0], [5, 0, 0], [9.95, 0, 0]]])
    args = (np.array([79] * 3), np.zeros(1), np.zeros((1, 3, 3)), np.eye(3) * 10)
    free = Dataset(positions, *args, np.array([False] * 3))
    assert closest_pair(free)[3] == pytest.approx(4.9)
    periodic = Dataset(positions, *args, np.array([True] * 3))
    assert closest_pair(periodic) == (0, 0, 2, pytest.approx(0.15))


def test_split_is_in_time_order_and_never_overlaps(short):
    train, test = short.split(6, 3)
    np.testing.assert_array_equal(train.energies, short.energies[:6])
    np.testing.assert_array_equal(test.energies, short.energies[7:])
    for wrong in ((8, 3), (0, 3), (5, 0)):
        with pytest.raises(DataError):
            short.split(*wrong)


def test_statistics_by_hand_and_from_training_alone(short):
    train, _ = short.split(6, 3)
    inverse = [
        0.0 if i == j else 1.0 / np.linalg.norm(x[i] - x[j])
        for x in train.positions
        for i in range(6)
        for j in range(6)
    ]
    statistics = Statistics.of(train)
    assert statistics.inverse_distance_mean == pytest.approx(np.mean(inverse))
    assert statistics.inverse_distance_std == pytest.approx(np.std(inverse))
    assert statistics.force_rms == pytest.approx(np.sqrt(np.mean(train.forces**2)))
    positions, energies = short.positions.copy(), short.energies.copy()
    positions[7:] *= 1.1
    energies[7:] += 100.0
    other = _with(short, positions=positions, energies=energies)
    assert Statistics.of(other.split(6, 3)[0]) == statistics
    assert inverse_distances(train.positions).diagonal(axis1=1, axis2=2).max() == 0.0


def test_statistics_need_something_to_learn(short):
    with pytest.raises(DataError):
        Statistics.of(short[:1])
    with pytest.raises(DataError, match="same energy"):
        Statistics.of(_with(short, energies=np.full(10, 5.0)))


def test_checksum_sees_every_array(short):
    sums = {short.checksum()}
    for name in ("positions", "energies", "forces", "cell"):
        array = getattr(short, name).copy()
        array.flat[0] += 1e-12
        sums.add(_with(short, **{name: array}).checksum())
    sums.add(_with(short, numbers=np.array([79] * 5 + [78])).checksum())
    assert len(sums) == 6


def test_sidecar_says_how_it_was_made(short, tmp_path):
    save(short, tmp_path / "au6.traj")
    about = json.loads((tmp_path / "au6.json").read_text())
    assert about["frames"] == 10 and about["dynamics"]["seed"] == 0
    assert about["versions"]["asap3"] == "3.13.11"
