"""Parts of rules by hand: relative errors, printed digits, brackets, reasons of changes."""

import re

import numpy as np
import pytest
from made_evidence import A, B, evidence_of, of, status

from reproduction.engine.provenance import ROOT
from reproduction.sections import CLAIMS, EXPERIMENTS
from reproduction.sections.names import EQ2, EQ4, EQ5, EQ8, EQ9, GRAPH, TRIVIAL_AGAIN
from reproduction.sections.s3_behler import LINES2
from reproduction.sections.s5_forces import FORCES
from reproduction.show import claims, limits
from reproduction.show.checks import Every, Lower, overfits_slightly, overfits_strongly
from reproduction.show.claims import (
    CANNOT_BE_TOLD,
    IN_PART,
    NOT_REPRODUCED,
    REPRODUCED,
    verdict,
)
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.limits import AtLeast, AtMost, Times, TimesRelative
from reproduction.show.reported import reported
from reproduction.show.rules import Key, ends_text, energy, factor_off, first_rules, force


def test_errors_of_two_kinds_are_compared_by_what_costs_nothing():
    """E of 0.1 eV where E spreads by 1, F of 0.5 eV/Å where F is 2: 2.5 times as much of it."""
    e, f, zero_e, zero_f = (
        A,
        Key(B.experiment, "test", "force_rmse"),
        *(Key("beyond/trivial-table5", "test", f"{of}_rmse") for of in ("energy", "force")),
    )
    means = {e: 0.1, zero_e: 1.0, f: 0.5, zero_f: 2.0}
    tight = np.exp([-0.01, 0.0, 0.01])
    for limit, expected in ((2.4, REPRODUCED), (2.6, NOT_REPRODUCED)):
        claim = of(TimesRelative(f, zero_f, e, zero_e, limit))
        assert status(claim, means, tight) == expected
    assert "2.5 times" in verdict(claim, evidence_of(means, tight)).numbers
    # Seed by seed, what all have in common drops out.
    values = {seed: 0.1 * 3.0**seed for seed in range(3)}
    assert (
        list(limits._relative(values, {k: 2 * v for k, v in values.items()}).values()) == [0.5] * 3
    )
    assert limits._relative({7: 1.0}, {0: 1.0, 1: 3.0}) == {7: 0.5}


def test_conditions_of_several_checks_hold_as_far_as_the_worst():
    """By themselves, two of three would be half; as one condition they are none."""
    holds, fails, open_one = AtMost(A, 100.0), AtLeast(A, 100.0), Lower(A, B)
    loose, means = np.exp([-1.0, 0.0, 1.0]), {A: 1.0, B: 1.2}
    for checks, expected in (
        ((holds, holds, fails), IN_PART),
        ((Every((holds, holds, fails)),), NOT_REPRODUCED),
        ((Every((holds, holds)),), REPRODUCED),
        ((Every((holds, open_one)),), CANNOT_BE_TOLD),
        ((Every((fails, open_one)),), NOT_REPRODUCED),
    ):
        assert status(of(*checks), means, loose) == expected, checks
    in_part = Every((AtMost(A, 0.9, 100.0), holds))
    assert status(of(in_part, fails), means, loose**0.01) == NOT_REPRODUCED
    both = Every((holds, open_one))
    assert both.needs == (A, B)
    assert " required; " in verdict(of(both), evidence_of(means, loose)).numbers


def test_a_second_place_is_no_first():
    """Claim 29: Eq. 9 behind one of five, whatever it leaves behind."""
    claim = next(c for c in CLAIMS if c.number == 29)
    means = {key: 0.12 if key.experiment == EQ9 else 0.4 for key in claim.needs}
    tight = np.exp([-0.01, 0.0, 0.01])
    assert status(claim, means, tight) == REPRODUCED
    assert status(claim, {**means, force(EQ8): 0.1}, tight) == IN_PART
    assert status(claim, {**means, force(EQ8): 0.1, force(EQ9): 0.2}, tight) == NOT_REPRODUCED


