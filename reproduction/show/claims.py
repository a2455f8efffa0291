"""The report's checkable statements, each with a rule, and verdicts computed from metrics.csv.

A rule is a handful of checks of numbers; a check scores 1 where it holds, 0 where it does not and
1/2 where it holds in part. All 1 is "reproduced"; a mean of 1/2 or more "reproduced in part"; less
"not reproduced". A row that is missing makes a claim "not run yet", and a claim whose numbers the
report does not give, or that one seed alone cannot decide, is "not testable".

The tolerances are the constants below, the same for all claims; whether two rows differ is
decided by :func:`reproduction.show.metrics.compare` alone. Rules and tolerances were written when
Tables 4 and 5, section 6 and the gradient rows had been run, and of Table 1 the (5,5) row had been
tried once; the rest of Tables 1 to 3 and the appendices had not. None has been changed for what
came out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from reproduction.sections.registry import EXPERIMENTS
from reproduction.show.gather import Metrics, reported
from reproduction.show.metrics import NOT_RUN, UNITS, compare, spread, with_spread

REPRODUCED = "reproduced"
IN_PART = "reproduced in part"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable"
STATUSES = (REPRODUCED, IN_PART, NOT_REPRODUCED, NOT_TESTABLE, NOT_RUN)

# A printed number is met within this factor either way, and in part within the wider one.
TOLERANCE, WIDE = 1.5, 2.5
# A test error this many times the training error is overfitting, and strongly so. The same two
# factors say what a clear and a great difference is elsewhere.
CLEAR, MUCH = 2.0, 10.0
# Of the RMSE: a largest error beyond it is an outlier. Of 2,000 normal errors one in 900 sets of
# them has one so large.
OUTLIER = 5.0
# What would be seen in a plot: a mean error of half the RMSE, or a tenth of every departure missed.
SEEN_BIAS, SEEN_SLOPE = 0.5, 0.1
# Parts of a variance that are little, and not most of it.
LITTLE, SOME = 0.1, 0.5
# Correlation coefficients that are far from 0, and not 0.
CORRELATED, WEAKLY_CORRELATED = 0.5, 0.1

ONE_SEED = " (one seed: no spread to judge by)"


class Key(NamedTuple):
    """One number of metrics.csv, but for the seed."""

    experiment: str
    split: str
    metric: str


def energy(experiment: str, split: str = "test") -> Key:
    """RMSE of E of a row."""
    return Key(experiment, split, "energy_rmse")


def force(experiment: str, split: str = "test") -> Key:
    """RMSE of F of a row."""
    return Key(experiment, split, "force_rmse")


def seconds(experiment: str) -> Key:
    """Training time of a row."""
    return Key(experiment, "", "train_seconds")


def printed(key: Key) -> float:
    """The report's own number."""
    return float(reported()[key])


def called(experiment: str) -> str:
    """A row's name in a sentence; its id where the registry does not have it."""
    if experiment not in EXPERIMENTS:
        return experiment
    row = EXPERIMENTS[experiment]
    behler = experiment.startswith(("table1/", "table2/", "table3/"))
    name = f"Behler {row.label}" if behler and "Behler" not in row.label else row.label
    same = [e for e in EXPERIMENTS.values() if (e.table, e.label) == (row.table, row.label)]
    epochs = getattr(row.training, "epochs", None)
    return f"{name} ({epochs} epochs)" if len(same) > 1 and epochs else name


def shown(metrics: Metrics, key: Key) -> str:
    """A row's name and number."""
    return f"{called(key.experiment)} {with_spread(metrics.spread(*key))}"


def unit(key: Key) -> str:
    """With a blank before it, where there is one."""
    return f" {UNITS[key.metric]}" if UNITS.get(key.metric) else ""


def part(key: Key) -> str:
    """Says that a number is of the training part; of the test part it goes without saying."""
    return " in training" if key.split == "train" else ""


class Finding(NamedTuple):
    """What a check came to.

    Attributes:
        scores: from 0 to 1; None: cannot be decided.
        text: the numbers.
        subject: the text's beginning, said once for checks in a row that share it.
    """

    scores: tuple[float | None, ...]
    text: str
    subject: str = ""


class Check(Protocol):
    """One condition on numbers of metrics.csv."""

    @property
    def needs(self) -> tuple[Key, ...]:
        """Numbers that must be there."""

    def judge(self, metrics: Metrics) -> Finding:
        """With all of them there."""


