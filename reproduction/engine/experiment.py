"""An experiment: one row of a table, as an immutable record of all that its outcome depends on.

The rows themselves are defined in :mod:`reproduction.sections`. The code that runs, stores and
shows them takes experiments as arguments.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset
from data_gen.sources import FileSettings, Origin
from data_gen.splits import PARTITIONS, folds
from keras_models.settings import AdamSettings, EdgeSettings, QuasiNewtonSettings

FIVE_SEEDS = (0, 1, 2, 3, 4)
# Of long trainings that no claim rests on.
THREE_SEEDS = FIVE_SEEDS[:3]
QUICK_STEPS = 25_000
QUICK_FRAMES = 500
QUICK_SPLIT = (400, 100)


@dataclass(frozen=True)
class DataSource:
    """A dataset: its name, and the dynamics that the project runs or the file it comes from."""

    name: str
    origin: Origin

    def quick(self) -> "DataSource":
        """The beginning of the same data."""
        if isinstance(self.origin, FileSettings):
            return replace(self, origin=replace(self.origin, frames=QUICK_FRAMES))
        return replace(self, origin=replace(self.origin, steps=QUICK_STEPS))


@dataclass(frozen=True)
class Experiment:
    """One row of a table.

    Attributes:
        id: unique key: table/row for a row of the report, beyond/name for one of ours.
        table: the table that shows it.
        label: the row's name in that table.
        task: the module of :mod:`reproduction.engine.tasks` that runs it.
        data: the dataset it is trained and tested on.
        model: name in :mod:`keras_models.catalogue`, or of a variant of the task.
        widths: of the model's MLPs, as written in the report's tables; None if it has none.
        activation: of the hidden layers; None if the model has none.
        options: other keyword arguments of the builder and the task.
        training: settings of the optimiser; None if nothing is trained iteratively.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2). None: the squared
            error of the single trained quantity, standardised by the training part.
        models_of: id of the experiment whose trained models this one uses; empty for none.
        frames: use only this many frames from the start of the trajectory; None for all.
        split: numbers of training and test frames.
        partition: how they are chosen (:data:`data_gen.splits.PARTITIONS`).
        trajectories: if not empty, used instead of ``data``: seed k is trained and tested on
            number k modulo their count.
        repeats: id of the row that this one repeats on several trajectories; empty for none.
        seeds: of the initial weights and batch orders.
        deterministic: the outcome is independent of the seed.
        lanes: number of seeds trained side by side, the fastest measured for the model. The
            last bits of a run depend on it, so it does not vary with the seeds asked for.
        assumed: sections of ASSUMPTIONS.md that the row relies on.
        shipped: its models are published in results/models/.
        all_forces: all of its test forces are kept in results/, however many, for a table or
            figure that shows its worst frame.
        quick: whether a quick run includes it.
        quick_options, quick_split: what a quick run changes besides the training.

    Raises:
        ValueError: ``trajectories`` are combined with several ``lanes``.
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
    training: AdamSettings | QuasiNewtonSettings | EdgeSettings | AmpSettings | None = None
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
    all_forces: bool = False
    quick: bool = False
    quick_options: Mapping = field(default_factory=dict)
    quick_split: tuple[int, int] = QUICK_SPLIT

    def __post_init__(self) -> None:
        if self.trajectories and self.lanes != 1:
            raise ValueError(f"{self.id}: seeds on different trajectories can't go side by side")

    @property
    def dataset(self) -> str:
        """Name of the trajectory that the experiment is trained and tested on."""
        return self.data.name

    def of_seed(self, seed: int) -> "Experiment":
        """The same experiment, restricted to the trajectory of one seed."""
        if not self.trajectories:
            return self
        source = self.trajectories[seed % len(self.trajectories)]
        return replace(self, data=source, trajectories=())

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """All trajectories that the experiment needs."""
        return self.trajectories or (self.data,)

    @property
    def frames_key(self) -> tuple:
        """Key that experiments share if they are trained and tested on the same frames."""
        return self.sources, self.frames, self.split, self.partition

    def folds(self, data: Dataset) -> list[tuple[Dataset, Dataset]]:
        """Training and test part of each fold, as the row's partition divides its frames.

        Raises:
            DataError: the frames are too few, or too many, for the sizes of the parts.
        """
        return folds(data[: self.frames], self.partition, self.split)

    def settings(self) -> dict:
        """Everything that a run's outcome depends on besides seed and code, in JSON types."""
        settings = {
            "task": self.task,
            "model": self.model,
            "widths": self.widths,
            "activation": self.activation,
            "options": dict(self.options),
            "training": asdict(self.training) if self.training else None,
            "loss_weights": self.loss_weights or "standardised",
            "models_of": self.models_of,
            "data": {"name": self.data.name, **asdict(self.data.origin)},
            "frames": self.frames,
            "split": self.split,
            "partition": {"kind": self.partition, **PARTITIONS[self.partition]},
            "lanes": self.lanes,
        }
        # Through JSON and back, to compare equal with run.json: tuples become lists.
        return json.loads(json.dumps(settings))

    def at_quick_size(self) -> "Experiment":
        """A small version of the experiment for a quick try, not with the report's settings."""
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
