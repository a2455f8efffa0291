"""What is said of a training's and an evaluation's numbers, and how numbers are written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_data import frames_of_two_elements, own_file

from data_gen.frames import Frames, Structure
from fitting import plots, training
from fitting.config import Config
from fitting.data import load
from fitting.evaluation import Evaluation
from fitting.known import FAR, INSIDE, NEAR, fingerprints, places
from fitting.metrics import ENERGY, FORCE
from fitting.show import beside, number, plain, short_names, titled
from fitting.words import (
    errors_when_solved,
    of_compositions,
    of_few_starts,
    of_known_frames,
    of_last_layers,
    of_places,
    of_spread,
    of_training,
    of_validated_frames,
    worse_than_nothing,
)


def curve(chosen, steps=100, force=True):
    """The validation block has 20 meV/atom and 100 meV/Å at the chosen step, in the end 3 times."""
    points = np.arange(10, steps + 1, 10)
    errors = np.where(points == chosen, 1.0, 3.0)
    if chosen == steps:
        errors[-1] = 1.0
    return {
        "curve_steps": points,
        "curve_energy_per_atom": np.stack([0 * errors, 0.02 * errors], axis=1),
        "curve_force": np.stack([0 * errors, (0.1 if force else np.nan) * errors], axis=1),
        "chosen_step": chosen,
    }


def test_a_step_that_was_chosen_early_means_overfitting():
    late = of_training({0: curve(60)})
    assert late == of_training({0: curve(60), 1: curve(60)})
    assert late == ["Best on the validation block after step 60 of 100."]
    assert of_training({0: curve(95)}) == ["Best on the validation block after step 95 of 100."]
    falling = of_training({0: curve(100), 1: curve(98)})[1]
    assert "were still falling: a longer training" in falling
    assert of_training({0: curve(100), 1: curve(80)})[1:] == []
    first, went, means = of_training({0: curve(20), 5: curve(30)})
    assert first == "Best on the validation block after step 20 (seed 0) and 30 (seed 5) of 100."
    assert went.endswith(
        "the RMSE there went from 20.0 to 60.0 meV/atom and from 100 to 300 meV/Å."
    )
    assert "overfitting" in means and "fewer steps or minutes" in means
    assert "meV/Å" not in of_training({0: curve(20, force=False)})[1]


def test_a_model_to_begin_with_is_told_apart():
    """One that is kept was called the best after step 0 of a training."""
    start = {"start": np.array([0.03, 0.2])}
    (begins, best) = of_training({0: {**curve(60), **start}})
    errors = "30.0 meV/atom and 200 meV/Å"
    assert begins == f"The model to begin with has an RMSE of {errors} on the validation block."
    assert best == "Best on the validation block after step 60 of 100."
    kept = {**curve(60), **start, "chosen_step": 0}
    first, what = of_training({0: kept})
    assert first == begins
    assert what.startswith("Training did not lower this: the weights to begin with are kept. More")
    what = of_training({0: {**kept, "solved": np.array([0.02, 0.1])}})[1]
    assert "are kept, except in the last layer. More" in what
    first, what, best = of_training({0: kept, 3: {**curve(60), "start": 3 * start["start"]}})
    assert "models to begin with have, on average, an RMSE of 60.0 meV/atom" in first
    assert (
        "with seed 0 did not lower this" in what
        and best == "Best on the validation block after step 60 of 100."
    )
    unknown = {"start": np.full(2, np.nan)}
    assert of_training({0: {**curve(60), **unknown}}) == [best]


def test_errors_are_called_falling_only_where_they_fall():
    """The validation error of nickel was the same at steps 3 and 200."""

    def said(*last):
        one = curve(100)
        for name in ("curve_energy_per_atom", "curve_force"):
            one[name][-len(last) :, 1] = last
        return len(of_training({0: one})) > 1

    assert said(1.0, 0.9, 0.8) and said(1.0, 0.97, 0.94)
    assert not said(1.0, 1.0, 1.0) and not said(1.0, 0.99, 0.98)
    # What is noise rises, too; and what fell before the last quarter is no reason for more.
    assert not said(0.99, 1.06, 0.95) and not said(3.0, 2.0, 1.0, 1.0, 1.0)
    # A quantity that falls is enough, and one that is unknown does not count.
    one = curve(100, force=False)
    one["curve_energy_per_atom"][-3:, 1] = 3.0, 2.0, 1.0
    assert "still falling" in of_training({0: one})[1]


def evaluation(energy_off, force_factor) -> Evaluation:
    """Of frames whose energies from the composition are off by 1 and -1 eV/atom in turn."""
    frames = frames_of_two_elements(len(energy_off))
    signs = np.array([1.0, -1.0] * (len(energy_off) // 2))
    base = frames.energies + signs * frames.sizes
    predicted = frames.energies + np.array(energy_off) * frames.sizes
    of = Evaluation(frames, predicted[None], [[force_factor * f for f in frames.forces]], {})
    vars(of)["baseline"] = base
    return of


def test_the_spread_is_told_beside_the_error_and_called_no_error_bar():
    """Two models at 0.5 and 1.5 F: a spread of F / 2^0.5; their mean is off by 0, or by 0.5 F."""
    frames = frames_of_two_elements(6)
    known = [f if k else np.full_like(f, np.nan) for k, f in enumerate(frames.forces)]
    frames = Frames(frames.structures, frames.energies, tuple(known))
    per_atom = np.array([[0.003], [0.005]]) * frames.sizes

    def of(first, second):
        forces = [[np.nan_to_num(factor * f) for f in known] for factor in (first, second)]
        return Evaluation(
            frames, frames.energies + per_atom, forces, {"Au": 0.0, "Pt": 0.0}, "test"
        )

    rms = 1000 * np.sqrt(np.mean(np.concatenate(known[1:]) ** 2))
    (said,) = of_spread(of(1.0, 2.0))
    assert said.startswith("Spread of the 2 models beside the error of their mean, RMS on the test")
    assert "1.41 beside 4.00 meV/atom for E, a ratio of 0.35" in said
    ratio = f"{number(rms / 2**0.5)} beside {number(rms / 2)} meV/Å for F, a ratio of 1.41"
    assert ratio in said and "no error bar" in said
    # Of no error there is no ratio.
    assert "for F" not in of_spread(of(0.5, 1.5))[0]
    one = Evaluation(frames, frames.energies[None], [known], {})
    assert of_spread(one) == []
    # Two that were begun with one model, and kept it: no ratio to divide by.
    per_atom[1] = per_atom[0]
    (said,) = of_spread(of(1.5, 1.5))
    assert said == "The 2 models are the same: they have no spread."


def test_a_frame_without_a_number_is_the_worst_and_said(tmp_path, monkeypatch):
    of = evaluation([0.1, -0.1] * 3, 0.9)
    assert not [x for x in worse_than_nothing(of) if "no prediction" in x]
    of.energies_of_models[0, 4] = np.nan
    of.forces_of_models[0][4] = np.full_like(of.forces_of_models[0][4], np.nan)
    vars(of).pop("energies", None), vars(of).pop("forces", None)
    assert of.worst(1).tolist() == [4]
    (said,) = [x for x in worse_than_nothing(of) if "no prediction" in x]
    assert "for 1 of 6 frames" in said


def test_the_figure_of_the_spread_does_not_choose_large_errors(tmp_path, monkeypatch):
    """They would look as if the spread were too small."""
    monkeypatch.setattr(plots, "POINTS", 9)
    drawn = []
    monkeypatch.setattr(plots, "save", lambda figure, *_, **__: drawn.append(figure) or [tmp_path])
    frames = frames_of_two_elements(6)
    forces = [[factor * f for f in frames.forces] for factor in (1.0, 1.2)]
    of = Evaluation(frames, np.tile(frames.energies, (2, 1)), forces, {"Au": 0.0, "Pt": 0.0})
    plots._uncertainty(tmp_path, of)
    (points,) = [c.get_offsets() for c in drawn[0].axes[0].collections]
    true = np.concatenate([f.ravel() for f in frames.forces])
    at = np.linspace(0, len(true) - 1, 9).astype(int)
    np.testing.assert_allclose(points[:, 1], 100 * np.abs(true[at]), rtol=1e-6)
    # Of one model twice there is nothing to draw.
    same = Evaluation(frames, of.energies_of_models, [forces[1], forces[1]], of.references)
    assert plots._uncertainty(tmp_path, same) is None


@pytest.mark.parametrize(("of_closed", "of_open"), [(0.0, -2.0), (-2.0, -2.0), (-2.0, 0.0)])
def test_energies_that_the_compositions_leave_open_are_no_other_zero(of_closed, of_open):
    """And they hide none: what can be judged is judged without them."""
    frames = frames_of_two_elements(40)
    structures = [
        s._replace(numbers=np.full_like(s.numbers, 78)) if k < 15 else s._replace(numbers=s.numbers)
        for k, s in enumerate(frames.structures)
    ]
    for s in structures[15:]:
        s.numbers[0] = 79
    alone = Structure(np.zeros((1, 3)), np.array([79]), np.zeros((3, 3)), np.zeros(3, bool))
    structures[39] = alone
    forces = [np.zeros((len(s.numbers), 3)) for s in structures]
    sizes = np.array([len(s.numbers) for s in structures])
    shift = np.array([of_closed] * 15 + [of_open] * 24 + [of_closed])
    zero = Frames(tuple(structures), np.zeros(40), tuple(forces))
    open_ = ({"Au": 1.0, "Pt": 0.0},)
    of = Evaluation(
        zero,
        (shift * sizes)[None],
        [forces],
        {"Au": 0.01, "Pt": 0.01},
        undetermined=open_,
        isolated=("Au",),
    )
    said = worse_than_nothing(of)
    (these,) = [x for x in said if "up to a constant" in x]
    assert these.startswith("Energies of 24 of 40 frames (")
    assert any("another zero" in x for x in said) == bool(of_closed)
    everything = replace(of, frames=zero[np.arange(15, 39)], undetermined=open_)
    everything = replace(
        everything,
        energies_of_models=of.energies_of_models[:, 15:39],
        forces_of_models=[forces[15:39]],
    )
    assert len(worse_than_nothing(everything)) == 1
    assert of_compositions(replace(of, undetermined=())) == ""


def test_models_that_are_worse_than_nothing_are_called_so():
    assert worse_than_nothing(evaluation([0.9, -0.9] * 3, 0.1)) == []
    (said,) = worse_than_nothing(evaluation([1.1, -1.1] * 3, 1.9))
    assert said.startswith("Energies are worse than those of the composition alone: 1,100 meV")
    assert "against 1,000 meV/atom" in said and "shift" not in said
    # Few frames may be off in one direction by chance.
    assert "shift" not in " ".join(worse_than_nothing(evaluation([-2.0, -2.1] * 3, 2.1)))
    shifted, forces = worse_than_nothing(evaluation([-2.0, -2.1] * 5, 2.1))
    assert "one shift, −2,050 meV/atom: the energies have another zero" in shifted
    assert forces.startswith("Forces are worse than none at all")


def test_frames_are_known_again_in_another_file():
    frames = frames_of_two_elements(4)

    def changed(**attributes):
        s = frames.structures[0]
        of = Frames((s._replace(**attributes),), frames.energies[:1], frames.forces[:1])
        return fingerprints(of)[0]

    own, *others = fingerprints(frames)
    s = frames.structures[0]
    assert own not in others and len(set(others)) == 3
    assert own == changed(positions=s.positions + 1e-8)
    assert own == changed(cell=np.where(s.cell == 0, -0.0, s.cell))
    assert own == changed(numbers=s.numbers.astype(np.int16))
    assert own != changed(positions=s.positions + 1e-3)
    assert own != changed(numbers=157 - s.numbers)
    assert own != changed(pbc=~np.asarray(s.pbc))


def test_what_models_to_begin_with_have_seen_is_said():
    assert of_validated_frames(None) == of_validated_frames(np.zeros(3, bool)) == []
    (said,) = of_validated_frames(np.array([True, False, True]))
    assert said.startswith("2 of the 3 frames to validate on are among those of the model to begin")
    assert of_few_starts(0, 4) == of_few_starts(4, 4) == []
    (said,) = of_few_starts(1, 4)
    assert said.startswith("The 4 models begin with the weights of one model and differ in")


def test_frames_that_were_trained_on_and_atoms_outside_are_counted():
    assert of_known_frames(None) == of_known_frames(np.zeros(3, bool)) == []
    assert of_known_frames(np.ones(3, bool))[0].startswith("All frames are ones that the model")
    (said,) = of_known_frames(np.array([True, False, True]))
    assert said.startswith("2 of the 3 frames are ones") and "of the 1 new ones" in said
    of_atoms = [np.zeros(3), np.array([0.1, 0.0]), np.array([0.0, 0.2, 7.0])]
    assert places(of_atoms) == [INSIDE, NEAR, FAR]
    said, means = of_places(of_atoms)
    assert "are 3 of 8 atoms, in 2 of 3 frames, by up to 7 widths" in said
    assert "from the smallest to the largest value in training" in means and "its width is" in means
    assert "1 frames are far outside" in said and "far" not in of_places(of_atoms[:2])[0]
    assert of_places(of_atoms[:1]) == ["All atoms are inside the ranges of the training.", means]
    assert of_places(None) == []


def test_the_error_once_the_last_layer_was_solved_is_in_the_figure(tmp_path, monkeypatch):
    """A star at the kept step, of each model that was solved; one entry of the legend."""
    drawn = {}

    def save(figure, folder, name, svg):
        drawn[name] = figure
        return [folder / name]

    monkeypatch.setattr(plots, "save", save)
    nothing, solved = {"ridge": None, "before": [9, 9]}, {"ridge": 1e-3, "after": [0.01, None]}
    curves = {
        seed: curve(60) | {"solved": errors_when_solved(of)}
        for seed, of in enumerate((nothing, solved, None))
    }
    for quantity in (ENERGY, FORCE):
        plots._curves(tmp_path, curves, quantity)
    stars = {
        name: [
            line.get_xydata().ravel().tolist()
            for line in figure.axes[0].lines
            if line.get_marker() == "*"
        ]
        for name, figure in drawn.items()
    }
    assert stars == {"learning_energy_per_atom": [[60, 10.0]], "learning_force": []}
    labels = drawn["learning_energy_per_atom"].axes[0].get_legend_handles_labels()[1]
    assert labels.count("last layer solved") == 1


def test_axes_of_parity_are_named_with_their_units(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "save", lambda figure, *_, **__: drawn.append(figure) or [tmp_path])
    of = evaluation([0.1, -0.1] * 3, 0.9)
    for quantity in (ENERGY, FORCE):
        plots._parity(tmp_path, [of], quantity)
    names = [figure.axes[0].get_xlabel() for figure in drawn]
    assert names == ["true relative E per atom / eV", "true F / (eV/Å)"]


def test_files_of_one_name_are_told_apart():
    """All of VASP's are called OUTCAR."""
    names = short_names(["a/1/OUTCAR", "b/1/OUTCAR", Path("b/2/OUTCAR"), "x/y.xyz", "b/2/OUTCAR"])
    assert list(names.values()) == ["a/1/OUTCAR", "b/1/OUTCAR", "2/OUTCAR", "y.xyz"]
    assert set(names) == {"a/1/OUTCAR", "b/1/OUTCAR", "b/2/OUTCAR", "x/y.xyz"}
    # One is the end of the other, or the same, or the folder that one is in.
    assert short_names(["OUTCAR", "1/OUTCAR"]) == {"OUTCAR": "OUTCAR", "1/OUTCAR": "1/OUTCAR"}
    assert short_names(["./a.xyz", "a.xyz", "."]) == {
        "./a.xyz": "a.xyz",
        "a.xyz": "a.xyz",
        ".": ".",
    }
    assert short_names([]) == {}
    assert titled(["q/a", "q/b", "q/c"]) == "a, b, c"
    assert titled([f"{k}/OUTCAR" for k in range(9)]) == "0/OUTCAR, 1/OUTCAR, 2/OUTCAR and 6 more"


