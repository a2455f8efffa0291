"""Beyond the report: forces as gradients of energy models, their applications, trajectories."""

from reproduction import cli

SECTIONS = (
    "beyond_gradient",
    "beyond_frames",
    "beyond_applications",
    "beyond_systems",
    "s4_learned",
    "s2_data",
    "beyond_trajectories",
    "s2_starts",
)


def main(argv):
    return cli.run_sections(__doc__, SECTIONS, argv)


if __name__ == "__main__":
    cli.run_script(main)
