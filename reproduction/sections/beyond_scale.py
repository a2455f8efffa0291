"""Beyond the report: tables of large crystals and calls, as measured by ``make benchmark``."""

from reproduction.sections.beyond_speed import NOT_MEASURED, benchmark, measured_at
from reproduction.show.evidence import Evidence
from reproduction.show.tables import Table

FILE = "benchmark-scale.json"
# The calculator that dynamics are timed with, and that other packages' are held against.
EQ2 = "Eq. 2 on Au6"


def call_ms(evidence: Evidence) -> float | None:
    """Milliseconds of a call of Eq. 2's calculator; None if it was not measured."""
    return benchmark(evidence, FILE).get("small", {}).get(EQ2, {}).get("ms")


def scale(evidence: Evidence) -> Table:
    """Table of energy and forces of gold crystals by size, from scripts/benchmark_scale.py."""
    found, rows = benchmark(evidence, FILE), []
    for subject, crystals in found.get("crystals", {}).items():
        for one in crystals:
            anew = one.get("ms_with_list")
            rows.append(
                (
                    f"linear Eq. 4, {subject}" if "round" in subject else subject,
                    f"{one['atoms']:,}",
                    f"{one['ms']:,.1f}",
                    f"{1000 * one['atoms'] / one['ms']:,.0f}",
                    f"{anew:,.1f}" if anew else "",
                    f"{1000 * one['atoms'] / anew:,.0f}" if anew else "",
                    f"{one['peak_mb']:,.0f}",
                )
            )
    note = NOT_MEASURED
    if rows:
        note = (
            f"One core of {found['processor']}, each model in a process of its own, whose peak "
            "memory this is, TensorFlow's own included. Crystals at 0 K's density with coordinates "
            "displaced at random (standard deviation 0.1 Å); the model has its initial weights, as "
            "the time does not depend on them. Each call is at new positions, and of a few calls "
            "the fastest counts. With the list: the neighbour list is made anew for the call, "
            "instead of once in many steps of dynamics. asap3 is written in C++; ASE's EMT is only "
            "timed on the smaller crystals."
            f"{measured_at(found)}"
        )
    columns = (
        "model",
        "atoms",
        "ms a call",
        "atoms/s",
        "with the list, ms",
        "with the list, atoms/s",
        "memory, MB",
    )
    return Table("scale", "Energy and forces of gold crystals", columns, tuple(rows), note)


def small(evidence: Evidence) -> Table:
    """Table of calls on clusters, beside the compiled function in them, from the same script."""
    found, rows = benchmark(evidence, FILE), []
    for name, one in found.get("small", {}).items():
        inside, steps = one.get("compiled_ms"), one.get("atom_steps_a_second")
        rows.append(
            (
                name,
                f"{one['ms']:.3f}",
                f"{inside:.3f}" if inside else "",
                f"{one['ms'] / inside:.1f}" if inside else "",
                f"{steps:,.0f}" if steps else "",
            )
        )
    note = NOT_MEASURED
    if rows:
        note = (
            f"Energy and forces at new positions each time, on one core of {found['processor']}, "
            f"without a GPU.{_series(found['small'])} The compiled function is called from Python, "
            f"too. NVE at 300 K.{measured_at(found)}"
        )
    columns = ("calculator", "ms a call", "compiled function, ms", "ratio", "NVE, atom-steps/s")
    title = "A call of an ASE calculator on a cluster"
    return Table("small-calls", title, columns, tuple(rows), note)


def _series(small: dict) -> str:
    """How the calls were repeated, and how far that lets their times differ."""
    known = [one["ms_of_series"] for one in small.values() if "ms_of_series" in one]
    if not known:
        return ""
    off = max(max(series) / min(series) - 1 for series in known)
    return (
        f" A time is the median over {len(known[0])} series of calls of each series' median; these "
        f"differ by up to {100 * off:.0f} %."
    )


ROWS = ()
TABLES = (scale, small)
CLAIMS = ()
