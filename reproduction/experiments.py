"""The registry: one frozen Experiment for each row of the report, and for each of ours."""

import difflib
import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from data_gen.dynamics import DynamicsSettings
from keras_models.settings import AdamSettings, QuasiNewtonSettings
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
        training: settings of the optimiser, or None where nothing is trained step by step.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2), where both are
            trained.
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
    training: AdamSettings | QuasiNewtonSettings | None = None
    loss_weights: tuple[float, float] | None = None
    dataset: str = "au6"
    split: tuple[int, int] = (2000, 500)
    seeds: tuple[int, ...] = FIVE_SEEDS
    lanes: int = 1
    assumed: tuple[str, ...] = ()

    def settings(self) -> dict:
        """All that a run's outcome depends on, as plain JSON types."""
        settings = {
            "task": self.task,
            "model": self.model,
            "options": dict(self.options),
            "training": asdict(self.training) if self.training else None,
            "dataset": self.dataset,
            "split": list(self.split),
            "lanes": self.lanes,
        }
        if self.loss_weights:
            settings["loss_weights"] = list(self.loss_weights)
        # Through JSON, as run.json has it: tuples become lists.
        return json.loads(json.dumps(settings))


# The report's own data (section 2), and in quick mode a short piece of the same trajectory.
DATASETS = {"au6": DynamicsSettings()}
QUICK_STEPS = 25_000
QUICK_SPLIT = (400, 100)


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


# The report's widths of Eq. 2, F = -dE/dX, E and F weighed alike in eV^2 and (eV/Å)^2.
_GRADIENT = Experiment(
    "beyond/eq2-gradient",
    "gradient",
    "Eq. 2, E and F",
    "gradient",
    "eq2",
    training=QuasiNewtonSettings(((4, 1200), (1, 1000))),
    loss_weights=(1.0, 1.0),
    assumed=("data", "features", "gradient"),
)


def _gradient(name: str, label: str, **changes) -> Experiment:
    """A variation of the gradient row of Eq. 2."""
    return replace(_GRADIENT, id=f"beyond/{name}", label=label, **changes)


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
    _GRADIENT,
    _gradient("eq2-energy-only", "Eq. 2, E alone", loss_weights=(1.0, 0.0)),
    _gradient("eq2-force-only", "Eq. 2, F alone", loss_weights=(0.0, 1.0)),
    _gradient(
        "eq2-gradient-adam",
        "Eq. 2, E and F, Adam alone",
        training=AdamSettings(1000, learning_rate=3e-3, decay="cosine"),
        lanes=5,
    ),
    _gradient(
        "eq3-gradient",
        "Eq. 3, E and F",
        model="eq3",
        training=QuasiNewtonSettings(((4, 600), (1, 300))),
    ),
    _gradient(
        "eq4-gradient",
        "Eq. 4, E and F",
        model="eq4",
        training=QuasiNewtonSettings(((4, 800), (1, 100))),
    ),
    _gradient(
        "eq5-gradient",
        "Eq. 5, E and F",
        model="eq5",
        training=QuasiNewtonSettings(((4, 800), (1, 400))),
    ),
    _gradient(
        "distance-graph-gradient",
        "Message passing on distances, E and F, Adam alone",
        model="distance_graph_network",
        training=AdamSettings(1000, learning_rate=3e-3, decay="cosine"),
    ),
]

EXPERIMENTS = {experiment.id: experiment for experiment in _ALL}


def quick(experiment: Experiment) -> Experiment:
    """The same experiment small enough to try: not the report's settings."""
    return replace(
        experiment,
        training=experiment.training and experiment.training.quick(),
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
