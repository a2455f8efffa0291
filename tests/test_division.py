"""Division of a user's frames: parts in blocks, and what must be trained on."""

import numpy as np
import pytest
from ase import Atoms

from data_gen.division import BLOCKS, Division, divide
from data_gen.errors import DataError
from data_gen.frames import Frames, Structure
from keras_models.fit_edges import divided


def frames(*formulas):
    """Frames of the formulas, with their numbers as energies."""
    made = []
    for formula in formulas:
        atoms = Atoms(formula)
        positions = 3.0 * np.arange(len(atoms))[:, None] * [1.0, 0, 0]
        made.append(Structure(positions, atoms.numbers, np.zeros((3, 3)), np.zeros(3, bool)))
    forces = tuple(np.zeros((len(s.numbers), 3)) for s in made)
    return Frames(tuple(made), np.arange(len(made), dtype=float), forces)


def runs(numbers):
    """Contiguous runs in sorted numbers, as (first, length)."""
    return [
        (int(run[0]), len(run))
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    ]


def whole(division, n):
    return sorted([*division.train, *division.test]) == list(range(n))


def test_blocks_are_contiguous_and_spread():
    data = frames(*200 * ["Au2"])
    found = divide(data)
    assert whole(found, 200) and found.kind == "blocks"
    assert [length for _, length in runs(found.test)] == [10, 10]
    first, second = (start for start, _ in runs(found.test))
    assert first < 100 < second
    held = np.sort(found.train[len(found.train) - found.held :])
    assert found.held == 18 and len(runs(held)) == 2
    assert not set(held) & set(found.test)
    assert "162 frames to train on, 18 to validate and 20 to test: contiguous" in found.text()


def test_a_small_validation_block_is_of_as_many_places():
    """Of one run at the end of a trajectory little would be known."""
    data = frames(*1000 * ["Au2"])
    whole_one, few = divide(data), divide(data, validation=0.01)
    held = np.sort(few.train[len(few.train) - few.held :])
    assert few.held == 9 and [length for _, length in runs(held)] == [4, 5]
    assert held[0] < 500 < held[-1] and whole(few, 1000)
    np.testing.assert_array_equal(few.test, whole_one.test)


@pytest.mark.parametrize("kind", ["blocks", "random"])
@pytest.mark.parametrize(
    ("n", "test", "validation"), [(7, 0.1, 0.1), (61, 0.3, 0.2), (500, 0, 0.1)]
)
def test_the_training_takes_the_block_from_the_end(kind, n, test, validation):
    data = frames(*n * ["Au2"])
    found = divide(data, kind, test, validation)
    assert whole(found, n) and abs(len(found.test) - test * n) <= max(1, n / BLOCKS)
    first, block = divided(data[found.train], found.validation)
    assert (len(block) if block else 0) == found.held == int(validation * len(found.train))
    trained = found.train[: len(found.train) - found.held]
    assert first.energies.tolist() == trained.tolist()


def test_single_frames_at_random_by_the_seed():
    data = frames(*300 * ["Au2"])
    one, again, other = (divide(data, "random", seed=s) for s in (1, 1, 2))
    assert one.train.tolist() == again.train.tolist() and whole(one, 300)
    assert one.test.tolist() != other.test.tolist()
    assert len(one.test) == 30 and len(runs(one.test)) > 20 and one.held == 27
    # The training part is in a random order as well, so that its last frames are no relatives.
    assert len(runs(np.sort(one.train[-27:]))) > 15
    assert "drawn at random" in one.text()


@pytest.mark.parametrize("kind", ["blocks", "random"])
def test_each_element_and_kind_is_trained_on_and_isolated_atoms_are(kind):
    """Also where the only ones would be in the last block, or in the middle of one."""
    kinds = [
        (50, "Au2", "md"),
        (1, "Au", "atom"),  # 50
        (30, "AuPt", "md"),
        (1, "Ag", "atom"),  # 81
        (1, "AgAu", "md"),
        (20, "Pt2", "relaxed"),  # 83
        (1, "Cu", "atom"),
        (1, "Au", "md"),
        (1, "Pt", "odd"),
        (5, "Au2", "odd"),  # 106
    ]
    formulas = [formula for n, formula, _ in kinds for _ in range(n)]
    types = [name for n, _, name in kinds for _ in range(n)]
    data = frames(*formulas)
    for validation in (0.1, 0.5):
        found = divide(data, kind, 0.2, validation, types)
        trained = found.train[: len(found.train) - found.held].tolist()
        assert whole(found, len(formulas))
        # The isolated atoms, the first of each element besides them, and of each type.
        assert {50, 81, 103, 104, 105, 0, 51, 82, 83, 106} <= set(trained)
        assert data[found.train][: len(trained)].elements == data.elements
        assert {types[k] for k in trained} == set(types)
        assert 0.15 < len(found.test) / len(formulas) < 0.25
    if kind == "blocks":
        # Each type has its share in the tests.
        tested = [types[k] for k in found.test]
        assert tested.count("md") >= 12 and tested.count("relaxed") >= 3


