"""Past the report: forces as gradients of energy models, trained with E and F."""

from reproduction import cli
from reproduction.experiments import EXPERIMENTS

OWN = [name for name, experiment in EXPERIMENTS.items() if experiment.task == "gradient"]


def main(argv):
    p = cli.parser(__doc__)
    cli.add_run_arguments(p)
    outcome = cli.run_experiments(p.parse_args(argv), OWN)
    return cli.EXIT_FAILED if outcome.failed else 0


if __name__ == "__main__":
    cli.run_script(main)
