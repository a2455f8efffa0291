"""The registry: one frozen Experiment for each row of the report, and for each of ours."""

import difflib
import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from amp_baseline.settings import AmpSettings
from data_gen.dataset import Dataset
from data_gen.dynamics import DynamicsSettings
from data_gen.splits import PARTS
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
        task: which function of :mod:`reproduction.engine.tasks` runs it.
        model: name of a builder, where the task has several.
        widths: of the model's MLPs, as the report's tables write them; None where it has none.
        activation: of the hidden layers; None where the model has none.
        options: other keyword arguments of the builder.
        quick_options: options of a quick run, where they differ.
        training: settings of the optimiser, or None where nothing is trained step by step.
        loss_weights: of the squared errors of E (1/eV^2) and F (Å^2/eV^2), where both are
            trained.
        dataset: name in :data:`DATASETS`.
        frames: how many of the dataset's frames, the first ones; None for all.
        split: frames of training and test part.
        part: how they are chosen: "time", "random" or "blocked"
            (:func:`data_gen.splits.folds`).
        seeds: of first weights and batch orders; (0,) where nothing is random.
        lanes: how many seeds are trained side by side. A run's bits depend on it, so that it
            is the same whichever seeds are asked for. Measured to be the fastest for the model.
        assumed: sections of ASSUMPTIONS.md that the row rests on.
        shipped: its models are kept in results/models/ for users.
    """

    id: str
    table: str
    label: str
    task: str
    model: str = ""
    widths: tuple | None = None
    activation: str | None = None
    options: Mapping = field(default_factory=dict)
    quick_options: Mapping = field(default_factory=dict)
    training: AdamSettings | QuasiNewtonSettings | AmpSettings | None = None
    loss_weights: tuple[float, float] | None = None
    dataset: str = "au6"
    frames: int | None = None
    split: tuple[int, int] = (2000, 500)
    part: str = "time"
    seeds: tuple[int, ...] = FIVE_SEEDS
    lanes: int = 1
    assumed: tuple[str, ...] = ()
    shipped: bool = False

    @property
    def uses(self) -> str:
        """Id of the experiment whose trained models this one uses; empty for none."""
        return self.options.get("of", "")

    @property
    def nothing_random(self) -> bool:
        """It gives the same whatever the seed."""
        return self.task in ("pair-floor", "correlation", "neighbours") or self.model == "emt"

    def parts(self, data: Dataset) -> tuple[Dataset, Dataset]:
        """Its training and test part of a dataset. Raises DataError where there are too few."""
        return data[: self.frames].split(*self.split)

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
        if self.frames is not None:
            settings["frames"] = self.frames
        if self.loss_weights:
            settings["loss_weights"] = list(self.loss_weights)
        if self.part != "time":
            settings["part"] = {"kind": self.part, **PARTS[self.part]}
        # Through JSON, as run.json has it: tuples become lists.
        return json.loads(json.dumps(settings))


# The report's own data (sections 2 and 3.4), and in quick mode a short piece of the same
# trajectories. Platinum atoms are 2.77 Å apart: half of that is another atom's place.
DATASETS = {
    "au6": DynamicsSettings(),
    "pt8au2": DynamicsSettings("pt8au2-slab", steps=1_250_000, max_displacement_A=1.385),
    # Hotter than the report's starting temperature says: gold and platinum change places.
    "pt8au2-hot": DynamicsSettings("pt8au2-slab-high", max_distance_A=100.0),
}
QUICK_STEPS = 25_000
QUICK_SPLIT = (400, 100)


def _amp(row: str, label: str, layers, minutes: float, optimiser="scipy", **changes) -> Experiment:
    """A row of Tables 1 to 3: Amp with its default symmetry functions."""
    forces = row.startswith("table3/") or row.endswith("-forces")
    return replace(
        Experiment(
            row,
            row.split("/")[0],
            label,
            "amp",
            "amp-forces" if forces else "amp",
            training=AmpSettings(layers, forces, optimiser=optimiser, minutes=minutes),
            assumed=("data", "behler"),
        ),
        **changes,
    )


def _pt8au2(frames: int) -> dict:
    """The first so many frames of Pt8Au2, split 80/20 in time order."""
    few = {250: (200, 50), 2500: (2000, 500), 25000: (20000, 5000)}
    # The fingerprints and predictions of the largest set alone take minutes: one seed.
    seeds = (0,) if frames == 25000 else (0, 1, 2)
    return {"dataset": "pt8au2", "frames": frames, "split": few[frames], "seeds": seeds}


def _hot(table: str) -> dict:
    """250 frames of the hot slab, beside the rows of a table."""
    return {**_pt8au2(250), "dataset": "pt8au2-hot", "table": table}


_BEHLER = [
    _amp("table1/behler-5-5", "(5, 5)", (5, 5), 5),
    _amp("table1/behler-10-10-10", "(10, 10, 10)", (10, 10, 10), 6),
    # SciPy's update takes longer than Amp's loss for 2,108 weights.
    _amp("table1/behler-50-25-10-10", "(50, 25, 10, 10)", (50, 25, 10, 10), 3, "rank-two"),
    _amp(
        "beyond/amp-5-5-rank-two",
        "(5, 5), BFGS with another rounding",
        (5, 5),
        3,
        "rank-two",
        table="table1",
        seeds=(0,),
    ),
    _amp("table2/250-10-10", "250 frames, (10, 10)", (10, 10), 3, **_pt8au2(250)),
    _amp("table2/2500-10-10", "2,500 frames, (10, 10)", (10, 10), 3, **_pt8au2(2500)),
    _amp("table2/2500-10-10-10", "2,500 frames, (10, 10, 10)", (10, 10, 10), 3, **_pt8au2(2500)),
    _amp("table3/250-5-5", "250 frames, (5, 5), E and F", (5, 5), 3, **_pt8au2(250)),
    _amp(
        "table3/2500-10-10-10",
        "2,500 frames, (10, 10, 10), E and F",
        (10, 10, 10),
        10,
        **{**_pt8au2(2500), "seeds": (0,)},
    ),
    _amp("beyond/hot-250-10-10", "Hot slab, 250 frames, (10, 10)", (10, 10), 3, **_hot("table2")),
    _amp(
        "beyond/hot-250-5-5-forces",
        "Hot slab, 250 frames, (5, 5), E and F",
        (5, 5),
        3,
        **{**_hot("table3"), "seeds": (0,)},
    ),
    _amp("table2/25000-10-10-10", "25,000 frames, (10, 10, 10)", (10, 10, 10), 8, **_pt8au2(25000)),
]


def _twin(row: str, label: str, layers, iterations: int, weights=(1.0, 0.0), **changes):
    """Eq. 1 in Keras, trained by the project's own second-order method."""
    return replace(
        Experiment(
            f"beyond/{row}",
            "table1",
            label,
            "behler",
            "behler-forces" if weights[1] else "behler",
            options={"hidden_layers": layers},
            training=QuasiNewtonSettings(((1, iterations),)),
            loss_weights=weights,
            assumed=("data", "behler"),
        ),
        **changes,
    )


