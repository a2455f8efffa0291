"""Section 2, Figures 1 and 5: the trajectories, and the number of independent samples."""

from data_gen.dynamics import DynamicsSettings
from data_gen.sources import FileSettings
from data_gen.structures import GOLD_HEIGHTS
from reproduction.engine.experiment import DataSource, Experiment
from reproduction.sections.names import CORRELATION
from reproduction.show.metrics import NOT_RUN, with_spread
from reproduction.show.tables import Evidence, Table

AU6 = DataSource("au6", DynamicsSettings())
# Platinum atoms are 2.77 Å apart; an atom displaced by half of that may have changed places.
PT8AU2 = DataSource(
    "pt8au2", DynamicsSettings("pt8au2-slab", steps=1_250_000, max_displacement_A=1.385)
)
# Hotter than in the report: gold and platinum change places.
PT8AU2_HOT = DataSource("pt8au2-hot", DynamicsSettings("pt8au2-slab-high", max_distance_A=100.0))
# The same slab with the gold at another height above the layer, for as long as the hot one; from
# the height that the twins' training errors choose, for as long as the report's.
CHOSEN_HEIGHT = 1.0
PT8AU2_HEIGHTS = {
    height: DataSource(
        f"pt8au2-slab-{height}",
        DynamicsSettings(
            f"pt8au2-slab-{height}",
            steps=PT8AU2.origin.steps if height == CHOSEN_HEIGHT else DynamicsSettings.steps,
            max_distance_A=100.0,
        ),
    )
    for height in GOLD_HEIGHTS
}
# The report's data, and trajectories with other initial velocities; with seed 3 the cluster comes
# apart.
AU6_TRAJECTORIES = (
    AU6,
    *(DataSource(f"au6-seed{k}", DynamicsSettings(seed=k)) for k in (1, 2, *range(4, 21))),
)
# Clusters cut from gold in other ways. The second piece with 11 bonds loses an atom.
AU6_STARTS = (
    DataSource("au6-4.056", DynamicsSettings("au6-octahedron-4.056")),
    DataSource("au6-4.02", DynamicsSettings("au6-octahedron-4.02")),
    DataSource("au6-3.98", DynamicsSettings("au6-octahedron-3.98")),
    DataSource("au6-11-bonds-a", DynamicsSettings("au6-11-bonds-a")),
    DataSource("au6-11-bonds-b", DynamicsSettings("au6-11-bonds-b", max_distance_A=1000.0)),
)
AU6_RELAXED = DataSource("au6-relaxed", DynamicsSettings("au6-relaxed"))
# Density functional theory, published: see data_gen/published/README.md.
AU12 = DataSource(
    "au12",
    FileSettings(
        "au12_dft.extxyz.xz",
        "417732752eca1469599dafb694adf67da1d608f8e838c2a20a3633562fb42762",
    ),
)
SOURCES = {
    source.name: source
    for source in (
        *AU6_TRAJECTORIES,
        *AU6_STARTS,
        AU6_RELAXED,
        PT8AU2,
        PT8AU2_HOT,
        *PT8AU2_HEIGHTS.values(),
        AU12,
    )
}

ROWS = (
    Experiment(
        CORRELATION,
        "data",
        "Correlation between samples",
        "correlation",
        AU6,
        seeds=(0,),
        deterministic=True,
        assumed=("data",),
        quick=True,
    ),
)


def data(evidence: Evidence) -> Table:
    """Table of correlation times and numbers of independent samples."""
    rows = []
    for name, label in (
        ("coordinates", "coordinates, lab frame"),
        ("distances", "sorted distances"),
        ("energy", "energy"),
    ):
        cells = [
            with_spread(evidence.spread(CORRELATION, "", f"{name}_{what}"))
            for what in ("next_correlation", "correlation_time", "correlation_time_error")
        ]
        for split in ("", "train", "test"):
            found = evidence.spread(CORRELATION, split, f"{name}_independent_samples")
            cells.append(f"{found.mean:.0f}" if found else NOT_RUN)
        rows.append((label, *cells))
    return Table(
        "data",
        "Au6: correlation between samples, and how many are independent",
        (
            "",
            "correlation with the next sample",
            "correlation time, ps",
            "its standard error, ps",
            "independent samples",
            "of the training part",
            "of the test part",
        ),
        tuple(rows),
        "Integrated correlation time τ by Sokal's automatic window; n samples that span a time T "
        "are worth T / 2τ independent ones.",
    )


TABLES = (data,)
CLAIMS = ()