def test_best_of_two_classes_and_of_its_own():
    """Claim 39: a lead over other classes is half of it, however many models they have."""
    claim = next(c for c in CLAIMS if c.number == 39)
    means = {key: 0.01 if key.experiment == EQ4 else 0.04 for key in claim.needs}
    tight = np.exp([-0.01, 0.0, 0.01])
    assert status(claim, means, tight) == REPRODUCED
    assert status(claim, {**means, energy(EQ2): 0.005}, tight) == IN_PART
    worse = {energy(EQ2): 0.005, energy(GRAPH): 0.005}
    assert status(claim, {**means, **worse}, tight) == NOT_REPRODUCED


def test_the_best_of_forces_is_any_model_s_and_none_is_good():
    """Claim 53: printed is 0.12, Eq. 9's; Eq. 8 may have it instead, but none a tenth of zero's."""
    claim = next(c for c in CLAIMS if c.number == 53)
    tight = np.exp([-0.01, 0.0, 0.01])
    means = {key: 1.0 if "trivial" in key.experiment else 0.5 for key in claim.needs}
    assert {key.experiment for key in claim.needs} == {*FORCES, TRIVIAL_AGAIN}
    for row in (EQ8, EQ9):
        assert status(claim, {**means, force(row): 0.12}, tight) == REPRODUCED
        said = verdict(claim, evidence_of({**means, force(row): 0.12}, tight)).numbers
        assert said.startswith(f"the lowest is {EXPERIMENTS[row].label}") and "printed 0.12" in said
    # Further off, in part or not; and the best printed, but of zero forces that are small.
    assert status(claim, {**means, force(EQ8): 0.25}, tight) == IN_PART
    assert status(claim, means, tight) == IN_PART
    great = {**means, force(TRIVIAL_AGAIN): 2.0}
    assert status(claim, {**great, force(EQ8): 0.12}, tight) == IN_PART
    assert status(claim, {**great, force(EQ8): 0.01}, tight) == NOT_REPRODUCED


def test_a_number_at_the_report_s_epochs_is_of_these():
    """Claim 40: what a longer training comes to does not count."""
    claim = next(c for c in CLAIMS if c.number == 40)
    assert claim.needs == (energy(EQ4),)
    tight = np.exp([-0.01, 0.0, 0.01])
    for mean, expected in ((0.009, REPRODUCED), (0.011, NOT_REPRODUCED)):
        assert status(claim, {energy(EQ4): mean}, tight) == expected


def test_what_claim_32_says_of_models_of_energies_is_so():
    """Their gaps are like the smallest of those of forces, and forces of zero have none."""
    committed = Evidence.read(ROOT / "results", EXPERIMENTS)

    def gap(rmse, row):
        train, test = (committed.judged(*rmse(row, split)) for split in ("train", "test"))
        return np.exp(np.mean([np.log(test[k] / train[k]) for k in test]))

    of_forces = sorted(gap(force, row) for row in FORCES)
    assert gap(force, "beyond/trivial-table4-trajectories") < 1 < of_forces[0]
    for row in (EQ2, EQ4, EQ5):
        assert of_forces[0] / 1.05 < gap(energy, row) < of_forces[2]


def test_what_did_not_overfit_is_not_solved():
    """Claim 8: line 3 of Table 2 with a test error like its training error, line 4 as well."""
    claim = next(c for c in CLAIMS if c.number == 8)
    tight = np.exp([-0.01, 0.0, 0.01])
    means = dict.fromkeys(claim.needs, 0.1)
    for line, test in zip(LINES2, (0.5, 0.11, 0.3, 0.1), strict=True):
        means[energy(line)] = test
    assert status(claim, means, tight) == REPRODUCED
    means[energy(LINES2[2], "train")] = 0.25
    assert status(claim, means, tight) == IN_PART
    # The ratio that is shown is the one that is judged, of geometric means.
    uneven = Evidence(
        Metrics(
            [Value(*A[:1], k, *A[1:], x) for k, x in enumerate((1.0, 4.0, 16.0))]
            + [Value(*B[:1], k, *B[1:], 1.0) for k in range(3)]
        ),
        EXPERIMENTS,
    )
    assert " is 4 times " in verdict(of(Times(A, B, 2.0)), uneven).numbers


