"""python -m checks.choices: repeats the choice of weight decay on Au12, into weight_decay.csv here.

Takes hours on two cores; stopped, it resumes. Runs and data go to runs/choices.
"""

import argparse
import csv
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from checks.audit.rerun import Lines
from data_gen.dataset import Dataset, save
from data_gen.files import replacing
from data_gen.sources import make
from reproduction import cli
from reproduction.engine.experiment import THREE_SEEDS, DataSource, Experiment
from reproduction.engine.provenance import ROOT
from reproduction.engine.schedule import plan, run
from reproduction.engine.store import Store
from reproduction.sections import EXPERIMENTS
from reproduction.show.gather import errors_of

NUMBERS = Path(__file__).with_name("weight_decay.csv")
ROWS = ("beyond/au12-rounds-3", "beyond/au12-rounds-2", "beyond/au12-order-3")
WEIGHT_DECAYS = (0.0, 0.1)
SPLIT = (2200, 600)  # of the training frames, in their order
COLUMNS = ("row", "weight_decay", "seed", "energy_rmse_meV_atom", "force_rmse_meV_A")


def trial(row: Experiment, weight_decay: float) -> Experiment:
    """A row with another weight decay, whose test part is of its training frames."""
    return replace(
        row,
        id=f"choices/{row.id.partition('/')[2]}-{weight_decay:g}",
        data=DataSource(f"{row.dataset}-training", row.data.origin),
        training=replace(row.training, weight_decay=weight_decay),
        split=SPLIT,
        partition="time",
        seeds=THREE_SEEDS,
    )


def training_frames(row: Experiment) -> Dataset:
    """Those of a row with a single fold."""
    data = make(row.data.origin)
    ((train, _),) = row.folds(data)
    return replace(train, metadata=data.metadata)


def lines(
    trials: Iterable[tuple[str, Experiment]], store: Store, data: Dataset
) -> list[tuple[str, ...]]:
    """Lines of :data:`COLUMNS`, of runs that are done."""
    found = []
    for row, one in trials:
        for seed in one.seeds:
            if done := store.fits(one, seed, data.checksum()):
                all_errors = errors_of(one, done, store.arrays(one.id, seed), data)
                rmse = {(e["split"], e["metric"]): e["value"] for e in all_errors}
                energy = rmse["test", "energy_rmse"] / len(data.numbers)
                errors = (f"{1000 * e:.3f}" for e in (energy, rmse["test", "force_rmse"]))
                found.append((row, f"{one.training.weight_decay:g}", str(seed), *errors))
    return found


def main() -> int:
    """Do the missing runs, then write the CSV; if one fails, the exit status is 1 and it stays."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--workers", type=int, default=cli.cores(), metavar="N", help="processes")
    workers = p.parse_args().workers
    trials = [(name, trial(EXPERIMENTS[name], w)) for name in ROWS for w in WEIGHT_DECAYS]
    folder, data = ROOT / "runs/choices", training_frames(EXPERIMENTS[ROWS[0]])
    with cli.alone(folder):
        source = trials[0][1].data
        save(data, folder / "data" / f"{source.name}.traj")
        store = Store(folder)
        work, outcome = plan(
            [one for _, one in trials], store, {source.name: data.checksum()}, of_today=True
        )
        run(work, outcome, store, folder / "data", workers, Lines(len(work), print))
        found = lines(trials, store, data)
    for name, why in outcome.failed.items():
        print(f"{name} failed: {why}", file=sys.stderr)
    if outcome.failed:
        return 1
    with replacing(NUMBERS) as scratch, open(scratch, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *found])
    return 0


if __name__ == "__main__":
    sys.exit(main())
