"""Past the report: forces as gradients of energy models, their uses, correlation of samples."""

from reproduction import cli
from reproduction.experiments import EXPERIMENTS

TASKS = ("gradient", "correlation")
OWN = [name for name, e in EXPERIMENTS.items() if e.task in TASKS or e.uses]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