def _twin2(frames: int, layers, iterations: int, **changes):
    """The twin of a row of Table 2."""
    name = "-".join(map(str, layers))
    label = f"{frames:,} frames, ({', '.join(map(str, layers))}), Keras twin"
    row = f"twin-{frames}-{name}"
    return _twin(row, label, layers, iterations, table="table2", **_pt8au2(frames), **changes)


# Amp's loss, in 1/eV^2 and Å^2/eV^2: energies count per atom, and forces 0.04.
_AMP_LOSS = (0.01, 0.04)


def _why(row: str, label: str, layers, iterations, weights, frames: int, **changes):
    """A variation on the rows of Table 3."""
    options = {"hidden_layers": layers, **changes.pop("options", {})}
    return _twin(
        row,
        label,
        layers,
        iterations,
        weights,
        **{"table": "why", **_pt8au2(frames), "options": options, **changes},
    )


_TWINS = [
    _twin("twin-5-5", "(5, 5), Keras twin", (5, 5), 3000),
    _twin("twin-10-10-10", "(10, 10, 10), Keras twin", (10, 10, 10), 3000),
    _twin("twin-50-25-10-10", "(50, 25, 10, 10), Keras twin", (50, 25, 10, 10), 2000),
    _twin2(250, (10, 10), 3000),
    _twin2(2500, (10, 10), 3000),
    _twin2(2500, (10, 10, 10), 3000),
    _twin2(25000, (10, 10, 10), 1000),
    _why(
        "twin-250-5-5-forces",
        "250 frames, (5, 5), E and F, Keras twin",
        (5, 5),
        3000,
        _AMP_LOSS,
        250,
        table="table3",
    ),
    _why("why-250-short", "200 frames, (5, 5), Amp's loss, 100 steps", (5, 5), 100, _AMP_LOSS, 250),
    _why("why-250-even", "200 frames, (5, 5), E and F alike", (5, 5), 3000, (1.0, 1.0), 250),
    _why("why-250-energy", "200 frames, (5, 5), E alone", (5, 5), 3000, (1.0, 0.0), 250),
    _why(
        "why-250-linear",
        "200 frames, (5, 5), E and F alike, linear output",
        (5, 5),
        3000,
        (1.0, 1.0),
        250,
        options={"output_activation": None},
    ),
    _why(
        "why-hot-250",
        "hot slab, 200 frames, (5, 5), Amp's loss",
        (5, 5),
        3000,
        _AMP_LOSS,
        250,
        dataset="pt8au2-hot",
    ),
    _why(
        "why-hot-250-energy",
        "hot slab, 200 frames, (5, 5), E alone",
        (5, 5),
        3000,
        (1.0, 0.0),
        250,
        dataset="pt8au2-hot",
    ),
    _why(
        "why-hot-2500",
        "hot slab, 2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        800,
        (1.0, 1.0),
        2500,
        dataset="pt8au2-hot",
        seeds=(0,),
    ),
    _why(
        "twin-2500-10-10-10-forces",
        "2,500 frames, (10, 10, 10), E and F, Keras twin",
        (10, 10, 10),
        800,
        _AMP_LOSS,
        2500,
        table="table3",
    ),
    _why(
        "why-2500-even",
        "2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        800,
        (1.0, 1.0),
        2500,
    ),
    _why(
        "why-2500-energy",
        "2,000 frames, (10, 10, 10), E alone",
        (10, 10, 10),
        3000,
        (1.0, 0.0),
        2500,
    ),
    _twin(
        "behler-au6-gradient",
        "Au6, 2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        2000,
        (1.0, 1.0),
        table="why",
    ),
    _twin(
        "behler-au6-shifted",
        "Au6, 2,000 frames, (20, 20), finer functions, linear output, E and F alike",
        (20, 20),
        2000,
        (1.0, 1.0),
        table="why",
        options={
            "hidden_layers": (20, 20),
            "functions": "shifted",
            "output_activation": None,
        },
        seeds=(0, 1, 2),
        shipped=True,
    ),
    _why(
        "behler-pt8au2-shifted",
        "Pt8Au2, 2,000 frames, (20, 20), finer functions, linear output, E and F alike",
        (20, 20),
        500,
        (1.0, 1.0),
        2500,
        options={"functions": "shifted", "output_activation": None},
        seeds=(0,),
        shipped=True,
    ),
]


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


