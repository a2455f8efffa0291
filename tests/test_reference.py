"""Reference energies of the elements by least squares."""

import numpy as np
import pytest
from ase import Atoms

from data_gen.frames import Frames, Structure, isolated_atoms
from keras_models.reference import reference_energies, sums_of_references

TRUE = {"Au": -3.25, "Pt": 1234.5, "H": -13.6}


def numbers(*formulas):
    return [Atoms(f).numbers for f in formulas]


def test_are_found_where_compositions_tell_them_apart(rng):
    z = numbers("Au3Pt", "AuPt2", "HAu", "H2Pt5", "Au8")
    energies = sums_of_references(z, TRUE)
    assert energies[0] == 3 * -3.25 + 1234.5
    found = reference_energies(z, energies)
    assert found == pytest.approx(TRUE, abs=1e-9)


def test_the_smallest_norm_where_they_do_not():
    """One composition: a x + b y = E has its shortest solution along (a, b)."""
    found = reference_energies(numbers("Pt8Au2", "Pt8Au2"), np.array([67.0, 69.0]))
    assert found["Pt"] == pytest.approx(8 * 68 / 68) and found["Au"] == pytest.approx(2 * 68 / 68)


def test_each_atom_of_a_large_structure_counts_as_much_as_of_a_small_one():
    found = reference_energies(numbers("Au", "Au100"), np.array([-1.0, -300.0]))
    assert found["Au"] == pytest.approx(-2.0)


def test_isolated_atoms_are_taken_as_they_are():
    z = numbers("Au3Pt", "AuPt2", "Pt")
    energies = sums_of_references(z, TRUE) - 0.5 * np.array([4, 3, 0])
    found = reference_energies(z, energies, {"Pt": 1234.5, "H": -13.6})
    assert found["Pt"] == 1234.5 and found["H"] == -13.6
    # The rest is as near as it gets: -0.5 eV of each atom is left to gold alone.
    a, b = np.array([3 / 4, 1 / 3]), energies[:2] - 1234.5 * np.array([1, 2])
    assert found["Au"] == pytest.approx(a @ (b / [4, 3]) / (a @ a))


def test_isolated_atoms_of_frames():
    def one(formula, pbc=False):
        atoms = Atoms(formula, positions=3.0 * np.arange(len(Atoms(formula)))[:, None] * [1, 0, 0])
        return Structure(atoms.positions, atoms.numbers, 9.0 * np.eye(3), np.full(3, pbc))

    chosen = (one("Au"), one("Pt", pbc=True), one("Au2"))
    data = Frames(chosen, np.array([-1.0, -2.0, -3.0]), tuple(np.zeros((n, 3)) for n in (1, 1, 2)))
    assert isolated_atoms(data) == {"Au": -1.0}


def test_digits_survive_where_single_precision_loses_them():
    z = numbers("Au13", "Au12Pt")
    reference = {"Au": -523_456.789, "Pt": -490_000.125}
    np.testing.assert_allclose(
        sums_of_references(z, reference),
        [13 * -523_456.789, 12 * -523_456.789 - 490_000.125],
        rtol=1e-15,
    )


@pytest.mark.parametrize(
    ("z", "energies", "says"),
    [
        ([], [], "0 structures"),
        (numbers("Au"), [1.0, 2.0], "1 structures"),
        (numbers("Au"), [np.nan], "not finite"),
    ],
)
def test_what_has_no_answer(z, energies, says):
    with pytest.raises(ValueError, match=says):
        reference_energies(z, np.array(energies))


def test_an_element_without_reference_is_named():
    with pytest.raises(ValueError, match="no reference energy of Pt"):
        sums_of_references(numbers("AuPt"), {"Au": 1.0})
