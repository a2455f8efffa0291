"""Section 5, Table 5: manybody expansion models of F(X), Eq. 6 to 9, which learn F directly."""

from dataclasses import replace

from keras_models.settings import AdamSettings
from reproduction.engine.experiment import Experiment
from reproduction.sections.names import EQ2, EQ3, EQ4, EQ5, EQ8, EQ9, GRADIENT, TRIVIAL_AGAIN
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import literal
from reproduction.sections.trivial import with_trivial
from reproduction.show.checks import AsGood, AsPrinted, Every, Lower, overfits_slightly
from reproduction.show.claims import Claim
from reproduction.show.limits import AtLeast, AtMost, Times, TimesRelative
from reproduction.show.reported import reported
from reproduction.show.rules import (
    BASELINE,
    CLEAR,
    MUCH,
    PRINTED,
    PRINTED_WRONG,
    TOLERANCE,
    energy,
    force,
    printed,
    seconds,
)
from reproduction.show.tables import OURS_NOTE, Evidence, Table, rmse_table

WIDTHS = {
    "eq6": ((20, 3), (20, 20), (20, 20)),
    "eq7": ((20, 3), (20, 20), (20, 20)),
    "eq7_as_printed": ((20, 3), (20, 20), (20, 20)),
    "eq8": ((50, 3), (50, 20), (50, 20)),
    "eq9": ((50, 3), (50, 20, 20), (50, 20, 20)),
}
# Epochs of Table 5's rows, in its order.
PRINTED_ROWS = (("eq6", 200), ("eq7", 200), ("eq7", 1000), ("eq8", 1200), ("eq9", 9000))
DECAY = AdamSettings(3000, learning_rate=3e-3, decay="cosine")
# Each frame once.
COMMON = {"copies": 1, "form": "fast"}
# The report prints no inputs but vectors: readings of what else it may have taken (ASSUMPTIONS.md).
# {reading: (label, the builder's options)}
READINGS = {
    "vectors": ("v/r² alone", {"vectors": "inverse_square", "c2": "none"}),
    "raw": ("v alone", {"vectors": "raw", "c2": "none"}),
    "cube": ("v/r³ alone", {"vectors": "inverse_cube", "c2": "none"}),
    "outer-c2": ("v/r², 1/r beside the outer", {"vectors": "inverse_square", "c2": "outer"}),
    "c2": ("v/r² and 1/r", {"vectors": "inverse_square", "c2": "all"}),
    "raw-c2": ("v and 1/r", {"vectors": "raw", "c2": "all"}),
}
# The one that Table 5's rows stand for, by a rule fixed beforehand: closest to the printed
# *training* errors over the table (reproduction/sections/unprinted.py; tested).
CHOSEN = "raw-c2"
# Vectors alone, as Eq. 6 to 9 are printed, divided by r²: the vector form of 1/r.
LITERAL = "vectors"


def options(reading: str) -> dict:
    """Options of a row with one of :data:`READINGS`."""
    return {**READINGS[reading][1], **COMMON}


def row_of(model: str, epochs: int, reading: str) -> str:
    """Id of the row that has a reading of Table 5's inputs."""
    if reading == "outer-c2" and model in ("eq6", "eq7"):
        reading = "vectors"  # they have no outer vectors
    own = f"{model}-{epochs}"
    return f"table5/{own}" if reading == CHOSEN else f"beyond/{own}-{reading}"


def row(
    id: str,
    model: str,
    epochs: int,
    label: str,
    lanes: int = 1,
    reading: str = LITERAL,
    **changes,
) -> Experiment:
    """A row of Table 5, or a related one."""
    own = Experiment(
        id,
        "table5",
        label,
        "force",
        AU6,
        model,
        widths=WIDTHS[model],
        activation="relu",
        options=options(reading),
        training=AdamSettings(epochs),
        lanes=lanes,
        assumed=("data", "training", "vectors"),
    )
    return replace(own, **changes)


