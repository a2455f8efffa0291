"""Verdicts follow the numbers, and only the numbers, that their rules name."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_evidence import SEEDS, A, B, evidence_of, of, status

from reproduction.engine import provenance
from reproduction.sections import CLAIMS, EXPERIMENTS, all_tables
from reproduction.show import claims
from reproduction.show.checks import AsGood, AsPrinted, Gap, Lower
from reproduction.show.claims import (
    CANNOT_BE_TOLD,
    IN_PART,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    STATUSES,
    verdict,
    verdicts,
)
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.limits import AtLeast, AtMost, Times
from reproduction.show.metrics import NOT_RUN, UNITS
from reproduction.show.reported import reported
from reproduction.show.rules import Key, energy, first_rules

TESTABLE = [claim for claim in CLAIMS if claim.checks]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claims_are_well_formed(claim):
    assert claim.quote and claim.section and claim.rule and bool(claim.wrong) == bool(claim.checks)
    for key in claim.needs:
        assert key.split in ("train", "test", "")
        known = key.metric in UNITS or key.experiment not in EXPERIMENTS
        assert known, f"{key.metric} is no metric"


def test_claims_are_numbered_in_the_reports_order():
    assert [claim.number for claim in CLAIMS] == list(range(1, len(CLAIMS) + 1))


def test_every_claim_has_its_own_id_and_there_are_enough():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS) >= 25
    for table in ("table1", "table2", "table3", "table4", "table5", "section6"):
        printed = {key for key in reported() if key[0].startswith(table)}
        assert any(printed == set(claim.needs) for claim in CLAIMS)


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_claim_whose_rows_are_missing_is_never_reproduced(claim, data):
    """Whatever the numbers that are there say."""
    value = st.floats(1e-6, 1e3)
    means = {key: data.draw(value) for key in claim.needs}
    gone = data.draw(st.sampled_from(claim.rows))
    left = {key: mean for key, mean in means.items() if key.experiment != gone}
    one = verdict(claim, evidence_of(left))
    assert one.status == NOT_RUN and gone in one.numbers
    del means[data.draw(st.sampled_from(claim.needs))]
    assert status(claim, means) == NOT_RUN
    assert status(claim, {}) == NOT_RUN


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_every_claim_can_be_reproduced_and_can_fail(claim):
    """Random numbers about the printed ones, half the time in each other's places, reach both."""
    rng, seen = np.random.default_rng(0), set()
    printed = {Key(*key): float(value) for key, value in reported().items()}
    for _ in range(4000):
        values = np.array([printed.get(key, 10.0 ** rng.uniform(-3, 0)) for key in claim.needs])
        values *= np.exp(rng.choice([0.0, 1.0, 3.0]) * rng.standard_normal(len(values)))
        if rng.uniform() < 0.5:
            rng.shuffle(values)
        means = dict(zip(claim.needs, values, strict=True))
        seen.add(status(claim, means, SEEDS**0.1))
        if {REPRODUCED, NOT_REPRODUCED} <= seen:
            break
    assert {REPRODUCED, NOT_REPRODUCED} <= seen


PRINTED = [claim for claim in TESTABLE if set(claim.needs) <= set(reported())]


@pytest.mark.parametrize("claim", PRINTED, ids=lambda claim: claim.id)
def test_rules_read_the_report_as_it_reads_itself(claim):
    """Fed the report's own numbers, a claim that is about them alone is reproduced."""
    means = {key: float(reported()[key]) for key in claim.needs}
    assert status(claim, means) == REPRODUCED


def test_that_is_asked_of_most_of_the_tables_claims():
    assert len(PRINTED) >= 18


def test_not_testable_needs_no_numbers():
    alone = [claim for claim in CLAIMS if not claim.checks]
    assert alone
    for claim in alone:
        assert verdict(claim, evidence_of({})).status == NOT_TESTABLE


