"""Electronic states that frames say they are in, which models are not told of."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ase import Atoms

from data_gen.labels import number_of, small_letters

# {what: {formula: values}}, a value None where a frame does not say; in JSON types, as they are
# saved with models.
States = Mapping[str, Mapping[str, Sequence[float | None]]]

MOMENT = "magnetic moment"
# What a calculation is asked for, by its names in small letters: settings, not results as magnetic
# moments are that a calculator has beside its energy.
STATES = {
    "charge": "charge",
    "total_charge": "charge",
    "spin": "spin",
    "total_spin": "spin",
    "multiplicity": "multiplicity",
    "spin_multiplicity": "multiplicity",
    "magmom": MOMENT,
    "total_magmom": MOMENT,
    "magnetic_moment": MOMENT,
}
# What is meant where a frame does not say: neutral, with closed shells; a spin may be S or 2S + 1.
USUAL = {"charge": (0.0,), "spin": (0.0, 1.0), "multiplicity": (1.0,), MOMENT: (0.0,)}
# Values of one state lie closer than this: moments, in Bohr magnetons, are outcomes with noise, the
# others are rounded.
APART, APART_MOMENT = 1e-3, 0.5
# So many values are named.
NAMED = 4
# Of trainings or files that say nothing of a state, and whose formulas are not known here.
UNSAID = {"": (None,)}
NOT_TOLD = "and models are not told of it"


def states_of(frames: Sequence[Atoms]) -> tuple[States, list[str], list[str]]:
    """Charges and spins, with notes and warnings, in sentences, where they take several values.

    It is a warning where frames of one composition differ by them, and else a note.

    Args:
        frames: as ASE reads them; only scalars in ``info`` count.

    Returns:
        States, of what any frame says something of; notes; warnings.
    """
    own, names = _said(frames)
    formulas = _formulas(frames) if names else []
    states, notes, warnings = {}, [], []
    for what, name in names.items():
        values: dict[str, list[float | None]] = {}
        for formula, said in zip(formulas, own, strict=True):
            values.setdefault(formula, []).extend(sorted(said[what]) if what in said else [None])
        found = {f: sorted(set(_levels(_known(x), what))) for f, x in values.items()}
        states[what] = {f: [*x, *([None] if None in values[f] else [])] for f, x in found.items()}
        everything = [x for of_formula in values.values() for x in _known(of_formula)]
        if any(len(x) > 1 for x in found.values()):
            warnings.append(
                f"{name} differs among frames of one composition ({_counts(everything, what)}), "
                f"{NOT_TOLD}: train on frames of one value"
            )
        elif len(set(_levels(everything, what))) > 1:
            notes.append(
                f"{name} differs among compositions ({_counts(everything, what)}), {NOT_TOLD}"
            )
        partly = [
            x
            for f, of_formula in states[what].items()
            if len(found[f]) == 1 and not _are_one(of_formula, what)
            for x in values[f]
        ]
        if partly:
            notes.append(
                f"{name} is given in only some frames of one composition "
                f"({_counts(_known(partly), what)}, none in {partly.count(None)}), {NOT_TOLD}"
            )
    return states, notes, warnings


def new_states(found: States, trained: States) -> list[str]:
    """States of frames that those of a training are not in, in sentences.

    Frames of a composition that the training does not have are compared with all of it, if that is
    in one state: if not, the state may go with the composition.

    Args:
        found: of the frames, see :func:`states_of`.
        trained: of the training.
    """
    sentences = []
    for what in dict.fromkeys([*found, *trained]):
        theirs = trained.get(what, UNSAID)
        everywhere = list(dict.fromkeys(x for values in theirs.values() for x in values))
        of_one = _are_one(everywhere, what)
        new: list[float | None] = []
        beside: list[float | None] = []
        for formula, values in found.get(what, UNSAID).items():
            known = theirs.get(formula, everywhere if of_one else None)
            if known is None:
                continue
            others = [x for x in values if not any(_same(x, y, what) for y in known)]
            if others:
                new, beside = [*new, *others], [*beside, *known]
        if new:
            sentences.append(
                f"{what} is {_listed(new)} in these frames and {_listed(beside)} in those that the "
                f"model is trained on, {NOT_TOLD}"
            )
    return sentences


def merged(several: Iterable[States]) -> States:
    """The states of several trainings, one after another."""
    parts = list(several)
    found: dict[str, dict[str, list[float | None]]] = {}
    for what in dict.fromkeys(what for part in parts for what in part):
        for part in parts:
            for formula, values in part.get(what, UNSAID).items():
                known = found.setdefault(what, {}).setdefault(formula, [])
                known += [x for x in values if x not in known]
    return found


def _said(frames: Sequence[Atoms]) -> tuple[list[dict[str, set[float]]], dict[str, str]]:
    """What each frame says of its states, {what: values}, and the first name of each: {what: name}.

    A frame may have two names of one meaning, and contradict itself.
    """
    own: list[dict[str, set[float]]] = []
    names: dict[str, str] = {}
    for frame in frames:
        said: dict[str, set[float]] = {}
        for name, value in frame.info.items():
            what = STATES.get(small_letters(name))
            number = number_of(value) if what else None
            if number is not None and math.isfinite(number):
                said.setdefault(what, set()).add(number)
                names.setdefault(what, str(name))
        own.append(said)
    return own, names


def _formulas(frames: Sequence[Atoms]) -> list[str]:
    """Formula of each frame; few differ, and to write one takes a while."""
    kinds = [bytes(sorted(frame.numbers.tolist())) for frame in frames]
    written = {
        k: f.get_chemical_formula() for k, f in dict(zip(kinds, frames, strict=True)).items()
    }
    return [written[kind] for kind in kinds]


def _apart(what: str) -> float:
    return APART_MOMENT if what == MOMENT else APART


def _levels(values: Sequence[float], what: str) -> list[float]:
    """The state of each value, as the median of all that are one with it.

    One ends at a gap, or where its values spread over twice as much without one. Rounding would
    not do: noise about a half is rounded up and down.
    """
    x, apart = np.array(values, float), _apart(what)
    order, levels = np.argsort(x, kind="stable"), np.empty(len(x))
    first = 0
    for k in range(len(x)):
        end = k + 1 == len(x)
        if not end:
            below, here, above = x[order[first]], x[order[k]], x[order[k + 1]]
            end = above - here > apart or above - below > 2 * apart
        if end:
            run = order[first : k + 1]
            levels[run] = round(float(np.median(x[run])), 3) + 0.0
            first = k + 1
    return levels.tolist()


def _same(one: float | None, other: float | None, what: str) -> bool:
    """Whether two values are one state."""
    if one is None or other is None:
        said = one if other is None else other
        return said is None or any(abs(said - x) <= _apart(what) for x in USUAL[what])
    return abs(one - other) <= _apart(what)


def _are_one(values: Sequence[float | None], what: str) -> bool:
    """Whether all values are one state."""
    known = _known(values)
    if None in values and not all(_same(x, None, what) for x in known):
        return False
    return not known or _same(min(known), max(known), what)


def _known(values: Iterable[float | None]) -> list[float]:
    return [x for x in values if x is not None]


def _counts(values: Sequence[float], what: str) -> str:
    """Values with the numbers of their frames, or their range if they are many, in words."""
    counts = Counter(_levels(values, what))
    if len(counts) > NAMED:
        return _range(values)
    return ", ".join(f"{value:g} in {n}" for value, n in counts.most_common())


def _listed(values: Sequence[float | None]) -> str:
    """Values in words, None as not given."""
    known = sorted(set(_known(values)))
    words = [_range(known)] if len(known) > NAMED else [f"{x:g}" for x in known]
    return " or ".join([*words, *(["not given"] if None in values else [])])


def _range(values: Sequence[float]) -> str:
    return f"from {min(values) + 0.0:g} to {max(values) + 0.0:g}"
