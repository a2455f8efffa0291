"""Sentences of README.md, docs/results/ and ASSUMPTIONS.md say what the committed results show."""

import numpy as np
import pytest
from sentences import SENTENCES, not_about_results
from sentences.results import BY_NUMBER, NotRun, Results
from sentences.text import CLAIM, plain, said, sentences, uncovered

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS
from reproduction.show.documents import documents
from reproduction.show.evidence import Evidence
from reproduction.show.rules import energy

EVIDENCE = Evidence.read(ROOT / "results", EXPERIMENTS)
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (*documents(ROOT), ROOT / "ASSUMPTIONS.md", ROOT / "docs/cluster.md")
}
ALL = [(page, sentence) for page, said in SENTENCES.items() for sentence in said]
OTHERS = not_about_results()


def of(page: str, sentence: str, changed=None) -> tuple[bool, Results]:
    """Whether a sentence is true, of results that a source was changed in, and what it asked."""
    results = Results(EVIDENCE, changed or {})
    try:
        return bool(SENTENCES[page][sentence](results)), results
    except NotRun as error:
        pytest.skip(f"not run yet: {error}")


@pytest.mark.parametrize(("page", "sentence"), ALL)
def test_what_is_said_is_so(page, sentence):
    assert of(page, sentence)[0]


# Whatever is measured far larger or smaller; a curve that is flat, or falls; a training that ended
# otherwise; and at last, all numbers the same.
LARGER_OR_SMALLER = tuple(lambda values, f=f: f * values for f in (30, 1 / 30, 1e6, 1e-6))
CHANGES = (
    *LARGER_OR_SMALLER,
    lambda values: np.full_like(values, values.mean()),
    lambda values: values * np.geomspace(1, 1 / 30, values.shape[1])[:, None],
)


def changes(source) -> tuple:
    if source[0] == "ended":
        return (lambda words: np.array(["otherwise"]),)
    return CHANGES if source[0] == "curve" else LARGER_OR_SMALLER


@pytest.mark.parametrize(("page", "sentence"), ALL)
def test_other_results_would_make_it_false(page, sentence):
    true, results = of(page, sentence)
    if not true:
        pytest.skip("false as it is")
    assert results.asked, "it asks for nothing"
    for source in results.asked:
        for change in changes(source):
            try:
                if not of(page, sentence, {source: change})[0]:
                    return
            except (ValueError, IndexError):  # of another shape than the change is for
                continue
    same = {source: np.ones_like for source in results.asked if source[0] != "ended"}
    assert not of(page, sentence, same)[0], "no change makes it false"


def test_a_sentence_fails_where_its_number_is_another():
    """The instrument of the test above, by hand."""
    row = (
        "README.md",
        "On one trajectory, errors of Eq. 2, 4 and 5 are at most half above those printed",
    )
    assert of(*row)[0]
    assert not of(*row, {energy("table4/eq2"): lambda values: 30 * values})[0]
    assert of(*row, {energy("table4/eq3"): lambda values: 30 * values})[0]


@pytest.mark.parametrize("page", PAGES)
def test_listed_sentences_stand_in_their_page(page):
    lines = plain(PAGES[page])
    for sentence in (*SENTENCES.get(page, ()), *OTHERS.get(page, ())):
        assert any(sentence in line for line in lines), sentence


def test_listed_pages_are_there():
    assert {*SENTENCES, *OTHERS} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_about_results_is_checked(page):
    """Or it is about something else, and not_about_results.txt says so."""
    found = uncovered(PAGES[page], [*SENTENCES.get(page, ()), *OTHERS.get(page, ())])
    assert not found, "check them in tests/sentences/, or write them into not_about_results.txt"


@pytest.mark.parametrize("page", PAGES)
def test_claims_in_a_sentence_are_there_with_their_verdict(page):
    for line in plain(PAGES[page]):
        for numbers, verdict in CLAIM.findall(line):
            for number in map(int, numbers.replace(",", " ").replace("and", " ").split()):
                assert number in BY_NUMBER, line
                if verdict:
                    assert Results(EVIDENCE).verdict(number) == verdict.lower(), line


# the instruments


def test_pages_as_a_reader_sees_them():
    page = """# Head

**Bold** is [a link](x.md) of
two lines, `a*b`. And Eq. 2 as well.

| a | b |
<!-- t:begin -->
0.1 is generated
<!-- t:end -->
```
code 0.1
```
## What they say

- No word.
- Larger.

## Next
"""
    first = "Bold is a link of two lines, `a*b`. And Eq. 2 as well."
    assert plain(page) == ["Head", first, "What they say", "No word.", "Larger.", "Next"]
    assert sentences(first) == ["Bold is a link of two lines, `a*b`.", "And Eq. 2 as well."]
    assert said(page) == ["No word.", "Larger."]
    assert uncovered(page, []) == ["And Eq. 2 as well.", "No word.", "Larger."]
    assert uncovered(page, ["And Eq. 2 as well.", "Larger"]) == ["No word."]


@pytest.mark.parametrize(
    "text",
    (
        # Three that an audit found to be false.
        "(0,1) does train poorly.",
        "Table 3: everything comes out but the test forces.",
        "Eq. 6 and 7 are within 1.4.",
        "Eq. 2 comes out as printed.",
        "It is twice that.",
        "It does about ten times worse.",
        "It is off by 0.3 of it.",
        "The two agree.",
        "Seeds are not told apart.",
        "Claim 3 is not reproduced.",
        "The error falls.",
        "It fails.",
    ),
)
def test_sentences_about_results_are_found(text):
    assert uncovered(text, []) == [text]


def test_verdicts_are_found():
    assert CLAIM.findall("as said (claims 3, 12 and 4); claim 5: not reproduced") == [
        ("3, 12 and 4", ""),
        ("5", "not reproduced"),
    ]