def graded(holds: bool, in_part: bool = False) -> tuple[float]:
    """A score."""
    return (1.0 if holds else 0.5 if in_part else 0.0,)


@dataclass(frozen=True)
class AsPrinted:
    """All numbers of a table of the report within the tolerance."""

    table: str

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(*key) for key in reported() if key[0].startswith(f"{self.table}/"))

    def judge(self, metrics: Metrics) -> Finding:
        ratios = {key: metrics.spread(*key).mean / printed(key) for key in self.needs}
        factors = {key: max(ratio, 1 / ratio) for key, ratio in ratios.items()}
        near = sum(factor <= TOLERANCE for factor in factors.values())
        wide = sum(TOLERANCE < factor <= WIDE for factor in factors.values())
        worst = max(factors, key=factors.__getitem__)
        said = f"{shown(metrics, worst)}{unit(worst)}{part(worst)}, printed {reported()[worst]}"
        text = f"{near} of {len(factors)} numbers within {TOLERANCE:g} times the printed one"
        if near < len(factors):
            text += f", {wide} more within {WIDE:g}; furthest off: {said}"
        if len(factors) == 1:
            text = said
        scores = (graded(f <= TOLERANCE, f <= WIDE)[0] for f in factors.values())
        return Finding(tuple(scores), text)


@dataclass(frozen=True)
class Lower:
    """a is lower than b; ``or_equal``: it is not higher."""

    a: Key
    b: Key
    or_equal: bool = False

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, metrics: Metrics) -> Finding:
        found = compare(metrics.values(*self.a), metrics.values(*self.b))
        sign = {-1: "<", 0: "≈", 1: ">", None: "against"}[found]
        subject = shown(metrics, self.a)
        text = f"{sign} {shown(metrics, self.b)}{unit(self.a)}{part(self.a)}"
        if found is None:
            return Finding((None,), text + ONE_SEED, subject)
        return Finding(graded(found < 0 or (self.or_equal and found == 0)), text, subject)


def not_higher(a: Key, b: Key) -> Lower:
    """a is as low as b or lower."""
    return Lower(a, b, or_equal=True)


@dataclass(frozen=True)
class Gap:
    """Test error over training error, seed by seed, between two bounds.

    Attributes:
        experiment, metric: of which row.
        low: at least so much; None: above 1 with 95 % confidence of the mean.
        high: less than this.
        wide: still in part from here on.
    """

    experiment: str
    metric: str = "energy_rmse"
    low: float | None = 0.0
    high: float = float("inf")
    wide: float = float("inf")

    @property
    def needs(self) -> tuple[Key, ...]:
        return tuple(Key(self.experiment, split, self.metric) for split in ("train", "test"))

    def judge(self, metrics: Metrics) -> Finding:
        train, test = (metrics.values(*key) for key in self.needs)
        logs = spread(np.log(np.asarray(test) / np.asarray(train)))
        ratio = float(np.exp(logs.mean))
        what = {"energy_rmse": "E", "force_rmse": "F"}.get(self.metric, self.metric)
        subject = f"{what}'s test error / training error:"
        text = f"{called(self.experiment)} {ratio:.3g}"
        if self.low is None:
            if logs.n == 1:
                return Finding((None,), text + ONE_SEED, subject)
            above = logs.mean - logs.ci95 > 0
            return Finding(graded(above and ratio < self.high), text, subject)
        return Finding(graded(self.low <= ratio < self.high, ratio >= self.wide), text, subject)


def overfits(experiment: str, metric: str = "energy_rmse") -> Gap:
    """The test error is a clear multiple of the training error."""
    return Gap(experiment, metric, low=CLEAR)


def overfits_strongly(experiment: str, metric: str) -> Gap:
    """It is a large multiple; in part where it is a clear one."""
    return Gap(experiment, metric, low=MUCH, wide=CLEAR)


def overfits_slightly(experiment: str, metric: str) -> Gap:
    """It is above it, and not clearly."""
    return Gap(experiment, metric, low=None, high=CLEAR)


def generalises(experiment: str) -> Gap:
    """It is no clear multiple."""
    return Gap(experiment, high=CLEAR)


