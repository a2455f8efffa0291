"""Beyond the report: tables of speed, as measured by ``make benchmark`` instead of in rows."""

import json

from reproduction.show.tables import Evidence, Table

NOT_MEASURED = "`make benchmark` has not been run yet."


def benchmark(evidence: Evidence, name: str) -> dict:
    """What a benchmark wrote into the results; empty if it has not been run."""
    path = evidence.folder / name if evidence.folder else None
    return json.loads(path.read_text()) if path and path.is_file() else {}


def speed(evidence: Evidence) -> Table:
    """Table of an epoch of Eq. 2 in several implementations, from scripts/benchmark.py."""
    found = benchmark(evidence, "benchmark.json")
    times = found.get("eq2_ms_an_epoch", {})
    slowest = next(iter(times.values()), 0.0)
    note = NOT_MEASURED
    if times:
        note = f"Measured in one run on {found['cores']} cores of {found['processor']}."
    return Table(
        "speed",
        "An epoch of Eq. 2 (2,000 frames, batches of 32)",
        ("how", "ms a seed", "times as fast"),
        tuple((name, f"{ms:.1f}", f"{slowest / ms:.1f}") for name, ms in times.items()),
        note,
    )


def calls(evidence: Evidence) -> dict[str, float]:
    """Milliseconds of a call on Au6, from scripts/benchmark.py: {calculator: ms}."""
    return benchmark(evidence, "benchmark.json").get("calculator_ms_a_call", {})


def latency(evidence: Evidence) -> Table:
    """Table of calculators on Au6, from scripts/benchmark.py."""
    times = calls(evidence)
    note = "Energy and forces at new positions each time, the same run as above."
    rows = tuple((name, f"{ms:.3f}") for name, ms in times.items())
    return Table("latency", "A call of an ASE calculator on Au6", ("calculator", "ms"), rows, note)


def behler_speed(evidence: Evidence) -> Table:
    """Table of a pass over the data by Amp and its twin, from scripts/benchmark_behler.py."""
    found = benchmark(evidence, "benchmark-behler.json")
    rows = []
    for row, one in found.get("passes", {}).items():
        kind = "E and F" if one["forces"] else "E"
        ratio = one["amp_ms"] / one["twin_ms"]
        rows.append(
            (
                f"{row}, {one['frames']:,} frames, {kind}",
                f"{one['amp_ms']:.1f}",
                f"{one['twin_ms']:.1f}",
                f"{ratio:.1f}",
                f"{one['twin_preparation_s']:.0f}",
            )
        )
    note = NOT_MEASURED
    if rows:
        over = found["hand_over_ms_a_frame"]
        parts = ", ".join(f"{ms:.1f} ms a frame with {name}" for name, ms in over.items())
        note = (
            f"Loss and gradient over the training part, one thread of {found['processor']}, "
            f"Amp with its {'Fortran module' if found['amp'] == 'fortran' else 'Python code'}. "
            f"Amp's hand-over of the derivatives before its first step on forces: {parts}."
        )
    columns = ("row", "Amp, ms", "twin, ms", "times as fast", "twin's fingerprints, s, once")
    title = "A pass over the data: Amp and its Keras twin"
    return Table("behler-speed", title, columns, tuple(rows), note)


ROWS = ()
TABLES = (speed, latency, behler_speed)
CLAIMS = ()
