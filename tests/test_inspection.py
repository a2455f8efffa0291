"""What is said of frames before anything is trained on them."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.geometry import find_mic

from data_gen.distances import Distances
from data_gen.errors import DataError
from data_gen.frames import Frames, Structure
from data_gen.inspection import first_copies, inspect, robust_references
from data_gen.neighbours import CLOSEST_A, coinciding, may_coincide
from data_gen.reading import Origin, Reading
from data_gen.units import CAUSES, work


def frames_of(structures, energies, forces):
    made = [
        Structure(np.array(a.positions), a.numbers, np.array(a.cell), np.array(a.pbc))
        for a in structures
    ]
    return Frames(tuple(made), np.array(energies, float), tuple(np.array(f, float) for f in forces))


def reading(frames, config_types=None):
    origins = tuple(Origin("a.xyz", k) for k in range(len(frames)))
    types = config_types or (None,) * len(frames)
    return Reading(frames, "energy", "forces", {}, tuple(types), origins, ())


@pytest.fixture(scope="module")
def copper():
    """Twenty steps of a rattled crystal of copper towards its minimum, by EMT."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.rattle(0.15, seed=1)
    atoms.calc = EMT()
    found = []
    for _ in range(20):
        found.append((atoms.copy(), atoms.get_potential_energy(), atoms.get_forces()))
        atoms.positions += 0.01 * atoms.get_forces()
    return frames_of(*zip(*found, strict=True))


def scaled(frames, energy=1.0, force=1.0, length=1.0):
    structures = [
        s._replace(positions=s.positions * length, cell=s.cell * length) for s in frames.structures
    ]
    forces = tuple(f * force for f in frames.forces)
    return Frames(tuple(structures), frames.energies * energy, forces)


def changed(frames, k, energy=0.0, force=0.0):
    energies, forces = frames.energies.copy(), list(frames.forces)
    energies[k] += energy
    forces[k] = forces[k] + force
    return Frames(frames.structures, energies, tuple(forces))


def test_nothing_is_wrong_with_ordinary_frames(copper):
    found = inspect(reading(copper))
    assert found.warnings == () and found.refusal == "" and found.copies == 0
    found.require_trainable()
    energies = copper.energies / 8
    for words in (
        "20 of 1 file; 8 atoms; 1 composition",
        "20 periodic",
        f"{energies.min():.4f} to {energies.max():.4f} eV/atom",
        f"largest {found.largest_forces.max():.4g} eV/Å in a.xyz, frame 0",
        "energy and forces",
    ):
        assert words in found.text()
    assert found.spread == pytest.approx(1.4826 * np.median(abs(energies - np.median(energies))))


KCAL, HARTREE = units.kcal / units.mol, units.Hartree


@pytest.mark.parametrize(
    ("energy", "force", "length", "words"),
    [
        (1 / HARTREE, 1, 1, "energies seem to be in Hartree"),
        (1 / KCAL, 1, 1, "energies seem to be in kcal/mol"),
        (1, units.Bohr / HARTREE, 1, "forces seem to be in Hartree/bohr"),
        (1, 1 / KCAL, 1, "forces seem to be in kcal/mol/Å"),
        (1 / HARTREE, units.Bohr / HARTREE, 1, "Hartree and Hartree/bohr"),
        (1, 1, 0.1, "positions seem to be in nm"),
        (1, 1, 1 / units.Bohr, "positions seem to be in bohr"),
        (1 / HARTREE, units.Bohr / HARTREE, 1 / units.Bohr, "positions and cells may be in bohr"),
        (1 / 8, 1, 1, "energies seem to be per atom"),
        (1, -1, 1, "they are gradients"),
        (1 / KCAL, 1 / KCAL, 1, "they may be in kcal/mol/Å (0.04336 eV/Å)"),
        (1000, 1000, 1, "they may be in meV/Å (0.001 eV/Å)"),
        (1000, 1, 1, "energies seem to be in meV"),
        (1 / HARTREE, 1, 1, "energies seem to be in Hartree (27.211 eV)"),
    ],
)
def test_units_that_are_wrong_are_noticed(copper, energy, force, length, words):
    found = inspect(reading(scaled(copper, energy, force, length)))
    assert any(words in warning for warning in found.warnings)
    # Nothing else is suspected of the energies and forces.
    others = {text for _, text in CAUSES if text not in words and words not in text}
    assert not any(text in warning for text in others for warning in found.warnings)


