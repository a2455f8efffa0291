"""A user's files as parts to train on, to validate on and to test on."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from data_gen.division import SHARE, divide
from data_gen.errors import DataError
from data_gen.frames import Frames, is_isolated
from data_gen.inspection import Inspection, inspect
from data_gen.reading import Reading
from data_gen.states import States
from fitting.config import Config, path_of
from fitting.keys import Keys, keys_of, read_alike, states_of_models
from fitting.leaving_out import refuse_other_files
from fitting.show import short_names

NOT_VALIDATED = (
    "nothing is validated: the weights of the last step are kept, and whether fewer steps would "
    "have been better is not known; give more frames, or a larger validation_share"
)

# As :class:`data_gen.reading.Origin` names a frame.
A_FRAME = re.compile(r", frame \d+")
LEAVE_OUT = "to leave out a wrong frame N, add --leave-out FILE@N"

# Errors of fewer frames are called rough.
FEW = 10


@dataclass(frozen=True)
class Part:
    """Some frames of the data.

    Attributes:
        name: "train", "validation", "test" or "all".
        frames: of it.
        names: of each frame, its file and its number there.
        labels: {kind: label of each frame}: "config_type" and "file", as far as there are several.
    """

    name: str
    frames: Frames
    names: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]

    def __getitem__(self, chosen: Sequence[int]) -> "Part":
        return Part(
            self.name,
            self.frames[chosen],
            tuple(self.names[k] for k in chosen),
            {kind: tuple(x[k] for k in chosen) for kind, x in self.labels.items()},
        )

    def called(self, name: str) -> "Part":
        """The same frames as another part."""
        return Part(name, self.frames, self.names, self.labels)


class Material(NamedTuple):
    """What parts are made of.

    Attributes:
        everything: all frames of the files to train on, but for copies.
        config_types: of each of these frames, or None.
        test: frames of other files, or None.
        seen, notes, keys, states: see :class:`Data`; of the files to train on.
        seen_to_test: lines on the files to test on.
    """

    everything: Part
    config_types: tuple[str | None, ...]
    test: Part | None
    seen: tuple[str, ...]
    notes: tuple[str, ...]
    keys: Keys
    states: States
    seen_to_test: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """All parts.

    Attributes:
        train, validation, test: parts without a common frame; the last two may be None.
        seen: lines on what was read, those of the files to test on last.
        notes: warnings and choices, one sentence each.
        split: what was done to get the parts, in one sentence.
        config: settings that they were divided by.
        material: what they were made of.
        keys: names of the labels that were read from the files to train on.
        states: charges and spins that their frames say they are in.
    """

    train: Part
    validation: Part | None
    test: Part | None
    seen: tuple[str, ...]
    notes: tuple[str, ...]
    split: str
    config: Config = field(repr=False)
    material: Material = field(repr=False)

    @property
    def keys(self) -> Keys:
        return self.material.keys

    @property
    def states(self) -> States:
        return self.material.states

    @property
    def trained(self) -> Frames:
        """Training part with the validation block at its end, as fit_edges takes it."""
        return joined([self.train, *([self.validation] if self.validation else [])])

    @property
    def validation_share(self) -> float:
        """Share of the validation block, such that rounding down gives its frames."""
        held = len(self.validation.frames) if self.validation else 0
        return (held + 0.5) / (held + len(self.train.frames)) if held else 0.0

    def with_validation(self, share: float | None) -> "Data":
        """The same frames with another share of the validation block; the test part remains."""
        if _share(share) == _share(self.config.validation_share):
            return self
        return _divided(self.material, replace(self.config, validation_share=share))

    def without(self, left_out: Collection[int], why: str) -> "Data":
        """The data without some frames of the files to train on, divided anew.

        Args:
            left_out: numbers of these frames.
            why: in a sentence, which is among the notes.
        """
        material = self.material
        kept = [k for k in range(len(material.everything.frames)) if k not in left_out]
        less = material._replace(
            everything=material.everything[kept],
            config_types=tuple(material.config_types[k] for k in kept),
            seen=(*material.seen, f"{'warning':<12} {why}"),
            notes=(*material.notes, why),
        )
        return _divided(less, self.config)


def joined(parts: Sequence[Part]) -> Frames:
    """The frames of several parts, one part after the other."""
    return Frames.joined([part.frames for part in parts])


def load(config: Config) -> Data:
    """Read, inspect and divide a training's data.

    Labels are those of the models to begin with, if any, and to test on those of the training. It
    is said where frames are in other states than those of the models to begin with, and frames to
    test on than those to train on.

    Raises:
        DataError: a file cannot be read or used.
        FittingError: frames are to be left out of another file.
    """
    asked = Keys(config.energy_key, config.forces_key)
    to_train, to_test = ([path_of(name) for name in of] for of in (config.files, config.test))
    refuse_other_files(config.leave_out, [*to_train, *to_test])
    paths = short_names([*to_train, *to_test])
    begun = keys_of(config.continue_from), states_of_models(config.continue_from)
    reading, others = read_alike(config.files, asked, *begun, config.leave_out, to_test)
    keys = Keys(reading.energy_key, reading.forces_key)
    everything = part_of("all", reading, paths)
    inspection = inspect(reading)
    inspection.require_trainable()
    seen, notes = _said(inspection, others)
    used = without_copies(everything.frames, inspection.first_copy)
    aside = _set_aside(len(everything.frames) - len(used))
    everything, types = everything[used], tuple(reading.config_types[k] for k in used)
    seen, notes = (*seen, *(f"{'note':<12} {line}" for line in aside)), (*notes, *aside)
    other, seen_to_test = None, ()
    if config.test:
        own = asked, keys, reading.states
        tested, others = read_alike(config.test, *own, config.leave_out, to_train)
        other = part_of("test", tested, paths)
        inspection = inspect(tested)
        lines, warnings = _said(inspection, others)
        seen_to_test = ("to test on:", *lines)
        notes = (*notes, *(f"to test on: {warning}" for warning in warnings))
        _refuse_new_elements(other.frames, everything.frames)
    material = Material(everything, types, other, seen, notes, keys, reading.states, seen_to_test)
    return _divided(material, config)


def _said(inspection: Inspection, more: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines on what was read, and all warnings, with more of these."""
    lines = inspection.text().splitlines()
    if any(A_FRAME.search(warning) for warning in inspection.warnings):
        lines.append(f"{'note':<12} {LEAVE_OUT}")
    return (*lines, *(f"{'warning':<12} {one}" for one in more)), (*inspection.warnings, *more)


