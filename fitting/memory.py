"""How many trainings fit into memory at once; each is a process that holds all edge lists."""

import numpy as np
from rich.console import Console

from data_gen.frames import Frames
from data_gen.machine import free_memory
from data_gen.vast import edges
from keras_models.defaults import default_settings

# Bytes of a process without data, compilation included, and of a pair and an atom in it; measured
# for Au12 (1,782 frames, 132 pairs each) and nickel (180 frames, 6,600 pairs).
PROCESS, PAIR, ATOM = 1.5e9, 70, 300
# Frames, evenly spaced, whose pairs are counted.
COUNTED = 20


def bytes_of(frames: Frames, cutoff: float | None = None) -> float:
    """Memory of a training, bytes, about.

    Args:
        frames: that are trained and validated on.
        cutoff: of neighbours, Å; None for that which is chosen for the frames.
    """
    some = frames[np.unique(np.linspace(0, len(frames) - 1, COUNTED).astype(int))]
    cutoff = cutoff or default_settings(some).options["cutoff"]
    pairs = np.mean([len(edges(s, cutoff)[0]) for s in some.structures])
    return PROCESS + PAIR * float(pairs) * len(frames) + ATOM * float(frames.sizes.sum())


def at_once(
    frames: Frames,
    cutoff: float | None,
    models: int,
    workers: int,
    console: Console,
    given: bool = True,
) -> int:
    """The number of trainings asked for, or as many as fit into memory, with a message.

    Args:
        frames, cutoff: see :func:`bytes_of`.
        models: that are trained.
        workers: number asked for.
        console: for messages.
        given: whether the number of models is; else as many are trained as fit.
    """
    wanted = min(workers, models)
    each, free = bytes_of(frames, cutoff), free_memory()
    if each * wanted <= free:
        return workers
    fit = max(1, int(free / each))
    say = f"a training takes about {each / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free"
    if each > free:
        large = each > 2 * PROCESS
        what = "if it is killed, " + (
            "take fewer frames (FILE@::2) or a smaller cutoff" if large else "end other programs"
        )
    elif given:
        what = f"{fit} at once, not {wanted} (--workers)"
    else:
        what = f"{fit} model{'s' * (fit > 1)}, not {wanted} (--seeds)"
    console.print(f"{'note':<12} {say}: {what}", markup=False, highlight=False)
    return fit