def test_forces_that_are_large_in_all_frames_are_doubted_once(copper):
    """Not frame by frame; and no unit is guessed that does not fit."""
    (said,) = inspect(reading(scaled(copper, energy=1000.0, force=1000.0))).warnings
    assert "which is large: they may be in meV/Å (0.001 eV/Å), and energies, which fit" in said
    assert "kcal" not in said
    said = inspect(reading(scaled(copper, force=1000.0))).warnings
    assert said[-1].endswith("they may be in meV/Å (0.001 eV/Å)")
    (said,) = inspect(reading(scaled(copper, energy=1e5, force=1e5))).warnings
    assert said.endswith("in the median frame, which is large")
    # An outlier among them is one.
    worse = changed(scaled(copper, energy=1000.0, force=1000.0), 7, force=1e6)
    assert any("the largest force in a.xyz, frame 7" in w for w in inspect(reading(worse)).warnings)


def test_units_that_could_not_be_checked_are_said(copper):
    """Every frame on its own, as in a file of minima or of chosen frames."""
    assert "not checked" not in inspect(reading(copper)).text()
    jumping = [
        s._replace(positions=s.positions + 0.41 * (k % 2)) for k, s in enumerate(copper.structures)
    ]
    found = inspect(reading(Frames(tuple(jumping), copper.energies, copper.forces)))
    told = "units and signs are not checked: too few successive frames are near each other"
    assert f"note         {told} (pairs found: 0)" in found.text() and found.warnings == ()
    rng = np.random.default_rng(0)
    mixed = tuple(f * rng.normal() for f in copper.forces)
    found = inspect(reading(Frames(copper.structures, copper.energies, mixed)))
    assert "says too little (pairs found: 19, agreement" in found.text()
    # Without forces there is nothing to check.
    none = tuple(np.full_like(f, np.nan) for f in copper.forces)
    found = inspect(reading(Frames(copper.structures, copper.energies, none)))
    assert "not checked" not in found.text()


def test_forces_that_are_zero_in_some_frames_are_counted(copper):
    forces = tuple(0 * f if k < 4 else f for k, f in enumerate(copper.forces))
    found = inspect(reading(Frames(copper.structures, copper.energies, forces))).warnings
    assert "forces are 0 in 4 of 20 frames: they may be missing there rather than known" in found
    # One frame at its minimum is nothing to doubt.
    forces = (0 * copper.forces[0], *copper.forces[1:])
    found = inspect(reading(Frames(copper.structures, copper.energies, forces))).warnings
    assert not any("forces are 0" in w for w in found)


def test_atoms_without_any_force_are_counted(copper):
    """As where constraints were applied to forces."""

    def said(chosen, last=20, frames=copper):
        forces = [f.copy() for f in frames.forces]
        for f in forces[:last]:
            f[chosen] = 0.0
        found = inspect(reading(Frames(frames.structures, frames.energies, tuple(forces))))
        return [w for w in found.warnings if "no force at all" in w]

    (told,) = said([1, 2, 3, 5, 6, 7])
    assert "no force at all: 6 in each of 20 frames like a.xyz, frame 0 (counted" in told
    assert "1, 2, 3, 5, 6 ...)" in told and "if constraints were applied" in told
    assert said([1], last=19) == said(slice(None)) == said([1], frames=copper[:2]) == []
    # Frames of other atoms are looked at on their own.
    gold = [s._replace(numbers=s.numbers + 50 * (k < 6)) for k, s in enumerate(copper.structures)]
    gold = Frames(tuple(gold), copper.energies, copper.forces)
    (told,) = said([4], last=6, frames=gold)
    assert "no force at all: 1 in each of 6 frames like a.xyz, frame 0" in told


