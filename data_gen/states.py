"""Electronic states that frames say they are in, which models are not told of."""

from collections import Counter
from collections.abc import Sequence

from ase import Atoms

from data_gen.labels import number_of, small_letters

# What a calculation is asked for, in small letters: settings, not results as magnetic moments are
# that a calculator has beside its energy.
STATES = (
    "charge",
    "total_charge",
    "spin",
    "total_spin",
    "multiplicity",
    "spin_multiplicity",
    "magmom",
    "total_magmom",
    "magnetic_moment",
)
# Magnetic moments of one state differ by less, as do charges by rounding.
MOMENTS, SAME, SAME_MOMENT = ("magmom", "magnetic"), 3, 0
# So many values are named.
NAMED = 4


def states_of(frames: Sequence[Atoms]) -> tuple[list[str], list[str]]:
    """Notes and warnings of charges and spins that take several values, in sentences.

    It is a warning where frames of one composition differ by them, and else a note.

    Args:
        frames: as ASE reads them; only scalars in ``info`` count.
    """
    values: dict[str, list[tuple[bytes, float]]] = {}
    for frame in frames:
        kind = b""
        for name, value in frame.info.items():
            small = small_letters(name)
            number = number_of(value) if small in STATES else None
            if number is not None:
                kind = kind or bytes(sorted(frame.numbers.tolist()))
                digits = SAME_MOMENT if any(x in small for x in MOMENTS) else SAME
                values.setdefault(str(name), []).append((kind, round(number, digits) + 0.0))
    notes, warnings = [], []
    for name, found in values.items():
        counts = Counter(value for _, value in found)
        if len(counts) == 1:
            continue
        words = ", ".join(f"{value:g} in {n}" for value, n in counts.most_common(NAMED))
        if len(counts) > NAMED:
            words = f"from {min(counts):g} to {max(counts):g}"
        several = len(set(found)) > len({kind for kind, _ in found})
        which = "frames of one composition" if several else "compositions"
        (warnings if several else notes).append(
            f"{name} differs among {which} ({words}), and models are not told of it"
            + (": train on frames of one value" if several else "")
        )
    return notes, warnings
