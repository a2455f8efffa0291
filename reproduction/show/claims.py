"""Claims of the report, and the verdicts on them by their rules.

The claims are defined in :mod:`reproduction.sections`. A claim is "reproduced" if all checks of
its rule score 1, "reproduced in part" if their mean score is at least 1/2, and "not reproduced"
otherwise. If the spread over seeds leaves open which of these applies, it "cannot be told". A
claim is "not run yet" if a needed number is missing, and "not testable" if its rule has no checks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproduction.show.evidence import Evidence
from reproduction.show.metrics import NOT_RUN
from reproduction.show.rules import Check, Key, first_rules, sentence

REPRODUCED = "reproduced"
IN_PART = "reproduced in part"
NOT_REPRODUCED = "not reproduced"
CANNOT_BE_TOLD = "cannot be told"
NOT_TESTABLE = "not testable"
STATUSES = (REPRODUCED, IN_PART, NOT_REPRODUCED, CANNOT_BE_TOLD, NOT_TESTABLE, NOT_RUN)


@dataclass(frozen=True)
class Claim:
    """One statement of the report.

    Attributes:
        number: in the report's order; identifies the claim everywhere.
        id: section or table, and a name in a few words.
        section: of the report.
        quote: the report's words.
        rule: the checks in words; if there are none, why nothing can be measured.
        wrong: what would make a verdict of "reproduced" wrong, continuing "wrong if".
        checks: the rule; empty if nothing can be measured.
        why_changed: why the rule differs from that of version 0.1.0; empty if it does not.
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
    def name(self) -> str:
        """The id's few words, for lists."""
        return self.id.partition("/")[2]

    @property
    def needs(self) -> tuple[Key, ...]:
        """Keys of the numbers that the rule uses, each once."""
        return tuple(dict.fromkeys(key for check in self.checks for key in check.needs))

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the experiments whose numbers the rule uses, each once."""
        return tuple(dict.fromkeys(key.experiment for key in self.needs))


@dataclass(frozen=True)
class Verdict:
    """A judged claim.

    Attributes:
        claim: what is judged.
        status: one of :data:`STATUSES`.
        numbers: those behind it, in one sentence.
        repeated: some of them are of rows repeated on several trajectories.
    """

    claim: Claim
    status: str
    numbers: str
    repeated: bool = False

    @property
    def wrong(self) -> str:
        """What would make the verdict wrong, as a sentence; empty if the claim does not say."""
        return f"Wrong if {self.claim.wrong}." if self.claim.wrong else ""

    @property
    def before(self) -> str:
        """Verdict and rule of version 0.1.0, if either has changed since then; else empty."""
        if self.claim.number not in first_rules():
            return "New: not judged in 0.1.0."
        rule, status = first_rules()[self.claim.number]
        if rule == self.claim.rule and status == self.status:
            return ""
        text = f"Before (0.1.0): {status}"
        if rule != self.claim.rule:
            text += f", by another rule: {rule}"
        why = self.claim.why_changed
        if not why and status != self.status:
            why = "The rule is the same."
            if self.status == CANNOT_BE_TOLD:
                why += " What is not told apart counts neither for nor against it now."
            why += (
                " Numbers are over several trajectories now."
                if self.repeated
                else " The numbers are of other runs."
            )
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
    status = worst if worst == best else CANNOT_BE_TOLD
    return Verdict(claim, status, sentence(findings), evidence.repeated(claim.rows))


def _status(scores: Sequence[float]) -> str:
    """The status that known scores amount to."""
    if all(score == 1 for score in scores):
        return REPRODUCED
    return IN_PART if sum(scores) >= 0.5 * len(scores) else NOT_REPRODUCED


def verdicts(claims: Iterable[Claim], evidence: Evidence) -> list[Verdict]:
    """Judge several claims, in the order given."""
    return [verdict(claim, evidence) for claim in claims]


def counts(judged: Sequence[Verdict]) -> dict[str, int]:
    """Number of claims by status, without those statuses that no claim has."""
    found = Counter(one.status for one in judged)
    return {status: found[status] for status in STATUSES if found[status]}


def summary(judged: Sequence[Verdict]) -> str:
    """Counts of the verdicts in words."""
    found = ", ".join(f"{n} {status}" for status, n in counts(judged).items())
    return f"{len(judged)} claims of the report: {found}"
