"""Constants that a training's compositions leave open, and the compositions that they concern."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from contract.models import build

from data_gen.frames import Structure
from keras_models.calculator import KerasCalculator
from keras_models.compositions import is_open, left_open, matrix
from keras_models.saving import save_model

CU, AU, OXYGEN = 29, 79, 8
REFERENCES = {"Au": -19357.25, "Pt": 0.5}


@pytest.fixture(scope="module")
def model():
    return build("eq2_neighbours")


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
    assert not is_open(structure(*4 * [CU, AU, AU]), found)
    for numbers in ([CU, AU], [CU], [CU, CU, AU, AU, AU, AU, AU]):
        assert is_open(structure(*numbers), found)


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
    assert not is_open(structure(CU), [])
    assert matrix([], ["Au", "Cu"]).shape == (0, 2)


def test_an_isolated_atom_whose_energy_is_known_is_not_open():
    """As one is asked for an energy of atomisation; one with images is a crystal."""
    found = left_open([structure(CU, AU)], ["Au", "Cu"])
    atom = structure(CU)
    assert not is_open(atom, found, {"Cu"}) and is_open(atom, found, {"Au"})
    crystal = atom._replace(cell=2.5 * np.eye(3), pbc=np.ones(3, bool))
    assert is_open(crystal, found, {"Cu"}) and is_open(structure(CU, CU), found, {"Cu"})


def test_many_frames_take_memory_of_their_number():
    """Not of its square: 100,000 frames asked for 75 GB after the last step of a training."""
    one, two = structure(CU, AU), structure(CU, CU, AU)
    assert len(left_open(30_000 * [one], ["Au", "Cu"])) == 1
    assert left_open([*30_000 * [one], two], ["Au", "Cu"]) == []


@pytest.mark.filterwarnings("default::keras_models.calculator.ExtrapolationWarning")
@pytest.mark.usefixtures("without_xla")
def test_a_composition_that_the_training_left_open_is_said_once(model, tmp_path):
    """Its energy was wrong by a thousand eV, and nothing said so."""
    open_ = [{"Au": 1.0, "Pt": -1.0}]
    save_model(model, tmp_path / "m.keras", REFERENCES, REFERENCES, undetermined=open_)
    calculator = KerasCalculator(tmp_path / "m.keras", skin=0)
    half = Atoms("AuPtAuPt", np.arange(12.0).reshape(4, 3))
    more = Atoms("AuPtAuAu", half.positions)
    said = []
    for atoms in (half, more, half, more):
        atoms.calc = calculator
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            atoms.get_potential_energy()
        said.append([str(w.message) for w in caught if "open by a constant" in str(w.message)])
    assert [len(x) for x in said] == [0, 1, 0, 0]
    assert said[1][0].startswith("the energy of Au3Pt is open by a constant")
    save_model(
        model, tmp_path / "m.keras", REFERENCES, REFERENCES, undetermined=open_, isolated=["Au"]
    )
    calculator = KerasCalculator(tmp_path / "m.keras")
    assert calculator.ensemble.isolated == {"Au"}
    for symbol, count in (("Au", 0), ("Pt", 1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Atoms(symbol, calculator=calculator).get_potential_energy()
        assert sum("open by a constant" in str(w.message) for w in caught) == count
    # Models from before say nothing of it.
    save_model(model, tmp_path / "old.keras", REFERENCES, REFERENCES)
    assert KerasCalculator(tmp_path / "old.keras").ensemble.undetermined == ()


def test_a_training_that_is_not_finished_is_said(model, tmp_path):
    """One model of two has no spread, and is another one than that of the page to come."""
    (tmp_path / "models").mkdir()
    save_model(model, tmp_path / "models/seed0.keras", REFERENCES, REFERENCES)
    (tmp_path / "config.json").write_text('{"seeds": [0, 1]}')
    with pytest.warns(UserWarning, match="has 1 of 2 models: its training is not finished"):
        assert KerasCalculator(tmp_path).size == 1
    save_model(model, tmp_path / "models/seed1.keras", REFERENCES, REFERENCES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert KerasCalculator(tmp_path).size == 2