def test_printed_numbers_within_the_tolerance_either_way():
    claim = of(AsPrinted("section6"))
    key = energy("section6/gnn")
    one = np.ones(1)
    for value, expected in (
        # 0.2 is what 0.15 to 0.25 are printed as.
        (0.25 * 1.49, REPRODUCED),
        (0.15 / 1.49, REPRODUCED),
        (0.25 * 1.51, IN_PART),
        (0.15 / 2.49, IN_PART),
        (0.25 * 2.51, NOT_REPRODUCED),
        (0.15 / 2.51, NOT_REPRODUCED),
    ):
        assert status(claim, {key: value}, one) == expected


def test_a_difference_has_to_stand_out_of_the_spread():
    tight = np.exp([-0.01, 0.0, 0.01])
    loose = np.exp([-1.0, 0.0, 1.0])
    assert status(of(Lower(A, B)), {A: 1.0, B: 1.2}, tight) == REPRODUCED
    assert status(of(Lower(A, B)), {A: 1.0, B: 1.2}, loose) == CANNOT_BE_TOLD
    assert status(of(Lower(A, B)), {A: 1.2, B: 1.0}, tight) == NOT_REPRODUCED
    # Shown to be equal is shown not to be lower.
    assert status(of(Lower(A, B)), {A: 1.0, B: 1.0}, tight) == NOT_REPRODUCED
    assert status(of(Times(A, B, 2.0, 1.5)), {A: 2.1, B: 1.0}, tight) == REPRODUCED
    assert status(of(Times(A, B, 2.0, 1.5)), {A: 1.9, B: 1.0}, tight) == IN_PART
    assert status(of(Times(A, B, 2.0, 1.5)), {A: 1.2, B: 1.0}, tight) == NOT_REPRODUCED
    assert status(of(Times(A, B, 2.0, 1.5)), {A: 2.1, B: 1.0}, loose) == CANNOT_BE_TOLD


def test_as_good_must_be_shown():
    """Not told apart is no evidence of equality: noise passes nothing."""
    tight, loose = np.exp([-0.01, 0.0, 0.01]), np.exp([-1.0, 0.0, 1.0])
    for a, spread, expected in (
        (1.0, tight, REPRODUCED),
        (0.2, tight, REPRODUCED),
        (1.4, tight, REPRODUCED),
        (1.6, tight, NOT_REPRODUCED),
        (1.0, loose, CANNOT_BE_TOLD),
        (1.45, np.exp([-0.1, 0.0, 0.1]), CANNOT_BE_TOLD),
    ):
        assert status(of(AsGood(A, B)), {A: a, B: 1.0}, spread) == expected
    assert status(of(AsGood(A, B)), {A: 1.0, B: 1.0}, np.ones(1)) == CANNOT_BE_TOLD
    # Reproduced, though a is higher: the evidence says by how much at most.
    higher = verdict(of(AsGood(A, B)), evidence_of({A: 1.2, B: 1.0}, SEEDS**0.01))
    assert higher.status == REPRODUCED
    assert " > " in higher.numbers and "(at most 1.2 times)" in higher.numbers
    equal = verdict(of(AsGood(A, B)), evidence_of({A: 1.0, B: 1.0}, SEEDS**0.01))
    assert " ≈ " in equal.numbers and "at most" not in equal.numbers


@pytest.mark.parametrize("check", [Lower(A, B), Times(A, B, 2.0, 1.5), AsGood(A, B)])
def test_one_seed_each_decides_nothing(check):
    one = verdict(of(check), evidence_of({A: 1.0, B: 9.0}, np.ones(1)))
    assert one.status == CANNOT_BE_TOLD and "one seed" in one.numbers


