"""Ids of all experiments, or of those that match: python -m reproduction.sections 'table4/*'."""

import argparse

from reproduction import cli
from reproduction.sections import EXPERIMENTS, select


def main(argv: list[str]) -> int:
    """Print each id with its label, its data and its seeds; returns the exit status."""
    p = argparse.ArgumentParser(prog="python -m reproduction.sections", description=__doc__)
    p.add_argument("patterns", nargs="*", metavar="ID", help="such as 'table4/*' (default: all)")
    for name in select(p.parse_args(argv).patterns or EXPERIMENTS):
        row = EXPERIMENTS[name]
        print(f"{name}: {row.label}; {row.dataset}; seeds {' '.join(map(str, row.seeds))}")
    return 0


if __name__ == "__main__":
    cli.run_script(main)
