"""An experiment: one row of a table, frozen, with everything that its outcome depends on.

The rows themselves stand in :mod:`reproduction.sections`. What runs, keeps and shows them takes
experiments as arguments.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset
from data_gen.dynamics import DynamicsSettings
from data_gen.splits import PARTITIONS
from keras_models.settings import AdamSettings, QuasiNewtonSettings

FIVE_SEEDS = (0, 1, 2, 3, 4)
QUICK_STEPS = 25_000
QUICK_SPLIT = (400, 100)


@dataclass(frozen=True)
class DataSource:
    """A trajectory that the project makes: its name, and the dynamics that gives it."""

    name: str
    dynamics: DynamicsSettings

    def quick(self) -> "DataSource":
        """The beginning of the same trajectory."""
        return replace(self, dynamics=replace(self.dynamics, steps=QUICK_STEPS))


@dataclass(frozen=True)
class Experiment:
    """One row of a table.

    Attributes:
        id: the key everywhere: table/row for a row of the report, beyond/name for one of ours.
        table: the table that shows it.
        label: the row's name there.
        task: which module of :mod:`reproduction.engine.tasks` runs it.
        data: the trajectory it is trained and tested on.
        model: name in :mod:`keras_models.catalogue`, or what the task calls its kinds.
        widths: of the model's MLPs, as the report's tables write them; None where it has none.
        activation: of the hidden layers; None where the model has none.
        options: other keyword arguments of the builder and the task.
        training: settings of the optimiser; None where nothing is trained step by step.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2). None: the squared
            error of the one quantity that is trained, standardised by the training part.
        models_of: id of the experiment whose trained models this one uses; empty for none.
        frames: how many of the trajectory's frames, the first ones; None for all.
        split: numbers of training and test frames.
        partition: how they are chosen (:data:`data_gen.splits.PARTITIONS`).
        trajectories: seed k is trained and tested on the k-th of these, over and over, in place
            of ``data``; empty for one trajectory, whatever the seed.
        repeats: id of the row that this is, over several trajectories; empty for any other.
        seeds: of first weights and batch orders.
        deterministic: the seed has no part in the outcome.
        lanes: how many seeds are trained side by side. The bits of a run depend on it, so that
            it is the same whichever seeds are asked for. The fastest measured for the model.
        assumed: sections of ASSUMPTIONS.md that the row rests on.
        shipped: its models are kept in results/models/ for users.
        quick: a quick run takes it.
        quick_options, quick_split: what a quick run changes besides the training.

    Raises:
        ValueError: several trajectories, and seeds side by side.
    """

    id: str
    table: str
    label: str
    task: str
    data: DataSource
    model: str = ""
    widths: tuple | None = None
    activation: str | None = None
    options: Mapping = field(default_factory=dict)
    training: AdamSettings | QuasiNewtonSettings | AmpSettings | None = None
    loss_weights: tuple[float, float] | None = None
    models_of: str = ""
    frames: int | None = None
    split: tuple[int, int] = (2000, 500)
    partition: str = "time"
    trajectories: tuple[DataSource, ...] = ()
    repeats: str = ""
    seeds: tuple[int, ...] = FIVE_SEEDS
    deterministic: bool = False
    lanes: int = 1
    assumed: tuple[str, ...] = ()
    shipped: bool = False
    quick: bool = False
    quick_options: Mapping = field(default_factory=dict)
    quick_split: tuple[int, int] = QUICK_SPLIT

    def __post_init__(self) -> None:
        if self.trajectories and self.lanes != 1:
            raise ValueError(f"{self.id}: seeds on different trajectories can't go side by side")

    @property
    def dataset(self) -> str:
        """Name of the trajectory."""
        return self.data.name

    def of_seed(self, seed: int) -> "Experiment":
        """The same row on the one trajectory of a seed."""
        if not self.trajectories:
            return self
        source = self.trajectories[seed % len(self.trajectories)]
        return replace(self, data=source, trajectories=())

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """All trajectories that it needs."""
        return self.trajectories or (self.data,)

    @property
    def frames_key(self) -> tuple:
        """Which frames of which trajectories it is trained and tested on."""
        return self.sources, self.frames, self.split, self.partition

    def parts(self, data: Dataset) -> tuple[Dataset, Dataset]:
        """Training and test part in time order. Raises DataError where frames are too few."""
        return data[: self.frames].split(*self.split)

    def settings(self) -> dict:
        """Everything that a run's outcome depends on besides seed and code, as JSON has it."""
        settings = {
            "task": self.task,
            "model": self.model,
            "widths": self.widths,
            "activation": self.activation,
            "options": dict(self.options),
            "training": asdict(self.training) if self.training else None,
            "loss_weights": self.loss_weights or "standardised",
            "models_of": self.models_of,
            "data": {"name": self.data.name, **asdict(self.data.dynamics)},
            "frames": self.frames,
            "split": self.split,
            "partition": {"kind": self.partition, **PARTITIONS[self.partition]},
            "lanes": self.lanes,
        }
        # Through JSON, as run.json has it: tuples become lists.
        return json.loads(json.dumps(settings))

    def at_quick_size(self) -> "Experiment":
        """The same experiment small enough to try: not the report's settings."""
        return replace(
            self,
            data=self.data.quick(),
            trajectories=tuple(source.quick() for source in self.trajectories[:1]),
            training=self.training and self.training.quick(),
            options={**self.options, **self.quick_options},
            frames=None,
            split=self.quick_split,
            seeds=self.seeds[:1],
            lanes=1,
        )
