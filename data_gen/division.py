"""Division of a user's frames into training part, validation block and test part.

The report's own partitions of one trajectory are in :mod:`data_gen.splits`.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data_gen.errors import DataError
from data_gen.frames import Frames, is_isolated

SEED = 2019
# Frames of each kind are cut into so many contiguous blocks.
BLOCKS = 20
# Of the test part among all frames, and of the validation block among the others.
SHARE = 0.1
KINDS = ("blocks", "random")


@dataclass(frozen=True)
class Division:
    """Numbers of frames in each part.

    Attributes:
        train: numbers of the training part's frames. Its last ``held`` ones are the validation
            block, as :func:`keras_models.fit_edges.divided` takes it from the end.
        test: numbers of the test part's frames, ascending.
        held: number of frames of the validation block.
        kind: how frames were chosen, one of :data:`KINDS`.
        beside: number of the test part's frames that stand next to one which is trained on, among
            the frames of their kind.
    """

    train: np.ndarray
    test: np.ndarray
    held: int
    kind: str
    beside: int = 0

    @property
    def validation(self) -> float:
        """Share of the training part with which :func:`divided` holds out ``held`` frames."""
        return (self.held + 0.5) / len(self.train) if self.held else 0.0

    def text(self) -> str:
        """How the frames were divided, in a sentence."""
        how = {
            "blocks": "contiguous blocks, as successive frames may be correlated",
            "random": "frames drawn at random: if they are correlated, errors are too low",
        }[self.kind]
        said = (
            f"{len(self.train) - self.held} frames to train on, {self.held} to validate and "
            f"{len(self.test)} to test: {how}"
        )
        if self.kind == "blocks" and 2 * self.beside > len(self.test):
            said += (
                f". As there are many kinds of frames or files, blocks are short: {self.beside} of "
                "the frames to test stand next to one that is trained on, and if these are "
                "correlated, errors on a new run are larger (--test FILE)"
            )
        return said


def divide(
    frames: Frames,
    kind: str = "blocks",
    test: float = SHARE,
    validation: float = SHARE,
    config_types: Sequence[str | None] | None = None,
    files: Sequence[str] | None = None,
    seed: int = SEED,
) -> Division:
    """Divide frames so that each element and each kind of frame is trained on.

    A kind is the frames of one ``config_type`` in one file. Isolated atoms, the first frame of each
    element and the first of each kind are trained on. The others, in their order within each kind,
    are cut into blocks, of which every so many go into the test part and the validation block,
    spread evenly.

    Args:
        frames: all of them.
        kind: "blocks": contiguous ones, a 20th of the frames of a kind each, or less for a
            validation share below :data:`SHARE`. "random": single frames in an order drawn with
            the seed, without respect to their kind.
        test: share of the test part; 0 for none.
        validation: share of the training part that is held out as validation block, rounded down;
            less if that would take frames that must be trained on.
        config_types: of the frames; ignored if more than a third of them would be the first of
            their kind.
        files: that the frames are from; ignored if kinds would have fewer than :data:`BLOCKS`
            frames on average: blocks of several whole files tell more than single frames of each.
        seed: of the random order.

    Raises:
        DataError: a share is not in [0, 1), the kind is unknown, or there are too few frames.
    """
    if kind not in KINDS:
        raise DataError(f"a division by {kind!r} is not known: take one of {', '.join(KINDS)}")
    if not (0 <= test < 1 and 0 <= validation < 1):
        raise DataError(f"shares of {test} and {validation} for tests: they are from 0 to below 1")
    n = len(frames)
    types = _types(n, config_types, files)
    kept = _kept(frames, types)
    others = np.setdiff1d(np.arange(n), kept)
    if test and not len(others):
        raise DataError(
            f"too few frames ({n}) to leave some out for a test: give more, or a file to test on"
        )
    tested, rest = _spread(_blocks(others, kind, types, seed), test)
    # A smaller block is of as many places, not of fewer.
    cuts = round(SHARE / validation) if validation else 1
    if kind == "blocks" and cuts > 1:
        rest = [
            [part for one in own for part in np.array_split(one, min(cuts, len(one)))]
            for own in rest
        ]
    held, trained = _spread(rest, validation)
    # The block begins somewhere among frames of the largest kind, lest a small one be cut off.
    trained, held = sorted(trained, key=_count), sorted(held, key=_count, reverse=True)
    train = np.array([*kept, *_joined(trained), *_joined(held)], dtype=int)
    n_held = min(int(validation * len(train)), len(train) - len(kept))
    tested = np.sort(_joined(tested))
    beside = _beside(tested, train[: len(train) - n_held], types)
    return Division(train, tested, n_held, kind, beside)


def _beside(tested: np.ndarray, trained: np.ndarray, types: Sequence[Hashable]) -> int:
    """Number of tested frames next to a trained one, in the order of the frames of their kind."""
    is_tested, is_trained = set(tested.tolist()), set(trained.tolist())
    last: dict[Hashable, int] = {}
    found: set[int] = set()
    for k, kind in enumerate(types):
        if kind in last:
            pair = last[kind], k
            found |= {a for a, b in (pair, pair[::-1]) if a in is_tested and b in is_trained}
        last[kind] = k
    return len(found)


def _types(
    n: int, config_types: Sequence[str | None] | None, files: Sequence[str] | None
) -> list[Hashable]:
    """What kind of frame each is."""
    types: list[Hashable] = list(config_types) if config_types is not None else [None] * n
    if len(types) != n:
        raise DataError(f"{len(types)} config_types for {n} frames")
    if 3 * len(set(types)) > n:
        types = [None] * n
    if files is None:
        return types
    if len(files) != n:
        raise DataError(f"{len(files)} files for {n} frames")
    both: list[Hashable] = list(zip(types, files, strict=True))
    return both if BLOCKS * len(set(both)) <= n else types


def _kept(frames: Frames, types: Sequence[Hashable]) -> list[int]:
    """Numbers of frames that must be trained on, ascending."""
    elements: set[int] = set()
    seen: set[Hashable] = set()
    kept = []
    for k, (structure, kind) in enumerate(zip(frames.structures, types, strict=True)):
        new = set(structure.numbers.tolist()) - elements
        if new or kind not in seen or is_isolated(structure):
            kept.append(k)
            # An isolated atom is a reference: its element and kind need other frames as well.
            if not is_isolated(structure):
                elements |= new
                seen.add(kind)
    return kept


def _blocks(
    frames: np.ndarray, kind: str, types: Sequence[Hashable], seed: int
) -> list[list[np.ndarray]]:
    """Blocks of each kind of frames."""
    if kind == "random":
        order = np.random.default_rng(seed).permutation(frames)
        return [[order[k : k + 1] for k in range(len(order))]]
    kinds: dict[Hashable, list[int]] = {}
    for k in frames:
        kinds.setdefault(types[k], []).append(k)
    return [np.array_split(np.array(own), min(BLOCKS, len(own))) for own in kinds.values()]


def _spread(
    kinds: list[list[np.ndarray]], share: float
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Evenly spread blocks of about that share of the frames, at least one, and the others.

    What one kind is owed is carried to the next, so that many kinds of a few frames share blocks:
    as a share of a block, because a part of a large kind's block may be all of a small kind.
    """
    chosen: list[list[np.ndarray]] = [[] for _ in kinds]
    others: list[list[np.ndarray]] = [[] for _ in kinds]
    owed, before = 0.0, 0.0
    for k, blocks in enumerate(kinds):
        size = _count(blocks) / max(len(blocks), 1)
        owed, before = owed * size / before if before else 0.0, size
        for block in blocks:
            owed += share * len(block)
            if owed >= len(block) / 2:
                chosen[k].append(block)
                owed -= len(block)
            else:
                others[k].append(block)
    if share and not any(chosen) and any(others):
        last = max(k for k, blocks in enumerate(others) if blocks)
        chosen[last].append(others[last].pop())
    return chosen, others


def _joined(kinds: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
    return np.concatenate([np.zeros(0, int), *(block for blocks in kinds for block in blocks)])


def _count(blocks: list[np.ndarray]) -> int:
    return sum(map(len, blocks))
