"""Claims of the report, each with its rule, and the verdicts that the numbers give.

The claims stand in :mod:`reproduction.sections`. Scores of all checks 1 is "reproduced"; a mean of
1/2 or more "reproduced in part"; less "not reproduced". Where the spread over seeds leaves it open
which of these it is, it "cannot be told". A row that is missing makes a claim "not run yet", and
one whose numbers the report does not give is "not testable".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import NOT_RUN
from reproduction.show.rules import Check, Finding, Key, first_rules

REPRODUCED = "reproduced"
IN_PART = "reproduced in part"
NOT_REPRODUCED = "not reproduced"
CANNOT_BE_TOLD = "cannot be told"
NOT_TESTABLE = "not testable"
STATUSES = (REPRODUCED, IN_PART, NOT_REPRODUCED, CANNOT_BE_TOLD, NOT_TESTABLE, NOT_RUN)


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
        wrong: what result would make a verdict of "reproduced" wrong, after "wrong if".
        checks: the rule; none where nothing can be measured, and ``rule`` says why.
        why_changed: why the rule is another than that of version 0.1.0, where it is.
    """

    number: int
    id: str
    section: str
    quote: str
    rule: str
    wrong: str = ""
    checks: tuple[Check, ...] = ()
    why_changed: str = ""

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

    @property
    def wrong(self) -> str:
        """What result would make it wrong, as a sentence; empty where nothing is measured."""
        return f"Wrong if {self.claim.wrong}." if self.claim.wrong else ""

    @property
    def before(self) -> str:
        """What version 0.1.0 made of the claim where rule or verdict are others today; or empty."""
        rule, status = first_rules().get(self.claim.number, (self.claim.rule, self.status))
        if rule == self.claim.rule and status == self.status:
            return ""
        text = f"Before (0.1.0): {status}"
        if rule != self.claim.rule:
            text += f", by another rule: {rule}"
        why = self.claim.why_changed
        if not why and status != self.status:
            why = "Other numbers, and rows that are not told apart are no longer told equal."
        return f"{text.rstrip('.')}. {why}".strip()


def verdict(claim: Claim, evidence: Evidence) -> Verdict:
    """Judge one claim."""
    if not claim.checks:
        return Verdict(claim, NOT_TESTABLE, claim.rule)
    missing = [key for key in claim.needs if not evidence.judged(*key)]
    if missing:
        rows = dict.fromkeys(key.experiment for key in missing)
        return Verdict(claim, NOT_RUN, f"Missing: {', '.join(rows)}.")
    findings = [check.judge(evidence) for check in claim.checks]
    scores = [score for finding in findings for score in finding.scores]
    worst, best = (_status([getattr(s, end) for s in scores]) for end in ("low", "high"))
    return Verdict(claim, worst if worst == best else CANNOT_BE_TOLD, sentence(findings))


def _status(scores: Sequence[float]) -> str:
    """Of scores that are known."""
    if all(score == 1 for score in scores):
        return REPRODUCED
    return IN_PART if sum(scores) >= 0.5 * len(scores) else NOT_REPRODUCED


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
