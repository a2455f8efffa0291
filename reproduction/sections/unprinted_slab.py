"""Section 3.4: whether a start, or a choice of frames, makes Tables 2 and 3 as they are printed.

Times the root of the number of test frames, the printed test errors of overfitted rows are the
same on 50 and on 500 frames: as if a single frame, in both test parts, had made them. The report
says neither where its gold starts nor how frames were taken. Here the Keras twins of both tables
are trained from starts at several heights of the gold above the layer, with the start (frame 0)
in the training or in the test part, and on frames taken from the whole trajectory by strides.
"""

from dataclasses import dataclass, replace

from reproduction.engine.experiment import Experiment
from reproduction.sections.s2_data import PT8AU2, PT8AU2_HEIGHTS, PT8AU2_HOT
from reproduction.sections.s3_behler import (
    AMP_LOSS,
    ENERGIES_ALONE,
    LINES2,
    LINES3,
    slab,
    twin,
)
from reproduction.sections.s3_behler import ROWS as PRINTED_ROWS
from reproduction.sections.trivial import with_trivial
from reproduction.show.metrics import NOT_RUN, spread, with_spread
from reproduction.show.outliers import Worst, worst
from reproduction.show.reported import reported
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table

ATOMS = 10  # of Pt8Au2
PARTS = ("train", "test")


@dataclass(frozen=True)
class Line:
    """A line of Table 2 or 3, as it is repeated here.

    Attributes:
        printed: id of the report's row.
        frames: size of the dataset.
        layers: hidden layers of the MLPs.
        iterations: of the twin's training.
        weights: of its loss.
    """

    printed: str
    frames: int
    layers: tuple[int, ...]
    iterations: int
    weights: tuple[float, float] = ENERGIES_ALONE

    @property
    def name(self) -> str:
        """End of the ids of its rows, such as "250-5-5-forces"."""
        layers = "-".join(map(str, self.layers))
        return f"{self.frames}-{layers}{'-forces' if self.weights[1] else ''}"

    @property
    def label(self) -> str:
        """Its name in tables."""
        trained = ", E and F" if self.weights[1] else ""
        return f"{self.frames:,} frames, ({', '.join(map(str, self.layers))}){trained}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The errors that the report prints."""
        return ("energy_rmse", "force_rmse") if self.weights[1] else ("energy_rmse",)


LINES = (
    Line(LINES2[0], 250, (10, 10), 1000),
    Line(LINES2[1], 2500, (10, 10), 1000),
    Line(LINES2[2], 2500, (10, 10, 10), 1000),
    Line(LINES3[0], 250, (5, 5), 1000, AMP_LOSS),
    Line(LINES3[1], 2500, (10, 10, 10), 800, AMP_LOSS),
)
# Å above the layer. First Tables 2 and 3's, with the gold where the crystal's next layer would be.
OWN = 1.386
STARTS = {OWN: PT8AU2, **dict(sorted({**PT8AU2_HEIGHTS, 1.8: PT8AU2_HOT}.items()))}
CHOICES = {
    "time": "frame 0 trained",
    "test first": "frame 0 tested",
    "strides": "by strides",
}
# Choices of frames other than the report's, "time": strides need a trajectory that is much longer
# than the sets, and frame 0 is tested from the heights that were tried first.
TRIED = {OWN: ("test first", "strides"), 0.9: ("test first",), 1.8: ("test first",)}
SHOWN = tuple((height, choice) for height in STARTS for choice in ("time", *TRIED.get(height, ())))
# Rows that another table has; their training goes on for longer.
ELSEWHERE = {
    **{(OWN, "time", line.name): f"beyond/twin-{line.name}" for line in LINES},
    (1.8, "time", "250-5-5-forces"): "beyond/why-hot-250",
}


def row_of(height: float, choice: str, line: Line) -> str:
    """Id of the row for a start, a choice of frames and a line of the report's tables."""
    own = f"beyond/slab-{height}-{choice.replace(' ', '-')}-{line.name}"
    return ELSEWHERE.get((height, choice, line.name), own)


def _called(height: float, choice: str) -> str:
    return f"Au at {height} Å, {CHOICES[choice]}"


def twin_on(height: float, choice: str, line: Line) -> Experiment:
    """The Keras twin of a line, with another start of the slab or another choice of frames."""
    row = twin(
        row_of(height, choice, line).removeprefix("beyond/"),
        f"{_called(height, choice)}, {line.label}",
        line.layers,
        line.iterations,
        line.weights,
        table="slab",
        partition=choice,
        assumed=("data", "behler", "partition"),
        **slab(line.frames, STARTS[height]),
    )
    # The report's slab is the one that a quick run has, too.
    quick = height == OWN and choice != "time" and line is LINES[0]
    return replace(
        row,
        frames=None if choice == "strides" else line.frames,
        seeds=(0, 1, 2) if line.frames == 250 else (0,),
        quick=quick,
        all_forces="force_rmse" in line.metrics,
    )


ROWS = with_trivial(
    *(
        twin_on(height, choice, line)
        for height, choice in SHOWN
        for line in LINES
        if (height, choice, line.name) not in ELSEWHERE
    )
)
_COLUMNS = tuple((line, metric) for line in LINES for metric in line.metrics)
_SYMBOL = {"energy_rmse": "E", "force_rmse": "F"}
_HEADS = tuple(f"{_SYMBOL[metric]}: {line.label}" for line, metric in _COLUMNS)
_UNITS_NOTE = "E in eV, F in eV/Å; E alone is trained where nothing else is said."


