"""Section 4, Table 4 and appendices A and B: manybody expansion models of E(X), Eq. 2 to 5."""

from reproduction import cli

SECTIONS = ("s4_energy", "s4_readings", "appendix_a", "appendix_b")


def main(argv):
    return cli.run_sections(__doc__, SECTIONS, argv)


if __name__ == "__main__":
    cli.run_script(main)
