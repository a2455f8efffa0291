"""Settings of an Amp training."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class AmpSettings:
    """Settings of an Amp training; the defaults are Amp's own, except for the limit.

    Attributes:
        hidden_layers: nodes of each hidden layer, the same for every element.
        forces: train on energies and forces instead of energies alone.
        energy_rmse: energies count as converged below this RMSE, eV per atom (Amp's default).
        force_rmse: forces count as converged below this RMSE, eV/Å. Amp has no default; giving
            this value to Amp makes it train on forces.
        force_coefficient: weight of the forces in Amp's loss (Amp's default):
            sum over images of (dE / N)^2 + force_coefficient * mean over components of dF^2.
        optimiser: "scipy" for SciPy's BFGS, Amp's default, or "rank-two" for the same method with
            a cheaper update (:mod:`amp_baseline.optimiser`).
        max_steps: limit of loss evaluations; at the limit the best weights so far are used. Not
            one of seconds, by which results would depend on the processor.
    """

    hidden_layers: tuple[int, ...] = (5, 5)
    forces: bool = False
    energy_rmse: float = 0.001
    force_rmse: float = 0.01
    force_coefficient: float = 0.04
    optimiser: str = "scipy"
    max_steps: int = 10_000

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError("weights without a loss are no result: at least one evaluation")

    def quick(self) -> "AmpSettings":
        """The same settings with a low limit, for a quick try."""
        return replace(self, max_steps=10)
