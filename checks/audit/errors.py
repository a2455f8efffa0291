"""Part a of the audit: prediction errors recomputed from stored arrays, against metrics.csv.

It only uses NumPy and the csv module and none of the project's formulas, lest a mistake in these
go unnoticed; of a row it asks whether its curve is over its training frames. File formats:
reproduction/show/predictions.py.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from checks.audit import tolerances
from checks.audit.report import Part
from reproduction.sections import EXPERIMENTS

# {(experiment, split, metric): {seed: value}}
Numbers = dict[tuple[str, str, str], dict[int, float]]
# reference-<dataset>-<training frames>-<test frames>-<checksum>.npz
REFERENCE = re.compile(r"reference-(?P<data>.+)-(?P<train>\d+)-(?P<test>\d+)-[0-9a-f]{8}\.npz")
SEED = 0
# Of a test part with more components than this, in rows of the report's tables and in others,
# forces are stored for a tenth of the frames.
MANY, MANY_BEYOND, PART = 30_000, 10_000, 10


@dataclass(frozen=True)
class Error:
    """A prediction error of one run (RMSE, MAE, ...), from metrics.csv and recomputed.

    Attributes:
        experiment, seed, split, metric: identify the error.
        committed, found: value in metrics.csv and recomputed value, eV or eV/Å; no unit for slopes.
        rounding: uncertainty of ``found`` due to rounding of the arrays, in the same unit.
        bound: whether ``found`` is only a lower bound, because some frames are not stored.
        upper: largest value that the stored frames allow, in the same unit.
    """

    experiment: str
    seed: int
    split: str
    metric: str
    committed: float
    found: float
    rounding: float = 0.0
    bound: bool = False
    upper: float = float("inf")

    def agrees(self, relative: float) -> bool:
        """Whether the two agree within a relative tolerance plus rounding; NaN never agrees."""
        allowed = relative * abs(self.committed) + self.rounding
        off = self.found - self.committed
        if self.bound:
            return bool(off <= allowed and self.committed - self.upper <= allowed)
        return bool(abs(off) <= allowed)

    def __str__(self) -> str:
        said = "at least " if self.bound else ""
        if self.committed > self.upper:
            return (
                f"{self.experiment} seed {self.seed}, {self.split} {self.metric}: metrics.csv has "
                f"{self.committed:.7g}, the stored arrays give at most {self.upper:.7g}"
            )
        return (
            f"{self.experiment} seed {self.seed}, {self.split} {self.metric}: metrics.csv has "
            f"{self.committed:.7g}, the stored arrays give {said}{self.found:.7g}"
        )


def read_numbers(path: Path) -> Numbers:
    """Read the numbers in metrics.csv.

    Raises:
        ValueError: a line occurs twice, or a value is not a number.
    """
    found: Numbers = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["experiment"], row["split"], row["metric"]
            seeds = found.setdefault(key, {})
            if int(row["seed"]) in seeds:
                raise ValueError(f"{path.name}: {key} of seed {row['seed']} occurs twice")
            seeds[int(row["seed"])] = float(row["value"])
    return found


def files(folder: Path, numbers: Numbers) -> dict[str, Path]:
    """Array files of a folder, which are named after rows of metrics.csv: {experiment: file}.

    Raises:
        ValueError: a file does not belong to any row of metrics.csv.
    """
    names = {experiment.replace("/", "-"): experiment for experiment, *_ in numbers}
    found = {}
    for path in sorted(folder.glob("*.npz")):
        if not path.name.startswith("reference-"):
            if path.stem not in names:
                raise ValueError(f"{path.name}: metrics.csv has no such row")
            found[names[path.stem]] = path
    return found


def half_step(array: np.ndarray) -> np.ndarray:
    """Largest rounding error of each element in the array's type; of the same shape."""
    return np.spacing(np.abs(array)).astype(float) / 2


def measures(predicted: np.ndarray, true: np.ndarray) -> dict[str, tuple[float, float]]:
    """Error measures of predictions, (n,) or (n, N, 3): {measure: (value, rounding)}.

    rmse, mae and max over all elements; bias, the mean error; and slope, of the regression line
    of the error on the reference.

    Raises:
        ValueError: shapes differ, or the arrays are empty.
    """
    if predicted.shape != true.shape or not predicted.size:
        raise ValueError(f"predictions {predicted.shape} do not fit references {true.shape}")
    p, t = predicted.astype(float).ravel(), true.astype(float).ravel()
    off = p - t
    # Files written before 0.2.0 contained errors as float32, which limits their precision.
    step = (half_step(predicted) + half_step(true)).ravel() + half_step(off.astype(np.float32))
    steps = float(np.sqrt(np.mean(step**2)))
    found = {
        "rmse": (float(np.sqrt(np.mean(off**2))), steps),
        "mae": (float(np.mean(np.abs(off))), float(step.mean())),
        "max": (float(np.max(np.abs(off))), float(step.max())),
        "bias": (float(np.mean(off)), float(step.mean())),
    }
    if t.std():
        found["slope"] = float(np.polyfit(t - t.mean(), off, 1)[0]), steps / float(t.std())
    return found


