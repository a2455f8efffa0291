"""Leaves: the independent jobs that a set of experiments consists of, for a cluster's queue.

A leaf is one group of seeds of one experiment, the unit that the schedule of one machine works on,
and a command that makes its runs. It is done when its marker is there, a file that names its runs
by their checksums.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data_gen.files import write_text
from reproduction.engine.experiment import Experiment
from reproduction.engine.schedule import groups, wanted_seeds
from reproduction.engine.seal import RUN
from reproduction.engine.store import Store

# A queue ends what takes longer than it asked for, so ask for more than it took here: of another
# processor, with neighbours, and with Python and TensorFlow still to be started.
MARGIN, START_MINUTES = 4.0, 5.0
UNKNOWN_MINUTES = 60.0
# TensorFlow itself, and what a training needs beside it. Literal tensors are Nsample x N x N, and
# second-order training on edge lists keeps many; a job that is tried again asks for more.
MEMORY_MB, LARGE_MEMORY_MB = 2500, 5000


@dataclass(frozen=True)
class Leaf:
    """A job.

    Attributes:
        id: of the experiment, and the seeds.
        experiment: its id.
        seeds: the group.
        command: arguments of Python that make the runs.
        data: names of the datasets that it reads.
        needs: ids of the leaves whose models it uses.
        cores, memory_mb, minutes: to ask a queue for.
        digest: of all settings that its runs depend on.
    """

    id: str
    experiment: str
    seeds: tuple[int, ...]
    command: tuple[str, ...]
    data: tuple[str, ...]
    needs: tuple[str, ...]
    cores: int
    memory_mb: int
    minutes: int
    digest: str


def leaf_id(experiment: str, seeds: Sequence[int]) -> str:
    """Id of a leaf, which is also a path: "table4/eq2/seeds-0-1"."""
    return f"{experiment}/seeds-{'-'.join(map(str, seeds))}"


def leaves_of(
    experiments: Iterable[Experiment],
    commands: Mapping[str, Sequence[str]],
    seconds: Mapping[str, Mapping[int, float]],
    quick: bool = False,
) -> list[Leaf]:
    """Leaves of experiments.

    Args:
        experiments: with those whose models they use.
        commands: {id of an experiment: beginning of the command that runs it}.
        seconds: {id: {seed: wall-clock seconds that its group took}}, as far as known.
        quick: whether they are at quick size, which none of the seconds are of.

    Raises:
        KeyError: an experiment whose models are used is missing.
    """
    experiments = list(experiments)
    of = {e.id: groups(e, wanted_seeds(e)) for e in experiments}
    of[""] = []  # models of no experiment
    return [
        Leaf(
            leaf_id(e.id, seeds),
            e.id,
            seeds,
            (*commands[e.id], "--only", e.id, "--seeds", *map(str, seeds)),
            tuple(source.name for source in e.sources),
            tuple(leaf_id(e.models_of, group) for group in of[e.models_of]),
            1,
            memory_mb(e),
            math.ceil(START_MINUTES) if quick else minutes(seeds, seconds.get(e.id, {})),
            digest(e, seeds),
        )
        for e in experiments
        for seeds in of[e.id]
    ]


def memory_mb(experiment: Experiment) -> int:
    """Memory to ask a queue for, MB."""
    is_large = experiment.options.get("form") == "literal" or experiment.task == "edges"
    return LARGE_MEMORY_MB if is_large else MEMORY_MB


def minutes(seeds: Sequence[int], seconds: Mapping[int, float]) -> int:
    """Minutes to ask a queue for some seeds of a row.

    Args:
        seeds: that run as one group.
        seconds: {seed: what its group took before}. The longest of these seeds' counts; where none
            is known, the longest of all.
    """
    if known := [seconds[seed] for seed in seeds if seed in seconds] or list(seconds.values()):
        own = max(known) / 60
    else:
        own = UNKNOWN_MINUTES / MARGIN
    return wait_minutes(60 * own)


def wait_minutes(seconds: float) -> int:
    """Minutes to ask a queue for what takes some seconds here."""
    return math.ceil(MARGIN * seconds / 60 + START_MINUTES)


def digest(experiment: Experiment, seeds: Sequence[int]) -> str:
    """SHA-256 over the settings of a leaf's runs."""
    settings = [experiment.of_seed(seed).settings() for seed in seeds]
    text = json.dumps([experiment.id, list(seeds), settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def mark(path: Path, digest: str, experiment: str, seeds: Sequence[int], store: Store) -> None:
    """Write the marker of a leaf whose runs are there.

    Args:
        path: of the marker.
        digest: of the leaf's settings.
        experiment, seeds: of the leaf.
        store: of its runs.

    Raises:
        KeyError: a run is missing or damaged.
    """
    runs = {str(seed): (store.read(experiment, seed) or {})["sha256"] for seed in seeds}
    entries = {"digest": digest, "runs": runs}
    write_text(path, json.dumps(entries, indent=1) + "\n")


def is_current(path: Path, leaf: Leaf, store: Store) -> bool:
    """Whether a marker is of a leaf as it is now, and of the runs that are there.

    Only the checksums that run.json states are compared: the commands read the runs whole.
    """
    try:
        marked = json.loads(path.read_text(encoding="utf-8"))
        stated = {
            str(seed): json.loads(
                (store.run_folder(leaf.experiment, seed) / RUN).read_text(encoding="utf-8")
            )["sha256"]
            for seed in leaf.seeds
        }
        return marked == {"digest": leaf.digest, "runs": stated}
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_plan(out: Path, leaves: Sequence[Leaf], store: Store, about: str = "") -> list[str]:
    """Write the leaves for workflow/Snakefile, and which of them are to be done again.

    Nothing is removed, so that a plan can be made for a look alone. What is outdated is taken to
    depend on this file, which is newer. The marker of an end, such as a page, holds the checksum
    of the plan that it was made for.

    Args:
        out: the file; markers are beside it.
        leaves: all of them.
        store: of their runs.
        about: what the end depends on beside them.

    Returns:
        Ids of the leaves whose markers are of other runs than those that are there.
    """
    plan = [about, sorted((leaf.id, leaf.digest) for leaf in leaves)]
    checksum = hashlib.sha256(json.dumps(plan).encode()).hexdigest()
    current = {leaf.id: is_current(out.parent / f"{leaf.id}.json", leaf, store) for leaf in leaves}
    ends = [path.read_text(encoding="utf-8").strip() for path in out.parent.glob("*.done")]
    there = [name for name in current if (out.parent / f"{name}.json").is_file()]
    entries = {
        "checksum": checksum,
        "outdated": [name for name in there if not current[name]],
        "ends_are_outdated": not all(current.values()) or any(end != checksum for end in ends),
        "leaves": {leaf.id: asdict(leaf) for leaf in leaves},
    }
    write_text(out, json.dumps(entries, indent=1) + "\n")
    return entries["outdated"]
