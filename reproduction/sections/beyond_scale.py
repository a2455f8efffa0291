"""Beyond the report: tables of large crystals and calls, as measured by ``make benchmark``."""

from reproduction.sections.beyond_speed import NOT_MEASURED, benchmark
from reproduction.show.evidence import Evidence
from reproduction.show.tables import Table

FILE = "benchmark-scale.json"


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
            "memory this is, TensorFlow's own included. Crystals at 0 K's density with atoms "
            "displaced by 0.1 Å; the model has its first weights, as the time does not depend on "
            "them. Each call is at new positions. With the list: it is made anew for the call, "
            "instead of once in many steps of dynamics. asap3 is written in C++; ASE's EMT is only "
            "asked for the smaller crystals."
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
    """Table of what a call costs beside its compiled function, from the same script."""
    rows = []
    for name, one in benchmark(evidence, FILE).get("small", {}).items():
        steps = one.get("atom_steps_a_second")
        rows.append(
            (
                name,
                f"{one['ms']:.3f}",
                f"{one['compiled_ms']:.3f}",
                f"{one['ms'] / one['compiled_ms']:.1f}",
                f"{steps:,.0f}" if steps else "",
            )
        )
    note = "The same run. The compiled function is called from Python, too. NVE at 300 K."
    columns = ("calculator", "ms a call", "compiled function, ms", "ratio", "NVE, atom-steps/s")
    title = "A call of the calculator beside its compiled function"
    return Table("small-calls", title, columns, tuple(rows), note if rows else NOT_MEASURED)


ROWS = ()
TABLES = (scale, small)
CLAIMS = ()