def lanes_of(model: str) -> int:
    """Seeds side by side, the fastest measured."""
    return 5 if model in ("eq6", "eq7_as_printed") else 1


def _of_table5(model: str, epochs: int) -> Experiment:
    return row(
        row_of(model, epochs, CHOSEN),
        model,
        epochs,
        f"Eq. {model[2:]}",
        lanes_of(model),
        CHOSEN,
        quick=(model, epochs) != ("eq7", 1000),
    )


def _copies(model: str, epochs: int) -> Experiment:
    """A row with five rotated copies; a fifth of the epochs gives as many steps as without."""
    label = f"Eq. {model[2:]}, vectors alone, 5 rotated copies"
    turned = {**options(LITERAL), "copies": 5}
    own = row(f"beyond/{model}-copies", model, epochs, label, lanes_of(model))
    return replace(own, options=turned)


def _literal(model: str, epochs: int) -> Experiment:
    return literal(
        row(f"beyond/{model}-{epochs}", model, epochs, f"Eq. {model[2:]}, vectors alone")
    )


ROWS = with_trivial(
    *(_of_table5(model, epochs) for model, epochs in PRINTED_ROWS),
    row(
        "beyond/eq7-as-printed",
        "eq7_as_printed",
        200,
        "Eq. 7 as printed, vectors alone",
        5,
        quick=True,
    ),
    row("beyond/eq9-3000-decay", "eq9", 3000, "Eq. 9, cosine decay", 1, CHOSEN, training=DECAY),
    row("beyond/eq9-1000", "eq9", 1000, "Eq. 9, vectors alone"),
    row(
        "beyond/eq9-decay",
        "eq9",
        3000,
        "Eq. 9, vectors alone, cosine decay",
        training=DECAY,
    ),
    _copies("eq6", 40),
    _copies("eq7", 40),
    _copies("eq8", 240),
    _copies("eq9", 200),
    _literal("eq6", 200),
    _literal("eq7", 200),
    _literal("eq8", 1200),
    _literal("eq9", 1000),
)
# Why verdicts on Table 5 have changed since 0.1.0, whose rows had vectors alone.
OTHER_INPUTS = (
    "Table 5's rows have other inputs now: of six readings, the one that is closest to the printed "
    "training errors."
)
FORCES = tuple(dict.fromkeys(key[0] for key in reported() if key[0].startswith("table5/")))


def table5(evidence: Evidence) -> Table:
    """Table 5: manybody expansion models of F(X)."""
    title = "Table 5: RMSE of F on Au6, eV/Å"
    splits = {"train": "train", "test": "test", "rotated": "test turned at random"}
    return rmse_table(evidence, "table5", title, {"force_rmse": ""}, OURS_NOTE, splits)


