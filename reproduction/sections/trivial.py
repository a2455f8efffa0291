"""Trivial baselines for every table of errors.

A model that does not beat the training part's mean energy, or zero forces, has learned nothing,
whatever its error; by :mod:`reproduction.show.checks` it cannot reproduce a number that does.
"""

from reproduction.engine.experiment import Experiment


def baseline(table: str, row: Experiment, name: str, label: str) -> Experiment:
    """The baseline for the frames that a row is trained and tested on."""
    return Experiment(
        f"beyond/trivial-{name}",
        table,
        label,
        "trivial",
        row.data,
        frames=row.frames,
        split=row.split,
        partition=row.partition,
        seeds=(0,),
        deterministic=True,
        assumed=("data",),
        quick=table in ("table4", "appendix-a", "au12") or (table == "slab" and row.quick),
        quick_split=row.quick_split,
    )


def with_trivial(*rows: Experiment) -> tuple[Experiment, ...]:
    """Insert a baseline for each choice of frames before the first row trained on them."""
    found: list[Experiment] = []
    known: set = set()
    for row in rows:
        key = (row.table, row.frames_key)
        if key not in known and row.training:
            known.add(key)
            same = [r for r in rows if r.table == row.table and r.training]
            sizes = {(r.frames, r.split) for r in same}
            name, label = [row.table], "Mean of training E, zero F"
            if row.data != same[0].data:
                name.append(row.dataset)
                label += f", {row.dataset}"
            if len(sizes) > 1:
                name.append(str(row.split[0]))
                label += f", {row.split[0]:,} training frames"
            if len({r.partition for r in same}) > 1:
                name.append(row.partition.replace(" ", "-"))
                label += f", {row.partition}"
            found.append(baseline(row.table, row, "-".join(name), label))
        found.append(row)
    return tuple(found)
