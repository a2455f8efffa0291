"""Dynamics, minima, vibrations and uncertainty, with potentials whose faults are known."""

from dataclasses import replace

import asap3
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError
from ase.constraints import FixAtoms
from ase.units import _amu, _c, _e, fs

from analysis.dynamics import drift_and_wander, run_nve
from analysis.frames import atoms_at, evenly_chosen
from analysis.minima import agreement, relax_all, relaxed, rms_displacement
from analysis.uncertainty import calibration, frame_rms, predict_frames
from analysis.vibrations import frequencies, lowest_minimum, minimum_near
from tests.potentials import Off, Pushes, Scaled, Springs


def first(data) -> Atoms:
    return atoms_at(data, data.positions[0])


# frames


def test_atoms_are_the_data_s(au6):
    slab = replace(
        au6[:3], numbers=np.array([78, 78, 79, 79, 79, 79]), pbc=np.array([1, 1, 0], bool)
    )
    atoms = atoms_at(slab, slab.positions[2])
    assert str(atoms.symbols) == "Pt2Au4" and atoms.pbc.tolist() == [True, True, False]
    np.testing.assert_array_equal(atoms.cell, slab.cell)
    np.testing.assert_array_equal(atoms.positions, slab.positions[2])


def test_evenly_chosen_frames_have_both_ends(au6):
    chosen = evenly_chosen(au6[:41], 5)
    for atoms, k in zip(chosen, (0, 10, 20, 30, 40), strict=True):
        np.testing.assert_array_equal(atoms.positions, au6.positions[k])


# dynamics


def test_nve_with_emt_conserves_energy(au6):
    start = first(au6)
    told = []
    found = run_nve(start, asap3.EMT(), asap3.EMT(), 2000, progress=lambda *a: told.append(a))
    assert (found.picoseconds, found.steps, found.n_atoms) == (2.0, 2000, 6)
    assert len(found.own) == 41 and found.ended == "all steps done"
    assert told[0] == (0.0, "0.0 ps") and told[-1] == (1.0, "2.0 ps")
    np.testing.assert_array_equal(found.own, found.reference)
    drift, wander = drift_and_wander(found.own, 6)
    assert abs(drift) < 0.5 and wander < 1.0
    # The start is where it was, and moves at 1,000 K.
    np.testing.assert_array_equal(start.positions, au6.positions[0])
    kinetic = [
        run_nve(start, asap3.EMT(), asap3.EMT(), 1, seed).own[0] - au6.energies[0]
        for seed in range(200)
    ]
    # 3/2 N k T: taking the drift of the centre of mass out leaves the temperature as it was.
    assert np.mean(kinetic) == pytest.approx(9 * 8.617333e-5 * 1000, rel=0.08)


def test_nve_steps_are_of_one_femtosecond_and_the_centre_of_mass_rests(au6):
    """Without forces the way in 50 fs says how fast each atom is."""
    seen = []

    class Nothing(Scaled):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            seen.append(atoms.positions.copy())
            self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

    start = first(au6)
    found = run_nve(start, Nothing(), asap3.EMT(), 50)
    way = (seen[-1] - start.positions) / (50 * fs)
    masses = start.get_masses()
    np.testing.assert_allclose(masses @ way, 0, atol=1e-9)
    assert 0.5 * masses @ (way**2).sum(axis=1) == pytest.approx(found.own[0])


def test_nve_judges_a_potential_by_the_reference(au6):
    """Moved by twice EMT's forces, EMT's energy wanders and the potential's own does not."""
    found = run_nve(first(au6), Scaled(factor=2.0, shift=7.0), asap3.EMT(), 1000)
    own, reference = (drift_and_wander(e, 6)[1] for e in (found.own, found.reference))
    assert own < 3.0 < 30.0 < reference
    # Potential energies apart, both have the same kinetic energy.
    potential = found.own - found.reference - 7.0
    assert potential[0] == pytest.approx(au6.energies[0])


def test_nve_without_an_energy_ends_when_the_cluster_explodes(au6):
    found = run_nve(first(au6), Pushes(), asap3.EMT(), 2000)
    assert found.ended.startswith("unphysical after")
    assert 0 < found.picoseconds < 2.0
    # What is said is the time of the first frame that is not recorded.
    assert float(found.ended.split()[2]) == pytest.approx(found.picoseconds + 0.05)
    assert found.own.size == 0 and len(found.reference) == found.steps // 50 + 1


def test_nve_ends_when_two_atoms_meet(au6):
    class Pulls(Pushes):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = -self.results["forces"]

    assert run_nve(first(au6), Pulls(), asap3.EMT(), 2000).ended.startswith("unphysical")


