"""Parser for the log that Amp writes during training."""

import re
from dataclasses import dataclass

import numpy as np

NUMBER = r"([-+.\deEnaif]+)"
# step, time, loss, energy RMSE [-C], largest residual [-C], and the latter two for forces.
_STEP = re.compile(
    rf"^\s*(\d+) \S+\s+{NUMBER} {NUMBER} [-C] {NUMBER} [-C]"
    rf"(?:\s+{NUMBER} [-C]\s+{NUMBER} [-C])?\s*$"
)


@dataclass(frozen=True)
class LogStep:
    """One evaluation of Amp's loss, from a line of the log.

    Attributes:
        loss: as Amp defines it, summed over images.
        energy_rmse: eV per atom.
        force_rmse: eV/Å; NaN if only energies are trained.
    """

    loss: float
    energy_rmse: float
    force_rmse: float


def parse_line(line: str) -> LogStep | None:
    """Parse a line of the log; None if it is not a complete line of the table of steps."""
    found = _STEP.match(line)
    if not found or not line.endswith("\n"):
        return None
    try:
        loss, energy = float(found[2]), float(found[3])
        force = float(found[5]) if found[5] else float("nan")
    except ValueError:
        return None
    return LogStep(loss, energy, force)


def parse(text: str) -> np.ndarray:
    """Parse all steps of a log: (steps, 3), columns as in :class:`LogStep`.

    The log may be of a training that was resumed.
    """
    steps = [s for line in text.splitlines(keepends=True) if (s := parse_line(line))]
    return np.array([(s.loss, s.energy_rmse, s.force_rmse) for s in steps]).reshape(-1, 3)
