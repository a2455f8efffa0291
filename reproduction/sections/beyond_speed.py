"""Beyond the report: tables of speed, as measured by ``make benchmark`` instead of in rows."""

import json

from reproduction.show.tables import Evidence, Table

NOT_MEASURED = "`make benchmark ARGS=--keep` has not been run yet."
# Epochs of Eq. 2 that scripts/benchmark.py measures a second time, among the other models.
TWICE = {
    "compiled epoch, unique pairs": "ms_an_epoch_1_lane",
    "compiled epoch, unique pairs, 5 seeds side by side": "ms_an_epoch_5_lanes",
}


def benchmark(evidence: Evidence, name: str) -> dict:
    """What a benchmark wrote into the results; empty if it has not been run."""
    path = evidence.folder / name if evidence.folder else None
    return json.loads(path.read_text()) if path and path.is_file() else {}


def measured_at(found: dict) -> str:
    """When a benchmark was run, and on which commit; empty for those that do not say."""
    if "provenance" not in found:
        return ""
    changed = ", with uncommitted changes" * bool(found["provenance"]["uncommitted_changes"])
    return f" Measured on {found['date']} at commit {found['provenance']['commit'][:7]}{changed}."


def speed(evidence: Evidence) -> Table:
    """Table of an epoch of Eq. 2 in several implementations, from scripts/benchmark.py."""
    found = benchmark(evidence, "benchmark.json")
    times = found.get("eq2_ms_an_epoch", {})
    slowest = next(iter(times.values()), 0.0)
    note = NOT_MEASURED
    if times:
        note = (
            f"Measured in one run on {found['cores']} cores of {found['processor']}, without a "
            f"GPU: the fastest of five epochs after a first one.{_twice(found)}{measured_at(found)}"
        )
    return Table(
        "speed",
        "An epoch of Eq. 2 (2,000 frames, batches of 32)",
        ("how", "ms a seed", "times as fast"),
        tuple((name, f"{ms:.1f}", f"{slowest / ms:.1f}") for name, ms in times.items()),
        note,
    )


def _twice(found: dict) -> str:
    """What the run says of its own noise: two epochs that it measured at two times."""
    again = found.get("models", {}).get("eq2", {})
    pairs = [
        f"{found['eq2_ms_an_epoch'][how]:.1f} and {again[name]:.1f} ms"
        for how, name in TWICE.items()
        if how in found["eq2_ms_an_epoch"] and name in again
    ]
    if not pairs:
        return ""
    return f" How far to trust a time: the last two were measured twice in it, {', '.join(pairs)}."


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
            "Loss and gradient over the training part, the mean of many in a row on one thread of "
            f"{found['processor']}, Amp with its "
            f"{'Fortran module' if found['amp'] == 'fortran' else 'Python code'}. "
            f"Amp's hand-over of the derivatives before its first step on forces: {parts}."
            f"{measured_at(found)}"
        )
    columns = ("row", "Amp, ms", "twin, ms", "times as fast", "twin's fingerprints, s, once")
    title = "A pass over the data: Amp and its Keras twin"
    return Table("behler-speed", title, columns, tuple(rows), note)


ROWS = ()
TABLES = (speed, behler_speed)
CLAIMS = ()
