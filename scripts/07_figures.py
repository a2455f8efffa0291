"""Figures from the stored results; nothing is trained."""

from figures import learned, nve
from reproduction import cli

DRAW = (nve.draw, learned.draw)


def main(argv):
    arguments = cli.parser(__doc__).parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    cli.gather_results(space, out)
    for draw in DRAW:
        paths = draw(space.results)
        name = draw.__module__.split(".")[-1]
        out.print(space.label(f"{name}: {', '.join(map(str, paths)) or 'not run yet'}"))
    return 0


if __name__ == "__main__":
    cli.run_script(main)