@dataclass(frozen=True)
class AtMost:
    """The mean size of a number over seeds is at most a limit; in part up to a wider one.

    ``of``: the limit is a multiple of that number's mean.
    """

    key: Key
    limit: float
    wide: float = 0.0
    of: Key | None = None

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key, self.of) if self.of else (self.key,)

    def judge(self, metrics: Metrics) -> Finding:
        mean = spread(np.abs(metrics.values(*self.key))).mean
        if self.of is None:
            text = f"{_alone(metrics, self.key)}, at most {self.limit:.2g} asked"
            return Finding(graded(mean <= self.limit, mean <= self.wide), text)
        ratio = mean / metrics.spread(*self.of).mean
        if self.key.metric == self.of.metric:
            text = " ".join(_times(metrics, self.key, self.of, ratio))
        else:
            names = tuple(_words(key.metric) for key in (self.key, self.of))
            text = f"{called(self.key.experiment)}: {' / '.join(names)} {ratio:.2g}{part(self.key)}"
        return Finding(graded(ratio <= self.limit, ratio <= self.wide), text)


@dataclass(frozen=True)
class AtLeast:
    """The mean of a number over seeds is at least a limit; in part from a lower one on."""

    key: Key
    limit: float
    wide: float = float("inf")

    @property
    def needs(self) -> tuple[Key, ...]:
        return (self.key,)

    def judge(self, metrics: Metrics) -> Finding:
        mean = metrics.spread(*self.key).mean
        text = f"{_alone(metrics, self.key)}, at least {self.limit:.2g} asked"
        return Finding(graded(mean >= self.limit, mean >= self.wide), text)


@dataclass(frozen=True)
class Times:
    """a is higher than b, and at least so many times, means over seeds; in part a lower factor."""

    a: Key
    b: Key
    limit: float
    wide: float

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.a, self.b

    def judge(self, metrics: Metrics) -> Finding:
        ratio = metrics.spread(*self.a).mean / metrics.spread(*self.b).mean
        subject, text = _times(metrics, self.a, self.b, ratio)
        found = compare(metrics.values(*self.a), metrics.values(*self.b))
        if found is None:
            return Finding((None,), text + ONE_SEED, subject)
        score = graded(found > 0 and ratio >= self.limit, found > 0 and ratio >= self.wide)
        return Finding(score, text, subject)


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _alone(metrics: Metrics, key: Key) -> str:
    what = "" if key.metric.endswith("_rmse") else f" ({_words(key.metric)})"
    return f"{shown(metrics, key)}{unit(key)}{part(key)}{what}"


def _times(metrics: Metrics, a: Key, b: Key, ratio: float) -> tuple[str, str]:
    """What, and how many times what."""
    subject = f"{shown(metrics, a)}{unit(a)}{part(a)} is"
    return subject, f"{ratio:.3g} times {shown(metrics, b)}{unit(b)}"


def sentence(findings: Sequence[Finding]) -> str:
    """The numbers of all checks, a subject that several in a row share said once."""
    text, last = "", ""
    for finding in findings:
        if finding.subject and finding.subject == last:
            text += f", {finding.text}"
        else:
            text += (
                f"; {finding.subject} {finding.text}" if finding.subject else f"; {finding.text}"
            )
        last = finding.subject
    return f"{text[2:]}."


@dataclass(frozen=True)
class Claim:
    """One statement of the report.

    Attributes:
        id: section or table, and a name.
        section: where it stands.
        quote: the report's words.
        rule: the checks in a sentence.
        checks: the rule; none where nothing can be measured, and ``rule`` says why.
    """

    id: str
    section: str
    quote: str
    rule: str
    checks: tuple[Check, ...] = ()

    @property
    def needs(self) -> tuple[Key, ...]:
        """Numbers that the rule looks at, each once."""
        return tuple(dict.fromkeys(key for check in self.checks for key in check.needs))

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the experiments that they are of, each once."""
        return tuple(dict.fromkeys(key.experiment for key in self.needs))


@dataclass(frozen=True)
class Verdict:
    """What a claim came to: its status, and the numbers behind it in a sentence."""

    claim: Claim
    status: str
    numbers: str


def verdict(claim: Claim, metrics: Metrics) -> Verdict:
    """Judge one claim."""
    if not claim.checks:
        return Verdict(claim, NOT_TESTABLE, claim.rule)
    missing = [key for key in claim.needs if not metrics.values(*key)]
    if missing:
        rows = dict.fromkeys(key.experiment for key in missing)
        return Verdict(claim, NOT_RUN, f"Missing: {', '.join(rows)}.")
    findings = [check.judge(metrics) for check in claim.checks]
    scores = [score for finding in findings for score in finding.scores]
    numbers = sentence(findings)
    if None in scores:
        return Verdict(claim, NOT_TESTABLE, numbers)
    if all(score == 1 for score in scores):
        return Verdict(claim, REPRODUCED, numbers)
    half = sum(scores) >= 0.5 * len(scores)
    return Verdict(claim, IN_PART if half else NOT_REPRODUCED, numbers)


def verdicts(metrics: Metrics) -> list[Verdict]:
    """Of all claims, in the report's order."""
    return [verdict(claim, metrics) for claim in CLAIMS]


