"""Section 6: the graph network of Eq. 10 and 11, and a graph network on distances."""

from reproduction import cli

SECTIONS = ("s6_graph",)


def main(argv):
    return cli.run_sections(__doc__, SECTIONS, argv)


if __name__ == "__main__":
    cli.run_script(main)