TABLES = (table5,)
CLAIMS = (
    Claim(
        27,
        "section5.1/Eq. 7 as printed",
        "5.1",
        "Replacing f, g, h with MLP's and removing unnecessary terms, we get [Eq. 7]",
        f"Eq. 7 as printed has a test error that is shown to be at most {TOLERANCE:g} times that "
        "of the form that Table 5's rows read from its derivation. (They have 1/r beside their "
        "vectors, it has vectors alone.)",
        "the printed form were read wrongly: ASSUMPTIONS has the reading",
        (AsGood(force("beyond/eq7-as-printed"), force("table5/eq7-200")),),
        "Not told apart would have passed for equal.",
    ),
    Claim(
        28,
        "table5/Table 5's numbers",
        "5.2, Table 5",
        "Performance of manybody expansion models on F(X) data",
        PRINTED,
        f"{PRINTED_WRONG}; the inputs were chosen by the training errors, which so say less than "
        "the test errors",
        (AsPrinted("table5"),),
        f"{BASELINE} {OTHER_INPUTS}",
    ),
    Claim(
        29,
        "table5/Eq. 9 is best, but poor",
        "5.2",
        "we are unable to achieve a satisfactory loss on the F(X) dataset ... the best achieved "
        'is 0.12, using the "cheating" model Eq. 9',
        "Eq. 9 has the lowest test error of Table 5, and it is the printed one within "
        f"{TOLERANCE:g} times, either way.",
        "other inputs than the assumed ones took Eq. 9 to the printed error",
        (
            Every(tuple(Lower(force(EQ9), force(row)) for row in FORCES if row != EQ9)),
            Every(
                (
                    AtLeast(force(EQ9), printed(force(EQ9)) / TOLERANCE),
                    AtMost(force(EQ9), printed(force(EQ9)) * TOLERANCE),
                )
            ),
        ),
        "An error above the printed best passed, however far; and being best counted row by row, "
        f"so that a second place met most of it. {OTHER_INPUTS}",
    ),
    Claim(
        30,
        "table5/F should be nearly perfect",
        "5.2",
        'as ... we are "cheating", an almost perfect accuracy is to be expected',
        "The report's own cheating model, Eq. 9, has a test error of at most "
        f"1/{MUCH:g} of that of zero forces.",
        "the expectation were of the form alone: F = -dE/dX of the same form is almost perfect "
        "(claim 33). The report says itself that it was not met, and its 0.12 eV/Å does not meet "
        "the rule either",
        (AtMost(force(EQ9), 1 / MUCH, of=force(TRIVIAL_AGAIN)),),
        f"It was judged on our gradient model, and is about the report's. {OTHER_INPUTS}",
    ),
    Claim(
        31,
        "table5/F takes longer",
        "5.2",
        "training F requires much longer training time (hours instead of minutes) compared to E",
        f"Eq. 9 trains at least {MUCH:g} times as long as each model of Table 4; in part "
        f"{CLEAR:g} times. CPU seconds, on one thread.",
        "fewer epochs came to the same error; hours and minutes then are minutes and seconds here",
        tuple(Times(seconds(EQ9), seconds(row), MUCH, CLEAR) for row in (EQ2, EQ3, EQ4, EQ5)),
        "Seconds were by the clock, on a machine that did other work; now they are the "
        "processor's, and their spread decides.",
    ),
    Claim(
        32,
        "table5/F overfits slightly",
        "5.2",
        "overfitting slightly all the way",
        f"In every row of Table 5 the test error is above the training error, and less than "
        f"{CLEAR:g} times it; a model that does not beat zero forces overfits nothing.",
        "the test part were merely harder: forces of zero would show the same gap (models of E, "
        "which the report does not call overfitting, have gaps like the smallest of these)",
        tuple(overfits_slightly(row, "force_rmse") for row in FORCES),
        f"A model that does not beat zero forces passed. {OTHER_INPUTS}",
    ),
    Claim(
        33,
        "table5/F is difficult to learn",
        "5.2 and 3.4",
        "It is possible that F is simply difficult to learn",
        "Eq. 2 with the report's widths and data, trained on E and F, does no better than the "
        f"report's best F, within {TOLERANCE:g} times; in part: than 1/{MUCH:g} of it.",
        "EMT's forces were easier than others': nothing is said of DFT",
        (
            AtLeast(
                force(GRADIENT), printed(force(EQ9)) / TOLERANCE, wide=printed(force(EQ9)) / MUCH
            ),
        ),
    ),
    Claim(
        51,
        "table5/F is learned worse than E",
        "5.2",
        "on the same dataset (same X), training F ... produce much poorer results",
        "Relative to what costs nothing (forces of zero, the mean of training energies), the best "
        "models of F, Eq. 9 in the report and Eq. 8 here, have at least "
        f"{CLEAR:g} times the test error of each of Eq. 2, 4 and 5.",
        "they were trained too briefly: they have the report's epochs",
        tuple(
            TimesRelative(
                force(best), force(TRIVIAL_AGAIN), energy(row), energy(TRIVIAL_AGAIN), CLEAR
            )
            for best in (EQ9, EQ8)
            for row in (EQ2, EQ4, EQ5)
        ),
    ),
)