def test_energies_of_two_levels_of_theory_are_noticed(copper):
    """Of one composition; offsets that are as small as the spread cannot be told."""

    def said(offsets, frames=copper):
        moved = Frames(frames.structures, frames.energies + 8 * np.array(offsets), frames.forces)
        return [w for w in inspect(reading(moved)).warnings if "in the same way" in w]

    spread = copper.energies.std() / 8
    half = np.array([1.5] * 8 + [0.0] * 12)
    (told,) = said(half)
    assert told.startswith("energies of Cu8 are in groups that are 1.")
    assert "12 frames like a.xyz, frame 8 and 8 frames like a.xyz, frame 0: were all" in told
    assert 10 * spread < 1.5 and said(0.0 * half) == said(half * 4 * spread / 1.5) == []
    # A few are outliers, which are named one by one.
    assert said(np.array([1.5] * 3 + [0.0] * 17)) == []
    # Other structures have other energies, and so have other compositions.
    wide = [s._replace(cell=1.2 * s.cell, positions=1.2 * s.positions) for s in copper.structures]
    wide = Frames((*wide[:8], *copper.structures[8:]), copper.energies, copper.forces)
    assert said(half, wide) == []
    gold = [s._replace(numbers=s.numbers + 50 * (k < 8)) for k, s in enumerate(copper.structures)]
    assert said(half, Frames(tuple(gold), copper.energies, copper.forces)) == []


def test_the_work_of_forces_is_what_energies_lose(copper):
    ratio, agreement, pairs = work(copper)
    assert pairs == 19 and agreement > 0.99 and ratio == pytest.approx(1, abs=0.02)
    # Through the boundary of the cell, too; not where atoms are others, or jump, or lack forces.
    wrapped = [
        s._replace(positions=s.positions + (k % 3) * s.cell[0])
        for k, s in enumerate(copper.structures)
    ]
    wrapped = Frames(tuple(wrapped), copper.energies, copper.forces)
    assert work(wrapped) == pytest.approx((ratio, agreement, pairs))
    jumping = [
        s._replace(positions=s.positions + 0.41 * (k % 2)) for k, s in enumerate(copper.structures)
    ]
    assert work(Frames(tuple(jumping), copper.energies, copper.forces)).pairs == 0
    gold = [s._replace(numbers=s.numbers + 50 * (k % 2)) for k, s in enumerate(copper.structures)]
    assert work(Frames(tuple(gold), copper.energies, copper.forces)).pairs == 0
    unknown = changed(copper, 4, force=np.nan)
    assert work(unknown).pairs == 17


def test_outliers_are_named_with_their_size(copper):
    found = inspect(reading(changed(copper, 7, energy=80.0, force=2500.0)))
    off, force = found.warnings
    assert "the energy of a.xyz, frame 7 is +" in off and "eV/atom" in off
    assert float(off.split("is ")[1].split(" eV off")[0]) == pytest.approx(80, abs=1)
    assert force.startswith("the largest force in a.xyz, frame 7 is 4")
    # Many are counted.
    many = copper
    for k in range(8):
        many = changed(many, k, force=2000.0 + k)
    warnings = inspect(reading(many)).warnings
    assert "frames with as large forces, besides: 3" in warnings and len(warnings) >= 6


def test_close_atoms_are_named(copper):
    positions = copper.structures[3].positions.copy()
    positions[1] = positions[0] + [0.9, 0, 0]
    structures = list(copper.structures)
    structures[3] = structures[3]._replace(positions=positions)
    found = inspect(reading(Frames(tuple(structures), copper.energies, copper.forces)))
    assert "atoms are as close as 0.9 Å (1 of 20 frames): a.xyz, frame 3" in found.warnings


def test_copies_are_found_within_rounding(copper):
    order = [0, 1, 0, 2, 1, 0]
    structures = list(copper[order].structures)
    structures[2] = structures[2]._replace(positions=structures[2].positions + 4e-7)
    structures[5] = structures[5]._replace(positions=structures[5].positions + 4e-6)
    again = Frames(tuple(structures), copper[order].energies, copper[order].forces)
    assert first_copies(again).tolist() == [0, 1, 0, 3, 1, 5]
    found = inspect(reading(changed(again, 4, energy=0.01)))
    assert found.copies == 2
    assert "copies of other frames, 2 of 6" in found.warnings[0]
    assert "a.xyz, frame 2; a.xyz, frame 4" in found.warnings[0]
    assert "energies that differ by up to 0.01 eV" in found.warnings[1]
    # Other atoms or another cell at the same positions are no copies.
    for change in ({"numbers": structures[0].numbers + 1}, {"cell": structures[0].cell * 1.001}):
        two = (structures[0], structures[0]._replace(**change))
        two = Frames(two, copper.energies[:2], copper.forces[:1] * 2)
        assert first_copies(two).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda f: f[:1], "nothing to learn from one frame"),
        (lambda f: f[[2, 2, 2]], "nothing to learn from 3 copies of one frame"),
        (lambda f: scaled(f, energy=0.0), "the energies of all 20 frames are 0"),
        (
            lambda f: Frames(f.structures, 0 * f.energies - 7.5, f.forces),
            "20 different frames all have the energy -7.5 eV",
        ),
    ],
)
def test_what_teaches_nothing_is_refused(copper, made, says):
    with pytest.raises(DataError, match=says):
        inspect(reading(made(copper))).require_trainable()