def test_nve_ends_where_a_potential_refuses_unless_it_is_the_start(au6):
    """As KerasCalculator does, between two recordings."""

    class Refuses(Pushes):
        left = 120

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.left -= 1
            if self.left < 0:
                raise CalculatorSetupError("positions are not finite")
            self.results["forces"] *= 0.0

    potential = Refuses()
    found = run_nve(first(au6), potential, asap3.EMT(), 2000)
    assert found.ended == "unphysical after 0.15 ps" and found.steps == 100
    with pytest.raises(CalculatorSetupError, match="not finite"):
        run_nve(first(au6), potential, asap3.EMT(), 2000)


def test_drift_and_wander_by_hand():
    """0, 3, 6 eV of two atoms rise along a line; 0, 1, 0 eV do not."""
    assert drift_and_wander(np.array([5.0, 8.0, 11.0]), 2) == pytest.approx((3000.0, 3000.0))
    assert drift_and_wander(np.array([5.0, 6.0, 5.0]), 2) == pytest.approx((0.0, 500.0))
    assert drift_and_wander(np.array([5.0, 2.0, 4.0]), 1) == pytest.approx((-1000.0, 3000.0))


# minima


def test_minima_of_emt_are_emt_s(au6):
    starts = evenly_chosen(au6, 4)
    by_emt, again = relax_all(starts, asap3.EMT()), relax_all(starts, asap3.EMT())
    assert by_emt.converged == 4 and by_emt.calls == again.calls > 20
    found = agreement(by_emt, again, asap3.EMT())
    assert found.same.all() and found.energies.shape == (4, 2)
    np.testing.assert_allclose(found.energy_errors, 0, atol=1e-9)
    np.testing.assert_allclose(found.displacements, 0, atol=1e-6)
    for start, atoms in zip(starts, by_emt.atoms, strict=True):
        assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.001
        assert start.calc is None and not np.allclose(start.positions, atoms.positions, atol=0.01)


def test_a_potential_that_is_off_by_a_constant_has_the_same_minima(au6):
    starts = evenly_chosen(au6, 3)
    potential = Scaled(shift=0.002)
    shifted = relax_all(starts, potential)
    assert potential.calls == shifted.calls
    found = agreement(relax_all(starts, asap3.EMT()), shifted, asap3.EMT())
    assert found.same.all()
    np.testing.assert_allclose(found.energy_errors, 0.002, atol=1e-6)
    assert found.energy_rmse == pytest.approx(0.002, abs=1e-6)
    np.testing.assert_allclose(found.energies[:, 0], found.energies[:, 1], atol=1e-6)


@pytest.mark.parametrize("stretch", [0.9, 1.1, 1.01])
def test_a_minimum_of_another_size_is_not_the_same(au6, stretch):
    """EMT of a stretched molecule. By 1 % its energy is 1 to 20 meV higher, by EMT."""
    starts = evenly_chosen(au6, 2)
    found = agreement(
        relax_all(starts, asap3.EMT()), relax_all(starts, Scaled(stretch)), asap3.EMT()
    )
    assert not found.same.any() and found.energy_errors.size == found.displacements.size == 0
    assert (found.energies[:, 1] > found.energies[:, 0] + 1e-3).all()


def test_minima_of_one_energy_and_two_shapes_are_two(au6):
    """Mirror images are one, and so are renumbered atoms; a bent one of equal energy is not."""
    (a,) = relax_all([first(au6)], asap3.EMT()).atoms
    mirrored, bent = a.copy(), a.copy()
    mirrored.positions = mirrored.positions[::-1] * [-1, 1, 1]
    bent.positions[0] += 0.05

    class Flat(Scaled):
        """EMT's energy at the minimum, everywhere."""

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] = a.get_potential_energy()

    both = []
    for other in (mirrored, bent):
        other.calc = Flat()
        both.append(
            agreement(
                replace(relax_all([a], asap3.EMT()), atoms=[a]),
                replace(relax_all([a], asap3.EMT()), atoms=[other]),
                Flat(),
            ).same[0]
        )
    assert both == [True, False]


@pytest.mark.parametrize(("apart", "same"), [(0.5e-3, True), (-0.5e-3, True), (2e-3, False)])
def test_minima_of_one_shape_and_two_energies_are_two(au6, apart, same):
    """The potential's minimum is judged by a reference that is off by some meV."""
    both = relax_all([first(au6)], asap3.EMT())
    assert agreement(both, both, Scaled(shift=apart)).same.tolist() == [same]


def test_displacement_is_after_the_best_turn_and_shift(au6):
    a, b = first(au6), first(au6)
    b.rotate(40, (1, 2, 3))
    b.positions += 5.0
    assert rms_displacement(a, b) == pytest.approx(0.0, abs=1e-6)
    # An octahedron breathing by 1 % about its centre: every atom moves by 1 % of its radius.
    b.positions = b.positions.mean(axis=0) + 1.01 * (b.positions - b.positions.mean(axis=0))
    radius = np.linalg.norm(a.positions[0] - a.positions.mean(axis=0))
    assert rms_displacement(a, b) == pytest.approx(0.01 * radius, rel=1e-4)


