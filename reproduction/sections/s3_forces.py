"""Section 3.4: variations of Table 3's rows to find out why the Behler model's forces fail."""

from reproduction.sections.s2_data import PT8AU2_HOT
from reproduction.sections.s3_behler import AMP_LOSS, ENERGIES_ALONE, slab, twin
from reproduction.sections.trivial import with_trivial
from reproduction.show.checks import Lower
from reproduction.show.claims import Claim
from reproduction.show.rules import force
from reproduction.show.tables import Evidence, Table, behler_table

ALIKE = (1.0, 1.0)
FINER = {"functions": "shifted", "output_activation": None}


def _why(row: str, label: str, layers, iterations, weights, frames: int, **changes):
    own = {"table": "why", **slab(frames), **changes}
    return twin(row, label, layers, iterations, weights, **own)


ROWS = with_trivial(
    _why("why-250-short", "200 frames, (5, 5), Amp's loss, 100 steps", (5, 5), 100, AMP_LOSS, 250),
    _why("why-250-even", "200 frames, (5, 5), E and F alike", (5, 5), 3000, ALIKE, 250),
    _why("why-250-energy", "200 frames, (5, 5), E alone", (5, 5), 3000, ENERGIES_ALONE, 250),
    _why(
        "why-250-linear",
        "200 frames, (5, 5), E and F alike, linear output",
        (5, 5),
        3000,
        ALIKE,
        250,
        options={"output_activation": None},
    ),
    _why(
        "why-hot-250",
        "hot slab, 200 frames, (5, 5), Amp's loss",
        (5, 5),
        3000,
        AMP_LOSS,
        250,
        data=PT8AU2_HOT,
    ),
    _why(
        "why-hot-250-energy",
        "hot slab, 200 frames, (5, 5), E alone",
        (5, 5),
        3000,
        ENERGIES_ALONE,
        250,
        data=PT8AU2_HOT,
    ),
    _why(
        "why-hot-2500",
        "hot slab, 2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        800,
        ALIKE,
        2500,
        data=PT8AU2_HOT,
        seeds=(0,),
    ),
    _why(
        "why-2500-even",
        "2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        800,
        ALIKE,
        2500,
    ),
    _why(
        "why-2500-energy",
        "2,000 frames, (10, 10, 10), E alone",
        (10, 10, 10),
        3000,
        ENERGIES_ALONE,
        2500,
    ),
    twin(
        "behler-au6-gradient",
        "Au6, 2,000 frames, (10, 10, 10), E and F alike",
        (10, 10, 10),
        2000,
        ALIKE,
        table="why",
    ),
    twin(
        "behler-au6-shifted",
        "Au6, 2,000 frames, (20, 20), finer functions, linear output, E and F alike",
        (20, 20),
        2000,
        ALIKE,
        table="why",
        options=FINER,
        seeds=(0, 1, 2),
        shipped=True,
    ),
    _why(
        "behler-pt8au2-shifted",
        "Pt8Au2, 2,000 frames, (20, 20), finer functions, linear output, E and F alike",
        (20, 20),
        500,
        ALIKE,
        2500,
        options=FINER,
        seeds=(0,),
        shipped=True,
    ),
)


def why(evidence: Evidence) -> Table:
    """Table of variations and the resulting force errors of the Behler model."""
    title = "Why forces fail, or do not: the Keras twin, RMSE of E (eV) and F (eV/Å)"
    note = "On Pt8Au2 where nothing else is said. Steps are iterations of the second-order method."
    return behler_table(evidence, "why", title, note)


TABLES = (why,)
CLAIMS = (
    Claim(
        13,
        "table3/F weighs too much",
        "3.4",
        "It may be due to the fact that we're training E and F simultaneously and penalizing F "
        "losses too much",
        "With a smaller weight of F than Amp's, a quarter of it or none, the same network and "
        "frames give a lower test error of F, in both lines (Keras twins of Amp's rows).",
        "a quarter of the weight helped on the hot slab, where with 200 frames only Amp's weight "
        "and none were tried",
        tuple(
            Lower(force(f"beyond/why-{frames}-{weight}"), force(f"beyond/twin-{line}-forces"))
            for frames, line in ((250, "250-5-5"), (2500, "2500-10-10-10"))
            for weight in ("even", "energy")
        ),
        "It asked for E alone, while the words are of too large a weight.",
    ),
    Claim(
        52,
        "table3/F clusters the energies",
        "3.4",
        "Another explanation of F overfitting ... Having multiple F's means having multiple "
        "clusters of E(X)'s. This is not ideal; we want X to be spaced equally",
        "Energies of 2,000 frames, which are not clustered, give a lower test error of F than "
        "energies and forces of 200 frames (Keras twins, each with its line's network and test "
        "part).",
        "6,200 energies, as many numbers as those 200 frames have, did better",
        (Lower(force("beyond/why-2500-energy"), force("beyond/why-250-even")),),
    ),
)
