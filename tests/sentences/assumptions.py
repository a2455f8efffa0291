"""What ASSUMPTIONS.md says of results, beside what is assumed."""

import numpy as np

from reproduction.sections.names import EQ2, EQ5, MIDDLE, SMALL
from reproduction.sections.s3_behler import LINES2, LINES3, TWIN_OF
from reproduction.sections.s3_functions import older
from reproduction.sections.unprinted import SLAB
from reproduction.show.readings import closest
from reproduction.show.rules import Key
from sentences.behler import RANK_TWO
from sentences.energies import learned
from sentences.forces import CORRELATION, PRINTED7
from sentences.results import E, F, Results
from sentences.unprinted import told_by_amp

_TIMES = tuple(Key(CORRELATION, "", f"{of}_correlation_time") for of in ("energy", "distances"))


def _autocorrelation(r: Results, of: str) -> np.ndarray:
    """By frames apart, from 0."""
    found = r.curve(CORRELATION, f"covariance_{of}")[0]
    return found / found[0]


def _forgotten_after_20_frames(r: Results) -> bool:
    little = all(
        np.abs(_autocorrelation(r, of)[20:40]).max() < 0.1 for of in ("energy", "distances")
    )
    return little and all(r.mean(*key) < 0.5 for key in _TIMES)


def _orientation_until_80(r: Results) -> bool:
    return 60 <= int(np.argmax(_autocorrelation(r, "coordinates") < 0.1)) <= 100


def _spreads(r: Results, start: str, energy: float, force: float) -> bool:
    return (
        0.9 < r.spread_of_data(start) / energy < 1.1
        and 0.9 < r.spread_of_data(start, "force") / force < 1.1
    )


BOTH = ("train", "test")
PAGES = {
    "ASSUMPTIONS.md": {
        "the unrelaxed start releases about 2 eV": lambda r: (
            1.5 < r.energies("au6")[0] - r.energies("au6").min() < 2.5
        ),
        "so that the cluster is liquid-like, near 1,400 K.": lambda r: (
            1200 < r.temperature_K("au6", 300.0) < 1600
        ),
        "The slab's energies have a standard deviation of 0.10 eV and its forces one of 0.53 "
        "eV/Å": lambda r: _spreads(r, "pt8au2-20000-5000", 0.10, 0.53),
        "The report's test errors of up to 0.42 eV suggest that its slab moved more.": lambda r: (
            r.printed(E(LINES2[0])) > 2 * r.spread_of_data("pt8au2-200-50")
        ),
        "The training errors of the Keras twins are closer to the printed ones on the slab whose "
        "gold starts at 1.0 Å; those of Amp itself do not tell it from this one, and Tables 2 and "
        "3 stay.": lambda r: closest(r.evidence, SLAB) == "1.0 time" and not told_by_amp(r),
        'Rows of the "hot slab" are ours: the same slab with Au 1.8 Å above the upper layer, '
        "which adds 1.9 eV at the start": lambda r: (
            1.8 < r.energies("pt8au2-hot")[0] - r.energies("pt8au2")[0] < 2.0
        ),
        "in its first 500 frames E has a standard deviation of 0.35 eV": lambda r: (
            0.9 < r.energies("pt8au2-hot")[:500].std() / 0.35 < 1.1
        ),
        "and F one of 0.97 eV/Å.": lambda r: (
            0.9 < r.spread_of_data("pt8au2-hot-2000-500", "force") / 0.97 < 1.1
        ),
        "Table 2's training errors of 0.0001 and 0.007 eV lie below that criterion": lambda r: (
            r.printed(E(LINES2[0], "train")) == 0.0001
            and r.printed(E(LINES2[2], "train")) == 0.007
            and r.mean(*E(LINES2[1], "train")) > 0.007
        ),
        "Both are kept as rows; the printed training errors of Table 1 are nearer to the newer "
        "set's, which the rows of Tables 1 to 3 use.": lambda r: all(
            r.as_printed(E(row, "train"))
            and r.mean(*E(older(TWIN_OF[row]), "train")) < r.printed(E(row, "train")) / 2
            for row in (SMALL, MIDDLE)
        ),
        "It rounds differently, and so ends elsewhere (row "
        '"BFGS with another rounding").': lambda r: (
            all("gave up" in how for how in r.ended(SMALL))
            and not 0.95 < r.values(E(RANK_TWO))[0] / r.values(E(SMALL))[0] < 1.05
        ),
        "The two agree to 1e-6 eV/Å, or the run fails.": lambda r: all(
            r.spread(Key(row, "", "twin_force_difference")).highest < 1e-6
            for row in (SMALL, *LINES2, *LINES3)
        ),
        "with tanh instead of ReLU they do not (readings).": lambda r: all(
            r.mean(*E(f"beyond/{row.split('/')[1]}-tanh", split)) > 5 * r.printed(E(row, split))
            for row in (EQ2, EQ5)
            for split in BOTH
        ),
        "With these, Table 4's numbers for Eq. 2 and 5 come out": lambda r: all(
            r.as_printed(E(row, split)) for row in (EQ2, EQ5) for split in ("train", "test")
        ),
        "After 20 frames, 1 ps, little is left of the autocorrelations of E and of the sorted "
        "distances (their integrated correlation times are a fraction of that).": (
            _forgotten_after_20_frames
        ),
        "Orientation is remembered for some 80 frames": _orientation_until_80,
        "Eq. 7 as printed sums over i and gives every atom the same force: it cannot learn (kept "
        "as a row).": lambda r: (
            0.95 < r.mean(*F(PRINTED7)) / r.spread_of_data("au6-2000-500", "force") < 1.05
        ),
        "(EMT's f and h are proportional within 0.1 %)": lambda r: (
            r.mean(*learned("emt", "components_999")) == 1
        ),
        "Uncertainty: 20 ps of EMT dynamics from the octahedron, started at 300 to 1,500 K. The "
        "octahedron itself releases some 2 eV": lambda r: (
            1.5 < r.energies("au6")[0] - r.energies("au6").min() < 2.5
        ),
    }
}