def test_the_share_of_the_block_gives_its_length_in_floating_point():
    """int(29 / 100 * 100) is 28."""
    nobody = np.zeros(0, int)
    for n in range(1, 120):
        for held in range(n):
            share = Division(np.arange(n), nobody, held, "blocks").validation
            assert int(share * n) == held


def test_types_of_one_frame_each_are_no_types():
    data = frames(*30 * ["Au2"])
    types = [f"mp-{k}" for k in range(30)]
    found = divide(data, "blocks", 0.1, 0.1, types)
    assert found.train.tolist() == divide(data).train.tolist() and len(found.test) == 3


@pytest.mark.parametrize("second", [30, 100])
@pytest.mark.parametrize("types", [None, [f"mp-{k}" for k in range(1100)]])
def test_a_small_second_file_is_tested_and_validated_on(second, types):
    """Of both files together, all blocks to test on were of the first; also of no config_types."""
    n = 1000 + second
    files = [*1000 * ["a.xyz"], *second * ["b.xyz"]]
    found = divide(frames(*n * ["Au2"]), config_types=types and types[:n], files=files)
    held, trained = found.train[len(found.train) - found.held :], found.train[: -found.held]
    assert whole(found, n) and {0, 1000} <= set(trained)
    for part, share in ((found.test, 0.1), (held, 0.09)):
        assert (part >= 1000).sum() == pytest.approx(share * second, abs=2)
    # As before, each config_type has its share, in each file.
    types = [f"{k % 7 < 2}" for k in range(n)]
    found = divide(frames(*n * ["Au2"]), config_types=types, files=files)
    assert {(types[k], files[k]) for k in found.test} == set(zip(types, files, strict=True))


def test_many_small_files_are_tested_as_wholes():
    """Single frames of each would have relatives that are trained on."""
    data, files = frames(*1000 * ["Au2"]), [f"{k // 10}/OUTCAR" for k in range(1000)]
    found = divide(data, files=files)
    assert found.train.tolist() == divide(data).train.tolist()
    assert [length for _, length in runs(found.test)] == [50, 50]
    with pytest.raises(DataError, match="3 files for 1000 frames"):
        divide(data, files=files[:3])


def test_few_frames_and_wrong_shares():
    two = divide(frames("Au2", "Au2"))
    assert two.train.tolist() == [0] and two.test.tolist() == [1] and two.held == 0
    # All of these must be trained on, and none is left over to validate.
    must = divide(frames("Au2", "Ag2", "Cu2", "Pt2"), test=0, validation=0.5)
    assert must.train.tolist() == [0, 1, 2, 3] and must.held == 0
    for data, arguments, says in (
        (frames("Au2"), {}, r"too few frames \(1\) to leave some out"),
        (frames("Au", "Ag2"), {}, r"too few frames \(2\) to leave some out"),
        (frames("Au2", "Au2"), {"kind": "strides"}, "a division by 'strides' is not known"),
        (frames("Au2", "Au2"), {"test": 1.0}, "shares of 1.0 and 0.1"),
        (frames("Au2", "Au2"), {"validation": -0.1}, "shares of 0.1 and -0.1"),
        (frames("Au2", "Au2"), {"config_types": ["md"]}, "1 config_types for 2 frames"),
    ):
        with pytest.raises(DataError, match=says):
            divide(data, **arguments)


@pytest.mark.parametrize(("count", "each", "many"), [(40, 25, True), (2, 500, False)])
def test_short_blocks_beside_trained_frames_are_said(count, each, many):
    """Of many runs a block is of a frame or two, whose neighbours are trained on."""
    data = frames(*count * each * ["Au2"])
    found = divide(data, files=[f"run{k // each}" for k in range(count * each)])
    trained = set(found.train[: len(found.train) - found.held])
    beside = [
        k
        for k in found.test
        if any(j in trained and j // each == k // each for j in (k - 1, k + 1))
    ]
    assert found.beside == len(beside)
    said = f"{len(beside)} of the frames to test stand next to one that is trained on"
    assert (said in found.text()) == many == (2 * len(beside) > len(found.test))
    # Frames at random are said to flatter in any case.
    assert "stand next to" not in divide(data, "random").text()