def test_what_is_open_matters_only_where_it_decides():
    open_one, holds, fails = Lower(A, B), AtMost(A, 100.0), AtLeast(A, 100.0)
    loose, means = np.exp([-1.0, 0.0, 1.0]), {A: 1.0, B: 1.2}
    for checks, expected in (
        ((open_one, holds), CANNOT_BE_TOLD),  # reproduced, or in part
        ((open_one, fails), CANNOT_BE_TOLD),  # in part, or not
        ((open_one, fails, fails), NOT_REPRODUCED),
        ((open_one, holds, holds, fails), IN_PART),
    ):
        assert status(of(*checks), means, loose) == expected


def with_baseline(values: dict[int, float], metric: str, row: str, baseline: float) -> Evidence:
    rows = [Value(row, seed, "test", metric, v) for seed, v in values.items()]
    table = EXPERIMENTS[row].table
    return Evidence(
        Metrics([*rows, Value(f"beyond/trivial-{table}", 0, "test", metric, baseline)]),
        EXPERIMENTS,
    )


@pytest.mark.parametrize(
    ("baseline", "expected"), [(0.257, NOT_REPRODUCED), (0.30, REPRODUCED), (0.262, NOT_REPRODUCED)]
)
def test_a_model_that_does_not_beat_the_mean_meets_no_number(baseline, expected):
    """The audit's case: section 6's network, 0.26 for 0.2 printed, where the mean has 0.257."""
    values = {k: 0.26 * f for k, f in enumerate(SEEDS**0.2)}
    evidence = with_baseline(values, "energy_rmse", "section6/gnn", baseline)
    one = verdict(of(AsPrinted("section6")), evidence)
    assert one.status == expected
    assert ("is not shown to beat the mean of training" in one.numbers) == (
        expected == NOT_REPRODUCED
    )


def test_the_report_meets_every_rule_on_its_own_numbers():
    """Put in place of ours, beside our baselines: else a rule asks for more than the report has."""
    known = Evidence.read(provenance.ROOT / "results", EXPERIMENTS)
    own = [
        replace(one, value=float(reported().get(_key(one), one.value)))
        for one in known.metrics.rows
    ]
    of_report = replace(known, metrics=Metrics(own))
    decided = [claim for claim in TESTABLE if all(tuple(key) in reported() for key in claim.needs)]
    assert len(decided) > 15
    found = {claim.number: verdict(claim, of_report).status for claim in decided}
    assert set(found.values()) == {REPRODUCED}, found


def _key(one: Value) -> Key:
    """Of a number, or of the one that it repeats on another trajectory."""
    row = EXPERIMENTS.get(one.experiment)
    return Key((row and row.repeats) or one.experiment, one.split, one.metric)


def test_every_number_that_a_rule_holds_against_the_baseline_has_one():
    """Without, a model that learned nothing would pass."""
    known = Evidence.read(provenance.ROOT / "results", EXPERIMENTS)
    keys = {
        key
        for claim in TESTABLE
        for check in claim.checks
        if isinstance(check, AsPrinted | Gap)
        for key in check.needs
        if key.metric in ("energy_rmse", "force_rmse")
    }
    assert len(keys) > 40
    assert [key for key in keys if not known.trivial(*key)] == []


def test_a_model_that_learned_nothing_has_no_gap():
    row = "table5/eq6-200"
    train = [Value(row, k, "train", "force_rmse", 0.9) for k in range(5)]
    cases = (0.973, REPRODUCED), (0.9, NOT_REPRODUCED), (0.95, CANNOT_BE_TOLD)
    for baseline, expected in cases:
        evidence = with_baseline(
            {k: 0.95 * f for k, f in enumerate(SEEDS**0.01)}, "force_rmse", row, baseline
        )
        evidence = Evidence(Metrics([*evidence.metrics.rows, *train]), EXPERIMENTS)
        claim = of(Gap(row, "force_rmse", low=None, high=2.0))
        assert verdict(claim, evidence).status == expected
    # A large gap needs no such proof: the training part was learned.
    tight = [Value(row, k, "train", "force_rmse", 0.09) for k in range(5)]
    evidence = Evidence(Metrics([*evidence.metrics.rows, *tight]), EXPERIMENTS)
    assert verdict(of(Gap(row, "force_rmse", low=2.0)), evidence).status == REPRODUCED


