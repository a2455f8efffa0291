"""A user's files as parts to train on, to validate on and to test on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_gen.frames import Frames
from data_gen.reading import Reading, read_frames
from fitting.config import Config


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


@dataclass(frozen=True)
class Data:
    """All parts.

    Attributes:
        train, validation, test: parts without a common frame; the last two may be None.
        seen: lines on what was read.
        notes: warnings and choices, one sentence each.
        split: what was done to get the parts, in one sentence.
    """

    train: Part
    validation: Part | None
    test: Part | None
    seen: tuple[str, ...]
    notes: tuple[str, ...]
    split: str

    @property
    def trained(self) -> Frames:
        """Training part with the validation block at its end, as fit_edges takes it."""
        both = [self.train, *([self.validation] if self.validation else [])]
        return Frames(
            tuple(s for part in both for s in part.frames.structures),
            np.concatenate([part.frames.energies for part in both]),
            tuple(f for part in both for f in part.frames.forces),
            self.train.frames.metadata,
        )

    @property
    def validation_share(self) -> float:
        """Share of the validation block, such that rounding down gives its frames."""
        held = len(self.validation.frames) if self.validation else 0
        return (held + 0.5) / (held + len(self.train.frames)) if held else 0.0


def load(config: Config) -> Data:
    """Read, inspect and divide a training's data.

    Raises:
        DataError: a file cannot be read or used.
    """
    keys = (config.energy_key, config.forces_key)
    reading = read_frames(config.files, *keys)
    everything = part_of("all", reading)
    seen, notes = look_at(reading)
    other = None
    if config.test:
        reading = read_frames(config.test, *keys)
        other = part_of("test", reading)
        more, warnings = look_at(reading)
        seen, notes = (*seen, "To test on:", *more), (*notes, *warnings)
    train, validation, test = divided(everything.frames, config.split, other is None)
    kind = "contiguous blocks" if config.split == "blocks" else "frames drawn at random"
    counts = [len(train), len(validation), len(other.frames) if other else len(test)]
    whence = "the test files" if other else kind
    split = (
        f"{counts[0]:,} frames to train on, {counts[1]:,} to validate on ({kind}), "
        f"{counts[2]:,} to test on ({whence})."
    )
    return Data(
        everything[train].called("train"),
        everything[validation].called("validation") if len(validation) else None,
        other or (everything[test].called("test") if len(test) else None),
        seen,
        notes,
        split,
    )


def part_of(name: str, reading: Reading) -> Part:
    """All frames of a reading."""
    labels = {
        "config_type": tuple(x or "none" for x in reading.config_types),
        "file": tuple(o.path.name for o in reading.origins),
    }
    names = tuple(f"{o.path.name}, frame {o.index}" for o in reading.origins)
    several = {kind: found for kind, found in labels.items() if len(set(found)) > 1}
    return Part(name, reading.frames, names, several)


def look_at(reading: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines on what was read, and warnings."""
    return (f"{len(reading)} frames",), reading.notes


def divided(frames: Frames, split: str, with_test: bool):
    n = len(frames)
    k = np.arange(n)
    if split == "random":
        k = np.random.default_rng(0).permutation(n)
    block = np.arange(n) * 10 // n
    test = k[block % 10 == 9] if with_test else k[:0]
    val = k[block % 10 == 4]
    return np.setdiff1d(k, np.r_[test, val]), np.sort(val), np.sort(test)
