"""Section 5, Table 5: Eq. 6 to 9, forces learned directly."""

from reproduction import cli
from reproduction.sections.registry import EXPERIMENTS

OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task == "force"]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
