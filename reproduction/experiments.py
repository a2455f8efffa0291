"""The registry: one frozen Experiment for each row of the report, and for each of ours."""

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from data_gen.dynamics import DynamicsSettings
from keras_models.settings import AdamSettings
from reproduction.errors import ReproductionError

FIVE_SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Experiment:
    """One row of a table.

    Attributes:
        id: the key everywhere: table/row for a row of the report, beyond/name for one of ours.
        table: the table that shows it.
        label: the row's name there.
        task: which function of :mod:`reproduction.tasks` runs it.
        model: name of a builder, where the task has several.
        options: keyword arguments of the builder.
        training: Adam's settings, or None where nothing is trained step by step.
        dataset: name in :data:`DATASETS`.
        split: frames of training and test part, in time order.
        seeds: of first weights and batch orders; (0,) where nothing is random.
        lanes: how many seeds are trained side by side. A run's bits depend on it, so that it
            is the same whichever seeds are asked for. Measured to be the fastest for the model.
        assumed: sections of ASSUMPTIONS.md that the row rests on.
    """

    id: str
    table: str
    label: str
    task: str
    model: str = ""
    options: Mapping = field(default_factory=dict)
    training: AdamSettings | None = None
    dataset: str = "au6"
    split: tuple[int, int] = (2000, 500)
    seeds: tuple[int, ...] = FIVE_SEEDS
    lanes: int = 1
    assumed: tuple[str, ...] = ()

    def settings(self) -> dict:
        """All that a run's outcome depends on, as plain JSON types."""
        return {
            "task": self.task,
            "model": self.model,
            "options": dict(self.options),
            "training": asdict(self.training) if self.training else None,
            "dataset": self.dataset,
            "split": list(self.split),
            "lanes": self.lanes,
        }


# The report's own data (section 2), and in quick mode a short piece of the same trajectory.
DATASETS = {"au6": DynamicsSettings()}
QUICK_STEPS = 25_000
QUICK_SPLIT = (400, 100)
QUICK_EPOCHS = 10


def _table4(model: str, label: str, epochs: int, lanes: int) -> list[Experiment]:
    """A row of Table 4 at the report's settings, and one that shows what the model can do."""
    row = Experiment(
        f"table4/{model}",
        "table4",
        label,
        "energy",
        model,
        training=AdamSettings(epochs),
        lanes=lanes,
        assumed=("data", "training", "features"),
    )
    longer = replace(
        row,
        id=f"beyond/{model}-longer",
        label=f"{label}, longer, cosine decay",
        training=AdamSettings(1000, learning_rate=3e-3, decay="cosine"),
    )
    return [row, longer]


_ALL = [
    *_table4("eq3", "Eq. 3", 200, 5),
    Experiment(
        "beyond/pair-floor",
        "table4",
        "Best pair-only model (least squares)",
        "pair-floor",
        seeds=(0,),
        assumed=("data",),
    ),
    *_table4("eq2", "Eq. 2", 200, 5),
    *_table4("eq4", "Eq. 4", 400, 1),
    *_table4("eq5", "Eq. 5", 200, 5),
]

EXPERIMENTS = {experiment.id: experiment for experiment in _ALL}


def quick(experiment: Experiment) -> Experiment:
    """The same experiment small enough to try: not the report's settings."""
    training = experiment.training
    return replace(
        experiment,
        training=training and replace(training, epochs=min(training.epochs, QUICK_EPOCHS)),
        split=QUICK_SPLIT,
        seeds=experiment.seeds[:1],
        lanes=1,
    )


def select(patterns: Iterable[str], among: Iterable[str] = EXPERIMENTS) -> list[str]:
    """Ids that match any of the patterns (shell style), in registry order.

    Raises:
        ReproductionError: a pattern matches nothing; names the close ones.
    """
    among = list(among)
    wanted = set()
    for pattern in patterns:
        found = fnmatch.filter(among, pattern)
        if not found:
            close = difflib.get_close_matches(pattern, among, n=3, cutoff=0.3) or among
            raise ReproductionError(f"no experiment {pattern!r}; there is {', '.join(close)}")
        wanted.update(found)
    return [name for name in among if name in wanted]