def test_files_of_one_name_are_apart_in_tables(tmp_path):
    """Their frames were one group, and of their checksums only the last was there."""
    files = []
    for name in "abc":
        (tmp_path / name).mkdir()
        files.append(str(own_file(tmp_path / name)))
    config = Config(files=tuple(files[:2]), test=(f"{files[2]}@:9",)).with_checksums()
    data = load(config)
    ends = {f"{name}/mine.extxyz" for name in "ab"}
    assert set(data.train.labels["file"]) == ends and "file" not in data.test.labels
    assert data.test.names[0] == "c/mine.extxyz, frame 0"
    table = training._provenance_table(config)
    assert {f"SHA-256 of {end}" for end in (*ends, "mine.extxyz@:9")} < set(table)
    full = replace(config, model={"name": "linear_eq4"}, training={})
    rows = training._settings_table(full)
    assert rows["files"] == "a/mine.extxyz, b/mine.extxyz" and rows["tested on"] == "mine.extxyz@:9"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(15.04), "15.0"),
        (number(-133.4), "−133"),
        (number(12345.6), "12,346"),
        (number(2e-5), "2.00e−05"),
        (number(0.0), "0.00"),
        (number(-0.0), "0.00"),
        (number(999.6), "1,000"),
        (number(999.4), "999"),
        (number(0.0009996), "0.00100"),
        (number(np.nan), "–"),
        (beside(-0.635, 12.7), "−0.6"),
        (beside(2.6e-5, 65.9), "0"),
        (beside(-0.04, 65.9), "0"),
        (beside(-0.4, 118.0), "0"),
        (beside(-1234.5, 1300.0), "−1,234"),
        (beside(0.1, 0.0), "0.100"),
        (plain(None), "none"),
        (plain(True), "yes"),
        (plain(()), "none"),
        (plain([64, 32]), "64, 32"),
        (plain([[8], [64, 32]]), "8; 64, 32"),
        (plain({"order": 3, "repulsion": True}), "order 3, repulsion yes"),
        (plain(29765), "29,765"),
        (plain(0.003), "0.003"),
    ],
)
def test_numbers_and_settings_are_written_for_readers(text, expected):
    assert text == expected


