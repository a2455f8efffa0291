"""What the numbers of a training or an evaluation mean, in sentences for page and terminal."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.symbols import Symbols

from fitting.evaluation import Evaluation
from fitting.known import FAR, places
from fitting.metrics import ENERGY, FORCE, NAMES, UNITS
from fitting.show import KNOWN, milli, number, of_part
from keras_models.extrapolation import OUTSIDE

# A chosen step below this share of all says that the rest was of no use.
EARLY = 0.5
# A chosen step above this share may say that the errors were still falling: if they fell by more
# than this share, beyond their noise, over the last quarter of the steps.
LATE, FALLING, LAST = 0.95, 0.03, 0.75
RANGES = (
    "Ranges: the model sees an atom through functions of its neighbours, and the range of each is "
    "from the smallest to the largest value in training, element by element; its width is their "
    "difference. A neighbour closer than any in training is outside, too."
)
# A bias that makes up this share of the mean square error is a shift, if the error is so many times
# that of the model's own training.
SHIFT, STRANGE = 0.9, 3.0
# From so many frames on, the mean is taken off the errors of the baseline to judge.
FEW = 10
# Compositions that are named.
NAMED = 3
# Energies below this share of the baseline are learned; forces with such a correlation are alike.
LEARNED, ALIKE = 0.5, 0.3


def of_training(curves: Mapping[int, Mapping[str, np.ndarray]]) -> list[str]:
    """Which steps' weights are the best on the validation block, and what it means if early ones.

    Args:
        curves: arrays of each seed's training, with its "chosen_step", 0 for a model to begin with
            that is kept; and "start", the errors (2,) of that model, if there is one.
    """
    total = int(next(iter(curves.values()))["curve_steps"][-1])
    began = _began(curves)
    curves = {seed: c for seed, c in curves.items() if c["chosen_step"]}
    if not curves:
        return began
    chosen = {seed: int(c["chosen_step"]) for seed, c in curves.items()}
    steps = [f"{k:,} (seed {seed})" for seed, k in chosen.items()]
    if len(set(chosen.values())) == 1:
        steps = [f"{min(chosen.values()):,}"]
    found = [*began, f"Best on the validation block after step {_and(steps)} of {total:,}."]
    share = np.mean(list(chosen.values())) / total
    falls = (_fall(c, f"curve_{quantity}") for c in curves.values() for quantity in UNITS)
    if share > LATE and max(falls) > FALLING:
        found.append(
            "The errors there were still falling: a longer training (--minutes, --steps) would "
            "lower them further."
        )
    if share < EARLY:
        found += [
            f"These weights are kept: by the last step the RMSE there went {_went(curves)}.",
            "Further steps only fitted the frames trained on more closely (overfitting): fewer "
            "steps or minutes give as good a model, more and more different frames a better one.",
        ]
    return found


def _began(curves: Mapping[int, Mapping[str, np.ndarray]]) -> list[str]:
    """Errors of the models to begin with, if any, and for which seeds they are kept."""
    starts = [c["start"] for c in curves.values() if np.isfinite(c.get("start", np.nan)).any()]
    if not starts:
        return []
    means = zip(np.mean(starts, axis=0), UNITS.values(), strict=True)
    errors = _and([milli(x, unit) for x, unit in means if np.isfinite(x)])
    several = len({tuple(one) for one in starts}) > 1
    whose = "models to begin with have, on average," if several else "model to begin with has"
    found = [f"The {whose} an RMSE of {errors} on the validation block."]
    kept = {seed: c for seed, c in curves.items() if not c["chosen_step"]}
    if kept:
        seeds = list(map(str, kept))
        whose = (
            "" if len(kept) == len(curves) else f" with seed{'s' * (len(kept) > 1)} {_and(seeds)}"
        )
        solved = any(np.isfinite(c.get("solved", np.nan)).any() for c in kept.values())
        found.append(
            f"Training{whose} did not lower this: the weights to begin with are kept"
            f"{', except in the last layer' if solved else ''}. More or different frames, or a "
            "smaller learning rate, may help."
        )
    return found


def _fall(curve: Mapping[str, np.ndarray], name: str) -> float:
    """Share by which errors on the validation block fell at last, without their largest rise."""
    steps, errors = curve["curve_steps"], curve[name][:, 1]
    errors = errors[(steps >= LAST * steps[-1]) & (steps <= curve["chosen_step"])]
    if len(errors) < 2 or not np.isfinite(errors).all():
        return 0.0
    return float(1 - errors[-1] / errors[0] - max(0.0, np.max(errors[1:] / errors[:-1] - 1)))


def errors_when_solved(solved: Mapping | None) -> np.ndarray:
    """Errors (2,) on the validation block once the last layer was solved; NaN if it was not."""
    if not solved or solved["ridge"] is None:
        return np.full(2, np.nan)
    return np.array(solved["after"], float)


def of_last_layers(solved: Sequence[Mapping | None]) -> list[str]:
    """How the solution of the last layer changed errors on the validation block, on average.

    Args:
        solved: for each model what
            :meth:`~keras_models.optimise.last_layer.Solution.said`, or None.
    """
    done = [one for one in solved if one and one["ridge"] is not None]
    if not done:
        return []
    parts = []
    for k, unit in enumerate(UNITS.values()):
        ends = [[one[name][k] for name in ("before", "after")] for one in done]
        if all(None not in pair for pair in ends):
            before, after = (number(1000 * x) for x in np.mean(ends, axis=0))
            if before != after:
                parts.append(f"from {before} to {after} m{unit}")
    whose = "The last layer"
    if len(solved) > 1:
        whose += f" of {len(done)} of {len(solved)} models"
        if len(done) == len(solved):
            whose = "Each model's last layer"
    mean = ", on average," if len(done) > 1 else ""
    if not parts:
        return [f"{whose} was then solved exactly, which did not change the RMSE there."]
    return [f"{whose} was then solved exactly: the RMSE there{mean} went {_and(parts)}."]


def _went(curves: Mapping[int, Mapping[str, np.ndarray]]) -> str:
    """How errors on the validation block changed from the chosen step to the last, on average."""
    found = []
    for quantity, unit in UNITS.items():
        ends = []
        for c in curves.values():
            errors = c[f"curve_{quantity}"][:, 1]
            ends.append(errors[[np.searchsorted(c["curve_steps"], c["chosen_step"]), -1]])
        best, last = np.mean(ends, axis=0)
        if np.isfinite(best):
            found.append(f"from {number(1000 * best)} to {milli(last, unit)}")
    return _and(found)


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def worse_than_nothing(of: Evaluation, own: Mapping[str, float] | None = None) -> list[str]:
    """Where errors are larger than those of what costs nothing, or show another zero, sign or unit.

    Args:
        of: errors on some frames.
        own: RMSE of each quantity in the model's training, as far as known, see
            :func:`fitting.known.own_errors`.
    """
    none = int((~np.isfinite(of.energies)).sum())
    energies: list[str] = []
    if not of.is_open.all():
        judged = of.part_of(~of.is_open, of.part) if of.is_open.any() else of
        energies = _of_energies(judged, own or {})
    found = [" ".join(energies), of_compositions(of), *_of_forces(of)]
    if none:
        found.append(
            f"There is no prediction for {none:,} of {len(of.frames):,} frames, as the models "
            "overflow there: no errors are given for these, nor for all frames together."
        )
    return [text for text in found if text]


def _of_energies(of: Evaluation, own: Mapping[str, float]) -> list[str]:
    e = of.error(ENERGY)
    if e is None:
        return []
    found = []
    usual = own.get(ENERGY)
    strange = usual is None or e.rmse > STRANGE * usual
    # With another zero, the baseline is off by as much as the model.
    base = (of.baseline - of.frames.energies) / of.frames.sizes
    spread = float(base.std()) if strange and e.count >= FEW else np.inf
    if e.rmse > min(e.baseline, spread):
        with_zero = ", with the zero of these frames" if spread < e.baseline else ""
        found.append(
            f"Energies are worse than those of the composition alone{with_zero}: "
            f"{milli(e.rmse, e.unit)} against {milli(min(e.baseline, spread), e.unit)}."
        )
    one_shift = e.count >= FEW and e.bias**2 > SHIFT * e.rmse**2
    if one_shift and strange and (found or usual is not None):
        left = np.sqrt(max(0.0, e.rmse**2 - e.bias**2))
        there = f", {milli(usual, e.unit)} in the model's own training" if usual else ""
        found.append(
            f"Nearly all of it is one shift, {milli(e.bias, e.unit)}: the energies have another "
            "zero, as those of another method, setting or unit have, or where reference energies "
            f"were subtracted, or the frames are of another kind ({milli(left, e.unit)} are left "
            f"without it{there})."
        )
        if not found[1:]:
            found.insert(0, f"Energies are off by {milli(e.rmse, e.unit)}.")
    return found


def of_compositions(of: Evaluation) -> str:
    """Which frames have a composition whose energy the training left open by a constant."""
    structures = of.frames.structures
    which = np.flatnonzero(of.is_open)
    found = [Symbols(structures[k].numbers).get_chemical_formula() for k in which]
    if not found:
        return ""
    named = list(dict.fromkeys(found))
    more = f" and {len(named) - NAMED} other compositions" if named[NAMED:] else ""
    return (
        f"Energies of {len(found):,} of {len(of.frames):,} frames ({', '.join(named[:NAMED])}"
        f"{more}) are known only up to a constant for each composition: the training has only "
        "other ratios of elements, which do not fix the energy of a further atom. Compare energies "
        "of one composition, or train on several."
    )


def _of_forces(of: Evaluation) -> list[str]:
    e, energy = of.error(FORCE), of.error(ENERGY)
    if e is None:
        return []
    text = ""
    if e.rmse > e.baseline:
        text = (
            f"Forces are worse than none at all: {milli(e.rmse, e.unit)} against "
            f"{milli(e.baseline, e.unit)} for forces of zero."
        )
    # Energies that are learned have gradients that are about right.
    if energy and energy.rmse < LEARNED * energy.baseline:
        correlation, slope = _alike(of)
        alike = number(correlation)
        if correlation < -ALIKE:
            text += (
                f" Predicted forces point against those of the frames (correlation "
                f"{alike}), though energies are learned: the forces in the files seem to be "
                "gradients, which have the opposite sign."
            )
        elif text and correlation > ALIKE and not 0.5 < slope < 2:
            text += (
                f" They have the direction of those of the frames (correlation {alike}) "
                f"and {slope:.3g} times their size: the units of forces or energies may be wrong."
            )
        elif text:
            text += (
                " As energies are learned, the forces may be those of another calculation, or in "
                "other units."
            )
    return [text.strip()]


def _alike(of: Evaluation) -> tuple[float, float]:
    """Correlation of predicted and true force components about 0, and their ratio by its fit."""
    known = np.flatnonzero(of.frames.with_forces)
    both = (of.frames.forces, of.forces)
    true, predicted = (np.concatenate([forces[k].ravel() for k in known]) for forces in both)
    product, square = float(true @ predicted), float(true @ true)
    scale = np.sqrt(square * float(predicted @ predicted))
    return (product / scale, product / square) if scale > 0 else (0.0, 1.0)


def of_spread(of: Evaluation) -> list[str]:
    """How large the spread of an ensemble is beside its errors, as root mean squares."""
    if of.forces_std is None:
        return []
    known = np.flatnonzero(of.frames.with_forces)
    std = {ENERGY: of.energies_std / of.frames.sizes}
    if len(known):
        std[FORCE] = np.concatenate([of.forces_std[k] for k in known])
    found = []
    for quantity, values in std.items():
        error = of.error(quantity)
        if error and error.rmse:
            rms = float(np.sqrt(np.mean(values**2)))
            if not rms:
                return [
                    f"The {len(of.energies_of_models)} models are the same: they have no spread."
                ]
            found.append(
                f"{number(1000 * rms)} beside {milli(error.rmse, error.unit)} for "
                f"{NAMES[quantity]}, a ratio of {rms / error.rmse:.2f}"
            )
    if not found:
        return []
    return [
        f"Spread of the {len(of.energies_of_models)} models beside the error of their mean, RMS on "
        f"{of_part(of.part)}: {'; '.join(found)}. The spread is no error bar: models that were "
        "trained on the same frames can be wrong together. Divided by the ratio, it is as large "
        "as the errors on frames like these; of other frames that says nothing."
    ]


def of_known_frames(known: np.ndarray | None) -> list[str]:
    """That frames were trained on, if any were: (n,) bool, or None if that is not known."""
    if known is None or not known.any():
        return []
    if known.all():
        return [
            "All frames are ones that the model was trained or validated on: errors on them say "
            "little of other frames."
        ]
    return [
        f"{known.sum():,} of the {len(known):,} frames are ones that the model was trained or "
        f"validated on: errors on them, in the rows {KNOWN}, say little of other frames. All else "
        f"here is of the {(~known).sum():,} new ones."
    ]


def of_tested_frames(known: np.ndarray | None) -> list[str]:
    """That frames to test on are trained on, if any are: (n,) bool, or None without a test part."""
    if known is None or not known.any():
        return []
    if known.all():
        return [
            f"All {len(known):,} frames to test on are trained or validated on: their errors, in "
            f"the rows {KNOWN}, say little of other frames; give others as --test."
        ]
    return [
        f"{known.sum():,} of the {len(known):,} frames to test on are trained or validated on: "
        f"they are apart, in the rows {KNOWN}, and the test part is of the {(~known).sum():,} "
        "others."
    ]


def of_validated_frames(known: np.ndarray | None) -> list[str]:
    """That models to begin with have seen frames to validate on: (n,) bool, or None if unknown."""
    if known is None or not known.any():
        return []
    return [
        f"{known.sum():,} of the {len(known):,} frames to validate on are among those of the model "
        "to begin with: errors there are lower than on new frames, and early steps are chosen too "
        "readily; train on the new frames as a file of their own."
    ]


def of_twins(known: np.ndarray) -> list[str]:
    """That frames to validate on are trained on as well, with other digits: (n,) bool."""
    if not known.any():
        return []
    return [
        f"{known.sum():,} of the {len(known):,} frames to validate on are trained on as well, as "
        "the files have them twice, rounded differently: errors there are lower than on other "
        "frames, and overfitting is not seen; give each frame once."
    ]


def of_few_starts(starts: int, seeds: int) -> list[str]:
    """That several models began with the same weights, if they did."""
    if not 0 < starts < seeds:
        return []
    which = "one model" if starts == 1 else f"{starts} models"
    return [
        f"The {seeds} models begin with the weights of {which} and differ in the order of batches "
        "alone: their spread is smaller than that of independent ones, and does not measure the "
        "uncertainty."
    ]


def of_places(of_atoms: Sequence[np.ndarray] | None) -> list[str]:
    """How many frames and atoms are outside the training; empty if that is not known."""
    if of_atoms is None:
        return []
    atoms = np.concatenate(of_atoms)
    outside, frames = int((atoms > OUTSIDE).sum()), sum((x > OUTSIDE).any() for x in of_atoms)
    if not outside:
        return ["All atoms are inside the ranges of the training.", RANGES]
    far = places(of_atoms).count(FAR)
    return [
        f"Outside the ranges of the training are {outside:,} of {len(atoms):,} atoms, in "
        f"{frames:,} of {len(of_atoms):,} frames, by up to {atoms.max():.2g} widths"
        + (f"; {far:,} frames are far outside, where the model guesses." if far else "."),
        RANGES,
    ]
