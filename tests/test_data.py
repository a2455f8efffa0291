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


def test_a_strangers_json_is_not_the_trajectorys(short, tmp_path):
    """Whatever is in it, it says nothing of the data, and is no reason to refuse them."""
    save(short, tmp_path / "au6.traj")
    ase.io.write(tmp_path / "au6.xyz", frames_of(short), format="extxyz")
    for text in ('["run 1", "run 2"]', '{"cutoff": 6.0}', "7"):
        (tmp_path / "au6.json").write_text(text)
        assert load(tmp_path / "au6.traj").metadata == {"source": str(tmp_path / "au6.traj")}
    # Beside a file that save() did not write, not even its own JSON is, nor one that is broken.
    (tmp_path / "au6.json").write_text("{")
    assert load(tmp_path / "au6.xyz").metadata == {"source": str(tmp_path / "au6.xyz")}
    save(short, tmp_path / "au6.traj")
    assert "sha256" not in load(tmp_path / "au6.xyz").metadata


def test_cells_that_differ_by_rounding_are_one(short):
    frames = frames_of(short)
    for frame in frames:
        frame.pbc = True
        frame.calc.atoms.pbc = True
    for k, (off, fine) in enumerate(((1e-9, True), (5e-7, True), (1e-5, False)), start=1):
        frames[k].cell[0, 0] += off
        frames[k].calc.atoms.cell[0, 0] += off
        if fine:
            assert dataset.from_frames(frames).cell[0, 0] == short.cell[0, 0]
        else:
            with pytest.raises(DataError, match=f"frame {k} has another cell than frame 0"):
                dataset.from_frames(frames)


def test_a_dataset_needs_all_forces(short, tmp_path):
    frames = frames_of(short)
    frames[3].calc = SinglePointCalculator(frames[3], energy=1.0)
    ase.io.write(tmp_path / "a.traj", frames)
    with pytest.raises(DataError, match=r"a\.traj: frame 3 has no forces"):
        load(tmp_path / "a.traj")


def test_the_free_energy_is_that_of_the_forces(short):
    frames = frames_of(short)
    for frame in frames:
        frame.calc.results["free_energy"] = frame.calc.results["energy"] - 0.5
    data = dataset.from_frames(frames)
    np.testing.assert_array_equal(data.energies, short.energies - 0.5)


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
    # The mean of six equal numbers may differ from them in the last digit.
    noise = 1e-15 * np.arange(10)
    with pytest.raises(DataError, match="same energy"):
        Statistics.of(_with(short, energies=-5.77 + noise))
    Statistics.of(_with(short, energies=-3e6 + 1e-3 * np.arange(10)))


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
