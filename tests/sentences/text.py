"""Pages as a reader sees them, by sentences, and what makes a sentence one about results."""

import re

# Words of comparison and judgement, parts and multiples.
WORDS = (
    "(?:low|high|small|larg|great|fast|slow|long|short|clos|hard|eas|tam|few|soon)(?:i?er|est)",
    "better|worse|earlier|later|less|least|more|most|best|worst|further|farther|far|near|close",
    "about|nearly|almost|minutes|seconds|hours|alike|agrees?|agreed|equal|no better|differs?",
    "as (?:good|well|large|much|many|low|high)|the same",
    "little|small|large|much|few|many|several|steeply|slightly|strongly|clear|huge|tiny|negligible",
    "rises?|rose|falls?|fell|fallen|widens?|grows?|gains?|costs?|jumps?|explodes?|improves?|helps?",
    "reproduced|reproduces|not told|cannot be told|comes? out|came out|as printed|misses|missed",
    "fails?|failed|overfits?|overfitting|underfits?|underfitting|converges?|converged|works|cannot",
    "stays?|stopped|stops?|ends?|ended|goes on|gave up|giving up|reach(?:es)?|pass(?:es)?|exceeds?",
    "within|above|below|beyond|outside|matters?|nothing|never|enough|right|wrong|perfect|poorly",
    "tolerance|spread|accura(?:cy|te)|errors?|outliers?|systematic|flattery|fair|inherently",
    "half|third|quarter|tenth|fraction|double|twice|times|thousand|hundreds?|tens|magnitude|percent",
    "constant|learns?|independent|remembered|lucky|floor|suffers?|ranks?|reacts?|visible",
)
NUMBERS = (
    r"(?<!ection )(?<!ections )(?<!Python )(?<![\w.])\d+\.\d+|\d ?%|\b\de-?\d",
    r"\b\d[\d,.]* (?:meV|eV|Å|K|ms|ps|fs|ns|seconds|minutes|frames|1/Å|degrees)\b",
)
TRIGGER = re.compile(rf"\b(?:{'|'.join(WORDS)})\b|{'|'.join(NUMBERS)}", re.IGNORECASE)

VERDICTS = "not reproduced|reproduced in part|reproduced|cannot be told|not testable"
CLAIM = re.compile(rf"\bclaims? ((?:\d+(?:, | and )?)+)(?:[,:]? ({VERDICTS}))?", re.IGNORECASE)
# Where one sentence ends and the next begins, but for "Eq. 2".
_END = re.compile(r'(?<!Eq\.)(?<=[.!?])["*)]* (?=["(\[`A-Z0-9])')


# The heading of a page's section in which every sentence is about results.
SAID = "What they say"


def plain(page: str) -> list[str]:
    """Headings, paragraphs and points of a list, each as one line; no emphasis, no links' targets.

    Left out: generated blocks, code, tables, images.
    """
    text = re.sub(r"<!-- ([\w-]+):begin -->.*?<!-- \1:end -->", "\n\n", page, flags=re.S)
    text = re.sub(r"^```.*?^```", "\n", text, flags=re.S | re.M)
    text = re.sub(r"^\|.*$|!\[.*?\]\(.*?\)|^#+ ", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = "".join(
        part if k % 2 else part.replace("*", "")
        for k, part in enumerate(re.split("(`[^`]*`)", text))
    )
    blocks = re.split(r"\n\s*\n|^ *(?:-|\d+\.) ", text, flags=re.M)
    return [line for block in blocks if (line := " ".join(block.split()))]


def sentences(line: str) -> list[str]:
    """Of one line of :func:`plain`."""
    return _END.sub("\n", line).split("\n")


def said(page: str) -> list[str]:
    """Lines of the section that says what the numbers say; none where a page has none."""
    found = re.search(rf"^## {SAID}$(.*?)(?=^## |\Z)", page, flags=re.S | re.M)
    return plain(found[1]) if found else []


def uncovered(page: str, known: list[str]) -> list[str]:
    """Sentences with a word about results that stands in none of the known ones.

    And those between numbers and differences of which nothing is known at all.
    """
    found = []
    results = said(page)
    for line in plain(page):
        free = [True] * len(line)
        for one in known:
            start = line.find(one)
            while start >= 0:
                free[start : start + len(one)] = [False] * len(one)
                start = line.find(one, start + 1)
        hits = [hit.start() for hit in TRIGGER.finditer(line) if all(free[slice(*hit.span())])]
        end = 0
        for sentence in sentences(line):
            start = line.index(sentence, end)
            end = start + len(sentence)
            if any(start <= hit < end for hit in hits) or (
                line in results and all(free[start:end])
            ):
                found.append(sentence)
    return found
