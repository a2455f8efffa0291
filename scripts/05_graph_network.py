"""Section 6: the graph network of Eq. 10 and 11, and one on distances."""

from reproduction import cli
from reproduction.sections.registry import EXPERIMENTS

OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task == "graph"]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
