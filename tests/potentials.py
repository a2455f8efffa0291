"""ASE calculators whose faults are known, to stand in a trained model's place."""

import asap3
import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Scaled(Calculator):
    """EMT of a molecule stretched by a factor, times another, plus an energy: minima shrink."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    has_energy = True

    def __init__(self, stretch=1.0, factor=1.0, shift=0.0):
        super().__init__()
        self.stretch, self.factor, self.shift, self.calls = stretch, factor, shift, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        stretched = atoms.copy()
        stretched.positions = self.stretch * atoms.positions
        stretched.calc = asap3.EMT()
        self.results = {
            "energy": self.factor * stretched.get_potential_energy() + self.shift,
            "forces": self.factor * self.stretch * stretched.get_forces(),
        }


class Off(Scaled):
    """EMT but for an error that it knows; each frame has its own."""

    implemented_properties = ["energy", "forces", "forces_std"]  # noqa: RUF012

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        size = 0.1 * self.calls
        self.results["energy"] += 1.0
        self.results["forces"] = self.results["forces"] + size
        self.results["forces_std"] = np.full(self.results["forces"].shape, size / 2)


class Pushes(Calculator):
    """Forces alone, away from the centre."""

    implemented_properties = ["forces"]  # noqa: RUF012
    has_energy = False

    def calculate(self, atoms=None, properties=("forces",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = atoms.positions
        self.results = {"forces": x - x.mean(axis=0)}


class Springs(Calculator):
    """All pairs of atoms joined by springs of one constant, eV/Å^2."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    constant, length = 2.0, 3.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        d = atoms.positions[:, None] - atoms.positions
        r = np.linalg.norm(d, axis=-1) + np.eye(len(d))
        off = (r - self.length) * (1 - np.eye(len(d)))
        self.results = {
            "energy": self.constant * (off**2).sum() / 4,
            "forces": -self.constant * ((off / r)[..., None] * d).sum(axis=1),
        }
