"""Past the report: forces as gradients of energy models, their uses, correlation of samples."""

from reproduction import cli
from reproduction.sections.registry import EXPERIMENTS

OWN = [
    name
    for name, e in EXPERIMENTS.items()
    if e.task in ("gradient", "correlation") or e.uses or e.table in ("learned", "inner")
]


def main(argv):
    return cli.run_own_experiments(__doc__, OWN, argv)


if __name__ == "__main__":
    cli.run_script(main)
