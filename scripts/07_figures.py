"""Figures from the stored results; nothing is trained."""

from figures import (
    behler_parity,
    correlation,
    data,
    energy_rmse,
    fingerprints,
    force_rmse,
    learned,
    learning_curves,
    nve,
    parity,
    style,
)
from reproduction import cli

DRAW = (
    data.draw,  # Figure 1
    fingerprints.draw,  # Figure 2
    behler_parity.draw,  # Figure 3
    energy_rmse.draw,  # Figure 4
    correlation.draw,  # Figure 5
    parity.draw,
    learning_curves.draw,
    force_rmse.draw,
    learned.draw,
    nve.draw,
)


def main(argv):
    arguments = cli.parser(__doc__).parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    cli.gather_results(space, out)
    if space.is_quick:
        style.mark(cli.QUICK_NOTE)
    for draw in DRAW:
        paths = draw(space.results)
        name = draw.__module__.split(".")[-1]
        out.print(space.label(f"{name}: {', '.join(map(str, paths)) or 'not run yet'}"))
    return 0


if __name__ == "__main__":
    cli.run_script(main)
