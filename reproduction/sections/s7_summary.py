"""Section 7 and Figure 4: the report's conclusions, which have no rows of their own."""

from reproduction.sections.names import EQ2, EQ3, EQ4, EQ4_LONGER, EQ5, GRAPH, MIDDLE
from reproduction.show.checks import Lower
from reproduction.show.claims import Claim
from reproduction.show.limits import AtMost
from reproduction.show.rules import TOLERANCE, energy

ROWS = ()
TABLES = ()
CLAIMS = (
    Claim(
        38,
        "figure4/reference on Au50",
        "7, Figure 4",
        "the RMSE of the Behler model on a DFT Au50 dataset is included for reference",
        "The value is printed nowhere in the report's text, and neither are its data.",
    ),
    Claim(
        39,
        "section7/Eq. 4 is best",
        "7",
        "the manybody expansion model, and in particular Eq. 4, ... has the best performance",
        "Eq. 4's test error is lower than that of (10,10,10), of section 6's network, and of Eq. "
        f"2, 3 and 5. Shown to be equal within a factor of {TOLERANCE:g} counts as not lower.",
        "best allows for ties",
        tuple(Lower(energy(EQ4), energy(row)) for row in (MIDDLE, GRAPH, EQ2, EQ3, EQ5)),
        "Not told apart counted as not lower; now it must be shown.",
    ),
    Claim(
        40,
        "section7/below 0.01 eV",
        "7",
        "RMSE<0.01eV",
        "Eq. 4's mean test error is below 0.01 eV at the report's epochs, and trained longer.",
        "the report's number were its best seed or epoch, and not a mean",
        (AtMost(energy(EQ4), 0.01), AtMost(energy(EQ4_LONGER), 0.01)),
    ),
)
