"""What an Amp training is asked for."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class AmpSettings:
    """Amp's own defaults, but for the limits.

    Attributes:
        hidden_layers: nodes of each hidden layer, the same for every element.
        forces: train on energies and forces, not energies alone.
        energy_rmse: Amp counts the energy as learned below this RMSE, eV per atom (its default).
        force_rmse: the same for the forces, eV/Å. Amp has no default; its force training is
            switched on by giving one.
        force_coefficient: weight of the forces in Amp's loss (its default):
            sum over images of (dE / N)^2 + force_coefficient * mean over components of dF^2.
        optimiser: "scipy", Amp's own choice, SciPy's BFGS; or "rank-two", the same with a cheaper
            update (:mod:`amp_baseline.optimiser`).
        minutes: of the processor in training, after which the best state so far counts.
        max_steps: evaluations of the loss, after which the best state so far counts.
    """

    hidden_layers: tuple[int, ...] = (5, 5)
    forces: bool = False
    energy_rmse: float = 0.001
    force_rmse: float = 0.01
    force_coefficient: float = 0.04
    optimiser: str = "scipy"
    minutes: float = 10.0
    max_steps: int = 100_000

    def quick(self) -> "AmpSettings":
        """The same in a few steps: does it run here?"""
        return replace(self, max_steps=10, minutes=1.0)
