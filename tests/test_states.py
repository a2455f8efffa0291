"""Charges and spins, which models are not told of: within files, and beside those of a training."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from test_reading import F, written

from data_gen.inspection import inspect
from data_gen.reading import read_frames
from data_gen.states import merged, new_states


@pytest.fixture
def read(tmp_path):
    """A reading of frames of one composition that have these among their information."""

    def read(*infos):
        results = {"energy": -1.0, "forces": F}
        return read_frames(written(tmp_path / "a.xyz", *[(info, {}, results) for info in infos]))

    return read


def test_states_of_which_models_are_not_told_are_named(tmp_path, read):
    reading = read(*3 * [{"charge": 0}, {"charge": 1}])
    assert reading.notes == () and reading.warnings == (
        "charge differs among frames of one composition (0 in 3, 1 in 3), and models are not told "
        "of it: train on frames of one value",
    )
    assert reading.warnings[0] in inspect(reading).warnings
    found = read(*({"total_charge": 0.25 * k, "multiplicity": 1} for k in range(6)), {}).warnings
    assert len(found) == 1 and "total_charge differs" in found[0] and "(from 0 to 1.25)" in found[0]
    # Under names of one meaning, whatever the capitals, too; words and NaN are no values.
    assert len(read({"charge": 0}, {"Total_Charge": -1}).warnings) == 1
    for infos in (2 * [{"charge": 1}], [{"spin": "up"}, {"spin": "down"}], 2 * [{"spin": np.nan}]):
        assert (read(*infos).warnings, read(*infos).notes) == ((), ())
    atom = Atoms("Au", info={"multiplicity": 2, "energy": -1.0})
    ase.io.write(tmp_path / "b.xyz", atom, format="extxyz")
    rest = written(tmp_path / "a.xyz", ({"multiplicity": 1}, {}, {"energy": -1.0, "forces": F}))
    both = read_frames([tmp_path / "b.xyz", rest])
    assert both.warnings == () and both.notes[-1] == (
        "multiplicity differs among compositions (2 in 1, 1 in 1), and models are not told of it"
    )


@pytest.mark.parametrize("around", [2.5, 2.0, 0.0])
def test_noise_of_a_moment_is_one_state_wherever_it_is(read, around):
    """About 2.5, it was rounded to 2 in some frames and to 3 in others."""
    noise = np.random.default_rng(0).normal(scale=0.05, size=20)
    assert not read(*({"total_magmom": around + x} for x in noise)).warnings
    (warning,) = read(*({"total_magmom": around + x + 2 * (x > 0)} for x in noise)).warnings
    assert "total_magmom differs among frames of one composition" in warning
    # A moment that runs through is none of one state, although no gap tells where it ends.
    (warning,) = read(*({"total_magmom": around + 0.1 * k} for k in range(61))).warnings
    assert f"(from {around:g} to {around + 6:g})" in warning


def test_that_only_some_frames_say_their_state_is_a_note(read):
    reading = read(*10 * [{}, {"charge": 1}])
    assert reading.warnings == () and reading.notes == (
        "charge is given in only some frames of one composition (1 in 10, none in 10), and models "
        "are not told of it",
    )
    # A state that is meant where nothing is said is no other one.
    for usual in (
        {"charge": 0},
        {"multiplicity": 1},
        {"spin": 0},
        {"spin": 1},
        {"total_magmom": 0.4},
    ):
        assert (read({}, usual).warnings, read({}, usual).notes) == ((), ())
    # Nor is it told twice.
    assert (len(read({}, {"charge": 0}, {"charge": 1}).warnings), reading.states) == (
        1,
        {"charge": {"AuPt": [1.0, None]}},
    )


TOLD = "{} in these frames and {} in those that the model is trained on, and models are not told"


@pytest.mark.parametrize(
    ("found", "trained", "told"),
    [
        ({"AuPt": [0.0, 1.0]}, {"AuPt": [0.0]}, ("1", "0")),
        ({"AuPt": [0.0]}, {"AuPt": [0.0, 1.0]}, None),
        ({"AuPt": [1.0]}, {"AuPt": [1.0005]}, None),
        # Another composition counts only where all of the training are in one state.
        ({"Au2": [1.0]}, {"AuPt": [0.0]}, ("1", "0")),
        ({"Au2": [2.0]}, {"AuPt": [0.0], "Pt": [1.0]}, None),
        ({"AuPt": [1.0]}, {"AuPt": [0.0], "Pt": [1.0]}, ("1", "0")),
        # What is not said is neutral.
        ({"AuPt": [1.0]}, None, ("1", "not given")),
        ({"AuPt": [0.0]}, None, None),
        (None, {"AuPt": [-1.0]}, ("not given", "-1")),
        (None, {"AuPt": [0.0]}, None),
        ({"AuPt": [None]}, {"AuPt": [1.0]}, ("not given", "1")),
        ({"AuPt": [1.0]}, {"AuPt": [1.0, None]}, None),
        ({"AuPt": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}, {"AuPt": [0.0]}, ("from 1 to 5", "0")),
    ],
)
def test_states_beside_those_of_a_training(found, trained, told):
    found, trained = ({"charge": x} if x else {} for x in (found, trained))
    said = new_states(found, trained)
    assert len(said) == bool(told)
    assert not told or said[0].startswith(f"charge is {TOLD.format(*told)}")


def test_moments_of_a_training_have_noise():
    trained = {"magnetic moment": {"Au": [2.5]}}
    assert not new_states({"magnetic moment": {"Au": [2.9]}}, trained)
    assert new_states({"magnetic moment": {"Au": [3.1]}}, trained)


def test_states_of_several_trainings_are_those_of_all():
    charges = {"charge": {"Au": [0.0], "Pt": [0.0]}}
    both = merged([charges, {"charge": {"Au": [1.0]}}])
    assert both == {"charge": {"Au": [0.0, 1.0], "Pt": [0.0]}}
    assert merged([charges]) == charges and merged([]) == {}
    # One that says nothing is in the states that are meant then.
    assert not new_states({}, merged([{"charge": {"Au": [1.0]}}, {}]))
