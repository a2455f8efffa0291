"""Runner of this project's own rows on Au12, measured as the packages beside them are.

Runs in .venv. `--passes` is the number of rounds of sums, which says which row. Seed 0 is trained
by the row's recipe, so that its errors are those in results/metrics.csv.
"""

import sys

import peer

# In reproduction/sections/beyond_systems.py; export.py has written these frames.
ROWS = {1: "beyond/au12-order-3", 3: "beyond/au12-rounds-3"}


def row(rounds):
    """The row of the registry with a number of rounds."""
    from reproduction.sections import EXPERIMENTS

    return EXPERIMENTS[ROWS[rounds]]


def train(data, folder, rounds):
    """Run seed 0 of the row as `make reproduce` does, into the scratch folder."""
    from data_gen.sources import make
    from reproduction.engine.run_one import Work, do
    from reproduction.engine.store import Store

    one = row(rounds)
    frames = make(one.data.origin)
    ((_, test),) = one.folds(frames)
    exported = [frame.get_potential_energy() for frame in data.frames("test")]
    if frames.checksum() != data.about["trajectory_sha256"] or exported != test.energies.tolist():
        sys.exit("error: the row's frames are not those that export.py has written")
    work = Work(one, (peer.SEED,))
    if failures := do(work, frames, Store(folder), lambda done, text: None):
        sys.exit(f"error: {failures[peer.SEED]}")


def calculator(folder):
    """Our ASE calculator for the trained model."""
    from keras_models.calculator import KerasCalculator

    (model,) = folder.glob(f"beyond/*/seed{peer.SEED}/*.keras")
    return KerasCalculator(model)


if __name__ == "__main__":
    peer.main(
        peer.Peer(
            package="neural-network-potentials",
            model="Eq. 4 in linear time, order 3",
            beside=("tensorflow", "keras"),
            passes="rounds",
            settings=lambda _: {"row by rounds": ROWS},
            train=train,
            calculator=calculator,
        )
    )