def test_what_the_last_layers_solution_did_is_said_on_average_of_those_solved():
    solved = [
        {"ridge": 1e-8, "before": [0.004, 0.2], "after": [0.001, 0.1]},
        {"ridge": None, "before": [9.0, 9.0], "after": [9.0, 9.0]},
        {"ridge": 1e-2, "before": [0.002, 0.4], "after": [0.001, 0.2]},
        None,
    ]
    (text,) = of_last_layers(solved)
    assert text.startswith("The last layer of 2 of 4 models was then solved exactly: the RMSE")
    assert "there, on average, went from 3.00 to 1.00 meV/atom and from 300 to 150 meV/Å" in text
    (text,) = of_last_layers(solved[::2])
    assert text.startswith("Each model's last layer was")
    assert of_last_layers(solved[1:2]) == of_last_layers([None]) == []
    # What did not change is not told as a change.
    same = {"ridge": 1.0, "before": [0.004, 0.1182], "after": [0.002, 0.1181]}
    assert of_last_layers([same])[0].endswith("went from 4.00 to 2.00 meV/atom.")
    (text,) = of_last_layers([{**same, "after": [0.004, 0.1182]}])
    assert text == "The last layer was then solved exactly, which did not change the RMSE there."
    (text,) = of_last_layers([{"ridge": 1.0, "before": [0.004, None], "after": [0.001, None]}])
    assert text.startswith("The last layer was") and "average" not in text
    assert text.endswith("from 4.00 to 1.00 meV/atom.")