def _divided(material: Material, config: Config) -> Data:
    everything, config_types, other, seen, notes, *_, seen_to_test = material
    division = divide(
        everything.frames,
        config.split,
        0.0 if other else config.test_share,
        _share(config.validation_share),
        config_types,
        everything.labels.get("file"),
    )
    first = len(division.train) - division.held
    train, held, test = division.train[:first], division.train[first:], division.test
    tested = len(other.frames) if other else len(test)
    split = f"{division.text()}."
    if other:
        how = "contiguous blocks" if config.split == "blocks" else "frames drawn at random"
        split = (
            f"{first} frames to train on, {len(held)} to validate ({how}), and "
            f"{tested} of other files to test."
        )
    for note in [*([] if len(held) else [NOT_VALIDATED]), *few_frames(len(held), tested)]:
        seen, notes = (*seen, f"{'warning':<12} {note}"), (*notes, note)
    return Data(
        everything[train].called("train"),
        everything[held].called("validation") if len(held) else None,
        other or (everything[test].called("test") if len(test) else None),
        (*seen, *seen_to_test),
        notes,
        split,
        config,
        material,
    )


def without_copies(frames: Frames, first: np.ndarray) -> np.ndarray:
    """Numbers of the frames that are no copies, ascending.

    Lest a frame be trained on and its copy validated or tested on, one of each is used: the first
    that has forces, or else the first. Isolated atoms are all used: the lowest is the reference.

    Args:
        frames: n frames.
        first: (n,), see :func:`data_gen.inspection.first_copies`.
    """
    alone = np.array([is_isolated(s) for s in frames.structures])
    first = np.where(alone, np.arange(len(frames)), first)
    order = np.lexsort((~frames.with_forces, first))
    return np.sort(order[np.unique(first[order], return_index=True)[1]])


def _set_aside(count: int) -> list[str]:
    """That copies are not used, in a sentence, if there are any."""
    if not count:
        return []
    return [
        f"set aside {'is 1 copy' if count == 1 else f'are {count} copies'} of frames: one of each "
        "is used, lest it be trained on and tested on, too"
    ]


def few_frames(held: int, tested: int) -> list[str]:
    """That errors are rough, in a sentence, if they are of few frames."""
    counts = {"to validate on": held, "to test on": tested}
    few = [f"{n} {what}" for what, n in counts.items() if 0 < n < FEW]
    if not few:
        return []
    how = "give more, or frames of another run as --test" if tested < FEW else "give more"
    return [
        f"few frames ({' and '.join(few)}): errors on these are rough estimates, and may be larger "
        f"on others; {how}"
    ]


def _share(given: float | None) -> float:
    """Share of the validation block, by default that of most data."""
    return SHARE if given is None else given


def _refuse_new_elements(test: Frames, train: Frames) -> None:
    new = sorted(set(test.elements) - set(train.elements))
    if new:
        raise DataError(
            f"only the test files have {', '.join(new)}: add frames with these to the training"
        )


def part_of(name: str, reading: Reading, paths: Mapping[str, str]) -> Part:
    """All frames of a reading.

    Args:
        name: of the part.
        reading: frames, with their files.
        paths: what each file is called, see :func:`fitting.show.short_names`.
    """
    files = tuple(paths[str(o.path)] for o in reading.origins)
    labels = {"config_type": tuple(x or "none" for x in reading.config_types), "file": files}
    names = tuple(
        f"{file}, frame {o.index}" for file, o in zip(files, reading.origins, strict=True)
    )
    several = {kind: found for kind, found in labels.items() if len(set(found)) > 1}
    return Part(name, reading.frames, names, several)
