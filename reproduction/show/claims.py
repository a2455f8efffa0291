"""Claims of the report, each with its rule, and the verdicts that the numbers give.

The claims stand in :mod:`reproduction.sections`. Scores of all checks 1 is "reproduced"; a mean of
1/2 or more "reproduced in part"; less "not reproduced". A row that is missing makes a claim "not
run yet", and a claim whose numbers the report does not give, or that one seed alone cannot decide,
is "not testable".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import NOT_RUN
from reproduction.show.rules import Check, Finding, Key

REPRODUCED = "reproduced"
IN_PART = "reproduced in part"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable"
STATUSES = (REPRODUCED, IN_PART, NOT_REPRODUCED, NOT_TESTABLE, NOT_RUN)


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
        number: in the report's order, the same everywhere.
        id: section or table, and a name.
        section: where it stands.
        quote: the report's words.
        rule: the checks in a sentence.
        checks: the rule; none where nothing can be measured, and ``rule`` says why.
    """

    number: int
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


def verdict(claim: Claim, evidence: Evidence) -> Verdict:
    """Judge one claim."""
    if not claim.checks:
        return Verdict(claim, NOT_TESTABLE, claim.rule)
    missing = [key for key in claim.needs if not evidence.values(*key)]
    if missing:
        rows = dict.fromkeys(key.experiment for key in missing)
        return Verdict(claim, NOT_RUN, f"Missing: {', '.join(rows)}.")
    findings = [check.judge(evidence) for check in claim.checks]
    scores = [score for finding in findings for score in finding.scores]
    numbers = sentence(findings)
    if None in scores:
        return Verdict(claim, NOT_TESTABLE, numbers)
    if all(score == 1 for score in scores):
        return Verdict(claim, REPRODUCED, numbers)
    half = sum(scores) >= 0.5 * len(scores)
    return Verdict(claim, IN_PART if half else NOT_REPRODUCED, numbers)


def verdicts(claims: Iterable[Claim], evidence: Evidence) -> list[Verdict]:
    """Of each claim, in the order given."""
    return [verdict(claim, evidence) for claim in claims]


def counts(judged: Sequence[Verdict]) -> dict[str, int]:
    """How many claims came to each status, those without any left out."""
    found = Counter(one.status for one in judged)
    return {status: found[status] for status in STATUSES if found[status]}


def summary(judged: Sequence[Verdict]) -> str:
    """The counts in words."""
    found = ", ".join(f"{n} {status}" for status, n in counts(judged).items())
    return f"{len(judged)} claims of the report: {found}"