_EQ3, _EQ3_LONGER = _table4("eq3", "Eq. 3", 200, 5)
_EQ2, _EQ2_LONGER = _table4("eq2", "Eq. 2", 200, 5)
_EQ4, _EQ4_LONGER = _table4("eq4", "Eq. 4", 400, 1)
_EQ5, _EQ5_LONGER = _table4("eq5", "Eq. 5", 200, 5)
_TABLE4 = [_EQ3, _EQ2, _EQ4, _EQ5]

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
    shipped=True,
)


def _gradient(name: str, label: str, **changes) -> Experiment:
    """A variation of the gradient row of Eq. 2."""
    return replace(_GRADIENT, id=f"beyond/{name}", label=label, shipped=False, **changes)


def _forces(row: str, model: str, epochs: int, label: str, lanes: int = 1, **changes) -> Experiment:
    """A row of Table 5, or beside it."""
    return replace(
        Experiment(
            row,
            "table5",
            label,
            "force",
            model,
            training=AdamSettings(epochs),
            lanes=lanes,
            assumed=("data", "training", "vectors"),
        ),
        **changes,
    )


_RAW = {"vectors": "raw"}
_TABLE5 = [
    _forces("table5/eq6-200", "eq6", 200, "Eq. 6", 5),
    _forces("beyond/eq6-200-raw", "eq6", 200, "Eq. 6, raw vectors", 5, options=_RAW),
    _forces("table5/eq7-200", "eq7", 200, "Eq. 7"),
    _forces("beyond/eq7-200-raw", "eq7", 200, "Eq. 7, raw vectors", options=_RAW),
    _forces("beyond/eq7-as-printed", "eq7_as_printed", 200, "Eq. 7 as printed", 5),
    _forces("table5/eq7-1000", "eq7", 1000, "Eq. 7"),
    _forces("table5/eq8-1200", "eq8", 1200, "Eq. 8"),
    _forces("beyond/eq8-1200-raw", "eq8", 1200, "Eq. 8, raw vectors", options=_RAW),
    _forces("table5/eq9-9000", "eq9", 9000, "Eq. 9"),
    _forces("beyond/eq9-1000", "eq9", 1000, "Eq. 9"),
    _forces("beyond/eq9-1000-raw", "eq9", 1000, "Eq. 9, raw vectors", options=_RAW),
    _forces(
        "beyond/eq9-decay",
        "eq9",
        3000,
        "Eq. 9, cosine decay",
        training=AdamSettings(3000, learning_rate=3e-3, decay="cosine"),
    ),
    # Five copies and a fifth of the epochs: as many steps as without copies.
    _forces("beyond/eq6-copies", "eq6", 40, "Eq. 6, 5 rotated copies", 5, options={"copies": 5}),
    _forces("beyond/eq7-copies", "eq7", 40, "Eq. 7, 5 rotated copies", options={"copies": 5}),
    _forces("beyond/eq8-copies", "eq8", 240, "Eq. 8, 5 rotated copies", options={"copies": 5}),
    _forces("beyond/eq9-copies", "eq9", 200, "Eq. 9, 5 rotated copies", options={"copies": 5}),
]


