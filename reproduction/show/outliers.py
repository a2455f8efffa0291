"""Test errors (RMSE) that are due to a single frame, and the notes below tables that report them.

An error is due to its worst frame if it is more than :data:`FACTOR` times that of the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from data_gen.splits import IN_TIME_ORDER
from reproduction.engine.experiment import Experiment
from reproduction.show.evidence import Evidence
from reproduction.show.metrics import UNITS, spread, with_spread
from reproduction.show.predictions import SEED, Predictions, read_predictions

# An RMSE is due to one frame if it exceeds this many times the RMSE of all other frames.
FACTOR = 1.5
SYMBOL = {"energy": "E", "force": "F"}


@dataclass(frozen=True)
class Worst:
    """The test frame with the largest error, for one seed.

    Attributes:
        seed: of the run.
        rmse: over all test frames, eV or eV/Å.
        rest: RMSE over all test frames except this one.
        largest: its largest absolute error, eV or eV/Å.
        frame: its number in the trajectory, from 0; None if only the errors are known.
        n: number of test frames.
    """

    seed: int
    rmse: float
    rest: float
    largest: float
    frame: int | None = None
    n: int = 1

    @property
    def makes_it(self) -> bool:
        """Whether the RMSE is due to this frame, by :data:`FACTOR`."""
        return self.rmse > FACTOR * self.rest

    @property
    def off(self) -> float:
        """Its root mean square error, eV or eV/Å; for E its absolute error."""
        return float(np.sqrt(max(self.n * self.rmse**2 - (self.n - 1) * self.rest**2, 0.0)))

    @property
    def share(self) -> float:
        """Its part of the sum of squared errors of all test frames; 0 if nothing is off."""
        return self.off**2 / (self.n * self.rmse**2) if self.rmse else 0.0


def rest(rmse: float, off: float, n: int) -> float:
    """RMSE over the remaining frames if one is left out.

    Args:
        rmse: over all frames.
        off: root mean square error of the frame to leave out.
        n: number of frames; for one frame the result is 0.
    """
    # If one frame makes up the whole error, rounding may give a slightly negative difference.
    return float(np.sqrt(max(n * rmse**2 - off**2, 0.0) / max(n - 1, 1)))


def worst_kept(kept: Predictions, kind: str) -> Worst:
    """The worst frame in the stored test predictions of E or F.

    A frame's error in F is the root mean square over atoms and components.

    Args:
        kept: stored predictions of a row, seed 0.
        kind: "energy" or "force".

    Raises:
        KeyError: the row does not predict that quantity.
    """
    off = kept.predicted[kind]["test"] - kept.reference[kind]["test"]
    by_frame = np.sqrt((off.reshape(len(off), -1) ** 2).mean(axis=1))
    k = int(by_frame.argmax())
    rmse = float(np.sqrt((by_frame**2).mean()))
    return Worst(
        SEED,
        rmse,
        rest(rmse, float(by_frame[k]), len(off)),
        float(np.abs(off[k]).max()),
        int(kept.frames[kind]["test"][k]),
        len(off),
    )


def worst(evidence: Evidence, row: Experiment, kind: str) -> list[Worst]:
    """The worst test frame for each seed of a row, as far as it is known.

    For energies it follows from RMSE and largest error in metrics.csv, for all seeds. For forces
    these do not give the error of a whole frame, so it is known only for the seed whose
    predictions are stored, if they are for all test frames.
    """
    if row.partition not in IN_TIME_ORDER:
        return []
    rmse, largest = (
        evidence.metrics.by_seed(row.id, "test", f"{kind}_{name}") for name in ("rmse", "max")
    )
    kept = read_predictions(evidence.folder, row.id) if evidence.folder else None
    n, known = row.split[1], {}
    if kept and kind in kept.predicted and kept.has_all(kind):
        # A quick run has fewer frames than the row specifies.
        n = len(kept.predicted[kind]["test"])
        one = worst_kept(kept, kind)
        # The predictions may be of a newer run than the numbers, after an interrupted gathering.
        if np.isclose(one.rmse, rmse.get(SEED, np.nan), rtol=1e-4):
            known[SEED] = one
    if kind == "energy":
        for seed in rmse.keys() & largest.keys() - known.keys():
            left = rest(rmse[seed], largest[seed], n)
            known[seed] = Worst(seed, rmse[seed], left, largest[seed], n=n)
    return [known[seed] for seed in sorted(known)]


def said(
    evidence: Evidence, rows: Iterable[Experiment], kinds: Iterable[str], scale: float = 1.0
) -> str:
    """Note on those test errors of a table that are due to a single frame; empty if none is.

    Args:
        evidence: the numbers.
        rows: of the table.
        kinds: "energy", "force", or both.
        scale: factor for the errors, 1000 for meV.
    """
    kinds = tuple(kinds)
    found = [
        text for row in rows for kind in kinds if (text := _of_row(evidence, row, kind, scale))
    ]
    if not found:
        return ""
    seen = f"; in F only seed {SEED} is looked at" if "force" in kinds else ""
    return (
        f"One frame dominates some of these test errors: RMSE more than {FACTOR:g} times that of "
        f"all other frames (frames count from 0{seen}). {' '.join(found)}"
    )


def _of_row(evidence: Evidence, row: Experiment, kind: str, scale: float) -> str:
    """Sentence on the seeds of a row whose error is due to one frame; empty if there are none."""
    unit = ("m" if scale == 1000.0 else "") + UNITS[f"{kind}_rmse"]
    made = [one for one in worst(evidence, row, kind) if one.makes_it]
    if not made:
        return ""

    def text(*values: float) -> str:
        return f"{with_spread(spread(values), scale)} {unit}"

    parts = [
        f"seed {one.seed} has {text(one.rmse)}, but {text(one.rest)} without "
        f"{'one frame' if one.frame is None else f'frame {one.frame}'}, which is off by "
        f"{'up to ' if kind == 'force' else ''}{text(one.largest)}"
        for one in made
    ]
    values = evidence.metrics.by_seed(row.id, "test", f"{kind}_rmse")
    without = values | {one.seed: one.rest for one in made}
    if len(values) > 1:
        parts.append(
            f"without {'it' if len(made) == 1 else 'these'} the mean over seeds is "
            f"{text(*without.values())}, with {'it' if len(made) == 1 else 'them'} "
            f"{text(*values.values())}"
        )
    return f'"{row.label}", {SYMBOL[kind]}: {"; ".join(parts)}.'
