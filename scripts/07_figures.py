"""Draw all figures from stored results; nothing is trained."""

from figures import (
    figure1_data,
    figure2_fingerprints,
    figure3_behler_parity,
    figure4_energy_rmse,
    figure5_correlation,
    force_rmse,
    functions,
    learned,
    learning_curves,
    nve,
    parity,
    style,
    unprinted,
)
from reproduction import cli

DRAW = (
    figure1_data.draw,
    figure2_fingerprints.draw,
    figure3_behler_parity.draw,
    figure4_energy_rmse.draw,
    figure5_correlation.draw,
    parity.draw,
    learning_curves.draw,
    force_rmse.draw,
    learned.draw,
    nve.draw,
    functions.draw,
    unprinted.draw,
)


def main(argv):
    arguments = cli.parser(__doc__).parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    with cli.alone(space.results):
        _, _, notes = cli.gather_results(space, out)
        if space.is_quick:
            style.mark(cli.QUICK_NOTE)
        for draw in DRAW:
            paths = draw(space.results)
            name = draw.__module__.split(".")[-1]
            out.print(space.label(f"{name}: {', '.join(map(str, paths)) or 'not run yet'}"))
    for note in notes:
        out.print(note, markup=False)
    return 0


if __name__ == "__main__":
    cli.run_script(main)
