"""Beyond the report: Eq. 2 to 4 over neighbours, on any cluster, crystal and alloy.

Section 4.6 names what stands between the report's models and real use: the number of terms, element
types, and a potential that is not EMT; section 3.4 adds periodic images. Settings were chosen on
validation blocks of the training parts.
"""

from dataclasses import asdict

from data_gen.dynamics import DynamicsSettings
from keras_models.settings import EdgeSettings
from reproduction.engine.experiment import FIVE_SEEDS, DataSource, Experiment
from reproduction.sections.s2_data import AU6, AU12, PT8AU2
from reproduction.sections.trivial import with_trivial

THREE = (0, 1, 2)
AU12_SETTINGS = EdgeSettings(10_000, learning_rate=0.01)
SLAB_SETTINGS = EdgeSettings(20_000, batch_size=22, learning_rate=0.008, energy_rise=100.0)
AU6_SETTINGS = EdgeSettings(20_000, learning_rate=0.01)
MIX_SETTINGS = EdgeSettings(20_000, batch_size=16, learning_rate=0.007)
# Functions of r with which EMT's own cutoff, which is steep, can be told.
FINE = {"cutoff": 6.6, "polynomials": 30}


def _hot(structure: str, kelvin: float) -> dict:
    """Settings of 20 ps of EMT dynamics, 400 frames."""
    return asdict(
        DynamicsSettings(structure, kelvin, steps=20_000, max_drift_eV=0.1, max_distance_A=100.0)
    )


# What is trained on besides Au6, and what is tested on: neither has sizes of the other.
ALSO = (
    *(_hot(f"au{n}", 1000.0) for n in ("4-tetrahedron", "10-tetrahedron", "38-octahedron")),
    *(_hot(f"au32-crystal-{a}", 1500.0) for a in ("3.93", "4.06", "4.18")),
)
SYSTEMS = {
    name: _hot(f"{name}-{shape}", 1000.0)
    for name, shape in (
        ("au13", "icosahedron"),
        ("au20", "tetrahedron"),
        ("au55", "icosahedron"),
    )
}


def _row(name: str, table: str, label: str, data: DataSource, training, **more) -> Experiment:
    options = {"model": "linear_eq4", "seeds": FIVE_SEEDS, **more}
    return Experiment(
        f"beyond/{name}",
        table,
        label,
        "edges",
        data,
        training=training,
        assumed=("systems",),
        **options,
    )


def _au12(name: str, label: str, **more) -> Experiment:
    more = {"model": "linear_eq4", "options": {}, **more}
    options = {"cutoff": 7.5, **more.pop("options")}
    return _row(
        f"au12-{name}",
        "au12",
        label,
        AU12,
        AU12_SETTINGS,
        split=(2800, 657),
        partition="every fifth block",
        options=options,
        **more,
    )


ROUNDS3 = "beyond/au12-rounds-3"
OF_AU12 = with_trivial(
    _au12("eq3", "Eq. 3 over neighbours", model="eq3_neighbours"),
    _au12("eq2", "Eq. 2 over neighbours", model="eq2_neighbours"),
    _au12("order-2", "Eq. 4 in linear time, order 2", options={"polynomials": 10, "order": 2}),
    _au12("order-3", "order 3", options={"polynomials": 10}, quick=True),
    _au12("rounds-2", "order 3, two rounds", options={"polynomials": 10, "rounds": 2}),
    _au12("rounds-3", "order 3, three rounds", options={"polynomials": 10, "rounds": 3}),
    Experiment(
        "beyond/au12-ensemble",
        "au12",
        "mean of the five with three rounds",
        "edge_ensemble",
        AU12,
        options={"ensemble": FIVE_SEEDS},
        models_of=ROUNDS3,
        split=(2800, 657),
        partition="every fifth block",
        seeds=(0,),
        deterministic=True,
        assumed=("systems",),
    ),
)


def _slab(name: str, label: str, elements: str, **more) -> Experiment:
    return _row(
        f"pt8au2-{name}",
        "alloy",
        label,
        PT8AU2,
        SLAB_SETTINGS,
        frames=2500,
        seeds=THREE,
        options={"cutoff": 5.9, "elements": elements},
        **more,
    )


OF_PT8AU2 = with_trivial(
    _slab("outputs", "an MLP output for each element", "outputs", quick=True),
    _slab("input", "the element as an input", "input"),
)
MODELS = {
    "eq2": ("Eq. 2 over neighbours", {"model": "eq2_neighbours", "options": {"cutoff": 6.6}}),
    "linear": ("Eq. 4 in linear time", {"options": FINE}),
}
OF_AU6 = with_trivial(
    *(
        _row(f"au6-{name}", "au6", label, AU6, AU6_SETTINGS, **more)
        for name, (label, more) in MODELS.items()
    )
)


def _mixed(name: str) -> Experiment:
    label, more = MODELS[name]
    options = {**more["options"], "also": ALSO}
    return _row(
        f"mix-{name}",
        "mix",
        label,
        AU6,
        MIX_SETTINGS,
        seeds=THREE,
        **{**more, "options": options},
    )


OF_MIX = tuple(_mixed(name) for name in MODELS)


def _transfer(name: str, label: str, **more) -> Experiment:
    return Experiment(
        f"beyond/transfer-{name}",
        "transfer",
        label,
        "transfer",
        AU6,
        options={"systems": SYSTEMS},
        assumed=("systems",),
        **{"seeds": THREE, **more},
    )


OF_TRANSFER = (
    _transfer("emt", "EMT", seeds=(0,), deterministic=True),
    *(
        _transfer(f"{data}-{name}", f"{label}, {said}", models_of=f"beyond/{data}-{name}")
        for data, said in (("au6", "Au6 alone"), ("mix", "mix"))
        for name, (label, _) in MODELS.items()
    ),
)
ROWS = (*OF_AU12, *OF_PT8AU2, *OF_AU6, *OF_MIX, *OF_TRANSFER)
TABLES = ()
CLAIMS = ()
