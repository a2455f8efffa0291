"""A user's files as parts to train on, to validate on and to test on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.errors import DataError
from data_gen.frames import Frames
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
    raise NotImplementedError
