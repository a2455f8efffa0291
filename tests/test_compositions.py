"""Constants that a training's compositions leave open, and the compositions that they concern."""

import numpy as np
import pytest

from data_gen.frames import Structure
from keras_models.compositions import is_open, left_open, matrix

CU, AU, OXYGEN = 29, 79, 8


def structure(*numbers: int) -> Structure:
    far = np.arange(len(numbers))[:, None] * [2.0, 0.0, 0.0]
    return Structure(far, np.array(numbers), np.zeros((3, 3)), np.zeros(3, bool))


def test_one_element_or_two_ratios_leave_nothing_open():
    assert left_open([structure(CU, CU), structure(CU)], ["Cu"]) == []
    assert left_open([structure(CU, AU), structure(CU, CU, AU)], ["Au", "Cu"]) == []
    assert left_open([], ["Au", "Cu"]) == []


@pytest.mark.parametrize("copies", [1, 7])
def test_one_ratio_leaves_a_constant_open_that_changes_no_energy_of_it(copies):
    """Whatever the number of atoms."""
    frames = [structure(*n * [CU, AU, AU]) for n in range(1, copies + 1)]
    (one,) = found = left_open(frames, ["Au", "Cu"])
    assert one["Cu"] + 2 * one["Au"] == pytest.approx(0, abs=1e-12)
    assert one["Cu"] ** 2 + one["Au"] ** 2 == pytest.approx(1)
    assert not is_open(np.array(4 * [CU, AU, AU]), found)
    for numbers in ([CU, AU], [CU], [CU, CU, AU, AU, AU, AU, AU]):
        assert is_open(np.array(numbers), found)


def test_isolated_atoms_do_not_count():
    """They say nothing of atoms among others; one with images is a crystal."""
    frames = [structure(CU, AU), structure(CU), structure(AU)]
    assert len(left_open(frames, ["Au", "Cu"])) == 1
    crystal = frames[1]._replace(cell=2.5 * np.eye(3), pbc=np.ones(3, bool))
    assert left_open([frames[0], crystal], ["Au", "Cu"]) == []
    assert left_open(frames[1:], ["Au", "Cu"]) == []


def test_what_a_further_training_determines_is_open_no_more():
    elements = ["Au", "Cu", "O"]
    before = left_open([structure(CU, AU, OXYGEN)], elements)
    assert len(before) == 2 and matrix(before, elements).shape == (2, 3)
    after = left_open([structure(CU, CU, AU, OXYGEN)], elements, before)
    assert len(after) == 1 and abs(after[0]["Au"] + after[0]["O"]) < 1e-12
    assert after[0]["Cu"] == pytest.approx(0, abs=1e-12)
    assert left_open([structure(CU, OXYGEN)], elements, after) == []
    assert left_open([structure(CU)], elements, before) == before


def test_a_structure_of_none_of_the_elements_is_open_to_nothing():
    assert not is_open(np.array([CU]), [])
    assert matrix([], ["Au", "Cu"]).shape == (0, 2)