def counts(judged: Sequence[Verdict]) -> dict[str, int]:
    """How many claims came to each status, those without any left out."""
    found = Counter(one.status for one in judged)
    return {status: found[status] for status in STATUSES if found[status]}


def summary(judged: Sequence[Verdict]) -> str:
    """The counts in words."""
    found = ", ".join(f"{n} {status}" for status, n in counts(judged).items())
    return f"{len(judged)} claims of the report: {found}"


# Rows that several claims name.
SMALL, MIDDLE, LARGE = (f"table1/behler-{shape}" for shape in ("5-5", "10-10-10", "50-25-10-10"))
SLAB = tuple(
    f"table2/{row}" for row in ("250-10-10", "2500-10-10", "2500-10-10-10", "25000-10-10-10")
)
SLAB_FORCES = ("table3/250-5-5", "table3/2500-10-10-10")
EQ2, EQ3, EQ4, EQ5 = (f"table4/eq{k}" for k in (2, 3, 4, 5))
EQ2_LONGER, EQ3_LONGER, EQ4_LONGER, EQ5_LONGER = (f"beyond/eq{k}-longer" for k in (2, 3, 4, 5))
FORCES = tuple(dict.fromkeys(key[0] for key in reported() if key[0].startswith("table5/")))
EQ9 = "table5/eq9-9000"
GRADIENT = "beyond/eq2-gradient"
GRAPH, GRAPH_LONGER = "section6/gnn", "beyond/gnn-longer"
DISTANCE_GRAPH = "beyond/distance-graph"
CORRELATION = "beyond/correlation-au6"

_PRINTED = f"Every number within {TOLERANCE:g} times the printed one, either way; in part {WIDE:g}."

