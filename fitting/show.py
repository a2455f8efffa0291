"""How numbers, settings and names are written on the page, in figures and on the terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Parts of the frames of an evaluation: those that the model was trained or validated on, or not.
KNOWN, NEW = "known", "new"
PARTS = {"all": "all frames", KNOWN: "the frames trained on", NEW: "the new frames"}
# So many files are named in a title.
TITLED = 3


def short_names(paths: Iterable[str | Path]) -> dict[str, str]:
    """The shortest ends of paths by which they differ: {"runs/1/OUTCAR": "1/OUTCAR", ...}."""
    parts = {str(path): Path(path).parts for path in paths}
    found: dict[str, str] = {}
    for n in range(1, max(map(len, parts.values()), default=0) + 2):
        ends = Counter(own[-n:] for own in set(parts.values()))
        for name, own in parts.items():
            if name not in found and ends[own[-n:]] == 1:
                found[name] = str(Path(*own[-n:]))
    return {name: found[name] for name in parts}


def titled(paths: Sequence[str | Path]) -> str:
    """Names of files in a title: the first ones, and how many more there are."""
    names = list(short_names(paths).values())
    more = f" and {len(names) - TITLED} more" if len(names) > TITLED else ""
    return ", ".join(names[:TITLED]) + more


def milli(value: float, unit: str) -> str:
    """A number in thousandths of its unit with three significant digits: "12.3 meV/Å"."""
    return f"{number(1000 * value)} m{unit}"


def number(value: float) -> str:
    """Three significant digits, without an exponent where that is short."""
    if not np.isfinite(value):
        return "–"
    size = abs(float(f"{value:.3g}"))
    if size and not 1e-3 <= size < 1e6:
        text = f"{value:.2e}"
    else:
        text = f"{value or 0.0:#.3g}".rstrip(".") if size < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def beside(value: float, other: float) -> str:
    """A number with as many decimals as three digits of another one have: "−0.6" beside "12.7"."""
    if not (np.isfinite(value) and np.isfinite(other)) or not other or not 1e-3 <= other < 1e6:
        return number(value)
    decimals = max(0, 2 - int(np.floor(np.log10(other))))
    text = f"{value:,.{decimals}f}"
    # Nothing is nothing, whatever the digits.
    return text.replace("-", "−") if float(text.replace(",", "")) else "0"


def plain(value: Any) -> str:
    """A setting in words: lists with commas, "none", "yes" and "no"."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        nested = any(isinstance(one, Sequence) and not isinstance(one, str) for one in value)
        return ("; " if nested else ", ").join(map(plain, value)) or "none"
    return str(value)


def of_part(part: str) -> str:
    """A part of the data in a sentence."""
    return PARTS.get(part, f"the {part} part")
