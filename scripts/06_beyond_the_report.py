"""Past the report: forces as gradients of energy models, trained with E and F."""

from reproduction import cli
from reproduction.experiments import EXPERIMENTS

OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task == "gradient"]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
