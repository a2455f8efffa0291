"""How far a structure is outside a model's training: measured, told once, without changing it."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import CalculatorSetupError
from contract.models import CUTOFF, SMALL, VARIANTS, build, shaken, training

from data_gen.frames import Frames, Structure
from keras_models import catalogue
from keras_models.backend import keras, tf
from keras_models.batch import tensors_of
from keras_models.calculator import ExtrapolationWarning, KerasCalculator
from keras_models.edges import edge_list, join, join_padded
from keras_models.extrapolation import (
    WARN,
    Closeness,
    Excess,
    Extrapolation,
    excess_of,
    keep_totals,
)
from keras_models.fine_tuning import Pretrained
from keras_models.standardise import Standardise, _some

EDGES = ("linear_eq4-round2", "eq2_neighbours", "eq3_neighbours")


def test_excess_by_hand():
    ranges = {"Au": [[0.0, 2.0], [1.0, 1.0]], "Pt": [[5.0, 6.0], [0.0, 0.5]]}
    x = np.array([[3.0, 1.0], [-1.0, 1.01], [4.0, 0.25], [9.0, 9.0], [0.0, 0.0]])
    numbers = np.array([79, 79, 78, 0, 79], np.int32)
    # A range without width counts as a hundredth of the element's widest.
    wanted = [[0.5, 0.0], [0.5, 0.5], [1.0, 0.0], [0.0, 0.0], [0.0, 50.0]]
    found = Excess(ranges, dtype="float64")([tf.constant(x), tf.constant(numbers)])
    np.testing.assert_allclose(found, wanted)
    x[4], ends = 0.0, {**ranges, "Au": [[0.0, 2.0], [0.0, 1.0]]}
    for alone in (None, ("Au",), ("Pt",)):
        found = Excess(ends, alone, dtype="float64")([tf.constant(x), tf.constant(numbers)])
        np.testing.assert_allclose(found[4], 1.0 if alone == ("Pt",) else 0.0)
        np.testing.assert_allclose(found[3], 0.0)
    pairs = [np.array([2.0, 1.5, 4.0]), numbers, np.array([0, 0, 1]), np.array([1, 2, 0])]
    pairs = [tf.constant(p, "int32" if p.dtype != float else "float64") for p in pairs]
    close = Closeness(["Au", "Pt"], [[2.4, 2.0], [2.0, 2.6]], dtype="float64")(pairs)
    np.testing.assert_allclose(close[:, 0], [0.5, 0.0, 0.0, 0.0, 0.0])
    found = Extrapolation.of(np.array([[0.0, 1e-9], [0.5, 0.0]]))
    assert found.of_atoms.tolist() == [1e-9, 0.5] and found.largest == 0.5 and found.share == 0.25


@pytest.mark.parametrize("variant", EDGES)
def test_ranges_are_those_of_the_training_part_whatever_the_weights(variant):
    """All inside, and somewhat smaller or larger ones are not."""
    model = build(variant)
    ranged = keras.Model(model.input, excess_of(model))
    structures = training().structures
    x = tensors_of(join_padded([edge_list(s, CUTOFF) for s in structures], CUTOFF), "float64")
    assert ranged(x).numpy().max() < 1e-9
    assert not ranged.trainable_variables
    numbers = x["numbers"].numpy()
    ranges = [y for y in model.layers if isinstance(y, Standardise) and y.ranges]
    assert len(ranges) == (3 if variant.startswith("linear") else 1)
    for layer in ranges:
        value = keras.Model(model.input, layer.input)(x).numpy()
        value = np.sqrt((value**2).sum(axis=tuple(range(1, value.ndim - 1))))
        for e, z in (("Au", 79), ("Pt", 78)):
            low, high = np.transpose(layer.ranges[e])
            # Of sums with one component the sign counts.
            np.testing.assert_allclose(value[numbers == z].max(axis=0), np.abs([low, high]).max(0))
            assert (high > low).any()
    scaled = [s._replace(positions=1.1 * s.positions, cell=1.1 * s.cell) for s in structures]
    batch = tensors_of(join([edge_list(s, CUTOFF) for s in scaled], CUTOFF), "float64")
    assert (ranged(batch).numpy().max(axis=1) > 0.02).mean() > 0.25


def test_moments_are_of_some_frames_and_ranges_of_all(monkeypatch):
    """Chunks of one frame, of which every other one counts: frames 0 and 2.

    Another one counts where it alone has an element.
    """
    monkeypatch.setattr("keras_models.standardise.CHUNK", 1)
    monkeypatch.setattr("keras_models.standardise.MANY", 2)
    frames = training()
    widths, options = SMALL["linear_eq4"]
    of_all, of_some = (
        catalogue.build("linear_eq4", chosen, widths, None, options, 0, "float64")
        for chosen in (frames, frames[[0, 2]])
    )
    scaled = [
        [x for x in model.layers if isinstance(x, Standardise)] for model in (of_all, of_some)
    ]
    assert len(scaled[0]) > 3
    for a, b in zip(*scaled, strict=True):
        np.testing.assert_allclose(a.std, b.std, rtol=1e-12)
    x = tensors_of(join_padded([edge_list(frames.structures[1], CUTOFF)], CUTOFF), "float64")
    outside = [keras.Model(m.input, excess_of(m))(x).numpy().max() for m in (of_all, of_some)]
    assert outside[0] < 1e-9 < outside[1]


def test_a_chunk_with_an_element_of_its_own_is_measured(monkeypatch):
    monkeypatch.setattr("keras_models.standardise.MANY", 2)
    chunks = [{"numbers": np.array([z, 79, 0]), "k": k} for k, z in enumerate((79, 78, 47, 79, 78))]
    assert [x["k"] for x in _some(chunks)] == [0, 1, 2, 3]
    assert [x["k"] for x in _some(chunks[:2])] == [0, 1]


@pytest.mark.parametrize("variant", EDGES)
def test_an_atom_alone_is_known_where_the_training_has_one(variant):
    """A molecule far apart was called inside, with an arbitrary sum of references as its energy."""
    atom = Structure(np.zeros((1, 3)), np.array([79]), np.zeros((3, 3)), np.zeros(3, bool))
    lone = Frames((atom,), np.zeros(1), (np.zeros((1, 3)),))
    name, options = VARIANTS[variant]
    widths, small = SMALL[name]
    for frames, known in ((training(), ()), (Frames.joined([training(), lone]), ("Au",))):
        model = catalogue.build(name, frames, widths, None, {**small, **options}, dtype="float64")
        ranged = keras.Model(model.input, excess_of(model))
        for element in ("Au", "Pt"):
            found = ranged(tensors_of(edge_list(Atoms(element), CUTOFF), "float64")).numpy().max()
            assert found == 0 if element in known else found > WARN, (element, known)


def alloys():
    """Crystals of copper and gold in all compositions, somewhat strained and rattled."""
    rng, frames = np.random.default_rng(3), []
    crystal = bulk("Cu", "fcc", a=3.8, cubic=True).repeat(2)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        crystal.symbols[:] = np.where(rng.uniform(size=32) < share, "Cu", "Au")
        for strain in (-0.04, 0.0, 0.04):
            one = crystal.copy()
            one.set_cell((1 + strain) * one.cell, scale_atoms=True)
            one.rattle(0.05, rng=rng)
            frames.append(one)
    structures = [Structure(a.positions, a.numbers, a.cell.array, a.pbc) for a in frames]
    forces = tuple(np.zeros((32, 3)) for _ in frames)
    return Frames(tuple(structures), np.arange(len(frames), dtype=float), forces)


def test_few_neighbours_of_any_element_are_not_known_from_an_alloy():
    """By sums over each element alone, a molecule and a crystal of twice the volume were inside."""
    cutoff, frames = 5.4, alloys()
    model = catalogue.build("linear_eq4", frames, (5,), None, {"cutoff": cutoff}, 0)

    def nests(some):
        return [tensors_of(edge_list(s, cutoff), "float32") for s in some.structures]

    def largest(atoms):
        ranged = keras.Model(model.input, excess_of(model))
        return ranged(tensors_of(edge_list(atoms, cutoff), "float32")).numpy().max()

    keep_totals(model, nests(frames), is_new=False)
    molecule = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.6]])
    assert largest(molecule) < WARN
    keep_totals(model, nests(frames), is_new=True)
    assert max(largest(s) for s in frames.structures) < 1e-6
    inside = bulk("Cu", "fcc", a=3.78, cubic=True).repeat(2)
    inside.symbols[::2] = "Au"
    assert largest(inside) < WARN
    apart = Atoms("CuAu", [[0, 0, 0], [0, 0, 4.0]])
    for outside in (molecule, apart, *(bulk("Au", "fcc", a=a) for a in (4.8, 5.5, 6.5))):
        assert largest(outside) > WARN
    # A training that goes on with wider crystals knows these, and still no molecules.
    wide = tuple(
        s._replace(positions=1.3 * s.positions, cell=1.3 * s.cell) for s in frames.structures
    )
    start = Pretrained(model, {"Au": 0.0, "Cu": 0.0})
    more = replace(frames, structures=wide)
    start.widen(more)
    keep_totals(model, nests(more), is_new=False)
    assert largest(wide[4]) < 1e-6 and largest(bulk("Au", "fcc", a=4.8)) < WARN < largest(molecule)
    kept = len(model.get_layer("sums_0_scaled").ranges["Au"])
    assert kept == 2 * 8 + 8


def test_a_pair_too_close_is_not_known():
    model = build("eq2_neighbours")
    ranged = keras.Model(model.input, excess_of(model))
    shortest = model.get_layer("held").shortest[0][0]
    near = [
        ranged(tensors_of(edge_list(atoms, CUTOFF), "float64")).numpy().max()
        for r in (0.5, 0.25)
        for atoms in [Atoms("Au2", positions=[[0, 0, 0], [0, 0, r * shortest]])]
    ]
    assert near[1] >= near[0] >= 1


def test_said_once_and_kept_for_each_structure(rng):
    calculator = KerasCalculator(build("eq2_neighbours"))
    inside = Atoms(training().structures[0].numbers, positions=training().structures[0].positions)
    assert calculator.extrapolation is None
    inside.calc = calculator
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inside.get_forces()
    assert calculator.extrapolation.largest < 1e-3
    small = inside.copy()
    small.positions *= 0.8
    small.calc = calculator
    with pytest.warns(ExtrapolationWarning, match=r"6 of 6 atoms .* \(said again only where"):
        small.get_forces()
    assert calculator.extrapolation.of_atoms.shape == (6,)
    assert calculator.extrapolation.largest > 0.25 and calculator.extrapolation.share > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.rattle(0.01, seed=0)
        small.get_forces()
        inside.get_forces()
    assert calculator.extrapolation.largest < 1e-3
    # One that is much further outside is not silent: with one calculator for many structures.
    small.positions *= 0.6
    with pytest.warns(ExtrapolationWarning):
        small.get_forces()


def test_any_limit_is_kept(rng):
    """Also one at which there is no warning yet; rounding is not outside."""
    model = build("eq2_neighbours")
    inside = Atoms(training().structures[0].numbers, positions=training().structures[0].positions)
    inside.calc = KerasCalculator(model, limit=0.0)
    inside.get_forces()
    outside = inside.copy()
    outside.calc = free = KerasCalculator(model)
    for k in range(1, 100):
        outside.positions = (1.0 - 0.002 * k) * inside.positions
        outside.get_forces()
        if free.extrapolation.largest > 0.1:
            break
    excess = free.extrapolation.largest
    assert 0.1 < excess < WARN
    for limit, answers in ((0.9 * excess, False), (1.1 * excess, True)):
        outside.calc = KerasCalculator(model, limit=limit)
        if answers:
            outside.get_forces()
            continue
        with pytest.raises(CalculatorSetupError, match=f"beyond limit={limit:g}"):
            outside.get_forces()


def test_models_on_positions_do_not_know(rng):
    assert excess_of(build("eq2-fast")) is None
    x = shaken("cluster", rng)
    x.calc = KerasCalculator(build("eq2-fast"), "Au", atoms=6)
    x.get_forces()
    assert x.calc.extrapolation is None