CLAIMS = (
    # 3.3
    Claim(
        "table1/numbers",
        "3.3, Table 1",
        "Training and test losses of Behler model on Au6 dataset: 0.08 / 0.09, 0.04 / 0.04, "
        "0.01 / 0.30 eV",
        _PRINTED,
        (AsPrinted("table1"),),
    ),
    Claim(
        "table1/5-5-underfits",
        "3.3, Table 1",
        "The (5,5) model is underfitting",
        f"Its test error is less than {CLEAR:g} times its training error, and the training error "
        "is higher than that of (10,10,10).",
        (generalises(SMALL), Lower(energy(MIDDLE, "train"), energy(SMALL, "train"))),
    ),
    Claim(
        "table1/50-25-10-10-overfits",
        "3.3, Table 1",
        "The (50,25,10,10) is too expressive and overfitting",
        f"Its test error is at least {CLEAR:g} times its training error, and higher than that of "
        "(10,10,10).",
        (overfits(LARGE), Lower(energy(MIDDLE), energy(LARGE))),
    ),
    Claim(
        "table1/10-10-10-optimal",
        "3.3, Table 1",
        "The (relatively) optimal MLP has hidden layers of shape (10,10,10)",
        "Its test error is lower than that of each of the other two.",
        (Lower(energy(MIDDLE), energy(SMALL)), Lower(energy(MIDDLE), energy(LARGE))),
    ),
    Claim(
        "figure3/no-outliers",
        "3.3, Figure 3",
        "There are no outliers or apparent systematic errors",
        f"Of (10,10,10), on training and test part: the largest error is at most {OUTLIER:g} RMSE, "
        f"the mean error at most {SEEN_BIAS:g} RMSE, and the error's slope against E at most "
        f"{SEEN_SLOPE:g}.",
        tuple(
            check
            for split in ("train", "test")
            for check in (
                AtMost(Key(MIDDLE, split, "energy_max"), OUTLIER, of=energy(MIDDLE, split)),
                AtMost(Key(MIDDLE, split, "energy_bias"), SEEN_BIAS, of=energy(MIDDLE, split)),
                AtMost(Key(MIDDLE, split, "energy_slope"), SEEN_SLOPE),
            )
        ),
    ),
    # 3.4
    Claim(
        "table2/numbers",
        "3.4, Table 2",
        "Training and test losses of Behler model on Pt8Au2 dataset; training E only",
        _PRINTED,
        (AsPrinted("table2"),),
    ),
    Claim(
        "table2/lines-1-3-overfit",
        "3.4, Table 2",
        "Lines 1 and 3 are overfitting",
        f"Their test errors are at least {CLEAR:g} times their training errors.",
        (overfits(SLAB[0]), overfits(SLAB[2])),
    ),
    Claim(
        "table2/more-samples",
        "3.4, Table 2",
        "[Lines 1 and 3] are solved by increasing the number of samples",
        "With ten times the samples (line 2 after 1, line 4 after 3) the test error is lower, and "
        f"less than {CLEAR:g} times the training error.",
        tuple(
            check
            for few, many in ((SLAB[0], SLAB[1]), (SLAB[2], SLAB[3]))
            for check in (Lower(energy(many), energy(few)), generalises(many))
        ),
    ),
    Claim(
        "table2/line-2-underfits",
        "3.4, Table 2",
        "Line 2 is underfitting, and is solved by increasing the number of layers",
        f"Its test error is less than {CLEAR:g} times its training error, and with a third layer "
        "(line 3) the training error is lower.",
        (generalises(SLAB[1]), Lower(energy(SLAB[2], "train"), energy(SLAB[1], "train"))),
    ),
    Claim(
        "table3/numbers",
        "3.4, Table 3",
        "Training and test losses of Behler model on Pt8Au2 dataset; training E and F "
        "simultaneously",
        _PRINTED,
        (AsPrinted("table3"),),
    ),
    Claim(
        "table3/good-energy",
        "3.4, Table 3",
        "In Table 3, line 2, we achieve good performance on E(X)",
        f"Its test error of E is at most {TOLERANCE:g} times the printed one (in part {WIDE:g}), "
        f"and less than {CLEAR:g} times its training error.",
        (
            AtMost(
                energy(SLAB_FORCES[1]),
                TOLERANCE * printed(energy(SLAB_FORCES[1])),
                WIDE * printed(energy(SLAB_FORCES[1])),
            ),
            generalises(SLAB_FORCES[1]),
        ),
    ),
    Claim(
        "table3/forces-overfit",
        "3.4, Table 3",
        "F is consistently strongly overfitting",
        f"In both lines F's test error is at least {MUCH:g} times its training error; in part "
        f"{CLEAR:g} times.",
        tuple(overfits_strongly(row, "force_rmse") for row in SLAB_FORCES),
    ),
    Claim(
        "table3/penalised-too-much",
        "3.4",
        "It may be due to the fact that we're training E and F simultaneously and penalizing F "
        "losses too much",
        "Trained on E alone, the same network and frames give a lower test error of F than with "
        "Amp's loss, in both lines (Keras twins of Amp's rows).",
        (
            Lower(force("beyond/why-250-energy"), force("beyond/twin-250-5-5-forces")),
            Lower(force("beyond/why-2500-energy"), force("beyond/twin-2500-10-10-10-forces")),
        ),
    ),
    # 4
    Claim(
        "section4.1/form",
        "4.1",
        "Inspecting the source code reveals that sigma_i = sum f(r_ij), E_i = g(sigma_i), "
        "E_ij = h(r_ij)",
        "The atom energies of Eq. 2, trained on E and F without being shown any, are those of "
        f"this form: at most {LITTLE:g} of their variance is left unexplained; in part {SOME:g}.",
        (AtMost(Key("beyond/learned-eq2-gradient", "train", "atom_unexplained"), LITTLE, SOME),),
    ),
    Claim(
        "section4.1/guaranteed",
        "4.1",
        "[Eq. 2 is] a hypothesis that is guaranteed to solve the problem",
        "Eq. 2 with the report's widths, trained on E and F as well as we can, has a test error "
        f"of E at most 1/{MUCH:g} of the best printed one (Eq. 4's); in part as large as that.",
        (AtMost(energy(GRADIENT), printed(energy(EQ4)) / MUCH, printed(energy(EQ4))),),
    ),
    Claim(
        "table4/numbers",
        "4.5, Table 4",
        "Performance of manybody expansion models on E(X) data",
        _PRINTED,
        (AsPrinted("table4"),),
    ),
    Claim(
        "table4/eq3-fails",
        "4.5",
        "The classical manybody expansion (Eq. 3) fails to deliver",
        f"Its test error is at least {CLEAR:g} times that of each of Eq. 2, 4 and 5.",
        tuple(Times(energy(EQ3), energy(row), CLEAR, CLEAR) for row in (EQ2, EQ4, EQ5)),
    ),
    Claim(
        "table4/eq3-underfits",
        "4.5",
        "It is clearly underfitting and the model is not expressive enough",
        f"Its test error is less than {CLEAR:g} times its training error; its training error, also "
        "when trained longer, and that of the best pair-only model that there is, are at least "
        f"{CLEAR:g} times Eq. 2's.",
        (
            generalises(EQ3),
            *(
                Times(energy(row, "train"), energy(EQ2, "train"), CLEAR, CLEAR)
                for row in (EQ3, EQ3_LONGER, "beyond/pair-floor")
            ),
        ),
    ),
    Claim(
        "table4/eq2-near-perfect",
        "4.5",
        "Coupling 2-body terms into 1-body terms (2) provides the necessary expressiveness, and "
        "produces near-perfect performance",
        f"Eq. 3's test error is at least {CLEAR:g} times Eq. 2's, which is at most {TOLERANCE:g} "
        f"times the printed one (in part {WIDE:g}).",
        (
            Times(energy(EQ3), energy(EQ2), CLEAR, CLEAR),
            AtMost(energy(EQ2), TOLERANCE * printed(energy(EQ2)), WIDE * printed(energy(EQ2))),
        ),
    ),
    Claim(
        "table4/eq2-outperforms",
        "4.5",
        "outperforming both the Behler and the Graph Neural Network models",
        "Eq. 2's test error is lower than that of (10,10,10) and of section 6's network.",
        (Lower(energy(EQ2), energy(MIDDLE)), Lower(energy(EQ2), energy(GRAPH))),
    ),
    Claim(
        "table4/eq2-less-time",
        "4.5",
        "using less time",
        f"(10,10,10) and section 6's network train at least {TOLERANCE:g} times as long as Eq. 2, "
        "in our implementations; in part: longer.",
        tuple(Times(seconds(row), seconds(EQ2), TOLERANCE, 1.0) for row in (MIDDLE, GRAPH)),
    ),
    Claim(
        "table4/eq5-no-improvement",
        "4.5",
        "The extra expressiveness achieved by wrapping an MLP over the outmost sum provides no "
        "visible improvement",
        "Eq. 5's test error is not lower than Eq. 2's, at the report's epochs and trained longer.",
        (not_higher(energy(EQ2), energy(EQ5)), not_higher(energy(EQ2_LONGER), energy(EQ5_LONGER))),
    ),
    Claim(
        "table4/eq4-as-good",
        "4.5",
        "coupling 3-body terms into lower-order terms (Eq. 4) achieves as much, if not higher "
        "accuracy",
        "Eq. 4's test error is not higher than Eq. 2's, at the report's epochs and trained longer.",
        (not_higher(energy(EQ4), energy(EQ2)), not_higher(energy(EQ4_LONGER), energy(EQ2_LONGER))),
    ),
    Claim(
        "table4/eq4-includes-eq2",
        "4.5",
        'higher order coupled terms "include" lower order coupled terms',
        "Trained longer, Eq. 4's training error is not higher than Eq. 2's.",
        (not_higher(energy(EQ4_LONGER, "train"), energy(EQ2_LONGER, "train")),),
    ),
    Claim(
        "table4/eq2-includes-eq3",
        "4.5",
        '2-body terms coupled into 1-body terms (Eq. 2) "include" pure 2-body terms (Eq. 3)',
        "Eq. 2's training error is not higher than Eq. 3's, nor than that of the best pair-only "
        "model.",
        (
            not_higher(energy(EQ2, "train"), energy(EQ3, "train")),
            not_higher(energy(EQ2, "train"), energy("beyond/pair-floor", "train")),
        ),
    ),
    Claim(
        "section4.6/behler-functions",
        "4.6",
        "MLPs are able to learn Behler's empirical G functions",
        "What Table 4's Eq. 2 learned spans Amp's radial functions: at most "
        f"{LITTLE:g} of their variance is left unexplained; in part {SOME:g}.",
        (AtMost(Key("beyond/learned-eq2", "train", "g2_unexplained"), LITTLE, SOME),),
    ),
    # 5
    Claim(
        "section5.1/eq7",
        "5.1",
        "Replacing f, g, h with MLP's and removing unnecessary terms, we get [Eq. 7]",
        "Eq. 7 as printed has a test error that is not higher than that of the form which its own "
        "derivation gives.",
        (not_higher(force("beyond/eq7-as-printed"), force("table5/eq7-200")),),
    ),
    Claim(
        "table5/numbers",
        "5.2, Table 5",
        "Performance of manybody expansion models on F(X) data",
        _PRINTED,
        (AsPrinted("table5"),),
    ),
    Claim(
        "table5/best-unsatisfactory",
        "5.2",
        "we are unable to achieve a satisfactory loss on the F(X) dataset ... the best achieved "
        'is 0.12, using the "cheating" model Eq. 9',
        "Eq. 9 has the lowest test error of Table 5, and it is not below the printed one by more "
        f"than {TOLERANCE:g} times.",
        (
            *(Lower(force(EQ9), force(row)) for row in FORCES if row != EQ9),
            AtLeast(force(EQ9), printed(force(EQ9)) / TOLERANCE),
        ),
    ),
    Claim(
        "table5/perfect-expected",
        "5.2",
        'as ... we are "cheating", an almost perfect accuracy is to be expected',
        "EMT's form learns F almost perfectly: F = -dE/dX of Eq. 2 has a test error of at most "
        f"1/{MUCH:g} of the report's best; in part 1/{CLEAR:g}.",
        (AtMost(force(GRADIENT), printed(force(EQ9)) / MUCH, printed(force(EQ9)) / CLEAR),),
    ),
    Claim(
        "table5/longer",
        "5.2",
        "training F requires much longer training time (hours instead of minutes) compared to E",
        f"Eq. 9 trains at least {MUCH:g} times as long as each model of Table 4; in part "
        f"{CLEAR:g} times.",
        tuple(Times(seconds(EQ9), seconds(row), MUCH, CLEAR) for row in (EQ2, EQ3, EQ4, EQ5)),
    ),
    Claim(
        "table5/overfits-slightly",
        "5.2",
        "overfitting slightly all the way",
        f"In every row of Table 5 the test error is above the training error, and less than "
        f"{CLEAR:g} times it.",
        tuple(overfits_slightly(row, "force_rmse") for row in FORCES),
    ),
    Claim(
        "table5/difficult",
        "5.2 and 3.4",
        "It is possible that F is simply difficult to learn",
        "Eq. 2 with the report's widths and data, trained on E and F, does no better than the "
        f"report's best F, within {TOLERANCE:g} times; in part: than 1/{MUCH:g} of it.",
        (
            AtLeast(
                force(GRADIENT), printed(force(EQ9)) / TOLERANCE, wide=printed(force(EQ9)) / MUCH
            ),
        ),
    ),
    # 6
    Claim(
        "section6/number",
        "6",
        "we achieve an RMSE of 0.2eV",
        _PRINTED,
        (AsPrinted("section6"),),
    ),
    Claim(
        "section6/worst",
        "6",
        "lower [it means: worse] than both the Behler model and our manybody expansion models",
        "The network's test error is higher than that of (10,10,10) and of Eq. 2, 3, 4 and 5.",
        tuple(Lower(energy(row), energy(GRAPH)) for row in (MIDDLE, EQ2, EQ3, EQ4, EQ5)),
    ),
    Claim(
        "section6/not-expressive",
        "6",
        "This Graph Neural Network model probably is not expressive enough",
        f"Trained longer, its training error stays at least {CLEAR:g} times that of message "
        "passing on distances at the report's epochs.",
        (Times(energy(GRAPH_LONGER, "train"), energy(DISTANCE_GRAPH, "train"), CLEAR, CLEAR),),
    ),
    Claim(
        "section6/most-representative",
        "6",
        "Theoretically, graph neural networks is the most representative of the three",
        "Message passing on distances has a training error that is not higher than Eq. 2's and "
        "Eq. 4's, all trained longer.",
        tuple(
            not_higher(energy(f"{DISTANCE_GRAPH}-longer", "train"), energy(row, "train"))
            for row in (EQ2_LONGER, EQ4_LONGER)
        ),
    ),
    # 7
    Claim(
        "figure4/dft-reference",
        "7, Figure 4",
        "the RMSE of the Behler model on a DFT Au50 dataset is included for reference",
        "The value is printed nowhere in the report's text, and neither are its data.",
    ),
    Claim(
        "section7/eq4-best",
        "7",
        "the manybody expansion model, and in particular Eq. 4, ... has the best performance",
        "Eq. 4's test error is lower than that of (10,10,10), of section 6's network, and of Eq. "
        "2, 3 and 5.",
        tuple(Lower(energy(EQ4), energy(row)) for row in (MIDDLE, GRAPH, EQ2, EQ3, EQ5)),
    ),
    Claim(
        "section7/below-0.01",
        "7",
        "RMSE<0.01eV",
        "Eq. 4's mean test error is below 0.01 eV at the report's epochs, and trained longer.",
        (AtMost(energy(EQ4), 0.01), AtMost(energy(EQ4_LONGER), 0.01)),
    ),
    # appendices
    Claim(
        "appendix-a/correlation",
        "Appendix A",
        "the correlation is far from being completely eliminated [at 50 steps]",
        f"From one frame to the next, coordinates and distances are correlated by at least "
        f"{CORRELATED:g}; in part {WEAKLY_CORRELATED:g}.",
        tuple(
            AtLeast(Key(CORRELATION, "", f"{of}_next_correlation"), CORRELATED, WEAKLY_CORRELATED)
            for of in ("coordinates", "distances")
        ),
    ),
    Claim(
        "appendix-a/random-split",
        "Appendix A",
        "if training and test sets are chosen randomly ... this increases the test accuracy "
        "spuriously",
        "For each of Eq. 2 to 5 the test error on randomly chosen frames is lower than on whole "
        "blocks of time.",
        tuple(
            Lower(energy(f"appendix-a/eq{k}-random"), energy(f"appendix-a/eq{k}-blocked"))
            for k in (2, 3, 4, 5)
        ),
    ),
    Claim(
        "appendix-a/remembering",
        "Appendix A",
        "label 2 can be easily obtained by remembering and averaging labels 1 and 3",
        "The mean of the two training frames nearest in time has an error on randomly chosen "
        f"frames of at most 1/{CLEAR:g} of that on later frames, and Eq. 2 trained longer, with "
        "time to remember, a lower error on randomly chosen frames than on blocks.",
        (
            AtMost(
                energy("appendix-a/neighbours-in-time-random"),
                1 / CLEAR,
                of=energy("appendix-a/neighbours-in-time-ordered"),
            ),
            Lower(energy("appendix-a/eq2-longer-random"), energy("appendix-a/eq2-longer-blocked")),
        ),
    ),
    Claim(
        "appendix-b/unit-range",
        "Appendix B",
        "we also tested normalization to (0,1), and as expected, it leads to very poor training "
        "of neural networks",
        f"Normalised to (0,1), Eq. 2, 4 and 5 have training errors of at least {MUCH:g} times "
        f"those of Table 4's rows, which standardise; in part {CLEAR:g} times. Both readings: the "
        "features alone, and all that is standardised.",
        tuple(
            Times(
                energy(f"appendix-b/eq{k}-{how}", "train"),
                energy(f"table4/eq{k}", "train"),
                MUCH,
                CLEAR,
            )
            for how in ("unit-range", "unit-range-all")
            for k in (2, 4, 5)
        ),
    ),
    Claim(
        "appendix-b/diagonal",
        "Appendix B",
        "C2 = 0 has a special meaning and standardization destroys it",
        "Standardising is right all the same: its test errors are not higher than those of "
        "keeping the zeros, and of leaving the diagonal out, for Eq. 2, 4 and 5.",
        tuple(
            not_higher(energy(f"table4/eq{k}"), energy(f"appendix-b/eq{k}-{how}"))
            for how in ("zero-diagonal", "no-diagonal")
            for k in (2, 4, 5)
        ),
    ),
    Claim(
        "appendix-b/inverse",
        "Appendix B",
        "We are inverting R because ... we want to emphasize smaller R",
        "It pays: Eq. 2, 4 and 5 have lower test errors on 1/R than on R.",
        tuple(
            Lower(energy(f"table4/eq{k}"), energy(f"appendix-b/eq{k}-distances")) for k in (2, 4, 5)
        ),
    ),
)
