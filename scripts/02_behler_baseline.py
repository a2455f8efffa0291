"""Section 3, Tables 1 to 3: the Behler-Parrinello model by Amp."""

from reproduction import cli
from reproduction.experiments import EXPERIMENTS

OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task in ("amp", "behler")]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