def test_a_printed_number_stands_for_all_that_round_to_it():
    eq3 = energy("table4/eq3")
    assert reported()[eq3] == "0.1"
    for value, expected in ((0.05, 1.0), (0.149, 1.0), (0.3, 2.0), (0.025, 2.0)):
        assert factor_off(eq3, value) == pytest.approx(expected)
    fine = energy("table4/eq2")
    assert reported()[fine] == "0.014" and factor_off(fine, 0.029) == pytest.approx(2.0)


def test_brackets_are_of_the_test_that_leaves_it_open():
    """A difference that is not told apart has 1 in its bracket."""
    rng, brackets = np.random.default_rng(0), 0
    for _ in range(200):
        a, b = np.exp(0.3 * rng.standard_normal((2, 5)) + [[0.0], [0.35]])
        values = [
            Value(*key[:1], k, *key[1:], x)
            for key, xs in ((A, a), (B, b))
            for k, x in enumerate(xs)
        ]
        said = verdict(of(Lower(A, B)), Evidence(Metrics(values), EXPERIMENTS)).numbers
        if found := re.search(r"\? .* \(([\d.]+) to ([\d.]+) times\)", said):
            brackets += 1
            assert float(found[1]) < 1.0 < float(found[2]), said
    assert brackets > 20


def test_brackets_of_a_gap_show_the_limits_that_are_open():
    """Also those that no number is given for: a ratio of 1, and the one for holding in part."""
    train = energy("table4/eq2", "train")
    rng, seen = np.random.default_rng(0), set()
    for check, limits_ in (
        (overfits_slightly("table4/eq2", "energy_rmse"), (1.0, 2.0)),
        (overfits_strongly("table4/eq2", "energy_rmse"), (2.0, 10.0)),
    ):
        for _ in range(200):
            test = np.exp(rng.uniform(-0.5, 3.0) + 0.1 * rng.standard_normal(5))
            values = [Value(*A[:1], k, *A[1:], x) for k, x in enumerate(test)]
            values += [Value(*train[:1], k, *train[1:], 1.0) for k in range(5)]
            said = verdict(of(check), Evidence(Metrics(values), EXPERIMENTS)).numbers
            if found := re.search(r"\(([\d.]+) to ([\d.]+)\)", said):
                within = {x for x in limits_ if float(found[1]) < x < float(found[2])}
                assert within, said
                seen |= {(type(check), check.low, x) for x in within}
    assert len(seen) == 4


def test_why_a_verdict_is_another_under_the_same_rule():
    rule, before = first_rules()[2]
    claim = next(c for c in CLAIMS if c.number == 2)
    assert claim.rule == rule and not claim.why_changed
    other = next(s for s in (REPRODUCED, NOT_REPRODUCED) if s != before)
    alone = claims.Verdict(claim, other, "").before
    assert alone.endswith("The rule is the same. The numbers are of other runs.")
    assert "several trajectories" in claims.Verdict(claim, other, "", repeated=True).before
    assert "neither for nor against" in claims.Verdict(claim, CANNOT_BE_TOLD, "").before
    assert claims.Verdict(claim, before, "").before == ""


@pytest.mark.parametrize(
    ("ends", "limits", "text"),
    [
        ((1.96, 7.5), (2.0, 10.0), "1.96 to 7.5"),
        ((0.841, 1.0017), (1.0,), "0.84 to 1.002"),
        ((0.5, 3.0), (), "0.5 to 3"),
        ((0.47, 0.9996), (1.0,), "0.47 to 0.9996"),
    ],
)
def test_bounds_are_shown_on_their_side_of_a_limit(ends, limits, text):
    assert ends_text(*ends, *limits) == text