def test_relaxation_stops_at_the_steps_allowed(au6):
    _, calls, converged = relaxed(atoms_at(au6, au6.positions[50]), asap3.EMT(), most_steps=3)
    assert (calls, converged) == (4, False)


# vibrations


def test_frequencies_of_a_triangle_by_hand():
    """Equal masses and springs: omega^2 = 3k/m (breathing) and 3k/2m (twice)."""
    h = 1.5 * 3**0.5
    atoms = Atoms("Au3", positions=[[0, 0, 0], [3, 0, 0], [1.5, h, 0]], calculator=Springs())
    found = frequencies(atoms)
    omega = np.sqrt(Springs.constant * _e * 1e20 / (atoms.get_masses()[0] * _amu))
    breathing = np.sqrt(3.0) * omega / (2 * np.pi * 100 * _c)
    np.testing.assert_allclose(
        found, [breathing / np.sqrt(2), breathing / np.sqrt(2), breathing], rtol=1e-3
    )


def test_frequencies_of_scaled_emt_are_scaled(au6):
    """Four times the energy: twice the frequencies, at the same minimum."""
    lowest = lowest_minimum(evenly_chosen(au6, 5), asap3.EMT())
    plain = frequencies(lowest)
    assert len(plain) == 12 and plain.min() > 5  # a minimum: no imaginary mode
    np.testing.assert_allclose(
        frequencies(minimum_near(lowest, Scaled(factor=4.0))), 2 * plain, rtol=2e-3
    )
    # Upside down, the minimum is a maximum.
    lowest.calc = Scaled(factor=-1.0)
    np.testing.assert_allclose(frequencies(lowest), -plain[::-1], rtol=1e-6)


def test_lowest_minimum_is_the_lowest(au6):
    starts = evenly_chosen(au6, 5)
    energies = [minimum_near(x, asap3.EMT()).get_potential_energy() for x in starts]
    starts.insert(0, starts.pop(int(np.argmax(energies))))  # not the lowest first
    assert lowest_minimum(starts, asap3.EMT()).get_potential_energy() == min(energies)
    assert np.ptp(energies) > 1e-3


# uncertainty


def test_predictions_are_frame_by_frame(au6):
    told = []
    found = predict_frames(au6[:30], Off(), lambda *a: told.append(a))
    size = 0.1 * np.arange(1, 31)
    np.testing.assert_allclose(found.energies, au6.energies[:30] + 1.0, atol=1e-9)
    np.testing.assert_allclose(frame_rms(found.forces - au6.forces[:30]), size, atol=1e-9)
    np.testing.assert_allclose(frame_rms(found.forces_std), size / 2)
    assert told == [(0.0, "frame 0/30"), (20 / 30, "frame 20/30")]


def test_frame_rms_is_over_atoms_and_components():
    x = np.zeros((2, 2, 3))
    x[0, 1, 2], x[1] = 6.0, 2.0
    np.testing.assert_allclose(frame_rms(x), [np.sqrt(6.0), 2.0])


def test_calibration_by_hand():
    found = calibration(np.array([3.0, 4.0]), np.array([1.0, 7.0]))
    assert found["force_std"] == pytest.approx(5.0)
    assert found["error_to_std"] == pytest.approx(np.sqrt(0.5))
    assert found["rank_correlation"] == pytest.approx(1.0)
    by_rank = calibration(np.array([1.0, 2.0, 9.0]), np.array([3.0, 1.0, 2.0]))
    assert by_rank["rank_correlation"] == pytest.approx(-0.5)
    assert calibration(np.ones(2), np.zeros(2)) == {"force_std": 0.0}
    assert set(calibration(np.ones(2), np.ones(2))) == {"force_std", "error_to_std"}


def test_nve_without_a_reference_and_from_another_temperature(au6):
    found = run_nve(first(au6), asap3.EMT(), None, 200, temperature_K=0.0)
    assert found.reference.size == 0 and len(found.own) == found.records == 5
    assert found.picoseconds == pytest.approx(0.2)
    assert found.own[0] == pytest.approx(au6.energies[0], abs=1e-9)  # nothing moves at first
    assert run_nve(first(au6), asap3.EMT(), None, 50, temperature_K=300.0).own[0] > found.own[0]


def test_nve_moves_nothing_that_is_fixed(au6):
    class Recorder(Scaled):
        def calculate(self, atoms=None, *args, **kwargs):
            positions.append(atoms.positions.copy())
            super().calculate(atoms, *args, **kwargs)

    start, positions = first(au6), []
    start.set_constraint(FixAtoms([0, 1]))
    run_nve(start, Recorder(), None, 100)
    moved = np.ptp(positions, axis=0).max(axis=1)
    assert (moved[:2] == 0).all() and (moved[2:] > 0).all()