def _graph(row: str, label: str, model: str = "graph_network", **changes) -> Experiment:
    """A row of section 6, or beside it."""
    return replace(
        Experiment(
            row,
            "section6",
            label,
            "graph",
            model,
            training=AdamSettings(400),
            lanes=5,
            assumed=("data", "training", "graph"),
        ),
        **changes,
    )


_LONGER = AdamSettings(1000, learning_rate=3e-3, decay="cosine")
_SECTION6 = [
    _graph("section6/gnn", "Eq. 10-11, centred coordinates"),
    _graph("beyond/gnn-raw", "Eq. 10-11, coordinates in the box", options={"centre": False}),
    _graph("beyond/gnn-longer", "Eq. 10-11, longer, cosine decay", training=_LONGER),
    _graph("beyond/distance-graph", "Message passing on distances", "distance_graph_network"),
    _graph(
        "beyond/distance-graph-longer",
        "Message passing on distances, longer, cosine decay",
        "distance_graph_network",
        training=_LONGER,
    ),
]

# How the error falls with the number of frames: the first so many of the training part.
_FRAMES = [
    experiment
    for n in (250, 500, 1000)
    for experiment in (
        replace(
            _EQ2_LONGER,
            id=f"beyond/eq2-frames-{n}",
            table="frames",
            label=f"Eq. 2 on E, {n} frames",
            split=(n, 500),
            # As many steps as on all 2,000 frames.
            training=AdamSettings(1000 * 2000 // n, learning_rate=3e-3, decay="cosine"),
        ),
        _forces(
            f"beyond/eq9-frames-{n}",
            "eq9",
            1000 * 2000 // n,
            f"Eq. 9 on F, {n} frames",
            table="frames",
            split=(n, 500),
        ),
    )
]


def _nve(of: str, label: str) -> Experiment:
    """100 ps of dynamics with the models of a row."""
    return Experiment(
        f"beyond/nve-{of.split('/')[1]}",
        "nve",
        label,
        "nve",
        options={"of": of, "steps": 100_000},
        quick_options={"steps": 500},
        seeds=(0, 1, 2),
        assumed=("uses",),
    )


_OF = "beyond/eq2-gradient"
_USES = [
    _nve(_OF, "Eq. 2, E and F"),
    _nve("beyond/eq2-gradient-adam", "Eq. 2, E and F, Adam alone (float32)"),
    _nve("beyond/distance-graph-gradient", "Message passing on distances, E and F (float32)"),
    _nve("table5/eq8-1200", "Eq. 8, forces alone"),
    _nve("table5/eq9-9000", "Eq. 9, forces alone"),
    Experiment(
        "beyond/minima",
        "uses",
        "Geometry optimisation from 100 test frames",
        "minima",
        options={"of": _OF, "frames": 100},
        quick_options={"frames": 2},
        assumed=("uses",),
    ),
    Experiment(
        "beyond/vibrations",
        "uses",
        "Frequencies at the lowest minimum",
        "vibrations",
        options={"of": _OF},
        assumed=("uses",),
    ),
    *(
        Experiment(
            f"beyond/uncertainty-{t}",
            "uncertainty",
            f"{t} K",
            "uncertainty",
            options={"of": _OF, "temperature_K": float(t), "ensemble": FIVE_SEEDS},
            # A quick run trains one seed: the same model twice shows that the code runs.
            quick_options={"ensemble": (0, 0)},
            assumed=("uses",),
        )
        for t in (300, 600, 900, 1200, 1500)
    ),
]


def _learned(of: str, label: str, model: str) -> Experiment:
    """The trained models of a row, taken apart and held against EMT."""
    return Experiment(
        f"beyond/learned-{of.split('/')[1]}",
        "learned",
        label,
        "learned",
        model,
        options={"of": of},
        assumed=("learned",),
    )


_LEARNED = [
    Experiment(
        "beyond/learned-emt",
        "learned",
        "EMT itself",
        "learned",
        "emt",
        seeds=(0,),
        assumed=("learned",),
    ),
    _learned("table4/eq2", "Eq. 2", "eq2"),
    _learned("beyond/eq2-longer", "Eq. 2, longer", "eq2"),
    # One seed: of the others the models are kept, but not the runs.
    replace(_learned("beyond/eq2-gradient", "Eq. 2, E and F", "eq2"), seeds=(0,)),
    _learned("table4/eq3", "Eq. 3", "eq3"),
    _learned("beyond/eq3-longer", "Eq. 3, longer", "eq3"),
    # EMT has two functions inside g: with how many does Eq. 2 get there?
    *(
        replace(
            _table4("eq2", f"Eq. 2 with {n} inner outputs", 200, 5)[1],
            id=f"beyond/eq2-inner-{n}",
            table="inner",
            label=f"Eq. 2, inner outputs: {n}",
            options={"widths": ((n, 50, 1), (1, 50, n))},
            assumed=("data", "training", "features", "learned"),
        )
        for n in (1, 2, 3, 5)
    ),
]


# Appendix A: how much other partitions than the report's flatter. The rows in time order are
# Table 4's and the longer ones beside it.
_PARTITIONED = [
    replace(
        row,
        id=f"appendix-a/{row.id.split('/')[1]}-{part}",
        table="appendix-a",
        label=f"{row.label}, {part}",
        part=part,
        assumed=(*row.assumed, "partition"),
    )
    for row in (*_TABLE4, _EQ2_LONGER)
    for part in ("random", "blocked")
]

_NEIGHBOURS = [
    Experiment(
        f"appendix-a/{name}-{called}",
        "appendix-a",
        f"{label}, {called}",
        "neighbours",
        model,
        part=part,
        seeds=(0,),
        assumed=("data", "partition"),
    )
    for name, model, label in (
        ("neighbours", "in_shape", "Mean of the two nearest frames in shape"),
        ("neighbours-in-time", "in_time", "Mean of the two nearest frames in time"),
    )
    for called, part in (("ordered", "time"), ("random", "random"), ("blocked", "blocked"))
]

# Appendix B: Table 4's rows with one choice of preprocessing changed at a time.
_PREPROCESSED = [
    replace(
        row,
        id=f"appendix-b/{row.model}-{name}",
        table="appendix-b",
        label=f"{row.label}, {label}",
        options={"preprocessing": name},
        assumed=(*row.assumed, "preprocessing"),
    )
    for row in _TABLE4
    if row.model != "eq3"
    for name, label in (
        ("unit-range", "C2 in (0,1)"),
        ("unit-range-all", "C2 and E in (0,1)"),
        ("no-diagonal", "i = j terms left out"),
        ("zero-diagonal", "diagonal 0 after standardising"),
        ("distances", "R instead of 1/R"),
    )
]


_ALL = [
    *_BEHLER,
    *_TWINS,
    _EQ3,
    _EQ3_LONGER,
    Experiment(
        "beyond/pair-floor",
        "table4",
        "Best pair-only model (least squares)",
        "pair-floor",
        seeds=(0,),
        assumed=("data",),
    ),
    _EQ2,
    _EQ2_LONGER,
    _EQ4,
    _EQ4_LONGER,
    _EQ5,
    _EQ5_LONGER,
    *_PARTITIONED,
    *_NEIGHBOURS,
    *_PREPROCESSED,
    *_TABLE5,
    *_SECTION6,
    *_FRAMES,
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
        training=AdamSettings(300, learning_rate=3e-3, decay="cosine"),
    ),
    *_USES,
    *_LEARNED,
    Experiment(
        "beyond/correlation-au6",
        "data",
        "Correlation between samples",
        "correlation",
        seeds=(0,),
        assumed=("data",),
    ),
]

EXPERIMENTS = {experiment.id: experiment for experiment in _ALL}


def quick(experiment: Experiment) -> Experiment:
    """The same experiment small enough to try: not the report's settings."""
    return replace(
        experiment,
        training=experiment.training and experiment.training.quick(),
        options={**experiment.options, **experiment.quick_options},
        frames=None,
        split=(40, 10) if experiment.task in ("amp", "behler") else QUICK_SPLIT,
        seeds=experiment.seeds[:1],
        lanes=1,
    )


def quick_set() -> list[str]:
    """Ids that a quick run takes: the first of each task and model, and of each task and part."""
    first: dict[tuple, str] = {}
    for e in EXPERIMENTS.values():
        for kind in ((e.task, "model", e.model), (e.task, "part", e.part)):
            first.setdefault(kind, e.id)
    return list(dict.fromkeys(first.values()))


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