def test_forces_that_are_all_zero_are_doubted(copper):
    assert inspect(reading(scaled(copper, force=0.0))).warnings[-1].startswith("all forces are 0")


def test_references_do_not_follow_outliers(rng):
    formulas = ["Au3Pt", "AuPt2", "Au5", "Pt4", "Au2Pt2", "Au4Pt", "Au7Pt2", "Au1Pt5"] * 3
    structures = [
        Atoms(f, positions=3.0 * np.arange(len(Atoms(f)))[:, None] * [1, 0, 0]) for f in formulas
    ]
    counts = np.array([[sum(a.symbols == e) for e in ("Au", "Pt")] for a in structures])
    energies = counts @ [-3.25, 1234.5] + 1e-3 * rng.normal(size=len(counts))
    energies[5] += 1e4
    # Isolated atoms are far off, and do not count.
    structures.append(Atoms("Au"))
    energies = np.append(energies, 500.0)
    frames = frames_of(structures, energies, [np.zeros((len(a), 3)) for a in structures])
    references, residuals = robust_references(frames)
    assert references == pytest.approx({"Au": -3.25, "Pt": 1234.5}, abs=2e-3)
    assert residuals[5] == pytest.approx(1e4 / 5, abs=1e-2)
    assert abs(np.delete(residuals, [5, -1])).max() < 5e-3
    warnings = inspect(reading(frames)).warnings
    assert [w for w in warnings if "the energy of" in w] == [
        w for w in warnings if "a.xyz, frame 5 is +1e+04 eV off" in w
    ]


def test_isolated_atoms_that_are_none_or_several_are_said():
    atoms = [
        Atoms("Au"),
        Atoms("Au"),
        Atoms("Au", cell=[9] * 3, pbc=True),
        Atoms("Au2", [[0] * 3, [0, 0, 2.5]]),
    ]
    frames = frames_of(atoms, [-0.5, -0.25, -0.5, -3], [np.zeros((len(a), 3)) for a in atoms])
    one = reading(frames, (None, None, "isolated_atom", "IsolatedAtom"))
    one = Reading(**{**vars(one), "isolated": {"Au": -0.5}})
    warnings = inspect(one).warnings
    assert "isolated Au has energies from -0.5 to -0.25 eV: the lowest is the reference" in warnings
    (crowded,) = [w for w in warnings if "isolated atoms by config_type, 2 of" in w]
    assert crowded.endswith("a.xyz, frame 2; a.xyz, frame 3")
    assert "isolated     Au -0.500000 eV" in inspect(one).text()


@pytest.mark.parametrize(("isolated", "is_said"), [(-0.5, False), (-500.0, True), (30.0, True)])
def test_isolated_atoms_of_another_zero_are_said(isolated, is_said):
    """All-electron ones beside pseudopotentials: forces were then four times worse than none."""
    atoms = [Atoms("Au"), *(Atoms("Au2", [[0] * 3, [0, 0, d]]) for d in (2.4, 2.5, 2.6))]
    energies = [isolated, -4.0, -4.1, -4.0]
    one = reading(frames_of(atoms, energies, [np.zeros((len(a), 3)) for a in atoms]))
    one = Reading(**{**vars(one), "isolated": {"Au": isolated}})
    found = [w for w in inspect(one).warnings if "relative to their isolated atoms" in w]
    assert bool(found) == is_said
    # Of frames with an element that has none, nothing is known.
    atoms[1:] = [Atoms("AuPt", a.positions) for a in atoms[1:]]
    one = reading(frames_of(atoms, energies, [np.zeros((len(a), 3)) for a in atoms]))
    one = Reading(**{**vars(one), "isolated": {"Au": isolated}})
    assert not [w for w in inspect(one).warnings if "relative to their isolated atoms" in w]


