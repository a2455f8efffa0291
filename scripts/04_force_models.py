"""Section 5, Table 5: Eq. 6 to 9, which learn forces directly."""

from reproduction import cli

SECTIONS = ("s5_forces", "s5_readings")


def main(argv):
    return cli.run_sections(__doc__, SECTIONS, argv)


if __name__ == "__main__":
    cli.run_script(main)