def test_two_metrics_of_one_row_are_told_apart_in_words():
    left = Key("beyond/learned-eq2", "train", "g2_unexplained")
    before = left._replace(metric="g2_unexplained_before")
    one = verdict(of(Lower(left, before)), evidence_of({left: 0.09, before: 0.004}, SEEDS**0.1))
    assert one.status == NOT_REPRODUCED
    assert "left unexplained) > 0.0040" in one.numbers and "before training" in one.numbers


def test_a_baseline_is_of_the_same_frames():
    few = with_baseline({0: 1.0, 1: 1.1}, "energy_rmse", "table2/250-10-10", 0.5)
    # The table has one for each choice of frames, and none is named without them.
    assert few.trivial("table2/250-10-10", "test", "energy_rmse") == []
    own = [
        Value(f"beyond/trivial-table2-{n}", 0, "test", "energy_rmse", float(n))
        for n in (200, 2000, 20000)
    ]
    both = Evidence(Metrics([*few.metrics.rows, *own]), EXPERIMENTS)
    assert both.trivial("table2/250-10-10", "test", "energy_rmse") == [200.0, 200.0]


def test_verdicts_rest_on_several_trajectories_where_there_are_any():
    again = {0: 0.011, 1: 0.012, 7: 0.013}
    rows = [Value("table4/eq2", k, "test", "energy_rmse", 0.02) for k in range(5)]
    more = [Value("beyond/eq2-trajectories", k, "test", "energy_rmse", v) for k, v in again.items()]
    baselines = [
        Value("beyond/trivial-table4-trajectories", k, "test", "energy_rmse", 1.0 + k)
        for k in range(10)
    ]
    evidence = Evidence(Metrics([*rows, *more, *baselines]), EXPERIMENTS)
    assert evidence.judged(*A) == again
    assert evidence.trivial(*A) == [1.0, 2.0, 8.0]
    # A row on one trajectory has the first one's, whichever baseline there is.
    alone = Evidence(Metrics([*rows, *baselines]), EXPERIMENTS)
    assert alone.trivial(*A) == [1.0] * 5
    alone = Evidence(Metrics(rows), EXPERIMENTS)
    assert set(alone.judged(*A).values()) == {0.02}
    found = verdict(of(AtMost(A, 0.015)), evidence)
    assert found.status == REPRODUCED and "0.012 ± 0.001" in found.numbers


def test_seeds_of_one_trajectory_are_never_taken_for_independent():
    for row in EXPERIMENTS.values():
        if row.repeats:
            assert len(row.seeds) == len(row.trajectories), row.id


def test_changed_rules_say_so_and_what_the_old_one_gave():
    first = first_rules()
    numbers = [claim.number for claim in CLAIMS]
    assert numbers == list(range(1, len(CLAIMS) + 1)) and set(first) == set(range(1, 47))
    for one in verdicts(CLAIMS, Evidence.read(provenance.ROOT / "results", EXPERIMENTS)):
        if one.claim.number not in first:
            assert one.before.startswith("New")
            continue
        rule, old = first[one.claim.number]
        changed = rule != one.claim.rule
        assert bool(one.before) == (changed or old != one.status)
        assert (rule in one.before and bool(one.claim.why_changed)) or not changed
        assert old in one.before or not one.before