def at_least(values: dict[str, tuple[float, float]], part: float) -> dict[str, tuple[float, float]]:
    """Lower bounds of the errors on all frames, from those on some of them.

    Args:
        values: result of :func:`measures`.
        part: fraction of all frames, above 0 and up to 1.
    """
    factors = {"rmse": part**0.5, "mae": part, "max": 1.0}
    return {name: (f * values[name][0], f * values[name][1]) for name, f in factors.items()}


def at_most(predicted: np.ndarray, true: np.ndarray, frames: int, largest: float) -> float:
    """Largest RMSE over all frames that some of them allow, on which (n,) or (n, N, 3) are given.

    The mean squared error of a frame is at most some standard errors above that of the stored ones,
    but for some frames that may be off by as much as the largest error (of forces in one component
    each): see :mod:`checks.audit.tolerances`.

    Args:
        predicted, true: of the stored frames, eV or eV/Å.
        frames: number of all frames.
        largest: largest error of all frames, eV or eV/Å.
    """
    squares = ((predicted.astype(float) - true) ** 2).reshape(len(predicted), -1)
    of_frame = squares.mean(1)
    if len(of_frame) < 2:
        return float("inf")
    error = of_frame.std(ddof=1) / len(of_frame) ** 0.5
    components = 3 if squares.shape[1] > 1 else 1
    outliers = tolerances.OUTLIERS * largest**2 / (frames * components)
    return float(np.sqrt(of_frame.mean() + tolerances.STANDARD_ERRORS * error + outliers))


def of_predictions(results: Path, numbers: Numbers) -> Iterator[Error]:
    """Errors of seed 0 from results/predictions: exact where all frames are stored.

    Else they are lower bounds: for training frames, and for forces of a large test part.

    Raises:
        ValueError: a file is not in the documented format.
    """
    folder = results / "predictions"
    for experiment, path in files(folder, numbers).items():
        with np.load(path) as stored:
            arrays = dict(stored)
        reference = str(arrays.pop("reference"))
        named = REFERENCE.fullmatch(reference)
        if not named:
            raise ValueError(f"{path.name}: its reference has the invalid name {reference}")
        with np.load(folder / reference) as stored:
            true = dict(stored)
        for name, predicted in arrays.items():
            kind, split = name.split("_")
            frames = true[f"{name}_frames"]
            in_all = int(named[split])
            most = MANY_BEYOND if experiment.startswith("beyond/") else MANY
            components = in_all * np.prod(predicted.shape[1:])
            tenth = split == "test" and kind == "force" and components > most
            some = split == "train" or len(frames) < in_all
            least = 1 if split == "train" else in_all / PART if tenth else in_all
            if len(np.unique(frames)) != len(predicted) or not least <= len(frames) <= in_all:
                raise ValueError(f"{path.name}: {name} does not have the frames of {reference}")
            try:
                values = measures(predicted, true[name])
            except ValueError as error:
                raise ValueError(f"{path.name}, {name}: {error}") from None
            largest = numbers.get((experiment, split, f"{kind}_max"), {}).get(SEED, np.inf)
            upper = {"rmse": at_most(predicted, true[name], in_all, largest)} if some else {}
            if some:
                values = at_least(values, len(frames) / in_all)
            for measure, (value, rounding) in values.items():
                metric = f"{kind}_{measure}"
                committed = numbers.get((experiment, split, metric), {}).get(SEED)
                if committed is not None:
                    yield Error(
                        experiment,
                        SEED,
                        split,
                        metric,
                        committed,
                        value,
                        rounding,
                        some,
                        upper.get(measure, float("inf")),
                    )


def of_curves(results: Path, numbers: Numbers) -> Iterator[Error]:
    """Errors of all seeds from results/curves, for rows trained by Adam.

    The last point of a curve is the row's RMSE, the median over the last quarter of the epochs the
    "late" one. For several folds (the last axis), the root mean square over them is taken. Training
    errors are compared where the curve is over the row's training frames, and these are one part.
    """
    for experiment, path in files(results / "curves", numbers).items():
        with np.load(path) as stored:
            arrays = dict(stored)
        for kind in ("energy", "force"):
            if "curve_epochs" not in arrays or f"curve_{kind}" not in arrays:
                continue
            curves = arrays[f"curve_{kind}"].astype(float)
            seeds = sorted(numbers[experiment, "test", f"{kind}_rmse"])
            for seed, epochs, curve in zip(seeds, arrays["curve_epochs"], curves, strict=True):
                test = curve[:, 1]
                late = np.median(test[epochs > 0.75 * epochs[-1]], axis=0)
                ends = [("test", f"{kind}_rmse", test[-1]), ("test", f"{kind}_rmse_late", late)]
                if curve.ndim == 2 and _on_its_frames(experiment):
                    ends.append(("train", f"{kind}_rmse", curve[-1, 0]))
                for split, metric, value in ends:
                    committed = numbers.get((experiment, split, metric), {}).get(seed)
                    if committed is not None:
                        found = float(np.sqrt(np.mean(value**2)))
                        yield Error(experiment, seed, split, metric, committed, found)