def _pair(evidence: Evidence, row: str, metric: str) -> str:
    """Training and test error of a row, mean over seeds."""
    return " / ".join(with_spread(evidence.spread(row, part, metric)) for part in PARTS)


def starts(evidence: Evidence) -> Table:
    """Errors from each start and with each choice of frames, and those of the mean and zero."""
    printed = reported()
    rows = [
        (
            "printed",
            *(
                " / ".join(printed[line.printed, p, metric] for p in PARTS)
                for line, metric in _COLUMNS
            ),
        )
    ]
    for height, choice in SHOWN:
        found, trivial = [], []
        for line, metric in _COLUMNS:
            row = row_of(height, choice, line)
            found.append(_pair(evidence, row, metric))
            known = evidence.experiments.get(row)
            same = evidence.baselines(known) if known else []
            trivial.append(_pair(evidence, same[0].id, metric) if same else NOT_RUN)
        rows.append((_called(height, choice), *found))
        rows.append((f"{_called(height, choice)}: mean of training E, zero F", *trivial))
    return Table(
        "slab",
        "Starts of the slab, and choices of frames: RMSE of the Keras twins, training / test",
        ("", *_HEADS),
        tuple(rows),
        f"{SPREAD_NOTE} {_UNITS_NOTE} Å is the height of the gold above the layer at the start; "
        f"{OWN} is that of Tables 2 and 3. Frame 0 is tested if the first frames are the test part "
        "and those after them the training part. By strides: training and test part are taken "
        "from the whole trajectory at equal distances, so that the smaller test part is contained "
        "in the larger.",
    )


def worst_frames(evidence: Evidence) -> Table:
    """Part of the sum of squared test errors that the worst frame has, in each of those rows."""
    printed = reported()
    rows = [
        (
            "printed, if one frame made it",
            *(
                f"100 % ({_between(*needed(printed[line.printed, 'test', metric], n_test))})"
                for line, metric in _COLUMNS
                for n_test in [slab(line.frames)["split"][1]]
            ),
        )
    ]
    for height, choice in SHOWN:
        cells = []
        for line, metric in _COLUMNS:
            row = evidence.experiments.get(row_of(height, choice, line))
            found = worst(evidence, row, metric.removesuffix("_rmse")) if row else []
            cells.append(_worst_cell(found))
        rows.append((_called(height, choice), *cells))
    return Table(
        "slab-worst",
        "The worst test frame's part of the sum of squared test errors, and its error",
        ("", *_HEADS),
        tuple(rows),
        f"Mean over seeds; for F, seed 0 alone. {_UNITS_NOTE} In brackets the frame of seed 0, "
        "counted from 0, and its error: for F the root mean square over its atoms and components.",
    )


def _worst_cell(found: list[Worst]) -> str:
    """Mean part over seeds; frame and error of the first seed."""
    if not found:
        return NOT_RUN
    share = sum(one.share for one in found) / len(found)
    first = found[0]
    frame = "" if first.frame is None else f"frame {first.frame}: "
    return f"{100 * share:.0f} % ({frame}{with_spread(spread([first.off]))})"


def _between(low: float, high: float) -> str:
    """Format two close numbers with the digits that tell them apart."""
    digits = 2 if high < 10 else 0
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def needed(text: str, n: int) -> tuple[float, float]:
    """Error that one of n frames needs to have to make a printed RMSE if the others have none.

    Args:
        text: the RMSE as printed, with all its digits.
        n: number of frames.

    Returns:
        The least and the largest error for which that RMSE is printed, in its unit; for F the
        root mean square over the frame's atoms and components.
    """
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    return (float(text) - half) * n**0.5, (float(text) + half) * n**0.5


def one_frame(_: Evidence) -> Table:
    """The report's own test errors, times the root of the number of test frames."""
    printed = reported()
    known = {row.id: row for row in PRINTED_ROWS}
    rows = []
    for k, lines in ((2, LINES2), (3, LINES3)):
        for number, name in enumerate(lines, start=1):
            row = known[name]
            n = row.split[1]
            cells = [f"Table {k}, line {number}: {row.label}", f"{n:,}"]
            energy = printed[name, "test", "energy_rmse"]
            cells += [energy, _between(*needed(energy, n))]
            force = printed.get((name, "test", "force_rmse"), "")
            if force:
                low, high = needed(force, n)
                cells += [force, _between(low, high)]
                cells.append(_between(low * (3 * ATOMS) ** 0.5, high * (3 * ATOMS) ** 0.5))
            else:
                cells += ["", "", ""]
            rows.append(tuple(cells))
    return Table(
        "one-frame",
        "The error that one frame would need to have, if it alone made a printed test error",
        (
            "",
            "test frames",
            "E, eV, printed",
            "E of that frame, eV",
            "F, eV/Å, printed",
            "F of that frame, eV/Å",
            "the same as a norm over its atoms, eV/Å",
        ),
        tuple(rows),
        "The printed RMSE times the root of the number of test frames, for the least and the "
        "largest value that is printed so. F of a frame is the root mean square over its atoms "
        "and components.",
    )


TABLES = (starts, worst_frames, one_frame)
CLAIMS = ()