def test_gap_is_taken_seed_by_seed():
    """Large spreads of train and test that go together leave the ratio sharp."""
    train = Key("table4/eq2", "train", "energy_rmse")
    loose = np.exp([-1.0, 0.0, 1.0])
    slightly = of(Gap("table4/eq2", low=None, high=2.0))
    assert status(slightly, {train: 1.0, A: 1.3}, loose) == REPRODUCED
    assert status(slightly, {train: 1.0, A: 0.9}, loose) == NOT_REPRODUCED
    assert status(slightly, {train: 1.0, A: 2.1}, loose) == NOT_REPRODUCED
    assert status(slightly, {train: 1.0, A: 1.3}, np.ones(1)) == CANNOT_BE_TOLD
    strongly = of(Gap("table4/eq2", low=10.0, wide=2.0))
    for ratio, expected in ((11, REPRODUCED), (3, IN_PART), (1.5, NOT_REPRODUCED)):
        assert status(strongly, {train: 1.0, A: ratio}) == expected


def test_limits():
    for check, values in (
        (AtMost(A, 1.0, wide=2.0), (0.9, 1.5, 3.0)),
        (AtLeast(A, 2.0, wide=1.0), (3.0, 1.5, 0.5)),
        (AtMost(A, 0.5, wide=1.0, of=B), (0.9, 1.5, 3.0)),
    ):
        found = [status(of(check), {A: value, B: 2.0}, SEEDS**0.01) for value in values]
        assert found == [REPRODUCED, IN_PART, NOT_REPRODUCED]
    # Across the limit by its own spread, or one seed within the tolerance of it.
    assert status(of(AtMost(A, 1.0)), {A: 1.0}) == CANNOT_BE_TOLD
    assert status(of(AtMost(A, 1.0)), {A: 0.9}, np.ones(1)) == CANNOT_BE_TOLD
    assert status(of(AtMost(A, 1.0)), {A: 0.6}, np.ones(1)) == REPRODUCED
    assert status(of(AtMost(A, 1.0)), {A: 1.6}, np.ones(1)) == NOT_REPRODUCED
    # What is not random is exact.
    floor = energy("beyond/pair-floor")
    assert status(of(AtMost(floor, 1.0)), {floor: 0.99}, np.ones(1)) == REPRODUCED


def test_a_negative_number_counts_by_its_size():
    assert status(of(AtMost(A, 0.5)), {A: -0.9}) == NOT_REPRODUCED


def test_half_of_the_conditions_make_a_part():
    small, large = AtMost(A, 1.0), AtLeast(A, 1.0)
    for checks, expected in (
        ((small, small), REPRODUCED),
        ((small, large), IN_PART),
        ((small, large, large), NOT_REPRODUCED),
    ):
        assert status(of(*checks), {A: 0.5}) == expected


TABLE4, TABLE5 = (f"table{k}/Table {k}'s numbers" for k in (4, 5))


def test_verdicts_change_with_metrics_csv(tmp_path):
    """From a file to the README's table, by one number."""
    source = provenance.ROOT / "results/metrics.csv"
    with open(source, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    found = []
    for factor in (1.0, 30.0):
        with open(tmp_path / "metrics.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [*row[:4], float(row[4]) * factor, row[5]]
                if row[0] == "beyond/eq2-trajectories" and row[3] == "energy_rmse"
                else row
                for row in rows
            )
        found.append(
            {one.claim.id: one for one in verdicts(CLAIMS, Evidence.read(tmp_path, EXPERIMENTS))}
        )
        shown = all_tables(Evidence.read(tmp_path, EXPERIMENTS))["claims"]
        assert len(shown.rows) == len(CLAIMS)
        assert [row[3] for row in shown.rows] == [one.status for one in found[-1].values()]
    before, after = found
    assert after["table4/Eq. 3 fails"].status != before["table4/Eq. 3 fails"].status
    assert after[TABLE4].numbers != before[TABLE4].numbers
    assert after[TABLE5] == before[TABLE5]


def test_counts_add_up():
    judged = verdicts(CLAIMS, Evidence.read(provenance.ROOT / "results", EXPERIMENTS))
    found = claims.counts(judged)
    assert sum(found.values()) == len(CLAIMS) and set(found) <= set(STATUSES)
    assert all(f"{n} {name}" in claims.summary(judged) for name, n in found.items())