def test_nearest_neighbours_by_hand():
    """Gold: radius 1.36 Å, hydrogen: 0.31 Å; argon: 1.06 Å, which keeps 1.8 times its distance."""
    chain = Atoms("HAu2", [[0, 0, 0], [0, 0, 1.67], [0, 0, 4.39]])
    wire = Atoms("Au", cell=[0, 0, 2.72], pbc=[False, False, True])
    far = Atoms("Au2", [[0, 0, 0], [0, 0, 7.0]])
    gas = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.816]])
    alone = Atoms("Au")
    atoms = [chain, wire, far, gas, alone]
    found = Distances.of(frames_of(atoms, np.zeros(5), [np.zeros((len(a), 3)) for a in atoms]))
    assert found.shortest == pytest.approx([1.67, 2.72, 7.0, 3.816, np.inf])
    assert found.closest == pytest.approx([1.0, 1.0, 7 / 2.72, 1.0, np.inf])
    assert found.typical == pytest.approx([1.0, 1.0, 7 / 2.72, 1.0, np.inf])


def test_coinciding_atoms_are_those_of_all_pairs(rng):
    """Against ASE's minimum images of all pairs, in cells of any shape, atoms anywhere."""
    found, structures = [], []
    for k in range(300):
        pbc = [True] * 3 if k % 2 else [False] * 3
        cell = np.diag(rng.uniform(2, 9, 3)) + rng.uniform(-1, 1, (3, 3))
        if k % 5 == 0:
            cell[1] += 30 * cell[0]
        n = int(rng.integers(2, 20))
        x = rng.uniform(-1, 2, (n, 3)) @ cell
        direction = rng.normal(size=3)
        apart = rng.uniform(0.5, 1.5) * CLOSEST_A * direction / np.linalg.norm(direction)
        x[1] = x[0] + apart + (rng.integers(-3, 4, 3) * pbc) @ cell
        i, j = np.triu_indices(n, 1)
        lengths = find_mic(x[i] - x[j], cell, pbc)[1]
        nearest = lengths.argmin()
        expected = None
        if lengths[nearest] < CLOSEST_A:
            expected = (i[nearest], j[nearest], pytest.approx(lengths[nearest]))
        structures.append(Structure(x, np.full(n, 79), cell, np.array(pbc)))
        assert coinciding(structures[-1]) == expected
        found.append(expected is not None)
    assert 100 < sum(found) < 200
    # All at once, a few more may be asked for: those closer by less than rounding, and odd cells.
    asked = may_coincide(structures)
    assert asked[found].all() and asked.sum() < sum(found) + 30
    wire = Structure(3.0 * np.eye(3), np.full(3, 79), np.diag([4.0, 0, 0]), np.arange(3) < 1)
    flat = structures[0]._replace(cell=np.ones((3, 3)), pbc=np.ones(3, bool))
    far = structures[2]._replace(positions=1e9 * structures[2].positions)
    spread = 3.0 * np.arange(6000).reshape(2000, 3)
    large = structures[2]._replace(positions=spread, numbers=np.full(2000, 79))
    one = structures[1]._replace(positions=np.zeros((1, 3)), numbers=np.full(1, 79))
    assert [may_coincide([s])[0] for s in (wire, flat, far, large, one)] == [True] * 4 + [False]


def test_the_first_bad_frame_is_named_however_many_are_checked_at_once(monkeypatch):
    """Checked in blocks of two: coinciding atoms before what is not finite, or after."""
    monkeypatch.setattr("data_gen.frames.BLOCK", 2)
    two = Atoms("Au2", [[0, 0, 0], [0, 0, 2.7]])
    same = Atoms("Au2", [[0, 0, 0], [0, 0, 0.05]])
    bad = Atoms("Au2", [[0, 0, 0], [0, 0, np.nan]])
    for atoms, told in (
        ([two, two, two, same, bad], "atoms 0 and 1 of frame 3 are on one point"),
        ([two, same, bad], "of frame 1 are on one point"),
        ([two, two, bad, same], "positions are not finite .* in frame 2"),
        ([two, two, two, same], "of frame 3 are on one point"),
    ):
        n = len(atoms)
        with pytest.raises(DataError, match=told):
            frames_of(atoms, np.arange(n, dtype=float), [np.zeros((2, 3))] * n)
