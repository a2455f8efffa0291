"""Appendix A: correlated samples, and errors with random and blocked choices of test frames."""

from dataclasses import replace

from reproduction.engine.experiment import Experiment
from reproduction.sections.names import CORRELATION, EQ2_LONGER
from reproduction.sections.s2_data import AU6
from reproduction.sections.s4_energy import EQ2_ROW, EQ3_ROW, EQ4_ROW, EQ5_ROW, longer
from reproduction.sections.trivial import with_trivial
from reproduction.show.checks import Lower
from reproduction.show.claims import Claim
from reproduction.show.limits import AtLeast, AtMost
from reproduction.show.metrics import NOT_RUN, with_spread
from reproduction.show.rules import CLEAR, CORRELATED, WEAKLY_CORRELATED, Key, energy
from reproduction.show.tables import SPREAD_NOTE, Evidence, Table, ratio

# The rows in time order are those of Table 4, and the longer one in the same table.
_PARTITIONED = tuple(
    replace(
        row,
        id=f"appendix-a/{row.id.split('/')[1]}-{partition}",
        table="appendix-a",
        label=f"{row.label}, {partition}",
        partition=partition,
        assumed=(*row.assumed, "partition"),
        quick=row is EQ3_ROW,
    )
    for row in (EQ3_ROW, EQ2_ROW, EQ4_ROW, EQ5_ROW, longer(EQ2_ROW))
    for partition in ("random", "blocked")
)
_NEAREST = tuple(
    Experiment(
        f"appendix-a/{name}-{called}",
        "appendix-a",
        f"{label}, {called}",
        "neighbours",
        AU6,
        model,
        partition=partition,
        seeds=(0,),
        deterministic=True,
        assumed=("data", "partition"),
        # Each partition once, and both models.
        quick=(model == "in_time") == (partition == "time"),
    )
    for name, model, label in (
        ("neighbours", "in_shape", "Mean of the two nearest frames in shape"),
        ("neighbours-in-time", "in_time", "Mean of the two nearest frames in time"),
    )
    for called, partition in (("ordered", "time"), ("random", "random"), ("blocked", "blocked"))
)
ROWS = with_trivial(*_PARTITIONED, *_NEAREST)


def appendix_a(evidence: Evidence) -> Table:
    """Table for appendix A: how much lower errors are with a random split."""
    ordered = {
        **{f"appendix-a/{m}": f"table4/{m}" for m in ("eq3", "eq2", "eq4", "eq5")},
        "appendix-a/eq2-longer": EQ2_LONGER,
        "appendix-a/neighbours": "appendix-a/neighbours-ordered",
        "appendix-a/neighbours-in-time": "appendix-a/neighbours-in-time-ordered",
    }
    times = ("beyond/trivial-table4", "beyond/trivial-appendix-a-random")
    names = (*times, "beyond/trivial-appendix-a-blocked")
    found = [evidence.spread(n, "test", "energy_rmse") for n in names]
    shown = (
        *map(with_spread, found),
        _of_blocks(evidence, names[2]),
        ratio(found[1], found[0]),
        ratio(found[1], found[2]),
    )
    rows = [("Mean of training E", "-", "-", *shown, "", "")]
    for stem, in_order in ordered.items():
        names = (in_order, f"{stem}-random", f"{stem}-blocked")
        time, random, blocked = (evidence.spread(n, "test", "energy_rmse") for n in names)
        late = [evidence.spread(n, "test", "energy_rmse_late") for n in names]
        epochs = evidence.spread(names[1], "", "epochs")
        rows.append(
            (
                evidence.experiments[in_order].label.removesuffix(", ordered"),
                f"{epochs.mean:.0f}" if epochs else "-",
                str(random.n) if random else "-",
                *map(with_spread, (time, random, blocked)),
                _of_blocks(evidence, names[2]),
                ratio(random, time),
                ratio(random, blocked),
                ratio(late[1], late[2]) if epochs else "",
                ratio(late[2], late[0]) if epochs else "",
            )
        )
    return Table(
        "appendix-a",
        "Appendix A: test RMSE of E on Au6 by the choice of test frames, eV per cluster",
        (
            "model",
            "epochs",
            "seeds",
            "last 500 (the report's)",
            "random 500",
            "five blocks",
            "block by block",
            "random / last",
            "random / blocks",
            "the same, medians of last quarter",
            "blocks / last, medians of last quarter",
        ),
        tuple(rows),
        f"{SPREAD_NOTE} Ratios are those of means, ± standard error. Five blocks: root mean square "
        "of five models' errors, each on its block, which lies above a single model's where errors "
        "jump. Block by block: lowest and highest of the five, each the mean over seeds.",
    )


def _of_blocks(evidence: Evidence, row: str) -> str:
    """Lowest and highest of five blocks' test errors."""
    found = [evidence.spread(row, f"block{k}", "energy_rmse") for k in range(1, 6)]
    means = [s.mean for s in found if s]
    return f"{min(means):.2g} to {max(means):.2g}" if means else NOT_RUN


TABLES = (appendix_a,)
CLAIMS = (
    Claim(
        41,
        "appendix-a/correlation remains",
        "Appendix A",
        "the correlation is far from being completely eliminated [at 50 steps]",
        f"From one frame to the next, coordinates and distances are correlated by at least "
        f"{CORRELATED:g}; in part {WEAKLY_CORRELATED:g}.",
        "the correlation were that of a slow drift or rotation alone, which says little of shapes",
        tuple(
            AtLeast(Key(CORRELATION, "", f"{of}_next_correlation"), CORRELATED, WEAKLY_CORRELATED)
            for of in ("coordinates", "distances")
        ),
    ),
    Claim(
        42,
        "appendix-a/a random split flatters",
        "Appendix A",
        "if training and test sets are chosen randomly ... this increases the test accuracy "
        "spuriously",
        "For each of Eq. 2 to 5 the test error on randomly chosen frames is lower than on whole "
        "blocks of time.",
        "larger networks, or longer training, remembered frames; claim 43 tries one. An error on "
        "blocks is the root mean square of five models', which lies above a single one's where "
        "errors jump from epoch to epoch, so that < may be too easy",
        tuple(
            Lower(energy(f"appendix-a/eq{k}-random"), energy(f"appendix-a/eq{k}-blocked"))
            for k in (2, 3, 4, 5)
        ),
    ),
    Claim(
        43,
        "appendix-a/labels are remembered",
        "Appendix A",
        "label 2 can be easily obtained by remembering and averaging labels 1 and 3",
        "The mean of the two training frames nearest in time has an error on randomly chosen "
        f"frames of at most 1/{CLEAR:g} of that on later frames, and Eq. 2 trained longer, with "
        "time to remember, a lower error on randomly chosen frames than on blocks.",
        "frames were kept more often than every 50 steps",
        (
            AtMost(
                energy("appendix-a/neighbours-in-time-random"),
                1 / CLEAR,
                of=energy("appendix-a/neighbours-in-time-ordered"),
            ),
            Lower(energy("appendix-a/eq2-longer-random"), energy("appendix-a/eq2-longer-blocked")),
        ),
    ),
)
