"""Section 4, Table 4 and appendices A and B: manybody expansion models of E(X), Eq. 2 to 5."""

from reproduction import cli
from reproduction.sections.registry import EXPERIMENTS

TASKS = ("energy", "pair-floor", "neighbours")
OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task in TASKS]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