def _on_its_frames(experiment: str) -> bool:
    """Whether a row is trained on all of its training frames, and on no copies of them."""
    row = EXPERIMENTS.get(experiment)
    return row is None or (row.task != "edges" and row.options.get("copies", 1) == 1)


def inconsistent(results: Path, numbers: Numbers) -> tuple[int, list[str]]:
    """Number of RMSEs, and messages on those that do not fit the other errors of their run.

    The mean error is at most the mean absolute one, this at most the RMSE, and this at most the
    largest; where the number of test frames n is known, the largest at most n^1/2 RMSEs.
    """
    folder, sizes = results / "predictions", {}
    for experiment, path in files(folder, numbers).items():
        with np.load(path) as stored:
            named = REFERENCE.fullmatch(str(stored["reference"]))
            shape = next((stored[x].shape[1:] for x in stored.files if x == "force_test"), ())
        if named:
            sizes[experiment] = int(named["test"]), int(np.prod(shape))
    faults, total = [], 0
    for (experiment, split, metric), seeds in numbers.items():
        kind = metric.removesuffix("_rmse")
        if kind not in ("energy", "force") or kind == metric:
            continue
        for seed, rmse in seeds.items():
            total += 1
            of_run = {
                x: numbers.get((experiment, split, f"{kind}_{x}"), {}).get(seed)
                for x in ("bias", "mae", "max")
            }
            chain = [of_run["bias"], of_run["mae"], rmse, of_run["max"]]
            if split == "test" and experiment in sizes:
                frames, components = sizes[experiment]
                chain.append(rmse * (frames * (components if kind == "force" else 1)) ** 0.5)
            known = [abs(x) for x in chain if x is not None]
            if any(a > b * (1 + tolerances.ERROR) for a, b in pairwise(known)):
                faults.append(
                    f"{experiment} seed {seed}, {split} {metric} of {rmse:.7g}: the mean, mean "
                    "absolute or largest error is not that of such an RMSE"
                )
    return total, faults


def audit(results: Path) -> Part:
    """Recompute all errors that follow from the stored arrays of a results folder."""
    part = Part("a  errors")
    try:
        numbers = read_numbers(results / "metrics.csv")
        predicted = list(of_predictions(results, numbers))
        curves = list(of_curves(results, numbers))
        others = inconsistent(results, numbers)
    except (ValueError, KeyError, OSError) as error:
        part.faults.append(f"results/ cannot be read: {error}")
        part.sentence = "The stored arrays are not in the documented format."
        return part
    exact = [e for e in predicted if not e.bound]
    bounds = [e for e in predicted if e.bound]
    for what, errors, tolerance in (
        (f"test errors, seed {SEED}, from predictions", exact, tolerances.ERROR),
        (f"errors on some of the frames, seed {SEED}, bounds", bounds, tolerances.ERROR),
        ("RMSE, all seeds, from curves", curves, tolerances.CURVE),
    ):
        faults = [str(e) for e in errors if not e.agrees(tolerance)]
        part.count(what, len(errors), faults, f"{tolerance:g} relative")
    part.count("RMSE, all seeds, beside the run's other errors", *others, "mean ≤ largest")
    rounded = [e for e in exact if not abs(e.found / e.committed - 1) <= tolerances.ERROR]
    plain = len(exact) - len(rounded)
    good = sum(e.agrees(tolerances.ERROR) for e in exact)
    known = {(e.experiment, e.seed, e.split, e.metric) for e in [*exact, *curves]}
    part.checked = {(e.experiment, e.split, e.metric, e.seed) for e in [*exact, *curves]}
    of_all = [
        (experiment, seed, split, metric)
        for (experiment, split, metric), seeds in numbers.items()
        for seed in seeds
        if split == "test" and metric in ("energy_rmse", "force_rmse")
    ]
    covered = sum(one in known for one in of_all)
    part.details = {
        "errors": len(exact),
        "errors_within_tolerance": plain,
        "errors_within_tolerance_and_float32_rounding": good,
        "lower_bounds": len(bounds),
        "errors_from_curves": len(curves),
        "test_rmse_covered": covered,
        "test_rmse_in_metrics": len(of_all),
        "rows_without_arrays": sorted({e for e, *_ in of_all} - {e for e, *_ in known}),
    }
    on_curves = sum(e.agrees(tolerances.CURVE) for e in curves)
    wrong = len(bounds) - sum(e.agrees(tolerances.ERROR) for e in bounds)
    part.sentence = (
        f"{good} of {len(exact)} errors agree within {tolerances.ERROR:g} relative"
        + (f" ({good - plain} of them only with float32 rounding)" if good > plain else "")
        + f", {on_curves} of {len(curves)} with the ends of learning curves within "
        f"{tolerances.CURVE:g}, and {wrong or 'none'} of {len(bounds)} errors on some of the "
        f"frames is smaller or larger than these allow; of the {len(of_all)} test RMSEs in "
        f"metrics.csv, {covered} are recomputed in this way."
    )
    return part
